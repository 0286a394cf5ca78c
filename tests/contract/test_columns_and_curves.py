"""Tables by columns and curves: what travels in bulk is what was recorded."""

from __future__ import annotations

import math
import tempfile
from array import array
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbtrack.client.series import Series
from nbtrack.client.table import Table
from nbtrack.entities.records import MetricsLogged, RunStarted
from nbtrack.keeper import protocol
from nbtrack.operations import dispatch, to_entity, to_plain
from nbtrack.service import Service, open_service
from nbtrack.service.points import Points
from nbtrack.store import metrics, names
from nbtrack.store.database import Store
from nbtrack.store.location import create_store
from nbtrack.store.metrics import LARGE, SMALL

PARAMS: list[dict[str, Any]] = [
    {"lr": 0.1, "depth": 3, "act": "relu", "flag": True, "mixed": 1, "$bytes": [0, 1]},
    {"lr": math.nan, "depth": 5, "mixed": "one", "layers": {"$bytes": [0, 5]}, "big": 10**30},
    {"lr": -0.0, "act": "gelu", "mixed": 0.5, "none": None},
]


class Local:
    """Asks the service as a keeper would, through the bytes of the socket."""

    def __init__(self, service: Service) -> None:
        self.service = service

    def call(self, operation: str, /, **arguments: Any) -> Any:
        answer = to_plain(dispatch(self.service, operation, arguments))
        return protocol.unpack(protocol.pack({"ok": answer})[protocol.HEAD.size :])["ok"]

    def ask(self, operation: str, /, **arguments: Any) -> Any:
        return to_entity(operation, self.call(operation, **arguments))


@pytest.fixture
def local(tmp_path: Path) -> Local:
    return Local(open_service(Store(create_store(tmp_path / "s")), "test"))


def add_run(store: Store, run: str, params: dict[str, Any]) -> None:
    store.runs.start(
        RunStarted(run=run, time=1_700_000_000_123_456_789, name="r", experiment="e", process="p")
    )
    store.runs.set_params(run, params)


def plain(value: Any) -> str:
    return repr(value)  # tells nan, -0.0, 1 and 1.0, True and 1 apart


@pytest.mark.parametrize("wide", [400, 3])
def test_columns_hold_what_the_rows_hold(local: Local, monkeypatch: pytest.MonkeyPatch, wide: int) -> None:
    for module in (names, __import__("nbtrack.store.runs", fromlist=["_"])):
        monkeypatch.setattr(module, "WIDE", wide)
    monkeypatch.setattr(__import__("nbtrack.store.bulk", fromlist=["_"]), "WIDE", wide)
    store = local.service.store
    with store.transaction():
        for index, params in enumerate(PARAMS):
            add_run(store, f"r{index}", params)
        store.runs.set_tags("r1", {"owner": "m"})
        store.metrics.append("r0", "loss", None, array("d", [math.nan]), array("q", [0]))
    rows = local.ask("runs.search").runs
    table = Table(local.ask("runs.columns"))
    assert plain(table.runs) == plain(rows)
    assert [plain(row.params) for row in reversed(rows)] == [plain(params) for params in PARAMS]


def test_an_answer_is_kept_while_the_store_stays_as_it_is_and_somebody_asks(local: Local) -> None:
    service = local.service
    with service.store.transaction():
        add_run(service.store, "r0", PARAMS[0])
    first = service.runs.columns("lr > 0")
    assert service.runs.columns("lr > 0") is first
    with service.store.transaction():
        add_run(service.store, "r1", PARAMS[0])
    second = service.runs.columns("lr > 0")
    assert (first.count, second.count) == (1, 2)
    service.rest()
    again = service.runs.columns("lr > 0")
    assert again == second
    assert again is not second


def test_a_frame_has_numbers_as_numbers(local: Local) -> None:
    with local.service.store.transaction():
        for index, params in enumerate(PARAMS):
            add_run(local.service.store, f"r{index}", params)
    frame = Table(local.ask("runs.columns")).to_pandas()
    assert list(frame["params.lr"].isna()) == [False, True, False]
    assert str(frame["started"].dtype).startswith("datetime64[")
    assert list(frame["name"]) == ["r-3", "r-2", "r-1"]
    assert frame["params.act"][1] is None or frame["params.act"].isna()[1]
    assert Table(local.ask("runs.columns")).to_polars().height == 3
    assert Table(local.ask("runs.columns", filter="depth > 99")).to_pandas().empty


def test_an_answer_is_kept_until_the_store_changes(local: Local) -> None:
    store = local.service.store
    with store.transaction():
        add_run(store, "r0", {"lr": 1})
    assert Table(local.ask("runs.columns")).runs[0].params == {"lr": 1}
    with store.transaction():
        store.runs.set_params("r0", {"lr": 2})
    assert Table(local.ask("runs.columns")).runs[0].params == {"lr": 2}


