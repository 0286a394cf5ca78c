"""What commands show without JavaScript, on a page that is as narrow as a sidebar leaves it."""

from __future__ import annotations

from typing import Any

import pytest

from nbtrack.entities.profiles import ColumnProfile, DataProfile, ProfiledData, RunData
from nbtrack.entities.runs import Dataset, RunDetail, RunRow, RunStatus
from nbtrack.render.html import to_html
from nbtrack.render.views import View

LONG = "the_share_of_all_customers_who_left_within_the_first_quarter_of_a_year"


@pytest.fixture
def narrow(page: Any) -> Any:
    page.set_viewport_size({"width": 364, "height": 800})
    return page


def test_values_stay_in_sight_beside_long_names(narrow: Any) -> None:
    row = RunRow(
        id="i", name="forest-1", experiment="e", status=RunStatus.FINISHED, started="2026-11-21T10:00:00Z",
        duration=1.0, params={"depth": 3, LONG: 4}, metrics={LONG: 0.4375}, notebook=f"/data/{LONG}.ipynb",
    )  # fmt: skip
    narrow.set_content(to_html(View(kind="show", content=RunDetail(row=row))))
    for cell in narrow.locator("td").all():
        box = cell.bounding_box()
        assert box["x"] + box["width"] <= 364
        assert box["height"] < 100  # not a sign in each line
    assert narrow.evaluate("document.documentElement.scrollWidth") <= 364


def test_the_columns_of_data_are_seen_beside_a_long_name(narrow: Any) -> None:
    column = ColumnProfile(name=LONG, dtype="float64", kind="number", count=4, missing=0, distinct=3)
    profile = DataProfile(rows=4, read=4, width=1, sampled=False, columns=[column])
    data = Dataset(name="df", type_name="DataFrame", shape=[4, 1], fingerprint="f", role="train")
    content = RunData(run="r", name="r-1", experiment="e", data=[ProfiledData(data=data, profile=profile)])
    narrow.set_content(to_html(View(kind="data", content=content)))
    assert narrow.locator("td").first.bounding_box()["x"] < 250
