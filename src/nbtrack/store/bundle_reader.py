"""Reading a bundle that nobody has vouched for.

Nothing in it is believed before it was checked, and nothing is unpacked by its name: members are read by the names of the
manifest and stored under their hash. The order: the seal over the whole file; the list of members as the zip file has it
(names, kinds, places, sizes); the manifest; then each member against the size and hash that the manifest promises.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import IO, TypeVar

from nbtrack.entities.bundles import (
    ChainDocument,
    Manifest,
    MemberDocument,
    OriginDocument,
    ProcessDocument,
    RegistryDocument,
    ReviewEventDocument,
    ReviewsDocument,
    RunDocument,
    TombstoneDocument,
    TombstonesDocument,
)
from nbtrack.errors import BundleError, DamagedBundle, UnsafeBundle
from nbtrack.store.blobs import ALGORITHM
from nbtrack.store.bundle_writer import (
    FORMAT,
    MANIFEST,
    MOST_DOCUMENT,
    MOST_MANIFEST,
    MOST_POINTS,
    SEAL,
    SEAL_SIZE,
    digest_of_file,
)
from nbtrack.store.documents import from_json

MOST_MEMBERS = 1_000_000
RATIO, SPARE = 100, 256 << 20
"""All members together may be `RATIO` times as large as the file, and `SPARE` bytes more."""

_ID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_KNOWN = re.compile(
    rf"runs/{_ID}\.json|points/{_ID}|processes/[0-9]{{6,9}}\.json|audit/[0-9]{{4,6}}\.json|registry\.json"
    r"|tombstones\.json|reviews\.json|blobs/[0-9a-f]{64}"
)
_CHUNK = 1 << 20
_LOCAL = struct.Struct("<4s3H4s3L2H")
_LARGE = struct.Struct("<2H2Q")
_END = struct.Struct("<4s4H2LH")
_END64_SIZE = 20 + 56

T = TypeVar("T")


@contextlib.contextmanager
def open_bundle(path: Path) -> Iterator[Bundle]:
    """The bundle at `path`, its seal, list of members and manifest checked.

    Raises
    ------
    BundleError
        If it is none, or of a newer format.
    DamagedBundle
        If it is not what was written.
    UnsafeBundle
        If it has what no bundle of nbtrack has.
    """
    try:
        # Not blocking: what the path names may turn out to be a pipe that nobody writes.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError as problem:
        raise BundleError(
            f"The bundle {path} cannot be read ({problem.strerror}).", path=str(path)
        ) from problem
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise UnsafeBundle(
                f"{path} is no file, so it is no bundle of nbtrack. Nothing was taken from it.",
                path=str(path),
            )
        try:
            yield Bundle(path, file)
        except (zipfile.BadZipFile, zlib.error, EOFError, struct.error, NotImplementedError) as problem:
            raise DamagedBundle(
                f"The bundle {path} cannot be read: {problem}. Nothing was taken from it.", path=str(path)
            ) from problem


class Bundle:
    """An open bundle."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self.path = path
        self.size = os.fstat(file.fileno()).st_size
        self.digest = self._check_seal(file)
        self._check_end(file)
        try:
            self._zip = zipfile.ZipFile(file)
        except ValueError as problem:
            raise self.unsafe(f"its list of members cannot be read ({problem})") from None
        self._infos = self._check_list(file, self._zip.infolist(), self._zip.start_dir)
        self.manifest = self._read_manifest()
        self.members = self._check_manifest()

    @cached_property
    def source(self) -> OriginDocument:
        """The store that wrote it."""
        for origin in self.manifest.origins:
            if origin.id == self.manifest.store:
                return origin
        raise self.unsafe("it does not say which store wrote it")

    @property
    def origins(self) -> list[OriginDocument]:
        """The stores that something came from, the source too."""
        return self.manifest.origins

    @cached_property
    def runs(self) -> list[str]:
        """The ids of the runs, in order."""
        runs = [name.removeprefix("runs/").removesuffix(".json") for name in self._names("runs")]
        if more := {name.removeprefix("points/") for name in self._names("points")}.difference(runs):
            raise self.unsafe(f"it has points of the run {min(more)}, which is not in it")
        return runs

    def run(self, run: str) -> RunDocument:
        """A run."""
        document = self._document(RunDocument, f"runs/{run}.json")
        if document.id != run:
            raise self.unsafe(f"its run {run} claims to be {document.id[:40]!r}")
        return document

    def points(self, run: str) -> bytes:
        """The chunks of all its series, one after the other."""
        name = f"points/{run}"
        return self._whole(name) if name in self.members else b""

    def processes(self) -> Iterator[ProcessDocument]:
        """What the runs' processes executed."""
        return (self._document(ProcessDocument, name) for name in self._names("processes"))

    @cached_property
    def registry(self) -> RegistryDocument:
        """The model versions that came of the runs, and what points at them."""
        return self._document(RegistryDocument, self._required("registry.json"))

    def chains(self) -> Iterator[ChainDocument]:
        """The audit logs of the origins."""
        return (self._document(ChainDocument, name) for name in self._names("audit"))

    def reviews(self) -> list[ReviewEventDocument]:
        """What happened in the reviews that are about its runs."""
        name = "reviews.json"
        return self._document(ReviewsDocument, name).events if name in self.members else []

    def tombstones(self) -> list[TombstoneDocument]:
        """What the source has deleted for good."""
        return self._document(TombstonesDocument, self._required("tombstones.json")).tombstones

    @cached_property
    def sizes(self) -> dict[str, int]:
        """The digests of all content that it has, each with its size."""
        return {self.members[name].digest: self.members[name].size for name in self._names("blobs")}

    def content(self, digest: str) -> Iterator[bytes]:
        """Content in pieces, checked against its digest at its end."""
        return self._pieces(f"blobs/{digest.partition(':')[2]}")

    def _required(self, name: str) -> str:
        if name not in self.members:
            raise self.unsafe(f"its member {name} is missing")
        return name

    def damaged(self, what: str) -> DamagedBundle:
        """The error of a bundle that is not what was written."""
        return DamagedBundle(
            f"The bundle {self.path} is damaged: {what}. Nothing was taken from it.", path=str(self.path)
        )

    def unsafe(self, what: str) -> UnsafeBundle:
        """The error of a bundle that has what none of nbtrack has."""
        return UnsafeBundle(
            f"The bundle {self.path} was refused: {what}. Nothing was taken from it.", path=str(self.path)
        )

    def _pieces(self, name: str) -> Iterator[bytes]:
        """The content of a member in pieces, checked against the manifest; to be read to its end."""
        member = self.members[name]
        checksum, left = hashlib.blake2b(digest_size=32), member.size
        with self._zip.open(self._infos[name]) as content:
            while piece := content.read(_CHUNK):
                left -= len(piece)
                if left < 0:
                    raise self.unsafe(f"its member {name} is larger than it says")
                checksum.update(piece)
                yield piece
        if left or f"{ALGORITHM}:{checksum.hexdigest()}" != member.digest:
            raise self.damaged(f"its member {name} is not what the manifest promises")

    def _whole(self, name: str) -> bytes:
        """The content of a member that is a document or the points of a run."""
        if self.members[name].size > (MOST_POINTS if name.startswith("points/") else MOST_DOCUMENT):
            raise self.unsafe(f"its member {name} is larger than any of its kind")
        return b"".join(self._pieces(name))

    def _document(self, hint: type[T], name: str) -> T:
        """The document in a member."""
        try:
            return from_json(hint, self._whole(name))
        except ValueError as problem:
            raise self.unsafe(f"its member {name} is no document of nbtrack ({problem})") from None

    def _names(self, folder: str) -> list[str]:
        """The members of a folder, in order."""
        return sorted(name for name in self.members if name.startswith(folder + "/"))

    def _check_seal(self, file: IO[bytes]) -> str:
        file.seek(max(0, self.size - SEAL_SIZE))
        seal = file.read(SEAL_SIZE)
        if not seal.startswith(SEAL):
            file.seek(0)
            if file.read(4) != b"PK\x03\x04":
                raise BundleError(f"{self.path} is no bundle of nbtrack.", path=str(self.path))
            raise self.damaged("its end is missing or not that of a bundle")
        digest = digest_of_file(file, self.size - SEAL_SIZE)
        if seal[len(SEAL) :] != digest.encode():
            raise self.damaged("its content does not match its seal")
        return f"{ALGORITHM}:{digest}"

    def _check_end(self, file: IO[bytes]) -> None:
        """Look at the zip file's own end before zipfile does, which would take a list of any length into memory."""
        file.seek(max(0, self.size - SEAL_SIZE - _END.size))
        mark, disk, start_disk, _, count, size, _, comment = _END.unpack(file.read(_END.size))
        if mark != b"PK\x05\x06" or comment != SEAL_SIZE or disk or start_disk:
            raise self.unsafe("its end is not that of a bundle")
        if count == 0xFFFF or size == 0xFFFFFFFF:
            file.seek(max(0, self.size - SEAL_SIZE - _END.size - _END64_SIZE))
            end64 = file.read(56)
            if end64[:4] != b"PK\x06\x06":
                raise self.unsafe("its end is not that of a bundle")
            (count,) = struct.unpack_from("<Q", end64, 32)
            (size,) = struct.unpack_from("<Q", end64, 40)
        if count > MOST_MEMBERS or size > 200 * max(count, 1):
            raise self.unsafe(f"it has more members than any bundle ({count:,})")

    def _check_list(
        self, file: IO[bytes], infos: list[zipfile.ZipInfo], end: int
    ) -> dict[str, zipfile.ZipInfo]:
        found: dict[str, zipfile.ZipInfo] = {}
        folded: set[str] = set()
        total = 0
        for info in infos:
            name = info.orig_filename
            self._check_name(name)
            self._check_kind(info)
            alike = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", name).casefold())
            if name in found:
                raise self.unsafe(f"it has the member {name!r} twice")
            if alike in folded:
                raise self.unsafe(f"its member {name!r} has the name of another but for case or spelling")
            if name != MANIFEST and not _KNOWN.fullmatch(name):
                raise self.unsafe(f"it has a member {name[:80]!r}, which no bundle has")
            found[name] = info
            folded.add(alike)
            total += info.file_size
        if total > RATIO * self.size + SPARE:
            raise self.unsafe(f"it would unpack to {total:,} bytes from {self.size:,}")
        self._check_places(file, infos, end)
        return found

    def _check_name(self, name: str) -> None:
        shown = repr(name[:80])
        if not name:
            raise self.unsafe("it has a member without a name")
        if name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name):
            raise self.unsafe(f"its member {shown} has an absolute path")
        if "\\" in name or any(unicodedata.category(character)[0] == "C" for character in name):
            raise self.unsafe(f"its member {shown} has a backslash or control character in its name")
        if ".." in name.split("/"):
            raise self.unsafe(f"its member {shown} leads out of the bundle")

    def _check_kind(self, info: zipfile.ZipInfo) -> None:
        shown = repr(info.orig_filename[:80])
        mode = info.external_attr >> 16
        if info.is_dir() or info.external_attr & 0x10 or stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            raise self.unsafe(f"its member {shown} is a folder, link or device")
        if info.flag_bits & ~(0x2 | 0x4 | 0x8 | 0x800):
            raise self.unsafe(f"its member {shown} is encrypted or patched")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise self.unsafe(f"its member {shown} is packed in a way that no bundle uses")
        if info.compress_type == zipfile.ZIP_STORED and info.compress_size != info.file_size:
            raise self.unsafe(f"its member {shown} is larger or smaller than it says")

    def _check_places(self, file: IO[bytes], infos: list[zipfile.ZipInfo], end: int) -> None:
        """Members stand one after the other, so that none is part of another and nothing hides between them.

        Each is told twice, at its own place and in the list at the end: both must say the same.
        """
        position = 0
        for info in sorted(infos, key=lambda info: info.header_offset):
            if info.header_offset != position:
                raise self.unsafe(f"its member {info.orig_filename!r} is not where it should be")
            name = info.orig_filename.encode("utf-8" if info.flag_bits & 0x800 else "cp437")
            file.seek(position)
            mark, _, flags, method, _, checksum, packed, size, length, more = _LOCAL.unpack(
                file.read(_LOCAL.size)
            )
            told = file.read(length)
            if packed == size == 0xFFFFFFFF and more == _LARGE.size:
                kind, _, size, packed = _LARGE.unpack(file.read(_LARGE.size))
                more = 0 if kind == 1 else more
            at_place = (mark, told, flags, method, checksum, packed, size, more)
            listed = (b"PK\x03\x04", name, info.flag_bits, info.compress_type, info.CRC, info.compress_size)
            if at_place != (*listed, info.file_size, 0):
                raise self.unsafe(f"its member {info.orig_filename!r} differs from what its list says")
            position = file.tell() + info.compress_size
        if position != end:
            raise self.unsafe("there is something between its members and their list")

    def _read_manifest(self) -> Manifest:
        info = self._infos.get(MANIFEST)
        if info is None:
            raise self.unsafe("it has no manifest")
        if info.file_size > MOST_MANIFEST:
            raise self.unsafe("its manifest is larger than any")
        with self._zip.open(info) as content:
            text = content.read(info.file_size + 1)
        try:
            manifest = from_json(Manifest, text)
        except ValueError as problem:
            raise self.unsafe(f"its manifest is none of nbtrack ({problem})") from None
        if not 1 <= manifest.format <= FORMAT:
            raise BundleError(
                f"The bundle {self.path} has the format {manifest.format} (nbtrack {manifest.nbtrack}), and this nbtrack "
                f"reads those up to {FORMAT}; update nbtrack.",
                path=str(self.path),
            )
        return manifest

    def _check_manifest(self) -> dict[str, MemberDocument]:
        members = {member.name: member for member in self.manifest.members}
        if len(members) != len(self.manifest.members):
            raise self.unsafe("its manifest names a member twice")
        if unnamed := sorted(self._infos.keys() - members.keys() - {MANIFEST}):
            raise self.unsafe(f"its member {unnamed[0]!r} is not in the manifest")
        for name, member in members.items():
            info = self._infos.get(name)
            if info is None or name == MANIFEST:
                raise self.unsafe(f"its manifest names {name[:80]!r}, which is not there")
            if info.file_size != member.size:
                raise self.unsafe(f"its member {name} has not the size that the manifest promises")
            if name.startswith("blobs/") and member.digest != f"{ALGORITHM}:{name.removeprefix('blobs/')}":
                raise self.unsafe(f"its member {name} has not the hash that its name is")
        return members
