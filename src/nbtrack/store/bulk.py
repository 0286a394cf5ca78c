"""A table of runs by columns, packed for whoever makes a data frame of it."""

from __future__ import annotations

import json
import math
import sys
from array import array
from collections.abc import Sequence
from typing import Any

import apsw

from nbtrack.entities.columns import Column
from nbtrack.store.names import WIDE, Names, expression
from nbtrack.store.values import SQLValue

_OWN = (
    ("id", "text", "runs.id"),
    ("name", "text", "(SELECT name || '-' || runs.number FROM run_names WHERE id = runs.name)"),
    (
        "experiment",
        "text",
        "(SELECT experiments.name FROM experiments JOIN run_names ON run_names.experiment = experiments.id"
        " WHERE run_names.id = runs.name)",
    ),
    ("status", "text", "runs.status"),
    ("started", "time", "runs.started"),
    ("duration", "float", "runs.duration"),
    ("notebook", "text", "(SELECT text FROM texts WHERE id = runs.notebook)"),
    ("cell_id", "text", "(SELECT text FROM texts WHERE id = runs.cell)"),
)
"""The run's own columns of a table: name, kind, SQL."""


def read_columns(
    connection: apsw.Connection, names: Names, source: str, bindings: list[Any], limit: int, offset: int
) -> tuple[int, list[Column]]:
    """How many rows of ``runs`` there are, and their columns that have a value.

    Parameters
    ----------
    source
        ``FROM``, ``WHERE`` and ``ORDER BY``.
    """
    known = names.all()
    wide = [number for number, _, _ in known if number <= WIDE]
    wanted = ", ".join(["runs.key", *(sql for _, _, sql in _OWN), *map(expression, wide)])
    page: list[Any] = connection.execute(
        f"SELECT {wanted} {source} LIMIT ? OFFSET ?", [*bindings, limit, offset]
    ).fetchall()
    if not page:
        return 0, []
    keys, *values = zip(*page, strict=True)
    columns = [
        column_of(name, "run", kind, column)
        for (name, kind, _), column in zip(_OWN, values[: len(_OWN)], strict=True)
    ]
    by_number: dict[int, Sequence[SQLValue]] = dict(zip(wide, values[len(_OWN) :], strict=True))
    if len(wide) < len(known):
        by_number |= _rare_columns(connection, keys)
    for number, kind, name in known:
        column = by_number.get(number)
        if column is not None and any(value is not None for value in column):
            columns.append(column_of(name, f"{kind}s", "", column))
    return len(page), columns


def _rare_columns(connection: apsw.Connection, keys: Sequence[int]) -> dict[int, Sequence[SQLValue]]:
    places = {key: place for place, key in enumerate(keys)}
    found: dict[int, list[SQLValue]] = {}
    rows: list[Any] = connection.execute("SELECT run, name, value FROM rare_values").fetchall()
    for run, number, value in rows:
        if run in places:
            found.setdefault(number, [None] * len(keys))[places[run]] = value
    return dict(found)


def column_of(name: str, group: str, kind: str, values: Sequence[SQLValue]) -> Column:
    """One column: `kind` where it is known, else the narrowest that holds every value; None is "not recorded"."""
    types = set(map(type, values))
    missing = type(None) in types
    present = bytes([value is not None for value in values]) if missing else None
    if kind == "float" or (not kind and types <= {float, type(None)}):
        filled = [math.nan if value is None else value for value in values] if missing else values
        return Column(name=name, group=group, kind="float", data=_little("d", filled), present=present)
    if kind == "time" or (not kind and types == {int}):
        return Column(name=name, group=group, kind=kind or "int", data=_little("q", values))
    if kind == "text" or (not kind and types <= {str, type(None)}):
        # Most texts of a table repeat (a status, a notebook): each is sent once.
        places: dict[Any, int] = {None: -1}
        codes = [places.setdefault(value, len(places) - 1) for value in values]
        words = [str(word) for word in places if word is not None]
        return Column(
            name=name, group=group, kind="text", data=_little("i", codes), words=words, present=present
        )
    words = [value.decode() if isinstance(value, bytes) else json.dumps(value) for value in values]
    return Column(name=name, group=group, kind="json", words=words, present=present)


def _little(code: str, values: Sequence[Any]) -> bytes:
    column: array[Any] = array(code, values)
    if sys.byteorder == "big":
        column.byteswap()
    return column.tobytes()
