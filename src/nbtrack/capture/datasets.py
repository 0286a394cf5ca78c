"""The data that a cell reads: arrays and tables of earlier cells, described and fingerprinted.

Known by their classes, which are looked up among the imported modules: a library that the notebook does not
use is not imported, and an object that only behaves like an array is left alone.
"""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any, Final

from nbtrack.capture.constants import ABSENT
from nbtrack.capture.fingerprints import Fingerprint, Unknown
from nbtrack.capture.params import loaded, scalar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nbtrack.entities.runs import Dataset

BUDGET: Final = 0.020
"""Seconds for all fingerprints of a cell; the person waits for them before their code runs."""

_MAX_DATASETS: Final = 100
_MAX_COLUMNS: Final = 200
_MAX_NAME: Final = 200
_CLASSES: Final = (
    ("numpy", "ndarray"),
    ("pandas", "DataFrame"),
    ("pandas", "Series"),
    ("polars", "DataFrame"),
    ("polars", "Series"),
    ("pyarrow", "Table"),
    ("scipy.sparse", "sparray"),
    ("scipy.sparse", "spmatrix"),
)


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
    classes = [(module, base) for module, name in _CLASSES if isinstance(base := loaded(module, name), type)]
    deadline = time.perf_counter() + budget
    found: list[Dataset] = []
    seen: dict[int, tuple[str | None, bool]] = {}
    for name in names if classes else ():
        value = namespace.get(name)
        module = next((module for module, base in classes if _is(type(value), base, module)), None)
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
    from nbtrack.entities.runs import Dataset  # late: the nouns take longer to import than all of capture

    return Dataset(**fields)


def _described(name: str, value: Any, module: str) -> dict[str, Any] | None:
    """Return what is known without reading the content; None for a single number, and where a subclass raises."""
    try:
        shape = [int(length) for length in (value.shape if module != "numpy" else _plain(value).shape)]
        columns = _columns(value, module)
    except (Exception, SystemExit, GeneratorExit):  # noqa: BLE001 - a subclass may do anything, the cell must run
        return None
    if not shape:
        return None
    return {"name": name, "type_name": _type_name(type(value), module), "shape": shape, "columns": columns}


def _columns(value: Any, module: str) -> list[str]:
    if module == "numpy":
        names: Iterable[Any] = _plain(value).dtype.names or ()
    elif module == "pyarrow":
        names = value.column_names
    elif module in ("pandas", "polars"):
        names = value.columns if len(value.shape) == 2 else [] if value.name is None else [value.name]
    else:
        names = ()
    return [_text(name) for name in itertools.islice(names, _MAX_COLUMNS)]


def _text(name: Any) -> str:
    """The name of a column; a label of several levels has its parts joined, an object the name of its class."""
    if type(name) is tuple:
        return ", ".join(map(_text, name))
    plain = scalar(name)
    if plain is ABSENT or (type(plain) is int and plain.bit_length() > 64):
        return type.__getattribute__(type(name), "__name__")  # type: ignore[no-any-return]
    return str(plain)[:_MAX_NAME]


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
    try:
        fingerprint = Fingerprint(deadline)
        fingerprint.add(value, module)
        return fingerprint.text(), fingerprint.sampled
    except Unknown:
        return None, False
    except (Exception, SystemExit, GeneratorExit):  # noqa: BLE001 - as in _described
        return None, False
