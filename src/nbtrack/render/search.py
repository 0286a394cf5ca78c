"""What a full-text search found, as text and as static HTML."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING

from nbtrack.entities.search import FoundLine, Hit, Passage, Place, SearchResult
from nbtrack.render.characters import visible
from nbtrack.render.html_source import bdi
from nbtrack.render.numbers import counted, when
from nbtrack.render.text_layout import dim, heading, line

if TYPE_CHECKING:
    from rich.text import Text

_TITLES = {Place.SOURCE: "", Place.OUTPUT: "output", Place.ERROR: "error", Place.NOTE: "note"}


def search_lines(result: SearchResult, now: datetime | None) -> list[Text]:
    """The hits below each other: whose cell, then the lines with what was found in bold."""
    lines: list[Text] = []
    for hit in result.hits:
        lines += [line(), heading(_title(hit, now))] if lines else [heading(_title(hit, now))]
        for passage in hit.passages:
            if _TITLES[passage.place]:
                lines.append(dim(f"  {_TITLES[passage.place]}"))
            for found in passage.lines:
                text = line(f"  {_number(found, passage)}  ")
                for part, marked in _parts(found):
                    text.append(part, style="bold yellow" if marked else None)
                lines.append(text)
            if passage.more:
                lines.append(dim(f"        + {passage.more:,} more line{'s' * (passage.more > 1)}"))
    return [*lines, *([line()] if lines else []), dim(_summary(result))]


def search_html(result: SearchResult) -> str:
    """The hits below each other, as in `search_lines`."""
    sections = []
    for hit in result.hits:
        sections.append(f'<div class="nbtrack-h">{bdi(_title(hit, None))}</div>')
        for passage in hit.passages:
            if _TITLES[passage.place]:
                sections.append(f'<div class="nbtrack-q">{_TITLES[passage.place]}</div>')
            rows = "".join(f"<span>{_line_html(found, passage)}</span>" for found in passage.lines)
            more = f'<span class="nbtrack-s">+ {passage.more:,} more</span>' if passage.more else ""
            sections.append(f"<pre>{rows}{more}</pre>")
    return f'{"".join(sections)}<div class="nbtrack-q">{escape(_summary(result))}</div>'


def _line_html(found: FoundLine, passage: Passage) -> str:
    parts = (f"<mark>{escape(part)}</mark>" if marked else escape(part) for part, marked in _parts(found))
    return f"{escape(_number(found, passage))}  {''.join(parts)}"


def _number(found: FoundLine, passage: Passage) -> str:
    """The line's number, as wide as the widest of its passage."""
    return str(found.number).rjust(max(4, *(len(str(other.number)) for other in passage.lines)))


def _parts(found: FoundLine) -> Iterator[tuple[str, bool]]:
    """The pieces of a line, and whether each was found; every character visible."""
    place = 0
    for first, last in [*found.marks, [len(found.text), len(found.text)]]:
        for part, marked in ((found.text[place:first], False), (found.text[first:last], True)):
            if part:
                yield visible(part, keep="\t").expandtabs(4), marked
        place = last


def _title(hit: Hit, now: datetime | None) -> str:
    """Which run and cell, where and when."""
    count = f"[{hit.execution_count}]" if hit.execution_count is not None else None
    run = visible(f"{hit.experiment}/{hit.run}", 80) if hit.run else "outside of runs"
    parts = [run, count, visible(hit.notebook, 60) if hit.notebook else None, when(hit.moment, now)]
    if hit.outcome not in (None, "ok", "finished"):
        parts.append(str(hit.outcome))
    if hit.times > 1:
        parts.append(f"{hit.times:,} times")
    return " · ".join(part for part in parts if part)


def _summary(result: SearchResult) -> str:
    count = len(result.hits)
    found = f"{count:,} found" if count else f"Nothing has {visible(result.text, 100)}"
    waiting = (
        f" · {counted(result.waiting, 'cell')} not indexed yet; ask again in a moment"
        if result.waiting
        else ""
    )
    return f"{found}{' · there are more' if result.more else ''}{waiting}"
