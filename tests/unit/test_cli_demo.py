from __future__ import annotations

import json
from pathlib import Path

import pytest

from nbtrack.cli import main

for library in ("nbclient", "ipykernel", "sklearn", "skops"):
    pytest.importorskip(library, reason='the demo needs pip install "nbtrack[lab]"')


def test_the_demo_runs_twice_and_shows_what_it_tracked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".git").mkdir()  # a new store would go here
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NBTRACK_STORE", str(tmp_path / "not-this-one"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    assert main(["demo"]) == 0, capsys.readouterr().err
    out = capsys.readouterr().out
    for expected in (
        "forest-3",
        "logistic-1",
        "The best two",
        "breast-cancer",
        "champion",
        "nbtrack-demo/quickstart.ipynb",
    ):
        assert expected in out
    assert not (tmp_path / ".nbtrack").exists()
    notebook = json.loads((tmp_path / "nbtrack-demo" / "quickstart.ipynb").read_text())
    kinds = {output["output_type"] for cell in notebook["cells"] for output in cell.get("outputs", [])}
    assert "error" not in kinds
    text = json.dumps(notebook)
    assert "UsageError" not in text
    assert main(["demo"]) == 0
    assert main(["--store", "nbtrack-demo", "runs", "--json"]) == 0
    runs = json.loads(capsys.readouterr().out.partition("\n[")[2].join(["[", ""]))
    assert {run["name"] for run in runs} >= {f"forest-{number}" for number in range(1, 7)}
    assert all(run["status"] == "finished" for run in runs)
