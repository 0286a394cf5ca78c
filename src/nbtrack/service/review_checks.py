"""What the events of reviews must be that come in by a merge, before any is believed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from nbtrack.entities.bundles import ReviewEventDocument
from nbtrack.entities.names import MOST_TEXT
from nbtrack.entities.reviews import ReviewEventKind as Kind

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_MOST_NAME = 500
_SOURCE = 10_000_000

_LINE: Final = (str, _MOST_NAME)
_TEXT: Final = (str, MOST_TEXT)
_RUN: Final = (str | None, 36)
_CONTENT: Final[dict[Kind, dict[str, tuple[Any, int]]]] = {
    Kind.OPENED: {
        "base_name": _LINE, "base_run": _RUN, "head_name": _LINE, "head_run": _RUN,
        "title": _LINE, "description": _TEXT, "reviewers": (list, 50),
    },
    Kind.UPDATED: {"head_name": _LINE, "head_run": _RUN},
    Kind.COMMENTED: {
        "text": _TEXT, "thread": _RUN, "anchor": (dict | None, 7), "suggestion": (str | None, MOST_TEXT),
    },
    Kind.RESOLVED: {"thread": (str, 36)},
    Kind.REOPENED: {"thread": (str, 36)},
    Kind.APPROVED: {"text": _TEXT},
    Kind.CHANGES_REQUESTED: {"text": _TEXT},
}  # fmt: skip
_ANCHOR: Final[dict[str, tuple[Any, int]]] = {
    "side": (str, 4), "cell": (str, 1000), "number": (int, 0), "source": (str, _SOURCE),
    "line": (int | None, 0), "output": (int | None, 0), "quote": (str, _SOURCE),
}  # fmt: skip
_DIGESTS: Final[dict[Kind, tuple[bool, bool]]] = {
    Kind.OPENED: (True, True),
    Kind.UPDATED: (False, True),
    Kind.APPROVED: (True, True),
    Kind.CHANGES_REQUESTED: (True, True),
}
"""Whether an event names a base and a head."""


def problem_of(events: Sequence[ReviewEventDocument]) -> str | None:
    """What is wrong with the events of all reviews of a bundle, as a clause; None if nothing is."""
    opened = {event.id for event in events if event.id == event.review and event.kind == Kind.OPENED}
    threads = {
        (event.review, event.id)
        for event in events
        if event.kind == Kind.COMMENTED and event.content.get("thread") is None
    }
    if len({event.id for event in events}) != len(events):
        return "an event of a review is there twice"
    for event in events:
        of = f"the event {event.id[:40]!r} of a review"
        if not _ID.fullmatch(event.id) or event.review not in opened or event.kind not in list(Kind):
            return f"{of} belongs to no review"
        if (event.id == event.review) != (event.kind == Kind.OPENED):
            return f"{of} opens a review that is open"
        if event.time < 0 or not _fits(event.author, (str, _MOST_NAME)) or not _is_name(event.author):
            return f"{of} has an impossible time or author"
        kind = Kind(event.kind)
        if not _has(event.content, _CONTENT[kind]):
            return f"{of} does not have what it must have"
        names = event.base is not None, event.head is not None
        if names != _DIGESTS.get(kind, (False, False)):
            return f"{of} names other notebooks than it may"
        if any(not _fits(name, _LINE) for name in event.content.get("reviewers", [])):
            return f"{of} names reviewers that have no names"
        anchor, thread = event.content.get("anchor"), event.content.get("thread")
        if anchor is not None and not (_has(anchor, _ANCHOR) and anchor["side"] in ("base", "head")):
            return f"{of} is about no place"
        if thread is not None and (event.review, thread) not in threads:
            return f"{of} is in no thread"
    return None


def _is_name(text: str) -> bool:
    return bool(text.strip()) and text.isprintable()


def _has(content: Any, fields: dict[str, tuple[Any, int]]) -> bool:
    return (
        isinstance(content, dict)
        and content.keys() == fields.keys()
        and all(_fits(content[name], kind) for name, kind in fields.items())
    )


def _fits(value: Any, wanted: tuple[Any, int]) -> bool:
    """Whether a value has the type and is not longer than it may be."""
    kind, most = wanted
    if not isinstance(value, kind) or isinstance(value, bool):
        return False
    return isinstance(value, int | None) or len(value) <= most
