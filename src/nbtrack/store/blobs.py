"""Content addressed by its hash: small pieces as rows, bulk as files of the folder ``blobs``.

A file is written whole before the row that names it (temporary file, fsync, rename, fsync of the folder), so that
a row never promises what the disk does not hold.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import apsw

from nbtrack.entities.ids import new_id
from nbtrack.errors import StoreCorrupt
from nbtrack.store.pieces import cut

ALGORITHM = "blake2b-256"
INLINE_LIMIT = 16_384
"""Stored sizes up to this many bytes stand in the database: a file would cost more than it holds."""

PIECES_CODEC = "pieces"
"""The codec of a blob whose stored bytes are the digests of the blobs that it is made of, packed."""

_CHUNK = 1 << 20


def digest_of(content: bytes) -> str:
    """The name of `content`: algorithm and hash."""
    return f"{ALGORITHM}:{hashlib.blake2b(content, digest_size=32).hexdigest()}"


@dataclasses.dataclass(frozen=True, slots=True)
class Packed:
    """A blob as its row will be; ``content`` is None where it is in a file."""

    digest: str
    size: int
    stored_size: int
    codec: str
    checksum: int
    content: bytes | None


class Blobs:
    """The blobs of one store."""

    def __init__(self, folder: Path, connection: apsw.Connection) -> None:
        self._folder = folder
        self._connection = connection

    def path(self, digest: str) -> Path:
        """Where the blob's file is, if it has one."""
        name = digest.partition(":")[2]
        return self._folder / name[:2] / name

    def put(self, content: bytes) -> str:
        """Store `content` once and return its digest. To be called inside a transaction."""
        digest = digest_of(content)
        if self._has_again(digest):
            return digest
        codec, stored = _smaller(content)
        inline = stored if len(stored) <= INLINE_LIMIT else None
        if inline is None:
            with self._new_file(digest) as file:
                file.write(stored)
        self._insert(digest, len(content), len(stored), codec, zlib.crc32(stored), inline)
        return digest

    def adopt(self, path: Path) -> str:
        """Store the content of the file at `path` without holding it in memory; the file stays. Returns the digest."""
        if path.stat().st_size <= _CHUNK:
            return self.put(path.read_bytes())
        checksum, size = hashlib.blake2b(digest_size=32), 0
        with path.open("rb") as source:
            while chunk := source.read(_CHUNK):
                checksum.update(chunk)
                size += len(chunk)
        digest = f"{ALGORITHM}:{checksum.hexdigest()}"
        if self._has_again(digest):
            return digest
        stored_size = stored_checksum = 0
        with path.open("rb") as source, self._new_file(digest) as file:
            for part in _packed(_read(source)):
                file.write(part)
                stored_size += len(part)
                stored_checksum = zlib.crc32(part, stored_checksum)
        self._insert(digest, size, stored_size, "zlib", stored_checksum, None)
        return digest

    def put_notebook(self, content: bytes) -> str:
        """Store a notebook's file and return its digest; what it has in common with others is stored once."""
        pieces = cut(content)
        if len(pieces) == 1:
            return self.put(content)
        digest = digest_of(content)
        if self._has_again(digest):
            return digest
        digests = [self.put(piece) for piece in pieces]
        stored = zlib.compress(bytes.fromhex("".join(piece.partition(":")[2] for piece in digests)), 1)
        self._insert(digest, len(content), len(stored), PIECES_CODEC, zlib.crc32(stored), stored)
        self._connection.executemany(
            "INSERT OR IGNORE INTO blob_pieces (digest, piece) VALUES (?, ?)",
            [(digest, piece) for piece in digests],
        )
        return digest

    def pack(self, digest: str, size: int, pieces: Iterator[bytes]) -> Packed:
        """Write content from elsewhere where it will be, before the row that `insert` adds. Needs no connection.

        Parameters
        ----------
        pieces
            The content; whoever gives it checks it against `digest`, and raises at its end if it is something else.
        """
        if size <= _CHUNK:
            codec, stored = _smaller(b"".join(pieces))
            if len(stored) <= INLINE_LIMIT:
                return Packed(digest, size, len(stored), codec, zlib.crc32(stored), stored)
            with self._new_file(digest) as place:
                place.write(stored)
            return Packed(digest, size, len(stored), codec, zlib.crc32(stored), None)
        stored_size = checksum = 0
        with self._new_file(digest) as file:
            for part in _packed(pieces):
                file.write(part)
                stored_size += len(part)
                checksum = zlib.crc32(part, checksum)
        return Packed(digest, size, stored_size, "zlib", checksum, None)

    def insert(self, packed: Packed) -> None:
        """Add what `pack` wrote. To be called inside a transaction."""
        if not self._has_again(packed.digest):
            self._insert(*dataclasses.astuple(packed))

    def has(self, digest: str) -> bool:
        """Whether the store has this content."""
        return (
            next(self._connection.execute("SELECT 1 FROM blobs WHERE digest = ?", (digest,)), None)
            is not None
        )

    def _has_again(self, digest: str) -> bool:
        """Whether the content is there; if nothing referred to it, its time of grace begins anew."""
        if not self.has(digest):
            return False
        self._connection.execute("DELETE FROM orphans WHERE digest = ?", (digest,))
        return True

    def folders(self) -> list[Path]:
        """The folders that hold the files."""
        return sorted(path for path in self._folder.glob("[0-9a-f][0-9a-f]") if path.is_dir())

    def strays(self, folder: Path, before: float) -> list[Path]:
        """The files of a folder that no row names and that were written before a moment (Unix time in seconds).

        A write that was cut off leaves such: a temporary file, or a whole one whose row was not committed. To be called
        inside a transaction, so that nobody is about to name one.
        """
        found = []
        for path in folder.iterdir():
            named = self.has(f"{ALGORITHM}:{path.name}")
            with contextlib.suppress(FileNotFoundError):
                if not named and path.is_file() and path.stat().st_mtime < before:
                    found.append(path)
        return found

    def get(self, digest: str) -> bytes:
        """The content of a blob, checked against its hash.

        Raises
        ------
        StoreCorrupt
            If it is not there or not what it was.
        """
        place = self.locate(digest)
        if place is None:
            raise StoreCorrupt(f"The content {digest} is not in the store.", digest=digest)
        codec, stored = place
        if codec == PIECES_CODEC:
            return b"".join(self.read(digest))
        try:
            if stored is None:
                stored = self.path(digest).read_bytes()
            content = zlib.decompress(stored) if codec == "zlib" else bytes(stored)
        except (OSError, zlib.error) as problem:
            raise StoreCorrupt(f"The content {digest} cannot be read: {problem}.", digest=digest) from problem
        if digest_of(content) != digest:
            raise StoreCorrupt(f"The content {digest} is not what was stored.", digest=digest)
        return content

    def read(self, digest: str) -> Iterator[bytes]:
        """The content of a blob in pieces, so that none of it is held in memory whole; checked at its end.

        Raises
        ------
        StoreCorrupt
            If it is not there, or (after the last piece) not what it was.
        """
        place = self.locate(digest)
        if place is None:
            raise StoreCorrupt(f"The content {digest} is not in the store.", digest=digest)
        codec, stored = place
        checksum = hashlib.blake2b(digest_size=32)
        try:
            if codec == PIECES_CODEC:
                parts: Iterable[bytes] = map(self.get, pieces_of(stored or b""))
            else:
                parts = _unpacked(codec, _pieces(self.path(digest)) if stored is None else [stored])
            for piece in parts:
                checksum.update(piece)
                yield piece
        except (OSError, zlib.error, EOFError) as problem:
            raise StoreCorrupt(f"The content {digest} cannot be read: {problem}.", digest=digest) from problem
        if f"{ALGORITHM}:{checksum.hexdigest()}" != digest:
            raise StoreCorrupt(f"The content {digest} is not what was stored.", digest=digest)

    def files(self) -> list[tuple[str, int]]:
        """The digests of the blobs that have a file, and the size of each file."""
        found: list[Any] = self._connection.execute(
            "SELECT digest, stored_size FROM blobs WHERE content IS NULL ORDER BY digest"
        ).fetchall()
        return found

    def locate(self, digest: str) -> tuple[str, bytes | None] | None:
        """The codec of a blob and its stored bytes (None: they are in the file at `path`); None if it is not there."""
        row = next(
            self._connection.execute("SELECT codec, content FROM blobs WHERE digest = ?", (digest,)), None
        )
        return (row[0], row[1]) if row else None

    def total_size(self) -> int:
        """The bytes that all blobs take on disk."""
        (size,) = next(self._connection.execute("SELECT coalesce(sum(stored_size), 0) FROM blobs"))
        return int(size)

    def _insert(
        self, digest: str, size: int, stored_size: int, codec: str, checksum: int, content: bytes | None
    ) -> None:
        self._connection.execute(
            "INSERT INTO blobs (digest, size, stored_size, codec, checksum, content) VALUES (?, ?, ?, ?, ?, ?)",
            (digest, size, stored_size, codec, checksum, content),
        )

    def _new_file(self, digest: str) -> contextlib.AbstractContextManager[IO[bytes]]:
        return durable_file(self.path(digest))


