"""A bounded look at what a value holds: a fingerprint, the identities of what can be changed, and the functions inside.

No code of the person's runs: objects are read by their dictionaries and slots, containers by the methods of Python's own
types, arrays by their bytes. The walk goes in breadth, so that what a cap cuts off is what lies deepest. What is cut off or
sampled is told (`Content.whole`), and the tracer then goes by what the source says.
"""

from __future__ import annotations

import functools
import gc
import itertools
import os
from dataclasses import dataclass, field
from time import perf_counter  # by name: a notebook may put something else into the module
from types import CodeType, FunctionType, ModuleType
from typing import Any, Final

from nbtrack.capture.frameworks.patches import WRAPPER
from nbtrack.capture.lineage import arrays
from nbtrack.capture.lineage.files import DATABASE, handle
from nbtrack.capture.lineage.kinds import (
    Kind,
    identity,
    in_library,
    kind_of,
    module_dict,
    module_of,
    own_dict,
)

NODES: Final = 400
"""Objects of one value that are looked into."""

_ELEMENTS: Final = 1_000  # of one container that are all read
_SAMPLED: Final = 250  # of the beginning and of the end of a longer one
_TOKENS: Final = 20_000
_LONG: Final = 20_000  # characters: a longer text is known by its identity, since it cannot change
_SALT: Final = int.from_bytes(
    os.urandom(8), "little"
)  # fingerprints of secrets must tell nothing outside of the process
_TRUE, _FALSE, _NONE, _FLOAT, _NAN = "\0true", "\0false", "\0none", "\0float", "\0nan"

cache_info: Final = vars(type(functools.lru_cache(maxsize=1)(len)))["cache_info"]


class OutOfTime(Exception):
    """The deadline has passed after ``nodes`` objects."""

    def __init__(self, nodes: int) -> None:
        super().__init__(nodes)
        self.nodes = nodes


@dataclass(slots=True)
class Content:
    """What a walk found.

    Attributes
    ----------
    digest : int
        Changes with the content; comparable within the process.
    parts : frozenset of int
        Identities of what can be changed in place.
    whole : bool
        Whether everything was looked at.
    moving : bool
        Whether it is used up by being used: an iterator, a file, a connection.
    opaque : bool
        Whether a part of it cannot be looked into.
    kind : Kind
        Of the value itself.
    handles : tuple
        The paths of open files inside, and whether they can be written.
    codes : list
        Code of the person's functions inside. Not to be kept.
    """

    digest: int
    parts: frozenset[int]
    whole: bool
    moving: bool
    opaque: bool
    kind: Kind
    handles: tuple[tuple[str, bool], ...] = ()
    codes: list[CodeType] = field(default_factory=list)

    def version(self) -> str:
        """The fingerprint as text."""
        return f"{self.digest & 0xFFFFFFFFFFFF:012x}"


