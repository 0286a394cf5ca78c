"""The store as a whole."""

from __future__ import annotations

from nbtrack.entities.runs import RunStatus
from nbtrack.entities.stores import StoreStatus
from nbtrack.store.database import DATABASE, Store
from nbtrack.version import __version__


class Status:
    """What may be asked about a store itself."""

    def __init__(self, store: Store, keeper: str) -> None:
        self._store = store
        self._keeper = keeper

    def status(self) -> StoreStatus:
        """Versions, sizes and what waits."""
        import apsw

        store = self._store
        files = (store.folder / (DATABASE + suffix) for suffix in ("", "-wal"))
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
            database_size=sum(file.stat().st_size for file in files if file.exists()),
            blob_size=store.blobs.total_size(),
            waiting=store.journals.waiting(),
            problems=problems,
        )
