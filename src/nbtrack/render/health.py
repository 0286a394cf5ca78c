"""What ``verify`` and ``repair`` found and did, as sentences for text and HTML alike."""

from __future__ import annotations

from nbtrack.entities.health import Repair, Verification
from nbtrack.render.characters import visible
from nbtrack.render.facts import Facts
from nbtrack.render.numbers import counted, duration_text, size

Sentences = list[tuple[str, str]]
"""Each with its weight: ``bad``, ``note``, ``good`` or nothing."""

_MOST = 100
_ONE = {"points": "point", "journals": "journal", "frames": "frame", "blobs": "blob"}


def verification_facts(found: Verification) -> Facts:
    """What was looked at."""
    units = {"bytes": lambda number: size(number) + " of content"}
    looked_at = [
        units[name](number) if name in units else counted(number, _ONE.get(name, name), name)
        for name, number in found.checked.items()
    ]
    part = "" if found.subset >= 100 else f" · {found.subset:g} % of the blobs, chosen anew each time"
    how = " · quick: no content was read" if found.quick else part
    return [
        ("store", visible(found.path, 500)),
        ("looked at", " · ".join(["the database", *looked_at]) + how),
        ("took", duration_text(found.seconds)),
    ]


def verification_sentences(found: Verification) -> Sentences:
    """What was found."""
    told: Sentences = [
        (
            "bad" if item.error else "note",
            f"{item.kind} {visible(item.name, 200)} {visible(item.message, 300)}",
        )
        for item in found.findings[:_MOST]
    ]
    if (rest := found.errors + found.notes - len(told)) > 0:
        told.append(("note", f"and {rest:,} more (--json has the first 1,000)"))
    if not found.errors:
        told.append(("good", "Everything is what was written."))
    return told


def repair_sentences(made: Repair) -> Sentences:
    """What was done, or would be, and what is left."""
    told: Sentences = [("", visible(sentence, 500)) for sentence in made.done]
    told += [("bad", f"left: {visible(sentence, 500)}") for sentence in made.left]
    if not told:
        return [("good", "Nothing needs repair.")]
    if made.quarantine:
        told.append(("note", f"What was damaged is in {visible(made.quarantine, 500)}; nothing was deleted."))
    return told
