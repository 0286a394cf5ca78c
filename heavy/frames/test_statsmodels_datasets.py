"""The data sets that statsmodels brings along are known when they are loaded."""

from __future__ import annotations

from typing import Any

import pytest

from nbtrack.capture.frameworks.observers import READERS, Observers
from nbtrack.capture.known_data import KnownData
from nbtrack.capture.source import parse_cell

sm = pytest.importorskip("statsmodels.api", reason="see heavy/README.md")


def test_each_part_is_known_by_where_it_came_from() -> None:
    known, failures = KnownData(), list[Any]()
    observers = Observers(known, failures.append, READERS)
    observers.begin()
    try:
        data = sm.datasets.longley.load_pandas()
        known.fitted({"X": data.exog, "y": data.endog}, 0.1)
        found = known.end_cell(parse_cell("pass"), "pass", {})
        sources = {seen.data.sources[0].function for seen in found.reads}
        assert sources == {"statsmodels.datasets.longley.load_pandas"}
        assert {seen.data.shape[0] for seen in found.reads} == {16}
        assert [seen.data.sources[0].kind for seen in found.fits] == ["bundled", "bundled"]
    finally:
        observers.end()
    assert failures == []
