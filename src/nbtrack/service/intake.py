"""From journals into the store: what recording processes wrote becomes rows and blobs."""

from __future__ import annotations

import errno
import json
import logging
import time
from array import array
from collections import defaultdict
from collections.abc import Callable
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import apsw

from nbtrack.entities import records
from nbtrack.entities.runs import Revision
from nbtrack.service import Deferred
from nbtrack.service.revisions import read_revision
from nbtrack.store import journal, processes
from nbtrack.store.database import Store

BATCH = 5_000
"""Records of one transaction: large enough that the disk's wait is shared, small enough to answer in between."""

GIT_DELAY = 60_000_000_000
"""A journal that is read later than this (ns) after a run's start can no longer tell the git state that the run saw."""

log = logging.getLogger(__name__)


class Intake:
    """Reads the journals of one store.

    Draining is idempotent: how far a journal has been read is written in the transaction of what was read, and the files
    that records point at are removed only after it.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._points: dict[tuple[str, str], list[tuple[int | None, float, int]]] = defaultdict(list)
        self._used: list[Path] = []
        self._known_runs: set[str] = set()
        self.background: list[Deferred] = []
        """Slow work that the records asked for; whoever drains has it done."""
        self._take: dict[type, Callable[[Any], None]] = {
            records.EnvironmentSeen: self._environment,
            records.RunStarted: self._run_started,
            records.RunContinued: lambda record: store.runs.resume(record.run, record.process),
            records.ParamsSet: lambda record: store.runs.set_params(record.run, record.params),
            records.MetricsLogged: self._metrics,
            records.TagsSet: lambda record: store.runs.set_tags(record.run, record.tags),
            records.ArtifactSaved: self._artifact,
            records.DatasetsSeen: self._datasets,
            records.CellExecuted: self._cell,
            records.SnapshotTaken: self._snapshot,
            records.RunNoted: lambda record: store.runs.add_note(record.run, record.note),
            records.RunEnded: lambda record: store.runs.end(record),
            records.ProcessEnded: lambda record: store.journals.end_process(record.process, record.time),
        }

    def drain(self, names: list[str] | None = None) -> int:
        """Read what the journals (all, or those of `names`) hold beyond what was read; how many records that was."""
        taken = 0
        for name in self._store.journals.names() if names is None else names:
            path = self._store.journals.path(name)
            while path.exists() and path.stat().st_size > self._store.journals.position(name):
                count = self._drain_batch(name, path)
                taken += count
                if count == 0:
                    break  # the last frame is not whole yet
        return taken

    def _drain_batch(self, name: str, path: Path) -> int:
        batch = list(islice(journal.read(path, self._store.journals.position(name)), BATCH))
        if not batch:
            return 0
        self._used.clear()
        self._points.clear()  # of an attempt that the disk cut short
        with self._store.transaction():
            self._store.journals.advance(name, batch[-1][0])
            for _, record in batch:
                try:
                    # A savepoint: one record that fails takes nothing else with it.
                    with self._store.connection:
                        self._apply(name, record)
                except Exception as problem:
                    if _is_of_the_disk(problem):
                        raise  # not the record's fault: the whole batch is tried again later
                    log.exception("a record of the journal %s could not be taken in: %r", name, record)
                    self._store.journals.add_problem(name)
            self._flush_points()
        for used in self._used:
            used.unlink(missing_ok=True)
        return len(batch)

    def _apply(self, name: str, record: records.Record | None) -> None:
        if record is None:
            raise ValueError("a record of a kind that this version does not know")
        if isinstance(record, records.ProcessStarted):
            self._store.journals.add_process(name, record)
            return
        run = getattr(record, "run", None)
        if run is not None and not isinstance(record, records.RunStarted) and not self._is_known(run):
            raise LookupError(f"the run {run} is not in the store")
        self._take[type(record)](record)

    def _is_known(self, run: str) -> bool:
        if run not in self._known_runs and self._store.runs.has(run):
            self._known_runs.add(run)
        return run in self._known_runs

    def _metrics(self, record: records.MetricsLogged) -> None:
        for name, value in record.values.items():
            self._points[record.run, name].append((record.step, value, record.time))

    def _flush_points(self) -> None:
        for (run, name), points in self._points.items():
            # A series' steps are given or counted on; where both happen, each stretch is a part of its own.
            for given, part in groupby(points, key=lambda point: point[0] is not None):
                steps, values, times = zip(*part, strict=True)
                self._store.metrics.append(
                    run, name, list(steps) if given else None, array("d", values), array("q", times)
                )
        self._points.clear()

    def _incoming(self, file: str) -> Path | None:
        """The file that a record points at; its name is ours, so anything that looks like a path is refused."""
        if Path(file).name != file:
            raise ValueError(f"{file!r} is not the name of an incoming file")
        path = self._store.incoming / file
        if not path.is_file():
            return None
        self._used.append(path)
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
        if time.time_ns() - record.time > GIT_DELAY:
            self._store.runs.add_note(
                record.run, "The git state was not seen: nbtrack's keeper was away at the start."
            )
            return

        def finish(revision: Revision) -> None:
            with self._store.transaction():
                self._store.runs.set_revision(record.run, revision)

        directory = record.directory
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

    def bury(self) -> None:
        """Mark the runs of dead processes as crashed, and remove drained journals whose process is gone."""
        for process, name, identity in list(self._store.journals.open_processes()):
            if processes.is_alive(identity) is False:
                self.drain([name])  # what it wrote last, before its death is recorded
                path = self._store.journals.path(name)
                moment = path.stat().st_mtime_ns if path.exists() else time.time_ns()
                with self._store.transaction():
                    self._store.runs.crash(process, moment)
                    self._store.journals.end_process(process, moment)
        for name in self._store.journals.ended():
            path = self._store.journals.path(name)
            if not path.exists() or path.stat().st_size <= self._store.journals.position(name):
                with self._store.transaction():
                    self._store.journals.forget(name)


def _is_of_the_disk(problem: Exception) -> bool:
    """Whether the place failed and not what was to be written there."""
    if isinstance(problem, OSError):
        return problem.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS)
    return isinstance(
        problem, (apsw.FullError, apsw.IOError, apsw.ReadOnlyError, apsw.BusyError, MemoryError)
    )
