"""What the source of a cell says, without running it."""

from __future__ import annotations

import ast
import math
import textwrap
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbtrack.capture.constants import ABSENT, folded
from nbtrack.capture.source import CellSource, parse_cell


def parsed(source: str) -> CellSource:
    cell = parse_cell(textwrap.dedent(source))
    assert cell.error is None
    return cell


# ── constants ──


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("lr = 0.1", {"lr": [0.1]}),
        ("lr: float = 0.1", {"lr": [0.1]}),
        ("lr: float", {}),
        ("a = b = 1", {"a": [1], "b": [1]}),
        ("a, (b, c) = 1, (2, 3)", {"a": [1], "b": [2], "c": [3]}),
        ("a, *b = 1, 2, 3", {}),
        ("x = -2 ** 3 + 1.5j", {"x": [-8 + 1.5j]}),
        ("x = not 0", {"x": [True]}),
        ("x = 'a' + 'b' * 2", {"x": ["abb"]}),
        ("x = [1, (2, {3}), None]", {"x": [[1, (2, {3}), None]]}),
        ("p = {'lr': 0.1, 'n': {'a': 1}}", {"p": [{"lr": 0.1, "n": {"a": 1}}]}),
        ("p = {'lr': 0.1, 'n': {'a': 1, 'b': f()}}", {"p.lr": [0.1], "p.n.a": [1]}),
        ("p = dict(lr=0.1, k=f())", {"p.lr": [0.1]}),
        ("p['lr'] = 0.1", {"p.lr": [0.1]}),
        ("if x:\n  y = 1\nelse:\n  y = 2", {"y": [1, 2]}),
        ("with f():\n  y = 1", {"y": [1]}),
        ("try:\n  y = 1\nexcept E:\n  y = 2\nfinally:\n  z = 3", {"y": [1, 2], "z": [3]}),
        ("y = 1 if x else 2", {"y": [1, 2]}),
        ("for i in x:\n  y = 1", {}),
        ("while x:\n  y = 1", {}),
        ("def f():\n  y = 1", {}),
        ("class A:\n  y = 1", {}),
        ("x = a + 1", {}),
        ("x = ...", {}),
        ("x = f'{1}'", {}),
        ("x = {[]: 1}", {}),
        ("x = 1 / 0", {}),
        ("(x := 3)", {"x": [3]}),
    ],
)
def test_constants(source: str, expected: dict[str, list[object]]) -> None:
    assert parsed(source).constants == expected


@pytest.mark.parametrize(
    "bomb",
    ["9 ** 9 ** 9", "1 << 10 ** 9", "'x' * 10 ** 9", "10 ** 9 * [0]", "'%999999999d' % 1",
     "[[0] * 9999] * 9999", "10.0 ** 400", "2 ** -1 ** 0.5 ** 1e9 ** 9"],
)  # fmt: skip
def test_large_arithmetic_is_not_computed(bomb: str) -> None:
    assert "x" not in parsed(f"x = {bomb}").constants or abs(parsed(f"x = {bomb}").constants["x"][0]) < 10  # type: ignore[arg-type]


_literals = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(_literals)
def test_folds_every_literal_to_its_value(value: object) -> None:
    expression = ast.parse(repr(value).replace("inf", "1e999"), mode="eval").body
    result = folded(expression)
    assert repr(result) == repr(value)


_OPERATORS = ("+", "-", "*", "/", "//", "%", "**", "<<", ">>", "&", "|", "^")


@given(st.lists(st.integers(-300, 300) | st.floats(-50, 50), min_size=2, max_size=5), st.data())
def test_folded_arithmetic_is_what_python_computes(numbers: list[float], data: st.DataObject) -> None:
    expression = f"({numbers[0]})"
    for number in numbers[1:]:
        expression = f"({expression} {data.draw(st.sampled_from(_OPERATORS))} ({number}))"
    result = folded(ast.parse(expression, mode="eval").body)
    if result is not ABSENT:
        assert repr(result) == repr(eval(expression))


