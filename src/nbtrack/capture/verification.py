"""Some rows of input of a model that is saved, with what it predicts for them: to verify later that it is loaded as it was.

The model is only asked where all of its code is that of a library, since a person's own class may do anything; asked for
twenty rows, such a model answers in milliseconds. Of any other the rows alone are kept.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Mapping
from types import FunctionType
from typing import Any, Final

from nbtrack.capture.constants import ABSENT
from nbtrack.capture.datasets import LAZY, Kinds, schema_of
from nbtrack.capture.known_data import KnownData
from nbtrack.capture.params import jsonable, loaded, scalar

_LIBRARIES: Final = ("sklearn", "xgboost", "lightgbm", "catboost")
_WIDEST: Final = 2_000
_PARTS: Final = 10_000  # of a model that are looked at
_METHODS: Final = ("predict", "transform")


def verification_rows(
    model: object, names: Iterable[str], namespace: Mapping[str, object], known: KnownData, count: int
) -> bytes | None:
    """The first rows of the input that fits a model, and what it predicts for them, as JSON; None where there is no input.

    Parameters
    ----------
    names
        Variables among which the input is looked for. What a split put aside is chosen before what the model was fitted on.
    """
    if count < 1:
        return None
    try:
        name, value, module = _input(model, names, namespace, known)
        return _document(model, name, value, module, count) if name else None
    except (Exception, SystemExit, GeneratorExit):  # noqa: BLE001 - a model may do anything, and the cell has been run
        return None


def named_rows(model: object, name: str, value: object, count: int) -> bytes | None:
    """As `verification_rows`, of an input that the person names; None where it is no table or array."""
    try:
        module = Kinds().module_of(value)
        return None if module is None or module in LAZY else _document(model, name, value, module, count)
    except (Exception, SystemExit, GeneratorExit):  # noqa: BLE001 - as in verification_rows
        return None


def _document(model: object, name: str, value: Any, module: str, count: int) -> bytes:
    head = _head(value, module, count)
    content: dict[str, Any] = {
        "input": name,
        "type": f"{module}.{type(value).__name__}",
        "schema": schema_of(value, module),
        "rows": _plain(head, module),
    }
    method, predictions = _predictions(model, head)
    if method:
        content |= {"method": method, "predictions": predictions}
    return json.dumps(content).encode()


def _input(
    model: Any, names: Iterable[str], namespace: Mapping[str, object], known: KnownData
) -> tuple[str, Any, str]:
    """The name, value and library of the best input: as wide as what the model has learned from."""
    width = scalar(vars(model).get("n_features_in_"))
    if type(width) is not int and type(model).__module__.partition(".")[0] in _LIBRARIES:
        width = scalar(getattr(model, "n_features_in_", None))  # a property there
    kinds = Kinds()
    found: dict[str, tuple[str, Any, str]] = {}
    for name in names:
        value: Any = namespace.get(name)
        module = kinds.module_of(value)
        if module is None or module in LAZY or type(width) is not int:
            continue
        shape = value.shape
        if len(shape) == 2 and shape[0] and shape[1] == width <= _WIDEST:
            found.setdefault(known.origin_of(value).role or "", (name, value, module))
    return found.get("test") or found.get("train") or found.get("") or ("", None, "")


def _head(value: Any, module: str, count: int) -> Any:
    if module in ("pandas", "modin.pandas"):
        return value.iloc[:count]
    return value.slice(0, count) if module == "pyarrow" else value[:count]


def _plain(head: Any, module: str) -> list[list[Any]]:
    """Rows of plain values; what is none is named by its class."""
    if module == "numpy":
        rows = head.tolist()
        if head.ndim > 2:  # images and series: numbers in lists of lists
            return rows if head.dtype.kind in "fiub" else []
    elif module == "scipy.sparse":
        rows = head.toarray().tolist()
    elif module == "polars":
        rows = [list(row) for row in head.rows()]
    elif module == "pyarrow":
        rows = [list(row) for row in zip(*(column.to_pylist() for column in head.columns), strict=True)]
    else:
        rows = [list(row) for row in head.itertuples(index=False, name=None)]
    return [[_cell(value) for value in row] for row in rows]


def _cell(value: Any) -> Any:
    plain = scalar(value)
    if plain is not ABSENT:
        return plain
    kind = type(value)
    if any(
        kind is known
        for known in (
            loaded("pandas", "Timestamp"),
            loaded("datetime", "datetime"),
            loaded("datetime", "date"),
        )
    ):
        return value.isoformat()
    return (
        None
        if kind is type(loaded("pandas", "NaT")) or kind is type(loaded("pandas", "NA"))
        else kind.__name__
    )


def _predictions(model: Any, head: Any) -> tuple[str, Any]:
    """What a model predicts, and by which method; nothing where some of its code is not a library's own."""
    method = next((name for name in _METHODS if callable(getattr(type(model), name, None))), "")
    if not method or not _is_a_librarys(model):
        return "", None
    try:
        with warnings.catch_warnings(), loaded("numpy", "errstate")(all="ignore"):
            warnings.simplefilter("ignore")
            result = getattr(model, method)(head)
    except Exception:  # noqa: BLE001 - the input is of another kind than the model has learned from
        return "", None
    if loaded("scipy.sparse", "issparse") is not None and loaded("scipy.sparse", "issparse")(result):
        result = result.toarray()
    plain = jsonable(loaded("numpy", "asarray")(result).tolist(), 20 * _WIDEST)
    return ("", None) if plain is ABSENT else (method, plain)


def _is_a_librarys(model: object) -> bool:
    """Whether a model and all that it is made of is of classes of known libraries, and none of them prints what it does."""
    waiting, seen, base = [model], 0, loaded("sklearn.base", "BaseEstimator")
    while waiting:
        part = waiting.pop()
        seen += 1
        if seen > _PARTS:
            return False
        kind = type(part)
        if kind is list or kind is tuple:
            waiting.extend(part)  # type: ignore[arg-type]
        elif kind is dict:
            waiting.extend(part.values())  # type: ignore[attr-defined]
        elif kind is FunctionType:
            if part.__module__.partition(".")[0] not in (*_LIBRARIES, "numpy", "scipy"):
                return False
        elif base is not None and issubclass(kind, base):
            module = type.__getattribute__(kind, "__module__")
            attributes = vars(part)
            if (
                type(module) is not str
                or module.partition(".")[0] not in _LIBRARIES
                or attributes.get("verbose")
            ):
                return False
            waiting.extend(value for name, value in attributes.items() if name not in ("estimators_", "_rng"))
            trees = attributes.get("estimators_")
            if type(trees) is list:
                waiting.extend(trees[:1])
    return True
