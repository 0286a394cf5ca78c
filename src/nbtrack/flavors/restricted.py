"""Loads a pickle of which every name is on the list in `nbtrack.flavors.allowed`.

Two locks. First the pickle is read as a program, without running it: its stack is followed with names in
place of objects, so that all forbidden names are found at once, and so that only listed constructors are
called and only objects made by them are changed (a ``BUILD`` on a *class* would replace its methods for the
whole process). Then it is unpickled by an `Unpickler` that looks up nothing but the list. The second lock
holds even where the first errs.
"""

from __future__ import annotations

import io
import pickle
import pickletools
from dataclasses import dataclass, field
from typing import IO, Any, Final

from nbtrack.errors import ModelError, StoreCorrupt, UnsafeModel
from nbtrack.flavors.allowed import Role, names, resolve, role_of


@dataclass(frozen=True)
class _Name:
    """A name from a module, or what was made by calling it."""

    module: str
    name: str
    made: bool = False

    @property
    def role(self) -> Role | None:
        return None if self.made else role_of(self.module, self.name)

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


_VALUE: Final = object()
_LIST: Final = object()
_DICT: Final = object()
_SET: Final = object()

_PUSHES: Final = names(
    "INT BININT BININT1 BININT2 LONG LONG1 LONG4 NONE NEWTRUE NEWFALSE FLOAT BINFLOAT "
    "BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8 EMPTY_TUPLE"
)
_TEXTS: Final = names("STRING BINSTRING SHORT_BINSTRING UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8")
_EMPTY: Final = {"EMPTY_LIST": _LIST, "EMPTY_DICT": _DICT, "EMPTY_SET": _SET}
_TO_MARK: Final = {"TUPLE": _VALUE, "LIST": _LIST, "DICT": _DICT, "FROZENSET": _VALUE}
_FIXED: Final = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
# (target, how many are taken from the stack; None: all to the mark)
_ADDS: Final = {
    "APPEND": (_LIST, 1), "APPENDS": (_LIST, None), "SETITEM": (_DICT, 2), "SETITEMS": (_DICT, None),
    "ADDITEMS": (_SET, None),
}  # fmt: skip
# Made by none of Python's picklers for a model, and each a way around a lookup by name
_FORBIDDEN: Final = names("INST OBJ EXT1 EXT2 EXT4 PERSID BINPERSID NEXT_BUFFER READONLY_BUFFER")


def load_restricted(source: bytes | IO[bytes]) -> Any:
    """Load a pickle in which every name is on the list.

    Raises
    ------
    UnsafeModel
        If any is not; ``details["types"]`` has all of them. Nothing of the pickle has run then.
    StoreCorrupt
        If it is no complete pickle.
    ModelError
        If the installed libraries cannot load it.
    """
    content = source if isinstance(source, bytes) else source.read()
    refused = refused_types(content)
    if refused:
        raise UnsafeModel(
            f"The model has types that are not on the list of safe ones: {', '.join(refused)}.", types=refused
        )
    try:
        return _ListUnpickler(io.BytesIO(content)).load()
    except UnsafeModel:
        raise
    except Exception as problem:
        raise ModelError(
            f"The installed libraries cannot load the model: {type(problem).__name__}: {problem}."
        ) from problem


def refused_types(content: bytes) -> list[str]:
    """Return the names in a pickle that are not on the list, and what it does that no model needs, without running it.

    Raises
    ------
    StoreCorrupt
        If it is no complete pickle.
    """
    reading, broken = _Reading(), None
    try:
        for opcode, argument, _ in pickletools.genops(content):
            reading.step(opcode.name, argument)
    except (ValueError, IndexError, KeyError, OverflowError, MemoryError) as problem:
        broken = problem
    for name in reading.names:
        if resolve(name.module, name.name) is None:
            reading.refused[str(name)] = None
    if broken is not None and not reading.refused:
        raise StoreCorrupt(f"The file is no complete pickle: {broken}.")
    return list(reading.refused)


class _ListUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        found = resolve(module, name)
        if found is None:
            raise UnsafeModel(
                f"{module}.{name} is not on the list of safe types.", types=[f"{module}.{name}"]
            )
        return _new_dtype if (module, name) == ("numpy", "dtype") else found

    def persistent_load(self, identifier: Any) -> Any:
        raise UnsafeModel("The model points outside of itself.", types=["PERSID"])


def _new_dtype(kind: Any, align: Any = False, copy: Any = True) -> Any:
    """As ``numpy.dtype``, but never numpy's own object for `kind`: a ``BUILD`` would change it for all arrays."""
    import numpy as np

    return np.dtype(kind, bool(align), True)


