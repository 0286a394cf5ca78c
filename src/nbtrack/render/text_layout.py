"""Lines of terminal text: tables whose columns fit, pairs of a word and a value, styles."""

from __future__ import annotations

import importlib
import io
import random
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from nbtrack.render.characters import visible
from nbtrack.render.grid import Column

if TYPE_CHECKING:
    from rich.text import Text

_GAP = 2
_WIDEST = 36


def line(*parts: str, style: str = "") -> Text:
    """One line of text in one style."""
    _load_rich()
    from rich.text import Text

    return Text("".join(parts), style=style)


def _load_rich() -> None:
    """Import what draws a random number when it is imported: in a notebook the next draw is the person's."""
    if "rich.style" not in sys.modules:
        state = random.getstate()
        importlib.import_module("rich.style")
        random.setstate(state)


def dim(text: str) -> Text:
    """A line that stands back."""
    return line(text, style="dim")


def heading(text: str) -> Text:
    """The name of what is shown."""
    return line(text, style="bold")


def facts(items: Sequence[tuple[str, str]], right: bool = False) -> list[Text]:
    """Indented pairs with the values below each other, flush right where they are numbers."""
    names = [_cut(name, _WIDEST) for name, _ in items]
    name_width = max(map(_width, names), default=0)
    value_width = max((_width(text) for _, text in items), default=0) if right else 0
    lines = []
    for name, (_, text) in zip(names, items, strict=True):
        found = line("  ", name, " " * (name_width - _width(name) + _GAP), style="")
        found.stylize("dim", 0, len(found))
        found.append(" " * max(0, value_width - _width(text)) + text, style="not dim")
        lines.append(found)
    return lines


def columns_that_fit(
    columns: Sequence[Column], width: int, from_end: bool = False
) -> tuple[list[Column], list[Column]]:
    """Choose the columns that fit into `width` and those that do not.

    Tags go first, then times, params and metrics, each from the right; the run's own columns go last. With
    `from_end` all are equal and the rightmost go first.
    """
    ranks = {"tag": 0, "time": 1, "param": 2, "metric": 3, "run": 4}
    order = range(len(columns) - 1, 0, -1)
    leaving = list(order) if from_end else sorted(order, key=lambda index: ranks[columns[index].group])
    kept = set(range(len(columns)))
    used = sum(_column_width(column) + _GAP for column in columns) - _GAP
    left: list[int] = []
    for index in leaving:
        if used <= width or len(kept) <= 2:
            break
        kept.discard(index)
        left.append(index)
        used -= _column_width(columns[index]) + _GAP
    for index in [] if from_end else reversed(left):
        # A wide column that had to go may have made room for a narrow one that went before it.
        if used + _column_width(columns[index]) + _GAP <= width:
            kept.add(index)
            used += _column_width(columns[index]) + _GAP
    return [columns[i] for i in sorted(kept)], [column for i, column in enumerate(columns) if i not in kept]


def ruled(columns: Sequence[Column], row_styles: Sequence[str] = ()) -> list[Text]:
    """A table: titles, a rule, rows. A cell is shortened, never wrapped."""
    widths = [_column_width(column) for column in columns]
    lines = [_row([column.title for column in columns], columns, widths, "bold")]
    lines.append(dim((" " * _GAP).join("─" * width for width in widths)))
    for index in range(len(columns[0].cells)):
        style = row_styles[index] if row_styles else ""
        lines.append(_row([column.cells[index] for column in columns], columns, widths, style))
    return lines


def source_lines(source: str, most: int) -> list[Text]:
    """Source code, indented; of long code its beginning."""
    given = source.splitlines()
    lines = [line("    ", visible(text, 500, keep="\t").expandtabs(4)) for text in given[:most]]
    return [*lines, dim(f"    … {len(given) - most:,} more")] if len(given) > most else lines


def join(lines: Sequence[Text], width: int, colour: bool) -> str:
    """The lines as one text. They are never wrapped: a terminal does that, a pipe must not."""
    if not colour:
        return "\n".join(found.plain.rstrip() for found in lines)
    from rich.console import Console

    out = io.StringIO()
    console = Console(
        file=out, width=width, force_terminal=True, color_system="standard", legacy_windows=False
    )
    for found in lines:
        found.rstrip()
        console.print(found, soft_wrap=True, highlight=False, markup=False, emoji=False)
    return out.getvalue().removesuffix("\n")


def _row(cells: Sequence[str], columns: Sequence[Column], widths: Sequence[int], style: str) -> Text:
    padded = []
    for cell, column, width in zip(cells, columns, widths, strict=True):
        text = _cut(cell, width)
        space = " " * (width - _width(text))
        padded.append(space + text if column.right else text + space)
    return line((" " * _GAP).join(padded).rstrip(), style=style)


def _column_width(column: Column) -> int:
    return min(_WIDEST, max(map(_width, [column.title, *column.cells])))


def _width(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)


def _cut(text: str, width: int) -> str:
    if _width(text) <= width:
        return text
    from rich.cells import set_cell_size

    return set_cell_size(text, width - 1).rstrip() + "…"