@pytest.mark.parametrize("count", [1, 2, SMALL, SMALL + 1, LARGE, 2 * LARGE + 3 * SMALL + 7])
def test_a_series_that_grows_in_parts_is_whole(local: Local, count: int) -> None:
    store = local.service.store
    with store.transaction():
        add_run(store, "r0", {})
        done = 0
        for part in (1, 3, 1000, SMALL, 5000, LARGE, count):
            part = min(part, count - done)
            if part:
                span = range(done, done + part)
                store.metrics.append(
                    "r0", "loss", None, array("d", span), array("q", [n * 10**6 for n in span])
                )
                done += part
    series = Series(local, local.ask("runs.curve", run="r-1", name="loss"))
    assert len(series) == count
    assert series.values.tolist() == list(range(count))
    assert series.steps.tolist() == list(range(count))
    assert series.times.tolist() == [n / 1e3 for n in range(count)]
    summary = store.metrics.summaries("r0")["loss"]
    assert (summary.count, summary.lowest, summary.highest, summary.last) == (count, 0, count - 1, count - 1)


@pytest.mark.parametrize("count", [100, 2000, 2001, 30_000, 200_000])
@pytest.mark.parametrize("stride", [1, 7, None])
def test_a_sample_loses_no_spike(local: Local, count: int, stride: int | None) -> None:
    values = array("d", [math.sin(n / 1000) for n in range(count)])
    spikes = {count // 3: 50.0, count // 2: -50.0, count - 2: 70.0}
    for place, value in spikes.items():
        values[place] = value
    values[count // 5] = math.nan
    steps = [n * n for n in range(count)] if stride is None else [n * stride for n in range(count)]
    store = local.service.store
    with store.transaction():
        add_run(store, "r0", {})
        store.metrics.append("r0", "loss", steps, values, array("q", [0]) * count)
    found = local.ask("runs.metric", run="r-1", name="loss", limit=2000)
    assert found.count == count
    assert len(found.steps) == len(found.values) <= 2100
    at = dict(zip(found.steps, found.values, strict=True))
    assert all(at[steps[place]] == value for place, value in spikes.items())
    assert found.steps == sorted(found.steps)
    assert (found.steps[0], found.steps[-1]) == (steps[0], steps[-1])
    real = dict(zip(steps, values, strict=True))
    assert all(plain(real[step]) == plain(value) for step, value in at.items())


def test_a_sample_of_nothing_but_nan(local: Local) -> None:
    store = local.service.store
    with store.transaction():
        add_run(store, "r0", {})
        store.metrics.append("r0", "loss", None, array("d", [math.nan]) * 70_000, array("q", [0]) * 70_000)
    found = local.ask("runs.metric", run="r-1", name="loss", limit=100)
    assert all(map(math.isnan, found.values))
    assert 2 <= len(found.values) <= 110


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.lists(
            st.none() | st.integers(-5, 50) | st.sampled_from([2**63 - 1, 2**63 - 2, -(2**63)]), min_size=1
        ),
        min_size=1,
        max_size=4,
    )
)
def test_points_of_one_transaction_are_what_they_are_one_by_one(transactions: list[list[int | None]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(create_store(Path(folder) / "s"))
        with store.transaction():
            for run in ("together", "alone"):
                add_run(store, run, {})
        logged = 0
        for steps in transactions:
            points = Points(store.metrics)
            with store.transaction():
                for step in steps:
                    logged += 1
                    columns = None if step is None else [step], array("d", [logged]), array("q", [0])
                    store.metrics.append("alone", "loss", *columns)
                    points.add(MetricsLogged(run="together", time=0, values={"loss": logged}, step=step))
                points.flush(lambda _, write: write())
        written = [store.metrics.stored_chunks(run, "loss") for run in ("together", "alone")]
        summaries = [store.metrics.summaries(run)["loss"] for run in ("together", "alone")]
        store.close()
    assert written[0] == written[1]
    assert summaries[0] == summaries[1]


def test_steps_that_are_given_and_counted_in_turns_are_packed_at_once(
    local: Local, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = local.service.store
    packed: list[int] = []
    encode = metrics.encode
    monkeypatch.setattr(
        metrics, "encode", lambda steps, *rest: packed.append(len(steps)) or encode(steps, *rest)
    )
    points = Points(store.metrics)
    with store.transaction():
        add_run(store, "r0", {})
        for index in range(1_000):
            step = index if index % 2 else None
            points.add(MetricsLogged(run="r0", time=0, values={"loss": 1.0}, step=step))
        points.flush(lambda _, write: write())
    assert packed == [1_000]
