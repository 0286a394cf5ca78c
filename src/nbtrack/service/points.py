"""Points on their way from a journal to the store: gathered per series, so that a series is written once per transaction."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field

from nbtrack.entities import records
from nbtrack.store.journal import POINT, STEPS, PointColumns, S, columns
from nbtrack.store.metrics import Metrics, counted_on

_STEP_BOUNDS = -(2**63), 2**63 - 1


@dataclass(slots=True)
class Stretch:
    """Points of a series that follow each other and whose steps are all given, or all count on."""

    given: bool
    steps: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))
    times: array[int] = field(default_factory=lambda: array("q"))

    def add(self, time: int, step: int, value: float) -> None:
        """Add a point; the step of one whose steps count on is nothing."""
        self.times.append(time)
        self.values.append(value)
        if self.given:
            self.steps.append(step)

    def follow(self, other: Stretch) -> None:
        """Add the points of another, which count on from the last of these where their steps are not given."""
        self.steps.extend(other.steps if other.given else counted_on(self.steps[-1], len(other.values)))
        self.values.extend(other.values)
        self.times.extend(other.times)


@dataclass(slots=True)
class GrowingSeries:
    """A series and what is new of it."""

    run: str
    name: str
    stretches: list[Stretch] = field(default_factory=list)
    numbered: bool = False
    """Whether a journal that is being read names it by a number."""


class Points:
    """The new points of one transaction."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._series: dict[tuple[str, str], GrowingSeries] = {}
        self._grown: list[GrowingSeries] = []
        self._numbers: dict[str, dict[int, GrowingSeries]] = {}

    def name(self, journal: str, record: records.SeriesNamed) -> None:
        """Remember which series the numbers in a journal's file stand for."""
        numbers = self._numbers.setdefault(journal, {})
        for name, number in record.series.items():
            numbers[number] = found = self.series(record.run, name)
            found.numbered = True

    def series(self, run: str, name: str) -> GrowingSeries:
        """The series of a run, for what is added in this transaction."""
        found = self._series.get((run, name))
        if found is None:
            found = self._series[run, name] = GrowingSeries(run, name)
        return found

    def _grow(self, series: GrowingSeries, *, given: bool) -> Stretch:
        """Where the next points of a series go."""
        if not series.stretches:
            self._grown.append(series)
        if not series.stretches or series.stretches[-1].given != given:
            series.stretches.append(Stretch(given))
        return series.stretches[-1]

    def knows(self, journal: str) -> bool:
        """Whether the names of a journal's series were read since the keeper began."""
        return journal in self._numbers

    def forget(self, journal: str) -> None:
        """The file has been read to its end."""
        for series in self._numbers.pop(journal, {}).values():
            series.numbered = False  # until the next file of the process names it again
            if not series.stretches:
                self._series.pop((series.run, series.name), None)

    def add(self, record: records.MetricsLogged) -> None:
        """Points of an older journal: a record each."""
        low, high = _STEP_BOUNDS
        for name, value in record.values.items():
            stretch = self._grow(self.series(record.run, name), given=record.step is not None)
            if record.step is not None:
                stretch.steps.append(max(low, min(record.step, high)))
            stretch.values.append(value)
            stretch.times.append(record.time)

    def take(self, journal: str, points: PointColumns) -> None:
        """Take single points of a journal.

        Raises
        ------
        LookupError
            If a series was never named; the points of others are taken.
        """
        heads, times, steps, values = points
        if heads.count(heads[0]) == len(heads):  # the usual loop logs one metric
            stretch = self._stretch(journal, heads[0])
            stretch.times.extend(times)
            stretch.values.extend(values)
            if stretch.given:
                stretch.steps.extend(steps)
            return
        targets: dict[int, Callable[[int, int, float], None]] = {}
        missing: LookupError | None = None
        for head, time, step, value in zip(heads, times, steps, values, strict=True):
            target = targets.get(head)
            if target is None:
                try:
                    target = self._stretch(journal, head).add
                except LookupError as problem:
                    missing = problem
                    continue
                targets.pop(head ^ STEPS << 8, None)  # given and counted steps of a series take turns
                targets[head] = target
            target(time, step, value)
        if missing is not None:
            raise missing

    def _stretch(self, journal: str, head: int) -> Stretch:
        series = self._numbers.get(journal, {}).get(head >> 32)
        if series is None:
            raise LookupError(f"the series {head >> 32} of the journal {journal} has no name")
        return self._grow(series, given=bool(head >> 8 & STEPS))

    def take_many(self, journal: str, payload: memoryview) -> None:
        """Take a frame with many points of one series.

        Raises
        ------
        LookupError, ValueError
            If the series was never named, or the frame does not hold what it says.
        """
        tag, flags, number, time, count, _ = POINT.unpack_from(payload)
        series = self._numbers.get(journal, {}).get(number)
        if tag != S or series is None:
            raise LookupError(f"the series {number} of the journal {journal} has no name")
        self.extend(series, time, *columns(payload[POINT.size :], count, steps=bool(flags & STEPS)))

    def extend(
        self, series: GrowingSeries, time: int, steps: array[int] | None, values: array[float]
    ) -> None:
        """Add columns of points of one time."""
        stretch = self._grow(series, given=steps is not None)
        if steps is not None:
            stretch.steps.extend(steps)
        stretch.values.extend(values)
        stretch.times.extend(array("q", [time]) * len(values))

    def flush(self, write: Callable[[GrowingSeries, Callable[[], None]], None]) -> None:
        """Write each series that has grown; `write` is given the series and what writes it, and guards it."""
        for series in self._grown:
            write(series, lambda series=series: self._write(series))  # type: ignore[misc]

    def _write(self, series: GrowingSeries) -> None:
        """Write what counts on from the stored steps, then all others at once: each writing packs a chunk anew."""
        together = Stretch(given=True)
        for stretch in series.stretches:
            if stretch.given or together.steps:
                together.follow(stretch)
            else:
                self._metrics.append(series.run, series.name, None, stretch.values, stretch.times)
        if together.steps:
            self._metrics.append(series.run, series.name, together.steps, together.values, together.times)

    def clear(self) -> None:
        """Forget what was gathered: it is written, or its transaction was undone."""
        for series in self._grown:
            series.stretches.clear()
            if not series.numbered:
                self._series.pop((series.run, series.name), None)
        self._grown.clear()
