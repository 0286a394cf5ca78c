"""What other libraries train is a run of its cell, by their current releases."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

import nbtrack
from nbtrack.client.runs import Run

SETUP = """
%load_ext nbtrack
import warnings; warnings.simplefilter("ignore")
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(300, 4)); y = X @ [1.0, 2.0, 0.0, -1.0] + rng.normal(size=300) * 0.1; c = (y > 0).astype(int)
"""


@pytest.fixture
def run_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs cells in a kernel; gives the runs by name, and the text outputs of the cells."""
    monkeypatch.chdir(tmp_path)

    def run(*cells: str) -> dict[str, Run]:
        sources = (SETUP, *cells, "%track")
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
        NotebookClient(notebook, timeout=600, kernel_name="python3").execute(
            env={**os.environ, "HOME": str(tmp_path)}
        )
        assert "nbtrack" not in str(
            [cell.outputs for cell in notebook.cells[1:-1]]
        )  # nothing is shown, and no warning blames a file of ours
        assert "problem" not in str(notebook.cells[-1])
        client = nbtrack.open(tmp_path)
        return {row.name: client.runs.get(row.name) for row in client.runs.search()}

    return run


def test_xgboost(run_cells: Any) -> None:
    pytest.importorskip("xgboost", reason="needs xgboost")
    runs = run_cells(
        "import xgboost as xgb\ndtrain = xgb.DMatrix(X[:200], c[:200]); dvalid = xgb.DMatrix(X[200:], c[200:])",
        "booster = xgb.train({'eta': 0.3, 'objective': 'binary:logistic'}, dtrain, num_boost_round=50,"
        " evals=[(dvalid, 'valid')], early_stopping_rounds=3, verbose_eval=False)",
        "from sklearn.metrics import roc_auc_score\nprint(roc_auc_score(c[200:], booster.predict(dvalid)))",
        "model = xgb.XGBClassifier(n_estimators=7, max_depth=2)\n"
        "model.fit(X[:200], c[:200], eval_set=[(X[200:], c[200:])], verbose=False)\n"
        "model.score(X[200:], c[200:])",
        "xgb.cv({'eta': 0.3}, dtrain, num_boost_round=5, nfold=3)",
    )
    native, estimator, folds = runs["xgboost-1"], runs["xgb-classifier-1"], runs["xgboost-2"]
    assert native.params["eta"] == 0.3
    assert native.params["estimator"] == "xgboost.train"
    best = native.metrics["best_iteration"]
    assert len(native.metric("valid.logloss").values) > best
    assert native.metrics["best_score"] == pytest.approx(min(native.metric("valid.logloss").values), rel=1e-4)
    assert 0.5 < native.metrics["roc_auc_score"] <= 1
    assert estimator.params["max_depth"] == 2
    assert "missing" not in estimator.params
    assert len(estimator.metric("validation_0.logloss").values) == 7
    assert 0.5 < estimator.metrics["score"] <= 1
    assert len(folds.metric("cv.test-rmse-mean").values) == 5


def test_lightgbm(run_cells: Any) -> None:
    pytest.importorskip("lightgbm", reason="needs lightgbm")
    runs = run_cells(
        "import lightgbm as lgb\ntrain = lgb.Dataset(X[:200], c[:200]); valid = lgb.Dataset(X[200:], c[200:])",
        "booster = lgb.train({'objective': 'binary', 'learning_rate': 0.3, 'verbose': -1}, train, 50,"
        " valid_sets=[valid], valid_names=['valid'], callbacks=[lgb.early_stopping(3, verbose=False)])",
        "model = lgb.LGBMClassifier(n_estimators=7, verbose=-1).fit(X[:200], c[:200], eval_set=[(X[200:], c[200:])])\n"
        "model.score(X[200:], c[200:])",
    )
    native, estimator = runs["lightgbm-1"], runs["lgbm-classifier-1"]
    assert native.params["learning_rate"] == 0.3
    curve = native.metric("valid.binary_logloss").values
    assert native.metrics["best.valid.binary_logloss"] == min(curve)
    assert native.metrics["best_iteration"] <= len(curve)
    assert estimator.params["n_estimators"] == 7
    assert len(estimator.metric("valid_0.binary_logloss").values) == 7
    assert 0.5 < estimator.metrics["score"] <= 1


def test_catboost(run_cells: Any) -> None:
    pytest.importorskip("catboost", reason="needs catboost")
    runs = run_cells(
        "from catboost import CatBoostClassifier\n"
        "model = CatBoostClassifier(iterations=9, depth=2, verbose=False, allow_writing_files=False)\n"
        "model.fit(X[:200], c[:200], eval_set=(X[200:], c[200:]))\n"
        "accuracy = model.score(X[200:], c[200:])",
        "from sklearn.metrics import f1_score\nprint(f1_score(c[200:], model.predict(X[200:])))",
    )
    run = runs["cat-boost-classifier-1"]
    assert (run.params["iterations"], run.params["depth"]) == (9, 2)
    assert len(run.metric("learn.Logloss").values) == 9
    assert run.metrics["best.validation.Logloss"] == min(run.metric("validation.Logloss").values)
    assert {"accuracy", "f1_score", "best_iteration"} <= set(run.metrics)


