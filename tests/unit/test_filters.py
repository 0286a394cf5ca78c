from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbtrack.entities.records import RunStarted
from nbtrack.errors import FilterError, InvalidInput
from nbtrack.store.filters import KnownNames, compile_filter, compile_sort
from nbtrack.store.migrations import migrate
from nbtrack.store.names import Names
from nbtrack.store.runs import Runs
from nbtrack.store.values import to_sql

NOON = int(datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()) * 10**9


@dataclass
class Run:
    name: str = "forest"
    number: int = 1
    status: str = "finished"
    duration: float | None = 1.0
    notebook: str | None = "quickstart.ipynb"
    started: int = NOON
    params: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        return f"{self.name}-{self.number}"


def database(runs: list[Run]) -> apsw.Connection:
    connection = apsw.Connection(":memory:")
    migrate(connection)
    names = Names(connection)
    store = Runs(connection, names)
    taken: set[tuple[str, str, int]] = set()
    with connection:
        for index, run in enumerate(runs):
            # a number is given once in an experiment; made-up runs may repeat one
            repeated = ("quickstart", run.name, run.number) in taken
            experiment = f"other-{index}" if repeated else "quickstart"
            taken.add((experiment, run.name, run.number))
            store.next_number(experiment, run.name)
            connection.execute("UPDATE run_names SET last = ?", (run.number - 1,))
            store.start(
                RunStarted(
                    run=f"r{index}",
                    time=run.started,
                    name=run.name,
                    experiment=experiment,
                    process="p",
                    notebook=run.notebook,
                )
            )
            connection.execute(
                "UPDATE runs SET status = ?, duration = ? WHERE id = ?",
                (run.status, run.duration, f"r{index}"),
            )
            store.set_params(f"r{index}", run.params)
            store.set_tags(f"r{index}", run.tags)
            names.set(index + 1, "metric", {name: to_sql(value) for name, value in run.metrics.items()})
    return connection


def known(runs: list[Run]) -> KnownNames:
    connection = database(runs)
    return Runs(connection, Names(connection)).known_names()


def matching(text: str, runs: list[Run], names: KnownNames | None = None) -> list[int]:
    query = compile_filter(text, names or known(runs))
    rows = database(runs).execute(
        f"SELECT runs.id FROM runs WHERE {query.where} ORDER BY runs.key", query.bindings
    )
    return [int(str(row[0])[1:]) for row in rows]


def ordered(items: list[str], runs: list[Run]) -> list[int]:
    order = compile_sort(items, known(runs))
    rows = database(runs).execute(f"SELECT runs.id FROM runs ORDER BY {order.order}")
    return [int(str(row[0])[1:]) for row in rows]


RUNS = [
    Run(
        number=1, params={"lr": 0.01, "max_depth": 3, "act": "relu", "big": True}, metrics={"accuracy": 0.93}
    ),
    Run(
        number=2,
        params={"lr": "0.01", "max_depth": None, "act": "Tanh"},
        metrics={"accuracy": 0.958, "my loss": 1.0},
    ),
    Run(name="logistic", status="failed", duration=None, notebook=None, metrics={"accuracy": float("nan")}),
    Run(
        number=3,
        started=NOON - 86_400 * 10**9,
        metrics={"accuracy": float("inf")},
        tags={"who": "ada", "n": "12", "day": "2026-11-21"},
    ),
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [0, 1, 2, 3]),
        ("accuracy > 0.9", [0, 1, 3]),
        ("metrics.accuracy > 0.9 and params.lr = '0.01'", [0, 1]),
        ("params.lr = 0.01", [0]),
        ("params.lr < 1", [0]),
        ("params.lr = '0.010'", [0]),
        ("lr != 5", [0, 1]),
        ("max_depth = 3", [0]),
        ("max_depth is null", [1, 2, 3]),
        ("max_depth IS NOT NULL", [0]),
        ("accuracy is null", []),
        ("accuracy = nan", [2]),
        ("accuracy != nan", [0, 1, 3]),
        ("not accuracy > 0.9", [2]),
        ("accuracy = inf", [3]),
        ("accuracy < inf", [0, 1]),
        ("accuracy > -inf and accuracy <= 9.58e-1", [0, 1]),
        ("act like 'RE%'", [0]),
        ("act not like 're%'", [1, 2, 3]),
        ("act in ('relu', 'Tanh',)", [0, 1]),
        ("act not in ('relu')", [1]),
        ("big = true or big = 'True'", [0]),
        ("big = 1", []),
        ('metrics."my loss" = 1', [1]),
        ("`my loss` >= 1.0", [1]),
        ("metrics.`my loss` <> 1", []),
        ("status = 'FINISHED'", [0, 1, 3]),
        ("run.status == 'failed'", [2]),
        ("attributes.run_name = 'logistic'", [2]),
        ("name = 'forest'", [0, 1, 3]),
        ("run.name = 'forest-3'", [3]),
        ("name != 'forest'", [2]),
        ("number >= 2", [1, 3]),
        ("duration < 60", [0, 1, 3]),
        ("notebook is null", [2]),
        ("experiment = 'quickstart' and not (status = 'failed' or number = 1)", [1, 3]),
        ("started >= '2026-11-21'", [0, 1, 2]),
        ("started = '2026-11-20'", [3]),
        ("started > '2026-11-20'", [0, 1, 2]),
        ("started <= '2026-11-20'", [3]),
        ("started = '2026-11-21T12:00Z'", [0, 1, 2]),
        ("started = '2026-11-21 13:00+01:00'", [0, 1, 2]),
        ("tags.who = 'ada'", [3]),
        ("tags.n > 2", [3]),
        ("tags.day > 2", []),
        ("0.95 < accuracy", [1, 3]),
        ("metrics.unheard_of > 1", []),
    ],
)
def test_filters(text: str, expected: list[int]) -> None:
    assert matching(text, RUNS) == expected


