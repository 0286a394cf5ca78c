"""SQL of what runs are called: ``forest-3`` in its experiment, and what they were called before.

A number is given once and never again (``run_names.last`` only grows), so a label that somebody cited means its run for
good: the run itself, wherever it was moved, or nothing once it is deleted.
"""

from __future__ import annotations

import re
from typing import Any

import apsw

_NUMBERED = re.compile(r"(.+)-([1-9][0-9]{0,17})", re.DOTALL)


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
            return []
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

    def find_by_id(self, prefix: str, *, trash: bool = False) -> list[tuple[str, str]]:
        """The runs whose id begins with `prefix`: id and ``experiment/label``. `trash`: those in the trash instead."""
        rows = self._connection.execute(
            "SELECT runs.id, experiments.name || '/' || run_names.name || '-' || runs.number FROM runs"
            " JOIN run_names ON run_names.id = runs.name JOIN experiments ON experiments.id = run_names.experiment"
            " WHERE runs.id >= ? AND runs.id < ? AND (runs.deleted IS NOT NULL) = ? LIMIT 20",
            (prefix, prefix + "g", trash),  # "g" sorts behind every hexadecimal digit and the dash
        )
        return [(run, name) for run, name in rows]

    def was_given(self, name: str, number: int, experiment: str) -> bool:
        """Whether the experiment once gave this number to a run of this name."""
        rows: list[Any] = self._connection.execute(
            "SELECT 1 FROM run_names JOIN experiments ON experiments.id = experiment WHERE run_names.name = ?"
            " AND last >= ? AND experiments.name = ?",
            (name, number, experiment),
        ).fetchall()
        return bool(rows)
