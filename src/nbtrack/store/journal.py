"""The format of journals, and reading them. A journal is written by one process alone and read by the keeper.

A journal is one file or several (segments): ``ID.journal``, then ``ID.000001.journal`` and so on. Layout of a file: the 16
bytes of `MAGIC`; how far the keeper has drained it (u64 LE, the keeper's only word in it); 8 bytes of zero; then frames
``length (u32 LE) | crc32 (u32 LE) | payload``. Eight zero bytes where a frame would begin, and the end of the file, are the
end of what was written: files are allocated before they are filled.

A payload that begins with ``[`` is a record, the JSON array ``[kind, fields]``: JSON, since it keeps NaN, infinities,
integers of any size and lone surrogates as they are. One that begins with ``P`` is a point of a metric: ``P | flags u8 |
zero u16 | series u32 | time i64 (ns) | step i64 | value f64``; one that begins with ``S`` many points of a series at one
time: the same with a count in place of the step, then columns of steps (i64, if given) and values (f64). Bit 0 of the flags:
steps are given, else they count on. A `SeriesNamed` earlier in the same file says whose series it is, so each file can be
read by itself.

A frame that a death cut off, or that is still being written, is never read, since its checksum does not fit.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
import sys
from array import array
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple, get_args
from zlib import crc32

from nbtrack.entities import records
from nbtrack.entities.records import Record

MAGIC = b"nbtrack jrnl v2\n"
MAGIC_1 = b"nbtrack jrnl v1\n"
"""The older form: frames begin right behind it, and there are records only."""

HEADER = 32
SUFFIX = ".journal"
FRAME = struct.Struct("<II")
POINT = struct.Struct("<BBxxIqqd")
DRAINED = struct.Struct("<Q")
P, S = b"PS"
STEPS = 1
"""The flag of a point or a series whose steps are given."""

_POINT_FRAME = FRAME.size + POINT.size
_MOST_POINTS = 8_000
_NAMED = b'["SeriesNamed"'
_MAX_FRAME = 1 << 30
_LOOK = 1 << 16
"""Bytes that are searched for a whole frame behind a damaged one."""

_KINDS: dict[str, Any] = {kind.__name__: kind for kind in get_args(records.Record)}
_FIELDS: dict[str, frozenset[str]] = {
    name: frozenset(field.name for field in fields(kind)) for name, kind in _KINDS.items()
}
_NAMES = {kind: tuple(sorted(_FIELDS[name])) for name, kind in _KINDS.items()}
_dump = json.JSONEncoder(separators=(",", ":"), default=lambda value: _plain(value)).encode


def _plain(value: object) -> object:
    # Records hold plain values; anything else that slips in must not cost the record.
    return f"<{type(value).__module__}.{type(value).__qualname__}>"


def frame(payload: bytes) -> bytes:
    """A payload with its length and checksum."""
    return FRAME.pack(len(payload), crc32(payload)) + payload


def encode(record: Record) -> bytes:
    """A record as one frame."""
    kind = type(record)
    content = {name: getattr(record, name) for name in _NAMES[kind]}
    return frame(_dump([kind.__name__, content]).encode())


def encode_series(series: int, time: int, steps: array[int] | None, values: array[float]) -> bytes:
    """Many points of a series as one frame."""
    head = POINT.pack(S, 0 if steps is None else STEPS, series, time, len(values), 0.0)
    return frame(
        b"".join([head, *(little_endian(column) for column in (steps, values) if column is not None)])
    )


def little_endian(column: array[Any]) -> bytes:
    """A column as bytes that every machine reads alike."""
    if sys.byteorder == "big":
        column = column[:]
        column.byteswap()
    return column.tobytes()


def columns(content: memoryview, count: int, *, steps: bool) -> tuple[array[int] | None, array[float]]:
    """The columns that `little_endian` wrote: steps (if any) and values.

    Raises
    ------
    ValueError
        If the content is not as long as they are.
    """
    if len(content) != count * (16 if steps else 8):
        raise ValueError(f"{len(content)} bytes are not the columns of {count} points")
    found: list[array[Any]] = []
    for code in "qd" if steps else "d":
        column: array[Any] = array(code)
        column.frombytes(content[: count * 8])
        if sys.byteorder == "big":
            column.byteswap()
        found.append(column)
        content = content[count * 8 :]
    return (found[0] if steps else None), found[-1]


def decode(payload: bytes | memoryview) -> Record | None:
    """The record of a payload that begins with ``[``; None if it is of a kind that this version does not know."""
    kind, content = json.loads(bytes(payload))
    known = _FIELDS.get(kind)
    if known is None:
        return None
    record: Record = _KINDS[kind](**{name: value for name, value in content.items() if name in known})
    return record


class PointColumns(NamedTuple):
    """Points in the order of the journal. A head has the flags in its second byte and the series in its upper half."""

    heads: array[int]
    times: array[int]
    steps: array[int]
    values: array[float]


def _column(code: str, content: memoryview) -> array[Any]:
    column: array[Any] = array(code)
    column.frombytes(content.tobytes())
    if sys.byteorder == "big":
        column.byteswap()
    return column


class Part:
    """A stretch of a journal's file, read into memory: the whole frames from `start` on.

    Parameters
    ----------
    file
        The open file.
    start
        Where to begin; 0 or the end of a frame.
    length
        Bytes to read; more where one frame is longer, next to none where none comes.
    """

    def __init__(self, file: int, start: int, length: int) -> None:
        magic = _read(file, len(MAGIC), 0)
        first = HEADER if magic == MAGIC else len(MAGIC_1)
        self.begun = magic in (MAGIC, MAGIC_1)
        """Whether anything was written into the file: a prepared one is empty."""
        self.beheaded = any(magic) and not self.begun
        """Whether the file's first bytes are not those of a journal."""
        self.start = max(start, first)
        content = _read(file, FRAME.size, self.start) if self.begun else b""
        if len(content) == FRAME.size and any(content):  # a damaged length may be nothing
            (size, _) = FRAME.unpack(content)
            content = _read(file, max(length, min(size, _MAX_FRAME) + FRAME.size), self.start)
        self.content = memoryview(content)
        self._offset = 0

    @property
    def position(self) -> int:
        """Where the next frame begins in the file."""
        return self.start + self._offset

    def next_payload(self) -> memoryview | None:
        """The payload of the next frame and go behind it; None if there is no whole one."""
        content, offset = self.content, self._offset
        if len(content) - offset < FRAME.size:
            return None
        length, checksum = FRAME.unpack_from(content, offset)
        payload = content[offset + FRAME.size : offset + FRAME.size + length]
        if not length or len(payload) != length or crc32(payload) != checksum:
            return None
        self._offset = offset + FRAME.size + length
        return payload

    def points(self) -> PointColumns | None:
        """The points that come next up to the first other frame, some thousands at most, as columns; None if none comes.

        Without a step of Python for each point, but for its checksum: the keeper must keep up with every process that logs.
        """
        content, begin, count = self.content, self._offset, 0
        size, found = 64, _POINT_FRAME
        while count < _MOST_POINTS:  # a stretch is looked at in growing steps, since it may be a single point
            offset = begin + count * found
            whole = min(size, (len(content) - offset) // found)
            part = content[offset : offset + whole * found]
            lengths, checksums = (_column("I", part.cast("I")[index::10]) for index in (0, 1))
            tags = part[8::found]
            valid = 0
            for length, checksum, tag in zip(lengths, checksums, tags, strict=True):
                place = offset + valid * found + FRAME.size
                if length != POINT.size or tag != P or crc32(content[place : place + POINT.size]) != checksum:
                    break
                valid += 1
            count += valid
            if valid < size:
                break
            size *= 2
        if count == 0:
            return None
        self._offset = begin + count * found
        words = content[begin : self._offset].cast("q")
        return PointColumns(
            heads=_column("Q", words[1::5]),
            times=_column("q", words[2::5]),
            steps=_column("q", words[3::5]),
            values=_column("d", words[4::5]),
        )

    def has_next(self) -> bool:
        """Whether another whole frame comes."""
        offset = self._offset
        found = self.next_payload() is not None
        self._offset = offset
        return found

    def ends_clean(self) -> bool:
        """Whether nothing stands behind what was read: the end of the file, or the zeros of what was allocated."""
        return not any(self.content[self._offset : self._offset + FRAME.size])

    def skip_damage(self) -> bool:
        """Go to the next whole frame behind one that is damaged; False if there is none, as behind one that was cut off."""
        content = bytes(self.content[self._offset : self._offset + _LOOK + FRAME.size])
        for step in range(1, len(content) - FRAME.size):
            length, checksum = FRAME.unpack_from(content, step)
            begin = self._offset + step + FRAME.size
            if (
                0 < length <= len(self.content) - begin
                and self.content[begin] in b"[PS"
                and crc32(self.content[begin : begin + length]) == checksum
            ):
                self._offset += step
                return True
        return False


def _read(file: int, length: int, start: int) -> bytes:
    if hasattr(os, "pread"):
        return os.pread(file, length, start)
    os.lseek(file, start, os.SEEK_SET)
    return os.read(file, length)


def open_file(path: Path) -> int:
    """The descriptor of a journal's file for reading.

    Raises
    ------
    OSError
        If it cannot be opened.
    """
    return os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))


