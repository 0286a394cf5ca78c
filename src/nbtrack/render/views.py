"""What a command answers: an entity to show, and what the reader may do next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from nbtrack.entities.graphs import LineageGraph, LineageSlice, Replay, Staleness, Verdict
from nbtrack.entities.health import Repair, Verification
from nbtrack.entities.models import ModelVersion, RegisteredModel
from nbtrack.entities.ownership import Collection, Trash, Usage
from nbtrack.entities.profiles import RunData
from nbtrack.entities.promotions import AliasesThen, AuditCheck, AuditLog, Promotion
from nbtrack.entities.reviews import Review, ReviewList
from nbtrack.entities.runs import Comparison, RunDetail, RunTable
from nbtrack.entities.search import SearchResult
from nbtrack.entities.significance import VersionComparison
from nbtrack.entities.snapshots import History, NotebookDiff
from nbtrack.entities.stores import StoreStatus

Shown: TypeAlias = (
    RunTable
    | RunDetail
    | RunData
    | Comparison
    | NotebookDiff
    | History
    | Review
    | ReviewList
    | SearchResult
    | ModelVersion
    | list[RegisteredModel]
    | StoreStatus
    | VersionComparison
    | Promotion
    | AuditLog
    | AuditCheck
    | AliasesThen
    | Trash
    | Verification
    | Repair
    | Collection
    | Usage
    | LineageGraph
    | LineageSlice
    | Staleness
    | Replay
    | str
)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One answer of the command tree.

    ``kind`` is ``runs``, ``run``, ``data``, ``comparison``, ``diff``, ``history``, ``review``, ``reviews``, ``search``,
    ``model``, ``models``, ``versions``, ``promotion``, ``audit``, ``audit check``, ``aliases``, ``status``, ``trash``,
    ``collection``, ``usage``, ``verification``, ``repair``, ``lineage``, ``slice``, ``stale``, ``replay``, ``text`` (help
    and sentences) or ``json`` (the content is JSON text, to be printed as it is). Each of ``hints`` is a line that says
    what to do next. ``exit_status`` is that of the command in a terminal. ``verdict`` belongs to a run.
    """

    kind: str
    content: Shown
    hints: tuple[str, ...] = ()
    exit_status: int = 0
    verdict: Verdict | None = None
