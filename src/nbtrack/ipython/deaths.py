"""Tells once what a process left open that died: asked for beside the cells, shown when one ends."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from datetime import datetime
from time import sleep  # by name: a notebook may put something else into the module

from IPython.display import display

from nbtrack.entities.deaths import LeftRun
from nbtrack.errors import NbtrackError
from nbtrack.ipython.line import quiet
from nbtrack.session import Session

LOOKS = (0.0, 2.0, 2.0)
"""Seconds before each look: a kernel that was just restarted is faster than the keeper sees the death of the one before."""


class LeftRuns:
    """What is to be told of the session's experiment."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._experiment = ""
        self._found: list[LeftRun] = []

    def look(self) -> None:
        """Ask, without waiting for the answer."""
        with contextlib.suppress(NbtrackError):  # a setting that is wrong is said where it counts
            self._experiment = self._session.experiment
            if self._session.settings["keeper"] and self._session.settings["line"]:
                self._beside(self._look)

    def _look(self) -> None:
        for pause in LOOKS:
            sleep(pause)
            self._found = self._session.proxy.ask("deaths.left", experiment=self._experiment)
            if self._found:
                return

    def show(self) -> None:
        """Tell what was found, if something was."""
        found, self._found = self._found, []
        if not found:
            return
        from nbtrack.render.deaths import left_text

        display(quiet(left_text(found, datetime.now().astimezone())), raw=True)
        processes = sorted({run.process for run in found})
        self._beside(lambda: self._session.proxy.ask("deaths.tell", processes=processes))

    def _beside(self, work: Callable[[], object]) -> None:
        def quietly() -> None:
            with contextlib.suppress(NbtrackError, OSError):
                work()

        with contextlib.suppress(RuntimeError):  # no thread can be started
            threading.Thread(target=quietly, name="nbtrack-deaths", daemon=True).start()