def test_a_bare_name_is_a_metric_first_then_a_param_a_tag_a_column() -> None:
    runs = [Run(params={"name": 1, "score": 2}, metrics={"score": 3.0})]
    assert matching("score = 3", runs) == [0]
    assert matching("params.score = 2", runs) == [0]
    assert matching("name = 1", runs) == [0]
    assert matching("run.name = 'forest'", runs) == [0]


def test_a_param_out_of_a_dict_called_params_is_found_by_its_whole_name() -> None:
    runs = [Run(params={"params.lr": 0.1}), Run(params={"lr": 0.1})]
    assert matching("params.lr = 0.1", [runs[0]]) == [0]
    assert matching("params.params.lr = 0.1", runs) == [0]


@pytest.mark.parametrize(
    "name", ["and", "in", "a b", "α β", "🌲", "a`b", 'a"b', "a\0b", "x' OR 1=1 --", "n" * 9000]
)
def test_any_name_can_be_written(name: str) -> None:
    runs = [Run(params={name: 1}), Run(params={"other": 1})]
    quoted = name.replace("`", "``")
    assert matching(f"params.`{quoted}` = 1", runs) == [0]
    assert matching(f"`{quoted}` = 1", runs) == [0]


@pytest.mark.parametrize("value", ["it''s", "'; DROP TABLE runs; --", "a\0b", "%", "🌲", '"'])
def test_values_are_bound(value: str) -> None:
    plain = value.replace("''", "'")
    runs = [Run(params={"note": plain}), Run(params={"note": "other"})]
    written = plain.replace("'", "''")
    assert matching(f"note = '{written}'", runs) == [0]
    assert "DROP" not in compile_filter(f"note = '{written}'", known(runs)).where


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("acuracy > 0.9", 1, "did you mean 'accuracy'?"),
        ("accuracy > 0.9 and dpeth < 3", 20, "Unknown name 'dpeth'"),
        ("accuracy >", 11, "a value is missing"),
        ("accuracy > 'x'", 12, "A metric is a number"),
        ("accuracy like 'x'", 15, "A metric is a number"),
        ("(accuracy > 1", 14, "ends too early"),
        ("accuracy > 1)", 13, "Not expected here: ')'"),
        ("accuracy > 1 && lr = 1", 14, "Write `and`"),
        ("act = 'relu", 7, "never closed"),
        ("act = relu", 7, "text needs quotes: 'relu'"),
        ("run.colour = 1", 1, "A run has no 'colour'"),
        ("run.stats = 'x'", 1, "did you mean run.status?"),
        ("started > 5", 11, "Compare a time with a date"),
        ("started > '2026-02-30'", 11, "Compare a time with a date"),
        ("act like 5", 10, "needs a pattern in quotes"),
        ("status = 5", 10, "This is text"),
        ("act in ()", 9, "Not expected here"),
        ("森 > 1", 1, "Unknown name '森'"),
        ("accuracy > 1; DROP TABLE runs", 13, "Not expected here: ';'"),
        ("a\ud800 > 1", 2, "half of a character"),
    ],
)
def test_an_error_points_at_the_column(text: str, column: int, says: str) -> None:
    with pytest.raises(FilterError) as caught:
        compile_filter(text, known(RUNS))
    assert caught.value.details["column"] == column
    assert says in caught.value.message
    assert "text" in caught.value.details
    line = caught.value.message.splitlines()[-1]
    assert line.strip("^ ") == ""


def test_the_caret_stands_below_the_name() -> None:
    with pytest.raises(FilterError) as caught:
        compile_filter("accuracy > 0.9 and\nmax_dpeth < 3", known(RUNS))
    assert caught.value.message.splitlines()[1:] == [
        "  accuracy > 0.9 and max_dpeth < 3",
        "                     ^^^^^^^^^",
    ]


def test_of_a_long_filter_the_place_is_shown() -> None:
    with pytest.raises(FilterError) as caught:
        compile_filter(" or ".join(["accuracy > 0.9"] * 100 + ["oops > 1"]), known(RUNS))
    _, line, mark = caught.value.message.splitlines()
    assert len(line) < 90
    assert line[mark.index("^") :].startswith("oops")


def test_a_tower_of_parentheses_is_no_deep_expression() -> None:
    assert matching("(" * 3000 + "number = 1" + ")" * 3000, RUNS) == [0, 2]


@pytest.mark.parametrize(
    "text", ["not (lr = 1 and " * 60 + "lr = 1" + ")" * 60, "not " * 2000 + "lr = 1", "lr = 1 or " * 5000]
)
def test_towers_are_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(InvalidInput):
        compile_filter(text, known(RUNS))


def test_a_wide_filter_is_no_deep_expression() -> None:
    text = " or ".join(f"number = {number}" for number in range(600))
    assert matching(text, RUNS) == [0, 1, 2, 3]
    values = ", ".join(str(number) for number in range(2000))
    assert matching(f"number in ({values})", RUNS) == [0, 1, 2, 3]


def test_sorting() -> None:
    assert ordered([], RUNS) == [2, 1, 0, 3]
    assert ordered(["accuracy"], RUNS) == [0, 1, 3, 2]
    assert ordered(["-accuracy"], RUNS) == [3, 1, 0, 2]
    assert ordered(["metrics.accuracy desc"], RUNS) == [3, 1, 0, 2]
    assert ordered(["params.lr"], RUNS) == [0, 1, 2, 3]
    assert ordered(["name"], RUNS) == [0, 1, 3, 2]
    assert ordered(["-number", "accuracy"], RUNS) == [3, 1, 0, 2]
    assert ordered(["started"], RUNS) == [3, 2, 1, 0]


def test_an_unknown_sort_name_is_an_error_alike() -> None:
    with pytest.raises(FilterError, match="did you mean 'accuracy'") as caught:
        compile_sort(["-acuracy"], known(RUNS))
    assert caught.value.details["column"] == 2
    with pytest.raises(FilterError):
        compile_sort(["-"], known(RUNS))


# The language once more in plain Python, to hold the SQL against.

NAMES = ("a", "b", "c")
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([-1.5, 0.0, 1.0, 2.5, float("inf"), float("-inf"), float("nan")]),
    st.sampled_from(["", "1", "1.0", "true", "relu", "Relu", "x'y"]),
)
NUMBERS = st.sampled_from([-1.5, 0.0, 1.0, 2.5, float("inf"), float("-inf"), float("nan")])
STATUSES = st.sampled_from(["finished", "failed"])
RUN = st.builds(
    Run,
    number=st.integers(1, 4),
    status=STATUSES,
    duration=st.one_of(st.none(), st.sampled_from([0.5, 1.0, 60.0])),
    params=st.dictionaries(st.sampled_from(NAMES), VALUES),
    metrics=st.dictionaries(st.sampled_from(NAMES), NUMBERS),
)
LITERAL = st.one_of(
    st.booleans(),
    NUMBERS.filter(lambda value: not math.isnan(value)),
    st.sampled_from(["1", "1.0", "true", "relu", "x'y", "null"]),
)
OPERATORS = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def written(value: Any) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return str(value).lower()


def number_in(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def param_matches(value: Any, operator: str, literal: Any) -> bool:
    if operator == "!=":
        return not param_matches(value, "=", literal)
    test = OPERATORS[operator]
    if isinstance(literal, bool):
        return isinstance(value, bool) and test(value, literal)
    if isinstance(literal, float):
        return isinstance(value, int | float) and not isinstance(value, bool) and test(value, literal)
    if isinstance(value, str):
        return bool(test(value, literal))
    number = number_in(literal)
    if (
        number is not None
        and isinstance(value, int | float)
        and not isinstance(value, bool)
        and test(value, number)
    ):
        return True
    as_bool = isinstance(value, bool) and str(value).lower() == literal.lower()
    return operator == "=" and (as_bool or json.dumps(value) == literal)


def metric_matches(value: float, operator: str, literal: float) -> bool:
    return bool(OPERATORS[operator](value, literal))


@st.composite
def conditions(draw: st.DrawFn) -> tuple[str, Any]:
    kind = draw(st.sampled_from(["param", "metric", "null", "in", "status", "duration"]))
    name = draw(st.sampled_from(NAMES))
    operator = draw(st.sampled_from(sorted(OPERATORS)))
    if kind == "param":
        literal = draw(LITERAL)
        return (
            f"params.{name} {operator} {written(literal)}",
            lambda run: name in run.params and param_matches(run.params[name], operator, literal),
        )
    if kind == "metric":
        value = draw(NUMBERS.filter(lambda value: not math.isnan(value)))
        return (
            f"metrics.{name} {operator} {written(value)}",
            lambda run: name in run.metrics and metric_matches(run.metrics[name], operator, value),
        )
    if kind == "null":
        return f"params.{name} is null", lambda run: run.params.get(name) is None
    if kind == "in":
        literals = draw(st.lists(LITERAL, min_size=1, max_size=3))
        return (
            f"params.{name} not in ({', '.join(map(written, literals))})",
            lambda run: (
                name in run.params
                and not any(param_matches(run.params[name], "=", literal) for literal in literals)
            ),
        )
    if kind == "status":
        status = draw(STATUSES)
        return f"status = '{status}'", lambda run: run.status == status
    bound = draw(st.sampled_from([0.5, 1.0, 60.0]))
    return (
        f"duration {operator} {bound}",
        lambda run: run.duration is not None and bool(OPERATORS[operator](run.duration, bound)),
    )


def joined(children: st.SearchStrategy[tuple[str, Any]]) -> st.SearchStrategy[tuple[str, Any]]:
    pairs = st.tuples(children, children)
    return st.one_of(
        pairs.map(lambda p: (f"({p[0][0]}) AND ({p[1][0]})", lambda run: p[0][1](run) and p[1][1](run))),
        pairs.map(lambda p: (f"({p[0][0]} or ({p[1][0]}))", lambda run: p[0][1](run) or p[1][1](run))),
        children.map(lambda c: (f"not ({c[0]})", lambda run: not c[1](run))),
    )


@settings(max_examples=300, deadline=None)
@given(st.recursive(conditions(), joined, max_leaves=6), st.lists(RUN, max_size=5))
def test_the_sql_says_what_plain_python_says(condition: tuple[str, Any], runs: list[Run]) -> None:
    text, says = condition
    assert matching(text, runs) == [index for index, run in enumerate(runs) if says(run)]


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_a_filter_or_a_filter_error(text: str) -> None:
    try:
        matching(text, RUNS)
    except FilterError as error:
        column = error.details["column"]
    else:
        column = 1
    assert 1 <= column <= len(text) + 1


@settings(max_examples=100, deadline=None)
@given(st.lists(RUN, max_size=6), st.booleans())
def test_sorting_puts_missing_values_last_and_keeps_every_run(runs: list[Run], descending: bool) -> None:
    order = ordered(["-metrics.a" if descending else "metrics.a"], runs)
    assert sorted(order) == list(range(len(runs)))
    values = [runs[index].metrics.get("a", math.nan) for index in order]
    present = [value for value in values if not math.isnan(value)]
    assert present == sorted(present, reverse=descending)
    assert all(math.isnan(value) for value in values[len(present) :])
