"""Paths that a cell puts together: ``folder / "x.csv"``, ``f"{folder}/x.csv"``, ``os.path.join(folder, "x.csv")``.

Readers and writers in native code tell nobody which file they open. What the source gives them is worked out from the names'
values, without calling anything: texts, numbers and paths of Python's own types only.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Mapping
from pathlib import PurePath
from typing import Final

from nbtrack.capture.lineage.kinds import module_of

_MOST: Final = 30
_LONGEST: Final = 1_000
_JOINS: Final = frozenset(
    {"join", "Path", "PurePath", "PosixPath", "str", "fspath", "joinpath", "with_suffix"}
)


def path_expressions(nodes: list[ast.AST]) -> tuple[ast.expr, ...]:
    """The expressions that may be paths put together, outermost first."""
    found: list[ast.expr] = []
    inner: set[int] = set()
    for node in nodes:
        if id(node) in inner or len(found) >= _MOST:
            continue
        if (
            isinstance(node, ast.JoinedStr)
            or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div | ast.Add))
            or (isinstance(node, ast.Call) and _function(node) in _JOINS)
        ):
            found.append(node)
        else:
            continue
        inner.update(map(id, ast.walk(node)))
    return tuple(found)


def evaluated(node: ast.expr, names: Mapping[str, object]) -> str | None:
    """The text of a path expression with what names hold now; None where that is not known."""
    try:
        found = _value(node, names)
    except RecursionError:
        return None
    return found if found is not None and 0 < len(found) < _LONGEST else None


def text_of(value: object) -> str | None:
    """A text, a whole number or a path of Python's own types as text, else None."""
    kind = type(value)
    if kind is str:
        return value  # type: ignore[return-value]
    if kind is int and value.bit_length() < 64:  # type: ignore[attr-defined]
        return str(value)
    if issubclass(kind, PurePath) and module_of(kind).startswith("pathlib"):
        return str(value)
    return None


def _function(node: ast.Call) -> str | None:
    function = node.func
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", None)


def _value(node: ast.expr, names: Mapping[str, object]) -> str | None:
    if isinstance(node, ast.Constant):
        return text_of(node.value)
    if isinstance(node, ast.Name):
        return text_of(names.get(node.id))
    if isinstance(node, ast.FormattedValue):
        return _value(node.value, names) if node.format_spec is None and node.conversion == -1 else None
    if isinstance(node, ast.JoinedStr):
        return _joined([_value(part, names) for part in node.values], "")
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div | ast.Add):
        sign = os.sep if isinstance(node.op, ast.Div) else ""
        return _joined([_value(node.left, names), _value(node.right, names)], sign)
    if isinstance(node, ast.Call) and (name := _function(node)) in _JOINS and not node.keywords:
        parts = [_value(part, names) for part in node.args]
        if name == "joinpath" and isinstance(node.func, ast.Attribute):
            parts.insert(0, _value(node.func.value, names))
        if name == "with_suffix" and isinstance(node.func, ast.Attribute) and len(parts) == 1:
            stem = _value(node.func.value, names)
            parts = [None if stem is None else os.path.splitext(stem)[0], parts[0]]  # noqa: PTH122 - a text, not a file
            return _joined(parts, "")
        return _joined(parts, os.sep)
    return None


def _joined(parts: list[str | None], sign: str) -> str | None:
    known = [part for part in parts if part is not None]
    if not known or len(known) != len(parts):
        return None
    if sign:  # an absolute part begins anew
        return os.path.join(*known)  # noqa: PTH118 - texts, not files
    return "".join(known)
