"""Loading and unloading: everything that is wired here is taken apart again by `unload`."""

from __future__ import annotations

import atexit
import contextlib
import os
from pathlib import Path
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from nbtrack.capture.frameworks.observers import LIBRARIES, READERS, Observers
from nbtrack.config import Settings
from nbtrack.errors import NbtrackError
from nbtrack.ipython.deaths import LeftRuns
from nbtrack.ipython.header import HeaderTransformer
from nbtrack.ipython.hooks import CellHooks
from nbtrack.ipython.magics import TrackMagics
from nbtrack.ipython.notebook import notebook_path
from nbtrack.ipython.observed import ObservedCalls
from nbtrack.ipython.own_path import OwnPath
from nbtrack.ipython.traits import NbTrack
from nbtrack.session import Session, begin_session, end_session


class Extension:
    """What `load` has wired into one shell."""

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell
        self.magics = TrackMagics(shell)
        self.hooks: CellHooks | None = None
        self.observers: list[Observers] = []
        self.own_path = OwnPath(Path.cwd())
        self.transformer = HeaderTransformer(self.own_path)
        self.traits: Any = None

    def load(self) -> None:
        """Wire it. A store that cannot be had is told in one sentence and leaves the notebook as it is."""
        shell = self.shell
        shell.register_magics(self.magics)
        notebook = notebook_path(shell.user_ns)
        folder = Path(notebook).parent if notebook else Path.cwd()
        settings = Settings(folder)
        try:
            self.traits = NbTrack.beside(settings, shell)  # type: ignore[attr-defined]
            shell.configurables.append(self.traits)
            session = begin_session(folder, settings)
        except NbtrackError as problem:
            self.magics.reason = problem.message
            print(f"nbtrack is off: {problem.message}")
            return
        self.hooks = CellHooks(shell, session, self.transformer, self.own_path)
        self.hooks.notebook = notebook
        self.hooks.left_runs = LeftRuns(session)
        self.hooks.left_runs.look()
        atexit.register(self.hooks.close)  # before the session's own end, which was registered earlier
        self.magics.hooks = self.hooks
        shell.input_transformers_cleanup.append(self.transformer)
        for event, callback in self.hooks.callbacks().items():
            shell.events.register(event, callback)
        shell.set_hook("complete_command", self.magics.complete, str_key="%track")
        calls = ObservedCalls(session)
        if settings["data"]:
            self.hooks.trained.training.fitted_on = session.recorder.data.fitted
            self.observers.append(Observers(session.recorder.data, calls.failed, READERS))
        self.observers.append(Observers(self.hooks.trained.training, calls.failed, LIBRARIES))
        if settings["trackers"]:
            self.observers.append(Observers(calls, calls.failed))
        for observers in self.observers:
            observers.begin()
        print(f"nbtrack remembers this notebook in {_short(session)}")

    def unload(self) -> None:
        """Take everything apart."""
        shell = self.shell
        for observers in self.observers:
            observers.end()
        if self.hooks is not None:
            for event, callback in self.hooks.callbacks().items():
                with contextlib.suppress(ValueError):  # other code may have cleared them
                    shell.events.unregister(event, callback)
            with contextlib.suppress(ValueError):
                shell.input_transformers_cleanup.remove(self.transformer)
            shell.strdispatchers["complete_command"].strs.pop("%track", None)
            atexit.unregister(self.hooks.close)
            if self.hooks.bracket is not None:
                self.hooks.session.recorder.end_run(self.hooks.bracket)
            self.hooks.saves.end()
            end_session()
        for configurable in (self.traits, self.magics):
            if configurable in shell.configurables:
                shell.configurables.remove(configurable)
        for kind in ("line", "cell"):
            shell.magics_manager.magics[kind].pop("track", None)
        shell.magics_manager.registry.pop(TrackMagics.__name__, None)


def _short(session: Session) -> str:
    """The store's folder as a person would write it."""
    path, home = str(session.store), str(Path.home())
    return f"~{path[len(home) :]}" if path.startswith(home + os.sep) else path


_loaded: dict[int, Extension] = {}


def load(shell: InteractiveShell) -> None:
    """Wire nbtrack into `shell`; a second time does nothing."""
    if id(shell) not in _loaded:
        _loaded[id(shell)] = Extension(shell)
        _loaded[id(shell)].load()


def unload(shell: InteractiveShell) -> None:
    """Take nbtrack out of `shell`."""
    extension = _loaded.pop(id(shell), None)
    if extension is not None:
        extension.unload()
