"""What this process records: its store, journal, keeper and current run.

A session begins with ``%load_ext nbtrack`` or, in a script, with the first call of a logging function. One module, because
it is the one place that knows all that a process has open.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import math
import os
import struct
import sys
import threading
from collections.abc import Callable
from contextvars import ContextVar, Token
from pathlib import Path
from time import monotonic, strftime  # by name: a notebook may put something else into the module
from typing import ClassVar

from nbtrack.capture.active_run import ActiveRun
from nbtrack.capture.ends import status_of
from nbtrack.capture.environment import environment
from nbtrack.capture.handover import HandedOver, RunPointer, handed_over
from nbtrack.capture.recorder import Recorder
from nbtrack.capture.redacted import Redaction
from nbtrack.capture.surroundings import Around
from nbtrack.clock import now_ns
from nbtrack.config import Settings
from nbtrack.entities import records
from nbtrack.entities.ids import new_id
from nbtrack.entities.names import check_name
from nbtrack.entities.processes import ProcessIdentity
from nbtrack.entities.records import Record
from nbtrack.keeper.proxy import KeeperProxy
from nbtrack.store.journal import SUFFIX, encode
from nbtrack.store.journal_writer import JournalWriter
from nbtrack.store.location import (
    create_store,
    default_place,
    find_store,
    is_store,
    named_place,
    not_writable,
)
from nbtrack.store.processes import this_process, user_name
from nbtrack.store.unsynced import Unsynced
from nbtrack.version import __version__
from nbtrack.watch import Watch

log_to = logging.getLogger(__name__)

ENVIRONMENT_FOR = 0.5
"""Seconds for which runs that begin one after another share what is installed; nothing is installed quicker."""

CONTINUE_WITHIN = 5.0
"""Seconds that a cell waits at most to learn which run it goes on with."""

_current_run: ContextVar[ActiveRun | None] = ContextVar("nbtrack_run", default=None)
"""The run of this thread or task; where a thread has none, the process's own counts."""


