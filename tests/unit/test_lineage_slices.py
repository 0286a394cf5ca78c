"""What a trace says is enough to make a cell's output again, in notebooks that are traps for those who follow names."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from lineage_notebooks import LEFT_OUT, NOTEBOOKS

for needed in ("matplotlib", "pandas", "polars", "scipy", "sklearn"):
    pytest.importorskip(needed, reason='needs the libraries that notebooks use: pip install -e ".[test]"')
if not hasattr(os, "fork"):
    pytest.skip("needs os.fork", allow_module_level=True)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """All notebooks, run in one process of their own."""
    runner = Path(__file__).with_name("lineage_runner.py")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    environment["IPYTHONDIR"] = str(tmp_path_factory.mktemp("ipython"))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(runner)],
        capture_output=True,
        text=True,
        env=environment,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_slice_of_the_last_cell_prints_what_the_whole_notebook_printed(
    name: str, outcomes: dict[str, dict[str, Any]]
) -> None:
    outcome = outcomes[name]
    assert outcome.get("problem") is None
    assert outcome["text"].strip()
    assert "Traceback" not in outcome["text"]
    assert outcome["alone"] == outcome["text"], outcome["slice"]


@pytest.mark.parametrize("name", LEFT_OUT)
def test_what_the_last_cell_does_not_need_is_left_out(name: str, outcomes: dict[str, dict[str, Any]]) -> None:
    assert not LEFT_OUT[name] & set(outcomes[name]["slice"])
