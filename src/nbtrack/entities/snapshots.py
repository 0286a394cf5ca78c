"""Notebooks as they were at a moment, and how two of them differ."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from nbtrack.entities.values import JSONValue


class SnapshotReason(StrEnum):
    """Why a snapshot was taken: a run ended, the file was saved, or the kernel ended."""

    RUN = "run"
    SAVE = "save"
    END = "end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The notebook as it was at a moment; ``notebook`` is nbformat 4 JSON.

    ``origin`` says what it was made from: ``file`` (as it was saved), ``file+executions`` (the saved file, with what was
    executed since laid over it) or ``executions`` (no file could be read). ``run`` is the run's name, of a snapshot between
    runs its short id. ``modules`` are the sources of the project's modules that had been imported, by their paths from the
    project's folder.
    """

    id: str
    run: str
    path: str | None
    origin: str
    taken: str
    notebook: dict[str, Any]
    modules: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotFile:
    """A notebook's file as it was: ``name`` is that of the run or the short id, ``notebook`` the path that it had.

    ``notes`` are sentences about what of it is not as it was; where there is none, every byte is.
    """

    id: str
    name: str
    notebook: str | None
    text: str
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """A snapshot in the history of a notebook.

    ``run`` and ``run_id`` are None between runs; ``status`` and ``tags`` are the run's. ``changed`` says in a few words what
    differs from the entry before, and is empty where nothing does; ``cells`` counts the cells.
    """

    id: str
    taken: str
    reason: SnapshotReason
    run: str | None = None
    run_id: str | None = None
    status: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    cells: int = 0
    changed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The snapshots of a notebook, newest first; ``total`` counts also those that are not listed."""

    notebook: str | None
    entries: list[HistoryEntry]
    total: int


class CellChangeKind(StrEnum):
    """What happened to a cell between two snapshots."""

    UNCHANGED = "unchanged"
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MOVED = "moved"


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberChange:
    """What differs between two runs beside their notebooks.

    ``kind`` is ``param``, ``metric``, ``data``, ``package`` or ``environment``; ``before`` and ``after`` are None where a
    run has none. ``better`` says of a metric whether ``after`` is better, where its name tells.
    """

    kind: str
    name: str
    before: JSONValue
    after: JSONValue
    better: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CellChange:
    """One row of a notebook diff: ``before`` and ``after`` are cells in nbformat 4 JSON, None where absent.

    ``note`` says of a cell that it was split, or merged from others. ``numbers`` are the changes between two runs that this
    cell is responsible for, as far as its source tells.
    """

    kind: CellChangeKind
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    source_changed: bool = False
    outputs_changed: bool = False
    note: str = ""
    numbers: list[NumberChange] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleChange:
    """A module of the project whose source differs; None where it was not imported."""

    path: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookDiff:
    """How the notebook of ``head`` differs from that of ``base``; both are labels such as ``forest-1``.

    ``modules`` are those of the imported modules that differ; ``numbers`` the changes between two runs that no cell names.
    """

    base: str
    head: str
    cells: list[CellChange] = field(default_factory=list)
    modules: list[ModuleChange] = field(default_factory=list)
    numbers: list[NumberChange] = field(default_factory=list)
