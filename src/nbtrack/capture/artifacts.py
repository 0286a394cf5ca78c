"""Objects that have an obvious form on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nbtrack.errors import InvalidInput


def write_object(content: object, target: Path) -> str:
    """Write an object to `target` and return the format (a file suffix).

    Bytes, JSON-able structures, matplotlib figures (PNG) and data frames (CSV) have one.

    Raises
    ------
    InvalidInput
        If the object has none.
    """
    package = type(content).__module__.partition(".")[0]
    anything: Any = content
    if isinstance(content, (bytes, bytearray)):
        target.write_bytes(content)
        return "bin"
    if package == "matplotlib" and hasattr(anything, "savefig"):
        anything.savefig(target, format="png")
        return "png"
    if package == "pandas" and hasattr(anything, "to_csv"):
        anything.to_csv(target)
        return "csv"
    if package == "polars" and hasattr(anything, "write_csv"):
        anything.write_csv(target)
        return "csv"
    if isinstance(content, (dict, list, tuple)):
        try:
            target.write_text(json.dumps(content, indent=1), encoding="utf-8")
        except (TypeError, ValueError, RecursionError) as problem:
            raise InvalidInput(
                f"This {type(content).__name__} cannot be stored as JSON: {problem}."
            ) from None
        return "json"
    raise InvalidInput(
        f"An object of type {type(content).__module__}.{type(content).__qualname__} has no form that nbtrack.artifact "
        "knows; save it to a file and give the path, or use nbtrack.model for a model."
    )
