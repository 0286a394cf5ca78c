"""A widget's bundle is saved in the notebook once per widget, so it must stay small."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

STATIC = Path(__file__).resolve().parents[2] / "src" / "nbtrack" / "widgets" / "static"
LIMIT = 60_000


@pytest.mark.parametrize("bundle", ["run_table.js"])
def test_a_widget_bundle_stays_small(bundle: str) -> None:
    path = STATIC / bundle
    if not path.exists():
        message = f"{bundle} is not built; run: cd labextension && npm ci && npm run build"
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)
    assert path.stat().st_size <= LIMIT


def test_pages_and_charts_are_loaded_when_they_are_first_needed() -> None:
    static = STATIC.parents[1] / "labextension" / "static"
    parts = {path.name: path for path in static.glob("*.js")}
    if not parts:
        message = "the labextension is not built; run: cd labextension && npm ci && npm run build"
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)
    drawing = [path for path in parts.values() if "runs.metric" in path.read_text(encoding="utf-8")]
    assert len(drawing) == 1
    assert drawing[0].stat().st_size <= 130_000
    assert "nbtrack:open" not in drawing[0].read_text(
        encoding="utf-8"
    )  # what every JupyterLab loads is another part
