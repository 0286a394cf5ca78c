"""SQL of what belongs to a run beside its values: artifacts and the data that it read."""

from __future__ import annotations

import json

import apsw

from nbtrack.entities.datasets import Dataset
from nbtrack.entities.records import ArtifactSaved
from nbtrack.entities.runs import Artifact
from nbtrack.store.profiles import dataset_of
from nbtrack.store.values import encodable, load


class Artifacts:
    """The artifacts and datasets of a store's runs."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def add(self, record: ArtifactSaved, digest: str | None) -> None:
        """Add an artifact; one of the same name in the same run is replaced."""
        self._connection.execute(
            "INSERT INTO artifacts (run_id, name, position, kind, format, size, digest, type_name, params, note)"
            " VALUES (?1, ?2, (SELECT count(*) FROM artifacts WHERE run_id = ?1), ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
            " ON CONFLICT (run_id, name) DO UPDATE SET kind = excluded.kind, format = excluded.format,"
            " size = excluded.size, digest = excluded.digest, type_name = excluded.type_name,"
            " params = excluded.params, note = excluded.note",
            (
                record.run,
                encodable(record.name),
                record.kind,
                record.format,
                record.size,
                digest,
                record.type_name,
            )
            + (json.dumps(record.params), None if record.note is None else encodable(record.note)),
        )

    def of_run(self, run: str) -> list[Artifact]:
        """The artifacts of a run in the order of their making."""
        rows = self._connection.execute(
            "SELECT name, kind, format, size, digest, type_name, params, note FROM artifacts"
            " WHERE run_id = ? ORDER BY position",
            (run,),
        )
        return [
            Artifact(
                name=name,
                kind=kind,
                format=form,
                size=size,
                digest=digest,
                type_name=type_name,
                params=load(params),
                note=note,
            )
            for name, kind, form, size, digest, type_name, params, note in rows
        ]

    def add_dataset(
        self, run: str, name: str, content: dict[str, object], profile: dict[str, object] | None = None
    ) -> None:
        """Remember data that a run read; a profile that is known already is not lost by data without one."""
        self._connection.execute(
            "INSERT INTO datasets (run_id, name, content, profile) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (run_id, name) DO UPDATE SET content = excluded.content,"
            " profile = coalesce(excluded.profile, profile)",
            (run, encodable(name), json.dumps(content), None if profile is None else json.dumps(profile)),
        )

    def datasets(self, run: str) -> list[Dataset]:
        """The data that a run read."""
        rows = self._connection.execute("SELECT content FROM datasets WHERE run_id = ? ORDER BY name", (run,))
        return [dataset_of(load(content)) for (content,) in rows]
