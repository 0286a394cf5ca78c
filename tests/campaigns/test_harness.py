"""The fault campaigns' own parts: their judgement, and that each weakened build still fits the code."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy
import pytest

from campaigns.__main__ import CAMPAIGNS, campaign
from campaigns.campaign import Tally
from campaigns.checker import check_runs
from campaigns.ledger import MOMENT, Ledger
from campaigns.weakened import PACKAGE, NoSuchPlace, Weakening
from campaigns.workload import Begin, End, Kept, Log, Params, calls, kept

WEAKENINGS = [(name, weakening) for name in CAMPAIGNS for weakening in campaign(name).weakenings]


@pytest.mark.parametrize(("name", "weakening"), WEAKENINGS, ids=[f"{n}: {w.name}" for n, w in WEAKENINGS])
def test_each_weakened_build_still_fits_the_code(name: str, weakening: Weakening) -> None:
    module = PACKAGE / weakening.module
    weakened = weakening.apply(module.read_text(encoding="utf-8"))
    compile(weakened, weakening.module, "exec")


def test_a_weakening_whose_place_is_gone_says_so() -> None:
    with pytest.raises(NoSuchPlace, match=r"store/journal\.py has 0 times"):
        Weakening("nothing", "store/journal.py", (("no such text", ""),)).apply("content")


def test_every_campaign_has_teeth() -> None:
    assert {name for name, _ in WEAKENINGS} == set(CAMPAIGNS)


def test_the_calls_follow_from_the_seed_and_end_the_run_that_they_leave_open() -> None:
    assert list(calls("seed", "w", 50)) == list(calls("seed", "w", 50))
    assert list(calls("seed", "w", 50)) != list(calls("another", "w", 50))
    *made, last = calls("seed", "w", 50)
    assert made == list(islice(calls("seed", "w"), 50))
    assert isinstance(last, End)


def test_a_ledger_tells_another_process_what_had_returned_when(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    for flushed in (False, True, False):
        ledger.acknowledge(flushed)
    read = Ledger(tmp_path / "ledger")
    assert (read.returned, read.flushed) == (3, 2)
    assert read.returned_at(0) == 0
    assert read.returned_at(2**62) >= 1
    assert MOMENT < 10**9


class FakeRuns:
    """What a store would answer that holds these runs."""

    def __init__(self, runs: dict[str, Kept]) -> None:
        self._runs = runs

    def search(self, **given: object) -> list[Any]:
        return [SimpleNamespace(name=name, id=name) for name in self._runs]

    def get(self, name: str) -> Any:
        run = self._runs[name]
        return SimpleNamespace(
            metrics=run.series,
            metric=lambda series: SimpleNamespace(
                steps=numpy.array([step for step, _ in run.series[series]]),
                values=numpy.array([value for _, value in run.series[series]]),
            ),
            params={name: values[-1] for name, values in run.params.items()},
            tags={},
            artifacts=[],
            status="finished" if run.ended else "crashed",
        )


MADE = [Begin("w-0"), Log({"loss": 1.5}, None), Log({"loss": 2.5}, 4), Params({"lr": 1}), Params({"lr": 2})]


def judged(changed: dict[str, Kept], returned: int, label: str = "w-0-1") -> Tally:
    tally = Tally()
    client: Any = SimpleNamespace(runs=FakeRuns({label: changed["w-0"]} if changed else {}))
    check_runs(client, tally, "here", "w", kept(MADE[:returned]), kept(MADE[: returned + 1]))
    return tally


@pytest.mark.parametrize("returned", range(1, 6))
def test_what_was_acknowledged_and_the_call_under_way_are_accepted(returned: int) -> None:
    for end in (returned, returned + 1):
        assert judged(kept(MADE[:end]), returned).violations == []


@pytest.mark.parametrize(
    ("kind", "points"),
    [
        ("lost", [(0, 1.5)]),
        ("duplicated", [(0, 1.5), (4, 2.5), (5, 2.5)]),
        ("wrong", [(0, 1.5), (4, 2.5), (5, 9.0)]),
        ("wrong", [(0, 1.5), (1, 2.5)]),
        ("wrong", [(4, 2.5), (0, 1.5)]),
    ],
)
def test_points_that_are_missing_doubled_strange_or_in_another_order_are_found(
    kind: str, points: list[tuple[int, float]]
) -> None:
    runs = kept(MADE)
    runs["w-0"].series["loss"] = points
    assert getattr(judged(runs, len(MADE)), kind) == 1


def test_an_older_value_a_missing_run_and_a_second_one_are_found() -> None:
    assert judged(kept(MADE[:4]), len(MADE)).lost == 1
    assert judged({}, len(MADE)).lost > 0
    assert judged(kept(MADE), len(MADE), label="w-0-2").duplicated == 1
    finished = kept([*MADE, End()])
    assert judged(finished, len(MADE) - 1).wrong == 1
