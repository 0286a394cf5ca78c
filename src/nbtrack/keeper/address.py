"""Where the keeper of a store listens, and the lock that makes it the only one."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

from nbtrack.store.location import not_writable, runtime_folder

LOCK = "keeper.lock"


def socket_path(store: Path) -> Path:
    """The socket of the store's keeper: in the runtime folder, since a socket's path must be short."""
    name = hashlib.blake2b(os.fsencode(store.resolve()), digest_size=10).hexdigest()
    return runtime_folder() / f"{name}.sock"


class StoreLock:
    """The right to open a store's database, held by one process at a time.

    A POSIX record lock on a file of its own: unlike ``flock`` it does not survive in forked children, and the system
    gives it back however the process ends. No other code may open the lock's file: closing any
    descriptor of it would let the lock go.
    """

    def __init__(self, store: Path) -> None:
        self._path = store / LOCK
        self._descriptor = -1

    def acquire(self, wait: float) -> bool:
        """Take the lock, waiting up to `wait` seconds; whether it was had.

        Raises
        ------
        StoreNotWritable
            If the lock's file cannot be made.
        """
        try:
            self._descriptor = os.open(
                self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600
            )
        except OSError as problem:
            raise not_writable(self._path.parent, problem) from problem
        deadline = time.monotonic() + wait
        while not self._try():
            if time.monotonic() >= deadline:
                self.release()
                return False
            time.sleep(0.02)
        return True

    def _try(self) -> bool:
        try:
            import fcntl
        except ImportError:  # Windows
            import msvcrt

            try:
                msvcrt.locking(self._descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
            except OSError:
                return False
            return True
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def release(self) -> None:
        """Give the lock back."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
