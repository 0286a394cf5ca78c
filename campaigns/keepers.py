"""The keeper of a store as an outsider finds it: by who holds the lock, without asking it anything."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import struct
import time
from pathlib import Path

from nbtrack.keeper.address import LOCK

_FLOCK = struct.Struct("hhqqi4x")
"""``struct flock`` of 64-bit Linux: type, whence, start, length, pid."""


def keeper_of(store: Path) -> int | None:
    """The pid of the process that holds the store's lock. Never to be called in a process that may hold it itself."""
    try:
        descriptor = os.open(store / LOCK, os.O_RDWR)
    except OSError:
        return None
    try:
        asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, pid = _FLOCK.unpack(fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))
    finally:
        os.close(descriptor)
    return int(pid) if kind != fcntl.F_UNLCK and pid > 0 else None


def kill_keeper(store: Path) -> bool:
    """``kill -9`` of the store's keeper; whether there was one."""
    pid = keeper_of(store)
    signal_to(pid, signal.SIGKILL)
    return pid is not None


def signal_to(pid: int | None, number: signal.Signals) -> None:
    """Send a signal to a keeper, if there is one and it has not ended meanwhile."""
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def wait_for_keeper(store: Path, seconds: float) -> bool:
    """Wait until a process holds the store's lock: it is about to open the database, or has."""
    deadline = time.monotonic() + seconds
    while keeper_of(store) is None:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.0005)
    return True


def end_keeper(store: Path) -> None:
    """Kill the store's keeper and wait until it has let go; another may have been on its way."""
    deadline = time.monotonic() + 10
    while kill_keeper(store) and time.monotonic() < deadline:
        time.sleep(0.002)
