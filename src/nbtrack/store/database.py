"""The one connection to a store's SQLite file. Opened by the keeper alone, or by a process that holds the store's lock."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw

from nbtrack.entities.ids import new_id
from nbtrack.errors import Conflict, NotAStore, StoreCorrupt, StoreNotWritable
from nbtrack.store.artifacts import Artifacts
from nbtrack.store.audit import Audit
from nbtrack.store.blobs import Blobs
from nbtrack.store.curation import Curation
from nbtrack.store.deaths import Deaths
from nbtrack.store.executions import Executions
from nbtrack.store.facts import Facts
from nbtrack.store.journals import Journals
from nbtrack.store.labels import Labels
from nbtrack.store.location import disk_full, is_store, not_writable
from nbtrack.store.metrics import Metrics
from nbtrack.store.migrations import MIGRATIONS, done_steps, migrate
from nbtrack.store.models import Models
from nbtrack.store.names import Names
from nbtrack.store.origins import Origins
from nbtrack.store.processes import is_alive
from nbtrack.store.profiles import Profiles
from nbtrack.store.reviews import Reviews
from nbtrack.store.runs import Runs
from nbtrack.store.saves import Saves
from nbtrack.store.search import Search
from nbtrack.store.surroundings import file_system, is_of_a_network
from nbtrack.store.trash import Trash

DATABASE = "store.db"


class Store:
    """An open store: the connection, and one object per noun with its SQL.

    The nouns read and write; `transaction` is the only way to write.
    """

    def __init__(self, folder: Path, connection: apsw.Connection | None = None) -> None:
        self.folder = folder
        self.connection = connection or _connect(folder)
        self.blobs = Blobs(folder / "blobs", self.connection)
        self.journals = Journals(folder / "journal", self.connection)
        names = Names(self.connection)
        self.runs = Runs(self.connection, names)
        self.labels = Labels(self.connection)
        self.curation = Curation(self.connection, names)
        self.metrics = Metrics(self.connection, names)
        self.artifacts = Artifacts(self.connection)
        self.profiles = Profiles(self.connection)
        self.executions = Executions(self.connection, self.blobs)
        self.saves = Saves(self.connection)
        self.reviews = Reviews(self.connection)
        self.facts = Facts(self.connection)
        self.models = Models(self.connection, self.metrics)
        self.trash = Trash(self.connection)
        self.audit = Audit(self.connection)
        self.deaths = Deaths(self.connection)
        self.origins = Origins(self.connection)
        self.held: set[str] = set()
        """What is being made of the content just now (see `hold`): while there is something, no blob may be removed."""
        self.search = Search(self.connection, self.blobs)

    @property
    def incoming(self) -> Path:
        """Where a recording process leaves bulk content for the keeper."""
        return self.folder / "incoming"

    @property
    def quarantine(self) -> Path:
        """Where ``repair`` puts what is damaged; nothing is read from there."""
        return self.folder / "quarantine"

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """One transaction, all or nothing; it raises the store's version if it changed anything."""
        self.connection.execute("BEGIN IMMEDIATE")
        before = self.connection.total_changes()
        try:
            yield
            if self.connection.total_changes() != before:
                self.connection.execute("UPDATE store SET version = version + 1")
            self.connection.execute("COMMIT")
        except BaseException:
            if self.connection.in_transaction:  # on a full or failing disk SQLite has rolled back by itself
                self.connection.execute("ROLLBACK")
            raise

    def hold(self, what: str) -> Callable[[], None]:
        """Keep all blobs until the function that is returned is called; `what` names what is made of them."""
        token = f"{what} {new_id()}"
        self.held.add(token)
        return lambda: self.held.discard(token)

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Store]:
        """The store as it is now, for reading only; another thread may use it while this one goes on writing."""
        connection = apsw.Connection(str(self.folder / DATABASE), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            connection.set_busy_timeout(5000)
            connection.execute("BEGIN")
            connection.execute(
                "SELECT version FROM store"
            ).fetchall()  # the moment is that of the first reading
            yield Store(self.folder, connection)
        finally:
            connection.close()

    @property
    def identity(self) -> str:
        """The store's id."""
        (identity,) = next(self.connection.execute("SELECT id FROM store"))
        return str(identity)

    @property
    def version(self) -> int:
        """How many transactions have changed this store."""
        (version,) = next(self.connection.execute("SELECT version FROM store"))
        return int(version)

    @property
    def schema(self) -> str:
        """The name of the last step of the schema."""
        return MIGRATIONS[-1][0]

    def close(self) -> None:
        """Close the file."""
        self.connection.close()


def _spare_older_kernels(folder: Path, connection: apsw.Connection) -> None:
    """Refuse to change the schema while processes of the version that wrote it still record: they could not read it."""
    done = done_steps(connection)
    if not done or done >= {name for name, _ in MIGRATIONS}:
        return
    recording = Journals(folder / "journal", connection).open_processes()
    alive = [identity.pid for _, _, identity in recording if is_alive(identity)]
    if alive:
        raise Conflict(
            f"The store {folder} was written by an older nbtrack that still records in "
            f"process {', '.join(map(str, alive))}; restart it, then the store is brought up to date. "
            "Until then records wait in their journals.",
            pids=alive,
        )


def _connect(folder: Path) -> apsw.Connection:
    if not is_store(folder):
        raise NotAStore(f"{folder} is not an nbtrack store.", path=str(folder))
    path = folder / DATABASE
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)  # SQLite would follow the umask
        os.close(descriptor)
        connection = apsw.Connection(str(path))
        connection.set_busy_timeout(5000)
        if is_of_a_network(file_system(folder)):
            # No shared memory there: with exclusive locking SQLite keeps the index of its log in its own.
            connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "trusted_schema = OFF",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        _spare_older_kernels(folder, connection)
        migrate(connection)
        connection.execute(
            "INSERT INTO store (id, version) SELECT ?, 0 WHERE NOT EXISTS (SELECT 1 FROM store)", (new_id(),)
        )
    except apsw.FullError as problem:
        raise disk_full(folder) from problem
    except OSError as problem:
        raise not_writable(folder, problem) from problem
    except (apsw.ReadOnlyError, apsw.CantOpenError) as problem:
        raise StoreNotWritable(
            f"The store {folder} cannot be written: {problem}.", path=str(folder)
        ) from problem
    except (apsw.NotADBError, apsw.CorruptError) as problem:
        raise StoreCorrupt(
            f"The database of the store {folder} cannot be read: {problem}. Nothing was changed; restore it from a copy.",
            path=str(folder),
        ) from problem
    return connection
