"""Runs as Python objects."""

from __future__ import annotations

from typing import Any

from nbtrack.client.content import read_content
from nbtrack.client.curation import CuratedRuns, tags_of
from nbtrack.client.series import Series
from nbtrack.client.table import Table
from nbtrack.entities.datasets import Dataset
from nbtrack.entities.graphs import Verdict
from nbtrack.entities.ownership import Deletion
from nbtrack.entities.profiles import DataProfile, RunData
from nbtrack.entities.runs import Artifact, RunDetail, RunStatus
from nbtrack.entities.snapshots import Snapshot
from nbtrack.entities.values import JSONValue
from nbtrack.errors import InvalidInput, NotFound
from nbtrack.operations import Proxy


class Run:
    """One run; what it holds is read once, when it is got, and again when this object changes it."""

    def __init__(self, proxy: Proxy, detail: RunDetail) -> None:
        self._proxy = proxy
        self.detail = detail

    @property
    def id(self) -> str:
        """The run's id."""
        return self.detail.row.id

    @property
    def name(self) -> str:
        """The run's name, for example ``forest-3``."""
        return self.detail.row.name

    @property
    def status(self) -> RunStatus:
        """How the run stands."""
        return self.detail.row.status

    @property
    def params(self) -> dict[str, JSONValue]:
        """Its params."""
        return self.detail.row.params

    @property
    def metrics(self) -> dict[str, float]:
        """The last value of each of its metrics."""
        return self.detail.row.metrics

    @property
    def tags(self) -> dict[str, str]:
        """Its tags."""
        return self.detail.row.tags

    @property
    def artifacts(self) -> list[Artifact]:
        """Its files and models."""
        return self.detail.artifacts

    @property
    def datasets(self) -> list[Dataset]:
        """The data that it read and that its models were fitted on: source, shape, schema, fingerprint."""
        return self.detail.datasets

    def profiles(self) -> dict[str, DataProfile]:
        """What its data holds, by the data's name, as far as that is known by now."""
        found: RunData = self._proxy.ask("data.get", run=self.id)
        return {item.data.name: item.profile for item in found.data if item.profile is not None}

    def metric(self, name: str) -> Series:
        """All points of a metric.

        Raises
        ------
        NotFound
            If the run has no such metric.
        """
        return Series(self._proxy, self._proxy.ask("runs.curve", run=self.id, name=name))

    def snapshot(self) -> Snapshot:
        """The notebook as the run left it.

        Raises
        ------
        NotFound
            If it has none.
        """
        snapshot: Snapshot = self._proxy.ask("snapshots.get", run=self.id)
        return snapshot

    def verdict(self) -> Verdict:
        """Whether the notebook still shows how the run came about: a line for each question."""
        verdict: Verdict = self._proxy.ask("lineage.verdict", run=self.id)
        return verdict

    def uncommitted(self) -> str:
        """What the tracked source files of its repository had that was not committed, as git shows it; secrets are out."""
        digest = self.detail.surroundings.diff
        return read_content(self._proxy, digest).decode() if digest else ""

    def modules(self) -> dict[str, str]:
        """The sources of the project's modules that it had imported, by the module's name; secrets are out."""
        found = [module for module in self.detail.surroundings.modules if module.digest]
        return {module.name: read_content(self._proxy, module.digest or "").decode() for module in found}

    def artifact(self, name: str) -> bytes:
        """The content of one of its files, checked against its hash.

        Raises
        ------
        NotFound
            If the run has no such artifact, or its content was not saved.
        """
        return read_content(self._proxy, self._find(name).digest or "")

    def model(self, name: str | None = None, *, trust: str | None = None) -> Any:
        """A model that the run saved.

        Only types on nbtrack's allow-list are loaded; any other could run code.

        Parameters
        ----------
        name
            Which, where it has several.
        trust
            The model's digest, to load it whatever types it has: code in it runs.

        Raises
        ------
        NotFound
            If the run has no such model.
        UnsafeModel
            If it has types that are not on the list; names them and the digest to pass.
        """
        from nbtrack.flavors.loading import load_kept

        models = [item.name for item in self.artifacts if item.kind == "model"]
        if name is None:
            if len(models) != 1:
                raise (NotFound if not models else InvalidInput)(
                    f"The run {self.name} has {len(models) or 'no'} models{': ' if models else ''}{', '.join(models)}"
                    f"{'; say which' if models else ''}."
                )
            name = models[0]
        found = self._find(name)
        digest = found.digest or ""
        return load_kept(read_content(self._proxy, digest), digest, found.format, trust=trust)

    def _find(self, name: str) -> Artifact:
        for item in self.artifacts:
            if item.name == name:
                if item.digest is None:
                    raise NotFound(
                        f"{name} of the run {self.name} was not saved: {item.note or 'nobody knows why'}.",
                        artifact=name,
                    )
                return item
        names = ", ".join(item.name for item in self.artifacts) or "none"
        raise NotFound(f"The run {self.name} has no artifact {name}; it has {names}.", artifact=name)

    @property
    def notes(self) -> list[str]:
        """What was said about it."""
        return self.detail.notes

    def rename(self, name: str) -> None:
        """Call it by the next number of another name; its old name still finds it."""
        self._decide("rename_runs", name=name)

    def move(self, experiment: str) -> None:
        """Put it into another experiment; its old name still finds it."""
        self._decide("move", to=experiment)

    def tag(self, *names: str, **tags: object) -> None:
        """Add or replace tags: ``run.tag("baseline", stage="final")``."""
        self._decide("tag", tags=tags_of(names, tags))

    def untag(self, *names: str) -> None:
        """Remove tags.

        Raises
        ------
        NotFound
            If it has none of them.
        """
        self._decide("untag", tags=list(names))

    def note(self, text: str, *, replace: int | None = None) -> None:
        """Add a note, or write it in the place of the note `replace` (from 1); an empty text removes that."""
        self._decide("note", text=text, number=replace)

    def pin(self) -> None:
        """Protect it from delete and gc."""
        self._decide("pin", pinned=True)

    def unpin(self) -> None:
        """Take the pin away."""
        self._decide("pin", pinned=False)

    def _decide(self, what: str, **more: Any) -> None:
        self._proxy.ask(f"curation.{what}", runs=[self.id], **more)
        self.detail = self._proxy.ask("runs.get", run=self.id)

    @property
    def _view(self) -> Any:
        from nbtrack.render.views import View

        return View(kind="run", content=self.detail)

    def _repr_html_(self) -> str:
        from nbtrack.render.html import to_html

        return to_html(self._view)

    def __repr__(self) -> str:
        """The run as text."""
        from nbtrack.render.text import to_text

        return to_text(self._view)


