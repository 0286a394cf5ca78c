"""What each kind of record does to the store. Runs inside the transaction of a drain, see `nbtrack.service.intake`."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from nbtrack.analysis.sources import loose_installs
from nbtrack.clock import now_ns
from nbtrack.entities import records
from nbtrack.entities.surroundings import Fact
from nbtrack.service import Deferred
from nbtrack.service.points import Points
from nbtrack.service.revisions import Repositories, Repository
from nbtrack.store import journal
from nbtrack.store.database import Store
from nbtrack.store.processes import environment_of
from nbtrack.store.profiles import can_be_whole, dataset_of

GIT_DELAY = 60_000_000_000
"""A journal that is read later than this (ns) after a run's start can no longer tell the git state that the run saw."""

_CHUNK = 1 << 20

MOST_NAMED = 10
"""Packages that one note names at most."""

LOST, DAMAGED = "was lost before it was stored", "was damaged on its way"


class UnknownRun(LookupError):
    """A record belongs to a run that is not in the store, or not yet: its beginning may wait in another journal."""


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
        self._repositories = Repositories()
        self._take: dict[type, Callable[[Any], None]] = {
            records.EnvironmentSeen: self._environment,
            records.RunStarted: self._run_started,
            records.RunsSurrounded: self._surrounded,
            records.RunContinued: lambda record: store.runs.resume(record.run, record.process),
            records.ParamsSet: lambda record: store.runs.set_params(record.run, record.params),
            records.MetricsLogged: points.add,
            records.SeriesLogged: self._series,
            records.TagsSet: lambda record: store.runs.set_tags(record.run, record.tags),
            records.ArtifactSaved: self._artifact,
            records.DatasetsSeen: self._datasets,
            records.DataRead: self._data_read,
            records.CellExecuted: self._cell,
            records.CellTraced: lambda record: store.executions.add_trace(record),
            records.SnapshotTaken: self._snapshot,
            records.NotebookSaved: self._save,
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
        if isinstance(record, records.SegmentBegan):
            return  # for whoever goes on from the file before
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
        UnknownRun
            If it never was there.
        """
        if self._purges != self._store.trash.purges:
            self._purges = self._store.trash.purges
            self._known_runs.clear()
        if run not in self._known_runs:
            if not self._store.runs.has(run):
                if self._store.trash.is_entombed("run", run):
                    return False
                raise UnknownRun(f"the run {run} is not in the store")
            self._known_runs.add(run)
        return True

    def _incoming(
        self, file: str, *, size: int | None = None, checksum: int | None = None
    ) -> tuple[Path | None, str]:
        """The file that a record points at if it is what it was when it was written, else None and what became of it.

        A power cut leaves files empty or short. The name is ours, so anything that looks like a path is refused.
        """
        if Path(file).name != file:
            raise ValueError(f"{file!r} is not the name of an incoming file")
        path = self._store.incoming / file
        if not path.is_file():
            return None, LOST
        self.used.append(path)
        found = path.stat().st_size
        if (found == 0 and checksum != 0) if size is None else found < size:
            return None, LOST
        if size not in (None, found) or checksum not in (None, _checksum(path, checksum)):
            return None, DAMAGED
        return path, ""

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

        identity = self._store.journals.identity(record.process)

        def work() -> Repository:
            variables = environment_of(identity) if identity is not None else {}
            return self._repositories.read(directory, {**os.environ, **variables})

        def finish(found: Repository) -> None:
            facts = [Fact(kind="remote", name=name, text=text) for name, text in found.remotes.items()]
            with self._store.transaction():
                if found.diff:
                    digest = self._store.blobs.put(found.diff.encode(errors="backslashreplace"))
                    facts.append(Fact(kind="diff", name="", text=found.note, digest=digest))
                for run in runs:
                    self._store.runs.set_revision(run, found.revision)
                here = [run for run in runs if self._store.runs.has(run)]
                self._store.facts.set(here if facts else [], "repository", facts)

        self.background.append(Deferred(work, finish))

    def _surrounded(self, record: records.RunsSurrounded) -> None:
        for text in record.sources.values():
            self._store.blobs.put(text.encode())
        facts = [
            # What was collected since it was told, or never came, is not named: a row may only name what is here.
            Fact(
                kind=kind,
                name=name,
                text=text or "",
                digest=digest if digest and self._store.blobs.has(digest) else None,
            )
            for kind, name, text, digest in record.facts
            if kind and name is not None
        ]
        self._store.facts.set([run for run in record.runs if self.check_run(run)], "process", facts)

    def _artifact(self, record: records.ArtifactSaved) -> None:
        digest = None
        if record.content is not None:
            digest = self._store.blobs.put(record.content.encode())
        elif record.file is not None:
            path, trouble = self._incoming(record.file, size=record.size, checksum=record.checksum)
            if path is not None:
                digest = self._store.blobs.adopt(path)
                if record.digest not in (None, digest):
                    digest, trouble = None, DAMAGED
            if trouble:
                self._store.runs.add_note(record.run, f"The content of {record.name} {trouble}.")
                record = replace(record, note=f"its content {trouble}")
        self._store.artifacts.add(record, digest)

    def _datasets(self, record: records.DatasetsSeen) -> None:
        for dataset in record.datasets:
            content = {key: value for key, value in dataset.items() if key != "profile"}
            self._store.artifacts.add_dataset(record.run, dataset["name"], content, dataset.get("profile"))

    def _data_read(self, record: records.DataRead) -> None:
        if not self._store.profiles.add_read(record):
            return
        python = self._store.executions.executable(record.execution)
        for item in record.datasets:
            data = dataset_of(item)
            if python is not None and can_be_whole(data):
                self._store.profiles.want(data, python)

    def _cell(self, record: records.CellExecuted) -> None:
        outputs = record.outputs
        if record.file is not None:
            path, trouble = self._incoming(record.file, checksum=record.checksum)
            try:
                outputs = json.loads(path.read_bytes()) if path else _no_outputs(trouble)
            except ValueError:  # a journal of an earlier version, which knew no checksum
                outputs = _no_outputs(DAMAGED)
        self._store.executions.add(record, outputs)
        if record.run is not None and (loose := loose_installs(record.source)):
            self._store.runs.add_note(
                record.run, f"It installs without naming a version: {', '.join(loose[:MOST_NAMED])}."
            )

    def _snapshot(self, record: records.SnapshotTaken) -> None:
        digest = None
        if record.file is not None:
            path, trouble = self._incoming(record.file, checksum=record.checksum)
            digest = self._store.blobs.put_notebook(path.read_bytes()) if path else None
            if trouble:
                self._store.runs.add_note(
                    record.run, f"The notebook's file {trouble}; the snapshot is what was executed."
                )
        self._store.executions.add_snapshot(record, digest)

    def _save(self, record: records.NotebookSaved) -> None:
        path, _ = self._incoming(record.file, checksum=record.checksum)
        if path is not None:  # else a power cut has taken it; the next save comes
            self._store.saves.add(record, self._store.blobs.put_notebook(path.read_bytes()))

    def _series(self, record: records.SeriesLogged) -> None:
        size = record.count * (16 if record.steps else 8)
        path, trouble = self._incoming(record.file, size=size, checksum=record.checksum)
        if path is None:
            self._store.runs.add_note(
                record.run, f"A part of {record.name} ({record.count} points) {trouble}."
            )
            return
        steps, values = journal.columns(memoryview(path.read_bytes()), record.count, steps=record.steps)
        self._points.extend(self._points.series(record.run, record.name), record.time, steps, values)


def _checksum(path: Path, wanted: int | None) -> int | None:
    """The CRC-32 of a file, if one is wanted."""
    if wanted is None:
        return None
    checksum = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            checksum = zlib.crc32(chunk, checksum)
    return checksum


def _no_outputs(trouble: str) -> list[dict[str, str]]:
    """What stands in the place of a cell's outputs."""
    text = f"[nbtrack: what this cell put out {trouble}]"
    return [{"output_type": "stream", "name": "stderr", "text": text}]
