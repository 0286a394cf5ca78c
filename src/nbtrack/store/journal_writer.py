"""Writing the journal of this process: a call that has returned is kept, whatever then happens to the process.

Usually a record is a copy into a mapped file, without a lock: bytes become part of the journal by one statement, in which
CPython runs nothing else, so that neither a thread nor an interrupt nor a finalizer that itself logs ever finds half of it
done. (A lock in each call would have threads that log at once wait 5 ms for each other.) What is rarer takes the lock. Where
the disk is full, the journal goes on in memory, in the same form and order, until there is space again.

One module, because all of it is about who may move the one position, and when.
"""

from __future__ import annotations

import errno
import functools
import os
import sys
import threading
import weakref
from array import array
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from time import monotonic  # by name: a notebook may put something else into the module
from zlib import crc32

from nbtrack.clock import elapsed, origin
from nbtrack.entities import records
from nbtrack.entities.records import Record
from nbtrack.store import segments
from nbtrack.store.journal import (
    FRAME,
    HEADER,
    MAGIC,
    POINT,
    STEPS,
    SUFFIX,
    P,
    encode,
    encode_series,
)
from nbtrack.store.segments import Segment

RETRY = 0.25
"""Seconds between two tries to find space for what waits in memory."""

PATIENCE = 0.4
"""Seconds after which what the keeper has not taken in is synced here."""

_MAGIC_PLACE = slice(0, len(MAGIC))
_pack_point, _point_size = POINT.pack, POINT.size
_pack_frame = FRAME.pack
_FAR = 2**63


