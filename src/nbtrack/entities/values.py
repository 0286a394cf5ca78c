"""Values that travel as JSON."""

from __future__ import annotations

from typing import TypeAlias

JSONValue: TypeAlias = "bool | int | float | str | list[JSONValue] | dict[str, JSONValue] | None"
"""What a param may be: a scalar, most of the time; NaN and infinity are floats and stay what they are."""
