"""SQL of metrics: series as chunks of columns, with a summary beside them for tables.

A series grows at its end by whatever was logged since the last look, so its last `SMALL` points are rewritten now and then;
`LARGE` points make one chunk for good, since reading a curve costs most per chunk.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import apsw

from nbtrack.store.names import Names, expression
from nbtrack.store.points import HEAD_SIZE, Chunk, encode
from nbtrack.store.sampling import Piece, pack_extremes, sample
from nbtrack.store.values import from_sql, to_sql

SMALL, LARGE = 4096, 65536


@dataclass(frozen=True, slots=True)
class Summary:
    """What is known of a series without reading it; ``lowest`` and ``highest`` are NaN where all of it is."""

    count: int
    last: float
    lowest: float
    highest: float
    last_step: int
    last_time: int


def counted_on(last: int, count: int) -> Sequence[int]:
    """The steps of `count` points that count on from the step `last`; at the end of the range they stay there."""
    first = min(last + 1, 2**63 - 1)
    return range(first, first + count) if first + count < 2**63 else [first] * count


class Metrics:
    """The metrics of a store's runs."""

    def __init__(self, connection: apsw.Connection, names: Names) -> None:
        self._connection = connection
        self._names = names

    def append(
        self, run: str, name: str, steps: Sequence[int] | None, values: array[float], times: array[int]
    ) -> None:
        """Add points to a series of the run with the id `run`.

        Parameters
        ----------
        steps
            The steps; None counts on from the series' last one.
        values
            The values, one at least.
        times
            When each was logged, Unix time in nanoseconds; milliseconds are kept.
        """
        row = next(self._connection.execute("SELECT key FROM runs WHERE id = ?", (run,)), None)
        if row is None:
            return  # points that come late, of a run that was deleted for good
        (key,) = row
        number = self._names.number("metric", name)
        old = self._summary(key, number)
        if steps is None:
            steps = counted_on(old.last_step if old else -1, len(values))
        else:
            steps = [max(-(2**63), min(step, 2**63 - 1)) for step in steps]
        moments = array("q", [time // 1_000_000 for time in times])
        numbers = values if not any(map(math.isnan, values)) else [v for v in values if not math.isnan(v)]
        bounds = [*numbers, *((old.lowest, old.highest) if old and not math.isnan(old.lowest) else ())]
        count = (old.count if old else 0) + len(values)
        if count > 1:
            self._append_columns(key, number, old, steps, values, moments)
        self._names.set(key, "metric", {name: to_sql(values[-1])})
        self._connection.execute(
            "INSERT OR REPLACE INTO metrics (run, name, count, lowest, highest, last_step, last_time)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                key,
                number,
                count,
                min(bounds, default=None) if count > 1 else None,
                max(bounds, default=None) if count > 1 else None,
                steps[-1],
                moments[-1],
            ),
        )

    def _summary(self, run: int, number: int) -> Summary | None:
        row = next(
            self._connection.execute(
                f"SELECT count, {expression(number)}, lowest, highest, last_step, last_time FROM metrics"
                " JOIN runs ON runs.key = metrics.run WHERE metrics.run = ? AND metrics.name = ?",
                (run, number),
            ),
            None,
        )
        if row is None:
            return None
        count, last, lowest, highest, last_step, last_time = row
        last = from_sql(last)
        if count == 1:  # a single point needs no chunk: the summary is the point
            lowest = highest = last
        nan = math.nan
        return Summary(
            count,
            last,
            nan if lowest is None else lowest,
            nan if highest is None else highest,
            last_step,
            last_time,
        )

    def summaries(self, run: str) -> dict[str, Summary]:
        """The summary of each series of a run."""
        rows: list[Any] = self._connection.execute(
            "SELECT runs.key, names.id, names.name FROM metrics JOIN runs ON runs.key = metrics.run"
            " JOIN names ON names.id = metrics.name WHERE runs.id = ? ORDER BY names.id",
            (run,),
        ).fetchall()
        found = ((name, self._summary(key, number)) for key, number, name in rows)
        return {name: summary for name, summary in found if summary is not None}

    def _append_columns(
        self,
        run: int,
        name: int,
        old: Summary | None,
        steps: Sequence[int],
        values: array[float],
        times: array[int],
    ) -> None:
        """Fill up the last chunk, then begin new ones; small ones that make a large one become it."""
        count = old.count if old else 0
        grown = count % LARGE + len(values)
        first = count - count % (LARGE if grown >= LARGE else SMALL)
        if old and old.count == 1:
            steps = [old.last_step, *steps]
            values = array("d", [old.last]) + values
            times = array("q", [old.last_time]) + times
        elif first < count:
            parts = [Chunk(content) for content in self._contents(run, name, first)]
            steps = [step for part in parts for step in part.steps()] + list(steps)
            values = _joined("d", [part.values() for part in parts]) + values
            times = _joined("q", [part.times() for part in parts]) + times
            self._connection.execute(
                "DELETE FROM metric_chunks WHERE run = ? AND name = ? AND first >= ?", (run, name, first)
            )
        start = 0
        while start < len(values):
            length = LARGE if len(values) - start >= LARGE else SMALL
            part = slice(start, start + length)
            self._connection.execute(
                "INSERT INTO metric_chunks (run, name, first, points, extremes) VALUES (?, ?, ?, ?, ?)",
                (run, name, first + start, encode(steps[part], values[part], times[part]))
                + (pack_extremes(values[part]) if length == LARGE else None,),
            )
            start += length

    def _contents(self, run: int, name: int, first: int = 0) -> list[bytes | memoryview]:
        """The chunks of a series from the point `first` on, in order.

        They are read into one piece of memory, a third of the time that a long curve takes as a value for each chunk.
        """
        places: list[Any] = self._connection.execute(
            "SELECT rowid, length(points) FROM metric_chunks WHERE run = ? AND name = ? AND first >= ? ORDER BY first",
            (run, name, first),
        ).fetchall()
        together = bytearray(sum(length for _, length in places))
        found: list[bytes | memoryview] = []
        start = 0
        for row, length in places:
            with self._points_of(row) as blob:
                blob.read_into(together, start, length)
            found.append(memoryview(together)[start : start + length])
            start += length
        return found

    def _points_of(self, row: int) -> apsw.Blob:
        return self._connection.blob_open("main", "metric_chunks", "points", row, False)

    def stored_chunks(self, run: str, name: str) -> list[tuple[int, bytes]]:
        """The chunks of a series as they are stored, each with the number of its first point."""
        found: list[Any] = self._connection.execute(
            "SELECT first, points FROM metric_chunks JOIN runs ON runs.key = run JOIN names ON names.id = metric_chunks.name"
            " WHERE runs.id = ? AND names.kind = 'metric' AND names.name = ? ORDER BY first",
            (run, name),
        ).fetchall()
        return found

    def replace(self, run: str, name: str, summary: Summary, chunks: Sequence[tuple[int, bytes]]) -> None:
        """Make a series what another store has of it. To be called inside a transaction."""
        ((key,),) = list(self._connection.execute("SELECT key FROM runs WHERE id = ?", (run,)))
        number = self._names.number("metric", name)
        self._connection.execute("DELETE FROM metric_chunks WHERE run = ? AND name = ?", (key, number))
        for first, content in chunks:
            chunk = Chunk(content)
            extremes = pack_extremes(chunk.values()) if chunk.count == LARGE else None
            self._connection.execute(
                "INSERT INTO metric_chunks (run, name, first, points, extremes) VALUES (?, ?, ?, ?, ?)",
                (key, number, first, content, extremes),
            )
        self._names.set(key, "metric", {name: to_sql(summary.last)})
        bounds = (
            None if summary.count == 1 or math.isnan(bound) else bound
            for bound in (summary.lowest, summary.highest)
        )
        self._connection.execute(
            "INSERT OR REPLACE INTO metrics (run, name, count, lowest, highest, last_step, last_time)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (key, number, summary.count, *bounds, summary.last_step, summary.last_time),
        )

    def chunks(self, run: str, name: str) -> list[bytes | memoryview] | None:
        """A series as the chunks of `nbtrack.store.points`, in order; None if the run has no such metric."""
        found = self._summaries_of(run, name)
        if found is None:
            return None
        key, number, summary = found
        if summary.count == 1:
            return [encode([summary.last_step], array("d", [summary.last]), [summary.last_time])]
        return self._contents(key, number)

    def _summaries_of(self, run: str, name: str) -> tuple[int, int, Summary] | None:
        """A run's key, a name's number and the summary of that series, if there is one."""
        number = self._names.find("metric", name)
        row: Any = next(self._connection.execute("SELECT key FROM runs WHERE id = ?", (run,)), None)
        summary = self._summary(row[0], number) if row and number is not None else None
        return None if summary is None or number is None else (row[0], number, summary)

    def series(self, run: str, name: str) -> tuple[list[int], list[float], list[int]] | None:
        """Steps, values and times (ms) of a series; None if the run has no such metric."""
        found = self.chunks(run, name)
        if found is None:
            return None
        parts = [Chunk(content) for content in found]
        return (
            [step for part in parts for step in part.steps()],
            [value for part in parts for value in part.values()],
            [time for part in parts for time in part.times()],
        )

    def sample(self, run: str, name: str, limit: int) -> tuple[int, list[int], list[float]] | None:
        """At most about `limit` points that look like the series: how many it has, their steps and values.

        See `nbtrack.store.sampling`.
        """
        found = self._summaries_of(run, name)
        if found is None:
            return None
        key, number, summary = found
        if summary.count <= max(4, limit):
            parts = [Chunk(content) for content in self.chunks(run, name) or []]
            return (
                summary.count,
                [step for part in parts for step in part.steps()],
                [value for part in parts for value in part.values()],
            )
        rows: list[Any] = self._connection.execute(
            "SELECT first, rowid, extremes FROM metric_chunks WHERE run = ? AND name = ? ORDER BY first",
            (key, number),
        ).fetchall()
        pieces = [
            Piece(first, self._read(row, HEAD_SIZE), extremes, partial(self._read, row))
            for first, row, extremes in rows
        ]
        return summary.count, *sample(pieces, summary.count, summary.last, limit)

    def _read(self, row: int, length: int = -1) -> Chunk:
        with self._points_of(row) as blob:
            content = blob.read(length)
        return Chunk(content)


def _joined(code: str, parts: list[array[Any]]) -> array[Any]:
    joined: array[Any] = array(code)
    for part in parts:
        joined.extend(part)
    return joined
