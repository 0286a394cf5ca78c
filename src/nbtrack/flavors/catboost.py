"""Models of CatBoost in its own binary form, which holds no code."""

from __future__ import annotations

from typing import Any, Final

from nbtrack.flavors.content import Written, explained, type_name
from nbtrack.flavors.formats import class_of, is_made_of, saved

FORMAT: Final = "catboost"
LIBRARY: Final = "catboost"

_CLASSES: Final = {
    f"catboost.core.{name}": name
    for name in ("CatBoost", "CatBoostClassifier", "CatBoostRegressor", "CatBoostRanker")
}


def holds(kind: type) -> bool:
    """Whether it is a class of CatBoost itself."""
    return is_made_of(kind, LIBRARY, "CatBoost") and type_name(kind) in _CLASSES


def write(model: Any) -> Written:
    """The model in the form ``cbm``.

    Raises
    ------
    ModelError
        If CatBoost cannot write it.
    """
    return Written(
        content=saved(lambda target: model.save_model(str(target), format="cbm"), "model.cbm", "CatBoost"),
        types=[type_name(type(model))],
    )


def is_one(content: bytes) -> bool:
    """The form begins with its name and version."""
    return content[:4] == b"CBM1"


def runs_code(content: bytes) -> bool:
    """Nothing in the form is code."""
    return False


def load(content: bytes, types: list[str], *, trusted: bool = False) -> Any:
    """The model of the class that was recorded.

    Raises
    ------
    UnsafeModel
        If that is none of CatBoost's.
    ModelError
        If CatBoost cannot read it.
    """
    model = class_of(types, _CLASSES, LIBRARY, "CatBoost")()
    with explained("CatBoost cannot load the model here"):
        model.load_model(blob=content)
    return model
