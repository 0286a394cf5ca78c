"""What others read of a version: the card by huggingface_hub, the packaged folder by MLflow."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "contract"))

from owned_store import OwnedStore
from test_packages import registered

from nbtrack.entities.records import MetricsLogged
from nbtrack.service.points import Points


def measured(owned: OwnedStore) -> str:
    """A version whose run has metrics; how it is called."""
    name = registered(owned)
    points = Points(owned.store.metrics)
    run = owned.service.models.get(name).run_id
    points.add(MetricsLogged(run=run, time=1, values={"r2: `x`": 0.75, "rmse": 0.5, "nan": float("nan")}))
    with owned.store.transaction():
        points.flush(lambda series, write: write())
    return name


def test_huggingface_hub_loads_the_card(tmp_path: Path) -> None:
    """Header, metrics and text come back."""
    hub = pytest.importorskip("huggingface_hub")
    owned = OwnedStore(tmp_path)
    file = tmp_path / "README.md"
    file.write_text(owned.service.packages.card(measured(owned)), encoding="utf-8")
    card = hub.ModelCard.load(file)
    assert card.data.library_name == "sklearn"
    found = {result.metric_type: result.metric_value for result in card.data.eval_results}
    assert found == {"r2: `x`": 0.75, "rmse": 0.5}
    assert "# churn, version 1" in card.text


def test_mlflow_loads_the_package(tmp_path: Path) -> None:
    """By the MLmodel file alone."""
    pyfunc = pytest.importorskip("mlflow.pyfunc")
    owned = OwnedStore(tmp_path)
    owned.service.packages.write(measured(owned), str(tmp_path / "package"))
    model = pyfunc.load_model(str(tmp_path / "package"))
    assert model.predict([[2.0, 3.0]]).tolist() == pytest.approx([5.0])
