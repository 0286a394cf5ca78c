"""What the libraries of this process were seen training, predicting and measuring, cell by cell.

The leaves of `nbtrack.capture.frameworks` tell of it while it happens. Only what people's own code asks for counts: what a
fit, a search or a score calls itself is its way of doing that, also on other threads. No object is held: facts are taken at
once, and objects are known by weak references.
"""

from __future__ import annotations

import os
import threading
import weakref
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from time import perf_counter  # by name: a notebook may put something else into the module
from types import ModuleType
from typing import Any, Final

from nbtrack.capture.active_run import ActiveRun
from nbtrack.capture.estimators import class_name, estimator_params, estimator_title, shape_of
from nbtrack.capture.fits import Fit, Measured
from nbtrack.capture.frameworks.patches import Closing, Opening, Patches
from nbtrack.capture.identity import ByIdentity
from nbtrack.capture.metrics import exact_float
from nbtrack.capture.params import loaded

MOST_FITS: Final = 1_000
"""Fits of one cell that are described; further ones are counted."""

_TITLES: Final = 100
_NAMED: Final = 200  # metrics of one cell whose arguments are looked up among the variables

Describe = Callable[[Any, Fit], None]
"""Adds to a fit what a library's own models tell."""


@dataclass(frozen=True, slots=True)
class Early:
    """A function that was imported by name before it was watched, and what is called around it where it trains."""

    name: str
    opening: Opening | None


class CellTraining:
    """What one execution of a cell was seen doing.

    Parameters
    ----------
    begin
        Called before the first thing that is told, while the variables are still those that the cell reads.
    stream
        Takes points of a metric while the cell runs, with the name for a run that begins by it.
    """

    def __init__(
        self,
        begin: Callable[[], object],
        stream: Callable[[str, str, array[float]], object] | None = None,
    ) -> None:
        self._stream = stream
        self.ended = False
        self.streamed: set[str] = set()
        """Metrics whose points were told while the cell ran."""
        self.at_end: list[Callable[[], object]] = []
        """Called when the cell has run, before anything is read from here."""
        self.fits: list[Fit] = []
        self.uncounted = 0
        """Fits beyond those that are described."""
        self.measures: dict[tuple[str, ...], Measured] = {}
        self.of: ByIdentity[Fit] = ByIdentity()
        """The fit of each model that the cell has fitted."""
        self._begin: Callable[[], object] | None = begin

    def begin(self) -> None:
        """The first thing is about to happen."""
        begin, self._begin = self._begin, None
        if begin is not None:
            begin()

    def add(self, fit: Fit, model: object) -> None:
        """Note a fit."""
        fit.model = _reference(model)
        if len(self.fits) < MOST_FITS:
            self.fits.append(fit)
        else:
            self.uncounted += 1
        self.of[model] = fit

    def stream(self, kind: str, name: str, values: array[float]) -> None:
        """Tell points of a metric now; `kind` names a run that begins by it."""
        self.streamed.add(name)
        if self._stream is not None:
            self._stream(kind, name, values)

    def finish(self) -> None:
        """The cell has run."""
        at_end, self.at_end = self.at_end, []
        for call in at_end:
            call()

    def close(self) -> None:
        """Everything has been read from here: whoever still knows this object shall not keep the cell's alive."""
        self.ended, self._begin, self._stream = True, None, None

    @property
    def trains(self) -> bool:
        """Whether a model was trained, and not only what prepares data."""
        return not all(fit.prepares for fit in self.fits)

    def fitted(self) -> dict[str, int]:
        """What was fitted, each with how many times."""
        return dict(Counter(fit.title for fit in self.fits).most_common(_TITLES))


