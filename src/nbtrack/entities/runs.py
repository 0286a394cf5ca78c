"""Runs, their values, and the answers to questions about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from nbtrack.entities.datasets import Dataset
from nbtrack.entities.surroundings import Surroundings
from nbtrack.entities.values import JSONValue


class RunStatus(StrEnum):
    """How a run stands. ``crashed``: its process ended without ending the run."""

    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    CRASHED = "crashed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One run as a table shows it.

    ``name`` is ``forest-3``; ``started`` is ISO 8601 in UTC; ``duration`` is in seconds, None while running;
    ``metrics`` holds the last value of each series. ``origin`` is the mark of the store that a merged run came from.
    """

    id: str
    name: str
    experiment: str
    status: RunStatus
    started: str
    duration: float | None = None
    params: dict[str, JSONValue] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    notebook: str | None = None
    cell_id: str | None = None
    origin: str | None = None
    pinned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTable:
    """An answer to a search: ``total`` runs match, ``runs`` is the page asked for.

    ``version`` grows with each change of the store, so that a reader can tell whether to ask again.
    """

    store: str
    version: int
    total: int
    runs: list[RunRow] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A named file of a run. ``kind`` is ``model``, ``file`` or ``object``; ``size`` is in bytes.

    ``digest`` is ``blake2b-256:<hex>`` of the content, or None where it was not saved; ``note`` then says why.
    """

    name: str
    kind: str
    format: str
    size: int
    digest: str | None = None
    type_name: str | None = None
    params: dict[str, JSONValue] = field(default_factory=dict)
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CellExecution:
    """One execution of one cell. ``outcome`` is ``ok``, ``error`` or ``interrupted``; ``duration`` in seconds.

    ``peak_memory`` is the most memory that the process had had until its end, in bytes, where the cell reached it.
    """

    id: str
    cell_id: str | None
    execution_count: int | None
    source: str
    started: str
    duration: float
    outcome: str
    traceback: str | None = None
    run_id: str | None = None
    peak_memory: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CellOutputs:
    """What one execution of a cell showed: ``outputs`` are those of nbformat 4.

    ``left_out`` counts the bytes of those that were too large to go along.
    """

    execution: str
    outputs: list[dict[str, Any]] = field(default_factory=list)
    left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """The state of the git repository that a run saw: ``dirty`` is None where it could not be told."""

    commit: str | None = None
    branch: str | None = None
    dirty: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDetail:
    """All that is known of one run. ``former`` are the names that it had before (``quickstart/forest-3``)."""

    row: RunRow
    traceback: str | None = None
    artifacts: list[Artifact] = field(default_factory=list)
    datasets: list[Dataset] = field(default_factory=list)
    cells: list[CellExecution] = field(default_factory=list)
    revision: Revision = field(default_factory=Revision)
    python: str | None = None
    packages: dict[str, str] = field(default_factory=dict)
    snapshot: str | None = None
    notes: list[str] = field(default_factory=list)
    former: list[str] = field(default_factory=list)
    surroundings: Surroundings = field(default_factory=Surroundings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A value and what it was in the previous run: None where it was or is absent.

    ``better`` is True or False where the metric's direction is known, else None.
    """

    name: str
    before: JSONValue
    after: JSONValue
    better: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """What the line under a tracked cell says: params that changed, and all metrics, those that changed first.

    ``store_size`` is what the whole store takes on disk, in bytes.
    """

    id: str
    name: str
    experiment: str
    status: RunStatus
    duration: float | None
    previous: str | None = None
    params: list[Change] = field(default_factory=list)
    metrics: list[Change] = field(default_factory=list)
    code_changed: bool = False
    notes: list[str] = field(default_factory=list)
    store_size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that differs between compared runs: ``values[i]`` belongs to run i, None where absent.

    ``present[i]`` tells an absent value from one that is None.
    """

    name: str
    values: list[JSONValue]
    present: list[bool]
    best: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What differs between runs; a list is empty where nothing does.

    ``code`` has one entry per cell of the runs whose source differs (values are sources).
    """

    runs: list[RunRow]
    params: list[Difference] = field(default_factory=list)
    metrics: list[Difference] = field(default_factory=list)
    tags: list[Difference] = field(default_factory=list)
    code: list[Difference] = field(default_factory=list)
    data: list[Difference] = field(default_factory=list)
    packages: list[Difference] = field(default_factory=list)
    environment: list[Difference] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSeries:
    """One metric of one run: equally long columns; ``times`` are Unix times in seconds.

    ``count`` is the number of points that were logged. Where fewer were asked for, the columns hold the lowest and the
    highest of each stretch, so that no spike is lost, and ``times`` is empty.
    """

    run: str
    name: str
    count: int
    steps: list[int]
    values: list[float]
    times: list[float]
