"""A table of runs that shows itself in a notebook and turns into data frames."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from nbtrack.entities.runs import RunRow, RunTable
from nbtrack.errors import MissingLibrary
from nbtrack.render.html import to_html
from nbtrack.render.text import to_text
from nbtrack.render.views import View

if TYPE_CHECKING:
    import pandas
    import polars

_OWN = ("id", "name", "experiment", "status", "started", "duration")


class Table:
    """The runs that a search found.

    Iterating gives `nbtrack.entities.runs.RunRow`. Any library that reads Arrow takes the table as it is:
    ``polars.DataFrame(table)``, ``pyarrow.table(table)``.
    """

    def __init__(self, table: RunTable) -> None:
        self.detail = table

    @property
    def runs(self) -> list[RunRow]:
        """The rows."""
        return self.detail.runs

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.runs)

    def __iter__(self) -> Iterator[RunRow]:
        """The rows in their order."""
        return iter(self.runs)

    def columns(self) -> dict[str, list[Any]]:
        """The table by columns: id, name, experiment, status, started, duration, ``params.*``, ``metrics.*``, ``tags.*``."""
        rows = self.runs
        columns: dict[str, list[Any]] = {name: [getattr(row, name) for row in rows] for name in _OWN}
        columns["status"] = [row.status.value for row in rows]
        columns["started"] = [datetime.fromisoformat(row.started) for row in rows]
        for group in ("params", "metrics", "tags"):
            for name in dict.fromkeys(name for row in rows for name in getattr(row, group)):
                columns[f"{group}.{name}"] = [getattr(row, group).get(name) for row in rows]
        return columns

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The table as an Arrow stream (PyCapsule interface)."""
        import nanoarrow

        fields, children = {}, []
        for name, values in self.columns().items():
            kind, column = _arrow_column(values)
            fields[name] = kind
            children.append(nanoarrow.c_array(column, kind))
        array = nanoarrow.c_array_from_buffers(
            nanoarrow.struct(fields), len(self), buffers=[None], children=children
        )
        return nanoarrow.c_array_stream(array).__arrow_c_stream__(requested_schema)

    def to_pandas(self) -> pandas.DataFrame:
        """The table as a pandas data frame.

        Raises
        ------
        MissingLibrary
            If pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise MissingLibrary("pandas is not installed; pip install pandas.", library="pandas") from None
        return pandas.DataFrame(self.columns())

    def to_polars(self) -> polars.DataFrame:
        """The table as a polars data frame.

        Raises
        ------
        MissingLibrary
            If polars is not installed.
        """
        try:
            import polars
        except ImportError:
            raise MissingLibrary("polars is not installed; pip install polars.", library="polars") from None
        return polars.DataFrame(self)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        from nbtrack.widgets.run_table import RunTableWidget

        view = View(kind="runs", content=self.detail)
        widget = RunTableWidget(self.detail, html=to_html(view), text=to_text(view))
        return widget._repr_mimebundle_(**kwargs)

    def __repr__(self) -> str:
        """The table as text."""
        return to_text(View(kind="runs", content=self.detail))


def _arrow_column(values: list[Any]) -> tuple[Any, list[Any]]:
    """A column's Arrow type and values: one type where all values share it, else their text."""
    import nanoarrow

    kinds = {type(value) for value in values if value is not None}
    if kinds <= {bool} and kinds:
        return nanoarrow.bool_(), values
    if kinds == {int} and all(value is None or -(2**63) <= value < 2**63 for value in values):
        return nanoarrow.int64(), values
    if kinds and kinds <= {int, float}:
        return nanoarrow.float64(), [None if value is None else float(value) for value in values]
    if kinds == {datetime}:
        stamps = [None if value is None else round(value.timestamp() * 1000) for value in values]
        return nanoarrow.timestamp("ms", "UTC"), stamps
    return nanoarrow.string(), [value if value is None else _text(value) for value in values]


def _text(value: Any) -> str:
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else str(value)
