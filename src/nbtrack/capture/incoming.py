"""Bulk on its way into the store: files in the folder ``incoming``, which a record names.

Where that folder cannot be written (the disk is full, the store was made read-only), a file waits in the temporary folder,
and its record with it, until it can: whoever stores a model or an artifact does not notice.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from nbtrack.entities.ids import new_id
from nbtrack.entities.records import ArtifactSaved

T = TypeVar("T")


class Incoming:
    """Where one process puts bulk.

    Parameters
    ----------
    folder
        The store's folder ``incoming``.
    append
        Takes a record once its file is in that folder.
    """

    def __init__(self, folder: Path, append: Callable[[ArtifactSaved], object]) -> None:
        self.folder = folder
        self.problem: OSError | None = None
        """Why something waits elsewhere, if so."""
        self._append = append
        self._refuge: Path | None = None
        self._waiting: list[tuple[Path, ArtifactSaved]] = []
        self._bringing = threading.Lock()

    def write(self, content: Callable[[Path], T]) -> tuple[Path, T]:
        """Have `content` write a file that nobody else may read; the file, and what `content` returned.

        Raises
        ------
        OSError
            If it can be written neither into the folder nor elsewhere, or `content` cannot read what it wants to write.
        """
        try:
            return self._write(self.folder, content)
        except OSError as problem:
            if self._refuge is None:
                self._refuge = Path(tempfile.mkdtemp(prefix="nbtrack-"))
            written = self._write(self._refuge, content)
            self.problem = problem
            return written

    def _write(self, folder: Path, content: Callable[[Path], T]) -> tuple[Path, T]:
        target = folder / new_id()
        try:
            os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            answer = content(target)
            target.chmod(0o600)  # what is copied may have brought rights of its own
        except BaseException:
            with contextlib.suppress(OSError):
                target.unlink(missing_ok=True)
            raise
        return target, answer

    def append(self, target: Path, record: ArtifactSaved) -> None:
        """Record what stands in a file that was written here."""
        if target.parent == self.folder:
            self._append(record)
        else:
            self._waiting.append((target, record))

    def bring(self) -> None:
        """Move what waits elsewhere to where it belongs, if that can be written now."""
        if not self._waiting or not self._bringing.acquire(blocking=False):
            return
        try:
            while self._waiting:
                waiting, record = self._waiting[0]
                target, _ = self._write(self.folder, functools.partial(shutil.copyfile, waiting))
                self._append(dataclasses.replace(record, file=target.name))
                del self._waiting[0]
                waiting.unlink(missing_ok=True)
            self.problem = None
        except OSError as problem:
            self.problem = problem
        finally:
            self._bringing.release()

    def close(self) -> list[ArtifactSaved]:
        """Bring what can be brought, and remove the rest; what that was."""
        self.bring()
        lost = [record for _, record in self._waiting]
        self._waiting.clear()
        if self._refuge is not None:
            shutil.rmtree(self._refuge, ignore_errors=True)
        return lost
