"""A notebook cannot tell that nbtrack is there. heavy/transparency asks the same of notebooks that others have written."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

pytest.importorskip("sklearn", reason='needs scikit-learn: pip install -e ".[test]"')
pytest.importorskip("ipykernel", reason='needs ipykernel: pip install -e ".[test]"')

from corpus import kernels, pairs
from corpus.differences import differences, masked, of_outputs
from corpus.torture import TORTURE, all_cells

IN_A_KERNEL = ("ends_that_are_no_ends", "warnings_are_shown_once_and_to_the_person", "wrapped_or_not")
PLOT = (
    "import matplotlib.pyplot as plt, numpy as np, pandas as pd\nplt.plot(np.random.rand(10)); plt.title('t')",
    "pd.DataFrame({'a': np.random.rand(3), 'b': list('xyz')})",
)


SAVED_IN_A_RUN = "getstate"
"""What a class of the notebook's own prints while its object is pickled, as a run does with the models of its cells."""


@pytest.fixture(scope="module")
def reports() -> dict[str, dict[str, Any]]:
    """The cells plain, with nbtrack loaded, and as parts of one run."""

    def report(mode: str) -> tuple[str, dict[str, Any] | None]:
        return mode, pairs.execute(all_cells(), mode, limit=200, go_on=True)

    with ThreadPoolExecutor() as pool:
        found = dict(pool.map(report, ("plain", "tracked", "run")))
    assert all(found.values()), "it wanted more than its time"
    return {mode: each for mode, each in found.items() if each is not None}


def unexpected(reports: dict[str, dict[str, Any]], mode: str) -> str:
    """What differs, as a text, with the cells that it is in."""
    cells = all_cells()
    return "\n\n".join(
        f"{cells[each.cell] if each.cell < len(cells) else ''}\n{each}"
        for each in differences(reports["plain"], reports[mode])
        if not (mode == "run" and SAVED_IN_A_RUN in each.second)
    )


def test_the_cells_that_are_easy_to_disturb_ran_to_the_end(reports: dict[str, dict[str, Any]]) -> None:
    plain = reports["plain"]
    assert plain["count"] == len(all_cells())
    assert plain["exit"] == 0
    assert len(plain["said"]) == 0
    assert "remembers" in str(reports["tracked"]["said"])


@pytest.mark.parametrize("mode", ["tracked", "run"])
def test_nothing_is_different_with_nbtrack(reports: dict[str, dict[str, Any]], mode: str) -> None:
    assert unexpected(reports, mode) == ""


def test_a_real_kernel_shows_the_same(folder: Any) -> None:
    cells = (
        *PLOT,
        *(cell for topic in IN_A_KERNEL for cell in TORTURE[topic] if not cell.startswith("input")),
    )
    with ThreadPoolExecutor() as pool:
        plain, tracked = pool.map(
            lambda tracked: kernels.execute(cells, tracked=tracked, limit=200), (False, True)
        )
    assert "image/png" in str(plain[0])
    assert not (found := of_outputs(plain, tracked)), "\n".join(map(str, found))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("took 3.2 s", "took 4 s", True),
        ("<f at 0x7f2aee10>", "<f at 0x7f2bee10>", True),
        ("accuracy 0.91", "accuracy 0.92", False),
        ("3 sheep", "4 sheep", False),
        ("depth 3", "depth 4", False),
    ],
)
def test_only_what_is_another_one_each_time_is_masked(one: str, other: str, same: bool) -> None:
    assert (masked(one) == masked(other)) is same


def test_a_difference_is_found() -> None:
    cells = ("x = 1", "import random; random.random()", "x")
    others = ("x = 2", "1", "x")
    one, other = (pairs.execute(each, "plain", limit=60) for each in (cells, others))
    assert one is not None
    assert other is not None
    found = {each.place for each in differences(one, other)}
    assert {(1, "random:python"), (1, "outputs"), (2, "outputs"), (3, "value of x")} <= found
