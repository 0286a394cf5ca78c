from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from nbtrack.entities.runs import RunRow, RunStatus, RunTable
from nbtrack.widgets import RunTableWidget
from nbtrack.widgets.run_table import front_end, json_safe

ROW = RunRow(
    id="1",
    name="forest-1",
    experiment="forest",
    status=RunStatus.FINISHED,
    started="2026-01-01T00:00:00Z",
    metrics={"loss": math.nan, "top": math.inf, "bottom": -math.inf, "accuracy": 0.5},
    params={"threshold": -math.inf, "layers": [1, math.nan]},
)
TABLE = RunTable(store="s", version=3, total=1, runs=[ROW])


def test_importing_the_package_does_not_import_anywidget() -> None:
    code = "import sys, nbtrack.widgets; print('anywidget' in sys.modules or 'traitlets' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"


def test_an_unknown_name_is_an_attribute_error() -> None:
    import nbtrack.widgets

    with pytest.raises(AttributeError, match="CurveWidget"):
        nbtrack.widgets.CurveWidget  # noqa: B018


def test_the_table_travels_as_strict_json() -> None:
    widget = RunTableWidget(TABLE, html="<p>one</p>", text="one")
    assert json.loads(json.dumps(widget.get_state()["table"], allow_nan=False)) == widget.table
    (row,) = widget.table["runs"]
    assert row["metrics"] == {"loss": "NaN", "top": "Infinity", "bottom": "-Infinity", "accuracy": 0.5}
    assert row["params"] == {"threshold": "-Infinity", "layers": [1, "NaN"]}
    assert row["status"] == "finished"


def test_a_mapping_and_an_entity_give_the_same_table() -> None:
    plain = {"store": "s", "version": 3, "total": 0, "runs": []}
    assert json_safe(plain) == json_safe(RunTable(store="s", version=3, total=0))


def test_a_reopened_notebook_has_html_and_text() -> None:
    bundle = RunTableWidget(TABLE, html="<p>one</p>", text="one run")._repr_mimebundle_()
    assert bundle is not None
    data, _ = bundle
    assert data["text/html"] == "<p>one</p>"
    assert data["text/plain"] == "one run"
    assert "application/vnd.jupyter.widget-view+json" in data


def test_another_answer_redraws() -> None:
    widget = RunTableWidget(TABLE, html="", text="")
    seen: list[int] = []
    widget.observe(lambda change: seen.append(change["new"]["version"]), "table")
    widget.show(RunTable(store="s", version=4, total=0))
    assert seen == [4]


def test_without_a_front_end_the_widget_says_so(tmp_path: Path) -> None:
    module, style = front_end(tmp_path)
    assert "has no front end" in str(module)
    assert style == ""


def test_a_built_front_end_is_taken_from_its_files(tmp_path: Path) -> None:
    for name in ("run_table.js", "run_table.css"):
        (tmp_path / name).touch()
    assert front_end(tmp_path) == (tmp_path / "run_table.js", tmp_path / "run_table.css")
