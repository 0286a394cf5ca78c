"""A blob looked at byte by byte: its stored form against its checksum, its content against its name."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nbtrack.store.blobs import ALGORITHM, PIECES_CODEC, pieces_of

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class BlobRow:
    """A row of ``blobs``; `checksum` is missing in rows of older versions."""

    digest: str
    size: int
    stored_size: int
    codec: str
    checksum: int | None
    content: bytes | None


def damage(row: BlobRow, path: Path) -> str | None:
    """What is wrong with a blob, as a sentence without its subject; None if nothing is.

    Parameters
    ----------
    path
        The file that holds it if the row does not.
    """
    if row.content is None and not path.is_file():
        return "is not there: its file is missing"
    if row.codec == PIECES_CODEC:
        return _damaged_list(row)
    stored_size = checksum = size = 0
    content = hashlib.blake2b(digest_size=32)
    unpacker = zlib.decompressobj() if row.codec == "zlib" else None
    try:
        for chunk in _stored(row, path):
            stored_size += len(chunk)
            checksum = zlib.crc32(chunk, checksum)
            for plain in _unpacked(unpacker, chunk):
                size += len(plain)
                content.update(plain)
    except zlib.error as problem:
        return f"cannot be unpacked: {problem}"
    except OSError as problem:
        return f"cannot be read: {problem.strerror}"
    if unpacker is not None and not unpacker.eof:
        return "is cut off"
    if unpacker is not None and unpacker.unused_data:
        return "has more bytes than were stored"
    if f"{ALGORITHM}:{content.hexdigest()}" != row.digest:
        return "is not what was stored: it has another hash"
    if row.checksum is not None and checksum != row.checksum:
        return "is stored in other bytes than were written; what they unpack to is right"
    if (size, stored_size) != (row.size, row.stored_size) or row.codec not in ("", "zlib"):
        return "is right, but what the database says of its size or form is not"
    return None


def _damaged_list(row: BlobRow) -> str | None:
    """What is wrong with the list of a blob in pieces. The pieces are blobs themselves, and looked at by themselves."""
    content = row.content or b""
    if row.checksum != zlib.crc32(content) or row.stored_size != len(content):
        return "is not the list of pieces that was stored"
    try:
        pieces_of(content)
    except zlib.error as problem:
        return f"cannot be unpacked: {problem}"
    return None


def _stored(row: BlobRow, path: Path) -> Iterator[bytes]:
    if row.content is not None:
        yield row.content
        return
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _unpacked(unpacker: zlib._Decompress | None, chunk: bytes) -> Iterator[bytes]:
    if unpacker is None:
        yield chunk
        return
    while plain := unpacker.decompress(chunk, _CHUNK):  # a part at a time: a little may unpack to very much
        yield plain
        chunk = unpacker.unconsumed_tail
