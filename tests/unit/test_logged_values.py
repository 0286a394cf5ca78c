from __future__ import annotations

import json
import math
from enum import IntEnum
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import pandas as pd
import pytest

from nbtrack.capture.artifacts import write_object
from nbtrack.capture.recorder import Recorder
from nbtrack.capture.values import metric_value, param_value
from nbtrack.entities import records
from nbtrack.errors import InvalidInput


class Colour(IntEnum):
    RED = 1


class Hostile:
    def __repr__(self) -> str:
        raise SystemExit("asked for its repr")

    __str__ = __float__ = __bool__ = __eq__ = __repr__  # type: ignore[assignment]
    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1, 1.0), (True, 1.0), (0.5, 0.5), (np.float32(0.5), 0.5), (np.array(2.0), 2.0), (10**400, math.inf)],
)
def test_numbers_are_metrics(value: object, expected: float) -> None:
    assert metric_value("m", value) == expected
    assert math.isnan(metric_value("m", np.nan))


@pytest.mark.parametrize("value", ["0.5", None, [1.0], np.array([1.0, 2.0]), Hostile(), MagicMock(), 1j])
def test_anything_else_is_said_to_be_no_number(value: object) -> None:
    with pytest.raises(InvalidInput, match="The metric loss must be a number"):
        metric_value("loss", value)


def test_params_become_json_without_asking_strangers() -> None:
    recursive: list[object] = []
    recursive.append(recursive)
    value = {
        "a": (1, np.int64(2)),
        "b": Hostile(),
        "c": Colour.RED,
        "d": int,
        "e": MagicMock(),
        "f": math.nan,
    }
    plain = param_value(value)
    assert isinstance(plain, dict)
    assert plain["a"] == [1, 2]
    assert plain["b"] == f"<{__name__}.Hostile>"
    assert (plain["c"], type(plain["c"])) == (1, int)
    assert plain["d"] == "<builtins.int>"
    assert plain["e"] == "<unittest.mock.MagicMock>"
    assert json.dumps(param_value(recursive))
    assert len(str(param_value("x" * 20_000))) == 10_001


@pytest.mark.parametrize(
    ("content", "form", "expected"),
    [
        (b"\x00\x01", "bin", b"\x00\x01"),
        ({"a": [1, 2]}, "json", None),
        (pd.DataFrame({"a": [1]}), "csv", b",a\n0,1\n"),
    ],
)
def test_objects_with_an_obvious_form(
    tmp_path: Path, content: object, form: str, expected: bytes | None
) -> None:
    target = tmp_path / "x"
    assert write_object(content, target) == form
    if expected is not None:
        assert target.read_bytes() == expected


def test_a_figure_is_a_picture(tmp_path: Path) -> None:
    figure = pytest.importorskip("matplotlib.figure").Figure()
    figure.add_subplot().plot([1, 2])
    assert write_object(figure, tmp_path / "x") == "png"
    assert (tmp_path / "x").read_bytes()[:4] == b"\x89PNG"


def test_files_folders_and_what_is_neither(tmp_path: Path) -> None:
    written: list[records.Record] = []
    incoming = tmp_path / "incoming"
    incoming.mkdir()
    recorder = Recorder(written.append, incoming, "p", lambda: 100)
    run = recorder.start_run("r", "e")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.txt").write_text("a")
    assert recorder.artifact(run, tmp_path / "data" / "a.txt") == "a.txt"
    assert recorder.artifact(run, str(tmp_path / "data")) == "data.zip"
    for record in written[1:]:
        assert isinstance(record, records.ArtifactSaved)
        assert (incoming / str(record.file)).stat().st_size == record.size
    with pytest.raises(InvalidInput, match="no file"):
        recorder.artifact(run, tmp_path / "nothing")
    with pytest.raises(InvalidInput, match="has no form"):
        recorder.artifact(run, Hostile())
    with pytest.raises(InvalidInput, match="step must be a whole number"):
        recorder.log(run, {"loss": 1}, step=0.5)  # type: ignore[arg-type]