class Session:
    """The recording of one process into one store.

    Parameters
    ----------
    folder
        Where the code runs: the notebook's or script's folder.
    settings
        The settings that hold; by default those of `folder`.
    """

    def __init__(self, folder: Path, settings: Settings | None = None) -> None:
        self.folder = folder
        self.settings = settings or Settings(folder)
        self.process = new_id()
        self.store = Path()
        self._run: ActiveRun | None = None
        self.pointer = RunPointer()
        self._handed: dict[str, ActiveRun] = {}
        self.open_run: Callable[[], ActiveRun] = self._open_script_run
        """Makes the run for a log call that finds none."""
        self.thread_run: Callable[[], ActiveRun | None] = lambda: None
        """The run that the calling thread was started for, where that is known."""
        self.experiment_name: Callable[[], str] = lambda: _script_name() or self.folder.name or "script"
        self.look_beside: Callable[[], None] = lambda: None
        """What the surface has to look at a few times a second, in the thread beside the person's code."""
        self.last_runs: dict[tuple[str, str], ActiveRun] = {}
        self.problems: list[str] = []
        """What went wrong inside nbtrack, newest last; shown by ``%track``."""
        self.store_size_told = False
        self.unanswered = 0
        """How many cells in a row got no answer from the keeper in time."""
        self._owner = os.getpid()
        self._closed = False
        self._environment: str | None = None
        self._environment_until = 0.0
        self.redaction = Redaction()
        """What keeps secrets out of all that is written."""
        self._strict = False

    @property
    def run(self) -> ActiveRun | None:
        """The run of the process: a tracked cell's, a bracket's, or a script's."""
        return self._run

    @run.setter
    def run(self, run: ActiveRun | None) -> None:
        self._run = run
        self.pointer.point(run.id if run is not None else None)

    def open(self, parent: HandedOver | None = None) -> None:
        """Find or create the store, begin the journal, and start the keeper without waiting for it.

        Parameters
        ----------
        parent
            What the process that started this one has handed over.

        Raises
        ------
        StoreError
            If there is no place that can be written.
        """
        chosen = str(self.settings["store"])
        if parent is not None and is_store(parent.store):
            self.store, self.pointer.parent = parent.store, parent
        else:
            place = named_place(chosen) if chosen else find_store(self.folder) or default_place(self.folder)
            self.store = create_store(place)
        self.proxy = KeeperProxy(self.store, self.settings)
        self._begin_journal()
        self.proxy.start()
        self.pointer.open(self.store)
        self._close_at_exit()

    def _close_at_exit(self) -> None:
        atexit.register(self.close)
        if (processes := sys.modules.get("multiprocessing.util")) is not None:
            processes.Finalize(None, self.close, exitpriority=0)  # a forked worker ends without atexit

    def _begin_journal(self) -> None:
        self._strict = self.settings["durability"] == "power"
        self.journal = JournalWriter(self.store / "journal" / (self.process + SUFFIX), strict=self._strict)
        self.unsynced = Unsynced(self.store / "incoming")
        try:
            self.journal.open()
        except OSError as problem:
            raise not_writable(self.store, problem) from problem
        self.proxy.journal, self.proxy.before = self.process, self.save
        self.recorder = Recorder(
            self.append,
            self.unsynced.folder,
            self.process,
            lambda: int(self.settings["model_limit"]),
            self._journal_here,
            self.redaction,
        )
        self.journal.append(_process_started(self.process, this_process()))
        self._around = Around(
            self.folder,
            lambda: str(self.settings["environment_variables"]),
            self.redaction.redactor.twin(),
            self.append,
        )
        self._watch = Watch(self.journal, self.unsynced, self.proxy, self._settle, self.note_problem)
        self._watch.start()

    def append(self, record: Record) -> int:
        """Write a record to the journal, without secrets; never raises, and waits for the disk only on request."""
        journal = self._journal_here()
        try:
            frame = encode(record)
        except (ValueError, RecursionError):
            frame = b""  # what cannot be written is not looked through either, and is left out
        cleaned, note = self.redaction.clean(record, frame)
        if note is not None:
            journal.append(note)
        if cleaned is not record:
            record, frame = cleaned, encode(cleaned)
        if (file := getattr(record, "file", None)) is not None:
            self.unsynced.add(file)
            if self._strict:
                with contextlib.suppress(OSError):  # told by the watch, which tries again
                    self.unsynced.sync()
        position = journal.append(record, frame)
        self._around.notice(record)
        if journal.problem is not None:
            self.note_problem(f"the journal cannot be written: {journal.problem}")
        return position

    def log_quickly(
        self,
        values: dict[str, object],
        others: object,
        step: int | None,
        run: ActiveRun | None = None,
    ) -> bool:
        """Write points whose values are plain numbers, in a microsecond; False leaves them to the recorder.

        Parameters
        ----------
        others
            Values that were given otherwise; with any, nothing is done here.
        run
            The run that is meant; by default the current one.
        """
        if others is not None or self.recorder.pending or not (step is None or type(step) is int):
            return False
        run = run or _current_run.get() or self.current_run()
        try:
            return self.journal.log(run.id, run.series, values, step)
        except struct.error:  # a step of more than 64 bits
            return False

    def _journal_here(self) -> JournalWriter:
        """The journal of this process, also in a forked child."""
        if os.getpid() != self._owner:
            with _Process.beginning:
                if os.getpid() != self._owner:
                    self._follow_fork()
        return self.journal

    def _follow_fork(self) -> None:
        """A forked child records into a journal of its own: the parent goes on writing the inherited one."""
        self.journal.abandon()
        self.process, self._environment = new_id(), None
        self._begin_journal()
        self._owner = os.getpid()  # last: other threads take the journal without a lock from here on
        self._close_at_exit()

    def note_problem(self, problem: str) -> None:
        """Remember what went wrong, once."""
        if problem not in self.problems[-5:]:
            self.problems = [*self.problems[-20:], problem]
            log_to.debug("%s", problem)

    def note_traceback(self, traceback: str) -> None:
        """Keep the traceback of an error of ours beside the journals, for a report; the person never sees it in a cell."""
        with contextlib.suppress(OSError), (self.store / "kernel.log").open("a", encoding="utf-8") as file:
            text = self.redaction.redactor.text(traceback)
            file.write(f"{strftime('%Y-%m-%d %H:%M:%S')} {os.getpid()}\n{text}\n")

    @property
    def experiment(self) -> str:
        """The experiment of new runs."""
        return str(self.settings["experiment"]) or self.experiment_name()

    def environment(self) -> str:
        """The id of what is installed now; it is written when it has changed.

        What was seen a moment ago counts as now: to ask the system for each folder of packages is a tenth of a quick run.
        """
        looked = monotonic()
        if self._environment is not None and looked < self._environment_until:
            return self._environment
        identifier, interpreter, packages = environment()
        self._environment_until = looked + ENVIRONMENT_FOR
        if identifier != self._environment:
            self.append(
                records.EnvironmentSeen(environment=identifier, interpreter=interpreter, packages=packages)
            )
            self._environment = identifier  # last: another thread's run must not name what was not seen
        return identifier

    def start_run(
        self,
        name: str,
        *,
        experiment: str | None = None,
        notebook: str | None = None,
        cell_id: str | None = None,
        began: tuple[int, float] | None = None,
    ) -> ActiveRun:
        """Begin a run here and now, or one that `began` earlier (Unix time in ns, seconds of the monotonic clock).

        Raises
        ------
        InvalidInput
            If the name cannot be one.
        """
        check_name(name)
        run = self.recorder.start_run(
            name,
            experiment or self.experiment,
            notebook=notebook,
            cell_id=cell_id,
            directory=str(self.folder),
            environment=self.environment(),
            began=began,
        )
        self.last_runs[run.experiment, run.name] = run
        return run

    def continue_run(self, name: str, *, experiment: str | None = None) -> ActiveRun:
        """Go on with the last run of a name.

        Raises
        ------
        NotFound
            If there is none yet.
        """
        chosen = experiment or self.experiment
        run = self.last_runs.get((chosen, name))
        if run is None:
            run = ActiveRun(
                self.proxy.ask_soon("runs.last", within=CONTINUE_WITHIN, name=name, experiment=chosen),
                name,
                chosen,
                ended=True,
            )
            self.last_runs[chosen, name] = run
        if run.ended:
            self.recorder.continue_run(run)
        return run

    def current_run(self) -> ActiveRun:
        """The run that a log call means; without one, a new run is begun.

        A task, block or thread keeps the run that it belongs to even when that has ended: what it logs late is not the next
        run's.
        """
        own = _current_run.get() or self._handed_run() or self.thread_run()
        if own is not None:
            return own
        run = self.run
        if run is None or run.ended:
            with _Process.beginning:  # threads that log first at once begin one run, not one each
                run = self.run
                if run is None or run.ended:
                    run = self.run = self.open_run()
        return run

    def _handed_run(self) -> ActiveRun | None:
        """The run that is current in the process that forked or started this one."""
        identifier = self.pointer.handed()
        if identifier is None:
            return None
        if identifier not in self._handed:
            self._handed[identifier] = ActiveRun(identifier, "", "", owner=0)
        return self._handed[identifier]

    def _open_script_run(self) -> ActiveRun:
        return self.start_run(_script_name() or "run")

    def flush(self) -> None:
        """Wait until the disk holds everything that was recorded.

        Raises
        ------
        OSError
            If something could not be written.
        """
        self.recorder.pending.settle()
        self._look_around()
        self.recorder.bulk.bring()
        self.unsynced.sync()
        self.journal.sync()
        if self.recorder.bulk.problem is not None:
            raise self.recorder.bulk.problem

    def _settle(self) -> None:
        self.recorder.pending.settle(wait=True)
        self._around.look()
        self.recorder.bulk.bring()
        self.look_beside()

    def save(self) -> None:
        """Write what waits elsewhere, if the store can be written again: whoever asks next finds it in the answer."""
        self.journal.retry(at_once=True)
        self.recorder.bulk.bring()

    def what_hinders(self) -> OSError | None:
        """Why something waits in memory or in the temporary folder, if so."""
        return self.journal.problem or self.recorder.bulk.problem

    def _look_around(self) -> None:
        """Tell what the last runs ran in, whatever that takes; an error of ours must end neither a wait nor the end."""
        try:
            self._around.look(budget=math.inf)
        except Exception as problem:  # noqa: BLE001 - see above
            self.note_problem(f"what runs ran in could not be told: {problem}")

    def _give_up(self) -> None:
        """The process ends: what the store cannot take now is lost, and that is said."""
        for record in self.recorder.bulk.close():
            note = f"{record.name} was lost: the store could not be written."
            self.append(records.RunNoted(run=record.run, note=note))
        self.append(records.ProcessEnded(process=self.process, time=now_ns()))
        self.journal.retry(at_once=True)
        if self.journal.waits and sys.stderr is not None:
            reason = self.journal.problem.strerror if self.journal.problem else "no room"
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.write(
                    f"nbtrack: the store {self.store} cannot be written ({reason}): "
                    "what was recorded since then is lost with this process.\n"
                )

    def close(self) -> None:
        """End the process's run and the journal; the keeper does the rest. A second time does nothing."""
        atexit.unregister(self.close)
        if os.getpid() != self._owner or self._closed:
            return
        self._closed = True
        if self.run is not None and not self.run.ended:
            error = getattr(sys, "last_value", None)
            self.recorder.end_run(self.run, status_of(error))
        self._watch.end()
        self.recorder.pending.settle()
        self._look_around()
        self._give_up()
        with contextlib.suppress(OSError):
            self.flush()  # nobody else does it if the keeper is away
        self.journal.close()
        self.pointer.close()
        self.proxy.close()
        self.proxy.reap()


