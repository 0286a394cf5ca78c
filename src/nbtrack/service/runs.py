"""Questions about runs."""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Callable

from nbtrack.analysis.changes import changes
from nbtrack.analysis.compare import compare, differing_modules
from nbtrack.analysis.directions import better_when
from nbtrack.entities.columns import MetricCurve, RunColumns
from nbtrack.entities.runs import (
    CellOutputs,
    Change,
    Comparison,
    MetricSeries,
    RunDetail,
    RunOutcome,
    RunTable,
)
from nbtrack.entities.surroundings import SYSTEM, surroundings_of
from nbtrack.errors import AmbiguousName, InvalidInput, NotFound
from nbtrack.store.database import Store
from nbtrack.store.filters import KnownNames, Order, Query, compile_filter, compile_sort
from nbtrack.store.labels import number_of
from nbtrack.store.points import encode

MAX_PAGE = 100_000
MOST_OUTPUT = 4_000_000
"""Bytes of outputs of one run that go along in an answer; all of them are in its snapshot."""
_ID = re.compile(r"[0-9a-f]{8}[0-9a-f-]*")


class Runs:
    """What may be asked about the runs of a store.

    A run is named by ``forest-3`` (of the given experiment, else the only one of that name),
    ``experiment/forest-3``, its id, or the beginning of its id (8 characters at least).
    """

    def __init__(self, store: Store, size: Callable[[], int]) -> None:
        self._store = store
        self._size = size
        self._answers: dict[tuple[object, ...], RunColumns] = {}

    def resolve(self, run: str, experiment: str | None = None, *, trash: bool = False) -> str:
        """The id of a run; `trash` looks among those in the trash instead.

        Raises
        ------
        NotFound
            If there is no such run.
        AmbiguousName
            If the name fits several runs; the message lists them.
        """
        label, found = run, self._store.labels.find(run, trash=trash)
        if not found and "/" in run:
            experiment, _, label = run.rpartition("/")
            found = [item for item in self._store.labels.find(label, trash=trash) if item[1] == experiment]
        here = [item for item in found if item[1] == experiment]
        if len(here) == 1:
            return here[0][0]
        if not here and experiment is not None and not trash:
            self._refuse_gone(label, experiment)
        if len({identifier for identifier, _ in found}) == 1:
            return found[0][0]
        names = [f"{name}/{run}" for _, name in found]
        if not found and _ID.fullmatch(run):
            by_id = self._store.labels.find_by_id(run, trash=trash)
            if len(by_id) == 1:
                return by_id[0][0]
            names = [name for _, name in by_id]
        if names:
            raise AmbiguousName(
                f"{run} fits several runs: {', '.join(names)}. Write one of these.", candidates=names
            )
        if trash:
            raise NotFound(f"There is no run {run} in the trash.", run=run)
        if self._store.labels.find(run, trash=True) or (
            _ID.fullmatch(run) and self._store.labels.find_by_id(run, trash=True)
        ):
            raise NotFound(f"The run {run} is in the trash; undelete {run} takes it back.", run=run)
        raise NotFound(f"There is no run {run} in this store{self._nearest(run)}", run=run)

    def _refuse_gone(self, label: str, experiment: str) -> None:
        """A name that an experiment gave once never means another run, also not one of another experiment."""
        parts = number_of(label)
        if parts is None or not self._store.labels.was_given(*parts, experiment):
            return
        name = f"{experiment}/{label}"
        if any(owner == experiment for _, owner in self._store.labels.find(label, trash=True)):
            raise NotFound(f"The run {name} is in the trash; undelete {name} takes it back.", run=label)
        raise NotFound(f"The run {name} was deleted for good.", run=label)

    def _nearest(self, run: str) -> str:
        import difflib

        labels = [label for label, _ in self._store.runs.labels("", 1000)]
        near = difflib.get_close_matches(run, labels, n=1, cutoff=0.5)
        if near:
            return f"; did you mean {near[0]}?"
        return f"; the newest is {labels[0]}." if labels else ": it has no runs yet."

    def search(
        self,
        filter: str = "",
        sort: list[str] | None = None,
        limit: int = 100,
        offset: int = 0,
        experiment: str | None = None,
    ) -> RunTable:
        """The runs that fit a filter, newest first or as sorted (``-name``: falling).

        Raises
        ------
        FilterError
            If the filter or a sort item cannot be read.
        """
        query, order = self._compiled(filter, sort, limit, offset)
        total, rows = self._store.runs.search(query, order, experiment, min(limit, MAX_PAGE), offset)
        return RunTable(store=str(self._store.folder), version=self._store.version, total=total, runs=rows)

    def columns(
        self,
        filter: str = "",
        sort: list[str] | None = None,
        limit: int = MAX_PAGE,
        offset: int = 0,
        experiment: str | None = None,
    ) -> RunColumns:
        """As `search`, by columns: for data frames, where ten thousand rows of records would be slow."""
        asked = (self._store.version, filter, tuple(sort or ()), limit, offset, experiment)
        if asked not in self._answers:
            query, order = self._compiled(filter, sort, limit, offset)
            total, count, columns = self._store.runs.columns(
                query, order, experiment, min(limit, MAX_PAGE), offset
            )
            answer = RunColumns(
                store=str(self._store.folder),
                version=self._store.version,
                total=total,
                count=count,
                columns=columns,
            )
            # The last few answers are kept while the store stays as it is: a table is asked for again and again.
            kept = [item for item in self._answers.items() if item[0][0] == self._store.version]
            self._answers = dict([*kept[-3:], (asked, answer)])
        return self._answers[asked]

    def forget_answers(self) -> None:
        """Let go of the answers that are kept."""
        self._answers.clear()

    def _compiled(self, filter: str, sort: list[str] | None, limit: int, offset: int) -> tuple[Query, Order]:
        if limit < 0 or offset < 0:
            raise InvalidInput(
                f"limit and offset count runs and cannot be negative (got {limit} and {offset})."
            )
        known = self._store.runs.known_names() if filter or sort else KnownNames()
        query = compile_filter(filter, known, better=better_when)
        return query, compile_sort(sort or [], known, better=better_when)

    def select(self, filter: str, experiment: str | None) -> list[str]:
        """The ids of all runs that fit a filter, oldest first.

        Raises
        ------
        FilterError
            If the filter cannot be read.
        """
        query = compile_filter(filter, self._store.runs.known_names(), better=better_when)
        return self._store.runs.matching(query, experiment)

    def choose(self, runs: list[str], filter: str | None, experiment: str | None, undone: str) -> list[str]:
        """The ids of the runs that are named, or of all that fit a filter; `undone` ends the sentence where none do.

        Raises
        ------
        NotFound
            If one of the names is none, or no run fits.
        """
        if runs:
            return list(dict.fromkeys(self.resolve(run, experiment) for run in runs))
        chosen = self.select(filter or "", experiment)
        if not chosen:
            where = f" in the experiment {experiment}" if experiment is not None else ""
            what = f"No run{where} fits {filter}" if filter else f"There is no run{where}"
            raise NotFound(f"{what}: {undone}.")
        return chosen

    def get(self, run: str, experiment: str | None = None) -> RunDetail:
        """All that is known of a run."""
        return self._detail(self.resolve(run, experiment))

    def _detail(self, run: str) -> RunDetail:
        store = self._store
        record = store.runs.record(run)
        environment = store.runs.environment(record.environment)
        interpreter, packages = (
            (json.loads(store.blobs.get(digest)) for digest in environment) if environment else ({}, {})
        )
        snapshot = store.executions.snapshot_of(run)
        return RunDetail(
            row=store.runs.rows([run])[0],
            traceback=record.traceback,
            artifacts=store.artifacts.of_run(run),
            datasets=store.artifacts.datasets(run),
            cells=store.executions.of_run(run),
            revision=record.revision,
            python=interpreter.get("python"),
            packages=packages,
            snapshot=snapshot.id if snapshot else None,
            notes=store.runs.notes(run),
            former=store.labels.former(run),
            surroundings=surroundings_of(store.facts.of_run(run), store.facts.use(run)),
        )

    def outputs(self, run: str, experiment: str | None = None) -> list[CellOutputs]:
        """What the cells of a run showed, in their order; an output that is larger than some megabytes is left out.

        Raises
        ------
        NotFound
            If there is no such run.
        """
        found, room = [], MOST_OUTPUT
        for cell in self._store.executions.of_run(self.resolve(run, experiment)):
            kept, left_out = [], 0
            for output in self._store.executions.outputs(cell.id):
                size = len(json.dumps(output))
                if size <= room:
                    kept.append(output)
                    room -= size
                else:
                    left_out += size
            found.append(CellOutputs(execution=cell.id, outputs=kept, left_out=left_out))
        return found

    def compare(self, runs: list[str], experiment: str | None = None) -> Comparison:
        """What differs between two or more runs."""
        if len(runs) < 2:
            raise InvalidInput(f"A comparison needs two runs at least, got {len(runs)}.")
        details = [self.get(run, experiment) for run in runs]
        digests = {str(digest) for row in differing_modules(details) for digest in row.values}
        return compare(details, {digest: self._store.blobs.get(digest).decode() for digest in digests})

    def metric(
        self, run: str, name: str, experiment: str | None = None, limit: int | None = None
    ) -> MetricSeries:
        """One metric of a run: all its points, or about `limit` that look like it (the lowest and highest of stretches).

        Times are only given where no point is left out.

        Raises
        ------
        NotFound
            If the run has no such metric.
        """
        identifier = self.resolve(run, experiment)
        sample = None if limit is None else self._store.metrics.sample(identifier, name, limit)
        if sample is not None and sample[0] > len(sample[1]):
            count, steps, values = sample
            return MetricSeries(run=identifier, name=name, count=count, steps=steps, values=values, times=[])
        series = self._store.metrics.series(identifier, name) or self._sampled(identifier, name)
        if series is None:
            raise self._no_metric(identifier, run, name)
        steps, values, times = series
        return MetricSeries(
            run=identifier,
            name=name,
            count=len(values),
            steps=steps,
            values=values,
            times=[time / 1e3 for time in times],
        )

    def curve(self, run: str, name: str, experiment: str | None = None) -> MetricCurve:
        """One metric of a run with all its points, packed.

        Raises
        ------
        NotFound
            If the run has no such metric.
        """
        identifier = self.resolve(run, experiment)
        chunks = self._store.metrics.chunks(identifier, name)
        if chunks is None and (sampled := self._sampled(identifier, name)) is not None:
            steps, values, times = sampled
            chunks = [encode(steps, array("d", values), times)]
        if chunks is None:
            raise self._no_metric(identifier, run, name)
        return MetricCurve(run=identifier, name=name, chunks=chunks)

    def _sampled(self, run: str, name: str) -> tuple[list[int], list[float], list[int]] | None:
        """A series that the keeper sampled: seconds since the run's start, values, and times (ms)."""
        points = self._store.facts.points(run) if name.startswith(SYSTEM) else {}
        found = points.get(name.removeprefix(SYSTEM))
        if found is None:
            return None
        started = self._store.runs.record(run).started // 1_000_000
        return found[0], found[1], [started + 1000 * second for second in found[0]]

    def _no_metric(self, identifier: str, run: str, name: str) -> NotFound:
        known = list(self._store.runs.rows([identifier])[0].metrics)
        if name.startswith(SYSTEM):
            known = [SYSTEM + name for name in self._store.facts.points(identifier)]
        names = ", ".join(known) or "none"
        return NotFound(f"The run {run} has no metric {name}; it has {names}.", metric=name)

    def outcome(self, run: str) -> RunOutcome:
        """What changed in a run (by id) against the previous run of the same cell."""
        if not self._store.runs.has(run):
            raise NotFound(f"There is no run {run} in this store.", run=run)
        row = self._store.runs.rows([run])[0]
        previous_id = self._store.runs.previous(run)
        previous = self._store.runs.rows([previous_id])[0] if previous_id else None
        sources = self._store.executions.source_digests
        return RunOutcome(
            id=run,
            name=row.name,
            experiment=row.experiment,
            status=row.status,
            duration=row.duration,
            previous=previous.name if previous else None,
            params=changes(previous.params, row.params) if previous else [],
            metrics=self._metric_changes(previous.metrics if previous else {}, row.metrics),
            code_changed=bool(previous_id and sources(previous_id) != sources(run)),
            notes=self._store.runs.notes(run),
            store_size=self._size(),
        )

    @staticmethod
    def _metric_changes(before: dict[str, float], after: dict[str, float]) -> list[Change]:
        """What changed, then what stayed: a result is worth its place on the line also when it is the old one."""
        found = changes(before, after, direction=True)
        named = {change.name for change in found}
        kept = [
            Change(name=name, before=value, after=value) for name, value in after.items() if name not in named
        ]
        return [*found, *kept]

    def last(self, name: str, experiment: str) -> str:
        """The id of the newest run of a name in an experiment."""
        run = self._store.runs.last_of(name, experiment)
        if run is None:
            raise NotFound(
                f"There is no run of the name {name} in the experiment {experiment} yet.", run=name
            )
        return run

    def complete(self, prefix: str, experiment: str | None = None, trash: bool = False) -> list[str]:
        """Run names that begin with `prefix`; those of the experiment first and plain, others as ``experiment/name``.

        Others are plain, too, where there is only one of the name.
        `trash`: of the runs in the trash.
        """
        _, slash, label = prefix.rpartition("/")
        found = self._store.runs.labels(label if slash else prefix, 200, trash=trash)
        here = [name for name, owner in found if owner == experiment or experiment is None]
        there = [(name, owner) for name, owner in found if owner != experiment and experiment is not None]
        # What was typed cannot be given an experiment in front; a name that is the only one of its kind needs none.
        known = [name for name, _ in found]
        plain = [name for name, _ in there if prefix and not slash and known.count(name) == 1]
        full = [f"{owner}/{name}" for name, owner in there]
        return list(dict.fromkeys(name for name in here + plain + full if name.startswith(prefix)))[:100]

    def names(self) -> dict[str, list[str]]:
        """The names of all params, metrics, tags and experiments, for completion."""
        known = self._store.runs.known_names()
        return {
            "params": sorted(known.params),
            "metrics": sorted(known.metrics),
            "tags": sorted(known.tags),
            "experiments": list(self._store.labels.experiments()),
        }
