"""Params and metrics of a cell: what it read, assigned and left, with real namespaces and hostile values."""

from __future__ import annotations

import math
import types
from collections.abc import Iterator
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest

from nbtrack.capture.metrics import left_metrics
from nbtrack.capture.params import assigned_params, read_params
from nbtrack.capture.source import parse_cell


class Hostile:
    """Ends the process when touched in any way that Python offers."""

    def _refuse(self, *args: object) -> Any:
        raise SystemExit("touched")

    __repr__ = __str__ = __eq__ = __hash__ = __bool__ = __len__ = __iter__ = __getattr__ = _refuse
    __float__ = __int__ = __index__ = __array__ = __getitem__ = __contains__ = __call__ = __format__ = _refuse
    __lt__ = __add__ = __reduce_ex__ = _refuse

    @property
    def __class__(self) -> Any:  # type: ignore[override]
        raise SystemExit("touched")


class HostileMeta(type):
    def __eq__(cls, other: object) -> bool:
        raise SystemExit("touched")

    def __hash__(cls) -> int:
        raise SystemExit("touched")


class HostileFloat(float, metaclass=HostileMeta):
    def __float__(self) -> float:
        raise SystemExit("touched")

    __str__ = __repr__ = __eq__ = __hash__ = Hostile._refuse  # type: ignore[assignment]


class HostileNumpy(np.float64):
    def item(self, *args: object) -> Any:
        raise SystemExit("touched")


class HostileDict(dict[str, object]):
    items = keys = values = get = __getitem__ = __iter__ = __len__ = Hostile._refuse  # type: ignore[assignment]


def numbers() -> Iterator[int]:
    raise AssertionError("consumed")
    yield 1


def zoo() -> dict[str, Any]:
    loop: list[Any] = []
    loop.append(loop)
    ring: dict[str, Any] = {}
    ring["self"] = ring
    return {
        "hostile": Hostile(),
        "meta": HostileFloat(0.5),
        "subclass": HostileNumpy(0.5),
        "mock": MagicMock(),
        "generator": numbers(),
        "module": types,
        "virtual": np.broadcast_to(np.float64(0.5), (10_000, 125_000)),
        "loop": loop,
        "ring": ring,
        "mapping": HostileDict(a=1),
        "kind": Hostile,
        "metaclass": HostileFloat,
        "inside": {"hostile": Hostile(), "meta": HostileFloat(0.5), "list": [Hostile()]},
    }


# ── read before the cell ──


def read(source: str, **namespace: object) -> dict[str, Any]:
    return read_params(parse_cell(source), namespace)


def test_reads_scalars_of_earlier_cells() -> None:
    got = read(
        "f(a, b, c, d, e)\nlate = 1\nprint(late, _g, In, missing)",
        a=1, b=0.5, c="x", d=None, e=True, late=2, _g=3, In=["x"],
    )  # fmt: skip
    assert got == {"a": 1, "b": 0.5, "c": "x", "d": None, "e": True}
    assert [type(value) for value in got.values()] == [int, float, str, type(None), bool]


def test_numpy_scalars_become_pythons_own() -> None:
    values = {
        "a": np.float32(0.5), "b": np.int64(3), "c": np.bool_(True), "d": np.str_("x"),
        "e": np.longdouble(0.5), "f": np.complex128(1 + 2j),
    }  # fmt: skip
    got = read("g(a, b, c, d, e, f, t, v)", t=np.datetime64("2020-01-01", "ns"), v=np.void(b"ab"), **values)
    assert got == {"a": 0.5, "b": 3, "c": True, "d": "x", "e": 0.5, "f": "(1+2j)"}
    assert [type(value) for value in got.values()] == [float, int, bool, str, float, str]


def test_big_and_odd_numbers_stay_what_they_are() -> None:
    got = read("f(a, b, c)", a=10**5000, b=math.inf, c=math.nan)
    assert got["a"] == 10**5000
    assert got["b"] == math.inf
    assert math.isnan(got["c"])


def test_long_texts_are_cut() -> None:
    got = read("f(a, b)", a="x" * 1000, b="y" * 1001)
    assert got == {"a": "x" * 1000, "b": "y" * 999 + "…"}


def test_constant_subscripts_read_only_what_they_name() -> None:
    config = {"lr": 0.1, "net": {"width": 64, "depth": 2}, "other": 1}
    assert read("f(config['lr'])", config=config) == {"config.lr": 0.1}
    assert read("f(config.get('lr'))", config=config) == {"config.lr": 0.1}
    assert read("f(config['net']['width'])", config=config) == {"config.net.width": 64}
    assert read("f(config['net'])", config=config) == {"config.net.width": 64, "config.net.depth": 2}
    assert read("f(config['none'], config['lr']['x'])", config=config) == {}
    assert read("config['lr'] = 1", config=config) == {}


