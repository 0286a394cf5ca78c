"""The history of a notebook as a table."""

from __future__ import annotations

from datetime import datetime
from pathlib import PurePath

from nbtrack.entities.ids import short_id
from nbtrack.entities.snapshots import History, HistoryEntry
from nbtrack.render.characters import visible
from nbtrack.render.grid import Column
from nbtrack.render.numbers import counted, when

_WHY = {"run": "run", "save": "saved", "end": "kernel ended"}


def history_title(history: History) -> str:
    """What the table is of."""
    name = (
        visible(PurePath(history.notebook).name, 80)
        if history.notebook
        else "a notebook whose path is not known"
    )
    return f"{name} · {counted(history.total, 'snapshot')}"


def history_columns(history: History, now: datetime | None = None) -> list[Column]:
    """The snapshots, newest first."""
    entries = history.entries
    columns = [
        Column("snapshot", [short_id(entry.id) for entry in entries], "run"),
        Column("taken", [when(entry.taken, now) for entry in entries], "run"),
        Column("of", [_of(entry) for entry in entries], "run"),
        Column("what changed", [_changed(entry, entry is entries[-1]) for entry in entries], "run"),
        Column("cells", [f"{entry.cells:,}" for entry in entries], "metric", right=True),
        Column("tags", [_tags(entry) for entry in entries], "tag"),
    ]
    return columns if any(entry.tags for entry in entries) else columns[:-1]


def _of(entry: HistoryEntry) -> str:
    if entry.run is None:
        return _WHY[entry.reason]
    return visible(entry.run, 60) + (f" ({entry.status})" if entry.status not in (None, "finished") else "")


def _changed(entry: HistoryEntry, last: bool) -> str:
    return entry.changed or ("" if last else "nothing")


def _tags(entry: HistoryEntry) -> str:
    return ", ".join(visible(f"{name}={value}" if value else name, 60) for name, value in entry.tags.items())
