"""The data of a run, as text and as static HTML: where each came from, and what its columns hold."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING

from nbtrack.analysis.compare import describe_data
from nbtrack.entities.datasets import Dataset, DataSource
from nbtrack.entities.profiles import ColumnProfile, DataProfile, ProfiledData, RunData
from nbtrack.render.characters import visible
from nbtrack.render.grid import Column
from nbtrack.render.html_source import bdi, fold
from nbtrack.render.numbers import counted, number
from nbtrack.render.text_layout import columns_that_fit, dim, heading, line, ruled

if TYPE_CHECKING:
    from rich.text import Text

_BARS = "▁▂▃▄▅▆▇█"
_BINS = 12
_MOST_COLUMNS = 40
_ROLES = {"train": "fitted on", "test": "put aside by a split", "source": "read by a call", "read": "read"}


def data_lines(found: RunData, width: int) -> list[Text]:
    """All data below each other."""
    lines = [heading(visible(f"{found.name} · data", 200))]
    for item in found.data:
        lines += [line(), line(_title(item.data), style="bold"), *(dim(f"  {text}") for text in _said(item))]
        if item.profile is not None and item.profile.columns:
            shown = _table(item.profile)
            fitting, left = columns_that_fit(shown, width - 2)
            lines += [line("  ").append_text(row) for row in ruled(fitting)]
            if left:
                lines.append(dim(f"  left out for width: {', '.join(column.title for column in left)}"))
            if (more := len(item.profile.columns) - _MOST_COLUMNS) > 0:
                lines.append(dim(f"  + {counted(more, 'more column')} (--json has all)"))
    return lines if found.data else [*lines, dim("This run read no data that nbtrack knows.")]


def data_html(found: RunData) -> str:
    """All data below each other, large tables folded."""
    parts = [f'<div class="nbtrack-h">{bdi(visible(f"{found.name} · data", 200))}</div>']
    for item in found.data:
        parts.append(f'<div class="nbtrack-h">{bdi(_title(item.data))}</div>')
        parts += [f'<div class="nbtrack-q">{escape(text)}</div>' for text in _said(item)]
        if item.profile is not None and item.profile.columns:
            table = _html_table(_table(item.profile, most=200))
            count = len(item.profile.columns)
            parts.append(table if count <= _MOST_COLUMNS else fold(counted(count, "column"), table))
    if not found.data:
        parts.append('<div class="nbtrack-q">This run read no data that nbtrack knows.</div>')
    return "".join(parts)


def data_text(data: Dataset) -> str:
    """One line about data, where a run is shown: its shape and fingerprint, what it is for, and its source."""
    parts = [visible(describe_data(data), 80), visible(data.type_name, 60)]
    if data.role in ("train", "test"):
        parts.append(data.role)
    names = list(dict.fromkeys(_short(source) for source in data.sources))
    text = " · ".join(part for part in parts if part)
    return f"{text} ← {', '.join(names[:3])}{' …' * (len(names) > 3)}" if names else text


def _title(data: Dataset) -> str:
    return f"{visible(data.name, 60)} · {visible(describe_data(data), 80)} · {visible(data.type_name, 80)}"


def _said(item: ProfiledData) -> Iterator[str]:
    """What there is to say of data in sentences."""
    yield _ROLES.get(item.data.role, visible(item.data.role, 40))
    for source in item.data.sources[:5]:
        yield _sentence(source)
    if (more := len(item.data.sources) - 5) > 0:
        yield f"and from {counted(more, 'further source')}"
    if item.data.sampled:
        yield "its fingerprint is of samples"
    profile = item.profile
    if profile is None:
        if item.data.schema:
            shown = [f"{name}: {dtype}" for name, dtype in list(item.data.schema.items())[:8]]
            yield visible(", ".join(shown) + " …" * (len(item.data.schema) > 8), 400)
    elif profile.note:
        yield visible(profile.note, 300)


def _sentence(source: DataSource) -> str:
    """From where, by what, and how that is known."""
    place = visible(source.place, 200) if source.place else ""
    if source.kind == "sql":
        query = visible(" ".join((source.query or "").split()), 200)
        place = f"{query}{' of ' if query and place else ''}{place}"
    function = visible(source.function, 80)
    text = f"from {place} by {function}" if place else f"from {function}"
    known = {
        "part": "a part of it",
        "split": "split off by train_test_split",
        "name": "by the names that it was made of",
    }.get(source.link)
    return f"{text} ({known})" if known else text


def _short(source: DataSource) -> str:
    if source.kind in ("file", "url") and source.place:
        return visible(source.place.rstrip("/").replace("\\", "/").rpartition("/")[2] or source.place, 60)
    return visible(source.function.rpartition(".")[2], 60)


def _table(profile: DataProfile, most: int = _MOST_COLUMNS) -> list[Column]:
    columns = profile.columns[:most]
    cells = {
        "column": [visible(column.name, 60) for column in columns],
        "dtype": [visible(column.dtype, 30) for column in columns],
        "missing": [_share(column.missing, column.count) for column in columns],
        "distinct": [_distinct(column) for column in columns],
        "lowest": [_value(column, column.minimum) for column in columns],
        "median": [_value(column, _middle(column)) for column in columns],
        "highest": [_value(column, column.maximum) for column in columns],
        "mean": [_value(column, column.mean) for column in columns],
        "values": [_shape(column) for column in columns],
    }
    groups = {"column": "run", "mean": "tag", "lowest": "time", "highest": "time", "dtype": "param"}
    right = ("missing", "distinct", "lowest", "median", "highest", "mean")
    return [
        Column(title, texts, groups.get(title, "metric"), right=title in right)
        for title, texts in cells.items()
        if any(texts)
    ]


def _html_table(columns: Sequence[Column]) -> str:
    def side(column: Column) -> str:
        return ' class="nbtrack-r" align="right"' if column.right else ""

    head = "".join(f'<th scope="col"{side(column)}>{bdi(column.title)}</th>' for column in columns)
    rows = "".join(
        "<tr>"
        + "".join(
            f'<th scope="row" class="nbtrack-n">{bdi(column.cells[place])}</th>'
            if column is columns[0]
            else f"<td{side(column)}>{bdi(column.cells[place])}</td>"
            for column in columns
        )
        + "</tr>"
        for place in range(len(columns[0].cells))
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _share(missing: int, count: int) -> str:
    if not missing:
        return ""
    share = 100 * missing / count
    return "< 0.1 %" if share < 0.1 else f"{share:.1f} %"


def _distinct(column: ColumnProfile) -> str:
    return "" if column.distinct is None else f"{'' if column.exact else '≈ '}{column.distinct:,}"


def _middle(column: ColumnProfile) -> float | None:
    return column.quantiles[len(column.quantiles) // 2] if column.quantiles else None


def _value(column: ColumnProfile, value: float | None) -> str:
    if value is None or column.kind not in ("number", "time"):
        return ""
    if column.kind == "time":
        try:
            return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M")
        except (ValueError, OverflowError, OSError):
            return number(value)
    if "int" in column.dtype.lower() and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return number(value, 4)


def _shape(column: ColumnProfile) -> str:
    """The commonest values of a column of few, else how the values lie between the lowest and the highest."""
    there = sum(column.top.values())
    if there and (column.kind in ("text", "boolean") or len(column.top) <= 4):
        shown = [
            f"{visible(name, 16)} {100 * count / there:.0f} %" for name, count in list(column.top.items())[:4]
        ]
        return ", ".join(shown) + " …" * (len(column.top) > 4)
    if column.kind not in ("number", "time") or len(column.quantiles) < 3:
        return ""
    return _bars(column.quantiles)


def _bars(quantiles: Sequence[float]) -> str:
    """A histogram of what quantiles in equal steps of rank tell: how much lies in each of equal steps of value."""
    lowest, highest = quantiles[0], quantiles[-1]
    if not math.isfinite(highest - lowest) or highest <= lowest:
        return ""
    masses = [0.0] * _BINS
    for low, high in itertools.pairwise(quantiles):
        first, last = ((edge - lowest) / (highest - lowest) * _BINS for edge in (low, high))
        for place in range(min(int(first), _BINS - 1), min(int(last), _BINS - 1) + 1):
            inside = min(last, place + 1) - max(first, place)
            masses[place] += inside / (last - first) if last > first else 1.0
    most = max(masses)
    return "".join(_BARS[min(len(_BARS) - 1, int(mass / most * len(_BARS)))] for mass in masses)
