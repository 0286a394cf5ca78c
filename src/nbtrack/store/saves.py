"""SQL of the notebook's history: the snapshots of runs, and the files that were saved between them."""

from __future__ import annotations

from typing import Any, Final

import apsw

from nbtrack.entities.records import NotebookSaved
from nbtrack.store.executions import SnapshotRecord

HISTORY: Final = """
ALTER TABLE snapshots ADD COLUMN saved INTEGER;  -- when the file was saved (ns); NULL: not known
CREATE TABLE saves (                    -- the notebook's file between runs
    id TEXT PRIMARY KEY, process TEXT NOT NULL, notebook TEXT NOT NULL, taken INTEGER NOT NULL, saved INTEGER NOT NULL,
    reason TEXT NOT NULL,               -- save, or end: the kernel's
    file TEXT                           -- its digest; NULL where the content was lost
) WITHOUT ROWID;
CREATE INDEX saves_of_notebook ON saves (notebook, taken);
CREATE INDEX snapshots_of_notebook ON snapshots (notebook, taken);
"""

_ALL = (
    "(SELECT snapshots.id, run_id AS run, process, notebook, taken, file, saved, 'run' AS reason FROM snapshots"
    " WHERE EXISTS (SELECT 1 FROM runs WHERE runs.id = run_id AND deleted IS NULL)"
    " UNION ALL SELECT id, NULL, process, notebook, taken, file, saved, reason FROM saves)"
)


class Saves:
    """What a store has of the history of notebooks."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def add(self, record: NotebookSaved, file: str) -> None:
        """Add a file that was saved; `file` is its digest. What the last entry of the notebook holds already is passed over.

        The end of a kernel is an entry of its own where something was executed since.
        """
        last = next(
            self._connection.execute(
                f"SELECT file, taken FROM {_ALL} WHERE notebook = ? AND taken <= ? ORDER BY taken DESC, id DESC LIMIT 1",
                (record.notebook, record.time),
            ),
            None,
        )
        if (
            last is not None
            and last[0] == file
            and (record.reason == "save" or not self._executed(record, last[1]))
        ):
            return
        self._connection.execute(
            "INSERT OR IGNORE INTO saves (id, process, notebook, taken, saved, reason, file) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                record.snapshot,
                record.process,
                record.notebook,
                record.time,
                record.saved,
                record.reason,
                file,
            ),
        )

    def _executed(self, record: NotebookSaved, since: int) -> bool:
        """Whether the process executed a cell since a moment."""
        found = self._connection.execute(
            "SELECT 1 FROM executions WHERE process = ? AND started > ? AND started <= ? LIMIT 1",
            (record.process, since, record.time),
        )
        return next(found, None) is not None

    def find(self, prefix: str) -> list[SnapshotRecord]:
        """The snapshots whose ids begin with `prefix`, two at most."""
        rows: list[Any] = self._connection.execute(
            f"SELECT * FROM {_ALL} WHERE substr(id, 1, length(?1)) = ?1 ORDER BY id LIMIT 2", (prefix,)
        ).fetchall()
        return [SnapshotRecord(*row) for row in rows]

    def notebooks(self, name: str) -> list[str]:
        """The paths of notebooks with snapshots that are `name` or end with it, newest first."""
        rows: list[Any] = self._connection.execute(
            f"SELECT notebook FROM {_ALL} WHERE notebook = ?1 OR substr(notebook, -length(?1) - 1) = '/' || ?1"
            " GROUP BY notebook ORDER BY max(taken) DESC",
            (name,),
        ).fetchall()
        return [notebook for (notebook,) in rows]

    def newest(self) -> tuple[str | None, str] | None:
        """Notebook and process of the newest snapshot of all."""
        row: Any = next(
            self._connection.execute(
                f"SELECT notebook, process FROM {_ALL} ORDER BY taken DESC, id DESC LIMIT 1"
            ),
            None,
        )
        return (row[0], row[1]) if row else None

    def listed(
        self, notebook: str | None, process: str | None, limit: int
    ) -> tuple[int, list[SnapshotRecord]]:
        """How many snapshots a notebook has (without one: a process), and the newest of them, newest first."""
        where, value = ("notebook = ?1", notebook) if notebook is not None else ("process = ?1", process)
        (count,) = next(self._connection.execute(f"SELECT count(*) FROM {_ALL} WHERE {where}", (value,)))
        rows: list[Any] = self._connection.execute(
            f"SELECT * FROM {_ALL} WHERE {where} ORDER BY taken DESC, id DESC LIMIT ?2", (value, limit)
        ).fetchall()
        return int(count), [SnapshotRecord(*row) for row in rows]
