"""Which names of the notebook the person's functions use, told from their compiled code."""

from __future__ import annotations

import opcode
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType
from typing import Final

from nbtrack.capture.lineage.kinds import identity

_MAP: Final = opcode.opmap
_LOADS: Final = frozenset(
    {_MAP[name] for name in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS") if name in _MAP}
)
_SHIFTED: Final = _MAP["LOAD_GLOBAL"]  # its lowest bit says "push NULL" since 3.11
_STORES: Final = frozenset({_MAP["STORE_GLOBAL"], _MAP["DELETE_GLOBAL"]})
_STORE_ATTR: Final = _MAP["STORE_ATTR"]
_LOAD_ATTR: Final = _MAP["LOAD_ATTR"]
_WRITES: Final = frozenset({_STORE_ATTR, _MAP["STORE_SUBSCR"], _MAP["DELETE_SUBSCR"], _MAP["DELETE_ATTR"]})
_EXTENDED_ARG: Final = _MAP["EXTENDED_ARG"]
_CACHE: Final = _MAP.get("CACHE", 0)


@dataclass(frozen=True, slots=True)
class Reach:
    """What some code uses: ``names`` it reads of the notebook, ``stores`` it binds there (``global``).

    ``set_on`` are names that it sets attributes on (``np.x = 1``); ``writes`` says that it stores into something.
    """

    names: frozenset[str] = frozenset()
    stores: frozenset[str] = frozenset()
    set_on: frozenset[str] = frozenset()
    writes: bool = False

    def __or__(self, other: Reach) -> Reach:
        return Reach(
            self.names | other.names,
            self.stores | other.stores,
            self.set_on | other.set_on,
            self.writes or other.writes,
        )


NOTHING: Final = Reach()
_known: dict[int, tuple[weakref.ref[CodeType], Reach]] = {}


def reach_of(codes: list[CodeType]) -> Reach:
    """What the code of all these functions uses."""
    found = NOTHING
    for code in codes:
        found = found | _reach(code)
    return found


def _reach(code: CodeType) -> Reach:
    key = identity(code)
    known = _known.get(key)
    if known is not None and known[0]() is code:
        return known[1]
    found = NOTHING
    for inner in _nested(code):
        found = found | _read(inner)
    if len(_known) > 5_000:
        _known.clear()
    _known[key] = (weakref.ref(code), found)
    return found


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if type(constant) is CodeType:
            yield from _nested(constant)


def _read(code: CodeType) -> Reach:
    names, stores, set_on, writes = set(), set(), set(), False
    known, argument, last = code.co_names, 0, None
    instructions = code.co_code
    for place in range(0, len(instructions) - 1, 2):
        operation = instructions[place]
        if operation == _CACHE:
            continue
        argument = argument << 8 | instructions[place + 1]
        if operation == _EXTENDED_ARG:
            continue
        if operation in _LOADS:
            index = argument >> 1 if operation == _SHIFTED else argument
            last = known[index] if index < len(known) else None
            if last is not None:
                names.add(last)
        else:
            if operation in _STORES:
                stores.add(known[argument])
            elif operation in _WRITES:
                writes = True
                if operation == _STORE_ATTR and last is not None:
                    set_on.add(last)
            if operation != _LOAD_ATTR:
                last = None
        argument = 0
    return Reach(frozenset(names), frozenset(stores), frozenset(set_on), writes)
