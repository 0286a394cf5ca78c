"""What each kind of record does to the store. Runs inside the transaction of a drain, see `nbtrack.service.intake`."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nbtrack.clock import now_ns
from nbtrack.entities import records
from nbtrack.entities.runs import Revision
from nbtrack.service import Deferred
from nbtrack.service.points import Points
from nbtrack.service.revisions import read_revision
from nbtrack.store import journal
from nbtrack.store.database import Store

GIT_DELAY = 60_000_000_000
"""A journal that is read later than this (ns) after a run's start can no longer tell the git state that the run saw."""


class Recorded:
    """Takes records into one store.

    Attributes
    ----------
    used
        The files in ``incoming`` that the records of this transaction pointed at.
    background
        Slow work that they asked for.
    """

    def __init__(self, store: Store, points: Points) -> None:
        self._store = store
        self._points = points
        self._known_runs: set[str] = set()
        self._purges = 0
        self.used: list[Path] = []
        self.background: list[Deferred] = []
        self._begun: dict[str, list[str]] = {}
        self._take: dict[type, Callable[[Any], None]] = {
            records.EnvironmentSeen: self._environment,
            records.RunStarted: self._run_started,
            records.RunContinued: lambda record: store.runs.resume(record.run, record.process),
            records.ParamsSet: lambda record: store.runs.set_params(record.run, record.params),
            records.MetricsLogged: points.add,
            records.SeriesLogged: self._series,
            records.TagsSet: lambda record: store.runs.set_tags(record.run, record.tags),
            records.ArtifactSaved: self._artifact,
            records.DatasetsSeen: self._datasets,
            records.CellExecuted: self._cell,
            records.SnapshotTaken: self._snapshot,
            records.RunNoted: lambda record: store.runs.add_note(record.run, record.note),
            records.RunEnded: lambda record: store.runs.end(record),
            records.ProcessEnded: lambda record: store.journals.end_process(record.process, record.time),
        }

    def begin(self) -> None:
        """Forget what an attempt asked for that the disk cut short."""
        self.used.clear()
        self.background.clear()
        self._begun = {}

    def take(self, name: str, record: records.Record | None) -> None:
        """Take in one record of the journal `name`. Raises whatever goes wrong with it."""
        if record is None:
            raise ValueError("a record of a kind that this version does not know")
        if isinstance(record, records.ProcessStarted):
            self._store.journals.add_process(name, record)
            return
        if isinstance(record, records.SeriesNamed):
            self._points.name(name, record)
            return
        run = getattr(record, "run", None)
        if isinstance(record, records.RunStarted):
            if self._store.trash.is_entombed("run", record.run):
                return
        elif run is not None and not self.check_run(run):
            return
        self._take[type(record)](record)

    def check_run(self, run: str) -> bool:
        """Whether the run is in the store; not if it was deleted for good, and what comes late of it is let go.

        Raises
        ------
        LookupError
            If it never was there.
        """
        if self._purges != self._store.trash.purges:
            self._purges = self._store.trash.purges
            self._known_runs.clear()
        if run not in self._known_runs:
            if not self._store.runs.has(run):
                if self._store.trash.is_entombed("run", run):
                    return False
                raise LookupError(f"the run {run} is not in the store")
            self._known_runs.add(run)
        return True

    def _incoming(self, file: str) -> Path | None:
        """The file that a record points at; its name is ours, so anything that looks like a path is refused."""
        if Path(file).name != file:
            raise ValueError(f"{file!r} is not the name of an incoming file")
        path = self._store.incoming / file
        if not path.is_file():
            return None
        self.used.append(path)
        return path

    def _environment(self, record: records.EnvironmentSeen) -> None:
        interpreter, packages = (
            self._store.blobs.put(json.dumps(content, sort_keys=True).encode())
            for content in (record.interpreter, record.packages)
        )
        self._store.runs.add_environment(record, interpreter, packages)

    def _run_started(self, record: records.RunStarted) -> None:
        self._store.runs.start(record)
        if record.directory is None:
            return
        if now_ns() - record.time > GIT_DELAY:
            self._store.runs.add_note(
                record.run, "The git state was not seen: nbtrack's keeper was away at the start."
            )
            return

        # Runs that began together saw the same state: a loop of a thousand quick runs must not start git a thousand times.
        directory, runs = record.directory, self._begun.setdefault(record.directory, [])
        runs.append(record.run)
        if len(runs) > 1:
            return

        def finish(revision: Revision) -> None:
            with self._store.transaction():
                for run in runs:
                    self._store.runs.set_revision(run, revision)

        self.background.append(Deferred(lambda: read_revision(directory), finish))

    def _artifact(self, record: records.ArtifactSaved) -> None:
        digest = None
        if record.file is not None:
            path = self._incoming(record.file)
            if path is None:
                self._store.runs.add_note(
                    record.run, f"The content of {record.name} was lost before it was stored."
                )
            else:
                digest = self._store.blobs.adopt(path)
                if record.digest is not None and record.digest != digest:
                    self._store.runs.add_note(
                        record.run, f"The content of {record.name} was damaged on its way."
                    )
                    digest = None
        self._store.artifacts.add(record, digest)

    def _datasets(self, record: records.DatasetsSeen) -> None:
        for dataset in record.datasets:
            self._store.artifacts.add_dataset(record.run, dataset["name"], dataset)

    def _cell(self, record: records.CellExecuted) -> None:
        outputs = record.outputs
        if record.file is not None:
            path = self._incoming(record.file)
            outputs = json.loads(path.read_bytes()) if path else []
        self._store.executions.add(record, outputs)

    def _snapshot(self, record: records.SnapshotTaken) -> None:
        path = self._incoming(record.file) if record.file is not None else None
        self._store.executions.add_snapshot(record, self._store.blobs.adopt(path) if path else None)

    def _series(self, record: records.SeriesLogged) -> None:
        path = self._incoming(record.file)
        content = path.read_bytes() if path else b""
        if path is None or zlib.crc32(content) != record.checksum:
            what = "damaged on its way" if path else "lost before it was stored"
            self._store.runs.add_note(record.run, f"{record.count} points of {record.name} were {what}.")
            return
        steps, values = journal.columns(memoryview(content), record.count, steps=record.steps)
        self._points.extend(self._points.series(record.run, record.name), record.time, steps, values)
