"""SQL of the registry: models, versions, aliases."""

from __future__ import annotations

import dataclasses
import json
from typing import Any, Final

import apsw

from nbtrack.entities.models import ModelVersion, RegisteredModel, VersionRecord
from nbtrack.store.metrics import Metrics
from nbtrack.store.values import iso, load

RECORDS: Final = "ALTER TABLE model_versions ADD COLUMN record TEXT NOT NULL DEFAULT '{}';"
"""What was found of a version's file before it existed, as JSON; empty for versions of older stores."""

_VERSION = (
    "SELECT models.name, version, run_id, run_names.name || '-' || runs.number, artifact, format, digest, size,"
    " type_name, types, model_versions.description, model_versions.tags, created, record FROM model_versions"
    " JOIN models ON models.id = model"
    " LEFT JOIN runs ON runs.id = run_id LEFT JOIN run_names ON run_names.id = runs.name"
)


class Models:
    """The registered models of a store."""

    def __init__(self, connection: apsw.Connection, metrics: Metrics) -> None:
        self._connection = connection
        self._metrics = metrics

    def add_version(
        self,
        name: str,
        *,
        run: str,
        artifact: str,
        format: str,
        digest: str,
        size: int,
        type_name: str | None,
        types: list[str],
        description: str,
        tags: dict[str, str],
        time: int,
        record: VersionRecord | None = None,
    ) -> int:
        """Add a version and return its number; the model is made with its first version."""
        model, version = next(
            self._connection.execute(
                "INSERT INTO models (name, last_version) VALUES (?, 1)"
                " ON CONFLICT (name) DO UPDATE SET last_version = last_version + 1, origin = NULL"
                " RETURNING id, last_version",
                (name,),
            )
        )
        self._connection.execute(
            "INSERT INTO model_versions (model, version, run_id, artifact, format, digest, size, type_name, types,"
            " description, tags, created, record) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (model, version, run, artifact, format, digest, size, type_name, json.dumps(types), description)
            + (json.dumps(tags), time, plain_record(record or VersionRecord())),
        )
        return int(version)

    def set_alias(self, name: str, alias: str, version: int) -> int | None:
        """Point an alias at a version; the version that it pointed at before."""
        model = self._model(name)
        row = next(
            self._connection.execute(
                "SELECT version FROM aliases WHERE model = ? AND alias = ?", (model, alias)
            ),
            None,
        )
        self._connection.execute(
            "INSERT OR REPLACE INTO aliases (model, alias, version) VALUES (?, ?, ?)", (model, alias, version)
        )
        return row[0] if row else None

    def _model(self, name: str) -> int | None:
        row = next(self._connection.execute("SELECT id FROM models WHERE name = ?", (name,)), None)
        return row[0] if row else None

    def names(self) -> list[str]:
        """The registered names; one whose versions are all deleted is free."""
        rows = self._connection.execute(
            "SELECT name FROM models WHERE id IN (SELECT model FROM model_versions WHERE deleted IS NULL) ORDER BY name"
        )
        return [name for (name,) in rows]

    def get(self, name: str) -> RegisteredModel | None:
        """A model with all its versions, newest first."""
        model = self._model(name)
        if model is None:
            return None
        aliases: dict[str, int] = dict(
            self._connection.execute(
                "SELECT alias, version FROM aliases JOIN model_versions USING (model, version)"
                " WHERE model = ? AND deleted IS NULL ORDER BY alias",
                (model,),
            )
        )
        rows = self._connection.execute(
            f"{_VERSION} WHERE models.id = ? AND model_versions.deleted IS NULL ORDER BY version DESC",
            (model,),
        ).fetchall()
        if not rows:
            return None
        description, tags = next(
            self._connection.execute("SELECT description, tags FROM models WHERE id = ?", (model,))
        )
        return RegisteredModel(
            name=name,
            versions=[self._version(row, aliases) for row in rows],
            aliases=aliases,
            description=description,
            tags=load(tags),
        )

    def _version(self, row: Any, aliases: dict[str, int]) -> ModelVersion:
        (
            name,
            version,
            run,
            label,
            artifact,
            form,
            digest,
            size,
            type_name,
            types,
            description,
            tags,
            created,
            record,
        ) = row
        return ModelVersion(
            model=name,
            version=version,
            run_id=run,
            run=label or "",
            artifact=artifact,
            format=form,
            digest=digest,
            size=size,
            created=iso(created),
            type_name=type_name,
            types=load(types),
            aliases=[alias for alias, target in aliases.items() if target == version],
            metrics={key: summary.last for key, summary in self._metrics.summaries(run).items()},
            description=description,
            tags=load(tags),
            record=record_of(record, form),
        )


def plain_record(record: VersionRecord) -> str:
    """A record as JSON."""
    return json.dumps(dataclasses.asdict(record))


def record_of(text: str, form: str) -> VersionRecord:
    """The record that JSON holds. A pickle runs code, whatever a record that came from elsewhere says."""
    found = VersionRecord(**load(text))
    return dataclasses.replace(found, runs_code=True) if form == "pickle" else found
