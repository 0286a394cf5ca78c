"""Params and times between Python and SQLite columns, without loss."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

from nbtrack.entities.runs import JSONValue


def param_columns(value: JSONValue) -> tuple[str, str, float | None, str | None]:
    """A param as its columns: JSON, type, and the number or text that filters compare.

    The JSON keeps NaN, infinities and integers of any size; ``number`` is NULL for NaN, which matches no range.
    """
    encoded = json.dumps(value, separators=(",", ":"))
    if value is None:
        return encoded, "null", None, None
    if isinstance(value, bool):
        return encoded, "bool", float(value), None
    if isinstance(value, int):
        return encoded, "int", _as_float(value), None
    if isinstance(value, float):
        return encoded, "float", sql_number(value), None
    if isinstance(value, str):
        return encoded, "str", None, encodable(value)
    return encoded, "json", None, None


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def sql_number(value: float) -> float | None:
    """NaN as NULL: SQLite has no NaN and would make it NULL silently."""
    return None if math.isnan(value) else value


def from_sql_number(value: float | None) -> float:
    """The reverse of `sql_number`."""
    return math.nan if value is None else value


def encodable(text: str) -> str:
    """Text that UTF-8 can hold: a lone surrogate becomes its escape, everything else stays."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def load(encoded: str) -> Any:
    """JSON of the store as Python values."""
    return json.loads(encoded)


def iso(nanoseconds: int) -> str:
    """A Unix time in nanoseconds as ISO 8601 in UTC with milliseconds."""
    moment = datetime.fromtimestamp(nanoseconds / 1e9, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
