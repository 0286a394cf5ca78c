"""What a store stands on: its file system, the room on it, who else could read it, and the process that serves it."""

from __future__ import annotations

import contextlib
import gc
import os
import shutil
import sys
from pathlib import Path

NETWORK = frozenset(
    (
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "9p",
        "afs",
        "ceph",
        "lustre",
        "beegfs",
        "gpfs",
        "glusterfs",
        "virtiofs",
        "davfs",
    )
)
"""File systems that other machines may have open too. Their locks and their mapped files are not those of a disk."""


def file_system(folder: Path) -> str:
    """The type of the file system that holds `folder`, as the system calls it; empty where it cannot be known."""
    try:
        device = folder.stat().st_dev
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in lines:
        fields, _, rest = line.partition(" - ")
        if fields.split()[2:3] == [wanted]:
            return rest.split()[0]
    return ""


def is_of_a_network(kind: str) -> bool:
    """Whether a file system of this type belongs to several machines; every one in user space may."""
    return kind in NETWORK or kind.startswith("fuse")


def free_space(folder: Path) -> int:
    """The bytes that this user may still write where `folder` is."""
    return shutil.disk_usage(folder).free


def is_private(folder: Path) -> bool:
    """Whether `folder` is this user's and closed to others."""
    state = folder.stat()
    return not hasattr(os, "getuid") or (state.st_uid == os.getuid() and not state.st_mode & 0o077)


def memory() -> int:
    """The bytes of memory of this process; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def give_back_memory() -> None:
    """Return what this process has freed to the system, where its allocator would keep it for the next time."""
    gc.collect()  # also empties the interpreter's lists of objects to use again, which hold its blocks of memory
    if sys.platform == "linux":
        import ctypes

        with contextlib.suppress(AttributeError, OSError):  # musl has no such function, and keeps less
            ctypes.CDLL(None).malloc_trim(0)
