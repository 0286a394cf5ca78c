"""When two recorded values are the same."""

from __future__ import annotations

import math

from nbtrack.entities.values import JSONValue


def same(a: JSONValue, b: JSONValue) -> bool:
    """Whether two params or metrics are equal to a person: NaN is NaN, 1 is 1.0, but True is not 1."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a):
        return math.isnan(b)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return a == b
