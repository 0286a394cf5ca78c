"""Importing what nbtrack needs on first use, whatever became of ``sys.path``."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path


class OwnPath:
    """The folders that modules came from when the extension was loaded.

    A cell may clear ``sys.path``, or there may be a ``click.py`` beside the notebook: what nbtrack imports late must be
    what it was installed with. Folders of the notebook itself are left out.
    """

    def __init__(self, folder: Path) -> None:
        here = {"", str(folder), str(folder.resolve())}
        self._folders = [entry for entry in sys.path if entry not in here]

    @contextlib.contextmanager
    def imports(self) -> Iterator[None]:
        """Import from those folders first. Nothing is taken away meanwhile, since other threads may import too."""
        added = self._folders
        if sys.path[: len(added)] == added:
            yield
            return
        sys.path[:0] = added
        try:
            yield
        finally:
            if sys.path[: len(added)] == added:
                del sys.path[: len(added)]
