"""Reading another store without changing a byte of it: in a copy of its database, beside its own blobs."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import apsw

from nbtrack.entities.ids import new_id
from nbtrack.errors import StoreCorrupt, StoreNotWritable
from nbtrack.store.backups import copy_database
from nbtrack.store.database import DATABASE, Store
from nbtrack.store.location import disk_full
from nbtrack.store.migrations import migrate

_PREFIX = "merge-"


@contextlib.contextmanager
def other_store(folder: Path, room: Path) -> Iterator[Store]:
    """The store in `folder` as it is now, for reading; its keeper and kernels go on.

    The database is copied to a folder inside of `room` from one reading transaction, and brought to this version's schema
    there. Copies that a death left there are removed first.

    Raises
    ------
    StoreTooNew
        If a newer nbtrack wrote it.
    StoreCorrupt
        If its database cannot be read.
    StoreNotWritable
        If it cannot be read without writing into its folder: SQLite needs its files beside it.
    """
    for left in room.glob(f"{_PREFIX}*"):
        shutil.rmtree(left, ignore_errors=True)
    place = room / f"{_PREFIX}{new_id()}"
    place.mkdir(mode=0o700)
    try:
        with contextlib.closing(_copied(folder, place / DATABASE)) as copy:
            yield Store(folder, copy)
    except apsw.FullError as problem:
        raise disk_full(room.parent) from problem
    except (apsw.NotADBError, apsw.CorruptError, apsw.SQLError) as problem:
        raise StoreCorrupt(
            f"The database of the store {folder} cannot be read: {problem}. Nothing was taken from it.",
            path=str(folder),
        ) from problem
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _copied(folder: Path, path: Path) -> apsw.Connection:
    if not _copied_at_rest(folder / DATABASE, path):
        _copied_in_use(folder, path)
    copy = apsw.Connection(str(path))
    copy.execute("PRAGMA trusted_schema = OFF").fetchall()
    copy.execute("PRAGMA synchronous = OFF").fetchall()
    found = copy.execute("PRAGMA quick_check(1)").fetchall()
    if found != [("ok",)]:
        raise StoreCorrupt(
            f"The database of the store {folder} is damaged: {found[0][0]}. Nothing was taken from it.",
            path=str(folder),
        )
    migrate(copy)
    return copy


def _copied_at_rest(database: Path, path: Path) -> bool:
    """Copy the file of a database that nobody has open; whether that is so. SQLite would leave files beside it."""
    log, before = database.with_name(f"{DATABASE}-wal"), database.stat()
    if log.exists():
        return False
    shutil.copyfile(database, path)
    after = database.stat()
    if not log.exists() and (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size):
        return True
    path.unlink()
    return False


def _copied_in_use(folder: Path, path: Path) -> None:
    try:
        original = apsw.Connection(str(folder / DATABASE), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            original.set_busy_timeout(5000)
            original.execute("BEGIN")
            original.execute("SELECT count(*) FROM sqlite_schema").fetchall()
            copy_database(original, path)
        finally:
            original.close()
    except (apsw.CantOpenError, apsw.ReadOnlyError, apsw.BusyError, apsw.PermissionsError) as problem:
        raise StoreNotWritable(
            f"The store {folder} cannot be read just now ({problem}); let its owner make a bundle or a backup of it, "
            "and merge that.",
            path=str(folder),
        ) from problem
