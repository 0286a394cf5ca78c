"""SQL of processes that died and left runs open: which of them nobody was told of yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import apsw

from nbtrack.entities.deaths import LeftRun
from nbtrack.store.values import iso

DEATHS: Final = """
ALTER TABLE processes ADD COLUMN died INTEGER;  -- when one died that left runs open; NULL: none, or it was told
CREATE INDEX processes_died ON processes (died) WHERE died IS NOT NULL;
"""


class Deaths:
    """The deaths in a store."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def note(self, process: str, time: int) -> None:
        """Remember that a process left runs open."""
        self._connection.execute("UPDATE processes SET died = ? WHERE id = ?", (time, process))

    def left(self, experiment: str) -> list[LeftRun]:
        """The runs of an experiment that are still shown as crashed and were not told, latest first."""
        rows = self._connection.execute(
            "SELECT processes.id, run_names.name || '-' || runs.number, died,"
            " (SELECT coalesce(sum(count), 0) FROM metrics WHERE run = runs.key)"
            " FROM processes JOIN texts ON texts.text = processes.id JOIN runs ON runs.process = texts.id"
            " JOIN run_names ON run_names.id = runs.name JOIN experiments ON experiments.id = run_names.experiment"
            " WHERE died IS NOT NULL AND runs.status = 'crashed' AND runs.deleted IS NULL AND experiments.name = ?"
            " ORDER BY died DESC, runs.key DESC",
            (experiment,),
        )
        return [
            LeftRun(process=process, name=name, died=iso(died), points=points)
            for process, name, died, points in rows
        ]

    def tell(self, processes: Sequence[str]) -> None:
        """Remember that somebody was told."""
        self._connection.executemany(
            "UPDATE processes SET died = NULL WHERE id = ?", [(process,) for process in processes]
        )
