"""A table of runs that shows itself in a notebook and turns into data frames."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from nbtrack.entities.columns import Column, RunColumns
from nbtrack.entities.runs import RunRow, RunStatus, RunTable
from nbtrack.errors import MissingLibrary
from nbtrack.render.html import to_html
from nbtrack.render.text import to_text
from nbtrack.render.views import View

if TYPE_CHECKING:
    import pandas
    import polars

_CODES = {"float": "d", "int": "q", "time": "q", "text": "i"}
_HIDDEN = ("notebook", "cell_id")
"""What a run's record has and a data frame leaves out."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Table:
    """The runs that a search found.

    Iterating gives `nbtrack.entities.runs.RunRow`. Any library that reads Arrow takes the table as it is:
    ``polars.DataFrame(table)``, ``pyarrow.table(table)``.
    """

    def __init__(self, table: RunColumns) -> None:
        self._table = table

    @cached_property
    def detail(self) -> RunTable:
        """The answer as records."""
        table = self._table
        own: dict[str, list[Any]] = {}
        rest: dict[str, list[dict[str, Any]]] = {
            group: [{} for _ in range(table.count)] for group in ("params", "metrics", "tags")
        }
        for column in table.columns:
            values = _values(column)
            if column.group == "run":
                own[column.name] = values
            else:
                for row, (target, value) in enumerate(zip(rest[column.group], values, strict=True)):
                    if column.present is None or column.present[row]:
                        target[column.name] = value
        runs = [
            RunRow(
                id=own["id"][row],
                name=own["name"][row],
                experiment=own["experiment"][row],
                status=RunStatus(own["status"][row]),
                started=_iso(own["started"][row]),
                duration=own["duration"][row],
                params=rest["params"][row],
                metrics=rest["metrics"][row],
                tags=rest["tags"][row],
                notebook=own["notebook"][row],
                cell_id=own["cell_id"][row],
                origin=own["origin"][row] if "origin" in own else None,
            )
            for row in range(table.count)
        ]
        return RunTable(store=table.store, version=table.version, total=table.total, runs=runs)

    @property
    def runs(self) -> list[RunRow]:
        """The rows."""
        return self.detail.runs

    def __len__(self) -> int:
        """The number of rows."""
        return self._table.count

    def __iter__(self) -> Iterator[RunRow]:
        """The rows in their order."""
        return iter(self.runs)

    def columns(self) -> dict[str, list[Any]]:
        """The table by columns: id, name, experiment, status, started, duration, ``params.*``, ``metrics.*``, ``tags.*``.

        Where runs of other stores are among them there is a column ``origin`` too.
        """
        columns = {_title(column): _values(column) for column in self._shown}
        columns["started"] = [_moment(nanoseconds) for nanoseconds in columns.get("started", [])]
        return columns

    @property
    def _shown(self) -> list[Column]:
        if not self._table.count:
            return [Column(name=name, group="run", kind="text") for name in _OWN]
        return [item for item in self._table.columns if item.group != "run" or item.name not in _HIDDEN]

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
            import numpy
            import pandas
        except ImportError:
            raise MissingLibrary("pandas is not installed; pip install pandas.", library="pandas") from None
        columns: dict[str, Any] = {}
        for column in self._shown:
            if column.kind == "json":
                columns[_title(column)] = _values(column)
                continue
            numbers = numpy.frombuffer(column.data, dtype=f"<{_CODES[column.kind]}")
            if column.kind == "time":
                numbers = pandas.to_datetime(numbers // 1_000_000, unit="ms", utc=True)
            elif column.kind == "text":
                numbers = numpy.array([*json.loads(bytes(column.words)), None], dtype=object)[numbers]
            columns[_title(column)] = numbers
        return pandas.DataFrame(columns)

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


_OWN = ("id", "name", "experiment", "status", "started", "duration")


def _title(column: Column) -> str:
    return column.name if column.group == "run" else f"{column.group}.{column.name}"


def _values(column: Column) -> list[Any]:
    """A column's values as Python has them; None where nothing was recorded."""
    if column.kind == "json":
        return list(json.loads(bytes(column.words)))
    numbers: array[Any] = array(_CODES[column.kind])
    numbers.frombytes(column.data)
    if column.kind == "text":
        words = [*json.loads(bytes(column.words)), None]
        return [words[number] for number in numbers]
    if column.present is None:
        return list(numbers)
    return [number if here else None for number, here in zip(numbers, column.present, strict=True)]


def _moment(nanoseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=nanoseconds // 1_000_000)


def _iso(nanoseconds: int) -> str:
    return _moment(nanoseconds).isoformat(timespec="milliseconds").replace("+00:00", "Z")


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
