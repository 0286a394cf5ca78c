"""SQL of metrics: series as chunks of columns, with a summary beside them for tables."""

from __future__ import annotations

import math
import sys
import zlib
from array import array
from typing import Any

import apsw

from nbtrack.store.values import encodable, from_sql_number, sql_number

CHUNK = 4096
"""Points of one chunk at most: small enough to be rewritten while it grows, large enough to compress."""


def _pack(column: array[Any]) -> bytes:
    if sys.byteorder == "big":
        column = column[:]
        column.byteswap()
    return zlib.compress(column.tobytes(), 1)


def _unpack(code: str, content: Any) -> array[Any]:
    column: array[Any] = array(code)
    column.frombytes(zlib.decompress(content))
    if sys.byteorder == "big":
        column.byteswap()
    return column


class Metrics:
    """The metrics of a store's runs."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def append(self, run: str, name: str, points: list[tuple[int | None, float, int]]) -> None:
        """Add points (step, value, time in ns) to a series; a step of None counts on from the last one."""
        name = encodable(name)
        summary = next(
            self._connection.execute(
                "SELECT count, lowest, highest, last_step FROM metrics WHERE run_id = ? AND key = ?",
                (run, name),
            ),
            None,
        )
        count, lowest, highest, last_step = summary or (0, None, None, -1)
        low, high = from_sql_number(lowest), from_sql_number(highest)
        steps, values, times = array("q"), array("d"), array("q")
        for step, value, time in points:
            last_step = last_step + 1 if step is None else max(-(2**63), min(step, 2**63 - 1))
            steps.append(last_step)
            values.append(value)
            times.append(time)
            if not math.isnan(value):
                low = value if math.isnan(low) else min(low, value)
                high = value if math.isnan(high) else max(high, value)
        self._append_columns(run, name, count, steps, values, times)
        self._connection.execute(
            "INSERT INTO metrics (run_id, key, position, count, last, lowest, highest, last_step, last_time)"
            " VALUES (?1, ?2, (SELECT count(*) FROM metrics WHERE run_id = ?1), ?3, ?4, ?5, ?6, ?7, ?8)"
            " ON CONFLICT (run_id, key) DO UPDATE SET count = excluded.count, last = excluded.last,"
            " lowest = excluded.lowest, highest = excluded.highest, last_step = excluded.last_step,"
            " last_time = excluded.last_time",
            (run, name, count + len(points), sql_number(values[-1]), sql_number(low), sql_number(high))
            + (last_step, times[-1]),
        )

    def _append_columns(
        self, run: str, name: str, count: int, steps: array[int], values: array[float], times: array[int]
    ) -> None:
        """Fill up the last chunk, then begin new ones."""
        first = count - count % CHUNK
        if first < count:
            old = next(
                self._connection.execute(
                    "SELECT steps, points, times FROM metric_chunks WHERE run_id = ? AND key = ? AND first = ?",
                    (run, name, first),
                )
            )
            steps = _unpack("q", old[0]) + steps
            values = _unpack("d", old[1]) + values
            times = _unpack("q", old[2]) + times
        for start in range(0, len(steps), CHUNK):
            part = slice(start, start + CHUNK)
            self._connection.execute(
                "INSERT OR REPLACE INTO metric_chunks (run_id, key, first, count, steps, points, times)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    run,
                    name,
                    first + start,
                    len(steps[part]),
                    _pack(steps[part]),
                    _pack(values[part]),
                    _pack(times[part]),
                ),
            )

    def series(self, run: str, name: str) -> tuple[list[int], list[float], list[int]] | None:
        """Steps, values and times (ns) of a series; None if the run has no such metric."""
        columns: tuple[array[Any], array[Any], array[Any]] = (array("q"), array("d"), array("q"))
        for chunk in self._connection.execute(
            "SELECT steps, points, times FROM metric_chunks WHERE run_id = ? AND key = ? ORDER BY first",
            (run, name),
        ):
            for column, code, content in zip(columns, "qdq", chunk, strict=True):
                column.extend(_unpack(code, content))
        steps, values, times = columns
        return (list(steps), list(values), list(times)) if steps else None
