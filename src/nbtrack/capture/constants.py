"""What the assignments of a cell make of constants: literals, their arithmetic, and containers of them.

Nothing here runs code of the cell. Arithmetic is folded only where the result stays small, since ``9**9**9``
on a line of a notebook must not hang the tracker before it hangs the cell.
"""

from __future__ import annotations

import ast
import operator
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Path: TypeAlias = tuple[Any, ...]
"""Where a value is: a name, then the constant keys of the dictionaries on the way."""

ABSENT: Final[Any] = type("Absent", (), {"__slots__": ()})()
"""Stands for "no value", where None is a value."""

_LIMIT: Final = 10_000  # bits of an int, characters of a text, elements of a list
_SEQUENCES: Final = (str, bytes, list, tuple)
_UNARY: Final[dict[type[ast.unaryop], Callable[..., Any]]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
    ast.Invert: operator.invert,
}
_BINARY: Final[dict[type[ast.operator], Callable[..., Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
}


def constants_of(path: Path, value: ast.expr) -> Iterator[tuple[Path, Any]]:
    """Constants that ``path = value`` may leave: all of `value`, or the constant items of a dictionary."""
    constant = folded(value)
    if constant is not ABSENT:
        yield path, constant
    elif isinstance(value, ast.IfExp):
        yield from constants_of(path, value.body)
        yield from constants_of(path, value.orelse)
    else:
        for key, item in dict_items(value):
            yield from constants_of((*path, key), item)


def dict_items(value: ast.expr) -> Iterator[tuple[Any, ast.expr]]:
    """Constant keys of a dictionary display or of ``dict(key=...)``, with their expressions."""
    if isinstance(value, ast.Dict):
        for key, item in zip(value.keys, value.values, strict=True):
            if isinstance(key, ast.Constant) and key.value is not ...:
                yield key.value, item
    elif isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "dict":
        yield from ((keyword.arg, keyword.value) for keyword in value.keywords if keyword.arg is not None)


def folded(node: ast.expr) -> Any:
    """Return the value of a constant expression, or ABSENT."""
    if isinstance(node, ast.Constant):
        return ABSENT if node.value is ... else node.value
    if isinstance(node, ast.UnaryOp):
        return _unary(node)
    if isinstance(node, ast.BinOp):
        return _binary(node)
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        parts = [folded(part) for part in node.elts]
        if any(part is ABSENT for part in parts):
            return ABSENT
        return _guarded(
            tuple if isinstance(node, ast.Tuple) else list if isinstance(node, ast.List) else set, parts
        )
    if isinstance(node, ast.Dict):
        keys = [ABSENT if key is None else folded(key) for key in node.keys]
        values = [folded(value) for value in node.values]
        if any(part is ABSENT for part in (*keys, *values)):
            return ABSENT
        return _guarded(dict, zip(keys, values, strict=True))
    return ABSENT


def _unary(node: ast.UnaryOp) -> Any:
    operand = folded(node.operand)
    if isinstance(node.op, ast.Not):
        return ABSENT if operand is ABSENT else not operand
    deprecated = isinstance(node.op, ast.Invert) and isinstance(operand, bool)  # ~True warns
    if deprecated or not isinstance(operand, int | float | complex):
        return ABSENT
    return _guarded(_UNARY[type(node.op)], operand)


def _binary(node: ast.BinOp) -> Any:
    left, right = folded(node.left), folded(node.right)
    function = _BINARY.get(type(node.op))
    if function is None or left is ABSENT or right is ABSENT or not _stays_small(function, left, right):
        return ABSENT
    return _guarded(function, left, right)


def _stays_small(function: Callable[..., Any], left: Any, right: Any) -> bool:
    """Whether the result can be computed at once. Texts are never formatted: ``"%999999999d" % 1``."""
    if isinstance(left, int) and isinstance(right, int):
        if function is operator.pow:
            return left.bit_length() * max(right, 1) <= _LIMIT
        if function is operator.lshift:
            return left.bit_length() + right <= _LIMIT
        return left.bit_length() + right.bit_length() <= 2 * _LIMIT
    if isinstance(left, int | float | complex) and isinstance(right, int | float | complex):
        return True
    if function is operator.add:
        return type(left) is type(right) and isinstance(left, _SEQUENCES) and len(left) + len(right) <= _LIMIT
    if function is operator.mul:
        sequence, times = (left, right) if isinstance(left, _SEQUENCES) else (right, left)
        small = (
            isinstance(times, int) and isinstance(sequence, _SEQUENCES) and len(sequence) * times <= _LIMIT
        )
        return small and _elements(sequence) * max(times, 1) <= _LIMIT
    return False


def _elements(value: Any) -> int:
    """Elements of a sequence, those of its sequences included: ``[[0] * 9999] * 9999`` is large in JSON."""
    return sum(map(_elements, value)) if isinstance(value, list | tuple | set) and value else 1


def _guarded(function: Callable[..., Any], *operands: Any) -> Any:
    """Call with constants that may not fit: division by zero, an overflow, an unhashable element."""
    try:
        return function(*operands)
    except (ArithmeticError, TypeError, ValueError, MemoryError):
        return ABSENT