class Walker:
    """Looks into values of one namespace.

    Parameters
    ----------
    namespace
        Globals of the person's functions.
    project
        Tells by the file of a module whether it is one of the person's.
    deadline
        On ``perf_counter``.
    """

    def __init__(self, namespace: dict[str, object], project: Any, deadline: float) -> None:
        self._namespace = namespace
        name = namespace.get("__name__")
        self._main = name if type(name) is str else "__main__"
        self._project = project
        self._deadline = deadline

    def walk(self, value: object, most: int = NODES) -> Content:
        """Look into one value, at `most` so many objects.

        Raises
        ------
        OutOfTime
            If the deadline passes.
        """
        self._tokens: list[Any] = [_SALT]
        self._seen: dict[int, int] = {}
        self._queue: list[Any] = []  # all that is looked into: what lives has an identity of its own
        self._parts: set[int] = set()
        self._codes: list[CodeType] = []
        self._handles: dict[tuple[str, bool], None] = {}
        self.whole, self._moving, self._opaque = True, False, False
        self.see(value)
        for nodes, item in enumerate(self._queue):
            if nodes >= most or len(self._tokens) > _TOKENS:
                self.whole = False
                break
            if not nodes & 31 and perf_counter() > self._deadline:
                self._queue = []
                raise OutOfTime(nodes)
            kind = kind_of(type(item))
            try:
                _HANDLERS[kind.word](self, item, kind)
            except RuntimeError:  # changed by another thread while it was read
                self.whole = False
        self._queue = []
        return Content(
            hash(tuple(self._tokens)),
            frozenset(self._parts),
            self.whole,
            self._moving,
            self._opaque,
            kind_of(type(value)),
            tuple(self._handles),
            self._codes,
        )

    # What handlers use

    def see(self, item: Any) -> None:
        """Take in a part: a scalar as it is, anything else to be looked into later."""
        kind, tokens = type(item), self._tokens
        if kind is str or kind is bytes:
            tokens.append(item if len(item) < _LONG else identity(item))
        elif kind is int:
            tokens.append(item if item.bit_length() < _LONG else identity(item))
        elif item is None:
            tokens.append(_NONE)
        elif kind is float:
            tokens.append(_FLOAT)
            tokens.append(item if item == item else _NAN)
        elif kind is bool:
            tokens.append(_TRUE if item else _FALSE)
        else:
            key = identity(item)
            place = self._seen.get(key)
            if place is None:
                self._seen[key] = place = len(self._seen)
                self._queue.append(item)
            tokens.append(place)

    def note(self, token: Any) -> None:
        """Take in a number or text of ours."""
        self._tokens.append(token)

    def part(self, identified: int) -> None:
        """Something that can be changed in place."""
        self._parts.add(identified)

    def handle(self, found: tuple[str, bool] | None) -> None:
        """An open file, and whether it can be written."""
        if found is not None:
            self._handles[found] = None

    # Kinds

    def _value(self, item: Any, kind: Kind) -> None:
        scalar = arrays.scalar_bytes(item) if kind.library == "numpy" else None
        self._tokens.append(identity(item) if scalar is None else scalar)

    def _list(self, item: Any, kind: Kind) -> None:
        self._parts.add(identity(item))
        self._elements(list.__len__(item), list.__iter__(item), list.__reversed__(item))
        self._attributes(item, kind)

    def _tuple(self, item: Any, kind: Kind) -> None:
        length = tuple.__len__(item)
        if length > _ELEMENTS:
            self._elements(
                length, tuple.__iter__(item), iter(tuple.__getitem__(item, slice(-_SAMPLED, None)))
            )
        else:
            self._elements(length, tuple.__iter__(item), iter(()))
        self._attributes(item, kind)

    def _set(self, item: Any, kind: Kind) -> None:
        known = frozenset if issubclass(type(item), frozenset) else set
        if known is set:
            self._parts.add(identity(item))
        self._elements(known.__len__(item), known.__iter__(item), iter(()))
        self._attributes(item, kind)

    def _elements(self, length: int, forward: Any, backward: Any) -> None:
        self._tokens.append(length)
        if length > _ELEMENTS:
            self.whole = False
            forward = itertools.islice(forward, _SAMPLED)
            for element in list(itertools.islice(backward, _SAMPLED)):
                self.see(element)
        for element in list(forward):
            self.see(element)

    def _dict(self, item: Any, kind: Kind) -> None:
        self._parts.add(identity(item))
        length = dict.__len__(item)
        self._tokens.append(length)
        if length > _ELEMENTS:
            self.whole = False
            pairs = list(itertools.islice(dict.items(item), _SAMPLED))
            pairs += itertools.islice(reversed(dict.items(item)), _SAMPLED)
        else:
            pairs = list(dict.items(item))
        for key, value in pairs:
            self.see(key)
            self.see(value)
        self._attributes(item, kind)

    def _attributes(self, item: Any, kind: Kind) -> None:
        if kind.attributes is not None:
            found = kind.attributes.__get__(item)
            if type(found) is dict and found:
                self._pairs(found)
        for slot in kind.slots:
            try:
                self.see(slot.__get__(item))
            except AttributeError:
                self._tokens.append(_NONE)

    def _pairs(self, found: dict[Any, Any]) -> None:
        for name, value in list(itertools.islice(found.items(), _ELEMENTS)):
            self._tokens.append(name if type(name) is str else identity(name))
            self.see(value)
        if len(found) > _ELEMENTS:
            self.whole = False

    def _object(self, item: Any, kind: Kind) -> None:
        self._parts.add(identity(item))
        self._attributes(item, kind)
        if self._is_own(type(item)):
            self.see(type(item))
        elif kind.library in ("polars", "modin", "dask"):
            self._opaque = True
        elif kind.library == "builtins":  # an exception
            self._referents(item, kind)

    def _is_own(self, cls: type) -> bool:
        return module_of(cls) == self._main

    def _class(self, item: Any, kind: Kind) -> None:
        if not self._is_own(item):
            self._tokens.append(identity(item))
            return
        self._parts.add(identity(item))
        for name, value in list(own_dict(item).items()):
            if name not in (
                "__dict__",
                "__weakref__",
                "__doc__",
                "__module__",
                "__abstractmethods__",
                "_abc_impl",
            ):
                self._tokens.append(name)
                self.see(value)
        for other in (type(item), *type.__dict__["__bases__"].__get__(item)):
            if self._is_own(other):
                self.see(other)

    def _function(self, item: FunctionType, kind: Kind) -> None:
        code = item.__code__
        self._tokens.append(hash(code.co_code))
        self._tokens.append(identity(code))
        if item.__globals__ is self._namespace:
            self._codes.append(code)
        elif self._project(file := item.__globals__.get("__file__")):
            self._tokens.append(file)
            self.see(item.__globals__)
        elif not (item.__closure__ or item.__dict__) or in_library(item, self._namespace, self._project):
            return
        elif code.co_filename == WRAPPER:  # around a method: behind it lies what nbtrack itself remembers
            self.see(item.__dict__.get("__wrapped__"))
            return
        self._parts.add(identity(item))
        for part in (item.__defaults__, item.__kwdefaults__, item.__closure__, item.__dict__ or None):
            self.see(part)

    def _method(self, item: Any, kind: Kind) -> None:
        self.see(item.__func__)
        self.see(item.__self__)

    def _builtin(self, item: Any, kind: Kind) -> None:
        owner = item.__self__
        self._tokens.append(item.__name__)
        if owner is not None and type(owner) is not ModuleType:
            self.see(owner)

    def _module(self, item: Any, kind: Kind) -> None:
        names = module_dict(item)
        self._tokens.append(identity(item))
        if type(names) is dict and names is not self._namespace and self._project(names.get("__file__")):
            self.see(names)

    def _generator(self, item: Any, kind: Kind) -> None:
        self._moving = True
        self._parts.add(identity(item))
        for prefix in ("gi", "cr", "ag"):
            code = getattr(item, f"{prefix}_code", None)
            if type(code) is CodeType:
                self._codes.append(code)
        self._referents(item, kind)

    def _moves(self, item: Any, kind: Kind) -> None:
        self._moving = True
        self.handle(handle(item))
        self._parts.add(identity(item))
        self._referents(item, kind)

    def _unknown(self, item: Any, kind: Kind) -> None:
        self._opaque = True
        if kind.library == "sqlite3":
            self.handle((DATABASE, True))
        self._parts.add(identity(item))
        self._tokens.append(identity(item))
        self._attributes(item, kind)
        self._referents(item, kind)

    def _referents(self, item: Any, kind: Kind) -> None:
        for part in gc.get_referents(item)[:_ELEMENTS]:
            cls = type(part)
            if cls is type or (cls is dict and part is self._namespace):
                continue
            self.see(part)

    def _cache(self, item: Any, kind: Kind) -> None:
        """What `functools.lru_cache` made: what it holds cannot be seen, only how often it was not held."""
        self._parts.add(identity(item))
        count = cache_info(item)
        self._tokens.append((count.misses, count.currsize))
        self._attributes(item, kind)

    def _bytes(self, item: Any, kind: Kind) -> None:
        self._parts.add(identity(item))
        arrays.buffer(self, memoryview(item))

    def _python_random(self, item: Any, kind: Kind) -> None:
        self._parts.add(identity(item))
        self._tokens.append(hash(arrays.python_state(item)))


_HANDLERS: Final[dict[str, Any]] = {
    "value": Walker._value,
    "list": Walker._list,
    "tuple": Walker._tuple,
    "set": Walker._set,
    "dict": Walker._dict,
    "object": Walker._object,
    "class": Walker._class,
    "function": Walker._function,
    "method": Walker._method,
    "builtin": Walker._builtin,
    "module": Walker._module,
    "generator": Walker._generator,
    "moving": Walker._moves,
    "opaque": Walker._unknown,
    "referents": Walker._referents,
    "cache": Walker._cache,
    "bytes": Walker._bytes,
    "python random": Walker._python_random,
    "array": arrays.array,
    "random": arrays.random_state,
    "frame": arrays.frame,
    "index": arrays.index,
    "extension": arrays.extension,
    "tensor": arrays.tensor,
}
