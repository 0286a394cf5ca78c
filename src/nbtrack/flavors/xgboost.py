"""Models of XGBoost as UBJ, its own binary JSON: trees and settings, no code."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Final

from nbtrack.errors import ModelError, UnsafeModel
from nbtrack.flavors.content import Written, sentence, type_name
from nbtrack.flavors.formats import is_made_of, require

FORMAT: Final = "xgboost"
LIBRARY: Final = "xgboost"

_CLASSES: Final = {
    "xgboost.core.Booster": "Booster",
    **{
        f"xgboost.sklearn.{name}": name
        for name in (
            "XGBClassifier",
            "XGBRegressor",
            "XGBRanker",
            "XGBRFClassifier",
            "XGBRFRegressor",
        )
    },
}


def holds(kind: type) -> bool:
    """Whether it is a booster or an estimator of XGBoost itself."""
    return is_made_of(kind, LIBRARY, "Booster", "XGBModel") and type_name(kind) in _CLASSES


def write(model: Any) -> Written:
    """The model as UBJ.

    Raises
    ------
    ModelError
        If XGBoost cannot write it.
    """
    with tempfile.TemporaryDirectory(prefix="nbtrack-") as folder:
        target = Path(folder) / "model.ubj"
        try:
            model.save_model(target)
        except Exception as problem:
            raise ModelError(f"XGBoost cannot write the model: {sentence(problem)}") from problem
        return Written(content=target.read_bytes(), types=[type_name(type(model))])


def is_one(content: bytes) -> bool:
    """UBJ begins with an object whose first key has a long as length; JSON and the old binary form do not."""
    return content[:2] == b"{L"


def runs_code(content: bytes) -> bool:
    """Nothing in UBJ is code."""
    return False


def load(content: bytes, types: list[str], *, trusted: bool = False) -> Any:
    """The booster or estimator of the class that was recorded.

    Raises
    ------
    UnsafeModel
        If that is none of XGBoost's.
    ModelError
        If XGBoost cannot read it.
    """
    if len(types) != 1 or types[0] not in _CLASSES:
        raise UnsafeModel(
            f"No model of XGBoost is a {', '.join(types) or 'thing without type'}.", types=types
        )
    model = getattr(require(LIBRARY), _CLASSES[types[0]])()
    try:
        model.load_model(bytearray(content))
    except Exception as problem:
        raise ModelError(f"XGBoost cannot load the model here: {sentence(problem)}") from problem
    return model
