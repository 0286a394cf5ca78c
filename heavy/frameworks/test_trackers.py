"""What a notebook logs with another tracker is recorded too, by that tracker's current release."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

import nbtrack

MLFLOW = """%%track m
import mlflow
mlflow.set_tracking_uri("file:mlruns")
from mlflow import log_param
with mlflow.start_run():
    log_param("lr", 0.1)
    mlflow.log_params({"depth": 3, "kind": "gini"})
    for i in range(5):
        mlflow.log_metric("loss", 1 / (i + 1), step=i)
    mlflow.log_metrics({"acc": 0.9, "f1": 0.8}, step=4)
    mlflow.set_tag("who", "me")
"""
WANDB = """%%track m
import wandb
run = wandb.init(project="p", config={"lr": 0.1, "depth": 3, "kind": "gini"})
for i in range(5):
    wandb.log({"loss": 1 / (i + 1), "caption": "a text"}, step=i)
run.log({"acc": 0.9, "deep": {"f1": 0.8}}, step=6)
run.finish()
"""
TRACKIO = """%%track m
import trackio
trackio.init(project="p", config={"lr": 0.1, "depth": 3, "kind": "gini"})
for i in range(5):
    trackio.log({"loss": 1 / (i + 1)}, step=i)
trackio.log({"acc": 0.9, "f1": 0.8})
trackio.finish()
"""
TENSORBOARD = """%%track m
from tensorboardX import SummaryWriter
writer = SummaryWriter("tb")
for i in range(5):
    writer.add_scalar("loss", 1 / (i + 1), i)
writer.add_scalars("both", {"acc": 0.9, "f1": 0.8}, 7)
writer.close()
"""
SURROUNDINGS = {"MLFLOW_ALLOW_FILE_STORE": "true", "WANDB_MODE": "offline", "WANDB_SILENT": "true"}


@pytest.mark.parametrize(
    "cell", [MLFLOW, WANDB, TRACKIO, TENSORBOARD], ids=["mlflow", "wandb", "trackio", "tensorboardX"]
)
def test_what_another_tracker_is_given_is_recorded(
    cell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    environment: dict[str, Any] = {
        **os.environ,
        **SURROUNDINGS,
        "HOME": str(tmp_path),
        "TRACKIO_DIR": str(tmp_path / "t"),
    }
    cells = [nbformat.v4.new_code_cell(source) for source in ("%load_ext nbtrack", cell)]
    NotebookClient(nbformat.v4.new_notebook(cells=cells), timeout=300, kernel_name="python3").execute(
        env=environment
    )
    run = nbtrack.open(tmp_path).runs.get("m-1")
    if "Summary" not in cell:
        assert run.params == {"lr": 0.1, "depth": 3, "kind": "gini"}
    assert sorted(value for name, value in run.metrics.items() if name != "loss") == [0.8, 0.9]
    assert run.metrics["loss"] == 0.2
    assert list(run.metric("loss").values) == [1, 1 / 2, 1 / 3, 1 / 4, 1 / 5]
    assert list(run.metric("loss").steps) == [0, 1, 2, 3, 4]
