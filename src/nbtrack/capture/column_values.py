"""The values of one column of any library's table as numbers of numpy or as Python's own objects.

Only what a library says of its own columns is asked; of objects in them only exact texts, numbers and the like are read, so
that no element's code runs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

from nbtrack.capture.constants import ABSENT
from nbtrack.capture.params import loaded, scalar

_TEXT_LENGTH: Final = 200
_MAX_NAME: Final = 200
_LARGEST: Final = 1_000  # bits of a whole number that a float can hold
_SECONDS: Final = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
_NONE: Final = -(2**63)  # NaT as numpy and pandas store it


@dataclass(frozen=True, slots=True)
class Values:
    """Some rows of a column.

    ``kind`` as `nbtrack.entities.profiles.ColumnProfile` has it. ``numbers`` is a float64 array with NaN where nothing is,
    None where the values are no numbers; ``keys`` an int64 array beside it where floats do not tell all values apart.
    ``objects`` are texts, or None where nothing is; of a kind ``other`` None for what is missing and else True.
    """

    kind: str
    numbers: Any = None
    keys: Any = None
    objects: list[Any] | None = None


def of_array(array: Any) -> Values:
    """A flat array of numpy."""
    numpy_float = loaded("numpy", "float64")
    kind = array.dtype.kind
    if kind in "fiu":
        return Values("number", array.astype(numpy_float), array if kind != "f" else None)
    if kind == "b":
        return Values("boolean", array.astype(numpy_float))
    if kind in "mM":
        return _of_times(array, "time" if kind == "M" else "number")
    if kind == "O":
        return of_objects(array.tolist())
    if kind == "U":
        return Values("text", objects=array.tolist())
    return Values("other", objects=[True] * int(array.size))


def _of_times(array: Any, kind: str) -> Values:
    unit, step = loaded("numpy", "datetime_data")(array.dtype)
    if unit not in _SECONDS:  # days and longer, which microseconds hold
        array, unit, step = array.astype(f"{array.dtype.kind}8[us]"), "us", 1
    return of_ticks(array.view(loaded("numpy", "int64")), _SECONDS[unit] / step, kind)


def of_ticks(ticks: Any, per_second: float, kind: str = "time") -> Values:
    """Times as whole numbers since 1970, of which the lowest means that there is none."""
    seconds = ticks.astype(loaded("numpy", "float64")) / per_second
    seconds[ticks == _NONE] = math.nan
    return Values(kind, seconds, ticks)


def of_objects(objects: list[Any]) -> Values:
    """Python's own objects: numbers where all are, texts where all are, else only which are there."""
    missing = _missing_types()
    kinds = list(
        {id(kind): kind for kind in map(type, objects)}.values()
    )  # a metaclass may have its own hash
    if any(kind is one for kind in kinds for one in missing):
        objects = [None if any(type(one) is none for none in missing) else one for one in objects]
    present = [kind for kind in kinds if not any(kind is one for one in missing)]
    if any(kind is str for kind in present):
        if all(kind is str for kind in present) or (
            all(kind is str or kind is float for kind in present)
            and all(one != one for one in objects if type(one) is float)
        ):
            return Values("text", objects=[one if type(one) is str else None for one in objects])
    elif present and all(kind is bool for kind in present):
        return Values("boolean", _floats(objects))
    elif all(kind is int or kind is float or kind is bool for kind in present) and all(
        type(one) is not int or one.bit_length() < _LARGEST for one in objects
    ):
        return Values("number", _floats(objects))
    there = [None if one is None or (type(one) is float and one != one) else True for one in objects]
    return Values("other", objects=there)


def _floats(values: list[Any]) -> Any:
    numbers = [math.nan if one is None else float(one) for one in values]
    return loaded("numpy", "array")(numbers, dtype=loaded("numpy", "float64"))


def _missing_types() -> list[type]:
    found: list[type] = [type(None)]
    for name in ("NA", "NaT"):
        missing = loaded("pandas", name)
        if missing is not None:
            found.append(type(missing))
    return found


