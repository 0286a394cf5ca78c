"""The journal: an append-only file of one process, written by it alone and read by the keeper.

Layout: the 16 bytes of `MAGIC`, then frames ``length (u32 LE) | crc32 (u32 LE) | payload``, where the payload is the JSON
array ``[kind, fields]``. A finished ``write()`` survives the death of the process; a frame that was cut off by it is never
read, since its length or checksum does not fit. JSON, since it keeps NaN, infinities, integers of any size and lone
surrogates as they are.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
import threading
import zlib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

from nbtrack.entities import records
from nbtrack.entities.records import Record

MAGIC = b"nbtrack jrnl v1\n"
SUFFIX = ".journal"
_FRAME = struct.Struct("<II")
_MAX_FRAME = 1 << 30

_KINDS: dict[str, Any] = {kind.__name__: kind for kind in get_args(records.Record)}
_FIELDS: dict[str, frozenset[str]] = {
    name: frozenset(field.name for field in fields(kind)) for name, kind in _KINDS.items()
}


def encode(record: Record) -> bytes:
    """A record as one frame."""
    kind = type(record).__name__
    content = {name: getattr(record, name) for name in _FIELDS[kind]}
    payload = json.dumps([kind, content], separators=(",", ":"), default=_plain).encode()
    return _FRAME.pack(len(payload), zlib.crc32(payload)) + payload


def _plain(value: object) -> object:
    # Records hold plain values; anything else that slips in must not cost the record.
    return f"<{type(value).__module__}.{type(value).__qualname__}>"


class JournalWriter:
    """Appends records of this process. Safe to use from several threads; not across a fork.

    Where the disk is full the frames wait in memory and are written before the next one, so that order is kept.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.position = 0
        """The end of the last frame that is in the file."""
        self.problem: OSError | None = None
        self._lock = threading.RLock()
        self._backlog: list[bytes] = []
        self._descriptor = -1

    def open(self) -> None:
        """Create the file.

        Raises
        ------
        OSError
            If the file exists or cannot be created.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
        self._descriptor = os.open(self.path, flags, 0o600)
        os.write(self._descriptor, MAGIC)
        self.position = len(MAGIC)

    def append(self, record: Record) -> int:
        """Write one record and return the position behind it. Never raises on a full or vanished disk."""
        frame = encode(record)
        with self._lock:
            self._backlog.append(frame)
            self._write_backlog()
            return self.position

    def _write_backlog(self) -> None:
        while self._backlog:
            frame = self._backlog[0]
            try:
                written = os.write(self._descriptor, frame)
                if written < len(frame):
                    # A cut frame would hide all that follows it: take it back and wait for room.
                    os.ftruncate(self._descriptor, self.position)
                    self.problem = OSError(28, "No space left on device")
                    return
            except OSError as problem:
                self.problem = problem
                return
            self.position += written
            self.problem = None
            del self._backlog[0]

    def sync(self) -> None:
        """Wait until the disk holds everything.

        Raises
        ------
        OSError
            If something could not be written.
        """
        with self._lock:
            self._write_backlog()
            if self.problem is not None:
                raise self.problem
            os.fsync(self._descriptor)

    def close(self) -> None:
        """Write what still waits, if it can be written, and close the file."""
        with self._lock:
            self._write_backlog()
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = -1

    def abandon(self) -> None:
        """Forget the file without writing: for the child of a fork, where the parent goes on writing."""
        self._lock = threading.RLock()
        with contextlib.suppress(OSError):
            os.close(self._descriptor)
        self._descriptor, self._backlog = -1, []


def read(path: Path, start: int = 0) -> Iterator[tuple[int, Record | None]]:
    """The records from position `start` on, each with the position behind it.

    None stands for a record of a kind that this version does not know. Reading ends without an error at the first frame that
    is not whole: it is still being written, or its writer died.
    """
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            return
        position = max(start, len(MAGIC))
        file.seek(position)
        while len(head := file.read(_FRAME.size)) == _FRAME.size:
            length, checksum = _FRAME.unpack(head)
            if length > _MAX_FRAME:
                return
            payload = file.read(length)
            if len(payload) != length or zlib.crc32(payload) != checksum:
                return
            position += _FRAME.size + length
            kind, content = json.loads(payload)
            yield position, _decode(kind, content)


def _decode(kind: str, content: dict[str, Any]) -> Record | None:
    known = _FIELDS.get(kind)
    if known is None:
        return None
    record: Record = _KINDS[kind](**{name: value for name, value in content.items() if name in known})
    return record
