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
