"""Collecting: what is old enough is deleted for good, and its space is free.

Nothing that a registered model's lineage needs is touched, however old: its run, the run's artifacts, data, environment,
snapshot, and every execution that the snapshot is made of or that the run's values came from.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path

from nbtrack.analysis.directions import better_when
from nbtrack.analysis.lineage import Graph
from nbtrack.analysis.notebooks import needed_executions
from nbtrack.entities.ownership import Collection
from nbtrack.errors import InvalidInput, NotFound
from nbtrack.service import Sliced
from nbtrack.store.database import Store
from nbtrack.store.names import expression
from nbtrack.store.processes import user_name
from nbtrack.store.registry_documents import RegistryDocuments
from nbtrack.store.retention import Retention, SavedModel
from nbtrack.store.values import from_sql

_DAY = 86_400 * 10**9
_RUNS, _BLOBS = 100, 2_000
"""Of one slice: some ten milliseconds of work."""


@dataclass(slots=True)
class _Rules:
    trash: int
    """Trash deleted up to this moment (ns) goes; so for the others."""
    orphans: int
    executions: int
    keep_models: int | None
    best: str | None
    dry_run: bool


@dataclass(slots=True)
class _Tally:
    runs: int = 0
    versions: int = 0
    models: int = 0
    executions: int = 0
    saves: int = 0
    blobs: int = 0
    files: int = 0
    size: int = 0
    kept: list[str] = field(default_factory=list)


class Collector:
    """Deletes for good what the rules let go."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._retention = Retention(store.connection)

    def collect(
        self,
        trash_days: int = 30,
        grace_days: int = 14,
        executions_days: int = 0,
        keep_models: int | None = None,
        best: str | None = None,
        compact: bool = False,
        dry_run: bool = False,
    ) -> Sliced:
        """Free what is old enough.

        Parameters
        ----------
        trash_days
            How long the trash is kept.
        grace_days
            How long content is kept that nothing refers to and that no deletion let go, and files of cut off writes.
        executions_days
            How long cell executions of no run are kept; 0: for good.
        keep_models
            Of the runs of an experiment only this many, the newest, keep their model files; None: all do.
        best
            A metric: as many runs with the best values keep theirs too.
        compact
            Give the room inside the database back to the disk. It is written anew, which takes a while.
        dry_run
            Only say what would go.

        Raises
        ------
        NotFound
            If no run has the metric `best`.
        InvalidInput
            If a number is negative, or `best` has no direction.
        """
        for name, number in (
            ("trash_days", trash_days),
            ("grace_days", grace_days),
            ("executions_days", executions_days),
        ):
            if number < 0:
                raise InvalidInput(f"{name} counts days and cannot be negative (got {number}).")
        if keep_models is not None and keep_models < 1:
            raise InvalidInput(f"keep_models counts runs; it must be 1 at least (got {keep_models}).")
        if best is not None:
            self._check(best, keep_models)
        now = time.time_ns()
        rules = _Rules(
            trash=now - trash_days * _DAY,
            orphans=now - grace_days * _DAY,
            executions=now - executions_days * _DAY if executions_days else 0,
            keep_models=keep_models,
            best=best,
            dry_run=dry_run,
        )
        tally = _Tally()
        steps = self._dry(rules, tally, now) if dry_run else self._steps(rules, tally, now)

        def finish() -> Collection:
            if compact and not dry_run:
                self._retention.compact()
            return Collection(dry_run=dry_run, unused=self._retention.unused(), **asdict(tally))

        return Sliced(steps, finish)

    def _check(self, best: str, keep_models: int | None) -> None:
        if keep_models is None:
            raise InvalidInput("A best metric only says which models to keep: give keep_models too.")
        names = self._store.runs.known_names().metrics
        if best not in names:
            raise NotFound(
                f"No run has the metric {best}; there are {', '.join(sorted(names)) or 'none'}.", metric=best
            )
        if better_when(best) is None:
            raise InvalidInput(
                f"The name {best} does not say whether higher or lower is better; choose a metric such as loss or accuracy."
            )

    def _dry(self, rules: _Rules, tally: _Tally, now: int) -> Iterator[None]:
        """All steps in one transaction that is taken back: what is told is what would happen."""
        with contextlib.suppress(_TakenBack), self._store.transaction():
            for _ in self._steps(rules, tally, now):
                pass
            raise _TakenBack
        yield

    def _slice(self, rules: _Rules) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext() if rules.dry_run else self._store.transaction()

    def _steps(self, rules: _Rules, tally: _Tally, now: int) -> Iterator[None]:
        with self._slice(rules):
            self._purge_versions(rules, tally, now)
        yield
        yield from self._purge_runs(rules, tally, now)
        if rules.keep_models is not None:
            with self._slice(rules):
                self._thin_models(rules, tally, now)
            yield
        with self._slice(rules):
            tally.saves += self._retention.forget_saves(rules.executions)
        yield
        yield from self._forget_executions(rules, tally, now)
        with self._slice(rules):
            self._retention.forget_environments()
            self._retention.forget_facts()
            self._store.profiles.forget_unused()
            self._retention.mark_orphans(now)
        yield
        if self._store.held:
            tally.kept.append(
                "No content was removed, since a copy is being made of it just now; collect again later."
            )
        else:
            yield from self._remove_blobs(rules, tally)
            yield from self._remove_strays(rules, tally)
        if (
            tally.versions
            or tally.runs
            or tally.models
            or tally.executions
            or tally.saves
            or tally.blobs
            or tally.files
        ):
            with self._slice(rules):
                numbers = {"blobs": tally.blobs, "files": tally.files, "size": tally.size}
                self._store.audit.append(now, user_name(), "store.collected", numbers)
            yield

    def _purge_versions(self, rules: _Rules, tally: _Tally, now: int) -> None:
        due = self._retention.due_versions(rules.trash)
        registry, own = RegistryDocuments(self._store.connection), self._store.identity
        identities = [registry.identity(own, model, version) for model, version in due]
        for model, version in due:
            self._retention.purge_version(model, version)
        if due:
            names = [f"{model}/{version}" for model, version in due]
            self._store.trash.entomb("model_version", identities, now)
            self._store.audit.append(now, user_name(), "models.purged", {"versions": names})
        tally.versions += len(due)

    def _purge_runs(self, rules: _Rules, tally: _Tally, now: int) -> Iterator[None]:
        while True:
            with self._slice(rules):
                runs = self._retention.due_runs(rules.trash, _RUNS)
                if runs:
                    names = [f"{row.experiment}/{row.name}" for row in self._store.runs.rows(runs)]
                    self._store.trash.entomb("run", runs, now)
                    self._retention.purge_runs(runs)
                    self._store.audit.append(now, user_name(), "runs.purged", {"runs": names})
            if not runs:
                break
            tally.runs += len(runs)
            yield
        for run, version in self._retention.held_runs(rules.trash):
            row = self._store.runs.rows([run])[0]
            tally.kept.append(
                f"{row.experiment}/{row.name} stays: the registered model {version} came from it."
            )

    def _thin_models(self, rules: _Rules, tally: _Tally, now: int) -> None:
        number = self._store.runs.known_names().metrics.get(rules.best or "")
        saved = self._retention.saved_models(expression(number))
        dropped = _superfluous(saved, rules.keep_models or 0, rules.best)
        for model in dropped:
            note = f"let go by gc, which kept the models of {rules.keep_models} runs of each experiment"
            self._retention.drop_content(model.run, model.artifact, note)
        if dropped:
            detail = {"models": len(dropped), "kept": rules.keep_models, "best": rules.best}
            self._store.audit.append(now, user_name(), "models.thinned", detail)
        tally.models += len(dropped)

    def _forget_executions(self, rules: _Rules, tally: _Tally, now: int) -> Iterator[None]:
        for process in self._retention.processes_to_trim(rules.executions):
            with self._slice(rules):
                executions = self._retention.executions(process, rules.executions)
                whole, source = needed_executions(
                    [(run, cell, started) for run, cell, started, _, _ in executions],
                    self._retention.snapshot_moments(process),
                )
                whole = whole | self._in_slices(process)
                may = [(run, free) for run, _, _, forgettable, free in executions if forgettable]
                gone = [run for run, _ in may if run not in whole and run not in source]
                tally.executions += self._retention.forget_executions(gone)
                self._retention.forget_outputs(run for run, _ in may if run in source and run not in whole)
                # Those of a run are gone with its tombstone; one of no run needs its own.
                free = {run for run, of_no_run in may if of_no_run}
                self._store.trash.entomb("execution", free.intersection(gone), now)
            yield

    def _in_slices(self, process: str) -> set[str]:
        """The executions of a process that runs which stay came from, as far as they were traced."""
        executed = self._store.executions.traces(process)
        graph = Graph(executed)
        here = {
            run
            for run in {execution.run_id for execution, _ in executed}
            if run and self._store.runs.has(run)
        }
        wanted = [
            place
            for place, step in enumerate(graph.steps)
            if step.is_traced and step.execution.run_id in here
        ]
        needed = set(graph.backward(wanted))
        return {execution.id for execution, _ in executed if graph.place(execution.id) in needed}

    def _remove_blobs(self, rules: _Rules, tally: _Tally) -> Iterator[None]:
        while True:
            if self._store.held:
                return  # begun between two slices
            with self._slice(rules):
                removed = self._retention.remove_orphans(rules.orphans, _BLOBS)
            if not removed:
                return
            tally.blobs += len(removed)
            tally.size += sum(size for _, size, _ in removed)
            if not rules.dry_run:
                # Under the write lock, so that nobody is putting the same content again while its file goes.
                with self._store.transaction():
                    for digest, _, has_file in removed:
                        if has_file and not self._store.blobs.has(digest):
                            self._store.blobs.path(digest).unlink(missing_ok=True)
            yield

    def _remove_strays(self, rules: _Rules, tally: _Tally) -> Iterator[None]:
        before = rules.orphans / 1e9
        for folder in self._store.blobs.folders():
            if self._store.held:
                return
            with self._slice(rules):
                strays = self._store.blobs.strays(folder, before)
                if (
                    rules.dry_run
                ):  # files whose rows this very transaction has removed are counted with their blobs
                    strays = [path for path in strays if path.name.startswith(".")]
                self._remove_files(strays, rules, tally)
            yield
        if self._store.journals.waiting() == 0:  # else a record that is still to be read may name the file
            old = (
                path
                for path in self._store.incoming.iterdir()
                if path.is_file() and path.stat().st_mtime < before
            )
            while files := list(islice(old, _BLOBS)):
                self._remove_files(files, rules, tally)
                yield

    @staticmethod
    def _remove_files(files: Iterable[Path], rules: _Rules, tally: _Tally) -> None:
        for path in files:
            with contextlib.suppress(FileNotFoundError):
                size = path.stat().st_size
                if not rules.dry_run:
                    path.unlink()
                tally.files += 1
                tally.size += size


class _TakenBack(Exception):
    """Ends the transaction of a dry run."""


def _superfluous(saved: list[SavedModel], keep: int, best: str | None) -> list[SavedModel]:
    """The models that go: of runs that are neither among the `keep` newest nor the `keep` best of their experiment."""
    kept: set[str] = set()
    for experiment in {model.experiment for model in saved}:
        runs = {model.run: model.value for model in saved if model.experiment == experiment}
        kept.update(islice(runs, keep))
        if best is not None:
            values = {run: number for run, value in runs.items() if math.isfinite(number := _number(value))}
            sign = -1 if better_when(best) == "higher" else 1
            kept.update(sorted(values, key=lambda run: sign * values[run])[:keep])
    return [model for model in saved if model.free and model.run not in kept]


def _number(value: object) -> float:
    found = from_sql(value) if isinstance(value, bytes | int | float) else None
    return float(found) if isinstance(found, int | float) else math.nan