# ── metrics ──


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("acc = model.score(X, y)", ["acc"]),
        ("acc: float = model.score(X, y)", ["acc"]),
        ("acc = round(float(model.score(X, y)), 3)", ["acc"]),
        ("acc, f1 = evaluate(model)", ["acc", "f1"]),
        ("acc, n = evaluate(model), 3", ["acc"]),
        ("a, _b = f()", ["a"]),
        ("m = {'acc': f(), 'n': 3, 'in': {'f1': g()}}", ["m.acc", "m.in.f1"]),
        ("m = dict(acc=f())", ["m.acc"]),
        ("m['acc'] = f()", ["m.acc"]),
        ("for e in range(3):\n  loss = step(e)", ["loss"]),
        ("while True:\n  loss = step()", ["loss"]),
        ("if x:\n  a = f()", ["a"]),
        ("with g() as h:\n  a = f()", ["a"]),
        ("try:\n  a = f()\nexcept E:\n  b = f()", ["a", "b"]),
        ("if (acc := f()) > 0.5: pass", ["acc"]),
        ("total = 0\nfor b in bs:\n  total += loss(b)\nmean = total / len(bs)", ["total", "mean"]),
        ("s = []\nfor b in bs:\n  s.append(loss(b))\nbest = min(s)", ["best"]),
        ("s = [f(x) for x in xs]\nbest = max(s)", ["s", "best"]),
        ("acc = sum(p == t for p, t in zip(a, b)) / len(a)", ["acc"]),
        ("a = f()\nb = a", ["a"]),
        ("def f():\n  a = g()", []),
        ("class A:\n  a = g()", []),
        ("f = lambda: g()", []),
        ("_a = f()", []),
        ("for a in f(): pass", []),
        ("with f() as a: pass", []),
        ("x = [a for a in b]", []),
        ("n = len(X)\nh = len(X) / 2\ni = id(x)\nj = hash(x)", []),
        ("a = float(x)\nb = max(x, 3)\nc = sum(x) / len(x)\nd = round(x / 2)", []),
        ("a = np.log(2)\nb = math.sqrt(2 * 3)", []),
        ("a = cfg.get('lr', 0.1)\nb = trial.suggest_float('lr', 0, 1)", []),
        ("a = float(os.environ['A'])\nb = float(os.environ.get('A', 1))", []),
        ("a = float(os.getenv('A'))\nb = float(input())", []),
        ("a = random.random()\nb = np.random.normal()\nc = rng.uniform(0, 1)\nd = rng.poisson()", []),
        ("r = np.random.default_rng(0)\na = np.random.rand(3).mean()", []),
        ("from random import gauss as g0\na = g0()", []),
        ("loss = generator.loss(X)", ["loss"]),
    ],
)  # fmt: skip
def test_metric_names(source: str, expected: list[str]) -> None:
    assert parsed(source).metric_names == expected


@pytest.mark.parametrize(
    "clock",
    ["time.time()", "time()", "perf_counter()", "t.monotonic()", "time.process_time_ns()", "default_timer()",
     "datetime.now()", "datetime.datetime.utcnow()", "timeit.default_timer()", "time.thread_time()"],
)  # fmt: skip
def test_clocks_and_what_is_computed_from_them_are_no_metrics(clock: str) -> None:
    cell = parsed(f"""
        import time as t
        t0 = {clock}
        acc = model.score(X)
        elapsed = {clock} - t0
        shown = round(elapsed, 2)
        seconds = (elapsed / 60).total_seconds()
        rate = 100 / elapsed
        took = np.round(elapsed)
        elapsed += {clock}
    """)
    assert cell.metric_names == ["acc"]


def test_a_renamed_clock_is_a_clock_and_a_start_time_as_setting_is_none() -> None:
    cell = parsed(
        "from time import perf_counter as now0\nt0 = now0()\na = now0() - t0\nb = train(X, start=t0)"
    )
    assert cell.metric_names == ["b"]


# ── names ──


@pytest.mark.parametrize(
    ("source", "loads"),
    [
        ("y = x", ["x"]),
        ("x = 1\ny = x", []),
        ("x += 1", ["x"]),
        ("x.y = 1", ["x"]),
        ("del x", []),
        ("x = 1\ndel x\ny = x", ["x"]),
        ("for i in xs: a = i", ["xs"]),
        ("if c:\n  x = 1\ny = x", ["c", "x"]),
        ("if c:\n  x = 1\nelse:\n  x = 2\ny = x", ["c"]),
        ("try:\n  x = a\nexcept E:\n  raise\ny = x", ["a", "E"]),
        ("[a for a in b if a > c]", ["b", "c"]),
        ("{k: v for k, v in d.items()}", ["d"]),
        ("def f(a, b=z):\n  c = a\n  return c + g", ["z", "g"]),
        ("def f():\n  return lr\nlr = 1\nf()", []),
        ("def f():\n  return lr\nf()\nlr = 1", ["lr"]),
        ("f = lambda q: q + lr", ["lr"]),
        ("def f():\n  def g():\n    return a + b\n  a = 1\n  return g", ["b"]),
        ("def f():\n  global n\n  n = 1\n  return n", ["n"]),
        ("class A(B):\n  x = a\n  y = x\n  def m(self):\n    return x", ["B", "a", "x"]),
        ("match v:\n  case {'a': q, **rest} if q > w: print(rest)", ["v", "w", "print"]),
        ("import a.b as c, d.e\nc, d", []),
        ("with open(p) as f: f.read()", ["open", "p"]),
        ("async with s: await g()", ["s", "g"]),
        ("x = await g()", ["g"]),
        ("f'{a:{b}}'", ["a", "b"]),
    ],
)
def test_loads(source: str, loads: list[str]) -> None:
    assert parsed(source).loads == loads


