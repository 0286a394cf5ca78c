"""A copy of a store, made while it is in use, that is a store itself.

The database is copied by SQLite's own backup from a reading transaction: it is the store of one moment, whatever is written
meanwhile. The blobs that this moment names never change, so they are copied (or linked) after it. All of it is built in a
folder beside the target that takes the target's name when it is whole, checked and on the disk.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw

from nbtrack.entities.ids import new_id
from nbtrack.errors import StoreCorrupt
from nbtrack.store.blobs import ALGORITHM, sync_folder
from nbtrack.store.database import DATABASE, Store
from nbtrack.store.location import create_store
from nbtrack.version import __version__

MANIFEST = "backup.json"
FORMAT = 1


def write_backup(store: Store, target: Path, made: str, link: bool) -> dict[str, Any]:
    """Copy the store of this moment to the folder `target`, which must not exist; what its manifest says.

    Parameters
    ----------
    store
        A snapshot of the store.
    made
        The present, for the manifest.
    link
        Whether the files of blobs may be hard links to those of the store, where the disk can do that.

    Raises
    ------
    StoreCorrupt
        If what was copied does not pass its checks; nothing is left then.
    OSError
        If it cannot be written; nothing is left then.
    """
    with _appearing(target) as folder:
        create_store(folder)
        copy_database(store.connection, folder / DATABASE)
        for digest, _ in store.blobs.files():
            source, path = (
                store.blobs.path(digest),
                folder / store.blobs.path(digest).relative_to(store.folder),
            )
            path.parent.mkdir(mode=0o700, exist_ok=True)
            _copy_file(source, path, link)
        manifest = {
            "format": FORMAT,
            "nbtrack": __version__,
            "store": store.identity,
            "made": made,
            "files": _check(folder),
        }
        with (folder / MANIFEST).open("x", encoding="utf-8") as file:
            json.dump(manifest, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        for parent in (
            *folder.glob("blobs/*"),
            *(path for path in folder.iterdir() if path.is_dir()),
            folder,
        ):
            sync_folder(parent)
    return manifest


@contextlib.contextmanager
def _appearing(target: Path) -> Iterator[Path]:
    """A folder that has the name `target` when the block ends, or is gone."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name[:100]}.{new_id()}")
    temporary.mkdir(mode=0o700)
    try:
        yield temporary
        temporary.rename(target)  # fails where the target exists and is no empty folder
        sync_folder(target.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def copy_database(connection: apsw.Connection, path: Path) -> None:
    """Copy a database into the new file `path`, as the connection sees it."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))  # SQLite would follow the umask
    copy = apsw.Connection(str(path))
    try:
        with copy.backup("main", connection, "main") as backup:
            while not backup.done:
                backup.step(-1)
    finally:
        copy.close()


def _copy_file(source: Path, path: Path, link: bool) -> None:
    if link:
        with contextlib.suppress(OSError):  # another disk, or one that knows no links
            os.link(source, path)
            return
    with source.open("rb") as content, path.open("xb") as copy:
        shutil.copyfileobj(content, copy, 1 << 20)
        copy.flush()
        os.fsync(copy.fileno())
    path.chmod(0o600)


def _check(folder: Path) -> list[dict[str, Any]]:
    """Read all of a copy again; its files with their hashes."""
    path = folder / DATABASE
    connection = apsw.Connection(str(path))
    try:
        found: list[Any] = connection.execute("PRAGMA integrity_check").fetchall()
        found += connection.execute("PRAGMA foreign_key_check").fetchall()
        if found != [("ok",)]:
            raise StoreCorrupt(
                f"The copy of the database does not pass its check: {found[0]}; it was removed."
            )
        copy = Store(folder, connection)
        digests: list[Any] = connection.execute("SELECT digest FROM blobs").fetchall()
        for (digest,) in digests:
            for _ in copy.blobs.read(digest):
                pass
        blobs = [copy.blobs.path(digest) for digest, _ in copy.blobs.files()]
    finally:
        connection.close()
    for suffix in ("-wal", "-shm"):
        path.with_name(DATABASE + suffix).unlink(missing_ok=True)
    return [
        {"path": file.relative_to(folder).as_posix(), "size": file.stat().st_size, "digest": _digest(file)}
        for file in (path, *blobs)
    ]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return f"{ALGORITHM}:{hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=32)).hexdigest()}"
