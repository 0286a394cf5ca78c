"""Opening a store after a fault, in this process: what the next keeper would do, and what must hold when it has.

Quicker than a keeper for each of thousands of trials. The process must not have the store's files open in any other way.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from campaigns.campaign import Tally
from nbtrack import Client, NbtrackError
from nbtrack.keeper.address import StoreLock
from nbtrack.keeper.proxy import KeeperProxy
from nbtrack.operations import dispatch, to_entity, to_plain
from nbtrack.service import Service, completed, open_service
from nbtrack.store.database import Store

UNDER_WAY = 5.0
"""Seconds that a process which was killed may take to let the lock go."""


class InProcess:
    """Answers operations from an open service, by way of the plain form in which answers travel."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def call(self, operation: str, /, **arguments: Any) -> Any:
        """As the socket would answer."""
        return to_plain(completed(dispatch(self._service, operation, arguments)))

    def ask(self, operation: str, /, **arguments: Any) -> Any:
        """The answer as the operation's entity."""
        return to_entity(operation, self.call(operation, **arguments))


@contextmanager
def reopened(folder: Path, tally: Tally, where: str) -> Iterator[Client]:
    """Open the store, drain it, bury the dead; after the block look at what no question shows.

    Raises
    ------
    NbtrackError
        If it cannot be opened.
    """
    lock = StoreLock(folder)
    if not lock.acquire(UNDER_WAY):
        raise NbtrackError(f"the store {folder} is still held by another process")
    try:
        store = Store(folder)
        try:
            service = open_service(store, "the checker")
            service.intake.drain()
            service.intake.bury()
            yield Client(cast("KeeperProxy", InProcess(service)))
            check_store(service, tally, where)
        finally:
            store.close()
    finally:
        lock.release()


def check_store(service: Service, tally: Tally, where: str) -> None:
    """The database is whole, every row has its blob, nothing was left out, and draining again changes nothing."""
    store = service.store
    for pragma in ("integrity_check", "foreign_key_check"):
        if (found := store.connection.execute(f"PRAGMA {pragma}").fetchall()) not in ([], [("ok",)]):
            tally.violate("wrong", f"{where}: {pragma} says {found[:3]}")
    for (digest,) in store.connection.execute("SELECT digest FROM blobs").fetchall():
        try:
            store.blobs.get(str(digest))
        except NbtrackError as problem:
            tally.violate("lost", f"{where}: a row has no blob: {problem}")
    if problems := store.journals.problems():
        tally.violate("lost", f"{where}: records could not be taken in: {problems}")
    if waiting := store.journals.waiting():
        tally.violate("lost", f"{where}: {waiting} bytes of journals were not drained")
    version = store.version
    service.intake.drain()
    service.intake.bury()
    if store.version != version:
        tally.violate("wrong", f"{where}: draining a second time changed the store")
