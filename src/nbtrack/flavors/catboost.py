"""Models of CatBoost in its own binary form, which holds no code."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Final

from nbtrack.errors import ModelError, UnsafeModel
from nbtrack.flavors.content import Written, sentence, type_name
from nbtrack.flavors.formats import is_made_of, require

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
    with tempfile.TemporaryDirectory(prefix="nbtrack-") as folder:
        target = Path(folder) / "model.cbm"
        try:
            model.save_model(str(target), format="cbm")
        except Exception as problem:
            raise ModelError(f"CatBoost cannot write the model: {sentence(problem)}") from problem
        return Written(content=target.read_bytes(), types=[type_name(type(model))])


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
    if len(types) != 1 or types[0] not in _CLASSES:
        raise UnsafeModel(
            f"No model of CatBoost is a {', '.join(types) or 'thing without type'}.", types=types
        )
    model = getattr(require(LIBRARY), _CLASSES[types[0]])()
    try:
        model.load_model(blob=content)
    except Exception as problem:
        raise ModelError(f"CatBoost cannot load the model here: {sentence(problem)}") from problem
    return model
