"""Model versions and aliases as documents of a bundle: out of one store's registry, into another's."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import apsw

from nbtrack.entities.bundles import AliasDocument, RegistryDocument, VersionDocument
from nbtrack.store.models import plain_record, record_of
from nbtrack.store.trash import IDS, bound

_VERSIONS = (
    "SELECT model, version, coalesce(origin_of.origin, ?1), coalesce(origin_of.name, given, models.name),"
    " coalesce(origin_of.number, version), models.name, models.description, models.tags, run_id, artifact, format,"
    " digest, size, type_name, types, model_versions.description, model_versions.tags, created, record"
    " FROM model_versions JOIN models ON models.id = model LEFT JOIN version_origins AS origin_of USING (model, version)"
)
_FIRST_NAME = (
    "(SELECT coalesce(v.given, models.name) FROM model_versions AS v WHERE v.model = models.id"
    " ORDER BY v.version LIMIT 1)"
)


class RegistryDocuments:
    """Takes the registry of a store apart into documents, and adds to it from documents."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def _all(self, sql: str, bindings: Sequence[Any] = ()) -> list[Any]:
        return self._connection.execute(sql, bindings).fetchall()

    def read(self, store: str, runs: Iterable[str], only: set[tuple[str, int]] | None) -> RegistryDocument:
        """The versions that came of runs and their aliases.

        Parameters
        ----------
        store
            The id of this store.
        only
            Name and number here of those that are wanted; None: all.
        """
        rows = self._all(
            f"{_VERSIONS} WHERE model_versions.deleted IS NULL AND run_id IN {IDS.replace('?', '?2')}"
            " ORDER BY 3, 4, 5, created",
            (store, bound(runs)),
        )
        rows = [row for row in rows if only is None or (row[5], row[1]) in only]
        places = {(row[0], row[1]): place for place, row in enumerate(rows)}
        versions = [
            VersionDocument(
                origin=origin, given=given, number=number, model=name, model_description=about,
                model_tags=json.loads(about_tags), run=run, artifact=artifact, format=form, digest=digest, size=size,
                type_name=type_name, types=json.loads(types), description=description, tags=json.loads(tags),
                created=created, record=record_of(record, form),
            )
            for _, _, origin, given, number, name, about, about_tags, run, artifact, form, digest, size, type_name, types,
                description, tags, created, record in rows
        ]  # fmt: skip
        aliases = self._all(
            f"SELECT aliases.model, aliases.version, coalesce(known.origin, ?), coalesce(known.name, {_FIRST_NAME}),"
            " coalesce(known.alias, aliases.alias) FROM aliases JOIN models ON models.id = aliases.model"
            # One that was moved here since it came is this store's own word.
            " LEFT JOIN alias_origins AS known ON known.model = aliases.model AND known.here = aliases.alias"
            " AND known.version = aliases.version ORDER BY 3, 4, 5",
            (store,),
        )
        return RegistryDocument(
            versions=versions,
            aliases=[
                AliasDocument(origin=origin, model=name, alias=alias, version=places[model, version])
                for model, version, origin, name, alias in aliases
                if (model, version) in places
            ],
        )

    def find(self, store: str, document: VersionDocument) -> tuple[int, int] | None:
        """Model and number here of a version, in the trash or not; `store` is the id of this store."""
        rows = self._all(
            "SELECT model, version FROM version_origins JOIN model_versions USING (model, version)"
            " WHERE origin = ?2 AND name = ?3 AND number = ?4 AND created = ?5"
            " UNION ALL SELECT model, version FROM model_versions JOIN models ON models.id = model"
            " WHERE ?1 = ?2 AND coalesce(given, models.name) = ?3 AND version = ?4 AND created = ?5"
            " AND (model, version) NOT IN (SELECT model, version FROM version_origins)",
            (store, document.origin, document.given, document.number, document.created),
        )
        return (int(rows[0][0]), int(rows[0][1])) if rows else None

    def identity(self, store: str, model: str, version: int) -> str:
        """What a version was called where and when it was registered: STORE/MODEL/NUMBER."""
        ((identity,),) = self._all(
            "SELECT coalesce(o.origin, ?) || '/' || coalesce(o.name, given, models.name) || '/' ||"
            " coalesce(o.number, version) FROM model_versions JOIN models ON models.id = model"
            " LEFT JOIN version_origins AS o USING (model, version)"
            " WHERE models.name = ? AND version = ?",
            (store, model, version),
        )
        return str(identity)

    def add(self, store: str, document: VersionDocument) -> tuple[int, int]:
        """Add a version to the model of its name, under its number where that is free; model and number here.

        A model that has versions from there, and was renamed here since, gets this one too.
        """
        own = document.origin == store
        rows = self._all(
            "SELECT id, last_version, models.origin FROM models JOIN version_origins AS o ON o.model = id"
            " WHERE o.origin = ? AND o.name = ? ORDER BY o.number DESC LIMIT 1",
            (document.origin, document.given),
        ) or self._all("SELECT id, last_version, origin FROM models WHERE name = ?", (document.model,))
        if rows:
            ((model, last, origin),) = rows
            free = not self._has(model, document.number)
            kept = last < document.number if own else free and origin == document.origin
            number = document.number if kept else last + 1
            self._connection.execute(
                "UPDATE models SET last_version = max(last_version, ?1), origin = CASE WHEN ?2 THEN origin END"
                " WHERE id = ?3",
                (number, kept, model),
            )
        else:
            number = document.number
            ((model,),) = self._all(
                "INSERT INTO models (name, last_version, origin, description, tags) VALUES (?, ?, ?, ?, ?) RETURNING id",
                (document.model, number, None if own else document.origin, document.model_description)
                + (json.dumps(document.model_tags),),
            )
        self._connection.execute(
            "INSERT INTO model_versions (model, version, run_id, artifact, format, digest, size, type_name, types,"
            " description, tags, created, record) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (model, number, document.run, document.artifact, document.format, document.digest, document.size)
            + (
                document.type_name,
                json.dumps(document.types),
                document.description,
                json.dumps(document.tags),
            )
            + (document.created, plain_record(document.record)),
        )
        self._connection.execute(
            "INSERT INTO version_origins (model, version, origin, name, number) VALUES (?, ?, ?, ?, ?)",
            (model, number, document.origin, document.given, document.number),
        )
        return int(model), int(number)

    def _has(self, model: int, number: int) -> bool:
        return bool(
            self._all("SELECT 1 FROM model_versions WHERE model = ? AND version = ?", (model, number))
        )

    def put_alias(self, document: AliasDocument, model: int, version: int, mark: str) -> str | None:
        """Point an alias of another store at a version here; what it is called here, None where nothing changed.

        One that was moved here since it came stays where it is.
        """
        key = (document.origin, document.model, document.alias)
        known = self._all(
            "SELECT model, here, version FROM alias_origins WHERE origin = ? AND name = ? AND alias = ?", key
        )
        if known:
            ((before, here, placed),) = known
            if (
                (before, placed) == (model, version)
                or self._target(before, here) != placed
                or before != model
            ):
                return None
        else:
            here, count = document.alias, 0
            while (target := self._target(model, here)) is not None and (target != version or count):
                count += 1
                here = f"{document.alias}@{mark}" + (f".{count}" if count > 1 else "")
        self._connection.execute(
            "INSERT OR REPLACE INTO aliases (model, alias, version) VALUES (?, ?, ?)", (model, here, version)
        )
        self._connection.execute(
            "INSERT OR REPLACE INTO alias_origins (origin, name, alias, model, here, version) VALUES (?, ?, ?, ?, ?, ?)",
            (*key, model, here, version),
        )
        return str(here)

    def _target(self, model: int, alias: str) -> int | None:
        rows = self._all("SELECT version FROM aliases WHERE model = ? AND alias = ?", (model, alias))
        return int(rows[0][0]) if rows else None

    def name(self, model: int) -> str:
        """The name of a model."""
        ((name,),) = self._all("SELECT name FROM models WHERE id = ?", (model,))
        return str(name)