class Training:
    """Takes what the leaves tell.

    Parameters
    ----------
    namespace
        The person's variables.
    cell
        What collects for the cell that runs now; None where nothing is to be remembered.
    """

    def __init__(self, namespace: Mapping[str, object], cell: Callable[[], CellTraining | None]) -> None:
        self._namespace = namespace
        self._cell = cell
        self._home = os.getpid()
        self._busy: set[int] = set()
        self._describe: list[tuple[type, Describe]] = []
        self.fitted_on: Callable[[Mapping[str, object], float], object] | None = None
        """Told of the data of each fit (``X``, ``y``) and of the seconds that it took, before the next call."""
        self._shared: dict[str, Any] = {}
        self.runs: ByIdentity[ActiveRun] = ByIdentity()
        """The run that each model was made by."""
        self._makers: ByIdentity[weakref.ref[Any]] = ByIdentity()
        self.early: dict[str, Early] = {}
        """Names that meant a function before it could be watched."""

    def describe(self, kind: type, describe: Describe) -> None:
        """Have `describe` asked about each fitted model of a kind."""
        self._describe.append((kind, describe))

    def shared(self, name: str, make: Callable[[], Any]) -> Any:
        """What the parts of one leaf share; made when the first of them asks."""
        if name not in self._shared:
            self._shared[name] = make()
        return self._shared[name]

    def variables(self) -> list[object]:
        """The values of the person's variables."""
        return [value for name, value in list(self._namespace.items()) if not name.startswith("_")]

    def found_early(self, function: object, name: str, opening: Opening | None = None) -> None:
        """A function is about to be watched: names that mean it already go on meaning it.

        Parameters
        ----------
        opening
            What is called around it where it trains; without one it measures. Must not raise.
        """
        for variable, value in list(self._namespace.items()):
            if value is function:
                self.early[variable] = Early(name, opening)

    def watch_function(self, patches: Patches, module: ModuleType, name: str, opening: Opening) -> None:
        """Watch a function that trains, in its module and by the names that the person bound to it before."""
        self.found_early(vars(module).get(name), name, patches.guarded(opening))
        patches.around(module, name, opening)

    def trains_early(self, code: str) -> bool:
        """Whether a cell may call a function that trains by a name that is not watched."""
        return any(early.opening is not None and name in code for name, early in self.early.items())

    # ── what happens ──

    def own(self) -> CellTraining | None:
        """The cell to tell, if the call that is about to happen is the person's own and no part of another."""
        busy = self._busy
        if busy and (threading.get_ident() in busy or threading.main_thread().ident in busy):
            return None
        return self._cell() if os.getpid() == self._home else None

    def enter(self) -> int:
        """A call of the person's own begins: what this thread does until `leave` is part of it."""
        thread = threading.get_ident()
        self._busy.add(thread)
        return thread

    def leave(self, thread: int) -> None:
        """It has ended."""
        self._busy.discard(thread)

    def fitting(
        self,
        model: Any,
        data: object,
        target: object = None,
        *,
        more: bool = False,
        cut_short: bool = False,
        read: Callable[[Any, Fit], None] | None = None,
    ) -> Closing | None:
        """A model is about to be fitted on `data`, to predict `target`.

        Parameters
        ----------
        model
            None where the call returns it.
        more
            Whether the fit goes on with what the model has learned before.
        cut_short
            Whether a fit that the person interrupts is one too.
        read
            Takes what the call returned and adds to the fit; also each time that a fit goes on.
        """
        cell = self.own()
        if cell is None:
            return None
        cell.begin()
        thread, began = self.enter(), perf_counter()

        def closing(result: Any, problem: BaseException | None) -> None:
            seconds = perf_counter() - began
            try:
                if problem is None or (cut_short and isinstance(problem, KeyboardInterrupt)):
                    self._fitted(cell, model, data, seconds, more, read, result)
                    if self.fitted_on is not None:
                        self.fitted_on({"X": data, "y": target}, seconds)
            finally:
                self.leave(thread)

        return closing

    def _fitted(
        self,
        cell: CellTraining,
        model: Any,
        data: object,
        seconds: float,
        more: bool,
        read: Callable[[Any, Fit], None] | None,
        result: Any,
    ) -> None:
        if model is None:
            model, result = result, result
        known = cell.of.get(model) if more else None
        if known is not None:
            known.calls += 1
            known.seconds = seconds if known.seconds is None else known.seconds + seconds
            if read is not None:
                read(result, known)
            return
        if cell.uncounted:
            cell.uncounted += 1
            return
        fit = Fit(
            title=estimator_title(model),
            kind=class_name(model),
            params=estimator_params(model),
            shape=shape_of(data),
            seconds=seconds,
        )
        for kind, describe in self._describe:
            if issubclass(type(model), kind):
                describe(model, fit)
        if read is not None:
            read(result, fit)
        cell.add(fit, model)
        if result is not None and result is not model:
            self.made(result, model, data)

    def making(self, model: Any, data: object) -> Closing | None:
        """A model is about to predict for some data."""
        if self.own() is None:
            return None
        thread = self.enter()

        def closing(result: Any, problem: BaseException | None) -> None:
            self.leave(thread)
            if problem is None:
                self.made(result, model, data)

        return closing

    def made(self, result: object, model: object, data: object) -> None:
        """A model has made this of some data."""
        reference = _reference(model)
        if reference is None or result is data:
            return
        self._makers[result] = reference
        array = loaded("numpy", "ndarray")
        if type(result) is array:
            base = result.base  # type: ignore[attr-defined]
            of_data = base is data or (type(data) is array and base is data.base)  # type: ignore[attr-defined]
            if type(base) is array and not of_data:  # a part of the result will be known by the same base
                self._makers[base] = reference

    def measuring(self, name: str, arguments: Iterable[object], model: object = None) -> Closing | None:
        """Something is about to be measured on `arguments`, or on `model` with them."""
        cell = self.own()
        if cell is None:
            return None
        thread = self.enter()

        def closing(result: Any, problem: BaseException | None) -> None:
            self.leave(thread)
            value = exact_float(result) if problem is None else None
            if value is not None:
                self.measured(cell, name, value, arguments, model)

        return closing

    def measured(
        self, cell: CellTraining, name: str, value: float, arguments: Iterable[object], model: object = None
    ) -> None:
        """Something was measured."""
        given = list(arguments)[:8]
        if model is None:
            model = next((made for made in map(self.maker, given) if made is not None), None)
        names = self._names([model, *given]) if len(cell.measures) < _NAMED else {}
        label = names.get(id(model), "") if model is not None else ""
        data = [names[id(argument)] for argument in given if id(argument) in names]
        fit = None if model is None else cell.of.get(model)
        key = (name, label, *data)
        measured = cell.measures.get(key)
        if measured is None:
            kind = class_name(model) if model is not None and not label else ""
            measured = cell.measures[key] = Measured(name, label or kind, data[0] if data else "")
        measured.values.append(value)
        measured.run = None if fit is not None or model is None else self.runs.get(model)
        measured.unknown = fit is None and measured.run is None
        if fit is not None:
            fit.scores[name] = value

    # ── what is known ──

    def maker(self, value: object) -> object | None:
        """The living model that made `value`, or (for a part of an array) what it is a part of."""
        for _ in range(3):
            reference = self._makers.get(value)
            if reference is not None:
                return reference()
            if type(value) is not loaded("numpy", "ndarray"):
                return None
            value = value.base  # type: ignore[attr-defined]
        return None

    def run_of(self, value: object) -> ActiveRun | None:
        """The run of a model, or of the model that made a prediction."""
        run = self.runs.get(value)
        maker = self.maker(value) if run is None else None
        return run if maker is None else self.runs.get(maker)

    def _names(self, things: Iterable[object]) -> dict[int, str]:
        """The variables that are these very objects."""
        wanted = {id(thing) for thing in things if thing is not None}
        if wanted.isdisjoint(map(id, list(self._namespace.values()))):
            return {}
        found: dict[int, str] = {}
        for name, value in list(self._namespace.items()):
            if id(value) in wanted and not name.startswith("_"):
                found.setdefault(id(value), name)
                if len(found) == len(wanted):
                    break
        return found


def _reference(model: object) -> weakref.ref[Any] | None:
    try:
        return weakref.ref(model)
    except TypeError:
        return None
