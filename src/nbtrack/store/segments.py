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
from pathlib import Path

from nbtrack.store.journal import DRAINED, HEADER, MAGIC

SIZES = (1 << 18, 1 << 20, 1 << 22, 1 << 24)
"""Bytes of the first segments of a journal; the last one counts for all later ones."""

RESERVE = 1 << 14
"""Bytes at the end of a segment for what a signal's handler writes while its own thread makes room."""

MAPPED = frozenset({"ext2", "ext3", "ext4", "xfs", "tmpfs", "overlay"})
"""File systems on which allocated bytes can be written without asking for space again."""

_POPULATE_WRITE = 23  # MADV_POPULATE_WRITE of Linux 5.14, which Python has no name for
_POPULATED = 1 << 18
"""Bytes that are brought in at a time: madvise holds the interpreter for 5 µs a page."""


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
    """

    __slots__ = ("descriptor", "limit", "map", "path", "populated", "size", "synced")

    def __init__(self, path: Path | None, descriptor: int, content: mmap.mmap | None, size: int) -> None:
        self.path = path
        self.descriptor = descriptor
        self.map = content
        self.size = size
        self.limit = size - RESERVE
        self.populated = 0
        self.synced = 0

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
        if self.map is None:
            return 0
        (position,) = DRAINED.unpack_from(self.map, len(MAGIC))
        return int(position)

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


def size_of(number: int, need: int) -> int:
    """The size of the segment `number`, which must hold a header and `need` bytes."""
    size = SIZES[min(number, len(SIZES) - 1)]
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


def sync_folder(folder: Path) -> None:
    """Wait until the disk holds the files of a folder; one that vanishes meanwhile has been taken in.

    Raises
    ------
    OSError
        If the disk fails.
    """
    files = []
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):
            files.append(os.open(path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0)))
    sync_and_close(files, folder)


def sync_and_close(files: list[int], folder: Path) -> None:
    """Sync and close the descriptors of files that lie in `folder`, and sync that.

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
    if files and hasattr(os, "O_DIRECTORY"):  # a file that was just made is lost with its name
        directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    if problem is not None:
        raise problem
