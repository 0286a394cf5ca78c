"""The params of a cell: constants that it assigned, and scalars that it read from earlier cells.

Values in a notebook belong to the person and may do anything when touched: a ``__repr__`` that calls a
server, a ``__eq__`` that returns an array, a mock that answers every attribute. So nothing here compares,
converts or prints an object unless its *exact* type is one of Python's own scalars and containers, or a
scalar of numpy's.
"""

from __future__ import annotations

import itertools
import opcode
import sys
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, Final

from nbtrack.capture.constants import ABSENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nbtrack.capture.constants import Path
    from nbtrack.capture.source import CellSource
    from nbtrack.entities.values import JSONValue

MAX_PARAMS: Final = 10_000
"""No cell has more params; a container with more elements is data."""

MAX_TEXT: Final = 1_000
"""Characters of a text that are kept."""

_MAX_DEPTH: Final = 20
_MAX_FUNCTIONS: Final = 200
_SHELL_NAMES: Final = frozenset({"In", "Out", "exit", "quit", "get_ipython"})
_LOAD_GLOBAL: Final = opcode.opmap["LOAD_GLOBAL"]
_EXTENDED_ARG: Final = opcode.opmap["EXTENDED_ARG"]


def loaded(module: str, name: str) -> Any:
    """Return `name` of a module that is imported already, else None. Nothing is imported.

    Reads the module's dictionary, since a lazy module's ``__getattr__`` would import what nobody asked for.
    """
    found = sys.modules.get(module)
    return vars(found).get(name) if isinstance(found, ModuleType) else None


def numpy_scalar(value: object) -> bool:
    """Whether `value` is one of numpy's own scalars: a person's subclass of ``float64`` is not."""
    kind = type(value)
    generic = loaded("numpy", "generic")
    if generic is None or type(kind) is not type or not issubclass(kind, generic):
        return False
    module = kind.__module__
    return type(module) is str and module == "numpy"


def scalar(value: Any) -> Any:
    """Return `value` as a JSON-like scalar, or ABSENT where its exact type is none."""
    kind = type(value)
    if type(kind) is not type:  # a metaclass may answer for `is` questions, but never be asked others
        return ABSENT
    if kind is str:
        return value if len(value) <= MAX_TEXT else value[: MAX_TEXT - 1] + "…"
    if kind is bool or kind is int or kind is float or value is None:
        return value
    if kind is complex:
        return str(value)
    if not numpy_scalar(value) or value.dtype.kind not in "biufcU":
        return ABSENT
    # longdouble.item() is a longdouble again
    return scalar(
        float(value)
        if value.dtype.char == "g"
        else value.item()
        if value.dtype.char != "G"
        else complex(value)
    )


def jsonable(value: Any, limit: int = MAX_PARAMS) -> Any:
    """Return `value` with tuples and sets as lists.

    ABSENT where a part of it has no JSON-like form, and where it has more than `limit` parts.
    """
    return _jsonable(value, 0, [limit])


def _jsonable(value: Any, depth: int, left: list[int]) -> Any:
    left[0] -= 1
    if left[0] < 0 or depth > _MAX_DEPTH:
        return ABSENT
    plain = scalar(value)
    if plain is not ABSENT:
        return plain
    kind = type(value)
    if kind is dict:
        pairs = [(_key_text(key), _jsonable(item, depth + 1, left)) for key, item in _items(value)]
        return ABSENT if any(item is ABSENT or key is ABSENT for key, item in pairs) else dict(pairs)
    if kind is not list and kind is not tuple and kind is not set and kind is not frozenset:
        return ABSENT
    parts = [_jsonable(item, depth + 1, left) for item in itertools.islice(value, MAX_PARAMS + 1)]
    if any(part is ABSENT for part in parts):
        return ABSENT
    if kind is set or kind is frozenset:
        # sets have no order of their own, and that of their texts changes from kernel to kernel
        parts.sort(key=lambda part: (_rank(part), part if _rank(part) < 2 else str(part)))
    return parts


def read_params(cell: CellSource, namespace: Mapping[str, object]) -> dict[str, JSONValue]:
    """Scalars that the cell is about to read from earlier cells; call it before the cell runs.

    A dictionary's items are ``name.key``. Scalars that the person's own functions read as globals count too.
    """
    found = _Params()
    functions: list[FunctionType] = []
    whole = frozenset(cell.whole)
    for name in cell.loads:
        if name.startswith("_") or name in _SHELL_NAMES:
            continue
        value = namespace.get(name, ABSENT)
        if type(value) is FunctionType:
            functions.append(value)
        elif type(value) is not dict:
            found.add((name,), scalar(value))
        elif name in whole:
            found.add_items((name,), value)
    for path in cell.subscripts:
        if not path[0].startswith("_"):
            found.add_items(path, descend(namespace, path))
    _add_globals(found, functions, namespace, frozenset(cell.stores))
    return found.values


