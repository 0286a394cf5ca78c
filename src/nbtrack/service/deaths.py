"""Runs that were open when their process died: told once, to whoever records in the same experiment next."""

from __future__ import annotations

from nbtrack.entities.deaths import LeftRun
from nbtrack.store.database import Store


class Obituary:
    """The deaths that nobody was told of yet."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def left(self, experiment: str) -> list[LeftRun]:
        """The runs of an experiment that their processes left open, latest first."""
        return self._store.deaths.left(experiment)

    def tell(self, processes: list[str]) -> int:
        """Somebody has read of these processes: it is not told again. How many they were."""
        with self._store.transaction():
            self._store.deaths.tell(processes)
        return len(processes)
