"""Libraries that are observed behave as before, look as before, and are left as they were found."""

from __future__ import annotations

import importlib
import inspect
import pickle
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from nbtrack.capture.frameworks.imports import ImportWatch
from nbtrack.capture.frameworks.observers import Observers
from nbtrack.capture.frameworks.patches import Patches, argument

TRACKERS = {
    "mlflow": """
def log_metric(key, value, step=None, synchronous=None):
    "Log a metric."
    if value == "bad":
        raise ValueError("no number")
    return ("logged", key)
def log_metrics(metrics, step=None):
    for key, value in metrics.items():
        log_metric(key, value, step)
def log_param(key, value): return value
def log_params(params): pass
def set_tag(key, value): pass
def set_tags(tags): pass
""",
    "trackio": """
def init(project, config=None): pass
def log(metrics, step=None): pass
""",
    "wandb": """
class Config(dict): pass
class Run:
    def __init__(self, config): self.config = Config(config or {})
    def log(self, data, step=None, commit=None): pass
log = None
def init(project=None, config=None):
    global log
    run = Run(config)
    log = run.log
    return run
""",
    "tensorboardX/__init__": "from .writer import SummaryWriter",
    "tensorboardX/writer": """
class SummaryWriter:
    def __init__(self, place): pass
    def add_scalar(self, tag, scalar_value, global_step=None): pass
    def add_scalars(self, main_tag, tag_scalar_dict, global_step=None):
        for tag, value in tag_scalar_dict.items():
            self.add_scalar(main_tag + "/" + tag, value, global_step)
    def add_hparams(self, hparam_dict, metric_dict): pass
""",
}
NAMES = ("mlflow", "trackio", "wandb", "tensorboardX", "tensorboardX.writer")


class Seen:
    def __init__(self) -> None:
        self.calls: list[Any] = []

    def log(self, values: Mapping[str, object], step: object = None) -> None:
        self.calls.append(("log", dict(values), step))

    def params(self, values: Mapping[str, object]) -> None:
        self.calls.append(("params", dict(values)))

    def tags(self, values: Mapping[str, object]) -> None:
        self.calls.append(("tags", dict(values)))


@pytest.fixture
def libraries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, source in TRACKERS.items():
        path = tmp_path / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    before = {name: sys.modules.pop(name, None) for name in NAMES}
    yield
    for name, module in before.items():
        sys.modules.pop(name, None)
        if module is not None:
            sys.modules[name] = module


@pytest.fixture
def seen(libraries: None) -> Iterator[Seen]:
    found = Seen()
    failures: list[BaseException] = []
    observers = Observers(found, failures.append)
    observers.begin()
    yield found
    observers.end()
    assert failures == []
    assert not any(isinstance(finder, ImportWatch) for finder in sys.meta_path)


def use_mlflow() -> None:
    import mlflow

    assert mlflow.log_metric("loss", 0.5, 3) == ("logged", "loss")
    mlflow.log_metrics({"a": 1, "b": 2}, step=4)
    assert mlflow.log_param("lr", 0.1) == 0.1
    mlflow.log_params({"depth": 3})
    mlflow.set_tag("who", "me")
    mlflow.set_tags({"x": "y"})


OF_MLFLOW = [
    ("log", {"loss": 0.5}, 3),
    ("log", {"a": 1, "b": 2}, 4),
    ("params", {"lr": 0.1}),
    ("params", {"depth": 3}),
    ("tags", {"who": "me"}),
    ("tags", {"x": "y"}),
]


def test_a_library_that_is_imported_later_is_observed(seen: Seen) -> None:
    use_mlflow()
    assert seen.calls == OF_MLFLOW  # and not once more for the calls that log_metrics makes itself


def test_a_library_that_was_imported_before_is_observed_until_the_end(libraries: None) -> None:
    import mlflow

    before = dict(vars(mlflow))
    seen = Seen()
    observers = Observers(seen, pytest.fail)
    observers.begin()
    use_mlflow()
    assert seen.calls == OF_MLFLOW
    observers.end()
    assert dict(vars(mlflow)) == before
    use_mlflow()
    assert seen.calls == OF_MLFLOW


