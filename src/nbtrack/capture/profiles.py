"""The profile of data in memory: of a sample that fits into a budget of time, as a fit allows it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from time import perf_counter  # by name: a notebook may put something else into the module
from typing import Any, Final

from nbtrack.capture.column_values import Values, column_text, of_array, of_arrow, of_pandas, of_polars
from nbtrack.capture.params import loaded
from nbtrack.capture.table_sketch import SHARES, ColumnSketch, told
from nbtrack.entities.profiles import MOST_TOP, ColumnProfile, DataProfile

ROWS: Final = 10_000
COLUMNS: Final = 200

_START: Final = 0.000_2  # seconds that a profile of nothing takes
_COLUMN: Final = 0.000_008  # of each column of a matrix of numbers
_SINGLE: Final = 0.000_15  # of each column that is looked at by itself
_CELL: Final = 0.000_000_2  # of each value of such a column
_NEAR: Final = 0.000_000_012  # of each value of a matrix that the processor's cache holds
_CACHED: Final = 30_000
_SLOWER: Final = 2.5  # how much longer a value of a larger one takes, at most
_FEWEST: Final = 100  # rows, where there are more: fewer tell nothing
_GOLDEN: Final = (5**0.5 - 1) / 2

Column = tuple[str, str, Callable[[Any], Values]]
"""Name, dtype, and what gives the rows at some places (an array of numpy, or None for all)."""


def profile_sample(value: Any, module: str, seconds: float) -> DataProfile | None:
    """Profile data of a library that `nbtrack.capture.datasets` knows.

    At most 10,000 rows, spread over all, and 200 columns are read, and no more than fits into `seconds`: first fewer rows,
    then fewer columns. Reads no more than exact types allow, and draws no random numbers.

    Returns
    -------
    DataProfile or None
        None where the time is enough for no column, or numpy is not imported.
    """
    deadline = perf_counter() + seconds
    if loaded("numpy", "ndarray") is None or type(value) is loaded("numpy.ma.core", "MaskedArray"):
        return None
    matrix = _matrix(value, module)
    if matrix is not None:
        return _profile_matrix(*matrix, seconds)
    rows, width = extent(value, module)
    seconds -= _START
    wide = min(width, COLUMNS, int(seconds / _SINGLE))
    if rows < 0 or wide < 1:
        return None
    read = _affordable(rows, (seconds / wide - _SINGLE) / _CELL)
    if read is None:
        wide = max(1, int(seconds / (_SINGLE + _FEWEST * _CELL)))
        read = min(rows, _FEWEST)
    places = _places(rows, read)
    found: list[ColumnProfile] = []
    for name, dtype, take in all_columns(value, module, wide):
        began = perf_counter()
        if found and began > deadline - _SINGLE:
            break
        found.append(_column_profile(name, dtype, take, places))
        if len(found) == 1:  # the machine may be slower than the constants say, or the column of another kind
            spent = perf_counter() - began
            fitting = int(0.7 * read * (deadline - began) / max(spent * wide, 1e-9))
            if fitting < read and (fewer := max(min(rows, _FEWEST), fitting)) < read:
                read, places = fewer, _places(rows, fewer)
                found = [_column_profile(name, dtype, take, places)]
    return _profile(rows, read if places is None else len(places), width, found)


def _column_profile(name: str, dtype: str, take: Callable[[Any], Values], places: Any) -> ColumnProfile:
    sketch = ColumnSketch(name, dtype)
    sketch.add(take(places))
    return sketch.profile()


def _profile(rows: int, read: int, width: int, columns: list[ColumnProfile]) -> DataProfile:
    left = []
    if read < rows:
        left.append(f"{read:,} of {rows:,} rows")
    if len(columns) < width:
        left.append(f"{len(columns):,} of {width:,} columns")
    return DataProfile(
        rows=rows,
        read=read,
        width=width,
        sampled=bool(left),
        note=f"{' and '.join(left)} were read" if left else None,
        columns=columns,
    )


def _affordable(rows: int, values: float) -> int | None:
    """Rows to read where each column may have so many values; None where they are too few to say anything."""
    read = min(rows, ROWS, int(values))
    return read if read >= min(rows, _FEWEST) else None


def _places(rows: int, read: int) -> Any:
    """Places spread evenly over all rows without a period that the data could have: steps of the golden section.

    None where all rows are read.
    """
    if read >= rows:
        return None
    arange, unique = loaded("numpy", "arange"), loaded("numpy", "unique")
    steps = (arange(read) * _GOLDEN) % 1.0
    return unique((steps * rows).astype("int64"))


# ── matrices of numbers, all columns at once ──


def _matrix(value: Any, module: str) -> tuple[Any, list[str], list[str]] | None:
    """The array behind two-dimensional data of one dtype of numbers, and the names and dtypes of its columns."""
    if module == "numpy":
        array = loaded("numpy", "ndarray").view(value, loaded("numpy", "ndarray"))
        if array.ndim != 2 or array.dtype.kind not in "fiu":
            return None
        names = [str(place) for place in range(min(array.shape[1], COLUMNS))]
        return array, names, [str(array.dtype)] * len(names)
    if module == "pandas" and len(value.shape) == 2 and value.shape[1]:
        dtypes = list(value.dtypes)
        first = dtypes[0]
        if not isinstance(first, loaded("numpy", "dtype")) or first.kind not in "fiu":
            return None
        if any(dtype is not first and dtype != first for dtype in dtypes):
            return None
        manager = getattr(value, "_mgr", None)
        if not getattr(manager, "is_single_block", False):
            return None  # to_numpy() would copy all of it
        names = [column_text(name) for name in value.columns[:COLUMNS]]
        return value.to_numpy(), names, [str(first)] * len(names)
    return None


def _profile_matrix(array: Any, names: list[str], dtypes: list[str], seconds: float) -> DataProfile | None:
    rows, width = map(int, array.shape)
    began = perf_counter()
    left = seconds - _START
    wide = min(len(names), int(left / (_COLUMN + min(rows, _FEWEST) * _NEAR)))
    if wide < 1:
        return None
    few = max(min(rows, _FEWEST), int(min((left - wide * _COLUMN) / _NEAR, _CACHED) / wide))
    read, columns = _read_matrix(array[:, :wide], few, names, dtypes)
    spent = perf_counter() - began
    if read < min(
        rows, ROWS
    ):  # what few rows have cost tells how many more fit into the time, on this machine and now
        more = min(rows, ROWS, int((seconds - spent) / (spent * _SLOWER) * read))
        if more >= 2 * read:
            read, columns = _read_matrix(array[:, :wide], more, names, dtypes)
    return _profile(rows, read, width, columns)


def _read_matrix(
    part: Any, read: int, names: list[str], dtypes: list[str]
) -> tuple[int, list[ColumnProfile]]:
    places = _places(len(part), min(read, ROWS))
    if places is not None:
        part = part[places]
    with loaded("numpy", "errstate")(all="ignore"):
        return len(part), _column_profiles(part, names, dtypes)


def _column_profiles(part: Any, names: list[str], dtypes: list[str]) -> list[ColumnProfile]:
    """Exact profiles of all columns of a small matrix, by one sort of all of them."""
    zeros = loaded("numpy", "zeros")
    rows, wide = part.shape
    table = loaded("numpy", "ascontiguousarray")(part.T, dtype=loaded("numpy", "float64"))
    if table is part or table.base is not None or not table.flags.owndata:
        table = table.copy()
    table.sort(axis=1)  # -inf first, then numbers, inf, NaN
    finite = loaded("numpy", "isfinite")(table)
    if finite.all():
        low = missing = zeros(wide, dtype="int64")
        high = low + rows
    else:
        missing = loaded("numpy", "isnan")(table).sum(axis=1)
        low = (table == -math.inf).sum(axis=1)
        high = low + finite.sum(axis=1)
        table[~finite] = 0.0
    counts = high - low
    mean = table.sum(axis=1) / counts
    squares = ((table - mean[:, None]) ** 2 * finite).sum(axis=1)
    std = loaded("numpy", "sqrt")(squares / counts)
    changes = (table[:, 1:] != table[:, :-1]) & finite[:, 1:] & finite[:, :-1]
    distinct = changes.sum(axis=1) + 1
    shares = loaded("numpy", "array")(SHARES)
    steps = loaded("numpy", "ceil")(shares[None, :] * counts[:, None]).astype("int64") - 1
    picks = low[:, None] + steps.clip(0, (counts - 1).clip(0)[:, None])
    quantiles = (
        loaded("numpy", "take_along_axis")(table, picks.clip(0, max(rows - 1, 0)), axis=1) if rows else None
    )
    columns = []
    for place, (count, number) in enumerate(zip(counts.tolist(), distinct.tolist(), strict=True)):
        lost = int(missing[place])
        seen = {
            "name": names[place],
            "dtype": dtypes[place],
            "kind": "number",
            "count": rows,
            "missing": lost,
        }
        seen["infinite"] = rows - count - lost
        if not count or quantiles is None:
            columns.append(ColumnProfile(**seen, distinct=0))
            continue
        shown = quantiles[place].tolist()
        columns.append(
            ColumnProfile(
                **seen,
                distinct=number,
                minimum=shown[0],
                maximum=shown[-1],
                mean=float(mean[place]),
                std=float(std[place]),
                quantiles=shown,
                top=_top(table[place, low[place] : high[place]], dtypes[place]) if number <= MOST_TOP else {},
            )
        )
    return columns


def _top(values: Any, dtype: str) -> dict[str, int]:
    found, counts = loaded("numpy", "unique")(values + 0.0, return_counts=True)
    pairs = sorted(zip(found.tolist(), counts.tolist(), strict=True), key=lambda pair: (-pair[1], pair[0]))
    return {told(value, "number", dtype): count for value, count in pairs}


# ── any other data, column by column ──


def extent(value: Any, module: str) -> tuple[int, int]:
    """Rows and columns; -1 rows where the data has none that can be taken."""
    if module == "numpy":
        array = loaded("numpy", "ndarray").view(value, loaded("numpy", "ndarray"))
        if not array.ndim:
            return -1, 0
        if array.dtype.names is not None:
            return (int(array.shape[0]), len(array.dtype.names)) if array.ndim == 1 else (-1, 0)
        if array.ndim == 1:
            return int(array.shape[0]), 1
        return (int(array.shape[0]), int(array.shape[1])) if array.ndim == 2 else (int(array.size), 1)
    if module == "scipy.sparse":
        return (
            (int(value.shape[0]), int(value.shape[1]))
            if value.format == "csr" and len(value.shape) == 2
            else (-1, 0)
        )
    return int(value.shape[0]), int(value.shape[1]) if len(value.shape) == 2 else 1


def all_columns(value: Any, module: str, wide: int) -> Iterator[Column]:
    """The first columns of data, each with what gives its rows."""
    if module == "numpy":
        yield from _array_columns(loaded("numpy", "ndarray").view(value, loaded("numpy", "ndarray")), wide)
    elif module == "scipy.sparse":
        yield from _sparse_columns(value, wide)
    elif module == "pandas":
        yield from _pandas_columns(value, wide)
    elif module == "modin.pandas":
        from nbtrack.capture.any_frame import columns_of  # late: it needs narwhals

        yield from columns_of(value, wide)
    elif module == "polars":
        columns = [value] if len(value.shape) == 1 else value.get_columns()
        for column in columns[:wide]:
            yield (
                column.name,
                str(column.dtype),
                _taker(column, of_polars, lambda column, at: column.gather(at)),
            )
    else:
        for name, column in zip(value.column_names[:wide], value.columns, strict=False):
            yield name, str(column.type), _taker(column, of_arrow, lambda column, at: column.take(at))


def _taker(
    column: Any, read: Callable[[Any], Values], pick: Callable[[Any, Any], Any]
) -> Callable[[Any], Values]:
    return lambda places: read(column if places is None else pick(column, places))


def _array_columns(array: Any, wide: int) -> Iterator[Column]:
    def take(column: Any, at: Any) -> Any:
        return column[at]

    if array.dtype.names is not None:
        for name in array.dtype.names[:wide]:
            if array[name].ndim == 1:
                yield name, str(array[name].dtype), _taker(array[name], of_array, take)
    elif array.ndim == 2:
        for place in range(wide):
            yield str(place), str(array.dtype), _taker(array[:, place], of_array, take)
    else:
        # .flat reaches any element of a strided or virtual array without a copy of it
        flat = array if array.ndim == 1 else array.reshape(-1) if array.flags.c_contiguous else array.flat
        yield "values", str(array.dtype), _taker(flat, lambda part: of_array(part[:]), take)


def _sparse_columns(value: Any, wide: int) -> Iterator[Column]:
    dense: list[Any] = []

    def take(place: int, at: Any) -> Values:
        if not dense:
            part = (value if at is None else value[at])[:, :wide]
            dense.append(part.toarray())
        return of_array(dense[0][:, place])

    for place in range(wide):
        yield str(place), str(value.dtype), partial(take, place)


def _pandas_columns(value: Any, wide: int) -> Iterator[Column]:
    def take(column: Any, at: Any) -> Any:
        return column.take(at)

    if len(value.shape) == 1:
        name = "values" if value.name is None else column_text(value.name)
        yield name, str(value.dtype), _taker(value.array, of_pandas, take)
        return
    for place in range(wide):
        column = value.iloc[:, place]
        yield column_text(column.name), str(column.dtype), _taker(column.array, of_pandas, take)
