"""What people log, as the plain values that records hold."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from nbtrack.errors import InvalidInput

if TYPE_CHECKING:
    from nbtrack.entities.values import JSONValue

MAX_TEXT = 10_000
MAX_DEPTH = 20
_NUMERIC = ("numpy", "torch", "jax", "jaxlib", "tensorflow", "cupy")


def _item(value: object) -> object:
    """The Python scalar inside a NumPy scalar, a tensor of one element and their like; anything else as it is."""
    if type(value).__module__.partition(".")[0] in _NUMERIC:
        item = getattr(value, "item", None)
        if callable(item):
            try:
                return item()
            except (TypeError, ValueError, RuntimeError):
                return value
    return value


def metric_value(name: str, value: object) -> float:
    """A metric's value; NaN and infinities are values like others.

    Raises
    ------
    InvalidInput
        If it is no number.
    """
    number = _item(value)
    if isinstance(number, (bool, int, float)):
        try:
            return float(number)
        except OverflowError:
            return math.inf if number > 0 else -math.inf
    raise InvalidInput(
        f"The metric {name} must be a number, not {type(value).__module__}.{type(value).__qualname__}; "
        "log texts and structures with nbtrack.params or nbtrack.artifact."
    )


_PLAIN = frozenset({type(None), bool, int, float})


def param_value(value: object, depth: int = 0) -> JSONValue:
    """A param's value as JSON; what has no JSON form becomes the name of its type, since its repr is not ours to call."""
    if type(value) in _PLAIN:
        return value  # type: ignore[return-value]
    value = _item(value)
    if value is None or isinstance(value, (bool, int, float)):
        return _exact(value)
    if isinstance(value, str):
        return str(value) if len(value) <= MAX_TEXT else f"{value[:MAX_TEXT]}…"
    if depth < MAX_DEPTH:
        if isinstance(value, dict):
            return {
                str(key): param_value(item, depth + 1)
                for key, item in value.items()
                if isinstance(key, str | int)
            }
        if isinstance(value, (list, tuple)):
            return [param_value(item, depth + 1) for item in value]
    kind = value if isinstance(value, type) else type(value)
    return f"<{kind.__module__}.{kind.__qualname__}>"


def _exact(value: Any) -> JSONValue:
    """Subclasses (enums, NumPy's float64) as the plain type they are made of."""
    if value is None or isinstance(value, bool):
        return value
    return int(value) if isinstance(value, int) else float(value)
