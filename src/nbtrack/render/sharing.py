"""What to say about a copy or a bundle that was written, and about what came in by a merge."""

from __future__ import annotations

from nbtrack.entities.bundles import Export, Merge
from nbtrack.entities.stores import Backup
from nbtrack.render.characters import visible
from nbtrack.render.numbers import counted, size

_NAMED = 10
"""Names of one kind at most; the others are counted."""


def backup_sentence(made: Backup) -> str:
    """What a copy of the store holds."""
    verb = "is" if made.runs == 1 else "are"
    return (
        f"{counted(made.runs, 'run')} in {counted(made.files, 'file')} ({size(made.size)}) {verb} in "
        f"{visible(made.path, 300)}, read again and whole."
    )


def export_sentences(written: Export) -> list[str]:
    """What a bundle holds."""
    models = f" and {counted(written.versions, 'model version')}" if written.versions else ""
    verb = "is" if written.runs + written.versions == 1 else "are"
    told = (
        f"{counted(written.runs, 'run')}{models} of the store {visible(written.store, 60)} {verb} in "
        f"{visible(written.path, 300)} ({size(written.size)})."
    )
    return [told, *_list("Left out, since still running", written.running)]


def merge_sentences(merged: Merge) -> list[str]:
    """What came in, what it is called here, and what stayed away."""
    parts = [
        (merged.added, "new run", None),
        (merged.updated, "run with more than before", "runs with more than before"),
        (merged.versions, "model version", None),
        (merged.aliases, "alias", "aliases"),
        (merged.reviews, "entry of a review", "entries of reviews"),
    ]
    came = ", ".join(counted(number, one, more) for number, one, more in parts if number) or "nothing new"
    told = f"{'Would come' if merged.dry_run else 'Came'} in from {visible(merged.store, 60)}: {came}."
    known = [f"{counted(merged.unchanged, 'run')} here already."] if merged.unchanged else []
    gone = [f"Deleted here, so left out: {merged.deleted:,}."] if merged.deleted else []
    called = [f"{visible(before, 100)} is {visible(after, 120)}" for before, after in merged.renamed.items()]
    waiting = [
        "Its journals hold more that no keeper has taken in: look into that store once, and merge again."
    ]
    return [
        " ".join([told, *known, *gone]),
        *_list("Names that were taken, so that here", called),
        *_list("Deleted for good there, and kept here", merged.kept),
        *_list("Still running there, so left out", merged.running),
        *(waiting if merged.waiting else []),
    ]


def _list(title: str, items: list[str]) -> list[str]:
    if not items:
        return []
    more = f", and {len(items) - _NAMED:,} more" if len(items) > _NAMED else ""
    return [f"{title}: {', '.join(visible(item, 240) for item in items[:_NAMED])}{more}."]
