"""From what each execution read and wrote to a graph of executions, and from that to slices.

The nodes are executions, not cells: a cell that was executed twice is two of them. A read depends on the execution that
wrote or changed the key last; a change depends on the state before it, so that the chain of changes hangs together.
Options, environment, folder and the like are inputs of every later execution. What a cell may have done is taken for done,
and the edge says so.
"""

from __future__ import annotations

import builtins
import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from nbtrack.analysis.sources import (
    FEATURES,
    MAGICS,
    ambient_of_source,
    is_only_looking,
    magics_needed,
    names_of_source,
    only_binds,
    seeded,
)
from nbtrack.entities.graphs import EdgeKind
from nbtrack.entities.lineage import Trace
from nbtrack.entities.runs import CellExecution

NOT_TRACED = "it was not traced: only its text was looked at"
BY_COMMAND = "a program that it started may have written the file"

_AMBIENT = ("env:", "option:", "module:")
_AMBIENT_WHOLE = ("cwd", "sys.path")
_KINDS = {
    "random": EdgeKind.RANDOM,
    "file": EdgeKind.FILE,
    "Out": EdgeKind.OUTPUT,
    "env": EdgeKind.AMBIENT,
    "option": EdgeKind.AMBIENT,
    "module": EdgeKind.AMBIENT,
}
_GIVEN = re.compile(r"get_ipython|display|In|Out|exit|quit|_+|_i*\d*|__\w+__|__session__|__vsc_ipynb_file__")
_GROUPS = ("option:", "module:", "random:")
"""Keys that stand for many values: setting one of them leaves the others as they were."""


@dataclass(frozen=True, slots=True)
class Edge:
    """The step ``reader`` needed the step ``producer`` for ``key``; None: nothing before it made that."""

    reader: int
    producer: int | None
    key: str
    kind: EdgeKind
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """An execution of a cell of the notebook, with what cells inside of it did."""

    execution: CellExecution
    trace: Trace
    is_traced: bool = True


def is_ambient(key: str) -> bool:
    """Whether a change of this key counts for every later execution."""
    return key.startswith(_AMBIENT) or key in _AMBIENT_WHOLE


def _is_given(key: str) -> bool:
    """Whether a name needs no cell: Python or IPython brings it."""
    return hasattr(builtins, key) or bool(_GIVEN.fullmatch(key))


def is_name(key: str) -> bool:
    """Whether a key is a variable of the notebook."""
    return ":" not in key and key not in (*_AMBIENT_WHOLE, "figure")


