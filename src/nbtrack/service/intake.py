"""From journals into the store: what recording processes wrote becomes rows and blobs."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import time
from collections.abc import Callable, Iterator

import apsw

from nbtrack.clock import now_ns
from nbtrack.entities import records
from nbtrack.service import Deferred
from nbtrack.service.points import GrowingSeries, Points
from nbtrack.service.recorded import Recorded, UnknownRun
from nbtrack.store import journal, processes
from nbtrack.store.database import Store
from nbtrack.store.journal import P, Part, S
from nbtrack.store.journals import process_of

READ = 1 << 22
"""Bytes of a journal that are read at a time: 100,000 points."""

SLICE = 0.05
"""Seconds of work of one transaction: enough that the disk's wait is shared, little enough to answer in between."""

_OPENING = 1 << 16
"""Bytes at a file's beginning that tell where the one before was left."""

INDEXED = 50
"""Cells that one transaction makes searchable: those that it took in, as a rule."""

log = logging.getLogger(__name__)


class Intake:
    """Reads the journals of one store.

    Draining is idempotent: how far a journal has been read is written in the transaction of what was read, and the files
    that records point at are removed only after it.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._points = Points(store.metrics)
        self._recorded = Recorded(store, self._points)
        self._ahead = self._lenient = False
        """Whether other journals are read before one whose runs are not known; whether a run may stay unknown."""
        self.background: list[Deferred] = []
        """Slow work that the records asked for; whoever drains has it done."""

    def drain(self, names: list[str] | None = None) -> int:
        """Read what the journals (all, or those of `names`) hold beyond what was read; how many records that was."""
        return sum(self.draining(names))

    def draining(self, names: list[str] | None = None) -> Iterator[int]:
        """As `drain`, one transaction at a time, each with the number of its records.

        What a process writes while its journal is read is left for the next time: one that goes on logging has no end.

        Parameters
        ----------
        names
            Names of journals; all files of their processes are read.
        """
        wanted = None if names is None else {process_of(name) for name in names}
        for group in self._store.journals.groups():
            if wanted is None or process_of(group[0]) in wanted:
                ends = {name: self._store.journals.frames(name).stop for name in group}
                while self._waits(ends) and (count := self._drain_group(group)):
                    yield count

    def _waits(self, ends: dict[str, int]) -> bool:
        """Whether any of these journals has not been read up to its end of a moment; one that is gone has."""
        journals = self._store.journals
        return any(
            end > journals.position(name) and journals.path(name).exists() for name, end in ends.items()
        )

    def catch_up(self) -> int:
        """Make some of the cells searchable that came in faster than that, or before there was a search; how many."""
        if not self._store.search.waiting():
            return 0
        with self._store.transaction():
            return self._store.search.index(INDEXED)

    def _drain_group(self, group: list[str]) -> int:
        """One transaction with what the files of a process hold; they are read in their order."""
        begun = self._begun(group)
        for name, later in zip(begun, [*begun[1:], None], strict=False):
            if count := self._drain_part(name):
                return count
            if later is None:
                return 0
            # It went on in the next file. What it wrote into this one just before that was not seen above.
            if count := self._drain_part(name) or self._pass_damage(name):
                return count
            if not self._store.journals.has_problems(name):
                with self._store.transaction():
                    if self._is_whole(name, later):
                        self._store.journals.forget(name)
                    else:
                        log.error("the end of the journal %s is missing", name)
                        self._store.journals.add_problem(name)
            self._points.forget(name)
        return 0

    def _begun(self, group: list[str]) -> list[str]:
        """The files of a process that something was written into.

        They are begun in their order, so that an empty one before another was prepared in vain: its writer was faster, and
        may have died before it was removed.
        """
        parts = [(name, self._store.journals.part(name, 0)) for name in group]
        found = [name for name, part in parts if part is not None and part.begun]
        for name, part in parts:
            if part is not None and part.beheaded and found and name < found[-1]:
                self._keep_beheaded(name)
        return found

    def _keep_beheaded(self, name: str) -> None:
        """Have a file stay whose first bytes are not those of a journal: whatever is in it cannot be read."""
        if not self._store.journals.has_problems(name):
            log.error("the journal %s is damaged at its beginning and cannot be read", name)
            with self._store.transaction():
                self._store.journals.advance(name, 0)
                self._store.journals.add_problem(name)

    def _is_whole(self, name: str, later: str) -> bool:
        """Whether a file was read up to where its writer left it: a power cut can take its end and leave the next file."""
        if any(name < between < later for between, _ in self._store.journals.problems()):
            return True  # the next one but one, which tells nothing of this one
        part = self._store.journals.part(later, _OPENING)
        while part is not None and (payload := part.next_payload()) is not None and payload[0] not in (P, S):
            record = journal.decode(payload)
            if isinstance(record, records.SegmentBegan):
                return record.before <= self._store.journals.position(name)
        return True

    def _drain_part(self, name: str) -> int:
        try:
            return self._take_part(name)
        except UnknownRun:
            if self._ahead:
                raise
        # A worker logs to a run that began in its parent's journal after that was read: the others go first.
        self._ahead = True
        try:
            for group in self._store.journals.groups():
                if process_of(group[0]) != process_of(name):
                    with contextlib.suppress(UnknownRun):  # its turn comes
                        self.drain([group[0]])
            self._lenient = True
            return self._take_part(name)
        finally:
            self._ahead = self._lenient = False

    def _take_part(self, name: str) -> int:
        part = self._store.journals.part(name, READ)
        if part is None or not part.has_next():
            return 0
        if part.position > journal.HEADER and not self._points.knows(name):
            for record in journal.series_before(self._store.journals.path(name), part.position):
                self._points.name(name, record)
        recorded = self._recorded
        recorded.begin()
        self._points.clear()  # of an attempt that the disk cut short
        with self._store.transaction():
            self._store.journals.advance(name, part.position)
            count = self._take(name, part)
            self._points.flush(lambda series, write: self._guard(name, lambda: self._write(series, write)))
            self._store.search.index(INDEXED)
            self._store.journals.advance(name, part.position)
        self._points.clear()
        journal.tell_drained(self._store.journals.path(name), part.position)
        for used in recorded.used:
            used.unlink(missing_ok=True)
        self.background += recorded.background
        return count

    def _take(self, name: str, part: Part) -> int:
        count, end = 0, time.monotonic() + SLICE
        while time.monotonic() < end:
            points = part.points()
            if points is not None:
                count += len(points.heads)
                try:
                    self._points.take(name, points)
                except LookupError as problem:
                    self._note(name, problem)
                continue
            payload = part.next_payload()
            if payload is None:
                break
            count += 1
            self._guard(name, lambda payload=payload: self._take_frame(name, payload))  # type: ignore[misc]
        return count

    def _take_frame(self, name: str, payload: memoryview) -> None:
        if payload[0] == S:
            self._points.take_many(name, payload)
            return
        self._recorded.take(name, journal.decode(payload))

    def _write(self, series: GrowingSeries, write: Callable[[], None]) -> None:
        self._recorded.check_run(series.run)
        write()

    def _guard(self, name: str, action: Callable[[], None]) -> None:
        """Do what one record asks for in a savepoint: one that fails takes nothing else with it."""
        try:
            with self._store.connection:
                action()
        except Exception as problem:
            if isinstance(problem, UnknownRun) and not self._lenient:
                raise
            if _is_of_the_disk(problem) or not self._store.connection.in_transaction:
                raise  # not the record's fault: the whole transaction is tried again later
            self._note(name, problem)

    def _note(self, name: str, problem: Exception) -> None:
        log.error("a record of the journal %s could not be taken in", name, exc_info=problem)
        self._store.journals.add_problem(name)

    def _pass_damage(self, name: str) -> int:
        """Go behind what cannot be read in a file that nobody writes any more; whether something was there."""
        part = self._store.journals.part(name, READ)
        if part is None or not part.begun or part.ends_clean():
            return 0
        whole = part.skip_damage()
        end = part.position if whole else self._store.journals.path(name).stat().st_size
        log.error("the journal %s is damaged; its next %d bytes cannot be read", name, end - part.start)
        with self._store.transaction():
            self._store.journals.advance(name, end)
            self._store.journals.add_problem(name)
        return 1

    def bury(self) -> None:
        """Mark the runs of dead processes as crashed, and remove drained journals whose process is gone."""
        journals = self._store.journals
        for process, name, identity in list(journals.open_processes()):
            if processes.is_alive(identity) is False:
                self.drain([name])  # what it wrote last, before its death is recorded
                path = journals.path(name)
                moment = (journal.last_time(path) if path.exists() else None) or now_ns()
                with self._store.transaction():
                    if self._store.runs.crash(process, moment):
                        self._store.deaths.note(process, moment)
                    journals.end_process(process, moment)
        for group in journals.groups():
            if journals.has_ended(process_of(group[0])):
                self._remove(group)

    def _remove(self, group: list[str]) -> None:
        """Remove the files of a process that is gone, if all that they hold was taken in."""
        self.drain(group)
        for name in group:
            part = self._store.journals.part(name, 0)
            if part is not None and part.beheaded:
                self._keep_beheaded(name)
            while self._is_damaged(name) and self._pass_damage(name):
                self.drain([name])
        if not any(self._store.journals.has_problems(name) for name in group):
            with self._store.transaction():
                for name in group:
                    self._points.forget(name)
                    self._store.journals.forget(name)

    def _is_damaged(self, name: str) -> bool:
        """Whether whole frames stand behind one that cannot be read; a frame that a death cut off is the last one."""
        part = self._store.journals.part(name, READ)
        return part is not None and part.begun and not part.ends_clean() and part.skip_damage()


def _is_of_the_disk(problem: Exception) -> bool:
    """Whether the place failed and not what was to be written there."""
    if isinstance(problem, PermissionError) and problem.filename is not None:
        return not os.access(os.path.dirname(os.fspath(problem.filename)), os.W_OK)  # noqa: PTH120 - may be bytes
    if isinstance(problem, OSError):
        return problem.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS)
    return isinstance(
        problem, (apsw.FullError, apsw.IOError, apsw.ReadOnlyError, apsw.BusyError, MemoryError)
    )
