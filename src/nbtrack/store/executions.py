"""SQL of cell executions and of the notebook's snapshots."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

import apsw

from nbtrack.entities.lineage import Trace
from nbtrack.entities.records import CellExecuted, CellTraced, SnapshotTaken
from nbtrack.entities.runs import CellExecution
from nbtrack.store.blobs import Blobs
from nbtrack.store.values import encodable, iso, load

TRACES: Final = """
CREATE TABLE traces (
    execution TEXT PRIMARY KEY REFERENCES executions ON DELETE CASCADE, content TEXT NOT NULL  -- JSON
) WITHOUT ROWID;
"""

_SURROGATE = re.compile("[\ud800-\udfff]")
_COLUMNS = "id, cell_id, execution_count, source, started, duration, outcome, traceback, run_id"


@dataclass(frozen=True, slots=True)
class SnapshotRecord:
    """What the store keeps of a snapshot; ``file`` is the digest of the saved notebook, ``run`` None between runs.

    ``saved`` is when the file was saved (ns), if that is known; ``reason`` is ``run``, ``save`` or ``end``.
    """

    id: str
    run: str | None
    process: str
    notebook: str | None
    taken: int
    file: str | None
    saved: int | None
    reason: str = "run"


class Executions:
    """The cell executions and snapshots of a store."""

    def __init__(self, connection: apsw.Connection, blobs: Blobs) -> None:
        self._connection = connection
        self._blobs = blobs

    def add(self, record: CellExecuted, outputs: list[dict[str, Any]]) -> None:
        """Add one execution; source and outputs are stored once, however often they repeat."""
        source = self._blobs.put(encodable(record.source).encode())
        stored = self._blobs.put(json.dumps(outputs, sort_keys=True).encode()) if outputs else None
        self._connection.execute(
            "INSERT OR IGNORE INTO executions (id, process, run_id, notebook, cell_id, execution_count, source, outputs,"
            " started, duration, outcome, traceback) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                record.execution,
                record.process,
                record.run,
                record.notebook,
                record.cell_id,
                record.execution_count,
            )
            + (source, stored, record.time, record.duration, record.outcome)
            + (None if record.traceback is None else encodable(record.traceback),),
        )

    def add_trace(self, record: CellTraced) -> None:
        """Add what an execution read and wrote; of one that is not here there is nothing to say."""
        content = json.dumps(record.trace, ensure_ascii=False, separators=(",", ":"))
        # The name of a file may hold what UTF-8 cannot: written as its escape, like all texts of a store.
        content = _SURROGATE.sub(lambda found: rf"\\u{ord(found[0]):x}", content)
        self._connection.execute(
            "INSERT OR IGNORE INTO traces (execution, content)"
            " SELECT ?1, ?2 WHERE EXISTS (SELECT 1 FROM executions WHERE id = ?1)",
            (record.execution, content),
        )

    def traces(self, process: str) -> list[tuple[CellExecution, Trace | None]]:
        """All executions of a process in their order, each with what it read and wrote; None where that is not known."""
        columns = ", ".join(f"executions.{column}" for column in _COLUMNS.split(", "))
        rows: list[Any] = self._connection.execute(
            f"SELECT {columns}, content FROM executions LEFT JOIN traces ON traces.execution = executions.id"
            " WHERE process = ? ORDER BY started, id",
            (process,),
        ).fetchall()
        return [
            (self._entity(row), None if content is None else Trace.from_plain(load(content)))
            for *row, content in rows
        ]

    def trace(self, execution: str) -> Trace | None:
        """What one execution read and wrote, if that is known."""
        row: Any = next(
            self._connection.execute("SELECT content FROM traces WHERE execution = ?", (execution,)), None
        )
        return Trace.from_plain(load(row[0])) if row else None

    def executable(self, execution: str) -> str | None:
        """The interpreter that an execution ran in."""
        row: Any = next(
            self._connection.execute(
                "SELECT executable FROM processes WHERE id = (SELECT process FROM executions WHERE id = ?)",
                (execution,),
            ),
            None,
        )
        return str(row[0]) if row else None

    def process_of(self, run: str) -> str | None:
        """The process that executed the last cell of a run."""
        return self._process("run_id = ? ORDER BY started DESC, id DESC", run)

    def last_process(self, notebook: str | None) -> str | None:
        """The process that executed a cell of a notebook (by its path, or the end of that) last; None: of any."""
        if notebook is None:
            return self._process("?1 IS NULL ORDER BY started DESC, id DESC", None)
        return self._process(
            "notebook IN (SELECT DISTINCT notebook FROM executions WHERE notebook = ?1"
            " OR substr(notebook, -length(?1) - 1) = '/' || ?1) ORDER BY started DESC, id DESC",
            notebook,
        )

    def _process(self, where: str, value: str | None) -> str | None:
        row: Any = next(
            self._connection.execute(f"SELECT process FROM executions WHERE {where} LIMIT 1", (value,)), None
        )
        return str(row[0]) if row else None

    def notebook_of(self, process: str) -> str | None:
        """The path of the notebook whose cells a process executed last, if it is known."""
        row: Any = next(
            self._connection.execute(
                "SELECT notebook FROM executions WHERE process = ? AND notebook IS NOT NULL"
                " ORDER BY started DESC LIMIT 1",
                (process,),
            ),
            None,
        )
        return str(row[0]) if row else None

    def saved_notebook(self, process: str) -> str | None:
        """The digest of the last file that the snapshots of a process have."""
        row: Any = next(
            self._connection.execute(
                "SELECT file FROM snapshots WHERE process = ? AND file IS NOT NULL ORDER BY taken DESC LIMIT 1",
                (process,),
            ),
            None,
        )
        return str(row[0]) if row else None

    def outputs(self, execution: str) -> list[dict[str, Any]]:
        """What an execution showed."""
        row: Any = next(
            self._connection.execute("SELECT outputs FROM executions WHERE id = ?", (execution,)), None
        )
        found: list[dict[str, Any]] = load(self._blobs.get(row[0]).decode()) if row and row[0] else []
        return found

    def of_run(self, run: str) -> list[CellExecution]:
        """The executions that belong to a run, in their order."""
        rows: list[Any] = self._connection.execute(
            f"SELECT {_COLUMNS}, (SELECT content ->> '$.peak_memory' FROM traces WHERE execution = executions.id)"
            " FROM executions WHERE run_id = ? ORDER BY started, id",
            (run,),
        ).fetchall()
        return [self._entity(row, memory) for *row, memory in rows]

    def source_digests(self, run: str) -> list[str]:
        """The digests of the sources that a run executed, in their order."""
        rows = self._connection.execute(
            "SELECT source FROM executions WHERE run_id = ? ORDER BY started, id", (run,)
        )
        return [digest for (digest,) in rows]

    def until(
        self, process: str, moment: int, since: int | None = None, run: str | None = None
    ) -> list[tuple[CellExecution, list[dict[str, Any]]]]:
        """The executions of a process that had begun at `moment` (ns), in their order, with their outputs.

        Parameters
        ----------
        since
            Only those that had not ended before this moment (ns), and those of `run`.
        """
        rows: list[Any] = self._connection.execute(
            f"SELECT {_COLUMNS}, outputs FROM executions WHERE process = ?1 AND started <= ?2"
            " AND (?3 IS NULL OR started + duration * 1e9 >= ?3 OR run_id = ?4) ORDER BY started, id",
            (process, moment, since, run),
        ).fetchall()
        return [
            (self._entity(row), load(self._blobs.get(outputs).decode()) if outputs else [])
            for *row, outputs in rows
        ]

    def ended_before(self, process: str, moment: int, limit: int) -> list[tuple[str | None, str]]:
        """Cell id and source of the last executions of a process that had ended at a moment (ns)."""
        rows: list[Any] = self._connection.execute(
            "SELECT cell_id, source FROM executions WHERE process = ? AND started + duration * 1e9 < ?"
            " ORDER BY started DESC LIMIT ?",
            (process, moment, limit),
        ).fetchall()
        return [(cell, self._blobs.get(source).decode()) for cell, source in rows]

    def count(self) -> int:
        """How many executions are remembered."""
        (count,) = next(self._connection.execute("SELECT count(*) FROM executions"))
        return int(count)

    def add_snapshot(self, record: SnapshotTaken, file: str | None) -> None:
        """Add a snapshot; `file` is the digest of the saved notebook."""
        self._connection.execute(
            "INSERT OR IGNORE INTO snapshots (id, run_id, process, notebook, taken, file, saved)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (record.snapshot, record.run, record.process, record.notebook, record.time, file, record.saved),
        )

    def snapshot_of(self, run: str) -> SnapshotRecord | None:
        """The last snapshot of a run."""
        row = next(
            self._connection.execute(
                "SELECT id, run_id, process, notebook, taken, file, saved FROM snapshots WHERE run_id = ?"
                " ORDER BY taken DESC LIMIT 1",
                (run,),
            ),
            None,
        )
        return SnapshotRecord(*row) if row else None

    def run_of_snapshot(self, snapshot: str) -> str | None:
        """The run that left a snapshot; None: it is one between runs."""
        row: Any = next(
            self._connection.execute("SELECT run_id FROM snapshots WHERE id = ?", (snapshot,)), None
        )
        return str(row[0]) if row else None

    def _entity(self, row: Any, peak_memory: int | None = None) -> CellExecution:
        identifier, cell_id, count, source, started, duration, outcome, traceback, run = row
        return CellExecution(
            id=identifier,
            cell_id=cell_id,
            execution_count=count,
            source=self._blobs.get(source).decode(),
            started=iso(started),
            duration=duration,
            outcome=outcome,
            traceback=traceback,
            run_id=run,
            peak_memory=peak_memory,
        )
