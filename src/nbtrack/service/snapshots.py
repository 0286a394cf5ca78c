"""Notebook snapshots, put together from the saved file and what was executed since."""

from __future__ import annotations

import json
from typing import Any

from nbtrack.analysis.notebooks import lay_over
from nbtrack.entities.snapshots import Snapshot
from nbtrack.entities.surroundings import surroundings_of
from nbtrack.errors import NotFound
from nbtrack.service.runs import Runs
from nbtrack.store.database import Store
from nbtrack.store.values import iso


class Snapshots:
    """What may be asked about the snapshots of a store."""

    def __init__(self, store: Store, runs: Runs) -> None:
        self._store = store
        self._runs = runs

    def get(self, run: str, experiment: str | None = None) -> Snapshot:
        """The notebook as a run left it.

        Raises
        ------
        NotFound
            If the run has none (it ran in a script, or its process died before its end).
        """
        identifier = self._runs.resolve(run, experiment)
        label = self._store.runs.rows([identifier])[0].name
        record = self._store.executions.snapshot_of(identifier)
        if record is None:
            raise NotFound(
                f"The run {label} has no notebook snapshot: it did not end inside a notebook.", run=label
            )
        executions = self._store.executions.until(record.process, record.taken)
        notebook, origin = lay_over(self._saved(record.file), executions)
        return Snapshot(
            id=record.id,
            run=label,
            path=record.notebook,
            origin=origin,
            taken=iso(record.taken),
            notebook=notebook,
            modules={
                module.path: self._store.blobs.get(module.digest).decode()
                for module in surroundings_of(self._store.facts.of_run(identifier, "process")).modules
                if module.digest
            },
        )

    def _saved(self, digest: str | None) -> dict[str, Any] | None:
        if digest is None:
            return None
        try:
            content = json.loads(self._store.blobs.get(digest))
        except ValueError:
            return (
                None  # cut off while it was saved, or no notebook at all: the executions are the truth then
            )
        return content if isinstance(content, dict) else None
