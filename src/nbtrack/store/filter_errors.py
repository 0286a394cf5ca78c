"""The error of a run filter: what is wrong, the text, and a caret below the place."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable

from nbtrack.errors import FilterError

_WINDOW = 72


def reject(text: str, column: int, problem: str, length: int = 1, **details: object) -> FilterError:
    """The error for `problem` at `column` (from 1) of `text`; ``details`` has ``column`` and ``text``."""
    return FilterError(
        f"{problem}\n{caret(text, column, length)}", column=column, text=text, problem=problem, **details
    )


def caret(text: str, column: int, length: int = 1) -> str:
    """The filter on one line and a caret line below it; of a long filter, the part around the place."""
    line = "".join(" " if character.isspace() else character for character in text)
    start = max(0, column - 1 - _WINDOW // 2) if len(line) > _WINDOW else 0
    shown = line[start : start + _WINDOW]
    lead = "…" if start else ""
    trail = "…" if start + _WINDOW < len(line) else ""
    before = lead + shown[: column - 1 - start]
    marked = shown[column - 1 - start : column - 1 - start + length]
    return f"  {lead}{shown}{trail}\n  {' ' * _width(before)}{'^' * max(1, _width(marked))}"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that looks most like `name`, or None."""
    by_lower = {candidate.lower(): candidate for candidate in sorted(known, reverse=True)}
    found = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def _width(text: str) -> int:
    """Terminal cells of `text`: wide characters take two, combining ones none."""
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )
