"""What the source of a cell tells about names."""

from __future__ import annotations

import pytest

from nbtrack.capture.lineage.references import references


def loads(source: str) -> set[str]:
    return set(references(source).loads)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = 1\ny = x", set()),
        ("y = x\nx = 1", {"x"}),
        ("x += 1", {"x"}),
        ("x.a[0] = y", {"x", "y"}),
        ("if c:\n    x = 1\nprint(x)", {"c", "x", "print"}),
        ("if c:\n    x = 1\nelse:\n    x = 2\nx", {"c"}),
        ("for i in s:\n    x = i\nx", {"s", "x"}),
        ("while True:\n    x = 1\n    break\nx", set()),
        ("with f() as g:\n    x = g\nx", {"f"}),
        ("with suppress(E):\n    x = 1\nx", {"suppress", "E", "x"}),
        ("try:\n    x = 1\nexcept E as e:\n    x = e\nx\ne", {"E", "e"}),
        ("[v * k for v in s]", {"k", "s"}),
        ("[(n := v) for v in s]\nn", {"s", "n"}),
        ("def f(a, b=d):\n    return a + g", {"d"}),
        ("def f():\n    return g\nf()", {"g"}),
        ("def f():\n    return g\ng = 1\nf()", set()),
        ("class A(B):\n    x = y\n    def f(self):\n        return z", {"B", "y", "z"}),
        ("@deco\ndef f():\n    return g", {"deco", "g"}),
        ("f = lambda: g", set()),
        ("f = lambda: g\nf()", {"g"}),
        ("match p:\n    case {'k': v, **r}:\n        v\n    case [a, *b]:\n        b", {"p"}),
        ("del x", {"x"}),
        ("a and (b := 1)\nb", {"a", "b"}),
        ("await f(x)", {"f", "x"}),
        ("x: int = y", {"int", "y"}),
    ],
)
def test_names_that_may_be_read_before_they_are_bound(source: str, expected: set[str]) -> None:
    assert references(source).error is None
    assert loads(source) == expected


def test_names_that_are_bound_surely_or_perhaps() -> None:
    found = references(
        "a = 1\nif c:\n    b = 2\ndef f():\n    global g\n    g = 1\nimport x.y as z\nfrom m import *\n"
    )
    assert found.bound == {"a", "f", "z"}
    assert found.stores == {"a", "b", "f", "g", "z"}


@pytest.mark.parametrize(
    ("source", "reads", "stores"),
    [
        ("get_ipython().run_line_magic('time', 'q = w + 1')", {"w"}, {"q"}),
        ("get_ipython().run_cell_magic('time', '', 'q = w\\nr = q')", {"w"}, {"q", "r"}),
        (
            "get_ipython().run_cell_magic('capture', 'out', '!ls {d}\\nq = w')",
            {"w", "d"},
            {"q", "out", "_exit_code"},
        ),
        ("get_ipython().run_line_magic('timeit', '-n 10 f(w)')", {"f", "w"}, set()),
        ("r = get_ipython().getoutput('cat $name')", {"name"}, {"r", "_exit_code"}),
        ("get_ipython().system('echo {a + b[0]}')", {"a", "b"}, {"_exit_code"}),
        ("get_ipython().run_cell_magic('bash', '--out t', 'ls')", set(), {"t"}),
        ("get_ipython().run_cell_magic('time', '', '%%capture o\\nq = w')", {"w"}, {"q", "o"}),
    ],
)
def test_the_code_inside_magics_counts(source: str, reads: set[str], stores: set[str]) -> None:
    found = references(source)
    assert found.loads - {"get_ipython"} == reads
    assert found.stores == stores


@pytest.mark.parametrize(
    "source",
    [
        "eval(s)",
        "exec(s)",
        "globals()",
        "locals()",
        "vars()",
        "get_ipython().user_ns['a']",
        "import __main__",
    ],
)
def test_what_may_read_any_name_is_told(source: str) -> None:
    assert references(source).hints.opaque is not None


@pytest.mark.parametrize(
    ("command", "effects"), [("!ls", {"process"}), ("!pip install x", {"process", "install"})]
)
def test_commands_and_installs_are_told(command: str, effects: set[str]) -> None:
    found = references(f"get_ipython().system({command[1:]!r})")
    assert found.hints.commands == (command[1:],)
    assert set(found.hints.effects) == effects


def test_names_in_formulas_queries_and_sql_are_mentioned() -> None:
    assert {"limit"} <= references("df.query('a > @limit')").hints.mentioned
    assert {"z"} <= references("ols('y ~ z', data)").hints.mentioned
    assert references("duckdb.sql('SELECT * FROM frame')").hints.mentioned == {"frame"}


def test_what_cannot_be_parsed_says_why() -> None:
    assert "SyntaxError" in str(references("x = = 1").error)
    assert "characters" in str(references("#" * 600_000).error)
