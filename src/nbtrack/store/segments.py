"""The files of a journal as their writer sees them: allocated and mapped, appended to, or in memory for want of a disk.

A mapped file costs a store no system call, and what is in it survives the death of the process. It is allocated before it
is mapped: writing into a hole of a map on a full disk ends the process with SIGBUS. Only file systems that keep that
promise are mapped; network and FUSE file systems, those that copy on write, and systems without ``posix_fallocate`` get
plain appending writes.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import struct
from pathlib import Path

from nbtrack.store.journal import DRAINED, HEADER, MAGIC

SIZES = (1 << 18, 1 << 20, 1 << 22, 1 << 24)
"""Bytes of the first segments of a journal; the last one counts for all later ones."""

_SHARE = 16
"""A segment takes no more than this part of the room that is left: the database needs some to take it in."""

RESERVE = 1 << 14
"""Bytes at the end of a segment for what a signal's handler writes while its own thread makes room."""

MAPPED = frozenset({"ext2", "ext3", "ext4", "xfs", "tmpfs", "overlay"})
"""File systems on which allocated bytes can be written without asking for space again."""

_POPULATE_WRITE = 23  # MADV_POPULATE_WRITE of Linux 5.14, which Python has no name for
_POPULATED = 1 << 18
"""Bytes that are brought in at a time: madvise holds the interpreter for 5 µs a page."""

_LOOKS = 8
"""Looks at a segment that are remembered; without the older ones it counts as late sooner."""


class Segment:
    """One part of a journal.

    Attributes
    ----------
    path
        The file; None while it is in memory only.
    map
        The content where it is mapped or in memory; None where it is appended to.
    size
        The bytes that fit.
    limit
        The bytes that are filled before the journal goes on in another segment.
    synced
        How far the disk holds it.
    """

    __slots__ = ("descriptor", "limit", "looks", "map", "path", "populated", "size", "synced")

    def __init__(self, path: Path | None, descriptor: int, content: mmap.mmap | None, size: int) -> None:
        self.path = path
        self.descriptor = descriptor
        self.map = content
        self.size = size
        self.limit = size - RESERVE
        self.populated = 0
        self.synced = 0
        self.looks: list[tuple[float, int]] = []
        """Moments, each with how far the content went then: what stands behind that is younger. Empty: nobody knows."""

    def populate(self, end: int) -> bool:
        """Have the pages up to `end` ready to be written, a part at a time; whether more remain.

        Without it each first store into a page waits for the file system, and that for whoever else is syncing.
        """
        if self.map is None or self.descriptor < 0 or self.populated >= min(end, self.size):
            return False
        length = min(_POPULATED, self.size - self.populated)
        try:
            self.map.madvise(_POPULATE_WRITE, self.populated, length)
        except (OSError, ValueError, AttributeError):
            self.populated = self.size  # an older kernel: the pages come when they are touched
            return False
        self.populated += length
        return self.populated < min(end, self.size)

    def drained(self) -> int:
        """How far the keeper has taken in what is in the file, by its own word."""
        if self.map is not None:
            (position,) = DRAINED.unpack_from(self.map, len(MAGIC))
            return int(position)
        if self.descriptor >= 0 and hasattr(os, "pread"):
            with contextlib.suppress(OSError, struct.error):
                (position,) = DRAINED.unpack(os.pread(self.descriptor, DRAINED.size, len(MAGIC)))
                return int(position)
        return 0

    def is_safe(self, end: int) -> bool:
        """Whether all before `end` survives a power cut, in the store or here."""
        return max(self.drained(), self.synced) >= end

    def is_late(self, now: float, end: int, patience: float) -> bool:
        """Look how far it is safe; whether something before `end` may have been waiting for longer than `patience` seconds.

        Never in memory, where there is nothing to sync. `now` is a moment (of the monotonic clock) before `end` was read:
        what stands behind `end` is younger.
        """
        if self.descriptor < 0:
            return False
        safe = max(self.drained(), self.synced)
        while len(self.looks) > 1 and self.looks[1][1] <= safe:
            del self.looks[0]
        del self.looks[1:-_LOOKS]
        self.looks.append((now, end))
        since, before = self.looks[0]
        return safe < end and (safe < before or now - since >= patience)

    def finish(self, end: int) -> None:
        """Give back what is behind `end` and let the file go."""
        if self.descriptor >= 0:
            with contextlib.suppress(OSError):
                if self.map is not None:
                    os.ftruncate(self.descriptor, end)
        self.release()

    def release(self) -> None:
        """Let the file go as it is."""
        self.map = None  # unmapped with its last reference
        if self.descriptor >= 0:
            descriptor, self.descriptor = self.descriptor, -1
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def remove(self) -> None:
        """Let the file go and remove it: nothing was written into it."""
        self.release()
        if self.path is not None:
            with contextlib.suppress(OSError):
                self.path.unlink(missing_ok=True)


def create(path: Path, size: int, *, mapped: bool) -> Segment:
    """A new file of `size` bytes, or with `mapped` False one that grows by appending.

    Raises
    ------
    OSError
        If it exists, or there is no space for it.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, 0o600)
    try:
        if not mapped:
            return Segment(path, descriptor, None, size)
        os.posix_fallocate(descriptor, 0, size)
        return Segment(path, descriptor, mmap.mmap(descriptor, size), size)
    except BaseException:
        os.close(descriptor)
        with contextlib.suppress(OSError):
            path.unlink()
        raise


def remove_unused(path: Path) -> None:
    """Remove a journal's file that nothing was written into, if it is there."""
    with contextlib.suppress(OSError):
        with path.open("rb") as file:
            begun = file.read(len(MAGIC)) == MAGIC
        if not begun:
            path.unlink()


def in_memory(size: int) -> Segment:
    """A segment that waits for a place on disk."""
    return Segment(None, -1, mmap.mmap(-1, size), size)


def size_of(number: int, need: int, folder: Path | None = None) -> int:
    """The size of the segment `number` for `need` bytes behind its header; a small one where `folder` has little room."""
    size = SIZES[min(number, len(SIZES) - 1)]
    if folder is not None and hasattr(os, "statvfs"):
        with contextlib.suppress(OSError):
            room = os.statvfs(folder)
            if size > room.f_bavail * room.f_frsize // _SHARE:
                size = SIZES[0]
    return max(size, -(-(HEADER + need + SIZES[0]) // 4096) * 4096 if need > size // 2 else size)


def can_be_mapped(folder: Path) -> bool:
    """Whether files in `folder` may be mapped; by the type of its file system, as the system tells it."""
    if not hasattr(os, "posix_fallocate"):
        return False
    try:
        device = folder.stat().st_dev
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    wanted = f"{os.major(device)}:{os.minor(device)}"
    found = False
    for line in lines:
        fields, _, rest = line.partition(" - ")
        if fields.split()[2:3] == [wanted]:
            if rest.split()[0] not in MAPPED:
                return False
            found = True
    return found


def sync_and_close(files: list[int], folder: Path | None = None) -> None:
    """Sync and close the descriptors of files, and sync the folder with their names if it is given.

    Raises
    ------
    OSError
        If the disk fails.
    """
    problem: OSError | None = None
    for file in files:
        try:
            os.fsync(file)
        except OSError as error:
            problem = error
        finally:
            os.close(file)
    if problem is not None:
        raise problem
    if files and folder is not None:
        sync_names(folder)


def sync_names(folder: Path) -> None:
    """Sync a folder: a file that was just made is lost with its name.

    Raises
    ------
    OSError
        If the disk fails.
    """
    if hasattr(os, "O_DIRECTORY"):
        directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
