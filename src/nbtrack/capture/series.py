"""Arrays of numbers that people log at once, as columns; NumPy and its like are asked by their own methods."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from typing import Any

from nbtrack.capture.params import loaded
from nbtrack.capture.values import metric_value
from nbtrack.errors import InvalidInput

COLUMNS_IN_FILE = 1 << 20
"""Columns of more bytes than this stand in a file beside the journal."""

_PLAIN = {float, int, bool}


def as_values(name: str, values: object) -> array[float]:
    """The values of a series as float64.

    Raises
    ------
    InvalidInput
        If they are no numbers, or no flat sequence.
    """
    if (column := _from_array(values, "float64")) is not None:
        return column
    items = _items(name, values)
    if set(map(type, items)) <= _PLAIN:
        try:
            return array("d", items)
        except OverflowError:
            pass  # an integer beyond the range of floats
    return array("d", [metric_value(name, value) for value in items])


def as_steps(name: str, steps: object, count: int) -> array[int]:
    """The steps of a series of `count` values as int64.

    Raises
    ------
    InvalidInput
        If they are no whole numbers, too large, or not as many as the values.
    """
    column = _from_array(steps, "int64")
    if column is None:
        items = _items(name, steps)
        if not set(map(type, items)) <= {int}:
            raise InvalidInput(f"The steps of {name} must be whole numbers.")
        try:
            column = array("q", items)
        except OverflowError as problem:
            raise InvalidInput(f"The steps of {name} must be below 2**63.") from problem
    if len(column) != count:
        raise InvalidInput(
            f"{name} has {count} values and {len(column)} steps; give one step for each value."
        )
    return column


def as_file(steps: array[int] | None, values: array[float]) -> list[memoryview]:
    """The columns as a file holds them: int64 steps if given, then float64 values, little-endian."""
    parts = [column for column in (steps, values) if column is not None]
    if sys.byteorder == "big":
        parts = [column[:] for column in parts]
        for part in parts:
            part.byteswap()
    return [memoryview(part).cast("B") for part in parts]


def _items(name: str, values: object) -> Sequence[Any]:
    if isinstance(values, range | list | tuple | array):
        return values
    raise InvalidInput(
        f"The values and steps of {name} must be a list or a flat array, not {type(values).__module__}."
        f"{type(values).__qualname__}."
    )


def _from_array(values: Any, kind: str) -> array[Any] | None:
    """The column of an array of NumPy, pandas or torch; None for anything else."""
    if type(values) is array and values.typecode == {"float64": "d", "int64": "q"}[kind]:
        return values[:]
    tensor = loaded("torch", "Tensor")
    if tensor is not None and issubclass(type(values), tensor):
        values = values.detach().cpu().numpy()
    elif type(values) in (loaded("pandas", "Series"), loaded("pandas", "Index")):
        values = values.to_numpy()
    ndarray = loaded("numpy", "ndarray")
    if ndarray is None or not issubclass(type(values), ndarray):
        return None
    if values.ndim != 1 or values.dtype.kind not in ("biuf" if kind == "float64" else "iu"):
        raise InvalidInput(
            f"An array of {values.dtype} with {values.ndim} dimensions is no column of "
            f"{'numbers' if kind == 'float64' else 'whole numbers'}."
        )
    column: array[Any] = array("d" if kind == "float64" else "q")
    column.frombytes(memoryview(values.astype(kind, order="C", copy=False)).cast("B"))
    return column