def _process_started(process: str, identity: ProcessIdentity) -> records.ProcessStarted:
    return records.ProcessStarted(
        process=process,
        time=now_ns(),
        pid=identity.pid,
        boot_id=identity.boot_id,
        start_time=identity.start_time,
        pid_namespace=identity.pid_namespace,
        host=identity.host,
        user=user_name(),
        executable=sys.executable or "",
        nbtrack=__version__,
    )


def _script_name() -> str | None:
    main = sys.modules.get("__main__")
    file = getattr(main, "__file__", None)
    return Path(file).stem if isinstance(file, str) else None


class _Process:
    """The one session of this process."""

    session: Session | None = None
    watches_forks = False
    handed: ClassVar[dict[int, bool]] = {}
    """Whether a thread that forks has the run that is handed over."""
    beginning = threading.RLock()
    """Held while a session, its journal or its run is begun: threads may begin at once, and shall have the same one."""


def _before_fork() -> None:
    """Note whether this thread's run is the one that is handed over: the parent may go on while its child begins."""
    session, run = _Process.session, _current_run.get()
    handed = session is not None and run is not None and session.pointer.read() == run.id
    _Process.handed[threading.get_ident()] = handed


def _after_fork() -> None:
    """In a child: what its parent hands over is asked for at each call, since a pool's worker outlives cells and blocks."""
    _Process.beginning = threading.RLock()  # the thread that held it is not in the child
    if _Process.handed.get(threading.get_ident()):
        _current_run.set(None)