class Graph:
    """The executions of one session.

    Parameters
    ----------
    executed
        All executions of the session in their order, each with its trace, or None where there is none.

    Attributes
    ----------
    steps
        The executions of cells of the notebook; one that ran inside of another belongs to it.
    inputs
        Of each step: what it needed.
    """

    def __init__(self, executed: Sequence[tuple[CellExecution, Trace | None]]) -> None:
        self.steps = _steps(executed)
        self.inputs: list[list[Edge]] = []
        self._place = {step.execution.id: place for place, step in enumerate(self.steps)}
        self._inside = {
            execution.id: self._place[top] for execution, top in _tops(executed) if top in self._place
        }
        self._changes: dict[str, list[int]] = defaultdict(list)
        self._counts: dict[int, int] = {}
        self._kinds: dict[str, str] = {}
        self._ambient: set[str] = set()
        self._starters: list[int] = []
        generators: set[str] = set()
        self.steps = [_with_generators(step, generators) for step in self.steps]
        for place, step in enumerate(self.steps):
            self.inputs.append(self._inputs(place, step))
            self._note(place, step)

    def place(self, execution: str) -> int | None:
        """The step that an execution is, or runs inside of."""
        return self._inside.get(execution)

    def keys(self) -> list[str]:
        """All that any step wrote or changed."""
        return list(self._changes)

    def changes(self, key: str) -> list[int]:
        """The steps that wrote, changed or deleted a key, in their order."""
        return self._changes.get(key, [])

    def producer(self, key: str, before: int | None = None) -> int | None:
        """The last step (before the step `before`) that wrote, changed or deleted a key."""
        changes = self._changes.get(key, [])
        last = len(changes) if before is None else bisect_left(changes, before)
        return changes[last - 1] if last else None

    def backward(self, targets: Iterable[int]) -> list[int]:
        """The slice: all that the targets came from, and themselves, in the order of execution."""
        found, waiting = set(targets), list(targets)
        while waiting:
            for edge in self.inputs[waiting.pop()]:
                if edge.producer is not None and edge.producer not in found:
                    found.add(edge.producer)
                    waiting.append(edge.producer)
        return sorted(found)

    def forward(self, sources: Collection[int]) -> list[int]:
        """All that came of the sources, and themselves, in the order of execution."""
        found = set(sources)
        for place in range(len(self.steps)):
            if any(edge.producer in found for edge in self.inputs[place]):
                found.add(place)
        return sorted(found)

    def unknown(self, places: Iterable[int]) -> list[str]:
        """The names that some steps used and that no remembered step had made."""
        used = (edge for place in places for edge in self.inputs[place] if edge.producer is None)
        return list(
            dict.fromkeys(edge.key for edge in used if edge.kind is EdgeKind.VARIABLE and is_name(edge.key))
        )

    def files(self, places: Iterable[int]) -> list[str]:
        """The paths of the files that some steps read and that no step had written."""
        used = (edge for place in places for edge in self.inputs[place] if edge.producer is None)
        return list(dict.fromkeys(edge.key[5:] for edge in used if edge.kind is EdgeKind.FILE))

    def written(self, places: Iterable[int]) -> list[str]:
        """The paths of the files that some steps wrote, changed or removed."""
        traces = (self.steps[place].trace for place in places)
        keys = (key for trace in traces for key in (*trace.writes, *trace.mutated, *trace.deleted))
        return list(dict.fromkeys(key[5:] for key in keys if key.startswith("file:")))

    def _inputs(self, place: int, step: Step) -> list[Edge]:
        trace = step.trace
        found: dict[tuple[int | None, str], Edge] = {}

        def need(producer: int | None, key: str, kind: EdgeKind, note: str | None = None) -> None:
            if producer != place:
                found.setdefault((producer, key), Edge(place, producer, key, kind, note))

        before = [*trace.mutated, *(key for key in trace.writes if self._keeps_before(key, trace))]
        for key in before:
            kind = EdgeKind.RANDOM if key.startswith("random:") else EdgeKind.MUTATION
            if self._changes.get(key) or (kind is EdgeKind.RANDOM and key in trace.reads):
                need(
                    self._changes[key][-1] if self._changes.get(key) else None,
                    key,
                    kind,
                    self._doubt(key, trace),
                )
        for key in trace.reads:
            kind = _kind(key)
            producer = self._last(key)
            if producer is None and kind is EdgeKind.FILE:
                for starter in self._starters:
                    need(starter, key, kind, BY_COMMAND)
            note = self._doubt(key, trace)
            if producer is not None and note is None:
                note = self._doubt(key, self.steps[producer].trace)
            if producer is not None or not _is_given(key):
                need(producer, key, kind, note)
        for key in sorted(self._ambient):
            need(self._changes[key][-1], key, EdgeKind.AMBIENT)
        if MAGICS in self._changes and magics_needed(step.execution.source):
            need(self._changes[MAGICS][-1], MAGICS, EdgeKind.AMBIENT)
        return list(found.values())

    @staticmethod
    def _doubt(key: str, trace: Trace) -> str | None:
        return trace.unsure.get(key) or trace.unsure.get("*")

    def _keeps_before(self, key: str, trace: Trace) -> bool:
        """Whether what was there stays in part when a key is set: an option among options, a module imported further."""
        if key.startswith("random:"):
            return False  # seeding begins anew
        group = key.startswith(_GROUPS) or key in (*_AMBIENT_WHOLE, FEATURES, MAGICS)
        return group or self._kinds.get(key) == trace.defined.get(key) == "module"

    def _last(self, key: str) -> int | None:
        if key.startswith("Out:") and key not in self._changes:
            count = key[4:]
            return self._counts.get(int(count)) if count.isdecimal() else None
        return self._changes[key][-1] if self._changes.get(key) else None

    def _note(self, place: int, step: Step) -> None:
        """Let later steps see what this one did."""
        trace = step.trace
        changed = dict.fromkeys([*trace.writes, *trace.mutated, *trace.deleted])
        for key in changed:
            self._changes[key].append(place)
            if is_ambient(key) or key == FEATURES:
                self._ambient.add(key)
        self._kinds.update((key, trace.defined.get(key, "")) for key in trace.writes)
        if step.execution.execution_count is not None:
            self._counts[step.execution.execution_count] = place
        if "process" in trace.effects and not all(map(is_only_looking, trace.commands or [""])):
            self._starters.append(place)


