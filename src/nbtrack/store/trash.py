"""SQL of the trash: deleted runs and model versions stay where they are, with the moment of their deletion."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import apsw

from nbtrack.store.references import of_runs, union

IDS = "(SELECT value FROM json_each(?))"
"""SQL for a list of ids that is bound as JSON: a list of any length, pasted nowhere."""

_RUN = "experiments.name || '/' || run_names.name || '-' || runs.number"
_FROM_RUNS = "FROM runs JOIN run_names ON run_names.id = runs.name JOIN experiments ON experiments.id = run_names.experiment"


def bound(ids: Iterable[str]) -> str:
    """A list of ids as it is bound to `IDS`."""
    return json.dumps(list(ids))


class Trash:
    """The trash of a store."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self.purges = 0
        """How often something was deleted for good by this connection: whoever remembers runs by their ids looks at it."""

    def _all(self, sql: str, bindings: Sequence[Any] = ()) -> list[Any]:
        return self._connection.execute(sql, bindings).fetchall()

    def _column(self, sql: str, bindings: Sequence[Any] = ()) -> list[Any]:
        return [value for (value,) in self._connection.execute(sql, bindings)]

    def moments(self) -> list[int]:
        """When something was deleted that is still here, newest first."""
        return self._column(
            "SELECT deleted FROM runs WHERE deleted IS NOT NULL"
            " UNION SELECT deleted FROM model_versions WHERE deleted IS NOT NULL ORDER BY 1 DESC"
        )

    def next_moment(self, now: int) -> int:
        """The moment of a new deletion: `now` (ns), or later than the last one where the clock went back."""
        return max([now, *(moment + 1 for moment in self.moments()[:1])])

    def running(self, runs: Iterable[str]) -> list[str]:
        """Those of the runs (by id) that are running, by name."""
        return self._column(
            f"SELECT {_RUN} {_FROM_RUNS} WHERE runs.id IN {IDS} AND status = 'running'", (bound(runs),)
        )

    def living(self, runs: Iterable[str]) -> list[str]:
        """Those of the runs (by id) that are here and not in the trash, by name."""
        return self._column(
            f"SELECT {_RUN} {_FROM_RUNS} WHERE runs.id IN {IDS} AND deleted IS NULL ORDER BY runs.key",
            (bound(runs),),
        )

    def is_trashed(self, run: str) -> bool:
        """Whether the run with this id is in the trash."""
        return bool(self._all("SELECT 1 FROM runs WHERE id = ? AND deleted IS NOT NULL", (run,)))

    def pinned(self, runs: Iterable[str]) -> list[str]:
        """Those of the runs (by id) that are pinned, by name."""
        return self._column(
            f"SELECT {_RUN} {_FROM_RUNS} WHERE runs.id IN {IDS} AND pinned IS NOT NULL", (bound(runs),)
        )

    def registered(self, runs: Iterable[str]) -> list[tuple[str, str]]:
        """Those of the runs (by id) that a registered model version came from: run and version, by name."""
        return self._all(
            f"SELECT {_RUN}, models.name || '/' || version {_FROM_RUNS}"
            " JOIN model_versions ON run_id = runs.id AND model_versions.deleted IS NULL"
            f" JOIN models ON models.id = model WHERE runs.id IN {IDS} ORDER BY models.name, version",
            (bound(runs),),
        )

    def put_runs(self, runs: Iterable[str], moment: int) -> None:
        """Move runs (by id) to the trash."""
        self._connection.execute(
            f"UPDATE runs SET deleted = ? WHERE id IN {IDS} AND deleted IS NULL", (moment, bound(runs))
        )

    def put_versions(self, model: str, versions: Iterable[int], moment: int) -> None:
        """Move versions of a model to the trash. What points at them stays, unseen."""
        self._connection.execute(
            "UPDATE model_versions SET deleted = ? WHERE model = (SELECT id FROM models WHERE name = ?)"
            " AND version IN (SELECT value FROM json_each(?)) AND deleted IS NULL",
            (moment, model, json.dumps(list(versions))),
        )

    def runs_of(self, moment: int) -> list[tuple[str, str]]:
        """What was deleted at a moment: id and name of each run."""
        return self._all(
            f"SELECT runs.id, {_RUN} {_FROM_RUNS} WHERE runs.deleted = ? ORDER BY runs.key", (moment,)
        )

    def versions_of(self, moment: int) -> list[str]:
        """What was deleted at a moment: each model version."""
        return self._column(
            "SELECT models.name || '/' || version FROM model_versions JOIN models ON models.id = model"
            " WHERE deleted = ? ORDER BY models.name, version",
            (moment,),
        )

    def versions_in(self, model: str) -> list[int]:
        """The versions of a model that are in the trash."""
        return self._column(
            "SELECT version FROM model_versions JOIN models ON models.id = model"
            " WHERE name = ? AND deleted IS NOT NULL ORDER BY version",
            (model,),
        )

    def restore(self, moment: int) -> None:
        """Take back all that was deleted at a moment."""
        self._connection.execute("UPDATE model_versions SET deleted = NULL WHERE deleted = ?", (moment,))
        self._connection.execute("UPDATE runs SET deleted = NULL WHERE deleted = ?", (moment,))

    def restore_runs(self, runs: Iterable[str]) -> None:
        """Take back runs (by id)."""
        self._connection.execute(f"UPDATE runs SET deleted = NULL WHERE id IN {IDS}", (bound(runs),))

    def restore_versions(self, model: str, versions: Iterable[int]) -> None:
        """Take back versions of a model."""
        self._connection.execute(
            "UPDATE model_versions SET deleted = NULL WHERE model = (SELECT id FROM models WHERE name = ?)"
            " AND version IN (SELECT value FROM json_each(?))",
            (model, json.dumps(list(versions))),
        )

    def missing_lineage(self) -> list[str]:
        """The ids of runs in the trash that a version outside of it came from."""
        return self._column(
            "SELECT DISTINCT runs.id FROM runs JOIN model_versions ON run_id = runs.id"
            " WHERE runs.deleted IS NOT NULL AND model_versions.deleted IS NULL"
        )

    def sizes(self) -> dict[int, int]:
        """For each deletion the bytes that only it needs; what several share counts for the newest of them."""
        trashed = "(SELECT id FROM runs WHERE deleted IS NOT NULL)"
        candidates = (
            f"{of_runs(trashed)[:-1]} UNION SELECT digest FROM model_versions WHERE deleted IS NOT NULL)"
        )
        rows = self._all(
            f"WITH candidates AS MATERIALIZED (SELECT digest FROM {candidates})"
            " SELECT moment, sum(stored_size) FROM (SELECT digest, max(deleted) AS moment FROM"
            f" {union('{deleted} AS deleted', '{digest} IN (SELECT digest FROM candidates)')}"
            " GROUP BY digest HAVING count(*) = count(deleted)) JOIN blobs USING (digest) GROUP BY moment"
        )
        points = self._all(
            "SELECT deleted, sum(length(points)) FROM runs JOIN metric_chunks ON run = key"
            " WHERE deleted IS NOT NULL GROUP BY deleted"
        )
        sizes: dict[int, int] = {}
        for moment, size in [*rows, *points]:
            sizes[moment] = sizes.get(moment, 0) + size
        return sizes

    def entomb(self, kind: str, ids: Iterable[str], time: int) -> None:
        """Leave a mark for what is deleted for good, so that no merge and no late record brings it back."""
        self.purges += 1
        self._connection.executemany(
            "INSERT OR IGNORE INTO tombstones (kind, id, time) VALUES (?, ?, ?)",
            [(kind, identifier, time) for identifier in ids],
        )

    def is_entombed(self, kind: str, identifier: str) -> bool:
        """Whether this was deleted for good."""
        return bool(self._all("SELECT 1 FROM tombstones WHERE kind = ? AND id = ?", (kind, identifier)))
