"""Models of every library that nbtrack writes: written, loaded in a fresh process, and asked for the same rows."""

from __future__ import annotations

import json
import os
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from nbtrack.errors import ModelError, UnsafeModel
from nbtrack.flavors.content import digest_of
from nbtrack.flavors.loading import load
from nbtrack.flavors.native import asked_form
from nbtrack.service.conversion import convert_in_child

os.environ.setdefault("KERAS_BACKEND", "torch")
xgboost = pytest.importorskip("xgboost")
lightgbm = pytest.importorskip("lightgbm")
catboost = pytest.importorskip("catboost")
torch = pytest.importorskip("torch")
keras = pytest.importorskip("keras")
pytest.importorskip("safetensors")

X, y = load_iris(return_X_y=True)
X = X.astype("float32")
TWO = y > 0
ROWS = json.dumps(
    {"input": "X", "type": "numpy.ndarray", "schema": {"values": "float32"}, "rows": X[:20].tolist()}
)


class Net(torch.nn.Module):
    """A network of a class that is not of torch."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Linear(4, 3)

    def forward(self, rows: Any) -> Any:
        """The first layer alone."""
        return self.first(rows)


def tied() -> Any:
    """Two layers with the same weights."""
    first, last = torch.nn.Linear(4, 4, bias=False), torch.nn.Linear(4, 4, bias=False)
    last.weight = first.weight
    return torch.nn.Sequential(first, torch.nn.ReLU(), last)


def functional() -> Any:
    """A model of Keras that is no chain."""
    given = keras.layers.Input((4,))
    inner = keras.layers.Dense(8, activation="relu", kernel_regularizer=keras.regularizers.L2(0.01))(given)
    joined = keras.layers.Concatenate()([inner, keras.layers.BatchNormalization()(inner)])
    return keras.Model(given, keras.layers.Dense(3, activation="softmax")(joined))


def networks() -> list[Any]:
    """Networks of torch's own modules."""
    nn = torch.nn
    return [
        nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 3)).eval(),
        nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.GELU(), nn.Linear(8, 3)),
        nn.Sequential(
            nn.Unflatten(1, (1, 4)), nn.Conv1d(1, 3, 2, padding="same"), nn.MaxPool1d(2), nn.Flatten()
        ),
        nn.Sequential(nn.PReLU(), nn.Linear(4, 1), nn.Sigmoid()),
        nn.Sequential(nn.Unflatten(1, (2, 2)), nn.TransformerEncoderLayer(2, 1, 4, batch_first=True)).eval(),
        nn.Linear(4, 2),
        tied(),
    ]


FEW = {"n_estimators": 5}
MODELS: dict[str, Callable[[], Any]] = {
    "XGBClassifier": lambda: xgboost.XGBClassifier(**FEW).fit(X, y),
    "XGBClassifier, two classes": lambda: xgboost.XGBClassifier(**FEW).fit(X, TWO),
    "XGBRegressor": lambda: xgboost.XGBRegressor(**FEW).fit(X, y),
    "XGBRFRegressor": lambda: xgboost.XGBRFRegressor(**FEW).fit(X, y),
    "XGBRFClassifier": lambda: xgboost.XGBRFClassifier(**FEW).fit(X, y),
    "xgboost.train": lambda: xgboost.train({"max_depth": 2}, xgboost.DMatrix(X, label=y), 5),
    "xgboost dart": lambda: xgboost.train({"booster": "dart"}, xgboost.DMatrix(X, label=y), 5),
    "xgboost gblinear": lambda: xgboost.train({"booster": "gblinear"}, xgboost.DMatrix(X, label=y), 5),
    "LGBMClassifier": lambda: lightgbm.LGBMClassifier(verbose=-1, **FEW).fit(X, y),
    "LGBMRegressor": lambda: lightgbm.LGBMRegressor(verbose=-1, **FEW).fit(X, y),
    "lightgbm.train": lambda: lightgbm.train({"verbose": -1}, lightgbm.Dataset(X, label=y), 5),
    "CatBoostClassifier": lambda: catboost.CatBoostClassifier(5, verbose=0, allow_writing_files=False).fit(X, y),
    "CatBoostRegressor": lambda: catboost.CatBoostRegressor(5, verbose=0, allow_writing_files=False).fit(X, y),
    "pipeline with XGBoost": lambda: make_pipeline(StandardScaler(), xgboost.XGBClassifier(**FEW)).fit(X, y),
    "pipeline with LightGBM": lambda: make_pipeline(
        StandardScaler(), lightgbm.LGBMRegressor(verbose=-1, **FEW)
    ).fit(X, y),
    **{f"network {number}": (lambda number=number: networks()[number]) for number in range(7)},
    "Keras, one after the other": lambda: keras.Sequential(
        [keras.layers.Input((4,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(3)]
    ),
    "Keras, functional": functional,
}  # fmt: skip


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS.keys())
def test_a_model_is_written_and_gives_the_same_answers_elsewhere(
    make: Callable[[], Any], tmp_path: Path
) -> None:
    """Verified as at registration, and loaded as a person would."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = make()
    form, content = asked_form(model, None) or ("pickle", pickle.dumps(model, 5))
    (tmp_path / "kept").write_bytes(content)
    done = convert_in_child(
        tmp_path / "kept", digest_of(content), tmp_path / "version", None, form=form, rows=ROWS
    )
    assert done["found"]["verified"] == "equal answers"
    assert not done["runs_code"]
    loaded = load(tmp_path / "version", done["digest"], done["format"], done["types"])
    assert type(loaded).__name__ == type(model).__name__


def test_a_network_of_a_class_of_ones_own_asks_for_trust() -> None:
    """Its class is imported from where the file says."""
    form, content = asked_form(Net(), None) or ("", b"")
    assert form == "torch"
    digest = digest_of(content)
    with pytest.raises(UnsafeModel, match="trust="):
        load(content, digest, "torch")
    assert load(content, digest, "torch", trust=digest)(torch.zeros(1, 4)).shape == (1, 3)


def test_shared_weights_stay_shared_and_frozen_ones_frozen() -> None:
    """A file has each tensor once."""
    model = tied()
    model[0].weight.requires_grad = False
    _, content = asked_form(model, None) or ("", b"")
    loaded = load(content, digest_of(content), "torch")
    assert loaded[0].weight is loaded[2].weight
    assert not loaded[0].weight.requires_grad


def test_what_a_network_cannot_keep_is_said() -> None:
    """Hooks, attributes that are no plain values, layers that hold code."""
    model = torch.nn.Linear(2, 2)
    model.register_forward_hook(lambda *_: None)
    with pytest.raises(ModelError, match="hooks"):
        asked_form(model, None)
    model = torch.nn.Linear(2, 2)
    model.table = np.zeros(3)
    with pytest.raises(ModelError, match="attribute table"):
        asked_form(model, None)
    with pytest.raises(UnsafeModel, match="Lambda"):
        asked_form(keras.Sequential([keras.layers.Input((4,)), keras.layers.Lambda(lambda rows: rows)]), None)