def _kind(key: str) -> EdgeKind:
    prefix, colon, _ = key.partition(":")
    if not colon:
        return EdgeKind.AMBIENT if key in _AMBIENT_WHOLE else EdgeKind.VARIABLE
    return _KINDS.get(prefix, EdgeKind.VARIABLE)


def _tops(executed: Sequence[tuple[CellExecution, Trace | None]]) -> list[tuple[CellExecution, str]]:
    """Each execution with the id of the one of the notebook that it ran inside of, or its own."""
    places = {execution.id: trace.place for execution, trace in executed if trace is not None}
    found = []
    for execution, _ in executed:
        top, seen = execution.id, {execution.id}
        while (outer := places.get(top)) is not None and outer not in seen and outer in places:
            top = outer
            seen.add(outer)
        found.append((execution, top))
    return found


def _steps(executed: Sequence[tuple[CellExecution, Trace | None]]) -> list[Step]:
    traces = {execution.id: trace for execution, trace in executed}
    inner: dict[str, list[Trace]] = defaultdict(list)
    tops = _tops(executed)
    for execution, top in tops:
        trace = traces[execution.id]
        if top != execution.id and trace is not None:
            inner[top].append(trace)
    steps = []
    for execution, top in tops:
        if top == execution.id:
            trace = traces[execution.id]
            whole = _joined([trace or names_of_source(execution.source, NOT_TRACED), *inner[top]])
            steps.append(Step(execution, _with_source(whole, execution.source), trace is not None))
    return steps


def _joined(traces: Sequence[Trace]) -> Trace:
    """What several traces tell together; the outer one is the first."""
    if len(traces) == 1:
        return traces[0]
    return replace(
        traces[0],
        reads=_all(trace.reads for trace in traces),
        writes=_all(trace.writes for trace in traces),
        mutated=_all(trace.mutated for trace in traces),
        deleted=_all(trace.deleted for trace in traces),
        unsure=_last(trace.unsure for trace in traces),
        versions=_last(trace.versions for trace in traces),
        defined=_last(trace.defined for trace in traces),
        fitted=dict(sum((Counter(trace.fitted) for trace in traces), Counter[str]())),
        effects=_all(trace.effects for trace in traces),
        commands=_all(trace.commands for trace in traces),
        skipped=_all(trace.skipped for trace in traces),
    )


def _all(lists: Iterable[list[str]]) -> list[str]:
    return list(dict.fromkeys(item for one in lists for item in one))


def _last(dicts: Iterable[dict[str, str]]) -> dict[str, str]:
    return {key: value for one in dicts for key, value in one.items()}


def _with_source(trace: Trace, source: str) -> Trace:
    """The trace with what only the text of a cell tells: magics that it makes, and features that it turns on."""
    if keys := ambient_of_source(source):
        trace = _joined([trace, Trace(writes=list(keys))])
    return trace


def _with_generators(step: Step, known: set[str]) -> Step:
    """The step with what it did to the generators of random numbers; ``known`` are those of the steps before it.

    A generator that a cell brings with its library has no state before it that it could be compared with: a cell that does
    more than import libraries and bind may have seeded it or drawn from it. One that a cell seeds first is written: what was
    drawn before does not matter any more.
    """
    trace = step.trace
    brought = [key for key in trace.versions if key.startswith("random:") and key not in known]
    known.update(brought)
    own_modules = any(key.startswith("file:") and key.endswith(".py") for key in trace.reads)
    if brought and only_binds(step.execution.source) and not own_modules:
        brought = []
    changed = dict.fromkeys([*trace.mutated, *brought])
    begun = seeded(step.execution.source).intersection(changed)
    return replace(
        step,
        trace=replace(
            trace,
            reads=[key for key in trace.reads if key not in begun],
            mutated=[key for key in changed if key not in begun],
            writes=[*trace.writes, *sorted(begun)],
        ),
    )