def test_statsmodels(run_cells: Any) -> None:
    pytest.importorskip("statsmodels", reason="needs statsmodels")
    runs = run_cells(
        "import pandas as pd, statsmodels.api as sm, statsmodels.formula.api as smf\n"
        "data = pd.DataFrame(X, columns=list('abcd')).assign(y=y, c=c)",
        "fit = smf.ols('y ~ a + b', data).fit()",
        "glm = sm.GLM(c, sm.add_constant(X[:, :2]), family=sm.families.Binomial()).fit()",
        "series = sm.tsa.ARIMA(y, order=(1, 0, 0)).fit()",
        "from statsmodels.tsa.stattools import adfuller\np = adfuller(y)[1]",
        "median = smf.quantreg('y ~ a', data).fit(q=0.5)",
    )
    assert set(runs) == {"ols-1", "glm-1", "arima-1", "quant-reg-1"}
    assert not runs["quant-reg-1"].metrics  # it has no likelihood: NaN is no result
    ols, glm, arima = runs["ols-1"], runs["glm-1"], runs["arima-1"]
    assert ols.params["formula"] == "y ~ a + b"
    assert set(ols.metrics) == {"rsquared", "rsquared_adj", "aic", "bic", "llf"}
    assert b'"coefficients"' in ols.artifact("fits.json")
    assert glm.params["family"] == "Binomial"
    assert {"aic", "bic", "llf"} <= set(glm.metrics)
    assert arima.params["order"] == [1, 0, 0]


def test_optuna(run_cells: Any) -> None:
    pytest.importorskip("optuna", reason="needs optuna")
    runs = run_cells(
        "import optuna\noptuna.logging.set_verbosity(optuna.logging.ERROR)\n"
        "from sklearn.tree import DecisionTreeClassifier\n"
        "def objective(trial):\n"
        "    depth = trial.suggest_int('depth', 1, 5)\n"
        "    return DecisionTreeClassifier(max_depth=depth).fit(X[:200], c[:200]).score(X[200:], c[200:])",
        "study = optuna.create_study(direction='maximize')\nstudy.optimize(objective, n_trials=6)",
        "for _ in range(3):\n    trial = study.ask()\n    study.tell(trial, objective(trial))",
    )
    first, second = runs["optuna-study-1"], runs["optuna-study-2"]
    values = list(first.metric("value").values)
    assert len(values) == 6
    assert first.metrics["best_value"] == max(values)
    assert first.params["depth"] in range(1, 6)
    assert first.artifact("candidates.json").count(b'"trial"') == 6
    assert len(second.metric("value").values) == 3


TORCH = """
import torch
torch.manual_seed(0)
xs, ys = torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)[:, None]
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
    def forward(self, x):
        return self.layers(x)
"""


def test_torch(run_cells: Any) -> None:
    pytest.importorskip("torch", reason="needs torch")
    runs = run_cells(
        TORCH,
        "net = Net()\noptimizer = torch.optim.Adam(net.parameters(), lr=0.01, weight_decay=0.1)\nkept = []\n"
        "for epoch in range(40):\n"
        "    loss = ((net(xs) - ys) ** 2).mean()\n"
        "    optimizer.zero_grad(); loss.backward(); optimizer.step()\n"
        "    kept.append(loss.item())",
        "with open('kept', 'w') as file: file.write(repr(kept))",
        "def train():\n"
        "    model = torch.nn.Linear(4, 1)\n    sgd = torch.optim.SGD(model.parameters(), lr=0.1)\n"
        "    for _ in range(5):\n"
        "        (((model(xs) - ys) ** 2).mean() / 2).backward()\n"
        "        (((model(xs) - ys) ** 2).mean() / 2).backward()\n"
        "        sgd.step(); sgd.zero_grad()\n"
        "train()",
        "import time, nbtrack\nslow = torch.nn.Linear(4, 1)\nsgd = torch.optim.SGD(slow.parameters(), lr=0.1)\n"
        "for _ in range(7):\n"
        "    time.sleep(0.5)\n    ((slow(xs) - ys) ** 2).mean().backward()\n    sgd.step()\n"
        "nbtrack.log(extra=1.0)",  # by now the loop has a run
    )
    long = runs["linear-1"]
    assert len(long.metric("loss").values) == 7
    assert long.metrics["extra"] == 1
    run, other = runs["net-1"], runs["torch-1"]
    assert run.params["optimizer"] == "Adam"
    assert (run.params["lr"], run.params["weight_decay"], run.params["weights"]) == (0.01, 0.1, 49)
    assert "betas" not in run.params
    assert repr([float(value) for value in run.metric("loss").values]) == Path("kept").read_text(
        encoding="utf-8"
    )
    assert b'"Linear"' in run.artifact("fits.json")
    assert len(other.metric("loss").values) == 5
    assert other.params["optimizer"] == "SGD"


