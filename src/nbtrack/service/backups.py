"""Copies of the whole store, made while it is in use."""

from __future__ import annotations

import time
from pathlib import Path

from nbtrack.entities.stores import Backup
from nbtrack.errors import Conflict, InvalidInput, StoreNotWritable
from nbtrack.service import Deferred
from nbtrack.service.intake import Intake
from nbtrack.store.backups import write_backup
from nbtrack.store.database import Store
from nbtrack.store.values import iso


class Backups:
    """Backups of a store."""

    def __init__(self, store: Store, intake: Intake) -> None:
        self._store = store
        self._intake = intake

    def make(self, path: str, link: bool = False) -> Deferred:
        """Copy the store into the new folder `path`, which is a store itself; others go on meanwhile.

        What was recorded before the question is in it. All that was copied is read again and checked.

        Parameters
        ----------
        path
            The folder, absolute; it must not exist, or be empty.
        link
            Whether blobs may be hard links to the files of this store: quick and without further space on the same disk,
            but what damages the one file damages both.

        Raises
        ------
        Conflict
            If there is something at `path`.
        StoreNotWritable
            If it cannot be written.
        StoreCorrupt
            If this store's content is damaged.
        """
        target = Path(path)
        if not target.is_absolute():
            raise InvalidInput(f"The folder of a backup must be an absolute path, not {path}.")
        if target.is_relative_to(self._store.folder):
            raise InvalidInput(f"{path} is inside of the store itself; name a folder outside of it.")
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise Conflict(f"{path} exists already; name a folder that does not.", path=path)
        now = time.time_ns()
        self._intake.drain()  # also what others than the asker had recorded
        made = iso(now)
        release = self._store.hold("backup")

        def work() -> Backup:
            try:
                with self._store.snapshot() as snapshot:
                    runs = snapshot.runs.count()
                    manifest = write_backup(snapshot, target, made, link)
            except OSError as problem:
                raise StoreNotWritable(
                    f"The backup {path} cannot be written ({problem.strerror or problem}); nothing of it was left.",
                    path=path,
                ) from problem
            finally:
                release()
            files = manifest["files"]
            return Backup(
                path=path, made=made, runs=runs, files=len(files), size=sum(file["size"] for file in files)
            )

        return Deferred(work, lambda backup: backup)
