"""Where values came from: answers that are made of traces (`nbtrack.entities.lineage`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class EdgeKind(StrEnum):
    """What an execution needed another for.

    ``variable``: it used the value of a name. ``mutation``: it changed that value, and so needed the state before.
    ``random``: the numbers that were drawn before it. ``ambient``: options, environment, folder and the like, which change
    what every later cell does. ``file``: a file that the other wrote. ``output``: its result, read as ``_`` or ``Out``.
    """

    VARIABLE = "variable"
    MUTATION = "mutation"
    RANDOM = "random"
    AMBIENT = "ambient"
    FILE = "file"
    OUTPUT = "output"


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageNode:
    """One execution of a cell.

    ``fitted`` are the estimators that it fitted, each with how many times. ``effects`` are of
    `nbtrack.entities.lineage.EFFECTS`. ``notes`` say what is not known of it. ``wanted``: it is what was asked for, not only
    what that needs.
    """

    execution: str
    source: str
    started: str
    outcome: str
    execution_count: int | None = None
    cell_id: str | None = None
    run: str | None = None
    fitted: dict[str, int] = field(default_factory=dict)
    effects: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    wanted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageEdge:
    """The execution ``reader`` needed ``producer`` for ``key``; None: what came from outside of all cells, such as a file.

    ``note`` says why the edge is only assumed.
    """

    reader: str
    producer: str | None
    key: str
    kind: EdgeKind
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageGraph:
    """The executions that a run or a variable came from, in their order.

    ``target`` is what was asked for. ``executed`` counts all executions of the session until then. ``unknown`` are names
    that no remembered cell made. Where ``run`` is not None, the target is that run (its name).
    """

    target: str
    session: str
    notebook: str | None
    executed: int
    run: str | None = None
    nodes: list[LineageNode] = field(default_factory=list)
    edges: list[LineageEdge] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageSlice:
    """A lineage with what each execution showed: ``outputs[i]`` (nbformat 4) belong to ``graph.nodes[i]``.

    ``folder`` is where the code ran. ``files`` are the files that its cells read and that none of them wrote, ``written``
    those that they wrote.
    """

    graph: LineageGraph
    outputs: list[list[dict[str, Any]]] = field(default_factory=list)
    folder: str | None = None
    files: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class StaleCell:
    """A cell whose last execution no longer fits what it needs; each of ``reasons`` is a sentence."""

    execution: str
    source: str
    execution_count: int | None = None
    cell_id: str | None = None
    reasons: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Staleness:
    """The stale cells of a session, in the order of the notebook where that is known, of ``cells`` that were executed."""

    session: str
    notebook: str | None
    cells: int
    stale: list[StaleCell] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Answer(StrEnum):
    """How a question about a run is answered; ``no`` is the answer to look at."""

    OK = "ok"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictLine:
    """One question about a run: what was looked at, the answer, and why."""

    question: str
    answer: Answer
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether the notebook still shows how a run came about; ``executed`` of the session's cells were needed for it."""

    run: str
    needed: int
    lines: list[VerdictLine] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayedCell:
    """One cell of a slice, executed again: ``answer`` is ``same``, ``differs``, ``failed`` or ``silent`` (without text)."""

    execution_count: int | None
    source: str
    answer: str
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayedMetric:
    """A metric of a run and what it was in the second execution, None where it was not found."""

    name: str
    before: float
    after: float | None
    same: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A slice that was executed again in a clean kernel; ``notes`` say what of the folder was not copied and the like."""

    target: str
    same: bool
    duration: float
    cells: list[ReplayedCell] = field(default_factory=list)
    metrics: list[ReplayedMetric] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
