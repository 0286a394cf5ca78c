"""Params, metrics and times between Python and SQLite columns, without loss.

A value is one SQLite value, so that filters compare it as it stands: an integer of up to 64 bits, a float or a text is
itself; everything else (booleans, None, NaN, larger integers, lists, dicts, text that UTF-8 cannot hold) is its JSON as a
blob. SQLite orders numbers before texts before blobs, whatever they hold.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

from nbtrack.entities.values import JSONValue

NULL = b"null"
NAN = b"NaN"

SQLValue = int | float | str | bytes | None


def to_sql(value: JSONValue) -> SQLValue:
    """A value as SQLite keeps it; never None, which stands for "not recorded"."""
    if isinstance(value, float):
        return NAN if math.isnan(value) else value
    if isinstance(value, int) and not isinstance(value, bool):
        return value if -(2**63) <= value < 2**63 else json.dumps(value).encode()
    if isinstance(value, str) and encodable(value) == value:
        return value
    return json.dumps(value, separators=(",", ":")).encode()


def from_sql(stored: SQLValue) -> Any:
    """The reverse of `to_sql`."""
    return json.loads(stored) if isinstance(stored, bytes) else stored


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