class JournalWriter:
    """Appends records of this process; safe to use from several threads, and left alone by a forked child.

    Parameters
    ----------
    path
        The journal's first file.
    strict
        Wait for the disk in each call.
    """

    def __init__(self, path: Path, *, strict: bool = False) -> None:
        self.path = path
        self.position = 0
        """The end of what is written in the present file."""
        self.problem: OSError | None = None
        """Why something waits in memory or could not be synced, if so."""
        self.wake: Callable[[], None] = lambda: None
        """Called when the next file should be prepared; must be quick."""
        self._strict = strict
        self._origin = origin()
        self._lock = threading.RLock()
        self._current = Segment(None, -1, None, 0)
        self._map = self._current.map
        self._limit = -1
        """Where the present file is full, or (before `wake`) half full."""
        self._opening = b""
        self._tables: list[dict[str, int]] = []
        """The runs' numbers of series that hold in the present file."""
        self._series = self._number = self._taken = 0
        self._next: tuple[int, Segment] | None = None
        self._retired: list[tuple[Segment, int]] = []
        self._waiting: list[tuple[int, Segment, int]] = []
        self._retry_at = 0.0
        self._left: list[int] = []
        """Files that were begun for use at once; an interrupt may leave them unused."""
        self._open = self._mapped = False
        self._writing = self._marking = self._making = self._saving = False

    def open(self) -> None:
        """Create the first file.

        Raises
        ------
        OSError
            If it exists or cannot be created.
        """
        self._mapped = segments.can_be_mapped(self.path.parent)
        segment = None
        if self._mapped:
            try:
                segment = segments.create(self.path, segments.SIZES[0], mapped=True)
            except OSError as problem:
                if problem.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENODEV):
                    raise
                self._mapped = False
        segment = segment or segments.create(self.path, segments.SIZES[0], mapped=False)
        while segment.populate(segment.size):
            pass
        self._enter(0, segment, b"")
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_abandon(weakref.ref(self)))

    def append(self, record: Record, frame: bytes | None = None) -> int:
        """Write one record and return the position behind it. Never raises on a full or vanished disk.

        Parameters
        ----------
        frame
            The record as `nbtrack.store.journal.encode` gives it, where that is known already.
        """
        frame = frame or encode(record)
        if isinstance(record, records.ProcessStarted):
            self._opening = frame
        if self._is_in_memory():
            self.retry()
        self._put(frame)
        if self._strict:
            self._sync_quietly()
        return self.position

    def log(
        self,
        run: str,
        series: dict[str, int],
        values: Mapping[str, object],
        step: int | None = None,
        now: int | None = None,
    ) -> bool:
        """Write one point of each metric, all of one time; False (and nothing is written) where a value is no plain number.

        Parameters
        ----------
        run
            The run's id.
        series
            Belongs to the run: the numbers of its series in the present file, kept by the writer.
        step
            A number of 64 bits; None counts on from the last one.
        now
            Unix time in nanoseconds.
        """
        flags, place = (0, 0) if step is None else (STEPS, step)
        if now is None:
            now = elapsed() + self._origin
        while True:
            segment, start = self._current, self.position
            frames = b""
            for name, value in values.items():
                if not isinstance(value, float) and (type(value) is not int or not -_FAR < value < _FAR):
                    return False
                number = series.get(name)
                if number is None:
                    if not self._announce(run, values, series):
                        return False
                    break  # and begin again: it may have moved to another file
                point = _pack_point(P, flags, number, now, place, value)
                frames += _pack_frame(_point_size, crc32(point)) + point
            else:
                end = start + len(frames)
                where = slice(start, end)
                if self.position is start and end <= self._limit:
                    self._map[where], self.position = frames, end  # type: ignore[index]
                    break
                if self._append_slowly(frames, segment):
                    break
                if not self._open:
                    return False
        if self._strict:
            self._sync_quietly()
        return True

    def log_series(
        self,
        run: str,
        series: dict[str, int],
        name: str,
        steps: array[int] | None,
        values: array[float],
    ) -> bool:
        """Write many points of one metric, all of this moment; False if the journal is closed."""
        now, done = elapsed() + self._origin, False
        while not done and self._open:
            segment = self._current
            number = series.get(name)
            if number is None:
                self._announce(run, (name,), series)
            else:
                done = self._append_frame(encode_series(number, now, steps, values), segment)
        if self._strict:
            self._sync_quietly()
        return done

    def _append_frame(self, frame: bytes, segment: Segment) -> bool:
        """Try to write a frame that is meant for `segment`; False: look again, the file or the room in it has changed."""
        start = self.position
        end = start + len(frame)
        where = slice(start, end)
        if self.position is start and self._current is segment and end <= self._limit:
            # CPython runs nothing else between these comparisons and the end of the statement: it switches threads, runs
            # handlers and collects only at calls and jumps back. Were the position moved first, zeros would hide what
            # follows; were it moved after an interrupt, the next record would overwrite one that the keeper has read.
            self._map[where], self.position = frame, end  # type: ignore[index]
            return True
        return self._append_slowly(frame, segment)

    def _append_slowly(self, frame: bytes, segment: Segment) -> bool:
        """Make room for a frame, or write it where the file is not mapped; whether it was written."""
        with self._lock:
            if self._current is segment and self._open:
                if self._map is None:
                    return self._append_plain(frame)
                start = self.position
                end = start + len(frame)
                where = slice(start, end)
                if self._making and end <= segment.size:
                    # The handler of a signal, which interrupted this thread in making room: there is a rest for it, since
                    # one that made room itself could be interrupted in it by the next, and so on without end.
                    if self.position is start and self._current is segment:
                        self._map[where], self.position = frame, end
                        return True
                elif end > self._limit:
                    self._make_room(len(frame))
            return False

    def _put(self, frame: bytes) -> None:
        while self._open and not self._append_frame(frame, self._current):
            pass

    def _announce(self, run: str, names: Iterable[str], series: dict[str, int]) -> bool:
        """Give those series that have none their numbers in the present file; False if the journal is closed."""
        with self._lock:
            if not self._open:
                return False
            new = {}
            for name in names:
                if name not in series:
                    # One statement, as below: a handler that interrupts this and names a series itself takes another.
                    self._series = number = self._series + 1
                    new[name] = number
            if not series:
                self._tables.append(series)
            segment = self._current
            self._put(encode(records.SeriesNamed(run=run, series=new)))
            if self._current is segment:  # else the next file has been begun, which does not know the numbers
                series |= new
        return self._open

    def _make_room(self, need: int) -> None:
        """Let `need` more bytes fit, here or in the next file. Interrupted or not, at most one file is begun in vain."""
        outermost, self._making = not self._making, True
        try:
            current, self._limit = self._current, -1  # other threads wait for the lock from here on
            if self.position + need <= current.limit:
                half = current.size // 2
                if self.position + need <= half:
                    self._limit = half
                else:
                    self._limit = current.limit
                    self.wake()
                return
            opening = self._opening + encode(records.SegmentBegan(before=self.position))
            total = HEADER + len(opening) + need
            self._save()
            if self._map is None or self._current is not current:
                return  # it was in memory and is in a file now
            if self._next is not None and (
                self._next[0] < self._number or self._next[1].limit < total or self._is_in_memory()
            ):
                (_, segment), self._next = self._next, None
                segment.remove()
            if self._next is None:
                if outermost:
                    self._remove_left()
                self._next = self._create(total)
                self._next[1].populate(total)  # its first part; the rest beside the loop
            self._enter(*self._next, opening)
            if outermost:
                self._remove_left()
        finally:
            if outermost:
                self._making = False

    def _create(self, need: int) -> tuple[int, Segment]:
        self._taken = number = self._taken + 1
        size = segments.size_of(number, need, self.path.parent)
        if not self._is_in_memory():  # else what waits there goes first
            self._left = [*self._left, number]
            for smaller in (size, segments.size_of(0, need)):
                try:
                    segment = segments.create(self._file(number), smaller, mapped=True)
                except OSError as problem:
                    self.problem = problem
                else:
                    return number, segment
        return number, segments.in_memory(size)

    def _remove_left(self) -> None:
        """Remove the files that an interrupt left between their creation and their use."""
        while self._left:
            number = self._left[0]
            if number != self._number and (self._next is None or number != self._next[0]):
                segments.remove_unused(self._file(number))
            self._left = self._left[1:]

    def _file(self, number: int) -> Path:
        if number == 0:
            return self.path
        return self.path.with_name(f"{self.path.name.removesuffix(SUFFIX)}.{number:06d}{SUFFIX}")

    def _is_in_memory(self) -> bool:
        return self._open and self._current.path is None

    def _enter(self, number: int, segment: Segment, opening: bytes) -> None:
        """Go on in another file. Its first bytes are written last: they tell the keeper that the one before is complete."""
        content, end = segment.map, HEADER + len(opening)
        if content is None:
            segment.looks = [(monotonic(), 0)]
            self._current, self.position, self._marking, self._open = segment, end, True, True
            self._append_plain(b"")
            return
        before, is_in_memory = self._current, self._is_in_memory()
        segment.looks = [(monotonic(), 0)]
        content[HEADER:end] = opening
        limit = segment.size // 2 if segment.size // 2 > end else segment.limit
        while self._current is before:
            if self._tables:  # a handler that interrupts this may name a series again
                self._tables[-1].clear()
                self._tables.pop()
                continue
            waiting, retired = self._waiting, self._retired
            if is_in_memory:
                waiting = [*waiting, (self._number, before, self.position)]
            elif self._open:
                retired = [*retired, (before, self.position)]
            (
                content[_MAGIC_PLACE],
                self._map,
                self._current,
                self.position,
                self._limit,
                self._number,
                self._next,
                self._waiting,
                self._retired,
                self._open,
            ) = (MAGIC, content, segment, end, limit, number, None, waiting, retired, True)
            if segment.path is not None and segment.populated < segment.size:
                self.wake()
            return

    def _append_plain(self, frame: bytes) -> bool:
        """Append where the file is not mapped; False if it cannot be written and the journal goes on in memory."""
        file = self._current.descriptor
        try:
            if self._marking:
                _write_at(file, MAGIC + bytes(HEADER - len(MAGIC)), 0)
                self._marking = False
            if self._writing:  # interrupted behind a write, before the position was moved
                size = os.fstat(file).st_size
                if self.position < size:
                    self.position = size
            start = self.position
            self._writing = True
            written = _write_at(file, frame, start)
            if written < len(frame):
                os.ftruncate(file, start)  # a cut frame would look like damage
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as problem:
            self._writing, self.problem = False, problem
            opening = self._opening + encode(records.SegmentBegan(before=self.position))
            self._taken = number = self._taken + 1
            memory = segments.in_memory(segments.size_of(1, len(opening) + len(frame)))
            self._enter(number, memory, opening)
            return False
        end = start + written
        if self.position < end:
            self.position = end
        self._writing = False
        return True

    @property
    def waits(self) -> bool:
        """Whether something is in memory for want of a place on disk."""
        return self._is_in_memory()

    def retry(self, *, at_once: bool = False) -> None:
        """Try to write what waits in memory; unless `at_once`, only if that was not tried just now."""
        if self._is_in_memory():
            with self._lock:
                if at_once or monotonic() >= self._retry_at:
                    self._save()

    def _save(self) -> None:
        """Write what waits in memory, in order, as far as there is space."""
        if self._saving or not self._is_in_memory():
            return
        self._retry_at = monotonic() + RETRY
        outermost, self._making, self._saving, self._limit = not self._making, True, True, -1
        try:
            while not self._save_next():
                pass
        except OSError as problem:
            self.problem = problem
        else:
            self.problem = None
        finally:
            self._saving = False
            if outermost:
                self._making = False

    def _save_next(self) -> bool:
        """Write the oldest file that waits in memory; whether it was the last one."""
        if self._waiting:
            number, memory, end = self._waiting[0]
            segment = self._copy(number, memory, end, end)
            if segment.map is None:
                _write_at(segment.descriptor, MAGIC, 0)
                self._waiting, self._retired = self._waiting[1:], [*self._retired, (segment, end)]
            else:
                (segment.map[_MAGIC_PLACE], self._waiting, self._retired) = (
                    MAGIC,
                    self._waiting[1:],
                    [*self._retired, (segment, end)],
                )
            return False
        current, start = self._current, self.position
        size = min(current.size, segments.size_of(self._number, start, self.path.parent))
        segment = self._copy(self._number, current, start, size)
        if (
            self.position is not start or self._current is not current
        ):  # a handler of a signal logged meanwhile
            segment.remove()
            return False
        if segment.map is not None:
            content = segment.map
            if self.position is start and self._current is current:
                content[_MAGIC_PLACE], self._map, self._current, self._limit = MAGIC, content, segment, -1
                return True
            return False
        self._map, self._current, self._limit, self._marking = None, segment, -1, True
        self._append_plain(b"")
        return True

    def _copy(self, number: int, memory: Segment, end: int, size: int) -> Segment:
        """A file with what a segment in memory holds, but for the mark that it is whole."""
        path, content = self._file(number), memory.map
        assert content is not None
        path.unlink(missing_ok=True)  # of an attempt that was interrupted
        segment = segments.create(path, size, mapped=self._mapped)
        try:
            if segment.map is not None:
                segment.map[len(MAGIC) : end] = content[len(MAGIC) : end]
            elif _write_at(segment.descriptor, bytes(len(MAGIC)) + content[len(MAGIC) : end], 0) < end:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except BaseException:
            segment.remove()
            raise
        return segment

    def prepare(self) -> bool:
        """Have the next file and the pages ahead ready; whether there is more of it to do. For a thread beside the loop."""
        with self._lock:
            current, prepared = self._current, self._next
            past_half = self._limit >= current.limit
            wanted = past_half and current.path is not None and self._map is not None and prepared is None
            number = self._taken + 1
            self._taken += wanted
        if wanted:
            try:
                segment = segments.create(
                    self._file(number), segments.size_of(number, 0, self.path.parent), mapped=True
                )
            except OSError:
                return False  # the writer finds it out when it needs one
            with self._lock:
                if self._open and self._next is None and number > self._number and not self._is_in_memory():
                    self._next = prepared = (number, segment)
                else:
                    segment.remove()
        more = current.populate(current.size)  # first: the loop is in it
        return more or (prepared is not None and prepared[1].populate(prepared[1].size))

    def sync(self) -> None:
        """Wait until the disk holds everything, in the store or here.

        Raises
        ------
        OSError
            If something could not be written.
        """
        with self._lock:
            self._save()
            if self._is_in_memory():
                raise self.problem or OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            written = [*self._retired, (self._current, self.position)] if self._open else []
            unsafe = [(segment, end) for segment, end in written if not segment.is_safe(end)]
            files = [os.dup(segment.descriptor) for segment, _ in unsafe]
        self._sync_files(files, unsafe)

    def _sync_files(self, files: list[int], written: list[tuple[Segment, int]]) -> None:
        segments.sync_and_close(files, self.path.parent)
        for segment, end in written:
            segment.synced = max(segment.synced, end)
        with self._lock:
            for segment, end in self._retired:
                if segment.is_safe(end):
                    segment.release()
            self._retired = [entry for entry in self._retired if entry[0].descriptor >= 0]

    def _sync_quietly(self) -> None:
        """Sync what was just written; what goes wrong is told beside the loop."""
        current = self._current
        try:
            if self._retired or current.path is None or not current.synced:
                self.sync()  # other files, or the first time in this one: its name is to be synced as well
            else:
                _sync_content(current.descriptor)
        except OSError as problem:
            self.problem = problem

    def secure(self, patience: float = PATIENCE) -> bool:
        """Sync what the keeper has left lying for longer than `patience` seconds; whether it has left anything.

        For a thread beside the loop, several times a second: what is drained is safe from a power cut, and what is not
        becomes so here.
        """
        with self._lock:
            self.retry()
            if not self._open:
                return False
            now = monotonic()
            current, written = self._current, [*self._retired, (self._current, self.position)]
            late = [entry for entry in written if entry[0].is_late(now, entry[1], patience)]
            files = [os.dup(segment.descriptor) for segment, _ in late]
        self._sync_files(files, late)
        return bool(late) or current.drained() < current.synced

    def close(self) -> None:
        """Write what still waits, if it can be written, and close the files."""
        with self._lock:
            self._save()
            if self._next is not None:
                self._next[1].remove()
            for segment, _ in self._retired:
                segment.release()
            self._open, self._map, self._limit = False, None, -1
            self._current.finish(self.position)
            self._next, self._retired, self._waiting = None, [], []
            self._remove_left()

    def abandon(self) -> None:
        """Forget the files without writing: for the child of a fork, where the parent goes on writing."""
        self._lock = threading.RLock()
        self._open, self._map, self._limit = False, None, -1
        for table in self._tables:
            table.clear()
        for segment in (self._current, *(segment for segment, _ in self._retired)):
            segment.release()
        if self._next is not None:
            self._next[1].release()
        self._next, self._retired, self._waiting, self._tables = None, [], [], []


def _seek_and_write(file: int, content: bytes, start: int) -> int:
    os.lseek(file, start, os.SEEK_SET)
    return os.write(file, content)


# Not a function of ours: an interrupt between the choice of the place and the write could write there as well.
_write_at = getattr(os, "pwrite", _seek_and_write)
_sync_content = getattr(os, "fdatasync", os.fsync)


def _serialised(method: Callable[..., bool]) -> Callable[..., bool]:
    @functools.wraps(method)
    def locked(self: JournalWriter, *arguments: object, **named: object) -> bool:
        with self._lock:
            return method(self, *arguments, **named)

    return locked


if sys.implementation.name != "cpython" or not getattr(sys, "_is_gil_enabled", lambda: True)():
    # Only CPython's global lock makes one statement of several steps whole.
    for _name in ("log", "_append_frame"):
        setattr(JournalWriter, _name, _serialised(getattr(JournalWriter, _name)))


def _abandon(writer: weakref.ref[JournalWriter]) -> Callable[[], None]:
    def after_fork() -> None:
        if (found := writer()) is not None:
            found.abandon()

    return after_fork