def test_the_other_trackers_are_observed(seen: Seen) -> None:
    import trackio
    import wandb
    from tensorboardX import SummaryWriter

    trackio.init("p", config={"lr": 1})
    trackio.log({"loss": 2}, step=3)
    run = wandb.init(config={"depth": 4})
    wandb.log({"loss": 5})
    run.log({"loss": 6}, 7)
    writer = SummaryWriter("x")
    writer.add_scalar("loss", 8, global_step=9)
    writer.add_scalars("both", {"a": 10}, 11)
    writer.add_hparams({"lr": 12}, {"acc": 13})
    assert seen.calls == [
        ("params", {"lr": 1}),
        ("log", {"loss": 2}, 3),
        ("params", {"depth": 4}),
        ("log", {"loss": 5}, None),
        ("log", {"loss": 6}, 7),
        ("log", {"loss": 8}, 9),
        ("log", {"both/a": 10}, 11),
        ("params", {"lr": 12}),
        ("log", {"acc": 13}, None),
    ]


def test_an_observed_function_looks_and_pickles_as_before(seen: Seen) -> None:
    import mlflow

    assert str(inspect.signature(mlflow.log_metric)) == "(key, value, step=None, synchronous=None)"
    assert (mlflow.log_metric.__name__, mlflow.log_metric.__module__) == ("log_metric", "mlflow")
    assert mlflow.log_metric.__doc__ == "Log a metric."
    assert b"nbtrack" not in pickle.dumps(mlflow.log_metric)
    assert pickle.loads(pickle.dumps(mlflow.log_metric)) is mlflow.log_metric
    assert "nbtrack" not in repr(mlflow.__spec__) + repr(mlflow.__loader__)


def test_a_call_that_fails_fails_as_before_and_is_not_told(seen: Seen) -> None:
    import mlflow

    with pytest.raises(ValueError, match="no number"):
        mlflow.log_metric("loss", "bad")
    mlflow.log_metric("loss", 1)
    assert seen.calls == [("log", {"loss": 1}, None)]


@pytest.mark.parametrize("problem", [ValueError("x"), KeyboardInterrupt(), SystemExit(1), MemoryError()])
def test_what_is_raised_while_a_call_is_looked_at_does_not_reach_it(problem: BaseException) -> None:
    module = ModuleType("library")
    module.double = lambda x: 2 * x  # type: ignore[attr-defined]
    failures: list[BaseException] = []

    def watcher(args: tuple[Any, ...], named: dict[str, Any], result: object) -> None:
        raise problem

    patches = Patches(failures.append)
    patches.watch(module, "double", watcher)
    patches.watch(module, "missing", watcher)
    assert module.double(4) == 8  # type: ignore[attr-defined]
    assert failures == [problem]


def test_a_library_that_looks_otherwise_is_left_alone(libraries: None, tmp_path: Path) -> None:
    (tmp_path / "wandb.py").write_text("x = 1", encoding="utf-8")
    failures: list[BaseException] = []
    observers = Observers(Seen(), failures.append)
    observers.begin()
    import wandb

    assert wandb.x == 1
    assert [type(failure) for failure in failures] == [AttributeError]
    observers.end()


def test_what_others_replaced_since_is_not_put_back() -> None:
    module = ModuleType("library")
    module.double = lambda x: 2 * x  # type: ignore[attr-defined]
    patches = Patches(pytest.fail)
    patches.watch(module, "double", lambda args, named, result: None)
    other = lambda x: 3 * x  # noqa: E731
    module.double = other  # type: ignore[attr-defined]
    patches.undo()
    assert module.double is other  # type: ignore[attr-defined]


def test_an_import_that_fails_fails_as_before(libraries: None, tmp_path: Path) -> None:
    (tmp_path / "trackio.py").write_text("1 / 0", encoding="utf-8")
    observers = Observers(Seen(), pytest.fail)
    observers.begin()
    with pytest.raises(ZeroDivisionError):
        importlib.import_module("trackio")
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("wandb.nothing")
    observers.end()


def test_arguments_by_place_and_by_name() -> None:
    assert argument((1, 2), {}, 1, "b") == 2
    assert argument((1,), {"b": 3}, 1, "b") == 3
    assert argument((1,), {}, 1, "b", 4) == 4


def test_two_watches_may_want_the_same_module(libraries: None) -> None:
    told: list[str] = []
    watches = [ImportWatch({"mlflow": lambda module, who=who: told.append(who)}) for who in "ab"]
    for watch in watches:
        watch.begin()
    try:
        import mlflow
    finally:
        for watch in watches:
            watch.end()
    assert sorted(told) == ["a", "b"]
    assert mlflow.__spec__ is not None
    assert type(mlflow.__spec__.loader).__module__ != ImportWatch.__module__
