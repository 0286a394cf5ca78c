"""Whether a value was changed by a cell: by its content where that can be compared, else by what the source shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nbtrack.capture.lineage.content import Content
from nbtrack.capture.lineage.hints import Hints
from nbtrack.capture.lineage.reach import Reach

_CHANGING: Final = frozenset(
    {
        *(
            "append",
            "extend",
            "insert",
            "pop",
            "popitem",
            "remove",
            "clear",
            "sort",
            "reverse",
            "update",
            "setdefault",
        ),
        *(
            "add",
            "discard",
            "difference_update",
            "intersection_update",
            "symmetric_difference_update",
            "appendleft",
        ),
        *(
            "extendleft",
            "popleft",
            "rotate",
            "fill",
            "put",
            "itemset",
            "partition",
            "resize",
            "setfield",
            "setflags",
        ),
        *(
            "byteswap",
            "insert_column",
            "replace_column",
            "drop_in_place",
            "set",
            "scatter",
            "move_to_end",
            "subtract",
        ),
        *(
            "frombytes",
            "fromlist",
            "fromfile",
            "fromunicode",
            "requires_grad_",
            "backward",
            "step",
            "zero_grad",
        ),
    }
)
_CHANGING_BEGINNINGS: Final = ("fit", "partial_fit", "set_", "add_", "load_state", "__set", "__del", "__i")
_KNOWN_LIBRARIES: Final = frozenset(
    {"numpy", "pandas", "builtins", "collections", "polars", "array", "sklearn", "scipy"}
)
_HARMLESS_BEGINNINGS: Final = (
    *(
        "predict",
        "score",
        "transform",
        "inverse_transform",
        "decision_function",
        "get",
        "plot",
        "summary",
        "to_",
    ),
    *(
        "head",
        "tail",
        "describe",
        "info",
        "save",
        "dump",
        "copy",
        "keys",
        "values",
        "items",
        "count",
        "index",
        "is_",
    ),
    *(
        "has_",
        "apply",
        "mean",
        "sum",
        "std",
        "min",
        "max",
        "shape",
        "parameters",
        "state_dict",
        "named_",
        "num_",
    ),
    *(
        "read",
        "__repr__",
        "__str__",
        "__len__",
        "format",
        "join",
        "split",
        "show",
        "best_",
        "params",
        "kneighbors",
    ),
)

OVER: Final = "the time to look into it was over"
MOVES: Final = "it is used up by being used"
LARGE: Final = "too large to look into as a whole"
CLOSED: Final = "it cannot be looked into"


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a variable between two cells; it holds nothing of the person's."""

    identified: int
    content: Content
    reach: Reach


@dataclass(frozen=True, slots=True)
class Use:
    """How a cell uses one variable: by its own code (``direct``), and what the functions that it calls do."""

    name: str
    direct: bool
    hints: Hints
    reach: Reach
    may_alias: bool


def changed(before: Content | None, after: Content | None, use: Use) -> tuple[bool, str | None]:
    """Whether a value was changed, and why that is not sure where it is not."""
    if after is None:
        return _may_have(before, use), OVER
    if before is not None and before.digest != after.digest:
        return True, None
    if after.moving:
        return True, MOVES
    if before is None:
        return _shown(use) or _called(after, use), OVER
    if after.kind.word == "opaque":
        methods = use.hints.methods.get(use.name, frozenset())
        touched = not use.direct or use.name in use.hints.passed or not all(map(_is_harmless, methods))
        return touched or _shown(use), CLOSED
    if after.whole and not after.opaque:
        return False, None
    reason = CLOSED if after.whole else LARGE
    return _shown(use) or _called(after, use), reason


def _may_have(before: Content | None, use: Use) -> bool:
    """Whether a value may have been changed of which only the past is known, if that."""
    if _shown(use):
        return True
    if before is None:
        return use.name in use.hints.passed or not all(map(_is_harmless, use.hints.methods.get(use.name, ())))
    is_data = before.kind.library in _KNOWN_LIBRARIES
    return before.moving or _called(before, use) or (use.name in use.hints.passed and not is_data)


def _shown(use: Use) -> bool:
    """Whether the source shows that something may be stored into the value."""
    hints, name = use.hints, use.name
    if name in hints.changed or hints.stores_into_unknown or use.may_alias:
        return True
    if hints.writers and (name in hints.passed or name in hints.methods):
        return True
    return use.reach.writes and (name in hints.passed or not use.direct)


def _called(content: Content, use: Use) -> bool:
    """Whether a method is called on the value that may change it."""
    methods = use.hints.methods.get(use.name, frozenset())
    if content.kind.library in _KNOWN_LIBRARIES:
        return any(one in _CHANGING or one.startswith(_CHANGING_BEGINNINGS) for one in methods)
    return not all(map(_is_harmless, methods))


def _is_harmless(method: str) -> bool:
    return method.startswith(_HARMLESS_BEGINNINGS)
