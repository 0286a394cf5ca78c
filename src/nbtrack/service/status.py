"""The store as a whole."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

from nbtrack.entities.stores import StoreStatus
from nbtrack.store import processes, surroundings
from nbtrack.store.database import DATABASE, Store
from nbtrack.store.journal import POINT, P, S, decode
from nbtrack.version import __version__

SOUND_SQLITE = (3, 51, 3)
"""Older ones from 3.7.0 on can damage a write-ahead log that two connections use."""

LITTLE_ROOM, NO_ROOM = 200_000_000, 10_000_000
"""Bytes free below which doctor warns, and below which it calls the disk full."""

READ = 4096
"""Bytes of a journal that are read to see since when it waits."""

LONG = 60.0
"""Seconds after which what waits in a journal is worth a sentence: it is taken in within a second."""


class Status:
    """What may be asked about a store itself."""

    def __init__(self, store: Store, keeper: str, sampling: Callable[[], str]) -> None:
        self._store = store
        self._sampling = sampling
        self._keeper = keeper
        self._began = time.monotonic()
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
        """Versions, sizes, what waits, and what is wrong as far as a quick look shows it."""
        import apsw

        store = self._store
        problems = [
            f"{count} record(s) of the journal {name} could not be taken in; the journal is kept. "
            "nbtrack repair shows what can be done."
            for name, count in store.journals.problems()
        ]
        waiting_age = waiting_age_of(store)
        quarantined = sum(1 for path in store.quarantine.rglob("*") if path.is_file())
        orphans = sum(
            processes.is_alive(identity) is None for _, _, identity in store.journals.open_processes()
        )
        free = surroundings.free_space(store.folder)
        file_system = surroundings.file_system(store.folder)
        return StoreStatus(
            path=str(store.folder),
            id=store.identity,
            schema=store.schema,
            version=store.version,
            nbtrack=__version__,
            sqlite=apsw.sqlite_lib_version(),
            keeper=self._keeper,
            runs=store.runs.count(),
            running=store.runs.count_running(),
            executions=store.executions.count(),
            models=len(store.models.names()),
            database_size=self._database_size(),
            blob_size=store.blobs.total_size(),
            waiting=store.journals.waiting(),
            problems=problems,
            warnings=[
                *about_sqlite(apsw.sqlite_lib_version()),
                *about_place(store.folder, file_system, free),
                *about_waiting(waiting_age, orphans),
            ],
            free=free,
            file_system=file_system,
            waiting_age=waiting_age,
            orphans=orphans,
            quarantined=quarantined,
            keeper_memory=surroundings.memory(),
            keeper_age=time.monotonic() - self._began,
            sampling=self._sampling(),
        )


def waiting_age_of(store: Store) -> float:
    """The seconds since the first thing was recorded that the store has not taken in; 0 where nothing waits."""
    moments = []
    for name in store.journals.names():
        with contextlib.suppress(OSError):
            part = store.journals.part(name, READ)
            payload = part.next_payload() if part is not None else None
            if payload is None:
                continue
            if payload[0] in (P, S):
                moments.append(POINT.unpack_from(payload)[3])
            elif moment := getattr(decode(payload), "time", None):
                moments.append(moment)
    return max(0.0, (time.time_ns() - min(moments)) / 1e9) if moments else 0.0


def about_sqlite(version: str) -> list[str]:
    """What is to be said of an SQLite of this version."""
    if tuple(int(part) for part in version.split(".") if part.isdecimal()) >= SOUND_SQLITE:
        return []
    sound = ".".join(map(str, SOUND_SQLITE))
    return [
        f"SQLite {version} has a defect that can damage a store, repaired in {sound}: pip install -U apsw."
    ]


def about_place(folder: Path, file_system: str, free: int) -> list[str]:
    """What is to be said of where a store lies."""
    found = []
    if surroundings.is_of_a_network(file_system):
        found.append(
            f"The store is on a file system of the type {file_system}, which other machines may have open: "
            "use it from one machine at a time, or set NBTRACK_STORE to a folder on a local disk."
        )
    if not surroundings.is_private(folder):
        found.append(f"Others can read the store: chmod 700 {folder}")
    if free < NO_ROOM:
        found.append("The disk is full: what is recorded waits in memory until there is room.")
    elif free < LITTLE_ROOM:
        found.append("Little room is left on the disk.")
    return found


def about_waiting(age: float, orphans: int) -> list[str]:
    """What is to be said of what recording processes have left."""
    found = []
    if age > LONG:
        found.append(
            f"Something recorded {age:.0f} s ago has not been taken in yet; keeper.log in the store may say why."
        )
    if orphans:
        found.append(
            f"{orphans} recording process(es) are of another machine or container: whether they live cannot be known, "
            "so their runs stay as they are."
        )
    return found
