"""SQL of cell executions and of the notebook's snapshots."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import apsw

from nbtrack.entities.records import CellExecuted, SnapshotTaken
from nbtrack.entities.runs import CellExecution
from nbtrack.store.blobs import Blobs
from nbtrack.store.values import encodable, iso, load

_COLUMNS = "id, cell_id, execution_count, source, started, duration, outcome, traceback, run_id"


@dataclass(frozen=True, slots=True)
class SnapshotRecord:
    """What the store keeps of a snapshot; ``file`` is the digest of the saved notebook."""

    id: str
    run: str
    process: str
    notebook: str | None
    taken: int
    file: str | None


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

    def of_run(self, run: str) -> list[CellExecution]:
        """The executions that belong to a run, in their order."""
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM executions WHERE run_id = ? ORDER BY started, id", (run,)
        ).fetchall()
        return [self._entity(row) for row in rows]

    def source_digests(self, run: str) -> list[str]:
        """The digests of the sources that a run executed, in their order."""
        rows = self._connection.execute(
            "SELECT source FROM executions WHERE run_id = ? ORDER BY started, id", (run,)
        )
        return [digest for (digest,) in rows]

    def until(self, process: str, moment: int) -> list[tuple[CellExecution, list[dict[str, Any]]]]:
        """The executions of a process that had begun at `moment` (ns), in their order, with their outputs."""
        rows: list[Any] = self._connection.execute(
            f"SELECT {_COLUMNS}, outputs FROM executions WHERE process = ? AND started <= ? ORDER BY started, id",
            (process, moment),
        ).fetchall()
        return [
            (self._entity(row), load(self._blobs.get(outputs).decode()) if outputs else [])
            for *row, outputs in rows
        ]

    def count(self) -> int:
        """How many executions are remembered."""
        (count,) = next(self._connection.execute("SELECT count(*) FROM executions"))
        return int(count)

    def add_snapshot(self, record: SnapshotTaken, file: str | None) -> None:
        """Add a snapshot; `file` is the digest of the saved notebook."""
        self._connection.execute(
            "INSERT OR IGNORE INTO snapshots (id, run_id, process, notebook, taken, file) VALUES (?, ?, ?, ?, ?, ?)",
            (record.snapshot, record.run, record.process, record.notebook, record.time, file),
        )

    def snapshot_of(self, run: str) -> SnapshotRecord | None:
        """The last snapshot of a run."""
        row = next(
            self._connection.execute(
                "SELECT id, run_id, process, notebook, taken, file FROM snapshots WHERE run_id = ?"
                " ORDER BY taken DESC LIMIT 1",
                (run,),
            ),
            None,
        )
        return SnapshotRecord(*row) if row else None

    def _entity(self, row: Any) -> CellExecution:
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
        )
