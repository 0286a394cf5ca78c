"""Which threads a cell has started: one that outlives its cell still logs to the cell's run, not to the next one."""

from __future__ import annotations

import threading
from weakref import WeakKeyDictionary

from nbtrack.capture.active_run import ActiveRun

_WORKERS = (
    "nbtrack.",
    "concurrent.futures.",
    "multiprocessing.",
    "joblib.",
    "ipykernel.",
    "tornado.",
    "zmq.",
)
"""Where threads come from that take their work from others: each piece belongs to the cell that hands it over."""


class CellThreads:
    """The runs of the threads that cells have started."""

    def __init__(self) -> None:
        self._runs: WeakKeyDictionary[threading.Thread, ActiveRun] = WeakKeyDictionary()

    @staticmethod
    def alive() -> frozenset[threading.Thread]:
        """The threads that live now."""
        return frozenset(threading.enumerate())

    def keep(self, before: frozenset[threading.Thread], run: ActiveRun) -> None:
        """Remember `run` for the threads that live now and did not before its cell; those of pools are nobody's."""
        for thread in threading.enumerate():
            if thread not in before and thread not in self._runs and not _is_worker(thread):
                self._runs[thread] = run

    def run(self) -> ActiveRun | None:
        """The run of the calling thread, if a cell that has ended since has started it."""
        return self._runs.get(threading.current_thread()) if self._runs else None


def _is_worker(thread: threading.Thread) -> bool:
    target = getattr(thread, "_target", None)  # gone when the thread has ended
    places = (type(thread).__module__, getattr(target, "__module__", None) or "")
    return any(f"{place}.".startswith(_WORKERS) for place in places)