def pieces_of(stored: bytes) -> list[str]:
    """The digests that the row of a blob in pieces holds, in the order of the pieces."""
    plain = zlib.decompress(stored).hex()
    return [f"{ALGORITHM}:{plain[place : place + 64]}" for place in range(0, len(plain), 64)]


def _smaller(content: bytes) -> tuple[str, bytes]:
    """Content as it is stored: compressed where that pays."""
    packed = zlib.compress(content, 1)
    return ("zlib", packed) if len(packed) < len(content) else ("", content)


def _packed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(1)
    for piece in pieces:
        yield packer.compress(piece)
    yield packer.flush()


def _read(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(_CHUNK):
        yield piece


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from _read(file)


def _unpacked(codec: str, stored: Iterable[bytes]) -> Iterator[bytes]:
    if codec != "zlib":
        yield from stored
        return
    unpacker = zlib.decompressobj()
    for piece in stored:
        while piece:
            yield unpacker.decompress(piece, _CHUNK)
            piece = unpacker.unconsumed_tail
    yield unpacker.flush()
    if not unpacker.eof:
        raise EOFError("it ends too early")


@contextlib.contextmanager
def durable_file(path: Path) -> Iterator[IO[bytes]]:
    """A file for writing that appears at `path` whole and on disk when the block ends, or not at all."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    temporary = path.with_name(f".{new_id()}")
    try:
        with temporary.open("xb") as file:
            temporary.chmod(0o600)
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    for folder in (path.parent, path.parent.parent):
        sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Wait until the disk holds the names in `folder`."""
    with contextlib.suppress(OSError):  # Windows and some network file systems cannot open a folder
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