@pytest.mark.parametrize("use", ["f(**p)", "f(p)", "f(p[key])", "for k in p: pass", "def g(): return p\ng()"])
def test_a_dictionary_read_whole_gives_all_its_scalars(use: str) -> None:
    assert read(use, p={"lr": 0.1, "n": {"a": 1, 2: "x"}, "skip": [1]}) == {
        "p.lr": 0.1,
        "p.n.a": 1,
        "p.n.2": "x",
    }


def test_keys_that_clash_keep_all_values() -> None:
    got = read("f(p)", p={"a.b": 1, "a": {"b": 2}, 1: "int", "1": "text"})
    assert got == {"p.a.b": 1, "p['a']['b']": 2, "p.1": "int", "p['1']": "text"}


def test_ten_thousand_params_are_read_and_no_more() -> None:
    got = read("f(p)", p={f"k{i}": i for i in range(200_000)})
    assert len(got) == 10_000
    assert got["p.k9999"] == 9999


def test_globals_of_the_functions_that_a_cell_calls() -> None:
    namespace: dict[str, Any] = {"lr": 0.1, "alpha": 0.5, "depth": 3, "scale": 2, "own": 1, "_private": 4}
    code = """
def outer(model):
    model.alpha = 1
    own = 2
    return [inner(x) for x in range(lr)] + [own, _private]
def inner(x):
    def deepest():
        return depth
    return outer, deepest, scale
"""
    exec(code, namespace)
    assert read_params(parse_cell("scale = 3\nouter(m)"), namespace) == {"lr": 0.1, "depth": 3}


def test_functions_of_other_modules_are_not_followed() -> None:
    assert read("test_reads_scalars_of_earlier_cells()", test=read, lr=1, read=read) == {}


def test_five_thousand_functions_are_bounded() -> None:
    namespace: dict[str, Any] = {"v4999": 1}
    for i in range(5000):
        exec(f"def f{i}():\n    return f{i + 1}(), v{i}", namespace)
        namespace[f"v{i}"] = i
    got = read_params(parse_cell("f0()"), namespace)
    assert len(got) == 200


def test_hostile_values_are_not_touched_when_read() -> None:
    namespace = zoo()
    source = f"f({', '.join(namespace)})\n" + "\n".join(f"{name}['a'], {name}.get('a')" for name in namespace)
    assert read_params(parse_cell(source), namespace) == {}


# ── assigned by the cell ──


def ran(source: str, **more: object) -> dict[str, Any]:
    namespace: dict[str, Any] = dict(more)
    exec(source, namespace)
    return assigned_params(parse_cell(source), namespace)


def test_constants_that_the_names_still_hold() -> None:
    got = ran(
        "a = 1\nb = -0.5\nc = (1, [2, 3])\nd = {3, 1, 2}\ne = b'x'\nf = 1 + 2j\ng = None\nh = 1\nh = h + 1\n"
        "i = 1 if a else 2\n_j = 1\nk = {'b', 'a', 1}"
    )
    assert got == {
        "a": 1, "b": -0.5, "c": [1, [2, 3]], "d": [1, 2, 3], "f": "(1+2j)", "g": None, "i": 1,
        "k": [1, "a", "b"],
    }  # fmt: skip


def test_dictionaries_are_compared_item_by_item() -> None:
    got = ran(
        "p = {'lr': 0.1, 'n': {'a': 1, 'b': f()}, 't': (1, 2)}\np['lr'] = 0.2\np['new'] = 3\np['t'] = 5",
        f=int,
    )
    assert got == {"p.lr": 0.2, "p.n.a": 1, "p.t": 5, "p.new": 3}
    assert ran("p = {'lr': 0.1, 'k': 2}\np.update(k=f())", f=int) == {"p.lr": 0.1}
    assert ran("p = dict(lr=0.1, d=dict(x=2))") == {"p.lr": 0.1, "p.d.x": 2}
    assert ran("p = {'a.b': 1, 'a': {'b': 2}}") == {"p.a.b": 1, "p['a']['b']": 2}


def test_types_are_compared_too() -> None:
    cell = parse_cell("a = 1\nb = [0, 1]\nc = {0, 1}\nd = 0.0\ne = (1,)")
    assert assigned_params(cell, {"a": True, "b": [False, 1], "c": {False, 1}, "d": 0, "e": [1]}) == {}
    assert assigned_params(cell, {"a": 1.0, "b": [0, 1.0], "c": {0, 1.0}, "d": -0.0, "e": (1,)}) == {
        "d": 0.0,
        "e": [1],
    }


