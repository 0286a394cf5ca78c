"""The files in ``incoming`` that records of this process point at and that the disk may not hold yet.

The keeper takes such a file into the store and removes it. Until then nobody else sees to it that the disk has it.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from time import monotonic  # by name: a notebook may put something else into the module

from nbtrack.store import segments


class Unsynced:
    """Makes them safe from a power cut, as the journal is made that promises them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._unsafe: dict[str, float] = {}

    def add(self, name: str) -> None:
        """The file is complete, and a record is about to point at it."""
        self._unsafe[name] = monotonic()

    def sync(self, patience: float = 0.0) -> None:
        """Wait until the disk holds the files that have lain there for longer than `patience` seconds.

        To be called before the records are synced, which promise the files.

        Raises
        ------
        OSError
            If the disk fails; the next call tries again.
        """
        before = monotonic() - patience
        waiting = [name for name, since in list(self._unsafe.items()) if since <= before]
        left = False
        for name in waiting:
            with contextlib.suppress(FileNotFoundError):  # it is in the store
                segments.sync_and_close([_open(self.folder / name)])
                left = True
        if left:
            segments.sync_names(self.folder)
        for name in waiting:
            self._unsafe.pop(name, None)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
