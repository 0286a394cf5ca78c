"""What a store's database says of itself, read beside its work: by a second, read-only connection, a part at a time.

A connection of the same SQLite library in the same process is safe beside the first (see "The keeper" in
docs/architecture.md); it may be used by a thread that takes minutes, and blocks nobody.
"""

from __future__ import annotations

import contextlib
import math
import struct
import zlib
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import apsw

from nbtrack.entities.health import Finding
from nbtrack.store.audit import GENESIS, line_digest
from nbtrack.store.blob_check import BlobRow
from nbtrack.store.names import WIDE
from nbtrack.store.points import Chunk
from nbtrack.store.values import from_sql

PAGE = 200
"""Rows of one read transaction: a long one would keep the write-ahead log from being taken over."""

_REFERENCES = (
    ("the artifact", "SELECT run_id || ' ' || name, digest FROM artifacts WHERE digest IS NOT NULL"),
    ("the source of the execution", "SELECT id, source FROM executions"),
    ("the outputs of the execution", "SELECT id, outputs FROM executions WHERE outputs IS NOT NULL"),
    ("the notebook of the snapshot", "SELECT id, file FROM snapshots WHERE file IS NOT NULL"),
    ("the saved notebook", "SELECT id, file FROM saves WHERE file IS NOT NULL"),
    ("the piece of the notebook", "SELECT digest, piece FROM blob_pieces"),
    ("the base of the review", "SELECT review, base FROM review_events WHERE base IS NOT NULL"),
    ("the head of the review", "SELECT review, head FROM review_events WHERE head IS NOT NULL"),
    ("the source of the module or diff", "SELECT name, digest FROM facts WHERE digest IS NOT NULL"),
    ("the interpreter of the environment", "SELECT id, interpreter FROM environments"),
    ("the packages of the environment", "SELECT id, packages FROM environments"),
    (
        "the model version",
        "SELECT models.name || '/' || version, digest FROM model_versions JOIN models ON models.id = model",
    ),
)
"""What refers to blobs: name and digest of each."""


@contextlib.contextmanager
def reader(database: Path) -> Iterator[apsw.Connection]:
    """A connection of its own that can change nothing."""
    connection = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        connection.set_busy_timeout(5000)
        connection.execute("PRAGMA trusted_schema = OFF").fetchall()
        yield connection
    finally:
        connection.close()


def structure(connection: apsw.Connection, *, quick: bool) -> Iterator[Finding]:
    """What SQLite itself finds wrong with the file, its indexes and its foreign keys."""
    check = "quick_check" if quick else "integrity_check"
    for (message,) in connection.execute(f"PRAGMA {check}(100)"):
        if message != "ok":
            yield Finding(kind="database", name="store.db", message=str(message))
    for table, row, parent, _ in connection.execute("PRAGMA foreign_key_check"):
        message = f"a row of {table} refers to one of {parent} that is not there"
        yield Finding(kind="database", name=f"{table} {row}", message=message)


def blobs(connection: apsw.Connection) -> Iterator[BlobRow]:
    """All blobs, in the order of their digests."""
    last = ""
    while True:
        rows: list[Any] = connection.execute(
            "SELECT digest, size, stored_size, codec, checksum, content FROM blobs WHERE digest > ? ORDER BY digest LIMIT ?",
            (last, PAGE),
        ).fetchall()
        if not rows:
            return
        yield from (BlobRow(*row) for row in rows)
        last = rows[-1][0]


def blob(connection: apsw.Connection, digest: str) -> BlobRow | None:
    """One blob, as it is now."""
    row: Any = next(
        connection.execute(
            "SELECT digest, size, stored_size, codec, checksum, content FROM blobs WHERE digest = ?",
            (digest,),
        ),
        None,
    )
    return BlobRow(*row) if row else None


def missing_blobs(connection: apsw.Connection) -> Iterator[Finding]:
    """What refers to content that the store does not know."""
    for what, query in _REFERENCES:
        rows: list[Any] = connection.execute(
            f"WITH found (name, digest) AS ({query})"
            " SELECT name, digest FROM found WHERE NOT EXISTS (SELECT 1 FROM blobs WHERE blobs.digest = found.digest)"
        ).fetchall()
        for name, digest in rows:
            yield Finding(
                kind="reference", name=digest, message=f"{what} {name} refers to it, but it is not there"
            )


def users_of(connection: apsw.Connection, digest: str) -> list[str]:
    """What refers to a blob, as words."""
    found = []
    for what, query in _REFERENCES:
        rows: list[Any] = connection.execute(
            f"WITH found (name, digest) AS ({query}) SELECT name FROM found WHERE digest = ?", (digest,)
        ).fetchall()
        found += [f"{what} {name}" for (name,) in rows]
    return found


