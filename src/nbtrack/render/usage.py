"""What takes the space of a store, in words and columns, for text and HTML alike."""

from __future__ import annotations

from nbtrack.entities.ownership import Usage
from nbtrack.render.characters import visible
from nbtrack.render.grid import Column
from nbtrack.render.numbers import size

_KINDS = {
    "registered model": ("registered models", ""),
    "model": ("models of runs", ""),
    "file": ("files of runs", ""),
    "object": ("objects of runs", ""),
    "notebook": ("notebook snapshots", ""),
    "outputs": ("outputs of cells", ""),
    "source": ("source of cells", ""),
    "environment": ("lists of packages", ""),
    "points": ("points of metrics", ""),
    "datasets": ("descriptions of data", ""),
    "index": ("search index", ""),
    "tables": ("runs and values", ""),
    "log": ("log of the database", "moves into it now and then"),
    "free": ("free room", "filled first, or gc --compact"),
    "trash": ("trash", "gc frees it after a time"),
    "unused": ("unused content", "gc frees it after a time"),
    "strays": ("cut off writes", "gc frees it after a time"),
    "journals": ("journals", "of processes that record"),
    "incoming": ("files on their way in", ""),
    "quarantine": ("quarantine", "moved away by repair; nothing reads it"),
    "files": ("logs and marks", ""),
}
_NO_OWNER = {"run": "cells of no run", "cell": "what no cell of a notebook made"}


def usage_title(usage: Usage) -> str:
    """The size of it all."""
    return f"{size(usage.total)} in files of the store"


def usage_columns(usage: Usage) -> list[Column]:
    """The table, largest first; empty columns are left out."""
    rows = usage.rows
    if usage.by == "kind":
        told = [_KINDS.get(row.name, (row.name, "")) for row in rows]
        names, details = [name for name, _ in told], [detail for _, detail in told]
    else:
        names = [visible(row.name, 120) or _NO_OWNER[usage.by] for row in rows]
        details = [visible(row.detail, 60) for row in rows]
    columns = [
        Column(usage.by, names, "run"),
        Column("size", [size(row.size) for row in rows], "run", right=True),
        Column("", [_part(row.size, usage.total) for row in rows], "run", right=True),
        Column("shared", [size(row.shared) if row.shared else "" for row in rows], "run", right=True),
        Column("pieces", [f"{row.count:,}" if row.count else "" for row in rows], "run", right=True),
        Column("", details, "run"),
    ]
    return [column for column in columns if any(column.cells)]


def _part(part: int, whole: int) -> str:
    percent = 100 * part / whole if whole else 0.0
    return f"{percent:.0f} %" if percent >= 0.5 else "<1 %"


def usage_lines(usage: Usage) -> list[str]:
    """What stands below the table."""
    lines = []
    if usage.left_out:
        lines.append(f"{usage.left_out:,} more take {size(usage.rest)}")
    if usage.by != "kind":
        shared = f"{size(usage.shared)} are shared, counted once · " if usage.shared else ""
        lines.append(f"{shared}{size(usage.other)} belong to no {usage.by}")
    else:
        lines.append(f"gc would free {size(usage.freed)} of content now")
    return lines
