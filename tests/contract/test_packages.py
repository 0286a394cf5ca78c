"""Model cards, and folders that need no nbtrack."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from owned_store import OwnedStore

from nbtrack.entities.models import VersionRecord
from nbtrack.errors import Conflict, InvalidInput, UnsafeModel
from nbtrack.flavors.content import digest_of


def registered(owned: OwnedStore, *, form: str = "skops", runs_code: bool = False) -> str:
    """A linear model y = a + b as a version; how it is called."""
    import numpy as np
    from sklearn.linear_model import LinearRegression

    from nbtrack.flavors import sklearn

    rows = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    model = LinearRegression().fit(rows, rows.sum(axis=1))
    written = sklearn.write(model)
    content = written.content if form == "skops" else pickle.dumps(model, 5)
    record = VersionRecord(
        verified="equal answers", rows=3, runs_code=runs_code, inputs={"a|b": "float64"}, output="float64 (n)",
        requirements=["scikit-learn==1.9.1"], python="3.11.7", latency={"1": [0.001, 0.002]},
    )  # fmt: skip
    run = owned.run(notebook=str(owned.store.folder / "notebooks" / "a.ipynb"))
    with owned.store.transaction():
        owned.store.blobs.put(content)
        version = owned.store.models.add_version(
            "churn", run=run, artifact="model", format=form, digest=digest_of(content), size=len(content),
            type_name="sklearn.linear_model._base.LinearRegression", types=written.types, description="", tags={},
            time=1, record=record,
        )  # fmt: skip
    return f"churn/{version}"


def test_a_card_has_what_is_known(tmp_path: Path) -> None:
    owned = OwnedStore(tmp_path)
    name = registered(owned)
    owned.service.gate.promote(name, "champion", {"described": True}, override="to\nday")
    card = owned.service.packages.card("churn@champion", limits="not for firms")
    assert card.startswith('---\nlibrary_name: "sklearn"\n')
    for told in ("# churn, version 1", "not for firms", "Not stated.", "| a\\|b | float64 |", "`scikit-learn==1.9.1`",
                 "in spite of failed checks: to day", "described **does not hold**", "equal answers for 3 rows",
                 owned.service.audit.log().head, "notebook `a.ipynb`"):  # fmt: skip
        assert told in card
    assert str(owned.store.folder) not in card


def test_a_package_loads_without_nbtrack_and_checks_its_content(tmp_path: Path) -> None:
    owned = OwnedStore(tmp_path)
    folder = tmp_path / "package"
    written = owned.service.packages.write(registered(owned), str(folder))
    assert written.files == sorted(path.name for path in folder.iterdir())
    assert (folder / "requirements.txt").read_text() == "scikit-learn==1.9.1\n"
    assert json.loads((folder / "signature.json").read_text())["inputs"] == {"a|b": "float64"}
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import load_model; m = load_model.load();"
        "print(round(float(m.predict([[2, 3]])[0]), 6), 'nbtrack' in sys.modules)"
    )
    command = [sys.executable, "-I", "-c", code, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "5.0 False\n", done.stderr
    with (folder / "model.skops").open("ab") as file:
        file.write(b"x")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "does not match its digest" in done.stderr
    with pytest.raises(Conflict, match="something at"):
        owned.service.packages.write("churn/1", str(folder))


def test_what_runs_code_or_needs_nbtrack_is_not_packaged(tmp_path: Path) -> None:
    owned = OwnedStore(tmp_path)
    with pytest.raises(UnsafeModel, match="runs code"):
        owned.service.packages.write(registered(owned, form="pickle"), str(tmp_path / "a"))
    with pytest.raises(UnsafeModel, match="runs code"):
        owned.service.packages.write(registered(owned, runs_code=True), str(tmp_path / "a"))
    with pytest.raises(InvalidInput, match="there are skops, xgboost"):
        owned.service.packages.write(registered(owned, form="torch"), str(tmp_path / "a"))
    with pytest.raises(InvalidInput, match="not absolute"):
        owned.service.packages.write(registered(owned), "a")
    assert not (tmp_path / "a").exists()
