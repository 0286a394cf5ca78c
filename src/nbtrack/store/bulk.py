"""A table of runs by columns, packed for whoever makes a data frame of it."""

from __future__ import annotations

import contextlib
import gc
import json
import math
import sys
from array import array
from collections.abc import Iterator, Sequence
from typing import Any

import apsw

from nbtrack.entities.columns import Column
from nbtrack.store.names import WIDE, Names, expression
from nbtrack.store.values import SQLValue

_OWN = ("key", "id", "name", "number", "status", "started", "duration", "notebook", "cell")


def read_columns(
    connection: apsw.Connection, names: Names, source: str, bindings: list[Any]
) -> tuple[int, list[Column]]:
    """How many rows of ``runs`` there are, and their columns that have a value.

    Parameters
    ----------
    source
        ``FROM``, ``WHERE`` and ``ORDER BY``; no ``LIMIT``, with which SQLite sorts a whole table in twice the time.
    """
    known = names.all()
    wide = [number for number, _, _ in known if number <= WIDE]
    wanted = ", ".join([*(f"runs.{name}" for name in _OWN), *map(expression, wide)])
    with _uncollected():
        rows: list[Any] = connection.execute(f"SELECT {wanted} {source}", bindings).fetchall()
        values: list[Any] = list(zip(*rows, strict=True))
    if not rows:
        return 0, []
    own = dict(zip(_OWN, values[: len(_OWN)], strict=True))
    columns = _own_columns(connection, own) + _origins(connection, own["id"])
    by_number: dict[int, Sequence[SQLValue]] = dict(zip(wide, values[len(_OWN) :], strict=True))
    if len(wide) < len(known):
        by_number |= _rare_columns(connection, values[0])
    for number, kind, name in known:
        column = by_number.get(number)
        if column is not None and any(value is not None for value in column):
            columns.append(column_of(name, f"{kind}s", column))
    return len(rows), columns


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Let the collector of cycles rest: it would look through all rows again and again, an eighth of the time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _own_columns(connection: apsw.Connection, own: dict[str, Sequence[Any]]) -> list[Column]:
    """The run's own columns. Names are looked up once each, which is ten times faster than a join does it."""
    run_names: dict[Any, Any] = {
        key: (name, experiment)
        for key, name, experiment in connection.execute(
            "SELECT run_names.id, run_names.name, experiments.name FROM run_names"
            " JOIN experiments ON experiments.id = run_names.experiment"
        )
    }
    labels = [
        f"{run_names[name][0]}-{number}" for name, number in zip(own["name"], own["number"], strict=True)
    ]
    texts: dict[Any, Any] = {}
    for key in {*own["notebook"], *own["cell"]} - {None}:
        (texts[key],) = next(connection.execute("SELECT text FROM texts WHERE id = ?", (key,)))
    return [
        _text("id", own["id"]),
        _text("name", labels),
        _text("experiment", [run_names[name][1] for name in own["name"]]),
        _text("status", own["status"]),
        Column(name="started", group="run", kind="time", data=_little("q", own["started"])),
        _floats("duration", "run", own["duration"]),
        _text("notebook", [texts.get(key) for key in own["notebook"]]),
        _text("cell_id", [texts.get(key) for key in own["cell"]]),
    ]


def _origins(connection: apsw.Connection, runs: Sequence[Any]) -> list[Column]:
    """The marks of the stores that merged runs came from; no column where there is none."""
    rows: list[Any] = connection.execute(
        "SELECT run, mark FROM run_origins JOIN origins ON origins.id = origin"
    ).fetchall()
    marks = dict(rows)
    found = [marks.get(run) for run in runs] if marks else []
    return [_text("origin", found)] if any(found) else []


def _rare_columns(connection: apsw.Connection, keys: Sequence[int]) -> dict[int, Sequence[SQLValue]]:
    places = {key: place for place, key in enumerate(keys)}
    found: dict[int, list[SQLValue]] = {}
    rows: list[Any] = connection.execute("SELECT run, name, value FROM rare_values").fetchall()
    for run, number, value in rows:
        if run in places:
            found.setdefault(number, [None] * len(keys))[places[run]] = value
    return dict(found)


def column_of(name: str, group: str, values: Sequence[SQLValue]) -> Column:
    """One column, of the narrowest kind that holds every value; None is "not recorded"."""
    types = set(map(type, values))
    missing = type(None) in types
    if types <= {float, type(None)}:
        return _floats(name, group, values)
    if types == {int}:
        return Column(name=name, group=group, kind="int", data=_little("q", values))
    if types <= {str, type(None)}:
        return _text(name, values, group)
    words = [value if isinstance(value, bytes) else json.dumps(value).encode() for value in values]
    return Column(
        name=name,
        group=group,
        kind="json",
        words=b"[%s]" % b",".join(words),
        present=_present(values) if missing else None,
    )


def _present(values: Sequence[Any]) -> bytes:
    return bytes([value is not None for value in values])


def _floats(name: str, group: str, values: Sequence[Any]) -> Column:
    if None not in values:
        return Column(name=name, group=group, kind="float", data=_little("d", values))
    filled = [math.nan if value is None else value for value in values]
    return Column(name=name, group=group, kind="float", data=_little("d", filled), present=_present(values))


def _text(name: str, values: Sequence[Any], group: str = "run") -> Column:
    # Most texts of a table repeat (a status, a notebook): each is sent once.
    missing = None in values
    distinct = dict.fromkeys(values)
    distinct.pop(None, None)
    if not distinct:
        return Column(
            name=name, group=group, kind="text", data=b"\xff" * 4 * len(values), present=bytes(len(values))
        )
    places = {word: place for place, word in enumerate(distinct)} | {None: -1}
    return Column(
        name=name,
        group=group,
        kind="text",
        data=_little("i", [places[value] for value in values]),
        words=json.dumps(list(distinct)).encode(),
        present=_present(values) if missing else None,
    )


def _little(code: str, values: Sequence[Any]) -> bytes:
    column: array[Any] = array(code, values)
    if sys.byteorder == "big":
        column.byteswap()
    return column.tobytes()
