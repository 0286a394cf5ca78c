"""What models answer for rows of input, and whether two answers are the same."""

from __future__ import annotations

import math
import sys
import warnings
from dataclasses import dataclass
from typing import Any, Final

from nbtrack.errors import ModelError
from nbtrack.flavors.content import sentence
from nbtrack.flavors.formats import require

ATOL: Final = 1e-6
RTOL: Final = 1e-5
_METHODS: Final = ("predict", "transform", "forward")


@dataclass(frozen=True, slots=True)
class Agreement:
    """How two answers compare: rows that differ, the largest difference of numbers."""

    different: int
    largest: float


def frame_of(rows: list[list[Any]], kind: str, schema: dict[str, str]) -> Any:
    """Kept rows as the input that they were taken from.

    Parameters
    ----------
    kind
        Its type: an array of NumPy or torch, a matrix of SciPy, or a table of pandas, polars or pyarrow.
    schema
        The dtypes of the columns by name; of an array, its dtype as ``values``.

    Raises
    ------
    ModelError
        If the rows cannot be made such an input here.
    """
    import numpy as np

    library = kind.partition(".")[0]
    try:
        if library in ("pandas", "modin"):
            import pandas as pd

            table = pd.DataFrame(rows, columns=[*schema])
            return table.astype({name: dtype for name, dtype in schema.items() if dtype != "object"})
        if library == "polars":
            import polars as pl

            names = {
                str(getattr(pl, name)): getattr(pl, name)
                for name in ("Int64", "Float64", "String", "Boolean")
            }
            types = {name: names.get(dtype) for name, dtype in schema.items()}
            return pl.DataFrame(rows, schema=types, orient="row")
        if library == "pyarrow":
            return require("pyarrow").table(
                {name: list(column) for name, column in zip(schema, zip(*rows, strict=True), strict=True)}
            )
        array = np.asarray(
            rows, dtype=None if "values" not in schema else schema["values"].removeprefix("torch.")
        )
        if library == "torch":
            return require("torch").from_numpy(array)
        if library == "scipy":
            return require("scipy.sparse", "scipy").csr_matrix(array)
        return array
    except Exception as problem:
        raise ModelError(f"The rows that were kept cannot be read again: {sentence(problem)}") from problem


def times(frame: Any, count: int) -> Any:
    """`count` rows of an input, its own over and over."""
    import numpy as np

    if (library := type(frame).__module__.partition(".")[0]) == "pandas":
        return frame.iloc[np.arange(count) % len(frame)].reset_index(drop=True)
    if library == "pyarrow":
        return frame.take(np.arange(count) % frame.num_rows)
    return frame[np.arange(count) % frame.shape[0]]


def method_of(model: Any) -> str:
    """How a model is asked: by ``predict``, ``transform`` or, of a network of torch, ``forward``; empty where by none."""
    return next((name for name in _METHODS if callable(getattr(type(model), name, None))), "")


def answers(model: Any, method: str, frame: Any) -> Any:
    """What a model answers, as an array of NumPy.

    Raises
    ------
    ModelError
        If it does not answer.
    """
    import numpy as np

    library = type(model).__module__.partition(".")[0]
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            if method == "forward":
                return _forward(model, frame)
            if type(model).__name__ == "Booster" and library == "xgboost":
                frame = sys.modules["xgboost"].DMatrix(frame)
            asked = {"verbose": 0} if library == "keras" else {}
            answer = getattr(model, method)(frame, **asked)
    except Exception as problem:
        raise ModelError(
            f"The model does not answer for the rows that were kept: {sentence(problem)}"
        ) from problem
    if type(answer).__module__.startswith("scipy.sparse"):
        answer = answer.toarray()
    return np.asarray(answer)


def _forward(model: Any, frame: Any) -> Any:
    torch = require("torch")
    training, model = model.training, model.eval()
    try:
        with torch.no_grad():
            given = frame if isinstance(frame, torch.Tensor) else torch.as_tensor(frame)
            answer = model(given)
    finally:
        model.train(training)
    return answer.cpu().numpy()


def compare(expected: list[Any], answer: Any) -> Agreement:
    """How an answer compares with the one that was kept: numbers within `ATOL` and `RTOL`, all else as it is."""
    import numpy as np

    given = answer.tolist()
    if len(given) != len(expected):
        return Agreement(max(len(given), len(expected)), math.nan)
    if answer.dtype.kind in "fiub":
        known = np.asarray(
            [[np.nan if item is None else item for item in np.ravel(row)] for row in expected], dtype=float
        )
        found = answer.reshape(len(given), -1).astype(float)
        if known.shape != found.shape:
            return Agreement(len(given), math.nan)
        same = np.isclose(found, known, rtol=RTOL, atol=ATOL, equal_nan=True)
        finite = np.isfinite(found) & np.isfinite(known)
        largest = float(np.max(np.abs(found - known)[finite], initial=0.0))
        return Agreement(int((~same.all(axis=1)).sum()), largest)
    different = sum(str(one) != str(other) for one, other in zip(given, expected, strict=True))
    return Agreement(different, 0.0)
