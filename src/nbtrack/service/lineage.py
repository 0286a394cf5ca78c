"""Questions about where values came from: the graph, slices, stale cells, and the verdict about a run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from nbtrack.analysis.cells import Cells, Document, document
from nbtrack.analysis.honesty import verdict
from nbtrack.analysis.lineage import NOT_TRACED, Edge, Graph
from nbtrack.analysis.staleness import computing, stale_cells
from nbtrack.entities.graphs import (
    LineageEdge,
    LineageGraph,
    LineageNode,
    LineageSlice,
    Staleness,
    Verdict,
)
from nbtrack.errors import NotFound
from nbtrack.service.runs import Runs
from nbtrack.store.database import Store

_LARGEST_NOTEBOOK = 64 << 20
_STAMP = re.compile(r"(\d+):(\d+)")


@dataclass(frozen=True, slots=True)
class _Session:
    """A session, and where to look for a name in it: up to its step ``until`` (None: to its end)."""

    process: str
    graph: Graph
    run: str | None = None
    until: int | None = None


class Lineage:
    """What may be asked about the origin of values.

    A *target* is a variable of a session, or a run. The session is that of the kernel that asks (``session``), or the one
    that ``within`` names: a run's, or the last one of a notebook.
    """

    def __init__(self, store: Store, runs: Runs) -> None:
        self._store = store
        self._runs = runs

    def graph(
        self,
        target: str,
        experiment: str | None = None,
        session: str | None = None,
        within: str | None = None,
    ) -> LineageGraph:
        """The executions that a target came from, and what each needed of which.

        Raises
        ------
        NotFound
            If the session has no such variable and the store no such run.
        """
        found, wanted, run = self._find(target, experiment, session, within)
        return self._answer(found, target, wanted, run)

    def slice(
        self,
        target: str,
        experiment: str | None = None,
        session: str | None = None,
        within: str | None = None,
    ) -> LineageSlice:
        """The same executions with what each showed.

        Raises
        ------
        NotFound
            As for `graph`.
        """
        found, wanted, run = self._find(target, experiment, session, within)
        answer = self._answer(found, target, wanted, run)
        places = found.graph.backward(wanted)
        directory = self._store.runs.record(run).directory if run is not None else None
        if directory is None and answer.notebook is not None:
            directory = str(Path(answer.notebook).parent)
        return LineageSlice(
            graph=answer,
            outputs=[self._store.executions.outputs(node.execution) for node in answer.nodes],
            folder=directory,
            files=[path for path in found.graph.files(places) if not Path(path).is_dir()],
            written=found.graph.written(places),
        )

    def stale(self, session: str | None = None, notebook: str | None = None) -> Staleness:
        """The cells of a session whose inputs have changed since they last ran.

        Raises
        ------
        NotFound
            If no cell of the notebook was executed.
        """
        process = session or self._store.executions.last_process(notebook)
        if process is None:
            of = f" of {notebook}" if notebook else ""
            raise NotFound(f"No cell{of} is remembered in this store.")
        found = self._graph(process)
        current, notes = self._document(process), []
        cells = Cells(found.steps, current)
        if not cells.is_saved_since(cells.last.values()):
            notes.append(
                "The notebook was not saved since: what was edited or deleted since then is not known."
            )
        return Staleness(
            session=process,
            notebook=self._store.executions.notebook_of(process),
            cells=len(computing(found, cells)),
            stale=stale_cells(found, cells, self._files(found, range(len(found.steps)))),
            notes=notes,
        )

    def verdict(self, run: str, experiment: str | None = None) -> Verdict:
        """Whether the notebook still shows how a run came about; without lines where its cells are not known.

        Raises
        ------
        NotFound
            If there is no such run.
        """
        identifier = self._runs.resolve(run, experiment)
        label = self._store.runs.rows([identifier])[0].name
        process = self._store.executions.process_of(identifier)
        found = self._graph(process) if process is not None else Graph([])
        wanted = self._steps_of(found, identifier)
        if process is None or not wanted or not all(found.steps[place].is_traced for place in wanted):
            return Verdict(run=label, needed=0)
        needed = found.backward(wanted)
        cells = Cells(found.steps, self._document(process))
        lines = verdict(found, cells, wanted, self._files(found, needed))
        return Verdict(run=label, needed=len(needed), lines=lines)

    def _graph(self, process: str) -> Graph:
        return Graph(self._store.executions.traces(process))

    def _find(
        self, target: str, experiment: str | None, session: str | None, within: str | None
    ) -> tuple[_Session, list[int], str | None]:
        """The session, the steps that made the target, and the run that the target is."""
        found = self._session(session, within, experiment)
        if found is not None:
            before = None if found.until is None else found.until + 1
            made = found.graph.producer(target, before)
            if made is not None:
                return found, [made], None
            if found.run is not None and target in self._store.runs.rows([found.run])[0].metrics:
                return found, self._steps_of(found.graph, found.run), found.run
        try:
            run = self._runs.resolve(target, experiment)
        except NotFound as problem:
            if found is None:
                raise NotFound(
                    f"{problem.message} A variable is looked for with --in RUN or --in NOTEBOOK."
                ) from None
            raise NotFound(
                f"No remembered cell of this session made {target}, and there is no run of that name.",
                name=target,
            ) from None
        process = self._store.executions.process_of(run)
        graph = self._graph(process) if process is not None else Graph([])
        wanted = self._steps_of(graph, run)
        if process is None or not wanted:
            label = self._store.runs.rows([run])[0].name
            raise NotFound(f"No cell of the run {label} is remembered: it ran in a script.", run=label)
        return _Session(process, graph, run, max(wanted)), wanted, run

    def _session(self, session: str | None, within: str | None, experiment: str | None) -> _Session | None:
        if within is None:
            return None if session is None else _Session(session, self._graph(session))
        if within.endswith(".ipynb"):
            process = self._store.executions.last_process(within)
            if process is None:
                raise NotFound(f"No cell of {within} is remembered in this store.", notebook=within)
            return _Session(process, self._graph(process))
        run = self._runs.resolve(within, experiment)
        process = self._store.executions.process_of(run)
        if process is None:
            raise NotFound(f"No cell of the run {within} is remembered: it ran in a script.", run=within)
        graph = self._graph(process)
        return _Session(process, graph, run, max(self._steps_of(graph, run), default=None))

    @staticmethod
    def _steps_of(graph: Graph, run: str) -> list[int]:
        return [place for place, step in enumerate(graph.steps) if step.execution.run_id == run]

    def _answer(self, found: _Session, target: str, wanted: list[int], run: str | None) -> LineageGraph:
        graph = found.graph
        places = graph.backward(wanted)
        labels = self._labels(graph.steps[place].execution.run_id for place in places)
        row = self._store.runs.rows([run])[0] if run is not None else None
        return LineageGraph(
            target=target,
            session=found.process,
            notebook=self._store.executions.notebook_of(found.process),
            executed=len(graph.steps) if found.until is None else found.until + 1,
            run=row.name if row else None,
            nodes=[_node(graph, place, place in wanted, labels) for place in places],
            edges=[_edge(graph, edge) for place in places for edge in graph.inputs[place]],
            unknown=graph.unknown(places),
            metrics=row.metrics if row else {},
        )

    def _labels(self, runs: Iterable[str | None]) -> dict[str, str]:
        return {row.id: row.name for row in self._store.runs.rows(sorted({run for run in runs if run}))}

    def _document(self, process: str) -> Document | None:
        """The notebook of a session as it lies on the disk, else as its last snapshot has it."""
        path = self._store.executions.notebook_of(process)
        if path is not None:
            try:
                file = Path(path)
                found = file.stat()
                if found.st_size <= _LARGEST_NOTEBOOK:
                    saved = datetime.fromtimestamp(found.st_mtime, UTC).isoformat(timespec="milliseconds")
                    content = json.loads(file.read_bytes())
                    if isinstance(content, dict):
                        return document(content, saved.replace("+00:00", "Z"))
            except (OSError, ValueError, RecursionError):
                pass  # not there any more, or being written just now: the snapshot is older, but whole
        digest = self._store.executions.saved_notebook(process)
        try:
            content = json.loads(self._store.blobs.get(digest)) if digest is not None else None
        except ValueError:
            return None
        return document(content, "") if isinstance(content, dict) else None

    def _files(self, graph: Graph, places: Iterable[int]) -> dict[str, bool]:
        """Whether the files that some steps read are still what they were."""
        found: dict[str, bool] = {}
        for place in places:
            step = graph.steps[place]
            for key in step.trace.reads:
                if key.startswith("file:"):
                    same = _is_as_it_was(Path(key[5:]), step.trace.versions.get(key))
                    if same is not None:
                        found[key[5:]] = same
        return found


def _is_as_it_was(path: Path, version: str | None) -> bool | None:
    """Whether a file has the size and time that were noted; None where nothing is known. A folder that is there is."""
    stamp = _STAMP.fullmatch(version or "")
    try:
        if stamp is None:
            return True if path.is_dir() else None
        found = path.stat()
    except FileNotFoundError:
        return False
    except OSError:
        return None
    return (found.st_size, found.st_mtime_ns) == (int(stamp[1]), int(stamp[2]))


def _node(graph: Graph, place: int, wanted: bool, labels: dict[str, str]) -> LineageNode:
    step = graph.steps[place]
    execution, trace = step.execution, step.trace
    doubts = dict.fromkeys(f"{key}: {why}" for key, why in trace.unsure.items() if step.is_traced)
    notes = [*([] if step.is_traced else [NOT_TRACED]), *doubts]
    return LineageNode(
        execution=execution.id,
        source=execution.source,
        started=execution.started,
        outcome=execution.outcome,
        execution_count=execution.execution_count,
        cell_id=execution.cell_id,
        run=labels.get(execution.run_id or ""),
        fitted=trace.fitted,
        effects=trace.effects,
        commands=trace.commands,
        notes=[*notes, *(text for text in trace.skipped if text not in notes)],
        wanted=wanted,
    )


def _edge(graph: Graph, edge: Edge) -> LineageEdge:
    return LineageEdge(
        reader=graph.steps[edge.reader].execution.id,
        producer=None if edge.producer is None else graph.steps[edge.producer].execution.id,
        key=edge.key,
        kind=edge.kind,
        note=edge.note,
    )
