"""Answers of the full-text search."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Place(StrEnum):
    """Where a text was found: a cell's source, what it printed or showed, its traceback, or a note about a run."""

    SOURCE = "source"
    OUTPUT = "output"
    ERROR = "error"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundLine:
    """A line of a text with what was found in it: ``marks`` are pairs of a beginning and an end in ``text``.

    ``number`` counts from 1.
    """

    number: int
    text: str
    marks: list[list[int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """The lines of one text in which something was found; ``more`` lines were left out."""

    place: Place
    lines: list[FoundLine] = field(default_factory=list)
    more: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A cell (or a run, for its notes) in which a text was found, at its newest execution.

    ``run`` is the label of the run that it belonged to, None for a cell outside of runs; ``moment`` is ISO 8601 in UTC;
    ``times`` counts the executions with this very content; ``execution`` is None for what belongs to the run itself.
    """

    passages: list[Passage]
    moment: str
    times: int = 1
    run: str | None = None
    run_id: str | None = None
    experiment: str | None = None
    notebook: str | None = None
    cell_id: str | None = None
    execution: str | None = None
    execution_count: int | None = None
    outcome: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """An answer to a search, best first. ``more``: there are further ones; ``waiting`` texts are not indexed yet."""

    text: str
    hits: list[Hit] = field(default_factory=list)
    more: bool = False
    waiting: int = 0
