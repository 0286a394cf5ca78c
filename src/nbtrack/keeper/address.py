"""Where the keeper of a store listens, and the lock that makes it the only one."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from time import monotonic, sleep  # by name: a notebook may put something else into the module

from nbtrack.errors import KeeperUnavailable
from nbtrack.store.lease import HostLease
from nbtrack.store.location import not_writable, runtime_folder
from nbtrack.store.processes import this_process
from nbtrack.store.surroundings import file_system, is_of_a_network

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
        self._lease: HostLease | None = None

    def acquire(self, wait: float) -> bool:
        """Take the lock, waiting up to `wait` seconds; whether it was had.

        Raises
        ------
        StoreNotWritable
            If the lock's file cannot be made.
        KeeperUnavailable
            If a keeper of another host has the store, which is on a network home.
        """
        try:
            self._descriptor = os.open(
                self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600
            )
        except OSError as problem:
            raise not_writable(self._path.parent, problem) from problem
        deadline = monotonic() + wait
        while not self._try():
            if monotonic() >= deadline:
                self.release()
                return False
            sleep(0.02)
        self._take_lease()
        return True

    def _take_lease(self) -> None:
        """Other hosts need not see the lock of this one, where they see the folder: there a lease decides."""
        store = self._path.parent
        if not is_of_a_network(file_system(store)):
            return
        lease = HostLease(store, this_process())
        try:
            holder = lease.acquire()
        except OSError as problem:
            self.release()
            raise not_writable(store, problem) from problem
        if holder is not None:
            self.release()
            raise KeeperUnavailable(
                f"The store {store} is served by a keeper on the host {holder}; what is recorded here waits in its journal "
                "until that keeper has left (a minute after it was last needed).",
                host=holder,
            )
        self._lease = lease

    def renew(self) -> bool:
        """Renew what lets this host use the store; False if another has it now and the store must be left at once.

        Raises
        ------
        OSError
            If the store's folder cannot be written.
        """
        return self._lease is None or self._lease.renew()

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
        if self._lease is not None:
            self._lease.release()
            self._lease = None
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