def test_constant_subscripts_are_told_from_whole_reads() -> None:
    cell = parsed("""
        a["lr"], b["x"]["y"], c.get("z", 0)
        train(**d)
        e["k"] = 1
        def f():
            return g["late"]
        a[i]
    """)
    assert cell.subscripts == [("a", "lr"), ("b", "x", "y"), ("c", "z"), ("g", "late")]
    assert set(cell.whole) == {"train", "d", "a", "i"}
    assert {"a", "b", "c", "d", "e", "g"} <= set(cell.loads)


def test_stores_and_fitted() -> None:
    cell = parsed("""
        import numpy as np
        model = Forest().fit(X, y)
        Xt = scaler.fit_transform(X)
        for name, clf in models: clf.partial_fit(X)
        def helper():
            hidden.fit(X)
            global best
            best = 1
        search.fit(X).score(X)
    """)
    assert cell.stores == ["np", "model", "Xt", "name", "clf", "best", "helper"]
    assert cell.fitted == ["scaler", "clf", "search"]


def test_paths_that_read_the_same_keep_their_own_names() -> None:
    cell = parsed("p = {'a.b': 1, 'a': {'b': 2, 'c': f()}}")
    assert [cell.places[name] for name in cell.constants] == [("p", "a.b"), ("p", "a", "b")]


# ── magics, and sources that cannot be read ──


@pytest.mark.parametrize("magic", ["time", "capture"])
def test_the_body_of_a_transparent_magic_is_the_cell(magic: str) -> None:
    body = (
        "%matplotlib inline\n!ls\nfiles = !ls\nlr = 0.1\nif lr:\n    %config x\nacc = model.fit(X).score(X)"
    )
    cell = parsed(f"get_ipython().run_cell_magic({magic!r}, 'out', {body!r})")
    assert cell.constants == {"lr": [0.1]}
    assert cell.metric_names == ["acc"]
    assert cell.fitted == ["model"]
    assert cell.loads == ["model", "X"]
    assert ("out" in cell.stores) == (magic == "capture")


def test_magics_within_magics_and_line_time() -> None:
    assert parsed("get_ipython().run_cell_magic('time', '', '%%capture out\\nacc = f()')").metric_names == [
        "acc"
    ]
    assert parsed("get_ipython().run_line_magic('time', 'acc = f()')").metric_names == ["acc"]


@pytest.mark.parametrize("magic", ["timeit", "bash", "writefile"])
def test_the_body_of_other_magics_is_not(magic: str) -> None:
    cell = parsed(f"get_ipython().run_cell_magic({magic!r}, '', 'lr = 0.1\\nacc = f()')")
    assert (cell.constants, cell.metric_names, cell.stores) == ({}, [], [])


@pytest.mark.parametrize(
    "source",
    ["(((", "x = ", "\0", "def", "a b", "(" * 5000, "-" * 100_000 + "1", "x = " + "+".join(["1"] * 50_000),
     "x" * 600_000, "get_ipython().run_cell_magic('time', '', 'a b c')", "\ud800"],
    ids=range(11),
)  # fmt: skip
def test_what_cannot_be_parsed_is_empty(source: str) -> None:
    cell = parse_cell(source)
    assert cell.error
    assert cell == CellSource(error=cell.error)


@given(st.text())
def test_never_raises(source: str) -> None:
    assert isinstance(parse_cell(source), CellSource)


def test_repeats_no_warning_of_the_parser() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert parse_cell('x = "\\d"').constants == {"x": ["\\d"]}
        assert parse_cell("x = 1if True else 2").error is None


def test_nan_and_infinity_are_constants() -> None:
    (infinite,) = parsed("x = 1e999").constants["x"]
    (nan,) = parsed("x = 1e999 - 1e999").constants["x"]
    assert isinstance(nan, float)
    assert infinite == math.inf
    assert math.isnan(nan)
