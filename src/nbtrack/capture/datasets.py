"""The data that a cell reads: arrays and tables of earlier cells, described and fingerprinted.

Known by their classes, which are looked up among the imported modules: a library that the notebook does not
use is not imported, and an object that only behaves like an array is left alone.
"""

from __future__ import annotations

import itertools
from time import perf_counter  # by name: a notebook may put something else into the module
from typing import TYPE_CHECKING, Any, Final

from nbtrack.capture.column_values import column_text
from nbtrack.capture.fingerprints import Fingerprint, Unknown
from nbtrack.capture.params import loaded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from nbtrack.entities.datasets import Dataset

BUDGET: Final = 0.020
"""Seconds for all fingerprints of a cell; the person waits for them before their code runs."""

_MAX_DATASETS: Final = 100
_MAX_COLUMNS: Final = 200
_CLASSES: Final = (
    ("numpy", "ndarray"),
    ("pandas", "DataFrame"),
    ("pandas", "Series"),
    ("polars", "DataFrame"),
    ("polars", "Series"),
    ("pyarrow", "Table"),
    ("scipy.sparse", "sparray"),
    ("scipy.sparse", "spmatrix"),
    ("modin.pandas", "DataFrame"),
    ("modin.pandas", "Series"),
    ("dask.dataframe", "DataFrame"),
    ("dask.dataframe", "Series"),
    ("polars", "LazyFrame"),
)
OTHERS: Final = ("modin.pandas", "dask.dataframe", "polars.LazyFrame")
"""Libraries whose tables are not simply there, or are asked by way of narwhals."""
LAZY: Final = ("dask.dataframe", "polars.LazyFrame")
"""Those whose tables are computed on demand, which is never done."""


def read_datasets(
    names: Iterable[str], namespace: Mapping[str, object], *, budget: float = BUDGET
) -> list[Dataset]:
    """Describe the data among `names` (those that a cell loads); call it before the cell runs.

    Parameters
    ----------
    budget
        Seconds after which fingerprints are None.

    Returns
    -------
    list of Dataset
        ``fingerprint`` is ``blake2b-64:<hex>``, of the whole content up to 8 MB and of spread samples
        above; equal content of one type has one fingerprint however it lies in memory. None where the
        content cannot be read without running code of its elements, or not in time.
    """
    deadline = perf_counter() + budget
    found: list[Dataset] = []
    seen: dict[int, tuple[str | None, bool]] = {}
    kinds = Kinds()
    for name in names if kinds else ():
        value = namespace.get(name)
        module = kinds.module_of(value)
        if module is None or name.startswith("_"):
            continue
        described = _described(name, value, module)
        if described is None:
            continue
        if id(value) not in seen:
            seen[id(value)] = _fingerprint(value, module, deadline)
        described["fingerprint"], described["sampled"] = seen[id(value)]
        found.append(_dataset(described))
        if len(found) == _MAX_DATASETS:
            break
    return found


def describe(name: str, value: object, module: str, *, budget: float = BUDGET) -> Dataset | None:
    """Describe one value of a library that `Kinds` knows, with the dtypes of its columns; None where it is no data."""
    described = _described(name, value, module)
    if described is None:
        return None
    described["schema"] = schema_of(value, module)
    if budget > 0:
        described["fingerprint"], described["sampled"] = _fingerprint(value, module, perf_counter() + budget)
    return _dataset(described)


class Kinds:
    """The classes of data of the libraries that are imported now; false where there are none."""

    def __init__(self) -> None:
        self._classes = [
            (f"{module}.{name}" if name == "LazyFrame" else module, base)
            for module, name in _CLASSES
            if isinstance(base := loaded(module, name), type)
        ]

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._classes)

    def module_of(self, value: object) -> str | None:
        """The library that a value is data of; None for anything else."""
        return next((module for module, base in self._classes if _is(type(value), base, module)), None)


def schema_of(value: Any, module: str) -> dict[str, str]:
    """The dtypes of the columns, by name; of an array its dtype by the name ``values``. Empty where it cannot be told."""
    try:
        return dict(itertools.islice(_dtypes(value, module), _MAX_COLUMNS))
    except (Exception, SystemExit, GeneratorExit):  # noqa: BLE001 - as in _described
        return {}


