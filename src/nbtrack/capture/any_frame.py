"""Tables of libraries that nbtrack has no reader of its own for, asked by way of narwhals.

It is imported with the first such table (of modin, for example): that takes longer than a profile may, but less than
importing any of these libraries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from nbtrack.capture.column_values import Values, column_text, of_array


def dtypes_of(value: Any) -> Iterator[tuple[str, str]]:
    """The names and dtypes of the columns."""
    table = _native(value)
    if hasattr(table, "schema"):
        for name, dtype in table.schema.items():
            yield column_text(name), str(dtype)
    else:
        yield column_text(table.name) if table.name else "values", str(table.dtype)


def columns_of(value: Any, wide: int) -> Iterator[tuple[str, str, Callable[[Any], Values]]]:
    """Name, dtype, and what gives some rows (all for None), of the first columns of a table that has its rows."""
    table = _native(value)
    columns = [table[name] for name in table.columns[:wide]] if hasattr(table, "columns") else [table]
    for column in columns:

        def take(places: Any, column: Any = column) -> Values:
            part = column if places is None else column[places.tolist()]
            return of_array(part.to_numpy())

        yield column_text(column.name) if column.name else "values", str(column.dtype), take


def _native(value: Any) -> Any:
    import narwhals

    return narwhals.from_native(value, allow_series=True)
