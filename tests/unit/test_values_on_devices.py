"""Tensors on a GPU and columns of points. There is no torch here: a module of the same shape stands in for it."""

from __future__ import annotations

import math
import sys
from array import array
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from nbtrack.capture.active_run import ActiveRun
from nbtrack.capture.recorder import Recorder
from nbtrack.capture.series import as_steps, as_values
from nbtrack.entities import records
from nbtrack.errors import InvalidInput


class Device:
    def __init__(self, type: str) -> None:
        self.type = type


class Tensor:
    """A tensor whose value the device has only when `finished` is set; reading it before is what nbtrack must not do."""

    __module__ = "torch"
    reads = 0
    finished = False

    def __init__(
        self, value: float, device: str = "cuda", count: int = 1, shared: list[float] | None = None
    ) -> None:
        self.device = Device(device)
        self.content = shared if shared is not None else [value]
        self.count = count

    def numel(self) -> int:
        return self.count

    def is_complex(self) -> bool:
        return False

    def detach(self) -> Tensor:
        return Tensor(0.0, self.device.type, self.count, self.content)

    def clone(self) -> Tensor:
        return Tensor(self.content[0], self.device.type, self.count)

    def item(self) -> float:
        assert self.device.type == "cpu" or Tensor.finished, "the call waited for the GPU"
        Tensor.reads += 1
        if self.count != 1:
            raise RuntimeError("only one element tensors can be converted to Python scalars")
        return self.content[0]


class Event:
    def record(self) -> None:
        pass

    def query(self) -> bool:
        return Tensor.finished


@pytest.fixture
def logged(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> tuple[Recorder, ActiveRun, list[records.Record]]:
    torch, cuda = ModuleType("torch"), ModuleType("torch.cuda")
    cuda.Event = Event  # type: ignore[attr-defined]
    torch.Tensor, torch.cuda = Tensor, cuda  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setattr(Tensor, "finished", False)
    monkeypatch.setattr(Tensor, "reads", 0)
    found: list[records.Record] = []
    return Recorder(found.append, tmp_path, "p", lambda: 0), ActiveRun("r", "x", "e"), found


Logged = tuple[Recorder, ActiveRun, list[records.Record]]


def points(found: list[records.Record]) -> list[tuple[dict[str, float], int | None]]:
    return [(record.values, record.step) for record in found if isinstance(record, records.MetricsLogged)]


def test_a_tensor_on_the_cpu_is_read_at_once(logged: Logged) -> None:
    recorder, run, found = logged
    recorder.log(run, {"loss": Tensor(0.5, "cpu")})
    assert points(found) == [({"loss": 0.5}, None)]


def test_a_tensor_on_a_gpu_is_read_when_it_is_there_and_keeps_its_place(logged: Logged) -> None:
    recorder, run, found = logged
    tensor = Tensor(0.5)
    recorder.log(run, {"loss": tensor, "epoch": 1}, step=3)
    tensor.content[0] = 99.0  # training writes into its tensors
    recorder.log(run, {"loss": 0.25}, step=4)
    assert (points(found), Tensor.reads) == ([], 0)
    recorder.pending.settle(wait=False)
    assert (points(found), Tensor.reads) == ([], 0)
    Tensor.finished = True
    recorder.log(run, {"loss": 0.125}, step=5)
    assert points(found) == [
        ({"loss": 0.5, "epoch": 1.0}, 3),
        ({"loss": 0.25}, 4),
        ({"loss": 0.125}, 5),
    ]
    times = [record.time for record in found if isinstance(record, records.MetricsLogged)]
    assert times == sorted(times)


def test_the_end_of_a_run_waits_for_its_values(logged: Logged) -> None:
    recorder, run, found = logged
    recorder.log(run, {"loss": Tensor(0.5)})
    Tensor.finished = True
    recorder.end_run(run)
    assert [type(record).__name__ for record in found] == ["MetricsLogged", "RunEnded"]


def test_what_a_device_raises_costs_one_value_and_is_noted(
    logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder, run, found = logged

    def broken(self: Tensor) -> float:
        raise RuntimeError("CUDA error: device-side assert triggered")

    monkeypatch.setattr(Tensor, "item", broken)
    recorder.log(run, {"loss": Tensor(0.5), "epoch": 1})
    recorder.pending.settle()
    assert points(found) == [({"epoch": 1.0}, None)]
    (note,) = [record.note for record in found if isinstance(record, records.RunNoted)]
    assert note.startswith("the metric loss could not be read")


def test_a_tensor_of_many_numbers_is_refused_at_once(logged: Logged) -> None:
    recorder, run, _ = logged
    with pytest.raises(InvalidInput, match="The metric loss must be a number, not torch"):
        recorder.log(run, {"loss": Tensor(0.5, "cpu", count=2)})


@pytest.mark.parametrize(
    "values",
    [
        [1, 2.5, True],
        (1, 2.5, 1),
        np.array([1, 2.5, 1]),
        np.array([1, 0, 2.5, 0, 1], dtype=np.float32)[::2],
        np.array([1, 2.5, 1]).astype(">f8"),
        pd.Series([1, 2.5, 1]),
        array("d", [1, 2.5, 1]),
        array("f", [1, 2.5, 1]),
        [np.float32(1), np.float64(2.5), np.int8(1)],
    ],
)
def test_columns_of_every_kind_are_values(values: object) -> None:
    assert as_values("loss", values).tolist() == [1.0, 2.5, 1.0]


def test_numbers_beyond_floats_are_infinite_as_in_single_points() -> None:
    assert as_values("loss", [10**400, -(10**400)]).tolist() == [math.inf, -math.inf]


@pytest.mark.parametrize(
    "values", [["a"], "ab", {"a": 1}, 3, np.zeros((2, 2)), np.array(["a"]), np.array([1j]), None]
)
def test_anything_else_is_no_column(values: object) -> None:
    with pytest.raises(InvalidInput):
        as_values("loss", values)


def test_steps_are_whole_numbers_one_for_each_value() -> None:
    assert as_steps("loss", range(3), 3).tolist() == [0, 1, 2]
    assert as_steps("loss", np.array([5, 7], dtype=np.uint8), 2).tolist() == [5, 7]
    for steps in ([1, 2], [1.0, 2.0, 3.0], np.array([1.0, 2.0, 3.0]), [1, 2, 2**63], [True, 1, 2]):
        with pytest.raises(InvalidInput):
            as_steps("loss", steps, 3)