def _dtypes(value: Any, module: str) -> Iterator[tuple[str, str]]:
    if module == "numpy":
        dtype = _plain(value).dtype
        fields = dtype.names or ()
        yield from ((name, str(dtype[name])) for name in fields)
        if not fields:
            yield "values", str(dtype)
    elif module == "scipy.sparse":
        yield "values", str(value.dtype)
    elif module == "pyarrow":
        yield from ((field.name, str(field.type)) for field in value.schema)
    elif module == "polars":
        columns = [value] if len(value.shape) == 1 else value.get_columns()
        yield from ((column.name, str(column.dtype)) for column in columns)
    elif module == "pandas":
        if len(value.shape) == 1:
            yield ("values" if value.name is None else column_text(value.name)), str(value.dtype)
        else:
            names, dtypes = value.columns[:_MAX_COLUMNS], value.dtypes.iloc[:_MAX_COLUMNS]
            yield from zip(map(column_text, names), map(str, dtypes), strict=True)
    elif module == "polars.LazyFrame":
        yield from ((name, str(dtype)) for name, dtype in value.collect_schema().items())
    elif (
        module == "dask.dataframe"
    ):  # its dtypes are known; narwhals warns that it is going to leave dask to others
        if type(value) is loaded(module, "DataFrame"):
            yield from zip(map(column_text, value.columns), map(str, value.dtypes), strict=True)
        else:
            yield ("values" if value.name is None else column_text(value.name)), str(value.dtype)
    elif module in OTHERS:
        from nbtrack.capture.any_frame import dtypes_of  # late: it needs narwhals

        yield from dtypes_of(value)


def _is(kind: type, base: type, module: str) -> bool:
    """Whether objects of this class may be asked anything: a person's subclass of a frame runs their code.

    Arrays are the exception, since numpy gives the plain array below any subclass.
    """
    if kind is base or not type.__subclasscheck__(base, kind):
        return kind is base
    if module != "scipy.sparse":
        return module == "numpy"
    own = type.__getattribute__(kind, "__module__")
    return (
        type(own) is str
        and own.startswith("scipy.")
        and loaded(own, type.__getattribute__(kind, "__name__")) is kind
    )


def _dataset(fields: dict[str, Any]) -> Dataset:
    from nbtrack.entities.datasets import Dataset  # late: a notebook may never show any data

    return Dataset(**fields)


def _described(name: str, value: Any, module: str) -> dict[str, Any] | None:
    """Return what is known without reading the content; None for a single number, and where a subclass raises."""
    if module in OTHERS:
        return _described_other(name, value, module)
    try:
        shape = [int(length) for length in (value.shape if module != "numpy" else _plain(value).shape)]
        columns = _columns(value, module)
    except (Exception, SystemExit, GeneratorExit):  # noqa: BLE001 - a subclass may do anything, the cell must run
        return None
    if not shape:
        return None
    return {"name": name, "type_name": _type_name(type(value), module), "shape": shape, "columns": columns}


def _described_other(name: str, value: Any, module: str) -> dict[str, Any] | None:
    """Of a table that is computed when it is asked for, only what is known already."""
    schema = schema_of(value, module)
    shape: list[int] = []
    if module not in LAZY:
        shape = [len(value.index), len(schema)]
    columns = list(schema)
    kind = "polars" if module == "polars.LazyFrame" else module
    return {"name": name, "type_name": _type_name(type(value), kind), "shape": shape, "columns": columns}


def _columns(value: Any, module: str) -> list[str]:
    if module == "numpy":
        names: Iterable[Any] = _plain(value).dtype.names or ()
    elif module == "pyarrow":
        names = value.column_names
    elif module in ("pandas", "polars"):
        names = value.columns if len(value.shape) == 2 else [] if value.name is None else [value.name]
    else:
        names = ()
    return [column_text(name) for name in itertools.islice(names, _MAX_COLUMNS)]


def _type_name(kind: type, module: str) -> str:
    """``pandas.DataFrame``, in whichever private module a version defines it; other packages' subclasses in full."""
    own, name = type.__getattribute__(kind, "__module__"), type.__getattribute__(kind, "__qualname__")
    inside = type(own) is str and own.partition(".")[0] == module.partition(".")[0]
    return f"{module if inside else own}.{name}"


def _plain(value: Any) -> Any:
    """The array itself, without what a subclass does to its attributes."""
    ndarray = loaded("numpy", "ndarray")
    return value if type(value) is ndarray else ndarray.view(value, ndarray)


def _fingerprint(value: Any, module: str, deadline: float) -> tuple[str | None, bool]:
    if module in OTHERS:
        return None, False
    try:
        fingerprint = Fingerprint(deadline)
        fingerprint.add(value, module)
        return fingerprint.text(), fingerprint.sampled
    except Unknown:
        return None, False
    except (Exception, SystemExit, GeneratorExit):  # noqa: BLE001 - as in _described
        return None, False