def assigned_params(cell: CellSource, namespace: Mapping[str, object]) -> dict[str, JSONValue]:
    """Constants that the cell assigned and that its names still hold; call it after it ran or failed."""
    found = _Params()
    for name, candidates in cell.constants.items():
        path = cell.places.get(name, (name,))
        if name.startswith("_"):
            continue
        for candidate in candidates:
            if type(candidate) is not dict:
                if _same(candidate, descend(namespace, path)):
                    found.add(path, jsonable(candidate))
                continue
            for inner, item in _leaves(path, candidate):
                if _same(item, descend(namespace, inner)):
                    found.add(inner, jsonable(item))
    return found.values


def descend(namespace: Mapping[str, object], path: Path) -> Any:
    """Return what `path` leads to through plain dictionaries, or ABSENT."""
    value: Any = namespace.get(path[0], ABSENT)
    for key in path[1:]:
        if type(value) is not dict:
            return ABSENT
        value = value.get(key, ABSENT)
    return value


class _Params:
    """Params by name. Two paths may read the same (``p["a.b"]``, ``p["a"]["b"]``): the later is quoted."""

    def __init__(self) -> None:
        self.values: dict[str, JSONValue] = {}
        self._paths: dict[str, Path] = {}

    def add(self, path: Path, value: JSONValue) -> None:
        if value is ABSENT or len(self.values) >= MAX_PARAMS:
            return
        name = ".".join(map(str, path))
        if self._paths.setdefault(name, path) != path:
            name = path[0] + "".join(f"[{key!r}]" for key in path[1:])
        self.values[name] = value

    def add_items(self, path: Path, value: object) -> None:
        for inner, leaf in itertools.islice(_leaves(path, value), MAX_PARAMS):
            self.add(inner, scalar(leaf))


def _leaves(path: Path, value: Any, above: tuple[int, ...] = ()) -> Iterator[tuple[Path, Any]]:
    """Whatever a plain dictionary holds that is no plain dictionary, by its path."""
    if type(value) is not dict:
        yield path, value
    elif id(value) not in above and len(above) < _MAX_DEPTH:
        for key, item in _items(value):
            if _key_text(key) is not ABSENT:
                yield from _leaves((*path, key), item, (*above, id(value)))


def _items(value: dict[Any, Any]) -> list[tuple[Any, Any]]:
    """The first items of a dictionary that another thread may be changing."""
    try:
        return list(itertools.islice(value.items(), MAX_PARAMS + 1))
    except RuntimeError:
        return []


def _key_text(key: Any) -> Any:
    """The text of a key that is a short scalar, else ABSENT (``str`` of an int with many digits raises)."""
    kind = type(key)
    if kind is str:
        return key if len(key) <= MAX_TEXT else ABSENT
    short = kind is bool or kind is float or key is None or (kind is int and key.bit_length() <= 64)
    return str(key) if short else ABSENT


def _rank(part: Any) -> int:
    """Order of kinds in a sorted set: numbers, texts, the rest by their text."""
    return 0 if type(part) in (bool, int, float) and part == part else 1 if type(part) is str else 2


def _same(expected: Any, value: Any) -> bool:
    """Whether `value` is the constant `expected`, type for type; NaN is the same as NaN."""
    kind = type(expected)
    if type(value) is not kind:
        return False
    if kind is tuple or kind is list:
        return len(expected) == len(value) and all(map(_same, expected, value))
    if kind is dict:
        return len(expected) == len(value) and all(
            _same(item, value.get(key, ABSENT)) for key, item in expected.items()
        )
    if kind is set or kind is frozenset:
        # only own scalars may be compared, and 1 == True
        if len(expected) != len(value) or any(scalar(item) is ABSENT for item in value):
            return False
        return {(type(item), item) for item in expected} == {(type(item), item) for item in value}
    return bool(expected == value or (expected != expected and value != value))


def _add_globals(
    found: _Params, functions: list[FunctionType], namespace: Mapping[str, object], stores: frozenset[str]
) -> None:
    """Add what the person's functions, and those that they call, read from the namespace.

    A name that the cell itself stores is left out: its value now is not the one that the function will see.
    """
    seen: set[int] = set()
    while functions and len(seen) < _MAX_FUNCTIONS:
        function = functions.pop(0)
        if function.__globals__ is not namespace or id(function) in seen:
            continue
        seen.add(id(function))
        for name in _global_names(function.__code__):
            value = namespace.get(name, ABSENT)
            if type(value) is FunctionType:
                functions.append(value)
            elif name not in stores and not name.startswith("_") and name not in _SHELL_NAMES:
                found.add((name,), scalar(value))


def _global_names(code: CodeType) -> Iterator[str]:
    """Names that the code loads as globals.

    ``co_names`` alone also has the attributes: ``model.alpha`` would make a param of an unrelated ``alpha``.
    """
    names, argument = code.co_names, 0
    instructions = code.co_code if names else b""
    wanted: dict[str, None] = {}
    for position in range(0, len(instructions) - 1, 2):
        operation = instructions[position]
        argument = argument << 8 | instructions[position + 1]
        if operation == _LOAD_GLOBAL and argument >> 1 < len(
            names
        ):  # the lowest bit says "push NULL" since 3.11
            wanted[names[argument >> 1]] = None
        if operation != _EXTENDED_ARG:
            argument = 0
    yield from wanted
    for constant in code.co_consts:
        if type(constant) is CodeType:
            yield from _global_names(constant)
