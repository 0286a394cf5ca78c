"""Runs as documents of a bundle: out of one store, into another, every value bit for bit."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from nbtrack.entities.bundles import (
    ArtifactDocument,
    DataDocument,
    EnvironmentDocument,
    ExecutionDocument,
    FactDocument,
    ProcessDocument,
    RunDocument,
    SampledDocument,
    SeriesDocument,
    SnapshotDocument,
    UseDocument,
)
from nbtrack.entities.lineage import Trace
from nbtrack.entities.records import (
    ArtifactSaved,
    CellTraced,
    DataRead,
    EnvironmentSeen,
    RunStarted,
    SnapshotTaken,
)
from nbtrack.entities.runs import Revision
from nbtrack.entities.surroundings import PARTS, Fact, Use
from nbtrack.store.database import Store
from nbtrack.store.metrics import Summary
from nbtrack.store.profiles import plain_of


class RunDocuments:
    """Takes runs of a store apart into documents, and makes runs of documents."""

    def __init__(self, store: Store) -> None:
        self._connection = store.connection
        self._runs = store.runs
        self._metrics = store.metrics
        self._artifacts = store.artifacts
        self._profiles = store.profiles
        self._executions = store.executions
        self._facts = store.facts
        self._origins = store.origins

    def _all(self, sql: str, bindings: Sequence[Any] = ()) -> list[Any]:
        return self._connection.execute(sql, bindings).fetchall()

    def read(self, run: str) -> RunDocument:
        """A run (by id) as a document."""
        (row,) = self._runs.rows([run])
        record = self._runs.record(run)
        ((status, ended, duration),) = self._all(
            "SELECT status, ended, duration FROM runs WHERE id = ?", (run,)
        )
        here = (self._origins.own().id, record.experiment, record.name, record.number)
        origin, experiment, name, number = self._origins.of_run(run) or here
        environment = self._runs.environment(record.environment)
        return RunDocument(
            id=run, origin=origin, experiment=experiment, name=name, number=number, status=status,
            process=record.process, notebook=row.notebook, cell=row.cell_id, directory=record.directory,
            environment=EnvironmentDocument(
                id=record.environment, interpreter=environment[0], packages=environment[1]
            )
            if environment and record.environment
            else None,
            started=record.started, ended=ended, duration=duration, traceback=record.traceback,
            commit=record.revision.commit, branch=record.revision.branch, dirty=record.revision.dirty,
            params=row.params, tags=row.tags, notes=self._runs.notes(run), metrics=self._series(run),
            artifacts=[
                ArtifactDocument(
                    name=item.name, kind=item.kind, format=item.format, size=item.size, digest=item.digest,
                    type_name=item.type_name, params=item.params, note=item.note,
                )
                for item in self._artifacts.of_run(run)
            ],
            datasets={
                name: json.loads(content)
                for name, content in self._all(
                    "SELECT name, content FROM datasets WHERE run_id = ? ORDER BY name", (run,)
                )
            },
            snapshots=[
                SnapshotDocument(
                    id=identity, process=process, notebook=notebook, taken=taken, file=file, saved=saved
                )
                for identity, process, notebook, taken, file, saved in self._all(
                    "SELECT id, process, notebook, taken, file, saved FROM snapshots WHERE run_id = ?"
                    " ORDER BY taken, id",
                    (run,),
                )
            ],
            facts=[
                FactDocument(part=part, kind=fact.kind, name=fact.name, text=fact.text, digest=fact.digest)
                for part in PARTS
                for fact in self._facts.of_run(run, part)
            ],
            use=self._use(run),
            profiles={item.data.name: item.profile for item in self._profiles.of_run(run) if item.profile},
        )  # fmt: skip

    def _use(self, run: str) -> UseDocument | None:
        use = self._facts.use(run)
        if use is None:
            return None
        return UseDocument(
            span=use.span, cpu=use.cpu, memory=use.memory, gpu_memory=use.gpu_memory,
            series=[
                SampledDocument(name=name, seconds=seconds, values=values)
                for name, (seconds, values) in self._facts.points(run).items()
            ],
        )  # fmt: skip

    def _series(self, run: str) -> list[SeriesDocument]:
        return [
            SeriesDocument(
                name=name, count=summary.count, last=summary.last, lowest=summary.lowest, highest=summary.highest,
                last_step=summary.last_step, last_time=summary.last_time,
                chunks=[[first, len(content)] for first, content in self._chunks(run, name, summary)],
            )
            for name, summary in self._metrics.summaries(run).items()
        ]  # fmt: skip

    def _chunks(self, run: str, name: str, summary: Summary) -> list[tuple[int, bytes]]:
        return self._metrics.stored_chunks(run, name) if summary.count > 1 else []

    def points(self, run: str) -> bytes:
        """The chunks of all series of a run, in the document's order."""
        summaries = self._metrics.summaries(run).items()
        return b"".join(
            content for name, summary in summaries for _, content in self._chunks(run, name, summary)
        )

    def read_process(self, process: str, runs: Iterable[str], until: int) -> ProcessDocument:
        """What a process executed up to a moment (ns), and later for `runs`."""
        rows = self._all(
            "SELECT id, run_id, notebook, cell_id, execution_count, source, outputs, started, duration, outcome, traceback,"
            " content FROM executions LEFT JOIN traces ON traces.execution = id"
            " WHERE process = ?1 AND (started <= ?2 OR run_id IN (SELECT value FROM json_each(?3)))"
            " ORDER BY started, id",
            (process, until, json.dumps(list(runs))),
        )
        names = [name for name in ExecutionDocument.__dataclass_fields__ if name not in ("trace", "data")]
        return ProcessDocument(
            process=process,
            executions=[
                ExecutionDocument(
                    **dict(zip(names, row, strict=True)),
                    trace=None if content is None else Trace.from_plain(json.loads(content)),
                    data=[
                        DataDocument(data=plain_of(item.data), profile=item.profile)
                        for item in self._profiles.read_by(row[0])
                    ],
                )
                for *row, content in rows
            ],
        )

    def add(self, document: RunDocument, mark: str) -> None:
        """Make a run of a document, under its name where that is free. Its values come by `update`."""
        began = RunStarted(
            run=document.id,
            time=document.started,
            name=document.name,
            experiment=document.experiment,
            process=document.process,
            notebook=document.notebook,
            cell_id=document.cell,
            directory=document.directory,
            environment=document.environment.id if document.environment else None,
        )
        self._runs.add(began, self._place(document, mark), document.number)
        self._origins.set_run(
            document.id, document.origin, document.experiment, document.name, document.number
        )

    def _place(self, document: RunDocument, mark: str) -> int:
        """The key of the name that a run gets: its own, or with the mark of its origin where that is another's here.

        A name is its origin's as long as no other store has given numbers in it; so a number never means two runs.
        """
        own = document.origin == self._origins.own().id
        name, count = document.name, 0
        while True:
            self._connection.execute(
                "INSERT OR IGNORE INTO experiments (name) VALUES (?)", (document.experiment,)
            )
            rows = self._all(
                "SELECT run_names.id, last, origin FROM run_names JOIN experiments ON experiments.id = experiment"
                " WHERE experiments.name = ? AND run_names.name = ?",
                (document.experiment, name),
            )
            if not rows:
                ((key,),) = self._all(
                    "INSERT INTO run_names (experiment, name, last, origin)"
                    " VALUES ((SELECT id FROM experiments WHERE name = ?), ?, ?, ?) RETURNING id",
                    (document.experiment, name, document.number, None if own else document.origin),
                )
                return int(key)
            ((key, last, origin),) = rows
            free = (
                last < document.number
                if own
                else origin == document.origin and not self._is_taken(key, document)
            )
            if free:
                self._connection.execute(
                    "UPDATE run_names SET last = max(last, ?) WHERE id = ?", (document.number, key)
                )
                return int(key)
            count += 1
            name = f"{document.name}@{mark}" + (f".{count}" if count > 1 else "")

    def _is_taken(self, name: int, document: RunDocument) -> bool:
        return bool(
            self._all(
                "SELECT 1 FROM runs WHERE name = ?1 AND number = ?2"
                " UNION SELECT 1 FROM former_labels WHERE name = ?1 AND number = ?2",
                (name, document.number),
            )
        )

    def update(self, document: RunDocument, points: bytes) -> None:
        """Give a run what its document has: the document is newer than what is here."""
        run = document.id
        if document.environment:
            seen = EnvironmentSeen(environment=document.environment.id, interpreter={}, packages={})
            self._runs.add_environment(seen, document.environment.interpreter, document.environment.packages)
        self._connection.execute(
            "UPDATE runs SET status = ?, ended = ?, duration = ? WHERE id = ?",
            (document.status, document.ended, document.duration, run),
        )
        self._connection.execute(
            "DELETE FROM tracebacks WHERE run = (SELECT key FROM runs WHERE id = ?)", (run,)
        )
        if document.traceback is not None:
            self._connection.execute(
                "INSERT INTO tracebacks (run, traceback) SELECT key, ? FROM runs WHERE id = ?",
                (document.traceback, run),
            )
        self._runs.set_revision(
            run, Revision(commit=document.commit, branch=document.branch, dirty=document.dirty)
        )
        self._runs.set_params(run, document.params)
        position = 0
        for series in document.metrics:
            chunks = []
            for first, length in series.chunks:
                chunks.append((first, points[position : position + length]))
                position += length
            self._metrics.replace(run, series.name, _summary(series), chunks)
        for item in document.artifacts:
            self._artifacts.add(
                ArtifactSaved(
                    run=run,
                    time=0,
                    name=item.name,
                    kind=item.kind,
                    format=item.format,
                    size=item.size,
                    type_name=item.type_name,
                    params=item.params,
                    note=item.note,
                ),
                item.digest,
            )
        for name, content in document.datasets.items():
            profile = document.profiles.get(name)
            self._artifacts.add_dataset(run, name, content, None if profile is None else asdict(profile))
        for snapshot in document.snapshots:
            taken = SnapshotTaken(
                snapshot=snapshot.id,
                run=run,
                process=snapshot.process,
                notebook=snapshot.notebook,
                time=snapshot.taken,
                saved=snapshot.saved,
            )
            self._executions.add_snapshot(taken, snapshot.file)
        self._update_surroundings(document)

    def _update_surroundings(self, document: RunDocument) -> None:
        run = document.id
        for part in dict.fromkeys(item.part for item in document.facts):
            facts = [
                Fact(kind=item.kind, name=item.name, text=item.text, digest=item.digest)
                for item in document.facts
                if item.part == part
            ]
            self._facts.set([run], part, facts)
        if (use := document.use) is not None:
            points = {item.name: (item.seconds, item.values) for item in use.series}
            taken = Use(span=use.span, cpu=use.cpu, memory=use.memory, gpu_memory=use.gpu_memory)
            self._facts.set_use(run, taken, points)

    def add_executions(
        self, process: str, executions: Iterable[ExecutionDocument]
    ) -> list[ExecutionDocument]:
        """Add what a process executed; what is here already stays as it is. Those that were added."""
        added = []
        for item in executions:
            self._connection.execute(
                "INSERT OR IGNORE INTO executions (id, process, run_id, notebook, cell_id, execution_count, source,"
                " outputs, started, duration, outcome, traceback) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    item.id,
                    process,
                    item.run,
                    item.notebook,
                    item.cell,
                    item.execution_count,
                    item.source,
                    item.outputs,
                )
                + (item.started, item.duration, item.outcome, item.traceback),
            )
            if self._connection.changes():
                added.append(item)
                if item.data:
                    self._profiles.add_read(
                        DataRead(execution=item.id, datasets=[*map(_as_recorded, item.data)])
                    )
                if item.trace is not None:
                    self._executions.add_trace(CellTraced(execution=item.id, trace=item.trace.to_plain()))
        return added

    def records_here(self, process: str) -> bool:
        """Whether this store took in the journal of a process itself: what that executed is known here best."""
        return bool(self._all("SELECT 1 FROM processes WHERE id = ?", (process,)))


def extent(document: RunDocument) -> tuple[int, int, int]:
    """How much there is of a run: points, other things, and when it ended. Grows with whatever its origin adds to it."""
    return (
        sum(series.count for series in document.metrics),
        len(document.params)
        + len(document.artifacts)
        + len(document.datasets)
        + len(document.snapshots)
        + len(document.facts)
        + (sum(len(item.values) for item in document.use.series) if document.use else 0),
        document.ended or 0,
    )


def _as_recorded(item: DataDocument) -> dict[str, Any]:
    return item.data if item.profile is None else {**item.data, "profile": asdict(item.profile)}


def _summary(series: SeriesDocument) -> Summary:
    return Summary(
        count=series.count,
        last=series.last,
        lowest=series.lowest,
        highest=series.highest,
        last_step=series.last_step,
        last_time=series.last_time,
    )
