"""Deleting, and taking back what was deleted."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from nbtrack.entities.ownership import Deletion, Trash
from nbtrack.errors import Conflict, InvalidInput, NotFound
from nbtrack.service.models import Models
from nbtrack.service.runs import Runs
from nbtrack.store.database import Store
from nbtrack.store.processes import user_name
from nbtrack.store.values import iso

_NAMED = 3
"""Names in a sentence at most; the others are counted."""

_AUDITED = 100
"""Names in a line of the audit log at most; the others are counted."""


class TrashBin:
    """The trash of a store.

    What one decision deleted has one moment, and comes back together. Collecting (`nbtrack.service.retention`) empties it.
    """

    def __init__(self, store: Store, runs: Runs, models: Models) -> None:
        self._store = store
        self._runs = runs
        self._models = models

    def delete(
        self,
        runs: list[str] | None = None,
        filter: str | None = None,
        everything: bool = False,
        model: str | None = None,
        experiment: str | None = None,
    ) -> Deletion:
        """Move runs, or versions of a model, to the trash.

        Parameters
        ----------
        runs
            Names or ids.
        filter
            All runs that fit; within the experiment, if one is given.
        everything
            All runs of the experiment.
        model
            ``churn`` (all its versions), ``churn/3`` or ``churn@champion``.

        Raises
        ------
        Conflict
            If a run is running, is pinned, or a registered model came from it.
        NotFound
            If there is none of this name, or it is in the trash already.
        """
        given = sum((bool(runs), filter is not None, everything, model is not None))
        if given != 1 or (everything and experiment is None):
            raise InvalidInput("Name what to delete: runs, a filter, an experiment, or a model.")
        with self._store.transaction():
            now = time.time_ns()
            moment = self._store.trash.next_moment(now)
            if model is not None:
                name, versions = self._versions(model)
                self._store.trash.put_versions(name, versions, moment)
            else:
                chosen = self._runs.choose(runs or [], filter, experiment, "nothing was deleted")
                self._refuse(chosen)
                self._store.trash.put_runs(chosen, moment)
            deletion = self._deletion(moment)
            self._audit(now, "trash.filled", deletion)
        return deletion

    def _versions(self, model: str) -> tuple[str, list[int]]:
        if "/" not in model and "@" not in model and (found := self._store.models.get(model)):
            return model, [version.version for version in found.versions]
        name, _, number = model.partition("/")
        trashed = self._store.trash.versions_in(name)
        if trashed and (not number or number in map(str, trashed)):
            raise NotFound(
                f"The model {model} is in the trash; undelete --model {model} takes it back.", model=model
            )
        one = self._models.get(model)  # or the sentence that names what there is
        return one.model, [one.version]

    def _refuse(self, runs: Sequence[str]) -> None:
        """A run that is still written, that its owner pinned, or that a model's lineage needs is not deleted."""
        if running := self._store.trash.running(runs):
            raise Conflict(
                f"{listed(running)} still running; nothing was deleted. Delete after the end.", runs=running
            )
        if registered := self._store.trash.registered(runs):
            run, version = registered[0]
            more = f" ({len(registered) - 1:,} more like this)" if len(registered) > 1 else ""
            raise Conflict(
                f"The registered model {version} came from {run}{more}; nothing was deleted. "
                f"To delete the model first: delete --model {version}.",
                runs=[name for name, _ in registered],
            )
        if pinned := self._store.trash.pinned(runs):
            raise Conflict(f"{listed(pinned)} pinned; nothing was deleted. Unpin first.", runs=pinned)

    def content(self) -> Trash:
        """All that may be taken back."""
        sizes = self._store.trash.sizes()
        deletions = [self._deletion(moment, sizes) for moment in self._store.trash.moments()]
        return Trash(deletions=deletions, size=sum(deletion.size for deletion in deletions))

    def undo(self) -> Deletion:
        """Take back the last deletion.

        Raises
        ------
        NotFound
            If the trash is empty.
        """
        with self._store.transaction():
            moments = self._store.trash.moments()
            if not moments:
                raise NotFound("The trash is empty: there is nothing to take back.")
            deletion = self._deletion(moments[0])
            self._store.trash.restore(moments[0])
            return self._restored(deletion)

    def restore(
        self, runs: list[str] | None = None, model: str | None = None, experiment: str | None = None
    ) -> Deletion:
        """Take back runs, or versions of a model (``churn``, ``churn/3``).

        Raises
        ------
        NotFound
            If the trash has none of this name.
        """
        if bool(runs) == (model is not None):
            raise InvalidInput("Name what to take back: runs, or a model.")
        with self._store.transaction():
            if model is not None:
                return self._restored(self._restore_model(model))
            chosen = [self._runs.resolve(run, experiment, trash=True) for run in runs or []]
            self._store.trash.restore_runs(chosen)
            return self._restored(Deletion(time=iso(time.time_ns()), runs=self._store.labels.full(chosen)))

    def _restore_model(self, model: str) -> Deletion:
        name, _, version = model.partition("/")
        numbers = [number for number in self._store.trash.versions_in(name) if version in ("", str(number))]
        if not numbers:
            raise NotFound(f"There is no model {model} in the trash.", model=model)
        self._store.trash.restore_versions(name, numbers)
        return Deletion(time=iso(time.time_ns()), versions=[f"{name}/{number}" for number in numbers])

    def _restored(self, deletion: Deletion) -> Deletion:
        """What came back, with the runs that a version among it came from: a model without its lineage is a riddle."""
        needed = self._store.trash.missing_lineage()
        self._store.trash.restore_runs(needed)
        deletion = replace(
            deletion, runs=list(dict.fromkeys([*deletion.runs, *self._store.labels.full(needed)]))
        )
        self._audit(time.time_ns(), "trash.restored", deletion)
        return deletion

    def _deletion(self, moment: int, sizes: dict[int, int] | None = None) -> Deletion:
        return Deletion(
            time=iso(moment),
            runs=[name for _, name in self._store.trash.runs_of(moment)],
            versions=self._store.trash.versions_of(moment),
            size=(self._store.trash.sizes() if sizes is None else sizes).get(moment, 0),
        )

    def _audit(self, now: int, decision: str, deletion: Deletion) -> None:
        detail = {
            "runs": deletion.runs[:_AUDITED],
            "versions": deletion.versions[:_AUDITED],
            "count": len(deletion.runs) + len(deletion.versions),
        }
        self._store.audit.append(now, user_name(), decision, detail)


def listed(names: Sequence[str]) -> str:
    """``a/forest-1 is``, ``a/forest-1 and a/forest-2 are``, ``a/forest-1, a/forest-2 and 3 others are``."""
    shown = list(names[:_NAMED])
    if len(names) > _NAMED:
        shown = [*shown[:-1], f"{len(names) - _NAMED + 1:,} others"]
    joined = " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))
    return f"{joined} {'is' if len(names) == 1 else 'are'}"
