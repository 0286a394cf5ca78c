"""Which files are the notebook's concern."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_NEVER: Final = ("/dev/", "/proc/", "/sys/", "/etc/", "/usr/share/", "/usr/lib/")
_PACKAGES: Final = re.compile(r"[/\\](?:site-packages|dist-packages|__pycache__)(?:[/\\]|$)")
COMPILED: Final = (".pyc", ".pyo", ".so", ".pyd")
"""Endings of files that only an import reads."""
_MOST_FOLDERS: Final = 2_000
OWN: Final = str(Path(__file__).parents[2]) + os.sep
"""The folder of nbtrack itself."""


class Places:
    """Which files are the notebook's concern: not those of the interpreter, of installed packages and of nbtrack.

    Parameters
    ----------
    folder
        The notebook's folder.
    own
        Folders of nbtrack and of the shell.
    """

    def __init__(self, folder: str, own: Iterable[str] = ()) -> None:
        self.folder = os.path.realpath(folder)
        home = os.path.expanduser("~")  # noqa: PTH111 - pathlib raises where there is no home
        caches = (f"{home}{os.sep}{part}" for part in (".cache", ".config", ".ipython", ".jupyter", ".local"))
        own = (*own, *caches, os.environ.get("MPLCONFIGDIR", ""), os.environ.get("IPYTHONDIR", ""))
        self._own = tuple(os.path.realpath(one) + os.sep for one in own if one)
        prefixes = {sys.prefix, sys.base_prefix, sys.exec_prefix, str(Path(os.__file__).parent)}
        self._libraries = tuple(
            {os.path.realpath(one) + os.sep for one in prefixes if one not in ("/usr", "/")}
            | {one + os.sep for one in prefixes if one not in ("/usr", "/")}
        )
        self._project_files: dict[str, bool] = {}
        self._folders: dict[str, str] = {}

    def is_inside(self, path: str) -> bool:
        """Whether a path lies in the notebook's folder."""
        return path == self.folder or path.startswith(self.folder + os.sep)

    def is_project(self, file: object) -> bool:
        """Whether a module's file is the person's own and no library's."""
        if type(file) is not str or not file.endswith(".py"):
            return False
        known = self._project_files.get(file)
        if known is None:
            path = os.path.abspath(file)  # noqa: PTH100 - see stamp()
            library = _PACKAGES.search(path) or (
                path.startswith(self._libraries) and not self.is_inside(path)
            )
            known = self._project_files[file] = not library and not path.startswith(OWN)
        return known

    def resolved(self, path: str) -> str | None:
        """The absolute path of a file that is the notebook's concern, else None."""
        if path.startswith(_NEVER) or path.endswith(COMPILED) or _PACKAGES.search(path):
            return None
        try:
            found = self._real(path)
        except (OSError, ValueError):
            return None
        inside = self.is_inside(found)
        if (
            found.startswith(_NEVER)
            or _PACKAGES.search(found)
            or (not inside and found.startswith(self._libraries))
        ):
            return None
        if found.startswith(OWN):
            return None
        return None if found.startswith(self._own) and not (inside and not self._is_hidden(found)) else found

    def _real(self, path: str) -> str:
        """As `os.path.realpath`, which asks for each part of the path; folders are asked once."""
        whole = os.path.abspath(path)  # noqa: PTH100 - see stamp()
        folder, _, name = whole.rpartition(os.sep)
        if os.path.islink(whole):  # noqa: PTH114 - see stamp()
            return os.path.realpath(whole)
        known = self._folders.get(folder)
        if known is None:
            if len(self._folders) > _MOST_FOLDERS:
                self._folders.clear()
            known = self._folders[folder] = os.path.realpath(folder or os.sep)
        return f"{known.rstrip(os.sep)}{os.sep}{name}"

    def _is_hidden(self, path: str) -> bool:
        return ".nbtrack" in path or ".ipython" in path
