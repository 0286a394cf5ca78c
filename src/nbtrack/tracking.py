"""The functions that people log with, in cells and in plain scripts: ``nbtrack.log(loss=0.31)``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from nbtrack.capture.active_run import ActiveRun
from nbtrack.capture.ends import format_traceback, status_of
from nbtrack.capture.recorder import Recorder
from nbtrack.errors import InvalidInput
from nbtrack.session import (
    Session,
    begin_session,
    current_session,
    enter_run,
    leave_run,
)


def _target() -> tuple[Recorder, ActiveRun]:
    session = begin_session()
    return session.recorder, session.current_run()


def _merged(mapping: dict[str, object] | None, named: dict[str, object]) -> dict[str, object]:
    if mapping is not None and not isinstance(mapping, dict):
        raise InvalidInput(f"Give a dict or names with values, not {type(mapping).__name__}.")
    return {**(mapping or {}), **named}


def log(values: dict[str, object] | None = None, /, *, step: int | None = None, **named: object) -> None:
    """Log one point of each named metric: ``nbtrack.log(loss=0.31, step=7)``.

    Parameters
    ----------
    values
        Names that are no Python names, as a dict.
    step
        The place on the x axis; counted on from the last one where it is not given.

    Raises
    ------
    InvalidInput
        If a value is no number.
    """
    session = current_session()
    if session is not None and session.log_quickly(named, values, step):
        return
    recorder, run = _target()
    recorder.log(run, _merged(values, named), step)


def log_series(name: str, values: object, steps: object = None) -> None:
    """Log many points of one metric at once: ``nbtrack.log_series("loss", losses)``.

    Parameters
    ----------
    values
        A flat array of NumPy, pandas or torch, or a list of numbers.
    steps
        A whole number for each value; counted on from the last one where they are not given.

    Raises
    ------
    InvalidInput
        If the values are no numbers or the steps no whole numbers, one for each value.
    """
    recorder, run = _target()
    recorder.log_series(run, name, values, steps)


def params(values: dict[str, object] | None = None, /, **named: object) -> None:
    """Set params of the run: ``nbtrack.params(lr=0.1)``."""
    recorder, run = _target()
    recorder.params(run, _merged(values, named))


def tag(*names: str, **named: object) -> None:
    """Tag the run: ``nbtrack.tag("baseline", owner="me")``."""
    recorder, run = _target()
    recorder.tag(run, {**dict.fromkeys(names, ""), **named})


def artifact(content: object, name: str | None = None) -> str:
    """Store a file, a folder or an object with the run, and return the artifact's name.

    Parameters
    ----------
    content
        A path, bytes, a JSON-able structure, a matplotlib figure or a data frame.

    Raises
    ------
    InvalidInput
        If there is no such file, or the object has no form that nbtrack knows.
    """
    recorder, run = _target()
    return recorder.artifact(run, content, name)


def model(obj: object, name: str | None = None) -> None:
    """Save a fitted model with the run.

    Raises
    ------
    NbtrackError
        If it cannot be saved.
    """
    from nbtrack.flavors.native import native_form  # late: few processes save models by hand

    recorder, run = _target()
    recorder.model_object(run, obj, name, native_form(obj))


def flush() -> None:
    """Wait until the disk holds everything that this process has recorded."""
    if (session := current_session()) is not None:
        session.flush()


class RunHandle:
    """The run of a ``with nbtrack.run(...)`` block."""

    def __init__(self, session: Session, active: ActiveRun) -> None:
        self._session = session
        self._active = active

    @property
    def id(self) -> str:
        """The run's id."""
        return self._active.id

    @property
    def name(self) -> str:
        """The run's name with its number, as the store gave it."""
        return str(self._session.proxy.ask("runs.outcome", run=self._active.id).name)

    def log(
        self, values: dict[str, object] | None = None, /, *, step: int | None = None, **named: object
    ) -> None:
        """As `nbtrack.log`, for this run."""
        if not self._session.log_quickly(named, values, step, self._active):
            self._session.recorder.log(self._active, _merged(values, named), step)

    def log_series(self, name: str, values: object, steps: object = None) -> None:
        """As `nbtrack.log_series`, for this run."""
        self._session.recorder.log_series(self._active, name, values, steps)

    def params(self, values: dict[str, object] | None = None, /, **named: object) -> None:
        """As `nbtrack.params`, for this run."""
        self._session.recorder.params(self._active, _merged(values, named))

    def tag(self, *names: str, **named: object) -> None:
        """As `nbtrack.tag`, for this run."""
        self._session.recorder.tag(self._active, {**dict.fromkeys(names, ""), **named})

    def artifact(self, content: object, name: str | None = None) -> str:
        """As `nbtrack.artifact`, for this run."""
        return self._session.recorder.artifact(self._active, content, name)

    def model(self, obj: object, name: str | None = None) -> None:
        """As `nbtrack.model`, for this run."""
        from nbtrack.flavors.native import native_form

        self._session.recorder.model_object(self._active, obj, name, native_form(obj))


@contextlib.contextmanager
def run(name: str, *, experiment: str | None = None) -> Iterator[RunHandle]:
    """A run for the length of a block: ``with nbtrack.run("name") as run:``.

    The run is failed when the block raises, and interrupted when it is interrupted; the exception goes on.

    Raises
    ------
    InvalidInput
        If the name cannot be one.
    """
    session = begin_session()
    active = session.start_run(name, experiment=experiment)
    token = enter_run(active)
    try:
        yield RunHandle(session, active)
    except BaseException as error:
        session.recorder.end_run(active, status_of(error), format_traceback(error))
        raise
    else:
        session.recorder.end_run(active)
    finally:
        leave_run(token)
