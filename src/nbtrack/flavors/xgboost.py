"""Models of XGBoost as UBJ, its own binary JSON: trees and settings, no code."""

from __future__ import annotations

from typing import Any, Final

from nbtrack.flavors.content import Written, explained, type_name
from nbtrack.flavors.formats import class_of, is_made_of, saved

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
    return Written(content=saved(model.save_model, "model.ubj", "XGBoost"), types=[type_name(type(model))])


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
    model = class_of(types, _CLASSES, LIBRARY, "XGBoost")()
    with explained("XGBoost cannot load the model here"):
        model.load_model(bytearray(content))
    return model
