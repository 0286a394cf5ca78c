"""Boosters of LightGBM as its own text. Its estimators are scikit-learn's in all but name, and skops holds them."""

from __future__ import annotations

from typing import Any, Final

from nbtrack.errors import ModelError
from nbtrack.flavors.content import Written, sentence, type_name
from nbtrack.flavors.formats import is_made_of, require

FORMAT: Final = "lightgbm"
LIBRARY: Final = "lightgbm"


def holds(kind: type) -> bool:
    """Whether it is a booster."""
    return is_made_of(kind, LIBRARY, "Booster") and type_name(kind) == "lightgbm.basic.Booster"


def write(model: Any) -> Written:
    """The booster as text, up to its best iteration where it has one.

    Raises
    ------
    ModelError
        If LightGBM cannot write it.
    """
    try:
        return Written(content=model.model_to_string().encode())
    except Exception as problem:
        raise ModelError(f"LightGBM cannot write the model: {sentence(problem)}") from problem


def is_one(content: bytes) -> bool:
    """The text begins with its kind and version."""
    return content.startswith(b"tree\nversion=")


def runs_code(content: bytes) -> bool:
    """Nothing in the text is code."""
    return False


def load(content: bytes, types: list[str], *, trusted: bool = False) -> Any:
    """The booster.

    Raises
    ------
    ModelError
        If LightGBM cannot read it.
    """
    library = require(LIBRARY)
    try:
        return library.Booster(model_str=content.decode())
    except Exception as problem:
        raise ModelError(f"LightGBM cannot load the model here: {sentence(problem)}") from problem
