"""The modules of the person's project that are imported, with their sources as they were then.

Only the table of modules is read, and of a module only its own dictionary: a lazy module is loaded by any other look at it.
A file is read once, when its module is first seen: what was edited later is not what the notebook runs, until it is
loaded again, which gives the module another specification.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, Final

SOURCE_LIMIT: Final = 500_000
"""Bytes of one module's source that are kept; a longer one is data in disguise."""

TOTAL_LIMIT: Final = 5_000_000
"""Bytes of all sources of a process."""

MOST_MODULES: Final = 1_000

_INSTALLED: Final = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_OWN: Final = "nbtrack"


@dataclass(frozen=True, slots=True)
class ProjectModule:
    """A module: ``path`` from the project's folder, its source without secrets, or (None) why that was not kept."""

    name: str
    path: str
    source: str | None
    note: str = ""


class ProjectModules:
    """Watches which modules of a project are imported.

    Parameters
    ----------
    folder
        The notebook's folder; the repository around it belongs to the project too.
    clean
        Takes secrets out of a text.
    """

    def __init__(self, folder: Path, clean: Callable[[str], str]) -> None:
        self._clean = clean
        root = str(_project(folder))
        # Text is compared, since the files of a thousand installed modules would have to be resolved otherwise.
        self._roots = tuple({place.rstrip("/\\") + os.sep for place in (root, os.path.realpath(root))})
        self._stdlib = sysconfig.get_path("stdlib") + os.sep
        self._passed: set[str] = set()
        self._specs: dict[str, object] = {}
        self._waiting: dict[str, str] = {}
        self._state: tuple[int, str | None] = (0, None)
        self._left = TOTAL_LIMIT
        self._environments: dict[Path, bool] = {}
        self.found: dict[str, ProjectModule] = {}
        """The modules that were seen, by name."""

    def look(self) -> None:
        """See what has been imported since the last time; some microseconds where nothing has."""
        modules = sys.modules
        state = len(modules), _last(modules)
        if state != self._state:  # to compare all names takes a part of a millisecond, several times a second
            self._state = state
            for name in modules.keys() - self._passed - self._specs.keys():
                self._see(name, modules.get(name))
        for name, spec in list(self._specs.items()):
            module = modules.get(name)
            if module is not None and _own(module).get("__spec__") is not spec:
                self._see(name, module)

    def read(self) -> Iterator[None]:
        """Read the sources of what `look` saw, one a step, so that whoever asks can stop in between."""
        while self._waiting:
            name, file = next(iter(self._waiting.items()))
            self.found[name] = self._read(name, file)
            del self._waiting[name]
            yield

    def clean_again(self) -> None:
        """Look through the sources for secrets that were not known when they were read."""
        for name, module in self.found.items():
            if module.source is not None:
                self.found[name] = replace(module, source=self._clean(module.source))

    def _see(self, name: str, module: object) -> None:
        if len(self._specs) >= MOST_MODULES or name.partition(".")[0] == _OWN:
            self._passed.add(name)
            return
        own = _own(module)
        file = own.get("__file__")
        if type(file) is not str or not self._is_of_project(file):
            self._passed.add(name)
            return
        self._specs[name] = own.get("__spec__")
        self._waiting[name] = file

    def _is_of_project(self, file: str) -> bool:
        if not file.endswith(".py") or not file.startswith(self._roots) or file.startswith(self._stdlib):
            return False
        return not (any(folder in file for folder in _INSTALLED) or self._is_in_environment(Path(file)))

    def _is_in_environment(self, file: Path) -> bool:
        """Whether a file of the project's folder lies in a virtual environment there."""
        for folder in file.parents:
            if folder not in self._environments:
                self._environments[folder] = (folder / "pyvenv.cfg").exists()
            if self._environments[folder]:
                return True
            if f"{folder}{os.sep}" in self._roots:
                break
        return False

    def _read(self, name: str, file: str) -> ProjectModule:
        path = file.removeprefix(max((root for root in self._roots if file.startswith(root)), key=len))
        try:
            if Path(file).stat().st_size > min(SOURCE_LIMIT, self._left):
                return ProjectModule(name, path, None, "it is too long to be kept")
            content = Path(file).read_bytes()
        except OSError:
            return ProjectModule(name, path, None, "it could not be read")
        self._left -= len(content)
        try:
            return ProjectModule(name, path, self._clean(content.decode(errors="replace")))
        except Exception:  # noqa: BLE001 - what cannot be looked through for secrets is not written either
            return ProjectModule(name, path, None, "it could not be looked through for secrets")


def _last(modules: dict[str, ModuleType]) -> str | None:
    """The name that came last; None where another thread is importing just now."""
    try:
        return next(reversed(modules), None)
    except RuntimeError:
        return None


def _own(module: object) -> dict[str, Any]:
    """The dictionary of a module, without asking the module: a lazy one would be loaded by that."""
    if not issubclass(type(module), ModuleType):
        return {}
    found = object.__getattribute__(module, "__dict__")
    return found if type(found) is dict else {}


def _project(folder: Path) -> Path:
    """The folder of the repository around `folder`, else `folder` itself."""
    folder = folder.absolute()
    for place in (folder, *folder.parents):
        if (place / ".git").exists():
            return place
    return folder
