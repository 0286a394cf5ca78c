"""Registered models as Python objects."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from nbtrack.client.content import read_content
from nbtrack.client.curation import tags_of
from nbtrack.config import read_policy
from nbtrack.entities.models import ModelVersion, RegisteredModel
from nbtrack.entities.ownership import Deletion
from nbtrack.entities.promotions import Promotion
from nbtrack.errors import InvalidInput
from nbtrack.operations import Proxy

if TYPE_CHECKING:
    from nbtrack.client.version_comparison import Compared


class Version:
    """One version of a registered model."""

    def __init__(self, proxy: Proxy, version: ModelVersion) -> None:
        self._proxy = proxy
        self.detail = version

    @property
    def name(self) -> str:
        """The model's name."""
        return self.detail.model

    @property
    def version(self) -> int:
        """The version's number."""
        return self.detail.version

    @property
    def aliases(self) -> list[str]:
        """The aliases that point at it."""
        return self.detail.aliases

    def load(self, *, trust: str | None = None) -> Any:
        """The model itself. Its content is checked against its hash, and only types on the allow-list are loaded.

        Parameters
        ----------
        trust
            The version's digest, to load one that runs code (`record.runs_code`): a pickle, or a network with classes of
            somebody's own.

        Raises
        ------
        StoreCorrupt
            If the stored content is not what was registered.
        MissingLibrary
            If the model's library is not installed here.
        UnsafeModel
            If it runs code and is not trusted, or has types that may not be loaded.
        """
        from nbtrack.flavors.loading import load

        detail = self.detail
        content = read_content(self._proxy, detail.digest)
        return load(content, detail.digest, detail.format, detail.types, trust=trust)

    def _repr_html_(self) -> str:
        from nbtrack.render.html import to_html
        from nbtrack.render.views import View

        return to_html(View(kind="model", content=self.detail))

    def __repr__(self) -> str:
        """The name, the number and the aliases."""
        aliases = "".join(f" @{alias}" for alias in self.aliases)
        return f"<{self.name} version {self.version}{aliases}>"