def of_pandas(array: Any) -> Values:
    """Rows of the array behind a pandas column: ``series.array``."""
    name, dtype = type(array).__name__, array.dtype
    if isinstance(dtype, loaded("numpy", "dtype")) or name in ("NumpyExtensionArray", "PandasArray"):
        return of_array(array.to_numpy())
    if name == "Categorical":
        labels = [_label(label) for label in array.categories.tolist()]
        return Values("text", objects=[labels[code] if code >= 0 else None for code in array.codes.tolist()])
    if name == "DatetimeArray":
        return of_ticks(array.asi8, _SECONDS[array.unit])
    if name in ("IntegerArray", "FloatingArray", "BooleanArray"):
        numbers = array.to_numpy(dtype="float64", na_value=math.nan)
        return Values("boolean" if name == "BooleanArray" else "number", numbers)
    if hasattr(array, "_pa_array"):
        return of_arrow(array._pa_array)
    if name in ("StringArray", "StringArrayNumpySemantics"):
        return of_objects(array.tolist())
    present = (~array.isna()).tolist() if type(array).__module__.startswith("pandas.") else None
    return Values("other", objects=[one or None for one in present] if present is not None else [])


def _label(label: Any) -> str:
    kind = type(label)
    if kind is str:
        return label  # type: ignore[no-any-return]
    return str(label) if kind in (int, float, bool) else kind.__name__


def of_polars(column: Any) -> Values:
    """Rows of a polars column."""
    dtype, polars = column.dtype, "polars"
    if dtype == loaded(polars, "Boolean"):
        return Values("boolean", _as_float(column.cast(loaded(polars, "Float64")).to_numpy()))
    if dtype.is_temporal() and dtype != loaded(polars, "Time"):
        return of_array(column.to_numpy())
    if dtype.is_numeric():
        numbers = column.cast(loaded(polars, "Float64")).to_numpy()
        keys = column.to_numpy() if dtype.is_integer() and not column.null_count() else None
        return Values("number", _as_float(numbers), keys if keys is not None and keys.itemsize <= 8 else None)
    if dtype in (loaded(polars, "String"), loaded(polars, "Categorical"), loaded(polars, "Enum")):
        return Values("text", objects=column.cast(loaded(polars, "String")).to_list())
    return Values("other", objects=[None if none else True for none in column.is_null().to_list()])


def _as_float(array: Any) -> Any:
    return array.astype(loaded("numpy", "float64"))  # a copy of its own: what polars gives cannot be written


def of_arrow(column: Any) -> Values:
    """Rows of a pyarrow column, chunked or not."""
    kind = str(column.type)
    if kind.startswith(("list", "large_list", "struct", "map", "extension", "fixed_size_list", "union")):
        return Values(
            "other", objects=[True] * (len(column) - column.null_count) + [None] * column.null_count
        )
    if kind.startswith(("time32", "time64", "decimal", "binary", "large_binary")):
        present = len(column) - column.null_count
        return Values("other", objects=[True] * present + [None] * column.null_count)
    if kind.startswith("dictionary"):
        return of_objects(column.to_pylist())
    return of_array(_arrow_numpy(column))


def _arrow_numpy(column: Any) -> Any:
    if type(column).__name__ == "ChunkedArray":
        return column.to_numpy()
    return column.to_numpy(zero_copy_only=False)


def shortened(text: str) -> str:
    """A text as it is counted among the values of a column."""
    return text if len(text) <= _TEXT_LENGTH else f"{text[: _TEXT_LENGTH - 1]}…"


def column_text(name: Any) -> str:
    """The name of a column; a label of several levels has its parts joined, an object the name of its class."""
    if type(name) is tuple:
        return ", ".join(map(column_text, name))
    plain = scalar(name)
    if plain is ABSENT or (type(plain) is int and plain.bit_length() > 64):
        return type.__getattribute__(type(name), "__name__")  # type: ignore[no-any-return]
    return str(plain)[:_MAX_NAME]