@dataclass
class _Reading:
    """Follows a pickle's stack with names in place of objects."""

    names: dict[_Name, None] = field(default_factory=dict)
    refused: dict[str, None] = field(default_factory=dict)
    stack: list[Any] = field(default_factory=list)
    marks: list[list[Any]] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)
    built: dict[int, Any] = field(default_factory=dict)
    steps: int = 0

    def step(self, name: str, argument: Any) -> None:
        """Do what the opcode does."""
        self.steps += 1
        if name in _TEXTS:
            self.stack.append(argument)
        elif name in _PUSHES:
            self.stack.append(_VALUE)
        elif name in _EMPTY:
            self.stack.append(_EMPTY[name])
        elif name == "MARK":
            self.marks.append(self.stack)
            self.stack = []
        elif name in _TO_MARK:
            self._to_mark()
            self.stack.append(_TO_MARK[name])
        elif name in _FIXED:
            self._take(_FIXED[name])
            self.stack.append(_VALUE)
        elif name in _ADDS:
            self._add(name)
        elif name in ("MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT"):
            self._put(len(self.memo) if argument is None else argument)
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            self.stack.append(self.memo[argument])
        elif name == "GLOBAL":
            self._name(*argument.rsplit(" ", 1))
        elif name == "STACK_GLOBAL":
            self._name(*self._take(2))
        elif name in ("REDUCE", "NEWOBJ", "NEWOBJ_EX"):
            self._call(name)
        elif name == "BUILD":
            self._build()
        elif name in ("POP", "DUP", "POP_MARK"):
            self._rearrange(name)
        elif name in _FORBIDDEN:
            self._forbidden(name, argument)
        elif name not in ("PROTO", "FRAME", "STOP"):
            raise ValueError(f"unknown opcode {name}")

    def _take(self, count: int) -> list[Any]:
        if len(self.stack) < count:
            raise IndexError("it takes more from its stack than there is")
        taken = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        return taken

    def _to_mark(self) -> list[Any]:
        taken, self.stack = self.stack, self.marks.pop()
        return taken

    def _put(self, index: int) -> None:
        if not 0 <= index <= self.steps:  # the unpickler would allocate room for all indices below
            raise ValueError("its memo has gaps")
        self.memo[index] = self.stack[-1]

    def _rearrange(self, name: str) -> None:
        if name == "DUP":
            self.stack.append(self.stack[-1])
        elif name == "POP_MARK" or not self.stack:  # POP with nothing above a mark removes the mark
            self._to_mark()
        else:
            self.stack.pop()

    def _name(self, module: Any, name: Any) -> None:
        if type(module) is not str or type(name) is not str:
            self.refused["a computed name"] = None
            self.stack.append(_VALUE)
            return
        found = _Name(module, name)
        self.names[found] = None
        self.stack.append(found)

    def _call(self, opcode: str) -> None:
        taken = self._take(3 if opcode == "NEWOBJ_EX" else 2)
        function = taken[0]
        roles = ("constructor", "class") if opcode == "REDUCE" else ("class", "estimator")
        if not isinstance(function, _Name) or function.made:
            self.refused[f"a call of {_described(function)}"] = None
            self.stack.append(_VALUE)
            return
        if function.role not in roles:
            self.refused[f"{function}" if function.role is None else f"a call of {function}"] = None
        self.stack.append(_Name(function.module, function.name, made=True))

    def _build(self) -> None:
        self._take(1)
        target = self.stack[-1]
        # No pickler builds an object twice: the first state may hold a `__setstate__` that the second would call
        if not isinstance(target, _Name) or not target.made or id(target) in self.built:
            self.refused[f"a change of {_described(target)}"] = None
        self.built[id(target)] = target

    def _add(self, name: str) -> None:
        kind, count = _ADDS[name]
        if count is None:
            self._to_mark()
        else:
            self._take(count)
        target = self.stack[-1]
        # dictionaries with a class of their own are filled in the same way
        if target is not kind and not (kind is _DICT and isinstance(target, _Name) and target.made):
            self.refused[f"a change of {_described(target)}"] = None

    def _forbidden(self, name: str, argument: Any) -> None:
        self.refused[f"opcode {name}"] = None
        if name in ("INST", "OBJ"):
            taken = self._to_mark()
            if name == "INST":
                self._name(*argument.rsplit(" ", 1))
                self.stack.pop()
            elif taken and isinstance(taken[0], _Name):
                self.names[taken[0]] = None
        elif name == "BINPERSID":
            self._take(1)
        if name != "READONLY_BUFFER":
            self.stack.append(_VALUE)


def _described(target: Any) -> str:
    return str(target) if isinstance(target, _Name) else "an object"
