"""The event callbacks: what happens around each cell. Nothing in here may reach the person's cell."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path
from time import perf_counter  # by name: a notebook may put something else into the module
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from nbtrack.capture.active_run import ActiveRun
from nbtrack.capture.cells import CellCapture, CellStart
from nbtrack.capture.ends import format_traceback, status_of
from nbtrack.capture.secrets import is_kept_out
from nbtrack.errors import InvalidInput, NbtrackError
from nbtrack.ipython.deaths import LeftRuns
from nbtrack.ipython.executions import Execution, Executions, Frame
from nbtrack.ipython.guard import guarded
from nbtrack.ipython.header import DEFAULT_NAME, HeaderTransformer, RunRequest, find_header, parse_request
from nbtrack.ipython.line import show_line, show_problem
from nbtrack.ipython.notebook import notebook_path
from nbtrack.ipython.outputs import OutputCollector, cell_end, cell_error
from nbtrack.ipython.own_path import OwnPath
from nbtrack.ipython.saves import Saves
from nbtrack.ipython.threads import CellThreads
from nbtrack.ipython.tracing import Tracing
from nbtrack.ipython.trained_cells import TrainedCells
from nbtrack.ipython.trouble import StorePlace
from nbtrack.session import Session, enter_run, leave_run

NOT_WIRED = (
    "the shell's events were taken away from nbtrack by other code; %reload_ext nbtrack sets them again"
)


class CellHooks:
    """Watches the cells of one shell and records them into one session."""

    def __init__(
        self, shell: InteractiveShell, session: Session, transformer: HeaderTransformer, own_path: OwnPath
    ) -> None:
        self.shell = shell
        self.session = session
        self.own_path = own_path
        self._transformer = transformer
        self._home = os.getpid()
        self.paused = False
        self.bracket: ActiveRun | None = None
        """The run between ``%track start`` and ``%track end``."""
        self.notebook: str | None = None
        self.executions = Executions(shell)
        self.trained = TrainedCells(shell, session, self.executions)
        self._metrics: dict[str, float] = {}
        self._threads = CellThreads()
        self._tracing = Tracing(shell, session, self._note_failure)
        self.place = StorePlace(session)
        self.saves = Saves(session)
        session.look_beside = self.saves.look
        self.left_runs: LeftRuns | None = None
        session.thread_run = self._threads.run
        session.open_run = self._open_run
        session.experiment_name = self._experiment_name

    def callbacks(self) -> dict[str, Callable[..., Any]]:
        """The events to register for."""
        return {
            "pre_run_cell": self.pre_run_cell,
            "post_run_cell": self.post_run_cell,
            "post_execute": self.post_execute,
        }

    def failed(self, name: str, problem: BaseException, arguments: tuple[Any, ...]) -> None:
        """Note what was raised in a callback, and end what the callback could not end."""
        if name == "post_run_cell":
            self._let_go(self.executions.find(getattr(arguments[0], "info", None)), arguments[0])
        elif name == "post_execute":
            self._let_go(self._silent_execution(), None)
        self._note_failure(name, problem)

    def _note_failure(self, name: str, problem: BaseException) -> None:
        self.session.note_problem(f"{name}: {type(problem).__name__}: {problem}")
        if not isinstance(problem, (NbtrackError, KeyboardInterrupt)):
            self.session.note_traceback(format_traceback(problem))

    def is_wired(self) -> bool:
        """Whether the shell still calls us: ``events.callbacks`` may have been cleared by other code."""
        callbacks = self.shell.events.callbacks
        return all(callback in callbacks.get(event, ()) for event, callback in self.callbacks().items())

    def is_child(self) -> bool:
        """Whether this is a forked child that came out of a cell: the cell is its parent's to record."""
        return os.getpid() != self._home

    def _experiment_name(self) -> str:
        # Not the current folder: a cell may change it, or remove it.
        return Path(self.notebook).stem if self.notebook else self.session.folder.name or "notebook"

    # Events

    @guarded
    def pre_run_cell(self, info: Any) -> None:
        """A cell is about to run."""
        for frame in self.executions.drop_stale():
            self._cut_off(frame)
        inside = bool(self.executions.stack)  # %%capture and its like run their body as a cell inside it
        if not inside:
            self.session.run = self.bracket
            enter_run(None)
        execution = self.executions.push(info)
        source = getattr(info, "raw_cell", "") or ""
        if inside or self.paused or is_kept_out(source):
            self._tracing.forget(inside=inside)
            return
        code = getattr(info, "transformed_cell", None) or self._transformed(source)
        execution.frame = frame = self._begin(source, code, getattr(info, "cell_id", None))
        self.trained.begin(frame, self._look)
        header = find_header(source)
        if header is not None:
            self._try_head(frame, header)
        elif self.bracket is not None:
            self._attach(frame, self.bracket)
        frame.outputs.start()
        self._tracing.begin(frame.capture, frame.notebook)
        frame.began = perf_counter()

    def _cut_off(self, frame: Frame, status: str = "interrupted") -> None:
        """End what an execution began whose end cannot be recorded."""
        frame.outputs.close()
        frame.capture.let_go()
        self._leave(frame)
        if frame.run is not None and frame.ends_run:
            self.session.recorder.end_run(frame.run, status)

    def _enter(self, frame: Frame, run: ActiveRun) -> None:
        """Make `run` the cell's: of the code that runs in it, of the tasks and of the threads that it starts."""
        frame.run = self.session.run = run
        frame.threads = self._threads.alive()
        frame.token = enter_run(run)

    def _leave(self, frame: Frame) -> None:
        token, frame.token = frame.token, None
        if frame.run is not None and token is not None:
            self._threads.keep(frame.threads, frame.run)
            with contextlib.suppress(
                ValueError
            ):  # a cell with await runs in a task, whose context is gone with it
                leave_run(token)

    def _transformed(self, source: str) -> str:
        """The cell with its magics turned into Python; IPython before 9.16 does not tell it."""
        try:
            return str(self.shell.transform_cell(source))
        except Exception:  # noqa: BLE001 - whatever a transformer raises, the cell itself will say it
            return source

    def _begin(self, source: str, code: str, cell_id: str | None) -> Frame:
        if self.notebook is None or not os.path.exists(self.notebook):  # noqa: PTH110 - pathlib raises where it may not look
            # The servers were asked when the extension was loaded; again only when the file was renamed since.
            renamed = self.notebook is not None
            self.notebook = notebook_path(self.shell.user_ns, cell_id, ask_servers=renamed)
        self.saves.notebook = self.notebook
        start = CellStart(
            source=source, code=code, namespace=self.shell.user_ns, cell_id=cell_id, notebook=self.notebook
        )
        return Frame(
            CellCapture(self.session.recorder, start),
            OutputCollector(self.shell),
            cell_id=cell_id,
            notebook=self.notebook,
        )

    def _try_head(self, frame: Frame, header: str) -> None:
        """Do what a header asks for; where that cannot be, the cell runs all the same and its line says why."""
        try:
            with self.own_path.imports():
                self._head(frame, parse_request(header))
        except NbtrackError as problem:
            frame.problem = problem.message
        except BaseException as problem:  # noqa: BLE001 - the cell is recorded all the same
            self._note_failure("pre_run_cell", problem)
            frame.problem = (
                f"nbtrack failed ({type(problem).__name__}); %track and the store's kernel.log say more"
            )
            self._adopt(frame)

    def _adopt(self, frame: Frame) -> None:
        """Take on the run that was begun for this execution before something failed, so that it ends with it."""
        for run in list(self.session.last_runs.values()):
            if run.began >= frame.arrived and not run.ended:
                frame.ends_run = True
                self._enter(frame, run)
                self.session.recorder.note(run, f"at its beginning {frame.problem}")
                frame.problem = None

    def _head(self, frame: Frame, request: RunRequest) -> None:
        """Begin, continue or join the run that a header asks for."""
        session = self.session
        frame.request = request
        self._look(frame)
        if request.join:
            run = self.trained.run_of_models(frame)
            if run.ended:
                session.recorder.continue_run(run)
        elif request.again:
            run = session.continue_run(request.name, experiment=request.experiment)
        else:
            run = session.start_run(
                request.name, experiment=request.experiment, notebook=frame.notebook, cell_id=frame.cell_id
            )
        frame.ends_run = run is not self.bracket
        self._enter(frame, run)
        session.recorder.tag(run, dict(request.tags))

    def _attach(self, frame: Frame, run: ActiveRun) -> None:
        self._enter(frame, run)
        self._look(frame)

    def _look(self, frame: Frame) -> None:
        if not frame.looked:
            frame.looked = True
            try:
                frame.capture.look(self._metrics)
            except BaseException as problem:  # noqa: BLE001 - what the cell reads is then not known; the run goes on
                self._note_failure("look", problem)

    def _open_run(self) -> ActiveRun:
        """The run of a log call that finds none: the cell's own."""
        frame = self.executions.frame
        if frame is None:
            return self.session.start_run(DEFAULT_NAME, notebook=self.notebook)
        run = self.session.start_run(DEFAULT_NAME, notebook=frame.notebook, cell_id=frame.cell_id)
        frame.run, frame.ends_run = run, True
        if threading.get_ident() == frame.thread:
            self._enter(frame, run)
        self._look(frame)
        return run

    @guarded
    def post_run_cell(self, result: Any) -> None:
        """A cell has run, or failed, or was interrupted."""
        info = getattr(result, "info", None)
        execution = self.executions.find(info)
        if execution is not None:
            self._end_execution(execution, result)
        elif not self.executions.stack and not self.paused:
            source = getattr(info, "raw_cell", "")
            if source.strip() and not is_kept_out(source):
                self._late(info, result)

    def _end_execution(self, execution: Execution, result: Any) -> None:
        if execution.frame is not None:
            self._end(execution.frame, result)
        for frame in self.executions.remove(execution):
            self._cut_off(frame)

    def _let_go(self, execution: Execution | None, result: Any) -> None:
        """End an execution whose end could not be recorded, so that it hides no later one and leaves no run open."""
        if execution is None:
            return
        frames = self.executions.remove(execution)
        if execution.frame is not None:
            frames.append(execution.frame)
        for frame in frames:
            self._cut_off(frame, status_of(cell_error(result)))

    def _late(self, info: Any, result: Any) -> None:
        """A cell whose beginning was not seen: the one that loaded the extension."""
        frame = self._begin(info.raw_cell, info.raw_cell, getattr(info, "cell_id", None))
        frame.capture.end(cell_end(result, 0.0, []), None)
        self._tell()

    def _end(self, frame: Frame, result: Any) -> None:
        duration = perf_counter() - frame.began
        session, request = self.session, frame.request
        self._leave(frame)
        self.trained.settle(frame, result)
        run = frame.run
        said = frame.outputs.said(getattr(result, "execution_count", None))
        end = cell_end(result, duration, self._outputs(frame, result), said)
        settings = session.settings
        try:
            frame.capture.end(
                end,
                run,
                save_models=request.models and not frame.by_itself and bool(settings["models"]),
                output_limit=int(settings["output_limit"]),
                params=request.params,
                metrics=request.metrics,
                is_metric=self.trained.is_metric(frame),
                earlier=frame.earlier,
                verification=int(settings["verification_rows"]),
                fitted=frame.training.fitted() if frame.training is not None else None,
            )
            self.trained.give(frame)
        finally:
            if run is not None and frame.ends_run:
                self.saves.take(run, self.notebook)
                status = {"ok": "finished", "error": "failed"}.get(end.outcome, end.outcome)
                session.recorder.end_run(run, status, end.traceback)
                if session.run is run:
                    session.run = self.bracket
        session.save()
        if frame.problem is not None:
            show_problem(frame.problem)
        if run is None:
            self._tell()
            return
        self._metrics.update(frame.capture.metrics)
        if frame.ends_run and settings["line"] and not frame.by_itself:
            with self.own_path.imports():
                show_line(session, run, end.outcome, duration, self.place.trouble())
        self._tell()

    def _tell(self) -> None:
        """Tell of runs that an earlier process left open, once that is known."""
        if self.left_runs is not None:
            with self.own_path.imports():
                self.left_runs.show()

    def _outputs(self, frame: Frame, result: Any) -> list[dict[str, Any]]:
        """What the cell has shown; a shell that keeps it in another way costs the outputs, not the run's end."""
        try:
            return frame.outputs.stop(getattr(result, "execution_count", None))
        except Exception as problem:  # noqa: BLE001 - see above
            frame.outputs.close()
            self.session.note_problem(f"the outputs of a cell could not be read: {problem}")
            return []

    # A header in an execution without cell events

    @guarded
    def begin_silent(self, arguments: str) -> None:
        """Begin the run of a header line that no cell event announced; does nothing where one did."""
        if not self.is_wired():
            show_problem(NOT_WIRED)  # its end would not be told either
            return
        if self.executions.stack or self.paused:
            return
        body = self._transformer.body
        execution = self.executions.push(None)
        execution.frame = frame = self._begin(f"%%track {arguments}\n{body}", self._transformed(body), None)
        self._try_head(frame, arguments)
        frame.outputs.start()

    @guarded
    def post_execute(self) -> None:
        """Any execution has ended; for a silent one this is the only event."""
        if (execution := self._silent_execution()) is not None:
            self._end_execution(execution, None)

    def _silent_execution(self) -> Execution | None:
        stack = self.executions.stack
        return stack[0] if len(stack) == 1 and stack[0].info is None else None

    def close(self) -> None:
        """The kernel ends: a run that is still open was cut off."""
        if self.bracket is not None:
            self.session.recorder.note(self.bracket, "it was open when its kernel ended")
            self.session.recorder.end_run(self.bracket, "interrupted")
        self.saves.end()

    # What the magics ask

    def start_bracket(self, name: str, *, again: bool = False) -> ActiveRun:
        """``%track start``: a new run, or the last one of this name again."""
        if self.bracket is not None:
            raise InvalidInput(f"The run {self.bracket.name} is still open; end it first with %track end.")
        frame = self.executions.frame
        cell_id = frame.cell_id if frame else None
        if again:
            run = self.session.continue_run(name)
        else:
            run = self.session.start_run(name, notebook=self.notebook, cell_id=cell_id)
        self.bracket = self.session.run = run
        if frame is not None and frame.token is not None:
            enter_run(
                self.bracket
            )  # what the rest of a headed cell logs is the bracket's; the cell's end takes it back
        return self.bracket

    def end_bracket(self) -> ActiveRun:
        """``%track end``: the run ends with the cell that says so."""
        if self.bracket is None:
            raise InvalidInput("No run is open here; begin one with %track start NAME.")
        run, self.bracket = self.bracket, None
        frame = self.executions.frame
        if frame is not None and frame.run in (None, run):
            frame.run, frame.ends_run = run, True
        else:
            self.session.recorder.end_run(run)
            self.session.run = None
        return run
