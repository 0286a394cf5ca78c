"""Writing a bundle: a zip file whose last bytes are a seal over all the others.

Members are packed in the given order with a fixed time, so that the same content gives the same bytes. ``manifest.json``
names each member with its size and hash. The file's comment, its very end, is the seal: a hash of every byte before it, so
that no flipped bit anywhere and no missing end goes unnoticed.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import IO

from nbtrack.entities.bundles import (
    Manifest,
    MemberDocument,
    OriginDocument,
    ReviewsDocument,
    TombstonesDocument,
)
from nbtrack.entities.ids import new_id
from nbtrack.store.blobs import ALGORITHM, sync_folder
from nbtrack.store.bundle_contents import Contents
from nbtrack.store.documents import to_json
from nbtrack.version import __version__

FORMAT = 3
MOST_DOCUMENT, MOST_MANIFEST, MOST_POINTS = 64 << 20, 256 << 20, 512 << 20
"""Bytes at most of one JSON document (a reader needs ten times the memory), of the manifest, of the points of one run."""

WORTH = 50
"""Content that shrinks to less than this part of itself stays as it is: a reader would take it for a bomb."""

MANIFEST = "manifest.json"

SEAL = f"nbtrack bundle {ALGORITHM}:".encode()
SEAL_SIZE = len(SEAL) + 64

_EPOCH = (1980, 1, 1, 0, 0, 0)
_CHUNK = 1 << 20
_LARGE = 1 << 31


@contextlib.contextmanager
def appearing_file(target: Path, over: bool) -> Iterator[IO[bytes]]:
    """A file that has the name `target` when the block ends, whole and on the disk, or is gone.

    Raises
    ------
    FileExistsError
        If there is one of this name, also if it came meanwhile; with `over` it is replaced.
    """
    temporary = target.with_name(f".{target.name[:100]}.{new_id()}")
    try:
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if over:
            temporary.replace(target)
        else:
            _rename_to_new(temporary, target)
        sync_folder(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _rename_to_new(temporary: Path, target: Path) -> None:
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if target.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        temporary.replace(target)


def write_bundle(file: IO[bytes], contents: Contents) -> str:
    """Write a bundle; the digest of its seal.

    Raises
    ------
    ValueError
        If a run is larger than what a bundle may hold.
    """
    with contextlib.closing(BundleWriter(file)) as bundle:
        for run in contents.runs:
            bundle.add_document(f"runs/{run}.json", contents.run(run))
            points = contents.points(run)
            if len(points) > MOST_POINTS:
                raise ValueError(f"the points of the run {run} take more than {MOST_POINTS:,} bytes")
            if points:
                bundle.add(
                    f"points/{run}", [points], len(points), packed=False
                )  # they are packed as well as they can be
        for number, process in enumerate(contents.processes(), 1):
            bundle.add_document(f"processes/{number:06}.json", process)
        bundle.add_document("registry.json", contents.registry)
        if reviews := contents.reviews():
            bundle.add_document("reviews.json", ReviewsDocument(events=reviews))
        bundle.add_document("tombstones.json", TombstonesDocument(tombstones=contents.tombstones()))
        for number, log in enumerate(contents.chains(), 1):
            bundle.add_document(f"audit/{number:04}.json", log)
        for digest, size in contents.sizes.items():
            bundle.add_content(digest, contents.content(digest), size)
        return bundle.finish(contents.source.id, contents.origins)


class BundleWriter:
    """Puts members into a bundle; `finish` writes the manifest and the seal."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._zip = zipfile.ZipFile(file, "w")
        self._members: list[MemberDocument] = []

    def add(self, name: str, pieces: Iterable[bytes], size: int, packed: bool = True) -> None:
        """Add a member.

        Parameters
        ----------
        size
            How many bytes all pieces have.
        packed
            Whether to compress it.
        """
        checksum, count = hashlib.blake2b(digest_size=32), 0
        with self._zip.open(_info(name, packed), "w", force_zip64=size >= _LARGE) as member:
            for piece in pieces:
                checksum.update(piece)
                count += len(piece)
                member.write(piece)
        self._members.append(
            MemberDocument(name=name, size=count, digest=f"{ALGORITHM}:{checksum.hexdigest()}")
        )

    def add_content(self, digest: str, pieces: Iterator[bytes], size: int) -> None:
        """Add the content of a blob; one that is large is packed if its beginning shrinks, and not to almost nothing."""
        first = next(pieces, b"")
        shrunk = len(zlib.compress(first, 1))
        packed = shrunk < 0.95 * len(first) and (size <= len(first) or shrunk * WORTH > len(first))
        self.add(f"blobs/{digest.partition(':')[2]}", chain([first], pieces), size, packed)

    def add_document(self, name: str, document: object) -> None:
        """Add a document as JSON."""
        content = to_json(document)
        if len(content) > MOST_DOCUMENT:
            raise ValueError(f"its part {name} would be larger than {MOST_DOCUMENT:,} bytes")
        self.add(name, [content], len(content))

    def close(self) -> None:
        """Let go of the file, whether all was written or not; the file itself stays open."""
        self._zip.close()

    def finish(self, store: str, origins: list[OriginDocument]) -> str:
        """Write the manifest and the seal; the seal's digest."""
        manifest = Manifest(
            format=FORMAT, nbtrack=__version__, store=store, origins=origins, members=self._members
        )
        self._zip.writestr(_info(MANIFEST, True), to_json(manifest))
        self._zip.comment = SEAL + b"0" * 64
        self._zip.close()
        self._file.flush()
        digest = digest_of_file(self._file, self._file.seek(0, os.SEEK_END) - SEAL_SIZE)
        self._file.seek(-64, os.SEEK_END)
        self._file.write(digest.encode())
        return f"{ALGORITHM}:{digest}"


def _info(name: str, packed: bool) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    info._compresslevel = 1  # type: ignore[attr-defined]
    info.create_system = 3
    info.external_attr = (stat.S_IFREG | 0o600) << 16
    return info


def digest_of_file(file: IO[bytes], size: int) -> str:
    """The hash of the first `size` bytes."""
    checksum = hashlib.blake2b(digest_size=32)
    file.seek(0)
    while size > 0:
        piece = file.read(min(size, _CHUNK))
        if not piece:
            break
        checksum.update(piece)
        size -= len(piece)
    return checksum.hexdigest()