class Models:
    """The registry of a store."""

    def __init__(self, proxy: Proxy, experiment: str | None) -> None:
        self._proxy = proxy
        self._experiment = experiment

    def get(self, model: str) -> Version:
        """A version: ``churn`` (the newest), ``churn/3`` or ``churn@champion``.

        Raises
        ------
        NotFound
            If there is none.
        """
        return Version(self._proxy, self._proxy.ask("models.get", model=model))

    def list(self, filter: str = "") -> list[RegisteredModel]:
        """All registered models with their versions, or those versions that fit: ``"alias = champion and auc > 0.9"``."""
        models: list[RegisteredModel] = self._proxy.ask("models.list", filter=filter)
        return models

    def register(
        self,
        run: object,
        name: str,
        *,
        alias: str | None = None,
        artifact: str | None = None,
        description: str = "",
        tags: dict[str, str] | None = None,
        format: str | None = None,
        rows: object = None,
    ) -> Version:
        """Make a version of the model `name`, once a fresh process has loaded it and got the same answers.

        Parameters
        ----------
        run
            The run that saved the model, by name or id; or the model itself, which becomes an artifact of a new run.
        artifact
            Which of the run's models, where it has several.
        format
            ``pickle`` for a model that no safe format holds; whoever loads it has to trust it.
        rows
            Rows of input to verify a model with that is given itself.

        Raises
        ------
        NotFound
            If the run has no such model.
        UnsafeModel
            If the model has types that no safe format holds; names them.
        ModelError
            If it cannot be written, or what was written is another model.
        """
        if not isinstance(run, str):
            run, artifact = self._keep(run, format, rows)
        version = self._proxy.ask(
            "models.register",
            run=run,
            name=name,
            alias=alias,
            artifact=artifact,
            description=description,
            tags=tags or {},
            python=sys.executable,
            experiment=self._experiment,
            format=format,
        )
        return Version(self._proxy, version)

    def _keep(self, model: object, format: str | None, rows: object) -> tuple[str, str]:
        """Save a model of this process with a run of its own."""
        from nbtrack.client.variables import keep
        from nbtrack.session import begin_session

        session = begin_session()
        place = self._proxy.ask("store.status").path
        if not session.store.samefile(place):
            raise InvalidInput(
                f"A model itself is registered in the store of this process, {session.store}; this is {place}."
            )
        given = {} if rows is None else {"rows": rows}
        kept = keep(session, model, "model", form=format, rows="rows" if given else None, namespace=given)
        session.proxy.ask("runs.outcome", run=kept[0])  # reads what this process has just recorded
        return kept

    def rename(self, model: str, name: str) -> None:
        """Call a model by a name that none has; its versions keep their numbers, and the old name still finds them.

        Raises
        ------
        Conflict
            If the name was given before.
        """
        self._proxy.ask("curation.rename_model", model=model, name=name)

    def tag(self, model: str, *names: str, **tags: object) -> None:
        """Add or replace tags of a model (``churn``), or of a version of it (``churn/3``)."""
        self._proxy.ask("curation.tag", model=model, tags=tags_of(names, tags))

    def untag(self, model: str, *names: str) -> None:
        """Remove tags of a model, or of a version of it.

        Raises
        ------
        NotFound
            If it has none of them.
        """
        self._proxy.ask("curation.untag", model=model, tags=[*names])

    def describe(self, model: str, text: str) -> None:
        """Say what a model, or a version of it, is."""
        self._proxy.ask("curation.describe", model=model, text=text)

    def compare(
        self, *models: str, rows: object = None, truth: object = None, trust: tuple[str, ...] = ()
    ) -> Compared:
        """Versions side by side; with rows and their truth, also whether the last is better than the first.

        Parameters
        ----------
        models
            Two versions or more: ``churn/7``, ``churn@champion``.
        rows, truth
            Input that none of them was trained on, and what is right for it. For classes: McNemar's test, a paired bootstrap
            of the accuracies, and DeLong's test where there are two classes; for numbers a paired bootstrap of the errors.
        trust
            The digests of those that run code when they are loaded.

        Raises
        ------
        InvalidInput
            If there are fewer than two, or the rows and the truth do not fit.
        UnsafeModel
            If one of them runs code and is not trusted.
        """
        from nbtrack.client.version_comparison import compared

        if len(models) < 2 or (rows is None) != (truth is None):
            raise InvalidInput("Name two versions at least, and rows only together with their truth.")
        found = [self.get(model) for model in models]
        given = {digest: digest for digest in trust}
        chosen = [] if rows is None else [found[0], found[-1]]
        loaded = [version.load(trust=given.get(version.detail.digest)) for version in chosen]
        return compared([version.detail for version in found], loaded, rows, truth)

    def promote(
        self, model: str, alias: str, *, policy: dict[str, Any] | None = None, override: str = ""
    ) -> Promotion:
        """Give a version (``churn/7``) an alias, if the checks of a policy hold.

        Parameters
        ----------
        policy
            The checks with their options; by default those of the nearest nbtrack.toml or pyproject.toml.
        override
            Why it should have the alias in spite of checks that do not hold; kept for good.

        Returns
        -------
        Promotion
            What each check has found; ``moved`` says whether the version has the alias now.

        Raises
        ------
        InvalidInput
            If the policy names a check that there is not.
        """
        chosen = read_policy(alias) if policy is None else policy
        done: Promotion = self._proxy.ask(
            "gate.promote", model=model, alias=alias, policy=chosen, override=override
        )
        return done

    def rollback(self, model: str, alias: str, *, why: str = "") -> Promotion:
        """Give an alias back to the version that held it before.

        Raises
        ------
        NotFound
            If none held it before, or that version is deleted.
        """
        done: Promotion = self._proxy.ask("gate.rollback", model=model, alias=alias, why=why)
        return done

    def delete(self, model: str) -> Deletion:
        """Move a model (``churn``), or one version of it (``churn/3``, ``churn@champion``), to the trash.

        Raises
        ------
        NotFound
            If there is none.
        """
        deletion: Deletion = self._proxy.ask("trash.delete", model=model)
        return deletion

    def undelete(self, model: str) -> Deletion:
        """Take a model or one version of it back from the trash, with the runs that it came from.

        Raises
        ------
        NotFound
            If it has none of this name.
        """
        deletion: Deletion = self._proxy.ask("trash.restore", model=model)
        return deletion
