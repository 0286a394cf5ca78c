"""Being told when a library has been imported, before the code that imports it goes on.

`wrapt` has the same and would be the better choice, were it not that importing it takes a third of what loading the whole
extension may take.
"""

from __future__ import annotations

import importlib.machinery
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from types import ModuleType
from typing import Any


class ImportWatch(MetaPathFinder):
    """Calls back once for each module of `wanted`: at once where it is imported already, else right after its import.

    Parameters
    ----------
    wanted
        What to call with the module, by the module's full name; must not raise.
    """

    def __init__(self, wanted: Mapping[str, Callable[[ModuleType], object]]) -> None:
        self._wanted = dict(wanted)
        self._local = threading.local()

    def begin(self) -> None:
        """Watch from now on."""
        sys.meta_path.insert(0, self)
        for name in list(self._wanted):
            module = sys.modules.get(name)
            if module is not None and not getattr(module.__spec__, "_initializing", False):
                self.tell(name, module)

    def end(self) -> None:
        """Watch no more."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def tell(self, name: str, module: ModuleType) -> None:
        """Call back for a module that is there now."""
        told = self._wanted.pop(name, None)
        if told is not None:
            told(module)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Where the others find a wanted module, with a loader that tells of it."""
        if fullname not in self._wanted or getattr(self._local, "finding", None) == fullname:
            return None
        self._local.finding = fullname  # another watch asks this one for what both want
        try:
            return self._find(fullname, path, target)
        finally:
            self._local.finding = None

    def _find(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None
    ) -> importlib.machinery.ModuleSpec | None:
        for finder in sys.meta_path:
            find = None if finder is self else getattr(finder, "find_spec", None)
            spec = find(fullname, path, target) if find is not None else None
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _TellingLoader(spec.loader, self)
                return spec  # type: ignore[no-any-return]
        return None


class _TellingLoader(Loader):
    """A module's own loader, and a word when it is done. The module keeps no trace of it."""

    def __init__(self, loader: Loader, watch: ImportWatch) -> None:
        self._loader = loader
        self._watch = watch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        spec = module.__spec__
        if spec is not None:
            spec.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._watch.tell(module.__name__, module)
