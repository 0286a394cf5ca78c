"""The trash in words and columns, for text and HTML alike."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from nbtrack.entities.ownership import Collection, Curated, Deletion, Trash
from nbtrack.render.characters import visible
from nbtrack.render.facts import Facts
from nbtrack.render.grid import Column
from nbtrack.render.numbers import size, when

_NAMED = 3


def named(names: Sequence[str], most: int = _NAMED) -> str:
    """``a/forest-1, a/forest-2 and 5 others``."""
    shown = [visible(name, 80) for name in names[:most]]
    if len(names) > most:
        return f"{', '.join(shown)} and {len(names) - most:,} other{'s' * (len(names) > most + 1)}"
    return " and ".join(filter(None, [", ".join(shown[:-1]), *shown[-1:]]))


def contents(deletion: Deletion) -> str:
    """What was deleted together."""
    parts = []
    if deletion.runs:
        parts.append(f"{len(deletion.runs):,} run{'s' * (len(deletion.runs) > 1)}: {named(deletion.runs)}")
    if deletion.versions:
        count = len(deletion.versions)
        parts.append(f"{count:,} model version{'s' * (count > 1)}: {named(deletion.versions)}")
    return " · ".join(parts)


def renamed(done: Curated, kind: str = "") -> str:
    """What is called otherwise now; `kind` stands before the names ("experiment ")."""
    pairs = [(old, new) for old, new in zip(done.former, done.names, strict=True) if old != new]
    if not pairs:
        return (
            f"The {kind}{named(done.names)} is called so already." if kind else "They are called so already."
        )
    runs = f" with its {done.runs:,} run{'s' * (done.runs != 1)}" if done.runs else ""
    if len(pairs) == 1:
        (old, new) = (visible(name, 200) for name in pairs[0])
        if runs:
            return f"The experiment {old} is {new} now{runs}; names such as {old}/RUN still find them."
        return f"The {kind or 'run '}{old} is {new} now; the old name still finds it."
    shown = named([f"{old} → {new}" for old, new in pairs])
    return f"{len(pairs):,} runs: {shown}. The old names still find them."


def trash_columns(trash: Trash, now: datetime | None = None) -> list[Column]:
    """The trash as a table, newest first."""
    deletions = trash.deletions
    return [
        Column("deleted", [when(deletion.time, now) for deletion in deletions], "run"),
        Column("what", [contents(deletion) for deletion in deletions], "run"),
        Column("size", [size(deletion.size) for deletion in deletions], "run", right=True),
    ]


def collection_title(collection: Collection) -> str:
    """The space that collecting freed, or would free."""
    if not collection.dry_run:
        return f"freed {size(collection.size)}"
    return f"would free {size(collection.size)} (a dry run: nothing was removed)"


def collection_facts(collection: Collection) -> Facts:
    """What went, or would go."""
    counted = [
        ("runs", collection.runs, ""),
        ("model versions", collection.versions, ""),
        ("model files", collection.models, " of runs that stay"),
        ("executions", collection.executions, ""),
        ("saves of notebooks", collection.saves, ""),
        ("pieces of content", collection.blobs, ""),
        ("leftover files", collection.files, " of writes that were cut off"),
    ]
    facts = [(name, f"{count:,}{what}") for name, count, what in counted if count]
    if not facts:
        facts = [("removed", "nothing was old enough")]
    unused = [("in the database", f"{size(collection.unused)} are unused and are filled first")]
    return [*facts, *(unused if collection.unused else [])]
