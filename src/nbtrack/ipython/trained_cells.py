"""What cells train: runs without a header, and metrics for the runs of earlier models."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from nbtrack.capture.active_run import ActiveRun
from nbtrack.capture.early_calls import add_early_calls
from nbtrack.capture.trained import (
    earlier_run,
    give_training,
    is_metric,
    named_after,
    run_name,
    run_name_of_measures,
)
from nbtrack.capture.training import CellTraining, Training
from nbtrack.errors import InvalidInput
from nbtrack.ipython.executions import Executions, Frame
from nbtrack.session import Session


class TrainedCells:
    """Brings together what libraries are seen doing and the cells of one shell."""

    def __init__(self, shell: InteractiveShell, session: Session, executions: Executions) -> None:
        self._shell = shell
        self._session = session
        self._executions = executions
        self.training = Training(shell.user_ns, self._cell)

    def _cell(self) -> CellTraining | None:
        frame = self._executions.frame
        return frame.training if frame is not None else None

    def begin(self, frame: Frame, look: Callable[[Frame], object]) -> None:
        """A cell is about to run; `look` is called with its frame before it trains anything."""
        frame.training = CellTraining(
            lambda: look(frame), lambda kind, name, values: self._stream(frame, kind, name, values)
        )
        if self.training.trains_early(frame.capture.code):
            frame.training.begin()  # its beginning will not be told

    def settle(self, frame: Frame, result: Any) -> None:
        """A cell has run: if it has trained something and has no run, it gets one; else it may belong to an earlier one."""
        cell = frame.training
        if cell is None:
            return
        cell.finish()
        namespace = self._shell.user_ns
        add_early_calls(self.training, cell, frame.capture.code, namespace, getattr(result, "result", None))
        if frame.run is not None or frame.problem is not None:
            return
        if cell.trains and self._session.settings["autorun"]:
            self._open(frame, run_name(cell))
        elif cell.measures and not cell.trains:
            self._find_run(frame, cell)
            frame.earlier = earlier_run(cell)
            if self._session.settings["autorun"] and (name := run_name_of_measures(cell)) is not None:
                self._open(frame, name)

    def _open(self, frame: Frame, name: str) -> ActiveRun:
        run = frame.run = self._session.start_run(
            name,
            notebook=frame.notebook,
            cell_id=frame.cell_id,
            began=(frame.capture.started, frame.arrived),
        )
        frame.ends_run = frame.by_itself = True
        return run

    def _stream(self, frame: Frame, kind: str, name: str, values: array[float]) -> None:
        """Take points of a training that goes on; a cell that has no run yet gets one."""
        run = frame.run
        if run is None:
            if frame.problem is not None or not self._session.settings["autorun"]:
                return
            run = self._session.run = self._open(
                frame, named_after(kind)
            )  # what the cell logs itself goes there too
        self._session.recorder.log_series(run, name, values)

    def is_metric(self, frame: Frame) -> Callable[[str, float], bool] | None:
        """What tells the metrics among the floats that a cell left, of which some may be told already."""
        cell, by_itself = frame.training, frame.by_itself
        if cell is None or not (by_itself or cell.streamed):
            return None
        return lambda name, value: (
            name not in cell.streamed and (not by_itself or is_metric(cell, name, value))
        )

    def give(self, frame: Frame) -> None:
        """Record what the cell has trained and measured, after its variables were looked at."""
        run, cell = frame.run, frame.training
        frame.training = None  # it knows the frame, which shall go now
        if run is not None:
            for model in frame.capture.models.values():
                self.training.runs[model] = run
        if cell is not None and (cell.fits or cell.measures):
            give_training(
                self._session.recorder,
                self.training,
                cell,
                run,
                frame.capture.metrics if run is not None else frame.capture.floats(),
                asked=not frame.by_itself,
            )
        if cell is not None:
            cell.close()

    def run_of_models(self, frame: Frame) -> ActiveRun:
        """The run whose model the cell reads."""
        for name in frame.capture.source.loads:
            run = self.training.runs.get(self._shell.user_ns.get(name))
            if run is not None:
                return run
        raise InvalidInput(
            "--join: this cell reads no model that a run of this session has made; name a run by +NAME."
        )

    def keep_model(self, name: str, form: str | None, rows: str | None) -> tuple[str, str] | None:
        """Save a variable as a model of the run that made it, or of one of its own; see `nbtrack.commands.Asking`."""
        from nbtrack.client.variables import keep  # late: few sessions register a variable

        namespace = self._shell.user_ns
        if name not in namespace:
            return None
        if rows is not None and rows not in namespace:
            raise InvalidInput(f"There is no variable {rows}, which --rows names.")
        run = self.training.runs.get(namespace[name])
        return keep(self._session, namespace[name], name, form=form, rows=rows, namespace=namespace, run=run)

    def _find_run(self, frame: Frame, cell: CellTraining) -> None:
        """For what was measured on values of unknown origin: the one run whose models or predictions the cell reads."""
        unknown = [measured for measured in cell.measures.values() if measured.unknown]
        if not unknown:
            return
        runs: dict[str, ActiveRun] = {}
        for name in frame.capture.source.loads:
            run = self.training.run_of(self._shell.user_ns.get(name))
            if run is not None:
                runs[run.id] = run
        if len(runs) == 1:
            for measured in unknown:
                (measured.run,) = runs.values()