class Runs(CuratedRuns):
    """The runs of a store."""

    def __init__(self, proxy: Proxy, experiment: str | None) -> None:
        self._proxy = proxy
        self._experiment = experiment

    def get(self, run: str) -> Run:
        """A run by its name (``forest-3``, ``experiment/forest-3``) or id.

        Raises
        ------
        NotFound
            If there is none.
        AmbiguousName
            If several experiments have one.
        """
        return Run(self._proxy, self._proxy.ask("runs.get", run=run, experiment=self._experiment))

    def search(
        self,
        filter: str = "",
        *,
        sort: str | list[str] | None = None,
        limit: int = 1000,
        experiment: str | None = None,
    ) -> Table:
        """The runs that fit a filter.

        Parameters
        ----------
        filter
            For example ``"accuracy > 0.9 and max_depth <= 5"``.
        sort
            Names to sort by; ``-name`` falls.
        limit
            Runs in the table at most.
        experiment
            Only runs of this experiment.

        Raises
        ------
        FilterError
            If the filter cannot be read; points at the place.
        """
        sort = [sort] if isinstance(sort, str) else sort or []
        return Table(
            self._proxy.ask("runs.columns", filter=filter, sort=sort, limit=limit, experiment=experiment)
        )

    def delete(self, *runs: str, filter: str | None = None, experiment: str | None = None) -> Deletion:
        """Move runs to the trash: those named, or all that fit a filter, or all of an experiment.

        Raises
        ------
        Conflict
            If one is running, is pinned, or a registered model came from it. Nothing is deleted then.
        NotFound
            If there is none of this name.
        """
        deletion: Deletion = self._proxy.ask(
            "trash.delete",
            runs=list(runs),
            filter=filter,
            everything=experiment is not None and not runs and filter is None,
            experiment=experiment or self._experiment,
        )
        return deletion

    def undelete(self, *runs: str, experiment: str | None = None) -> Deletion:
        """Take runs back from the trash.

        Raises
        ------
        NotFound
            If it has none of this name.
        """
        deletion: Deletion = self._proxy.ask(
            "trash.restore", runs=list(runs), experiment=experiment or self._experiment
        )
        return deletion

    def compare(self, *runs: str) -> Any:
        """What differs between runs, as an entity that shows itself."""
        return self._proxy.ask("runs.compare", runs=list(runs), experiment=self._experiment)