def test_nan_is_the_same_as_nan() -> None:
    got = ran("a = 1e999\nb = 1e999 - 1e999\nc = [1e999 - 1e999]")
    assert got["a"] == math.inf
    assert math.isnan(got["b"])
    assert math.isnan(got["c"][0])


def test_a_cell_that_failed_gives_what_it_had_assigned() -> None:
    source = "a = 1\nb = {'x': 2}\nraise ValueError\nc = 3"
    namespace: dict[str, Any] = {"c": 4}
    with pytest.raises(ValueError):  # noqa: PT011 - raised by the cell
        exec(source, namespace)
    assert assigned_params(parse_cell(source), namespace) == {"a": 1, "b.x": 2}


def test_ten_thousand_constants() -> None:
    got = ran("p = {" + ",".join(f"'k{i}': {i}" for i in range(10_000)) + "}")
    assert len(got) == 10_000


def test_a_pasted_table_is_data_and_no_param() -> None:
    assert ran(f"a = {list(range(20_000))}\nb = {list(range(9_000))}").keys() == {"b"}


def test_hostile_values_are_not_touched_when_compared() -> None:
    namespace = zoo()
    constants = (
        "1",
        "0.5",
        "'x'",
        "None",
        "[1]",
        "{1}",
        "{'a': 1, 'hostile': 2, 'meta': 0.5, 'list': [1]}",
        "(1,)",
    )
    for constant in constants:
        cell = parse_cell("\n".join(f"{name} = {constant}" for name in namespace))
        assert assigned_params(cell, namespace) == {}
    assert assigned_params(parse_cell("s = {1}\nt = [1]"), {"s": {HostileSetItem()}, "t": [Hostile()]}) == {}


class HostileSetItem:
    def __hash__(self) -> int:
        return hash(1)

    def __eq__(self, other: object) -> bool:
        raise SystemExit("touched")


# ── metrics left behind ──


def test_floats_that_metric_names_hold() -> None:
    cell = parse_cell("a = b = c = d = e = g = h = i = j = f()\nm = {'acc': f(), 'n': {'f1': f()}, 'x': f()}")
    got = left_metrics(
        cell,
        {
            "a": 0.5, "b": np.float32(0.25), "c": np.array(0.125), "d": math.nan, "e": -math.inf, "g": 3,
            "h": True, "i": np.int64(3), "j": np.array([0.5]),
            "m": {"acc": 0.9, "n": {"f1": np.float64(0.8)}, "x": "t"},
        },
        {"a": 0.5},
    )  # fmt: skip
    assert math.isnan(got.pop("d"))
    assert got == {"b": 0.25, "c": 0.125, "e": -math.inf, "m.acc": 0.9, "m.n.f1": 0.8}
    assert {type(value) for value in got.values()} == {float}


def test_a_real_training_cell() -> None:
    source = """
import time
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
X, y = load_iris(return_X_y=True)
t0 = time.time()
params = {"C": 0.5, "max_iter": 500}
model = LogisticRegression(**params).fit(X, y)
elapsed = time.time() - t0
accuracy = model.score(X, y)
n = len(X) / 2
"""
    namespace: dict[str, Any] = {}
    exec(source, namespace)
    cell = parse_cell(source)
    params = assigned_params(cell, namespace)
    assert params == {"params.C": 0.5, "params.max_iter": 500}
    assert left_metrics(cell, namespace, params) == {"accuracy": namespace["accuracy"]}


def test_hostile_values_are_not_touched_when_measured() -> None:
    namespace = zoo()
    cell = parse_cell("\n".join(f"{name} = f()\n{name}['a'] = f()" for name in namespace))
    assert left_metrics(cell, namespace, {}) == {}


def test_a_single_number_on_the_cpu_is_read_and_one_on_a_gpu_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    class Tensor:  # torch is no test dependency: only what is asked of a tensor
        def __init__(self, device: str, dims: int = 0) -> None:
            self.device, self.dims = types.SimpleNamespace(type=device), dims

        def dim(self) -> int:
            return self.dims

        def is_floating_point(self) -> bool:
            return True

        def item(self) -> float:
            assert self.device.type == "cpu"
            return 0.5

    torch = types.ModuleType("torch")
    torch.Tensor = Tensor  # type: ignore[attr-defined]
    monkeypatch.setitem(__import__("sys").modules, "torch", torch)
    cell = parse_cell("a = b = c = f()")
    assert left_metrics(cell, {"a": Tensor("cpu"), "b": Tensor("cuda"), "c": Tensor("cpu", 1)}, {}) == {
        "a": 0.5
    }
