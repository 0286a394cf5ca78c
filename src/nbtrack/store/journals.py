"""The journals of a store: which there are and how far each has been read. A journal's name is that of one of its files."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import apsw

from nbtrack.entities.processes import ProcessIdentity
from nbtrack.entities.records import ProcessStarted
from nbtrack.store import journal
from nbtrack.store.journal import SUFFIX, Part


class Journals:
    """The folder of journals, and the table of what has been drained of them."""

    def __init__(self, folder: Path, connection: apsw.Connection) -> None:
        self.folder = folder
        self._connection = connection

    def path(self, name: str) -> Path:
        """The file of the journal `name`."""
        return self.folder / (name + SUFFIX)

    def names(self) -> list[str]:
        """All files on disk, oldest process first, those of one process in their order."""
        with os.scandir(self.folder) as entries:
            found = [entry.name for entry in entries]
        return sorted(name.removesuffix(SUFFIX) for name in found if name.endswith(SUFFIX))

    def groups(self) -> list[list[str]]:
        """The files of each process, in their order."""
        return [list(group) for _, group in groupby(self.names(), key=process_of)]

    def part(self, name: str, length: int) -> Part | None:
        """What comes after that which has been drained, up to `length` bytes; None if the file is gone."""
        try:
            file = journal.open_file(self.path(name))
        except FileNotFoundError:
            return None
        try:
            return Part(file, self.position(name), length)
        finally:
            os.close(file)

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

    def has_problems(self, name: str) -> bool:
        """Whether records of the journal could not be taken in."""
        return any(name == other for other, _ in self.problems())

    def frames(self, name: str) -> range:
        """The bytes that wait in the journal just now to be drained; none if the file is gone."""
        try:
            file = journal.open_file(self.path(name))
        except FileNotFoundError:
            return range(0)
        try:
            return journal.frames(file, self.position(name))
        finally:
            os.close(file)

    def waiting(self) -> int:
        """The bytes that are not drained yet."""
        total = 0
        for name in self.names():
            with contextlib.suppress(OSError):
                total += len(self.frames(name))
        return total

    def sync(self) -> None:
        """Have the disk hold what waits in the journals, for as long as the database cannot take it."""
        for name in self.names():
            with contextlib.suppress(OSError):
                part = self.part(name, journal.FRAME.size)
                if part is not None and not part.ends_clean():
                    file = os.open(self.path(name), os.O_RDWR)
                    try:
                        os.fsync(file)
                    finally:
                        os.close(file)

    def forget(self, name: str) -> None:
        """Remove a journal that is drained and whose writer is gone or has gone on in another file."""
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
            "SELECT processes.id, max(journals.name), pid, boot_id, start_time, pid_namespace, host"
            " FROM journals JOIN processes ON processes.id = journals.process WHERE ended IS NULL"
            " GROUP BY processes.id"
        ).fetchall()
        for process, journal_name, *identity in rows:
            yield process, journal_name, ProcessIdentity(*identity)

    def identity(self, process: str) -> ProcessIdentity | None:
        """Who a process is; None where its journal has not been seen."""
        row: Any = next(
            self._connection.execute(
                "SELECT pid, boot_id, start_time, pid_namespace, host FROM processes WHERE id = ?", (process,)
            ),
            None,
        )
        return ProcessIdentity(*row) if row else None

    def has_ended(self, process: str) -> bool:
        """Whether the process is known to have ended."""
        row = next(
            self._connection.execute(
                "SELECT 1 FROM processes WHERE id = ? AND ended IS NOT NULL", (process,)
            ),
            None,
        )
        return row is not None


def process_of(name: str) -> str:
    """The process that writes the journal `name`."""
    return name.partition(".")[0]
