"""Registered models as Python objects."""

from __future__ import annotations

import sys
from typing import Any

from nbtrack.client.content import read_content
from nbtrack.client.curation import tags_of
from nbtrack.entities.models import ModelVersion, RegisteredModel
from nbtrack.entities.ownership import Deletion
from nbtrack.operations import Proxy


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

    def load(self) -> Any:
        """The model itself. Its content is checked against its hash, and only types on the allow-list are loaded.

        Raises
        ------
        StoreCorrupt
            If the stored content is not what was registered.
        MissingLibrary
            If the model's library is not installed here.
        """
        from nbtrack.flavors.sklearn import load

        detail = self.detail
        return load(read_content(self._proxy, detail.digest), detail.digest, detail.format, detail.types)

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

    def list(self) -> list[RegisteredModel]:
        """All registered models with their versions."""
        models: list[RegisteredModel] = self._proxy.ask("models.list")
        return models

    def register(
        self,
        run: str,
        name: str,
        *,
        alias: str | None = None,
        artifact: str | None = None,
        description: str = "",
        tags: dict[str, str] | None = None,
    ) -> Version:
        """Make a version of the model `name` from a model that a run saved.

        Raises
        ------
        NotFound
            If the run has no such model.
        UnsafeModel
            If the model has types that no safe format holds; names them.
        """
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
        )
        return Version(self._proxy, version)

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
