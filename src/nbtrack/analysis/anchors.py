"""Where a comment belongs after the notebook has changed: by the cell's id, then by its content."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from nbtrack.analysis.alignment import Cell, source_of
from nbtrack.entities.reviews import Anchor

_QUOTED = 200
_ALIKE = 0.6
_WORD = re.compile(r"\w+")


def anchored(
    cells: Sequence[Cell], side: str, number: int, line: int | None = None, output: int | None = None
) -> Anchor:
    """An anchor at a cell, a line of it or one of its outputs, all counted from 1.

    Raises
    ------
    LookupError
        If there is none; the message says what there is.
    """
    if not 1 <= number <= len(cells):
        raise LookupError(f"there is no cell {number} in {side}; it has {len(cells):,}")
    cell = cells[number - 1]
    source = source_of(cell)
    quote = ""
    if line is not None:
        lines = source.splitlines()
        if not 1 <= line <= len(lines):
            raise LookupError(f"cell {number} has no line {line}; it has {len(lines):,}")
        quote = lines[line - 1]
    elif output is not None:
        outputs = _outputs(cell)
        if not 1 <= output <= len(outputs):
            raise LookupError(f"cell {number} has no output {output}; it has {len(outputs):,}")
        quote = output_text(outputs[output - 1])[:_QUOTED]
    return Anchor(
        side=side,
        cell=str(cell.get("id", "")),
        number=number,
        source=source,
        line=line,
        output=output,
        quote=quote,
    )


def located(anchor: Anchor, cells: Sequence[Cell]) -> tuple[str, int | None, int | None]:
    """Where an anchor is in the cells of a notebook as it is now.

    Returns
    -------
    tuple
        ``here``, ``changed`` or ``gone``; the cell's place and the line, from 1, or None.
    """
    place = _cell(anchor, cells)
    if place is None:
        return "gone", None, None
    cell = cells[place]
    if anchor.line is not None:
        lines = source_of(cell).splitlines()
        same = [index for index, text in enumerate(lines, 1) if text.strip() == anchor.quote.strip()]
        if not same:
            return "changed", place + 1, None
        return "here", place + 1, min(same, key=lambda index: abs(index - (anchor.line or 0)))
    if anchor.output is not None:
        texts = [output_text(output)[:_QUOTED] for output in _outputs(cell)]
        return ("here" if anchor.quote in texts else "changed"), place + 1, None
    return ("here" if source_of(cell) == anchor.source else "changed"), place + 1, None


def _cell(anchor: Anchor, cells: Sequence[Cell]) -> int | None:
    """The index of the anchor's cell: of the same id, else of the same source, else of the one that it became."""
    ids = [index for index, cell in enumerate(cells) if anchor.cell and cell.get("id") == anchor.cell]
    if ids:
        return ids[0]
    same = [
        index
        for index, cell in enumerate(cells)
        if source_of(cell) == anchor.source and anchor.source.strip()
    ]
    if same:
        return min(same, key=lambda index: abs(index + 1 - anchor.number))
    words = set(_WORD.findall(anchor.source))
    if not words:
        return None
    likeness = [_likeness(words, set(_WORD.findall(source_of(cell)))) for cell in cells]
    best = max(range(len(cells)), key=lambda index: likeness[index], default=None)
    return best if best is not None and likeness[best] >= _ALIKE else None


def _likeness(before: set[str], after: set[str]) -> float:
    return 2 * len(before & after) / (len(before) + len(after)) if after else 0.0


def _outputs(cell: Cell) -> list[Any]:
    outputs = cell.get("outputs")
    return outputs if isinstance(outputs, list) else []


def output_text(output: Any) -> str:
    """What an output shows, as one text: the plainest form of it."""
    if not isinstance(output, dict):
        return json.dumps(output)
    data = output.get("data")
    shown = output.get("text") or output.get("evalue")
    if shown is None and isinstance(data, dict):
        shown = data.get("text/plain") or next(iter(data.values()), "")
    if isinstance(shown, list):
        return "".join(map(str, shown))
    return shown if isinstance(shown, str) else json.dumps(shown)
