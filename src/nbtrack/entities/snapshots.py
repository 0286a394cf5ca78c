"""Notebooks as they were at a moment, and how two of them differ."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The notebook as it was at a moment; ``notebook`` is nbformat 4 JSON.

    ``origin`` says what it was made from: ``file+executions`` (the saved file, with what was executed since laid
    over it) or ``executions`` (no file could be read). ``modules`` are the sources of the project's modules that had been
    imported, by their paths from the project's folder.
    """

    id: str
    run: str
    path: str | None
    origin: str
    taken: str
    notebook: dict[str, Any]
    modules: dict[str, str] = field(default_factory=dict)


class CellChangeKind(StrEnum):
    """What happened to a cell between two snapshots."""

    UNCHANGED = "unchanged"
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MOVED = "moved"


@dataclass(frozen=True, slots=True, kw_only=True)
class CellChange:
    """One row of a notebook diff: ``before`` and ``after`` are cells in nbformat 4 JSON, None where absent."""

    kind: CellChangeKind
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    source_changed: bool = False
    outputs_changed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleChange:
    """A module of the project whose source differs; None where it was not imported."""

    path: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookDiff:
    """How the notebook of ``head`` differs from that of ``base``; both are labels such as ``forest-1``.

    ``modules`` are those of the imported modules that differ.
    """

    base: str
    head: str
    cells: list[CellChange] = field(default_factory=list)
    modules: list[ModuleChange] = field(default_factory=list)
