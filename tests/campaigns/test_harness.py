"""The fault campaigns' own parts: their judgement, and that each weakened build still fits the code."""

from __future__ import annotations

import os
import time
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy
import pytest

from campaigns.__main__ import CAMPAIGNS, campaign, main, run
from campaigns.campaign import Campaign, Missing, NotPossible, Order, Tally, in_lanes
from campaigns.checker import check_runs
from campaigns.ledger import MOMENT, Ledger
from campaigns.moments import check_moment
from campaigns.weakened import PACKAGE, NoSuchPlace, Weakening
from campaigns.workload import Artifact, Begin, Call, End, Kept, Log, Params, Tag, calls, kept

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


def test_all_campaigns_together_add_at_most_15_minutes_to_ci() -> None:
    assert sum(campaign(name).minutes for name in CAMPAIGNS) <= 15
    assert all(campaign(name).short < campaign(name).long for name in CAMPAIGNS)


def test_ci_runs_each_campaign_and_the_documentation_tells_its_size_minutes_and_teeth() -> None:
    root = PACKAGE.parents[1]
    ci = (root / ".ci" / "run").read_text(encoding="utf-8")
    assert f"for name in {' '.join(CAMPAIGNS)}; do" in ci
    text = (root / "docs" / "reliability.md").read_text(encoding="utf-8")
    for name in CAMPAIGNS:
        chosen = campaign(name)
        row, teeth = [line for line in text.splitlines() if line.startswith(f"| `{name}` |")]
        assert f"| {chosen.short:,} " in row
        assert f"| {chosen.minutes:g} " in row
        assert f"`python -m campaigns {name} --long`" in row
        assert len(teeth.split("; ")) == len(chosen.weakenings), teeth


def _made(act: Any, trials: int = 8) -> Campaign:
    return Campaign("made", "A promise.", act, short=trials, long=9, minutes=1, weakenings=(), teeth=1)


def _order(folder: Path, **given: Any) -> Order:
    return Order(8, 1, folder, **given)


def _one(number: int, tally: Tally) -> None:
    tally.trials += 1


def _violates(number: int, tally: Tally) -> None:
    tally.trials += 1
    tally.violate("lost", "something")


@pytest.mark.parametrize(
    ("problem", "status", "words"),
    [
        (NotPossible("no loop devices"), 3, "made: not run: no loop devices"),
        (Missing("strace"), 4, "made: not run: it needs strace"),
        (RuntimeError("its own fault"), 4, "made: broke"),
    ],
)
def test_a_campaign_that_cannot_run_and_one_that_breaks_say_so_and_do_not_pass(
    problem: Exception, status: int, words: str, tmp_path: Path, capsys: Any
) -> None:
    def act(order: Order) -> Tally:
        raise problem

    assert run(_made(act), _order(tmp_path)) == status
    assert words in capsys.readouterr().out


def test_a_budget_ends_a_campaign_and_too_few_trials_are_a_failure(tmp_path: Path, capsys: Any) -> None:
    def act(done: int) -> Any:
        return lambda order: Tally(trials=done)

    late = _order(tmp_path, deadline=0.0)
    assert run(_made(act(1)), late) == 0
    assert "over after 1 of 8 trials\n" in capsys.readouterr().out
    assert run(_made(act(0)), late) == 5
    assert "over after 0 of 8 trials; TOO FEW" in capsys.readouterr().out
    assert run(_made(act(8)), late) == 0
    assert "over after" not in capsys.readouterr().out


def test_weakened_builds_that_end_late_leave_the_trials_a_quarter_of_the_minutes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moments: list[float] = []

    def end_late(*_: object) -> int:
        time.sleep(0.1)
        moments.append(time.monotonic())
        return 0

    def act(order: Order) -> Tally:
        moments.append(order.deadline)
        return Tally(trials=order.trials)

    monkeypatch.setattr("campaigns.__main__.campaign", lambda name: _made(act))
    monkeypatch.setattr("campaigns.__main__.show_teeth", end_late)
    with patch.dict(os.environ):
        assert main(["kill", "--ci", "--minutes=0.001"]) == 0
    teeth_over, deadline = moments
    assert deadline >= teeth_over + 60 * 0.001 / 4


def test_no_trial_begins_after_the_budget_or_after_the_violation_that_is_enough(tmp_path: Path) -> None:
    assert in_lanes(_order(tmp_path), 1, range(8), _one).trials == 8
    assert in_lanes(_order(tmp_path, deadline=0.0), 1, range(8), _one).trials == 0
    assert in_lanes(_order(tmp_path), 1, range(8), _violates).lost == 8
    assert in_lanes(_order(tmp_path, stop_early=True), 1, range(8), _violates).lost == 1


def test_the_seed_is_printed_rotates_and_decides_what_chance_decides(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[float] = []

    def act(order: Order) -> Tally:
        drawn.append(order.chance("trial", 1).random())
        return Tally(trials=order.trials)

    monkeypatch.setattr("campaigns.__main__.campaign", lambda name: _made(act))
    seeds = []
    for arguments in ([], [], ["--seed=5"], ["--seed=5"]):
        with patch.dict(os.environ):  # a campaign takes its own surroundings into all its processes
            assert main(["kill", *arguments]) == 0
        seeds.append(capsys.readouterr().out.split("seed ")[1].split()[0])
    assert seeds[0] != seeds[1]
    assert seeds[2:] == ["5", "5"]
    assert drawn[2] == drawn[3]
    assert len(set(drawn)) == 3


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


RUN: list[Call] = [
    Begin("w-0"),
    Params({"lr": 1, "same": 1}),
    Log({"loss": 2.0, "accuracy": 2.125}, None),
    Artifact("a3.bin", b"content"),
    Log({"loss": 4.0}, None),
    Tag("same", "5"),
    End(),
]


def told(made: list[Call]) -> Kept:
    """A run as an answer tells it after these calls."""
    run = kept(made)["w-0"]
    return Kept(
        series={name: [(0, points[-1][1])] for name, points in run.series.items()},
        params={name: values[-1:] for name, values in run.params.items()},
        tags={name: values[-1:] for name, values in run.tags.items()},
        artifacts={name: [""] for name in run.artifacts},
        ended=run.ended,
    )


@pytest.mark.parametrize("moment", range(1, len(RUN) + 1))
def test_an_answer_of_any_moment_is_accepted_and_tells_which(moment: int) -> None:
    tally = Tally()
    assert check_moment(told(RUN[:moment]), RUN, tally, "here") == moment
    assert tally.violations == []


def test_a_call_may_be_there_in_part_if_it_is_the_last() -> None:
    tally = Tally()
    answer = told(RUN[:3])
    del answer.series["accuracy"]
    assert check_moment(answer, RUN, tally, "here") == 3
    assert tally.violations == []


@pytest.mark.parametrize("kind", ["params", "series", "artifacts"])
def test_an_answer_that_has_a_later_call_but_not_an_earlier_one_is_found(kind: str) -> None:
    tally = Tally()
    answer = told(RUN[:6])
    getattr(answer, kind).popitem()
    check_moment(answer, RUN, tally, "here")
    assert tally.lost == 1


def test_an_answer_with_an_older_value_beside_a_later_call_or_with_a_strange_one_is_found() -> None:
    older, strange = told(RUN), told(RUN)
    older.series["loss"] = [(0, 2.0)]
    strange.tags["never"] = ["given"]
    for answer in (older, strange):
        tally = Tally()
        check_moment(answer, RUN, tally, "here")
        assert len(tally.violations) == 1
