"""What a person says about runs and models, and what they are called. Each decision is all or nothing.

A name that was given once never means something else: a run or model that is renamed is found by its old names too, and
the numbers under these go on where they were. Records of a run that still arrive name its id, so they undo none of this.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from nbtrack.entities.names import check_model_name, check_name, check_text
from nbtrack.entities.ownership import Curated
from nbtrack.entities.stages import check_stage
from nbtrack.errors import Conflict, InvalidInput, NotFound
from nbtrack.service.models import Models
from nbtrack.service.runs import Runs
from nbtrack.store.database import Store
from nbtrack.store.processes import user_name

_UNDONE = "nothing was changed"
_MOST_TAGS = 100
_OF_A_LINE = 1_000
"""Names in one line of the audit log: a decision about more of them has several."""


class Curation:
    """Names, experiments, tags, notes and pins of what a store has."""

    def __init__(self, store: Store, runs: Runs, models: Models) -> None:
        self._store = store
        self._runs = runs
        self._models = models

    def rename_runs(
        self,
        name: str,
        runs: list[str] | None = None,
        filter: str | None = None,
        experiment: str | None = None,
    ) -> Curated:
        """Give runs the next numbers of another name; one that was called so before gets its number back.

        Parameters
        ----------
        name
            ``baseline``, whose next number makes ``baseline-1``.
        runs, filter, experiment
            Which: by name or id, or all that fit, in the experiment.
        """
        check_name(name)
        return self._relabel("runs.renamed", runs, filter, experiment, name=name)

    def move(
        self,
        to: str,
        runs: list[str] | None = None,
        filter: str | None = None,
        experiment: str | None = None,
    ) -> Curated:
        """Put runs into another experiment, where they keep their name and get its next numbers.

        Parameters
        ----------
        to
            The experiment; it is made if there is none.
        """
        check_name(to, "experiment")
        return self._relabel("runs.moved", runs, filter, experiment, to=to)

    def _relabel(
        self,
        decision: str,
        runs: list[str] | None,
        filter: str | None,
        experiment: str | None,
        *,
        name: str | None = None,
        to: str | None = None,
    ) -> Curated:
        with self._store.transaction():
            chosen = self._choose(runs, filter, experiment)
            former = self._store.labels.full(chosen)
            self._store.labels.relabel(chosen, experiment=to, name=name)
            names = self._store.labels.full(chosen)
            changed = [[old, new] for old, new in zip(former, names, strict=True) if old != new]
            for some in _lines(changed):
                self._audit(decision, {"runs": some})
        return Curated(names=names, former=former)

    def rename_experiment(self, experiment: str, name: str) -> Curated:
        """Call an experiment by a name that none has; its runs keep their numbers.

        Raises
        ------
        NotFound
            If there is no such experiment.
        Conflict
            If there is one of the new name, perhaps in the trash.
        """
        check_name(name, "experiment")
        with self._store.transaction():
            counts, trashed = (self._store.labels.experiments(trash=trash) for trash in (False, True))
            if experiment not in {*counts, *trashed}:
                there = ", ".join([*counts][:10]) or "none yet"
                raise NotFound(f"There is no experiment {experiment}; there is {there}.")
            if name == experiment:
                return Curated(names=[name], former=[name], runs=counts.get(name, 0))
            if name in counts:
                raise Conflict(
                    f"There is an experiment {name} already, with {counts[name]:,} run{'s' * (counts[name] != 1)}; "
                    f"to put the runs of {experiment} into it: move --experiment {experiment} {name}."
                )
            if name in trashed:
                raise Conflict(
                    f"An experiment {name} is in the trash; choose another name, or free it with gc --trash-days 0."
                )
            self._store.labels.rename_experiment(experiment, name)
            count = counts.get(experiment, 0)
            self._audit("experiment.renamed", {"before": experiment, "after": name, "runs": count})
        return Curated(names=[name], former=[experiment], runs=count)

    def rename_model(self, model: str, name: str) -> Curated:
        """Call a registered model by a name that none has; its versions keep their numbers.

        Raises
        ------
        NotFound
            If there is no such model.
        Conflict
            If the new name was given before.
        """
        check_model_name(name)
        with self._store.transaction():
            now = self._model(model)
            if now == name:
                return Curated(names=[name], former=[name])
            if not self._store.curation.may_be_called(now, name):
                there = self._store.models.get(name) is not None
                what = (
                    f"There is a model {name} already"
                    if there
                    else f"Versions of a model that was deleted or renamed had the name {name}"
                )
                raise Conflict(f"{what}; {now} keeps its name. Choose another.", model=name)
            self._store.curation.rename_model(now, name)
            self._audit("model.renamed", {"before": now, "after": name})
        return Curated(names=[name], former=[now])

    def _model(self, model: str) -> str:
        """The present name of a model as a whole."""
        if "/" in model or "@" in model:
            raise InvalidInput(f"A model is renamed with all its versions; {model!r} names one of them.")
        return self._models.get(model).model

    def tag(
        self,
        tags: dict[str, str],
        runs: list[str] | None = None,
        filter: str | None = None,
        experiment: str | None = None,
        model: str | None = None,
    ) -> Curated:
        """Add or replace tags of runs, of a model (``churn``) or of a version (``churn/3``, ``churn@champion``)."""
        if not tags or len(tags) > _MOST_TAGS:
            raise InvalidInput(f"Name 1 to {_MOST_TAGS} tags, not {len(tags)}.")
        checked = {
            check_name(key, "tag", without=""): check_text(value, "tag's value")
            for key, value in tags.items()
        }
        with self._store.transaction():
            if model is not None:
                self._one_kind(runs, filter)
                name, version = self._versioned(model)
                before = self._store.curation.model_tags(name, version)
                if version is not None and "stage" in checked:
                    check_stage(f"{name}/{version}", before.get("stage", ""), checked["stage"])
                self._store.curation.set_model_tags(name, version, {**before, **checked})
                return self._done("model.tagged", [_full(name, version)], tags=checked)
            chosen = self._choose(runs, filter, experiment)
            for run in chosen:
                self._store.runs.set_tags(run, checked)
            return self._done("runs.tagged", self._store.labels.full(chosen), tags=checked)

    def untag(
        self,
        tags: list[str],
        runs: list[str] | None = None,
        filter: str | None = None,
        experiment: str | None = None,
        model: str | None = None,
    ) -> Curated:
        """Remove tags.

        Raises
        ------
        NotFound
            If none of them has any of the tags.
        """
        with self._store.transaction():
            if model is not None:
                self._one_kind(runs, filter)
                name, version = self._versioned(model)
                before = self._store.curation.model_tags(name, version)
                kept = {key: value for key, value in before.items() if key not in tags}
                self._refuse_missing(_full(name, version), tags, before, len(kept) < len(before))
                self._store.curation.set_model_tags(name, version, kept)
                return self._done("model.untagged", [_full(name, version)], tags=tags)
            chosen = self._choose(runs, filter, experiment)
            names = self._store.labels.full(chosen)
            having = [
                name
                for run, name in zip(chosen, names, strict=True)
                if self._store.curation.remove_tags(run, tags)
            ]
            self._refuse_missing(
                names[0] if len(names) == 1 else f"{len(names):,} runs",
                tags,
                self._store.runs.rows(chosen[:1])[0].tags if len(chosen) == 1 else {},
                bool(having),
            )
            return self._done("runs.untagged", having, tags=tags)

    @staticmethod
    def _refuse_missing(what: str, tags: list[str], there: dict[str, str], found: bool) -> None:
        if not found:
            others = f"; it has {', '.join(there)}" if there else ""
            raise NotFound(f"There is no tag {' or '.join(tags)} on {what}{others}.")

    def note(
        self,
        text: str = "",
        runs: list[str] | None = None,
        filter: str | None = None,
        experiment: str | None = None,
        number: int | None = None,
    ) -> Curated:
        """Add a note to runs, or write it in the place of the note `number` (from 1); an empty text removes that.

        Raises
        ------
        NotFound
            If a run has no note of this number.
        """
        text = check_text(text, "note")
        if not text and number is None:
            raise InvalidInput("A note needs a text.")
        with self._store.transaction():
            chosen = self._choose(runs, filter, experiment)
            names = self._store.labels.full(chosen)
            for run, name in zip(chosen, names, strict=True):
                if number is None:
                    self._store.runs.add_note(run, text)
                elif number < 1 or not self._store.curation.change_note(run, number - 1, text or None):
                    count = len(self._store.runs.notes(run))
                    raise NotFound(f"The run {name} has no note {number}; it has {count or 'none'}.")
            return self._done("runs.noted", names, note=text, number=number)

    def describe(self, model: str, text: str) -> Curated:
        """Say what a model (``churn``), or a version of it, is; an empty text says nothing."""
        text = check_text(text, "description")
        with self._store.transaction():
            name, version = self._versioned(model)
            self._store.curation.describe_model(name, version, text)
            return self._done("model.described", [_full(name, version)], description=text)

    def pin(
        self,
        pinned: bool = True,
        runs: list[str] | None = None,
        filter: str | None = None,
        experiment: str | None = None,
    ) -> Curated:
        """Pin runs, so that neither a delete nor collecting takes anything of them; or take the pins away."""
        with self._store.transaction():
            chosen = self._choose(runs, filter, experiment)
            moment = time.time_ns() if pinned else None
            for run in chosen:
                self._store.curation.set_pinned(run, moment)
            return self._done("runs.pinned" if pinned else "runs.unpinned", self._store.labels.full(chosen))

    def _choose(self, runs: list[str] | None, filter: str | None, experiment: str | None) -> list[str]:
        """Runs by name, or by a filter (``""``: all of the experiment)."""
        if bool(runs) == (filter is not None) or (filter == "" and experiment is None):
            raise InvalidInput("Name the runs, or give a filter for them.")
        return self._runs.choose(runs or [], filter, experiment, _UNDONE)

    @staticmethod
    def _one_kind(runs: list[str] | None, filter: str | None) -> None:
        if runs or filter is not None:
            raise InvalidInput("Name runs or a model, not both.")

    def _versioned(self, model: str) -> tuple[str, int | None]:
        """The present name of a model, and the version, if one is named."""
        found = self._models.get(model)
        return found.model, found.version if "/" in model or "@" in model else None

    def _done(self, decision: str, names: list[str], **detail: Any) -> Curated:
        subject = decision.partition(".")[0]
        for some in _lines(names):
            self._audit(decision, {subject: some, **detail})
        return Curated(names=names)

    def _audit(self, decision: str, detail: dict[str, Any]) -> None:
        self._store.audit.append(time.time_ns(), user_name(), decision, detail)


def _full(model: str, version: int | None) -> str:
    return model if version is None else f"{model}/{version}"


def _lines(items: list[Any]) -> Iterator[list[Any]]:
    """What each line of the audit log is about."""
    for start in range(0, len(items), _OF_A_LINE):
        yield items[start : start + _OF_A_LINE]
