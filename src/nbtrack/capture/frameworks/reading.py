"""What the leaves of libraries that read data have in common."""

from __future__ import annotations

from collections.abc import Iterable
from time import perf_counter  # by name: a notebook may put something else into the module
from types import ModuleType
from typing import Any, Final

from nbtrack.capture.frameworks.patches import Closing, Opening, Patches
from nbtrack.capture.known_data import KnownData
from nbtrack.capture.sources import source_of

SQL: Final = frozenset({"read_sql", "read_sql_query", "read_sql_table", "read_database", "read_database_uri"})
"""Functions whose first argument is a query or the name of a table."""


def watch_readers(
    module: ModuleType, names: Iterable[str], known: KnownData, patches: Patches, kind: str = "file"
) -> None:
    """Have what these functions of a module read told to `known`."""
    for name in names:
        function = vars(module).get(name)
        if callable(function) and not isinstance(function, type):
            chosen = "sql" if name in SQL else kind
            full = f"{module.__name__}.{name}"
            known.found(function, full, chosen)
            patches.around(module, name, _reading(known, full, chosen))


def _reading(known: KnownData, function: str, kind: str) -> Opening:
    def opening(args: tuple[Any, ...], named: dict[str, Any]) -> Closing | None:
        if not known.enter():
            return None
        began = perf_counter()

        def closing(result: Any, problem: BaseException | None) -> None:
            known.leave()
            if problem is None:
                seconds = perf_counter() - began
                known.read(result, source_of(function, kind, args, named), seconds)

        return closing

    return opening
