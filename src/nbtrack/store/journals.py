"""The journals of a store: which there are and how far each has been read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw

from nbtrack.entities.processes import ProcessIdentity
from nbtrack.entities.records import ProcessStarted
from nbtrack.store.journal import SUFFIX


class Journals:
    """The folder of journals, and the table of what has been drained of them."""

    def __init__(self, folder: Path, connection: apsw.Connection) -> None:
        self.folder = folder
        self._connection = connection

    def path(self, name: str) -> Path:
        """The file of the journal `name`."""
        return self.folder / (name + SUFFIX)

    def names(self) -> list[str]:
        """All journals on disk, oldest first."""
        return sorted(path.name.removesuffix(SUFFIX) for path in self.folder.glob(f"*{SUFFIX}"))

    def position(self, name: str) -> int:
        """How far the journal has been drained."""
        row = next(self._connection.execute("SELECT position FROM journals WHERE name = ?", (name,)), None)
        return row[0] if row else 0

    def advance(self, name: str, position: int) -> None:
        """Record that the journal has been drained up to `position`, in the transaction of what was drained."""
        self._connection.execute(
            "INSERT INTO journals (name, position) VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET position = excluded.position",
            (name, position),
        )

    def add_problem(self, name: str) -> None:
        """Remember that a record of the journal could not be taken in."""
        self._connection.execute("UPDATE journals SET problems = problems + 1 WHERE name = ?", (name,))

    def problems(self) -> list[tuple[str, int]]:
        """The journals with records that could not be taken in, and how many."""
        found: list[Any] = self._connection.execute(
            "SELECT name, problems FROM journals WHERE problems > 0"
        ).fetchall()
        return found

    def waiting(self) -> int:
        """The bytes that are not drained yet."""
        total = 0
        for name in self.names():
            total += max(0, self.path(name).stat().st_size - self.position(name))
        return total

    def forget(self, name: str) -> None:
        """Remove a journal that is drained and whose writer is gone."""
        self.path(name).unlink(missing_ok=True)
        self._connection.execute("DELETE FROM journals WHERE name = ?", (name,))

    def add_process(self, journal: str, record: ProcessStarted) -> None:
        """Remember who writes `journal`."""
        self._connection.execute(
            "INSERT OR IGNORE INTO processes (id, pid, boot_id, start_time, pid_namespace, host, user, executable,"
            " nbtrack, started) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (record.process, record.pid, record.boot_id, record.start_time, record.pid_namespace, record.host)
            + (record.user, record.executable, record.nbtrack, record.time),
        )
        self._connection.execute("UPDATE journals SET process = ? WHERE name = ?", (record.process, journal))

    def end_process(self, process: str, time: int) -> None:
        """Remember that a process ended in order."""
        self._connection.execute("UPDATE processes SET ended = ? WHERE id = ?", (time, process))

    def open_processes(self) -> Iterator[tuple[str, str, ProcessIdentity]]:
        """Each process whose journal is on disk and that has not said that it ended: id, journal, identity."""
        rows: list[Any] = self._connection.execute(
            "SELECT processes.id, journals.name, pid, boot_id, start_time, pid_namespace, host"
            " FROM journals JOIN processes ON processes.id = journals.process WHERE ended IS NULL"
        ).fetchall()
        for process, journal, *identity in rows:
            yield process, journal, ProcessIdentity(*identity)

    def ended(self) -> list[str]:
        """The journals whose process has ended and of which every record was taken in."""
        rows = self._connection.execute(
            "SELECT name FROM journals JOIN processes ON processes.id = journals.process WHERE ended IS NOT NULL"
            " AND problems = 0"
        )
        return [name for (name,) in rows]
