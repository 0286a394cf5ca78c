"""Writing bundles: some runs of a store with all that they need, in one file."""

from __future__ import annotations

import errno
from pathlib import Path

from nbtrack.entities.bundles import Export
from nbtrack.errors import Conflict, InvalidInput, NotFound, StoreNotWritable
from nbtrack.service import Deferred
from nbtrack.service.intake import Intake
from nbtrack.service.models import Models
from nbtrack.service.runs import Runs
from nbtrack.service.trash import listed
from nbtrack.store.bundle_contents import StoreContents
from nbtrack.store.bundle_writer import appearing_file, write_bundle
from nbtrack.store.database import Store
from nbtrack.store.origins import fit_name


class Bundles:
    """Bundles of one store."""

    def __init__(self, store: Store, runs: Runs, models: Models, intake: Intake) -> None:
        self._store = store
        self._runs = runs
        self._models = models
        self._intake = intake

    def write(
        self,
        path: str,
        runs: list[str] | None = None,
        filter: str | None = None,
        everything: bool = False,
        model: str | None = None,
        experiment: str | None = None,
        name: str | None = None,
        force: bool = False,
        rows: bool = False,
    ) -> Deferred:
        """Write runs with all that they need to the file `path`; others go on meanwhile.

        Parameters
        ----------
        path
            The file, absolute.
        runs
            Names or ids.
        filter
            All runs that fit; within the experiment, if one is given.
        everything
            All runs, or all of the experiment.
        model
            ``churn`` (all its versions), ``churn/3`` or ``churn@champion``, with the runs that they came from.
        name
            What this store calls itself from now on towards others; by default its machine's name.
        force
            Whether a file at `path` is replaced.
        rows
            Whether the rows of input that were kept with models are written too.

        Raises
        ------
        Conflict
            If there is a file at `path`, or a run that is named is still running.
        NotFound
            If there is none of these.
        StoreNotWritable
            If the file cannot be written.
        """
        if sum((bool(runs), filter is not None, everything, model is not None)) != 1:
            raise InvalidInput("Name what to export: runs, a filter, everything, or a model.")
        if name is not None and name != fit_name(name):
            raise InvalidInput(
                f"{name[:80]!r} cannot be a store's name: letters, digits, dots and dashes, such as {fit_name(name)}."
            )
        target = self._checked(path, force)
        self._intake.drain()  # also what others than the asker had recorded
        chosen, versions = self._choose(runs or [], filter, model, experiment)
        running = self._store.trash.running(chosen)
        if running and runs:
            raise Conflict(
                f"{listed(running)} still running; nothing was written. Export after the end.", runs=running
            )
        with self._store.transaction():
            if name is None:
                self._store.origins.keep_name()
            else:
                self._store.origins.set_name(name)
        release = self._store.hold("bundle")

        def work() -> Export:
            try:
                with self._store.snapshot() as snapshot:
                    ended = [
                        run for run in chosen if snapshot.runs.has(run) and not snapshot.trash.running([run])
                    ]
                    contents = StoreContents(snapshot, ended, versions, rows=rows)
                    with appearing_file(target, force) as file:
                        digest = write_bundle(file, contents)
                        size = file.seek(0, 2)
                return Export(
                    path=path, store=contents.source.name, runs=len(ended), versions=len(contents.registry.versions),
                    size=size, digest=digest, running=running,
                )  # fmt: skip
            except FileExistsError as problem:
                raise _taken(path) from problem
            except ValueError as problem:
                raise Conflict(
                    f"The bundle {path} cannot be written: {problem}. Export fewer runs."
                ) from problem
            except OSError as problem:
                if problem.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise
                raise StoreNotWritable(
                    f"The bundle {path} cannot be written ({problem.strerror or problem}); nothing of it was left.",
                    path=path,
                ) from problem
            finally:
                release()

        return Deferred(work, lambda export: export)

    def _checked(self, path: str, force: bool) -> Path:
        target = Path(path)
        if not target.is_absolute():
            raise InvalidInput(f"The file of a bundle must be an absolute path, not {path}.")
        if target.is_relative_to(self._store.folder):
            raise InvalidInput(f"{path} is inside of the store itself; name a file outside of it.")
        if target.is_dir():
            raise Conflict(f"{path} is a folder; name a file, such as {path}/runs.bundle.", path=path)
        if not target.parent.is_dir():
            raise StoreNotWritable(f"The folder {target.parent} does not exist; make it first.", path=path)
        if target.exists() and not force:
            raise _taken(path)
        return target

    def _choose(
        self, runs: list[str], filter: str | None, model: str | None, experiment: str | None
    ) -> tuple[list[str], set[tuple[str, int]] | None]:
        if model is not None:
            return self._of_model(model)
        if runs:
            return list(dict.fromkeys(self._runs.resolve(run, experiment) for run in runs)), None
        chosen = self._runs.select(filter or "", experiment)
        if not chosen:
            where = f" in the experiment {experiment}" if experiment is not None else ""
            what = f"No run{where} fits {filter}" if filter else f"There is no run{where}"
            raise NotFound(f"{what}: nothing was written.")
        return chosen, None

    def _of_model(self, model: str) -> tuple[list[str], set[tuple[str, int]]]:
        found = self._store.models.get(model) if "/" not in model and "@" not in model else None
        versions = found.versions if found else [self._models.get(model)]
        return list(dict.fromkeys(version.run_id for version in versions)), {
            (version.model, version.version) for version in versions
        }


def _taken(path: str) -> Conflict:
    return Conflict(f"{path} exists already; name another file, or replace it with --force.", path=path)
