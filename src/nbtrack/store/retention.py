"""SQL of collecting: what is deleted for good, and which content nothing refers to any more.

Rows go first, in transactions; their files are removed after the commit. Whatever is cut off in between is found again: the
digests stand in ``orphans``, the runs in ``tombstones``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import apsw

from nbtrack.store.references import union
from nbtrack.store.trash import IDS, bound

_FORGETTABLE = (
    "CASE WHEN run_id IS NULL THEN started < ? ELSE EXISTS"
    " (SELECT 1 FROM tombstones WHERE kind = 'run' AND id = run_id) END"
)


@dataclass(frozen=True, slots=True)
class SavedModel:
    """A model file of a run that may be thinned out: ``value`` is the run's last value of the metric that was asked for."""

    run: str
    artifact: str
    experiment: str
    free: bool
    """False for runs that are pinned or running, or that a registered model came from."""
    value: Any


class Retention:
    """What collecting reads and removes."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def _all(self, sql: str, bindings: Sequence[Any] = ()) -> list[Any]:
        return self._connection.execute(sql, bindings).fetchall()

    def _change(self, sql: str, bindings: Sequence[Any] = ()) -> int:
        self._connection.execute(sql, bindings)
        return self._connection.changes()

    def due_versions(self, until: int) -> list[tuple[str, int]]:
        """The model versions that were deleted up to a moment: name and number."""
        return self._all(
            "SELECT models.name, version FROM model_versions JOIN models ON models.id = model"
            " WHERE deleted <= ? ORDER BY deleted, models.name, version",
            (until,),
        )

    def purge_version(self, model: str, version: int) -> None:
        """Remove a model version and what points at it; the model's row stays, since it counts the versions."""
        where = "WHERE model = (SELECT id FROM models WHERE name = ?) AND version = ?"
        self._orphan(f"SELECT digest FROM model_versions {where}", (model, version))
        self._connection.execute(f"DELETE FROM aliases {where}", (model, version))
        self._connection.execute(f"DELETE FROM model_versions {where}", (model, version))

    def due_runs(self, until: int, limit: int) -> list[str]:
        """The ids of runs that were deleted up to a moment, and that no model version came from."""
        rows = self._all(
            "SELECT id FROM runs WHERE deleted <= ? AND status <> 'running'"
            " AND id NOT IN (SELECT run_id FROM model_versions) ORDER BY deleted, key LIMIT ?",
            (until, limit),
        )
        return [run for (run,) in rows]

    def held_runs(self, until: int) -> list[tuple[str, str]]:
        """The runs that were deleted up to a moment and stay for a model version: id of the run, and the version."""
        return self._all(
            "SELECT runs.id, models.name || '/' || version FROM runs JOIN model_versions ON run_id = runs.id"
            " JOIN models ON models.id = model WHERE runs.deleted <= ? ORDER BY runs.key, version",
            (until,),
        )

    def purge_runs(self, runs: Iterable[str]) -> None:
        """Remove runs (by id) with all that is theirs alone. Their executions go with `forget_executions`."""
        ids = (bound(runs),)
        self._orphan(f"SELECT digest FROM artifacts WHERE run_id IN {IDS}", ids)
        self._orphan(f"SELECT file FROM snapshots WHERE run_id IN {IDS}", ids)
        self._connection.execute(f"DELETE FROM snapshots WHERE run_id IN {IDS}", ids)
        self._connection.execute(f"DELETE FROM runs WHERE id IN {IDS}", ids)

    def saved_models(self, metric: str) -> list[SavedModel]:
        """The model files of all runs outside the trash, newest run first. `metric` is SQL for a value of a run."""
        rows = self._all(
            "SELECT runs.id, artifacts.name, experiments.name, runs.pinned IS NULL AND runs.status <> 'running'"
            f" AND runs.id NOT IN (SELECT run_id FROM model_versions), {metric}"
            " FROM artifacts JOIN runs ON runs.id = run_id JOIN run_names ON run_names.id = runs.name"
            " JOIN experiments ON experiments.id = run_names.experiment"
            " WHERE kind = 'model' AND digest IS NOT NULL AND runs.deleted IS NULL"
            " ORDER BY runs.started DESC, runs.key DESC"
        )
        return [
            SavedModel(run, name, experiment, bool(free), value)
            for run, name, experiment, free, value in rows
        ]

    def drop_content(self, run: str, artifact: str, note: str) -> None:
        """Let go of an artifact's content; what is known of it stays, and the note says why it is gone."""
        where = (run, artifact)
        self._orphan("SELECT digest FROM artifacts WHERE run_id = ? AND name = ?", where)
        self._connection.execute(
            "UPDATE artifacts SET digest = NULL, note = ? WHERE run_id = ? AND name = ?", (note, *where)
        )

    def processes_to_trim(self, until: int) -> list[str]:
        """The processes with executions that may go: of runs deleted for good, or of none and begun before `until`."""
        rows = self._all(f"SELECT DISTINCT process FROM executions WHERE {_FORGETTABLE} ORDER BY 1", (until,))
        return [process for (process,) in rows]

    def executions(self, process: str, until: int) -> list[tuple[str, str | None, int, bool, bool]]:
        """The executions of a process in their order: id, cell, start, whether it may go, whether it is of no run."""
        rows = self._all(
            f"SELECT id, cell_id, started, {_FORGETTABLE}, run_id IS NULL FROM executions WHERE process = ?"
            " ORDER BY started, id",
            (until, process),
        )
        return [(run, cell, start, bool(may), bool(free)) for run, cell, start, may, free in rows]

    def snapshot_moments(self, process: str) -> list[int]:
        """When each snapshot of a process was taken that is made of what was executed."""
        rows = self._all(
            "SELECT taken FROM snapshots WHERE process = ?1"
            " UNION ALL SELECT taken FROM saves WHERE process = ?1 AND reason = 'end'",
            (process,),
        )
        return [taken for (taken,) in rows]

    def forget_saves(self, until: int) -> int:
        """Remove the files that were saved between runs before a moment (ns); how many there were."""
        self._orphan("SELECT file FROM saves WHERE taken < ?", (until,))
        return self._change("DELETE FROM saves WHERE taken < ?", (until,))

    def forget_executions(self, executions: Iterable[str]) -> int:
        """Remove executions (by id); how many there were."""
        ids = (bound(executions),)
        self._orphan(f"SELECT source FROM executions WHERE id IN {IDS}", ids)
        self._orphan(f"SELECT outputs FROM executions WHERE id IN {IDS}", ids)
        return self._change(f"DELETE FROM executions WHERE id IN {IDS}", ids)

    def forget_outputs(self, executions: Iterable[str]) -> int:
        """Let go of the outputs of executions (by id); how many had some."""
        ids = (bound(executions),)
        self._orphan(f"SELECT outputs FROM executions WHERE id IN {IDS}", ids)
        return self._change(
            f"UPDATE executions SET outputs = NULL, traceback = NULL WHERE id IN {IDS} AND outputs IS NOT NULL",
            ids,
        )

    def forget_environments(self) -> None:
        """Remove the lists of packages that no run has; not while a process records, since it names its own only once."""
        recording = self._all(
            "SELECT 1 FROM journals LEFT JOIN processes ON processes.id = journals.process WHERE ended IS NULL LIMIT 1"
        )
        if not recording:
            unused = "WHERE id NOT IN (SELECT text FROM texts JOIN runs ON runs.environment = texts.id)"
            self._orphan(f"SELECT interpreter FROM environments {unused}")
            self._orphan(f"SELECT packages FROM environments {unused}")
            self._connection.execute(f"DELETE FROM environments {unused}")

    def forget_facts(self) -> None:
        """Remove the sets of facts that no run has; a process tells all of them each time."""
        unused = "WHERE id NOT IN (SELECT id FROM fact_sets WHERE key IN (SELECT facts FROM run_facts))"
        self._orphan(f"SELECT digest FROM facts {unused}")
        self._connection.execute(f"DELETE FROM facts {unused}")
        self._connection.execute(f"DELETE FROM fact_sets {unused}")

    def _orphan(self, digests: str, bindings: Sequence[Any] = ()) -> None:
        """Say of digests (SQL) that what referred to them is deleted for good; others may refer to them all the same."""
        self._connection.execute(
            f"INSERT OR REPLACE INTO orphans (digest, since) SELECT digest, 0 FROM blobs WHERE digest IN ({digests})",
            bindings,
        )

    def mark_orphans(self, now: int) -> None:
        """Note since when nothing refers to a blob, and that something does again."""
        self._connection.execute("DROP TABLE IF EXISTS temp.referred")
        # Read once and in order: of 100,000 runs these are half a million rows.
        self._connection.execute("CREATE TEMP TABLE referred (digest TEXT PRIMARY KEY) WITHOUT ROWID")
        self._connection.execute(
            f"INSERT INTO temp.referred SELECT DISTINCT digest FROM {union()} ORDER BY digest"
        )
        self._connection.execute("DELETE FROM orphans WHERE digest IN (SELECT digest FROM temp.referred)")
        self._connection.execute("DELETE FROM orphans WHERE digest NOT IN (SELECT digest FROM blobs)")
        self._connection.execute(
            "INSERT OR IGNORE INTO orphans (digest, since) SELECT digest, ? FROM blobs"
            " WHERE NOT EXISTS (SELECT 1 FROM temp.referred WHERE referred.digest = blobs.digest)",
            (now,),
        )
        self._connection.execute("DROP TABLE temp.referred")

    def remove_orphans(self, until: int, limit: int) -> list[tuple[str, int, bool]]:
        """Remove the rows of blobs that nothing has referred to since a moment: digest, size, whether it has a file."""
        again = union(where="{digest} IN (SELECT value FROM json_each(?1))")
        while due := self._all("SELECT digest FROM orphans WHERE since <= ? LIMIT ?", (until, limit)):
            # Something may refer to one again since it was marked.
            ids = (bound(digest for (digest,) in due),)
            self._connection.execute(f"DELETE FROM orphans WHERE digest IN (SELECT digest FROM {again})", ids)
            found = self._all(
                "SELECT digest, stored_size, content IS NULL FROM orphans JOIN blobs USING (digest)"
                f" WHERE digest IN {IDS}",
                ids,
            )
            self._connection.execute(
                f"DELETE FROM blobs WHERE digest IN (SELECT digest FROM orphans WHERE digest IN {IDS})", ids
            )
            self._connection.execute(f"DELETE FROM orphans WHERE digest IN {IDS}", ids)
            if found:
                return [(digest, size, bool(has_file)) for digest, size, has_file in found]
        return []

    def unused(self) -> int:
        """The bytes inside the database's file that nothing takes."""
        (pages,), (size,) = self._all("PRAGMA freelist_count")[0], self._all("PRAGMA page_size")[0]
        return int(pages) * int(size)

    def compact(self) -> None:
        """Write the database anew without what nothing takes. Not inside a transaction."""
        self._connection.execute("VACUUM")
        self._all("PRAGMA wal_checkpoint(TRUNCATE)")