def test_keras(run_cells: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "KERAS_BACKEND", "torch"
    )  # first: without TensorFlow its own backend cannot be imported
    pytest.importorskip("keras", reason="needs keras")
    runs = run_cells(
        "import keras\nkeras.utils.set_random_seed(0)\n"
        "model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(8), keras.layers.Dense(1)])\n"
        "model.compile(optimizer=keras.optimizers.Adam(0.02), loss='mse', metrics=['mae'])",
        "history = model.fit(X, y, epochs=4, batch_size=50, validation_split=0.2, verbose=0)\n"
        "with open('kept', 'w') as file: file.write(repr(history.history['val_mae']))",
        "result = model.evaluate(X, y, verbose=0)",
    )
    run = runs["sequential-1"]
    assert run.params["optimizer"] == "Adam"
    assert run.params["learning_rate"] == pytest.approx(0.02)
    assert (run.params["epochs"], run.params["batch_size"], run.params["weights"]) == (4, 50, 49)
    assert repr([float(value) for value in run.metric("val_mae").values]) == Path("kept").read_text(
        encoding="utf-8"
    )
    assert len(run.metric("loss").values) == 4
    assert {"eval_loss", "eval_mae"} <= set(run.metrics)


LIGHTNING = """
import logging; logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
import lightning as L
class Module(L.LightningModule):
    def __init__(self, lr):
        super().__init__()
        self.save_hyperparameters()
        self.layer = torch.nn.Linear(4, 1)
    def loss(self, batch):
        return ((self.layer(batch[0]) - batch[1]) ** 2).mean()
    def training_step(self, batch, place):
        loss = self.loss(batch)
        self.log("train_loss", loss, on_epoch=True, on_step=False)
        return loss
    def validation_step(self, batch, place):
        self.log("val_loss", self.loss(batch))
    def test_step(self, batch, place):
        self.log("test_loss", self.loss(batch))
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.hparams.lr)
data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(xs, ys), batch_size=50)
trainer = L.Trainer(max_epochs=3, accelerator="cpu", logger=False, enable_checkpointing=False,
                    enable_progress_bar=False, enable_model_summary=False)
module = Module(lr=0.05)
"""


def test_lightning(run_cells: Any) -> None:
    pytest.importorskip("lightning", reason="needs lightning")
    runs = run_cells(
        TORCH,
        LIGHTNING,
        "trainer.fit(module, data, data)\nassert trainer.callbacks == [] or 'nbtrack' not in repr(trainer.callbacks)",
        "_ = trainer.test(module, data, verbose=False)",
    )
    run = runs["module-1"]
    assert (run.params["lr"], run.params["optimizer"], run.params["max_epochs"]) == (0.05, "SGD", 3)
    assert len(run.metric("train_loss").values) == len(run.metric("val_loss").values) == 3
    assert list(run.metric("val_loss").steps) == [0, 1, 2]
    assert run.metrics["test_loss"] == pytest.approx(run.metric("val_loss").values[-1], rel=1e-5)
    assert "loss" not in run.metrics  # the loop inside is the trainer's


TRANSFORMERS = """
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments
config = BertConfig(vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8)
rows = [{"input_ids": torch.tensor([1, 2, 3, int(c[i])]), "labels": int(c[i])} for i in range(40)]
trainer = Trainer(
    BertForSequenceClassification(config),
    TrainingArguments("out", max_steps=4, logging_steps=2, report_to=[], use_cpu=True, save_strategy="no",
                      eval_strategy="steps", eval_steps=2, disable_tqdm=True, seed=7),
    train_dataset=rows, eval_dataset=rows,
)
"""


def test_transformers(run_cells: Any) -> None:
    pytest.importorskip("transformers", reason="needs transformers and accelerate")
    runs = run_cells(TORCH, TRANSFORMERS, "_ = trainer.train()", "_ = trainer.evaluate()")
    run = runs["bert-for-sequence-classification-1"]
    assert (run.params["max_steps"], run.params["seed"]) == (4, 7)
    assert run.params["weights"] > 0
    assert list(run.metric("loss").steps) == list(run.metric("eval_loss").steps)[:2] == [2, 4]
    assert not [name for name in run.metrics if "runtime" in name or "per_second" in name]
