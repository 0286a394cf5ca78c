"""SQL of what runs are called: ``forest-3`` in its experiment, and what they were called before.

A number is given once and never again (``run_names.last`` only grows), so a label that somebody cited means its run for
good: the run itself, wherever it was moved, or nothing once it is deleted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import apsw

_NUMBERED = re.compile(r"(.+)-([1-9][0-9]{0,17})", re.DOTALL)

_OWN = "(SELECT f.number FROM former_labels AS f WHERE f.run = runs.key AND f.name = new.id)"
"""SQL for the number that a run had before under the name ``new``."""


def number_of(label: str) -> tuple[str, int] | None:
    """Name and number of a label such as ``forest-3``; None if it is none."""
    parts = _NUMBERED.fullmatch(label)
    return (parts[1], int(parts[2])) if parts else None


class Labels:
    """The labels of a store's runs."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def find(self, label: str, *, trash: bool = False) -> list[tuple[str, str]]:
        """The runs that are or were called `label` (``forest-3``): id and experiment of each.

        A run that was renamed or moved is found by its old names too, which no other run is ever given.
        `trash` looks for those in the trash instead.
        """
        parts = number_of(label)
        if parts is None:
            return self._find_marked(label, trash)
        # CROSS JOIN keeps this order, in which each step finds its row by an index; SQLite's own would read all runs.
        named = "FROM experiments CROSS JOIN run_names ON run_names.experiment = experiments.id AND run_names.name = ?1"
        rows = self._connection.execute(
            f"SELECT runs.id, experiments.name {named} CROSS JOIN runs ON runs.name = run_names.id"
            " AND runs.number = ?2 WHERE (runs.deleted IS NOT NULL) = ?3"
            f" UNION SELECT runs.id, experiments.name {named}"
            " CROSS JOIN former_labels ON former_labels.name = run_names.id AND former_labels.number = ?2"
            " CROSS JOIN runs ON runs.key = former_labels.run WHERE (runs.deleted IS NOT NULL) = ?3 ORDER BY 2",
            (*parts, trash),
        )
        return [(run, experiment) for run, experiment in rows]

    def _find_marked(self, label: str, trash: bool) -> list[tuple[str, str]]:
        """The runs that are called so where they came from: ``forest-3@laptop``, whatever they are called here."""
        name, _, mark = label.rpartition("@")
        parts = number_of(name)
        if parts is None:
            return []
        rows = self._connection.execute(
            "SELECT run, experiment FROM run_origins JOIN origins ON origins.id = origin JOIN runs ON runs.id = run"
            " WHERE run_origins.name = ? AND run_origins.number = ? AND mark = ? AND (deleted IS NOT NULL) = ? ORDER BY 2",
            (*parts, mark, trash),
        )
        return [(run, experiment) for run, experiment in rows]

    def find_by_id(self, prefix: str, *, trash: bool = False) -> list[tuple[str, str]]:
        """The runs whose id begins with `prefix`: id and ``experiment/label``. `trash`: those in the trash instead."""
        rows = self._connection.execute(
            "SELECT runs.id, experiments.name || '/' || run_names.name || '-' || runs.number FROM runs"
            " JOIN run_names ON run_names.id = runs.name JOIN experiments ON experiments.id = run_names.experiment"
            " WHERE runs.id >= ? AND runs.id < ? AND (runs.deleted IS NOT NULL) = ? LIMIT 20",
            (prefix, prefix + "g", trash),  # "g" sorts behind every hexadecimal digit and the dash
        )
        return [(run, name) for run, name in rows]

    def full(self, runs: Sequence[str]) -> list[str]:
        """The names of runs (by id) with their experiments, in the order of the ids: ``quickstart/forest-3``."""
        rows: list[Any] = self._connection.execute(
            "SELECT experiments.name || '/' || run_names.name || '-' || runs.number FROM json_each(?)"
            " CROSS JOIN runs ON runs.id = value CROSS JOIN run_names ON run_names.id = runs.name"
            " CROSS JOIN experiments ON experiments.id = run_names.experiment ORDER BY json_each.key",
            (json.dumps(list(runs)),),
        ).fetchall()
        return [name for (name,) in rows]

    def was_given(self, name: str, number: int, experiment: str) -> bool:
        """Whether the experiment once gave this number to a run of this name."""
        rows: list[Any] = self._connection.execute(
            "SELECT 1 FROM run_names JOIN experiments ON experiments.id = experiment WHERE run_names.name = ?"
            " AND last >= ? AND experiments.name = ?",
            (name, number, experiment),
        ).fetchall()
        return bool(rows)

    def relabel(self, runs: Sequence[str], *, experiment: str | None = None, name: str | None = None) -> None:
        """Put runs (by id) under another experiment, another name, or both.

        Each gets the next number there in the order of the runs, or the one that it had there before; those that are there
        keep theirs. To be called inside a transaction, like all that changes labels.
        """
        ids = json.dumps(list(runs))
        if experiment is not None:
            self._connection.execute("INSERT OR IGNORE INTO experiments (name) VALUES (?)", (experiment,))
        place = "coalesce((SELECT id FROM experiments WHERE name = ?2), old.experiment)"
        of_runs = "json_each(?1) CROSS JOIN runs ON runs.id = value CROSS JOIN run_names AS old ON old.id = runs.name"
        self._connection.execute(
            "INSERT OR IGNORE INTO run_names (experiment, name, last)"
            f" SELECT DISTINCT {place}, coalesce(?3, old.name), 0 FROM {of_runs}",
            (ids, experiment, name),
        )
        self._relabel(
            "SELECT key, name, coalesce(own, last + row_number() OVER (PARTITION BY name, own IS NULL ORDER BY place))"
            f" FROM (SELECT runs.key, new.id AS name, new.last, json_each.key AS place, {_OWN} AS own FROM {of_runs}"
            f" CROSS JOIN run_names AS new ON new.experiment = {place} AND new.name = coalesce(?3, old.name)"
            " WHERE new.id <> old.id)",
            (ids, experiment, name),
        )

    def _relabel(self, labels: str, bindings: Sequence[Any]) -> None:
        """Give runs their labels: SQL for key, name and number of each. What they were called goes on meaning them."""
        run = self._connection.execute
        run("CREATE TEMP TABLE relabelled (run INTEGER PRIMARY KEY, name INTEGER, number INTEGER)")
        run(f"INSERT INTO temp.relabelled {labels}", bindings)
        run(
            "INSERT OR IGNORE INTO former_labels (name, number, run)"
            " SELECT name, number, key FROM runs WHERE key IN (SELECT run FROM temp.relabelled)"
        )
        run(
            "UPDATE runs SET name = new.name, number = new.number FROM temp.relabelled AS new WHERE new.run = runs.key"
        )
        run("DELETE FROM former_labels WHERE (name, number) IN (SELECT name, number FROM temp.relabelled)")
        # A number that was given here is no longer one of another store alone, from which the name may have come.
        run(
            "UPDATE run_names SET last = most, origin = NULL FROM"
            " (SELECT name AS given, max(number) AS most FROM temp.relabelled GROUP BY 1)"
            " WHERE given = run_names.id AND most > last"
        )
        run("DROP TABLE temp.relabelled")

    def former(self, run: str) -> list[str]:
        """What a run (by id) was called before: ``experiment/label`` of each."""
        rows = self._connection.execute(
            "SELECT experiments.name || '/' || run_names.name || '-' || former_labels.number FROM former_labels"
            " JOIN run_names ON run_names.id = former_labels.name JOIN experiments ON experiments.id = experiment"
            " JOIN runs ON key = run WHERE runs.id = ? ORDER BY 1",
            (run,),
        )
        return [name for (name,) in rows]

    def experiments(self, *, trash: bool = False) -> dict[str, int]:
        """The experiments with how many runs each has; `trash`: how many are in the trash."""
        rows: list[Any] = self._connection.execute(
            "SELECT experiments.name, count(*) FROM runs JOIN run_names ON run_names.id = runs.name"
            " JOIN experiments ON experiments.id = experiment WHERE (deleted IS NOT NULL) = ?"
            " GROUP BY experiments.id ORDER BY 1",
            (trash,),
        ).fetchall()
        return dict(rows)

    def rename_experiment(self, before: str, after: str) -> None:
        """Give all runs of an experiment, those in the trash too, to one that has none, each with its number.

        Where the other had runs that are deleted for good, the numbers go on behind theirs; a run that was called so
        before gets its own number back.
        """
        self._connection.execute("INSERT OR IGNORE INTO experiments (name) VALUES (?)", (after,))
        of_before = "(SELECT id FROM experiments WHERE name = ?1) AND old.id IN (SELECT name FROM runs)"
        self._connection.execute(
            "INSERT OR IGNORE INTO run_names (experiment, name, last) SELECT (SELECT id FROM experiments WHERE name = ?2),"
            f" old.name, 0 FROM run_names AS old WHERE old.experiment = {of_before}",
            (before, after),
        )
        self._relabel(
            f"SELECT runs.key, new.id, coalesce({_OWN}, new.last + runs.number) FROM run_names AS old"
            " CROSS JOIN run_names AS new ON new.experiment = (SELECT id FROM experiments WHERE name = ?2)"
            " AND new.name = old.name CROSS JOIN runs ON runs.name = old.id"
            f" WHERE old.experiment = {of_before}",
            (before, after),
        )
