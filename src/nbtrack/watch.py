"""The thread beside the person's code that does what a log call must not wait for.

It wakes four times a second, and when the journal wants its next file: has that ready before it is needed, takes tensors'
values that a device had not finished, syncs what no keeper takes in, and starts a keeper again that has died.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable
from time import monotonic, sleep  # by name: a notebook may put something else into the module

from nbtrack.keeper.proxy import KeeperProxy
from nbtrack.store.journal_writer import JournalWriter
from nbtrack.store.unsynced import Unsynced

INTERVAL = 0.25
"""Seconds between two looks: what is older than a second must survive a power cut, and a sync takes its time."""

UP_FOR = 1.0
"""Seconds for which a keeper that was up counts as up."""

LONGEST_PAUSE = 60.0
"""Seconds between two starts of a keeper that does not come to stay."""


class Watch:
    """Watches over one journal for as long as the process writes it.

    Parameters
    ----------
    settle
        Records values that were not there yet when they were logged.
    note
        Told what went wrong.
    """

    def __init__(
        self,
        journal: JournalWriter,
        unsynced: Unsynced,
        proxy: KeeperProxy,
        settle: Callable[[], object],
        note: Callable[[str], object],
    ) -> None:
        self._journal = journal
        self._unsynced = unsynced
        self._proxy = proxy
        self._settle = settle
        self._note = note
        self._calls: queue.SimpleQueue[None] = queue.SimpleQueue()
        # An event's lock would be waited for by the handler of a signal that comes while its own thread sets the event.
        self._ended = False
        self._pause, self._start_at = 2.0, 0.0

    def start(self) -> None:
        """Begin to watch; where no thread can be started, log calls do without."""
        self._journal.wake = self._wake
        with contextlib.suppress(RuntimeError):
            threading.Thread(target=self._run, name="nbtrack-watch", daemon=True).start()

    def _wake(self) -> None:
        self._calls.put(None)

    def end(self) -> None:
        """Stop watching, without waiting for it."""
        self._ended = True
        self._wake()

    def _run(self) -> None:
        due = monotonic() + INTERVAL
        while True:
            with contextlib.suppress(queue.Empty):
                self._calls.get(timeout=max(0.0, due - monotonic()))
            if self._ended:
                return
            try:
                while self._journal.prepare() and not self._ended:
                    sleep(0)  # let the loop go on between two parts
                if monotonic() >= due:
                    due = monotonic() + INTERVAL
                    self.look()
            except Exception as problem:  # noqa: BLE001 - a thread's traceback would be printed into the person's cell
                self._note(f"{type(problem).__name__}: {problem}")

    def look(self) -> None:
        """What is done at each interval."""
        behind = True
        try:
            self._unsynced.sync(INTERVAL)
            behind = self._journal.secure()
        except OSError as problem:
            self._note(f"what was recorded cannot be made safe from a power cut: {problem}")
        if self._journal.problem is not None:
            self._note(f"the journal cannot be written: {self._journal.problem}")
        if not behind:
            self._pause = 2.0
        elif monotonic() >= self._start_at:
            self._start_at = monotonic() + UP_FOR
            if not self._proxy.is_up():
                self._start_at = monotonic() + self._pause
                self._pause = min(LONGEST_PAUSE, self._pause * 2)
                self._proxy.start()
        self._proxy.reap()
        self._settle()
