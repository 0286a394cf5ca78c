"""nbtrack as one of the products of the peers' harness; it is copied beside the harness's own adapters by run.py.

Three forms, which differ in what has happened when a call or a run's end returns:

* ``nbtrack``: what was logged lives through ``kill -9`` (the raw reference's promise).
* ``nbtrack_stored``: the run's end waits until the store answers with the run, so all of it is committed with an fsync.
* ``nbtrack_strict``: an fsync for each log call (MLflow's promise).
"""

from __future__ import annotations

import contextlib
import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from .base import Adapter

EXPERIMENT = "bench"


class A(Adapter):
    """A store in the workload's folder, by nbtrack's public functions alone."""

    name = "nbtrack"
    import_name = "nbtrack"
    dists = ("nbtrack", "apsw", "numpy", "pandas")
    # The keeper leaves soon after the last work: nothing of a measured store is left when its folder is removed.
    env = {"NBTRACK_KEEPER_IDLE": "20", "NBTRACK_EXPERIMENT": EXPERIMENT}  # noqa: RUF012 - the interface's form
    has = frozenset({"bulk", "query", "curve", "flush", "concurrent"})
    notes = "defaults; a call that has returned survives kill -9, what is older than a second a power cut"

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.store = self.root / ".nbtrack"
        self.context: AbstractContextManager[Any] | None = None

    def open(self) -> None:
        """Import nbtrack; open the store where there is one, and wait for its keeper."""
        os.environ["NBTRACK_STORE"] = str(self.store)
        import nbtrack

        self.nbtrack: Any = nbtrack
        if not hasattr(nbtrack, "log_series"):
            self.has = self.has - {"bulk"}  # of an older commit: the harness logs its points one by one
        if self.store.exists():
            self.client = self.nbtrack.open(self.store)
            with contextlib.suppress(nbtrack.NbtrackError):
                self.client.runs.get("no-such-run")

    def close(self) -> None:
        """End the session as the end of the interpreter does; the harness ends without it."""
        from nbtrack.session import current_session

        if (session := current_session()) is not None:
            session.close()

    def start_run(self, name: str, params: dict[str, Any]) -> None:
        """Begin a run with its params."""
        self.context = self.nbtrack.run(name)
        self.current = self.context.__enter__()
        if params:
            self.current.params(params)

    def log_metric(self, key: str, value: float, step: int) -> None:
        """One point, as people write it: ``nbtrack.log(loss=0.31, step=7)``."""
        self.nbtrack.log(step=step, **{key: value})

    def log_metrics(self, metrics: dict[str, float], step: int) -> None:
        """One point of each of several metrics."""
        self.nbtrack.log(metrics, step=step)

    def log_batch(self, key: str, values: Any, steps: Any) -> None:
        """A whole series at once."""
        self.nbtrack.log_series(key, values, steps=steps)

    def flush(self) -> None:
        """Wait for the disk: more than the harness asks for, since kill -9 costs nothing anyway."""
        self.nbtrack.flush()

    def end_run(self) -> None:
        """End the run."""
        if self.context is not None:
            self.context.__exit__(None, None, None)

    def compare_table(self) -> Any:
        """The runs with m0 > 0.5, highest m1 first, as a pandas data frame."""
        found = self.client.runs.search("metrics.m0 > 0.5", sort="-metrics.m1", limit=1_000_000)
        return found.to_pandas()

    def _run(self, name: str) -> Any:
        return self.client.runs.get(f"{name}-1")

    def read_curve(self, run_name: str, key: str) -> Any:
        """Steps and values of a metric as NumPy arrays; the run is looked up each time."""
        series = self._run(run_name).metric(key)
        return series.steps, series.values

    def count_points(self, key: str) -> dict[str, int]:
        """How many points each run has."""
        if not self.store.exists():
            return {}
        runs = [self.client.runs.get(row.id) for row in self.client.runs.search(limit=10_000)]
        return {run.name.removesuffix("-1"): len(run.metric(key)) for run in runs if key in run.metrics}


class Stored(A):
    """The run's end waits for the store."""

    name = "nbtrack_stored"
    notes = "the end of a run waits until the store answers with it: committed, with an fsync"

    def end_run(self) -> None:
        """End the run and ask the store for it."""
        super().end_run()
        if not hasattr(self, "client"):
            self.client = self.nbtrack.open(self.store)
        self.client.runs.get(self.current.id)


class Strict(A):
    """An fsync for each call."""

    name = "nbtrack_strict"
    env = A.env | {"NBTRACK_DURABILITY": "power"}
    notes = "an fsync before each log call returns"

    def open(self) -> None:
        """Import nbtrack, and see whether it waits for the disk by itself."""
        super().open()
        from nbtrack.config import SETTINGS

        self.waits = "durability" in SETTINGS  # not so in an older commit

    def log_metric(self, key: str, value: float, step: int) -> None:
        """One point, on the disk when the call returns."""
        self.nbtrack.log(step=step, **{key: value})
        if not self.waits:
            self.nbtrack.flush()
