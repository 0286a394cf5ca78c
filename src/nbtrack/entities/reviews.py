"""Reviews: a question about a change between two notebooks, what was said about it, and the verdicts."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from nbtrack.entities.snapshots import NotebookDiff

HANDLE_LENGTH = 6


def handle(identifier: str) -> str:
    """What a review or a thread is called: the end of its id, which was drawn at random."""
    return identifier[-HANDLE_LENGTH:]


class ReviewEventKind(StrEnum):
    """What can happen in a review."""

    OPENED = "opened"
    UPDATED = "updated"
    COMMENTED = "commented"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    APPROVED = "approved"
    CHANGES_REQUESTED = "changes_requested"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewEvent:
    """One thing that happened in a review, for good: stores that are merged join theirs by the ids.

    ``base`` and ``head`` are the digests of the notebooks' files that are meant: of the review where it was opened or
    updated, and of what was seen where somebody judged. ``author`` is the name that a person claims. ``content`` depends on
    the kind.
    """

    id: str
    review: str
    time: int
    author: str
    kind: ReviewEventKind
    content: dict[str, Any] = field(default_factory=dict)
    base: str | None = None
    head: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """What a thread is about: a cell, or a line of its source (from 1), or one of its outputs (from 1).

    ``side`` is ``base`` or ``head``, ``cell`` the cell's id and ``number`` its place then, ``quote`` the line or the
    beginning of the output, ``source`` the cell's source.
    """

    side: str
    cell: str
    number: int
    source: str
    line: int | None = None
    output: int | None = None
    quote: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewComment:
    """One comment (Markdown); ``suggestion`` is what the cell's line, or the whole cell, should be instead."""

    id: str
    author: str
    time: str
    text: str
    suggestion: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewThread:
    """Comments about one place.

    ``number`` is the cell's place in the notebook as it is now (None: it has gone), ``line`` that of the line; ``state`` is
    ``here``, ``changed`` (the cell is there, the line or output is another) or ``gone``.
    """

    id: str
    anchor: Anchor | None
    comments: list[ReviewComment]
    resolved: bool = False
    state: str = "here"
    number: int | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewVerdict:
    """What somebody decided; ``stale`` where the notebooks are not those that were seen."""

    author: str
    time: str
    approved: bool
    text: str = ""
    stale: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewSummary:
    """A review in a list.

    ``state`` is ``open``, ``approved``, ``changes requested`` or ``stale`` (it was judged, and then changed).
    """

    id: str
    title: str
    author: str
    opened: str
    base: str
    head: str
    state: str
    threads: int = 0
    unresolved: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewList:
    """The reviews of a store, newest first."""

    reviews: list[ReviewSummary]


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """All of a review; ``diff`` is between the notebooks as they are in it now."""

    summary: ReviewSummary
    description: str
    reviewers: list[str]
    threads: list[ReviewThread]
    verdicts: list[ReviewVerdict]
    diff: NotebookDiff
