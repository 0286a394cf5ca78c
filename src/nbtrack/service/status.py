"""The store as a whole."""

from __future__ import annotations

import time

from nbtrack.entities.runs import RunStatus
from nbtrack.entities.stores import StoreStatus
from nbtrack.store.database import DATABASE, Store
from nbtrack.version import __version__


class Status:
    """What may be asked about a store itself."""

    def __init__(self, store: Store, keeper: str) -> None:
        self._store = store
        self._keeper = keeper
        self._size = 0
        self._size_until = 0.0

    def size(self) -> int:
        """The bytes of the database and all blobs; looked up once a minute at most, since each cell's end asks."""
        if time.monotonic() > self._size_until:
            self._size_until = time.monotonic() + 60
            self._size = self._database_size() + self._store.blobs.total_size()
        return self._size

    def _database_size(self) -> int:
        files = (self._store.folder / (DATABASE + suffix) for suffix in ("", "-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    def status(self) -> StoreStatus:
        """Versions, sizes and what waits."""
        import apsw

        store = self._store
        problems = [
            f"{count} record(s) of the journal {name} could not be taken in; the journal is kept."
            for name, count in store.journals.problems()
        ]
        return StoreStatus(
            path=str(store.folder),
            id=store.identity,
            schema=store.schema,
            version=store.version,
            nbtrack=__version__,
            sqlite=apsw.sqlite_lib_version(),
            keeper=self._keeper,
            runs=store.runs.count(),
            running=store.runs.count(RunStatus.RUNNING),
            executions=store.executions.count(),
            models=len(store.models.names()),
            database_size=self._database_size(),
            blob_size=store.blobs.total_size(),
            waiting=store.journals.waiting(),
            problems=problems,
        )
