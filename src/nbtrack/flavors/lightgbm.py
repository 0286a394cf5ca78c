"""Boosters of LightGBM as its own text. Its estimators are scikit-learn's in all but name, and skops holds them."""

from __future__ import annotations

from typing import Any, Final

from nbtrack.flavors.content import Written, explained, type_name
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
    with explained("LightGBM cannot write the model"):
        return Written(content=model.model_to_string().encode())


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
    with explained("LightGBM cannot load the model here"):
        return library.Booster(model_str=content.decode())
