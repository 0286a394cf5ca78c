"""What the notebook's own process writes of a model, where a pickle of it would be of no use to any other."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Mapping

from nbtrack.errors import ModelError
from nbtrack.flavors.content import sentence


def native_form(model: object) -> tuple[str, bytes] | None:
    """Format and content of a network of torch or Keras; None of any other model, and of one that has no such form.

    Networks are written where they live: their classes may be the notebook's, and their pickles run code.
    """
    try:
        return _network(model)
    except ModelError:
        return None


def asked_form(model: object, form: str | None) -> tuple[str, bytes] | None:
    """As `native_form` for a model that is to be registered, and of any model the pickle that was asked for.

    Raises
    ------
    ModelError
        If it has no such form; says why.
    """
    if form is None:
        return _network(model)
    from nbtrack.flavors.pickled import with_source

    try:
        content = pickle.dumps(model, 5)
    except Exception as problem:
        raise ModelError(f"The model cannot be pickled: {sentence(problem)}") from problem
    return "pickle", with_source(content, _notebook()).content


def _network(model: object) -> tuple[str, bytes] | None:
    if "torch" in sys.modules:
        from nbtrack.flavors import torch

        if torch.holds(type(model)) and not _is_keras(model):
            return torch.FORMAT, torch.write(model, _notebook()).content
    if _is_keras(model):
        from nbtrack.flavors import keras

        return keras.FORMAT, keras.write(model).content
    return None


def _is_keras(model: object) -> bool:
    """Whether it is a model of Keras; on the backend torch such a model is a module of torch too."""
    if "keras" not in sys.modules:
        return False
    from nbtrack.flavors import keras

    return keras.holds(type(model))


def _notebook() -> Mapping[str, object]:
    """The variables of the notebook or script."""
    return vars(sys.modules["__main__"])
