"""Decisions about registered models, and questions about them."""

from __future__ import annotations

import base64
import time
from pathlib import Path
from typing import Any

from nbtrack.entities.ids import new_id
from nbtrack.entities.models import ModelVersion, RegisteredModel, VersionRecord
from nbtrack.entities.names import check_model_name
from nbtrack.entities.runs import Artifact
from nbtrack.errors import InvalidInput, NotFound, StoreCorrupt
from nbtrack.service import Deferred
from nbtrack.service.conversion import convert_in_child
from nbtrack.service.runs import Runs
from nbtrack.store.database import Store
from nbtrack.store.model_filters import select
from nbtrack.store.processes import user_name


class Models:
    """The registry of a store."""

    def __init__(self, store: Store, runs: Runs) -> None:
        self._store = store
        self._runs = runs

    def register(
        self,
        run: str,
        name: str,
        alias: str | None = None,
        artifact: str | None = None,
        description: str = "",
        tags: dict[str, str] | None = None,
        python: str | None = None,
        experiment: str | None = None,
        format: str | None = None,
    ) -> Deferred:
        """Make a version of the model `name` from a model that a run saved, in a format that runs no code when loaded.

        It is there only once a fresh process has loaded its file and got the answers that the model gave in its notebook.

        Parameters
        ----------
        artifact
            Which of the run's models, where it has several.
        python
            The interpreter that has the model's library; by default the keeper's own.
        format
            ``pickle`` keeps a model that no safe format holds, and says so wherever the version is shown.

        Raises
        ------
        NotFound
            If the run has no such model.
        UnsafeModel
            If the model has types that no safe format holds.
        ModelError
            If what was written cannot be loaded, or answers otherwise; says how.
        """
        check_model_name(name)
        if format not in (None, "pickle"):
            raise InvalidInput(
                f"The kind of a model decides its format; only pickle may be asked for, not {format!r}."
            )
        if alias is not None:
            check_model_name(alias, "alias")
        identifier = self._runs.resolve(run, experiment)
        chosen = self._choose(identifier, artifact)
        rows = self._rows(identifier, chosen)
        source, target = (self._store.incoming / f"{new_id()}.{kind}" for kind in ("kept", "version"))
        source.touch(mode=0o600)
        source.write_bytes(self._store.blobs.get(chosen.digest or ""))

        def work() -> dict[str, Any]:
            try:
                return convert_in_child(
                    source,
                    chosen.digest or "",
                    target,
                    python,
                    form=chosen.format,
                    want=format,
                    rows=rows,
                    library=(chosen.type_name or "").partition(".")[0],
                )
            finally:
                source.unlink(missing_ok=True)

        def finish(converted: dict[str, Any]) -> ModelVersion:
            try:
                return self._commit(
                    identifier, chosen, name, alias, description, tags or {}, target, converted
                )
            finally:
                target.unlink(missing_ok=True)

        return Deferred(work, finish)

    def _rows(self, run: str, chosen: Artifact) -> str | None:
        """The rows of input that were kept with a model, as JSON."""
        for item in self._store.artifacts.of_run(run):
            if item.kind == "verification" and item.name == f"{chosen.name}.rows.json" and item.digest:
                return self._store.blobs.get(item.digest).decode()
        return None

    def _choose(self, run: str, artifact: str | None) -> Artifact:
        label = self._store.runs.rows([run])[0].name
        models = [item for item in self._store.artifacts.of_run(run) if item.kind == "model"]
        if artifact is not None:
            chosen = next((item for item in models if item.name == artifact), None)
            if chosen is None:
                names = ", ".join(item.name for item in models) or "none"
                raise NotFound(f"The run {label} has no model {artifact}; it has {names}.", artifact=artifact)
        else:
            saved = [item for item in models if item.digest is not None] or models
            if not saved:
                raise NotFound(
                    f"The run {label} has no model: its cell left no fitted estimator. Log one with nbtrack.model(obj).",
                    run=label,
                )
            if len(saved) > 1:
                names = ", ".join(item.name for item in saved)
                raise InvalidInput(
                    f"The run {label} has several models ({names}); choose one with --artifact NAME."
                )
            chosen = saved[0]
        if chosen.digest is None:
            raise NotFound(
                f"The model {chosen.name} of the run {label} was not saved: {chosen.note}.", run=label
            )
        return chosen

    def _commit(
        self,
        run: str,
        artifact: Artifact,
        name: str,
        alias: str | None,
        description: str,
        tags: dict[str, str],
        file: Path,
        converted: dict[str, Any],
    ) -> ModelVersion:
        now = time.time_ns()
        with self._store.transaction():
            digest = self._store.blobs.adopt(file)
            if digest != converted["digest"]:
                raise StoreCorrupt(
                    f"The converted model {artifact.name} changed on disk before it was stored."
                )
            version = self._store.models.add_version(
                name,
                run=run,
                artifact=artifact.name,
                format=converted["format"],
                digest=digest,
                size=converted["size"],
                type_name=converted["type_name"],
                types=converted["types"],
                description=description,
                tags=tags,
                time=now,
                record=VersionRecord(**{**converted["found"], "runs_code": converted["runs_code"]}),
            )
            decided = {"model": name, "version": version, "run": run, "digest": digest} | (
                {"runs_code": True} if converted["runs_code"] else {}
            )
            self._store.audit.append(now, user_name(), "model.registered", decided)
            if alias is not None:
                before = self._store.models.set_alias(name, alias, version)
                moved = {"model": name, "alias": alias, "from": before, "to": version}
                self._store.audit.append(now, user_name(), "alias.moved", moved)
        return self.get(f"{name}/{version}")

    def list(self, filter: str = "") -> list[RegisteredModel]:
        """All registered models with their versions, or with those that fit a filter.

        Raises
        ------
        FilterError
            If the filter cannot be read, or names what no version has.
        """
        found = (self._store.models.get(name) for name in self._store.models.names())
        models = [model for model in found if model is not None]
        return select(models, filter, time.time_ns()) if filter.strip() else models

    def get(self, model: str) -> ModelVersion:
        """A version: ``churn`` (the newest), ``churn/3`` or ``churn@champion``.

        Raises
        ------
        NotFound
            If there is no such model, version or alias.
        """
        name, alias, version = model, "", ""
        if "@" in model:
            name, _, alias = model.partition("@")
        elif "/" in model:
            name, _, version = model.partition("/")
        found = self._called(name, version)
        if found is None:
            names = ", ".join(self._store.models.names()) or "none yet"
            raise NotFound(f"There is no registered model {name}; there is {names}.", model=name)
        if alias:
            if alias not in found.aliases and alias.isascii() and alias.isdigit():
                return self.get(f"{name}/{alias}")  # churn@7 means the version, unless an alias is called so
            if alias not in found.aliases:
                raise NotFound(
                    f"The model {found.name} has no alias {alias}; it has {', '.join(found.aliases) or 'none'}.",
                    model=model,
                )
            version = str(found.aliases[alias])
        for candidate in found.versions:
            if version in ("", str(candidate.version)):
                return candidate
        raise NotFound(
            f"The model {found.name} has no version {version}; its newest is {found.versions[0].version}.",
            model=model,
        )

    def _called(self, name: str, version: str) -> RegisteredModel | None:
        """The model of this name, or the one that had it when it got the version: a citation never means another."""
        found = self._store.models.get(name)
        number = int(version) if version.isascii() and version.isdigit() else None
        if found is not None and number in (None, *(item.version for item in found.versions)):
            return found
        now = self._store.curation.model_now(name, number)
        return (self._store.models.get(now) if now is not None else None) or found

    def content(self, digest: str) -> dict[str, str]:
        """Where the content of a model or artifact is: ``path`` of a file, or (small ones) ``base64``; and its ``codec``."""
        place = self._store.blobs.locate(digest)
        if place is None:
            raise NotFound(f"The content {digest} is not in the store.", digest=digest)
        codec, stored = place
        if stored is None:
            return {"codec": codec, "path": str(self._store.blobs.path(digest))}
        return {"codec": codec, "base64": base64.b64encode(stored).decode()}