def frames(file: int, start: int) -> range:
    """The bytes that the frames of an open file take from `start` on, by their lengths alone: one that is cut off counts."""
    part = Part(file, start, 0)
    if not part.begun:
        return range(0)
    size, content = os.fstat(file).st_size, b""
    position = end = part.start
    while position + FRAME.size <= size:
        if position + FRAME.size > end:
            content = _read(file, _LOOK, position)
            end = position + len(content)
            if len(content) < FRAME.size:
                break
        (length, _) = FRAME.unpack_from(content, position - end)
        if not length:
            break
        position += FRAME.size + length
    return range(part.start, min(position, size))


def tell_drained(path: Path, position: int) -> None:
    """Leave word for the writer that the store holds all before `position`; where that is impossible it syncs itself."""
    with contextlib.suppress(OSError), path.open("r+b") as file:
        if file.read(len(MAGIC)) == MAGIC:
            file.seek(len(MAGIC))
            file.write(DRAINED.pack(position))


def read(path: Path, start: int = 0) -> Iterator[tuple[int, Record | None]]:
    """The records of one file from position `start` on, each with the position behind it; points as `MetricsLogged`.

    None stands for a record of a kind that this version does not know. Reading ends without an error at the first frame that
    is not whole: it is still being written, or its writer died. For checks and tests: the keeper reads `Part` by `Part`.
    """
    file = open_file(path)
    try:
        part = Part(file, 0, os.fstat(file).st_size)
    finally:
        os.close(file)
    names: dict[int, tuple[str, str]] = {}
    while (payload := part.next_payload()) is not None:
        if payload[0] in (P, S):
            found: list[Record | None] = list(_as_logged(payload, names))
        else:
            record = decode(payload)
            if isinstance(record, records.SeriesNamed):
                names |= {number: (record.run, name) for name, number in record.series.items()}
            found = [record]
        if part.position > start:
            yield from ((part.position, record) for record in found)


def _as_logged(payload: memoryview, names: dict[int, tuple[str, str]]) -> Iterator[Record]:
    tag, flags, series, time, step, value = POINT.unpack_from(payload)
    run, name = names[series]
    steps: array[int] | None = array("q", [step])
    values = array("d", [value])
    if tag == S:
        steps, values = columns(payload[POINT.size :], step, steps=bool(flags & STEPS))
    for index, number in enumerate(values):
        place = steps[index] if steps is not None and flags & STEPS else None
        yield records.MetricsLogged(run=run, time=time, values={name: number}, step=place)


def series_before(path: Path, end: int) -> Iterator[records.SeriesNamed]:
    """The series that were named in a file before position `end`: for a keeper that begins to read in its middle."""
    file = open_file(path)
    try:
        part = Part(file, 0, end)
    finally:
        os.close(file)
    while part.position < end and (payload := part.next_payload()) is not None:
        if bytes(payload[: len(_NAMED)]) == _NAMED and isinstance(
            record := decode(payload), records.SeriesNamed
        ):
            yield record


def last_time(path: Path) -> int | None:
    """The time (ns) of the last thing that a file tells, or None."""
    found: int | None = None
    for _, record in read(path):
        found = getattr(record, "time", None) or found
    return found