def current_session() -> Session | None:
    """The session of this process, if it has begun."""
    return _Process.session


def begin_session(folder: Path | None = None, settings: Settings | None = None) -> Session:
    """The session of this process; it is begun if there is none.

    Raises
    ------
    StoreError
        If there is no place for a store.
    """
    if (begun := _Process.session) is not None:
        return begun
    if not _Process.watches_forks and hasattr(os, "register_at_fork"):
        _Process.watches_forks = True
        os.register_at_fork(before=_before_fork, after_in_child=_after_fork)
    with _Process.beginning:
        if _Process.session is None:
            session = Session(folder or Path.cwd(), settings)
            session.open(handed_over() if folder is None else None)  # a notebook is none of another's workers
            _Process.session = session
        return _Process.session


def end_session() -> None:
    """End the session of this process."""
    if _Process.session is not None:
        _Process.session.close()
        _Process.session = None


def enter_run(run: ActiveRun | None) -> Token[ActiveRun | None]:
    """Make `run` the current one of this thread or task; give the result to `leave_run`."""
    token = _current_run.set(run)
    _point()
    return token


def leave_run(token: Token[ActiveRun | None]) -> None:
    """Make the run before `enter_run` the current one again."""
    _current_run.reset(token)
    _point()


def _point() -> None:
    """Hand the main thread's run over to workers: which of several threads starts them cannot be known."""
    if _Process.session is not None and threading.current_thread() is threading.main_thread():
        run = _current_run.get() or _Process.session.run
        _Process.session.pointer.point(run.id if run is not None else None)