def numbers(connection: apsw.Connection) -> Iterator[Finding]:
    """Names whose last number is below one that was given: the next run would get a number a second time."""
    query = (
        "SELECT run_names.name, last, max(number) FROM run_names JOIN runs ON runs.name = run_names.id"
        " GROUP BY run_names.id HAVING max(number) > last"
    )
    for name, last, most in connection.execute(query):
        yield Finding(
            kind="number", name=name, message=f"the last number is said to be {last}, but there is {most}"
        )


def audit(connection: apsw.Connection) -> Iterator[Finding]:
    """Lines of the audit log, and of those of other stores, that are not what was written, or not in their place."""
    columns = "sequence, time, actor, decision, detail, digest"
    yield from _chain("", connection.execute(f"SELECT {columns} FROM audit ORDER BY sequence"))
    branches: list[Any] = connection.execute(
        "SELECT DISTINCT origin, branch FROM origin_audit ORDER BY 1, 2"
    ).fetchall()
    for branch in branches:
        where = "WHERE origin = ? AND branch = ? ORDER BY sequence"
        lines = connection.execute(f"SELECT {columns} FROM origin_audit {where}", branch)
        yield from _chain(f"{branch[0]} ", lines)


def _chain(store: str, lines: Iterable[Any]) -> Iterator[Finding]:
    before, expected = GENESIS, 1
    for sequence, *line, digest in lines:
        if sequence != expected:
            yield Finding(kind="audit", name=f"{store}{expected}", message="the line is not there")
        elif line_digest(before, sequence, *line) != digest:
            yield Finding(kind="audit", name=f"{store}{sequence}", message="the line is not what was written")
        before, expected = digest, sequence + 1


def series(connection: apsw.Connection) -> Iterator[tuple[str, int, str | None]]:
    """All series: ``RUN NAME``, the number of points, and what is wrong (or None)."""
    last = (-1, -1)
    while True:
        rows: list[Any] = connection.execute(
            "SELECT metrics.run, metrics.name, runs.id, names.name, count, lowest, highest, last_step, last_time"
            " FROM metrics JOIN runs ON runs.key = metrics.run JOIN names ON names.id = metrics.name"
            " WHERE (metrics.run, metrics.name) > (?, ?) ORDER BY metrics.run, metrics.name LIMIT ?",
            (*last, PAGE),
        ).fetchall()
        if not rows:
            return
        for run, number, id, name, *_ in rows:
            summary, content, final = _one_series(connection, run, number)
            if summary is not None:
                yield f"{id} {name}", summary[0], series_problem(summary, content, final)
        last = rows[-1][0], rows[-1][1]


def _one_series(
    connection: apsw.Connection, run: int, number: int
) -> tuple[Any, list[tuple[int, bytes]], object]:
    """Summary, chunks and last value of a series, all of one moment; a summary of None where it is gone."""
    value = (
        f"c{number}" if number <= WIDE else "(SELECT value FROM rare_values WHERE run = key AND name = ?2)"
    )
    with connection:
        summary: Any = next(
            connection.execute(
                "SELECT count, lowest, highest, last_step, last_time FROM metrics WHERE run = ? AND name = ?",
                (run, number),
            ),
            None,
        )
        chunks: list[Any] = connection.execute(
            "SELECT first, points FROM metric_chunks WHERE run = ? AND name = ? ORDER BY first", (run, number)
        ).fetchall()
        bound = (run,) if number <= WIDE else (run, number)
        row: Any = next(connection.execute(f"SELECT {value} FROM runs WHERE key = ?1", bound), (None,))
    return summary, chunks, row[0]


def series_problem(summary: Any, chunks: list[tuple[int, bytes]], final: Any) -> str | None:
    """What is wrong with a series; None if nothing is."""
    count, lowest, highest, last_step, last_time = summary
    try:
        last = from_sql(final)
    except ValueError:
        return "its last value cannot be read"
    if count == 1 and not chunks:
        return None if isinstance(last, float | int) else "its value is not there"
    steps, values, times, first = array("q"), array("d"), array("q"), 0
    try:
        for begin, content in chunks:
            if begin != first:
                return f"its points {first:,} to {begin:,} are not there"
            chunk = Chunk(content)
            steps.extend(chunk.steps())
            values.extend(chunk.values())
            times.extend(chunk.times())
            first += chunk.count
            if not len(steps) == len(values) == len(times) == first:
                return f"its points from {begin:,} on cannot be read"
    except (
        struct.error,
        zlib.error,
        ValueError,
        IndexError,
        KeyError,
        OverflowError,
        MemoryError,
        TypeError,
    ):
        return f"its points from {begin:,} on cannot be read"
    if len(values) != count:
        return f"it has {len(values):,} points instead of {count:,}"
    finite = [value for value in values if not math.isnan(value)]
    told = (
        lowest,
        highest,
        last_step,
        last_time,
        repr(float(last)) if isinstance(last, float | int) else last,
    )
    real = (min(finite, default=None), max(finite, default=None), steps[-1], times[-1], repr(values[-1]))
    return None if told == real else "its summary does not fit its points"
