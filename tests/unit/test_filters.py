from __future__ import annotations

import json
import math
import re
import time
from array import array
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbtrack.analysis.directions import better_when
from nbtrack.entities.records import RunStarted
from nbtrack.errors import FilterError, InvalidInput
from nbtrack.store import filter_patterns
from nbtrack.store.filters import KnownNames, compile_filter, compile_sort
from nbtrack.store.metrics import Metrics
from nbtrack.store.migrations import migrate
from nbtrack.store.names import Names
from nbtrack.store.runs import Runs

NOON = int(datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()) * 10**9
HOUR = 3_600 * 10**9
NOW = NOON + HOUR


@dataclass
class Run:
    name: str = "forest"
    number: int = 1
    status: str = "finished"
    duration: float | None = 1.0
    notebook: str | None = "quickstart.ipynb"
    started: int = NOON
    params: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, float | list[float]] = field(default_factory=dict)
    """A number, or the whole series."""
    tags: dict[str, str] = field(default_factory=dict)
    cell: str | None = None
    ended: int | None = None
    pinned: bool = False
    deleted: bool = False
    code: tuple[str, ...] = ()
    data: dict[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        return f"{self.name}-{self.number}"


@cache
def empty_store() -> bytes:
    """The bytes of a database with the schema and no runs: made once, since thousands are asked for."""
    connection = apsw.Connection(":memory:")
    migrate(connection)
    return connection.serialize("main")


def database(runs: list[Run]) -> apsw.Connection:
    connection = apsw.Connection(":memory:")
    connection.deserialize("main", empty_store())
    names = Names(connection)
    store = Runs(connection, names)
    metrics = Metrics(connection, names)
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
                    cell_id=run.cell,
                )
            )
            connection.execute(
                "UPDATE runs SET status = ?, duration = ?, ended = ?, pinned = ?, deleted = ? WHERE id = ?",
                (run.status, run.duration, run.ended, run.pinned or None, run.deleted or None, f"r{index}"),
            )
            for position, source in enumerate(run.code):
                connection.execute(
                    "INSERT INTO executions (id, process, run_id, source, started, duration, outcome)"
                    " VALUES (?, 'p', ?, ?, ?, 0, 'ok')",
                    (f"{index}-{position}", f"r{index}", source, position),
                )
            for name, digest in run.data.items():
                connection.execute(
                    "INSERT INTO datasets (run_id, name, content) VALUES (?, ?, ?)",
                    (f"r{index}", name, json.dumps({"fingerprint": digest})),
                )
            store.set_params(f"r{index}", run.params)
            store.set_tags(f"r{index}", run.tags)
            for name, value in run.metrics.items():
                points = array("d", value if isinstance(value, list) else [value])
                metrics.append(f"r{index}", name, None, points, array("q", [0] * len(points)))
    return connection


def known(runs: list[Run]) -> KnownNames:
    connection = database(runs)
    return Runs(connection, Names(connection)).known_names()


def matching(text: str, runs: list[Run], names: KnownNames | None = None) -> list[int]:
    query = compile_filter(text, names or known(runs), better=better_when, now=NOW)
    connection = database(runs)
    filter_patterns.load(connection)
    rows = connection.execute(
        f"SELECT runs.id FROM runs WHERE {query.where} ORDER BY runs.key", query.bindings
    )
    return [int(str(row[0])[1:]) for row in rows]


def ordered(items: list[str], runs: list[Run]) -> list[int]:
    order = compile_sort(items, known(runs), better=better_when)
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
        ("accuracy between 0.9 and 0.95", [0]),
        ("accuracy not between 0.9 and 0.95", [1, 2, 3]),
        ("max_depth not between 5 and 9", [0]),
        ("0.9 < accuracy <= 0.93", [0]),
        ("0.93 >= accuracy > 0.9 and number = 1", [0]),
        ("started between '2026-11-20' and '2026-11-20'", [3]),
        ("act matches '^(relu|Tanh)$'", [0, 1]),
        ("act matches '^re'", [0]),
        ("act matches 'RE'", []),
        ("act not matches 'e.u'", [1, 2, 3]),
        ("name matches 'forest-[12]$'", [0, 1]),
        ("notebook matches '[.]ipynb$' and status matches '^fin'", [0, 1, 3]),
        ("tags.who matches 'a.a'", [3]),
        ("lr matches '0[.]01'", [0, 1]),
        ("started > 2h ago", [0, 1, 2]),
        ("started > 0.5 hours ago", []),
        ("started < '1 day ago'", [3]),
        ("2h ago < started <= now", [0, 1, 2]),
        ("started >= today", [0, 1, 2]),
        ("started > today", [0, 1, 2]),
        ("started = yesterday", [3]),
        ("started > yesterday", [0, 1, 2]),
        ("started in (yesterday, 2026-11-19)", [3]),
        ("started < 2026-11-21T11:00+01:00", [3]),
        ("started > 1795200000000", [0, 1, 2]),
        ("duration >= 1s and duration < 5m", [0, 1, 3]),
        ("duration < 500 ms", []),
        ("duration > '0.01 min'", [0, 1, 3]),
        ("ended is null", [0, 1, 2, 3]),
        ("big", [0]),
        ("not big", [1, 2, 3]),
        ("tags.who", [3]),
        ("tags.who and big or status = 'failed'", [2]),
        ("pinned", []),
        ("not pinned and pinned = false and pinned != true", [0, 1, 2, 3]),
        ("last(accuracy) > 0.9", [0, 1, 3]),
        ("best(accuracy) >= 0.958", [1, 3]),
        ("count(accuracy) = 1", [0, 1, 2, 3]),
        ("max(`my loss`) = 1", [1]),
        ("user = 'ada'", []),
        ("attr.user_id is null", [0, 1, 2, 3]),
        ("dataset.name = 'x'", []),
    ],
)
def test_filters(text: str, expected: list[int]) -> None:
    assert matching(text, RUNS) == expected


# Taken from MLflow's page on searching runs; the names are those of these runs.
MLFLOW = [
    ("metrics.accuracy > 0.72", [0, 1, 3]),
    ("metrics.`accuracy` >= 0.72 and metrics.accuracy < 1", [0, 1]),
    ('metrics."my loss" <= 1', [1]),
    ("params.max_depth = '3'", [0]),
    ("params.act ILIKE 'RE%'", [0]),
    ("params.act LIKE '%a%' AND params.lr != '0.02'", [1]),
    ("tags.who = 'ada' AND metrics.accuracy > 1", [3]),
    ('tags."mlflow.parentRunId" IS NULL', [0, 1, 2, 3]),
    ("tag.who IS NOT NULL", [3]),
    ("attributes.run_id IN ('r0', 'r3')", [0, 3]),
    ("attributes.run_id NOT IN ('r0', 'r3')", [1, 2]),
    ("attributes.status = 'FINISHED'", [0, 1, 3]),
    ("attributes.start_time >= 1664067852747", [0, 1, 2, 3]),
    ("attributes.created > 1795200000000", [0, 1, 2]),
    ("attributes.end_time IS NULL", [0, 1, 2, 3]),
    ("attribute.user_id = 'user1'", []),
    ("run.name LIKE 'forest%'", [0, 1, 3]),
    ("attr.run_name = 'logistic'", [2]),
    ("dataset.digest = 's8ds293b' AND dataset.name IN ('custom', 'other')", []),
]


@pytest.mark.parametrize(("text", "expected"), MLFLOW)
def test_filters_of_mlflow_work_as_they_are(text: str, expected: list[int]) -> None:
    assert matching(text, RUNS) == expected


def test_best_is_the_lowest_or_highest_of_a_series_by_the_metrics_direction() -> None:
    runs = [
        Run(metrics={"loss": [0.9, 0.1, 0.5], "accuracy": [0.2, 0.8, 0.4], "x": [1.0, 5.0]}),
        Run(metrics={"loss": [0.3], "accuracy": [0.9], "x": [math.nan, math.nan]}),
        Run(metrics={"loss": [math.nan, 0.2, math.nan]}),
        Run(),
    ]
    assert matching("best(loss) < 0.25", runs) == [0, 2]
    assert matching("best(accuracy) > 0.7 and last(accuracy) < 0.5", runs) == [0]
    assert matching("loss = nan and best(metrics.loss) = 0.2", runs) == [2]
    assert matching("max(loss) = 0.3 or min(x) = 1", runs) == [0, 1]
    assert matching("max(x) = nan", runs) == [1]
    assert matching("count(loss) >= 3", runs) == [0, 2]
    assert matching("not best(loss) < 0.25", runs) == [1, 3]
    assert matching("best(loss) is null", runs) == [3]
    assert matching("best(loss) != 0.1", runs) == [1, 2]
    assert ordered(["best(loss)"], runs) == [0, 2, 1, 3]
    assert ordered(["-max(accuracy)", "count(loss)"], runs) == [1, 0, 2, 3]


def test_a_metric_may_be_called_like_a_function() -> None:
    runs = [Run(metrics={"best": 1.0, "count": 2.0, "now": 3.0, "between": 4.0, "changed": 5.0}), Run()]
    assert matching("best = 1 and count >= 2 and now < 4 and between = 4 and changed > 1", runs) == [0]
    assert matching("max(best) between 1 and 1 and 2 < now", runs) == [0]


def test_changed_looks_at_the_previous_run_of_the_cell_else_of_the_name() -> None:
    def at(minute: int, lr: object, name: str = "forest", cell: str | None = "a", **more: Any) -> Run:
        params = {} if lr is None else {"lr": lr}
        return Run(name=name, number=minute + 1, started=NOON + minute, cell=cell, params=params, **more)

    runs = [
        at(0, 0.1, code=("one",)),
        at(1, 0.1, code=("one", "two")),
        at(2, 0.2, name="oak", code=("one", "two")),  # of the same cell, under another name
        at(3, 0.3, deleted=True, code=("x",)),
        at(4, 0.2, code=("one", "two")),
        at(5, 0.5, cell=None),
        at(6, "0.5", cell=None),
        at(7, None, cell="b"),
    ]
    assert matching("changed(lr) and number != 4", runs) == [2, 5, 6, 7]
    assert matching("not changed(lr) and number != 4", runs) == [0, 1, 4]
    assert matching("changed(params.lr) and lr = 0.2", runs) == [2]
    assert matching("changed(code) and number != 4", runs) == [1, 5]
    runs[0].params["code"] = 1
    assert matching("changed(params.code)", runs) == matching("changed(code)", runs) == [1]


def test_pinned_ended_and_data_sets() -> None:
    runs = [
        Run(pinned=True, ended=NOON, data={"train": "d1", "test": "d2"}),
        Run(ended=NOON - HOUR, data={"train": "d3"}),
        Run(),
    ]
    assert matching("pinned", runs) == matching("pinned != false", runs) == [0]
    assert matching("ended > '90 minutes ago'", runs) == [0]
    assert matching("ended < 90min ago", runs) == [1]
    assert matching("dataset.name = 'test'", runs) == [0]
    assert matching("dataset.name != 'test'", runs) == [1]
    assert matching("datasets.digest in ('d2', 'd3')", runs) == [0, 1]
    assert matching("not dataset.name = 'test'", runs) == [1, 2]


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "(a|aa)+$", "(.*a){12}"])
def test_no_pattern_takes_long(pattern: str) -> None:
    """Each of these keeps an engine that goes back and forth busy for longer than the universe is old."""
    runs = [Run(params={"text": "a" * 3_999 + "!"})] * 20
    before = time.process_time()
    matching(f"text matches '{pattern}'", runs)
    assert time.process_time() - before < 5


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
        ("act matches '('", 13, "This is no regular expression"),
        ("act matches '((a{99}){99}){99}'", 13, "too big"),
        (f"act matches '{'a' * 201}'", 13, "at most 200 characters"),
        ("act matches 5", 13, "needs a pattern in quotes"),
        ("accuracy matches '5'", 18, "A metric is a number"),
        ("frist(accuracy) > 1", 1, "There is no function 'frist'"),
        ("accuracy > 1 and bets(accuracy) > 1", 18, "did you mean best()?"),
        ("max(act) > 1", 1, "max() is for metrics"),
        ("best(metrics.thing) > 1", 1, "write min(…) or max(…)"),
        ("changed(status)", 9, "changed() is for params"),
        ("changed(lrr)", 9, "did you mean 'lr'?"),
        ("accuracy and lr = 1", 9, "A comparison is missing behind 'accuracy'"),
        ("lr = 1 or status", 17, "A comparison is missing"),
        ("0.1 < lr > 0.5", 10, "A range goes one way"),
        ("lr between 1 or 2", 14, "Not expected here"),
        ("lr > 2d ago", 6, "2d ago is a time"),
        ("number > today", 10, "today is a time"),
        ("started > 2 moons ago", 11, "Compare a time with a date"),
        ("pinned = 5", 10, "Write pinned"),
        ("dataset.size = 5", 1, "A data set has no 'size'"),
        ("森 > 1", 1, "Unknown name '森'"),
        ("accuracy > 1; DROP TABLE runs", 13, "Not expected here: ';'"),
        ("a\ud800 > 1", 2, "half of a character"),
    ],
)
def test_an_error_points_at_the_column(text: str, column: int, says: str) -> None:
    with pytest.raises(FilterError) as caught:
        compile_filter(text, known(RUNS), better=better_when)
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
    for item in ("-", "best()", "best(acuracy)", "min(lr)", "dataset.name"):
        with pytest.raises(FilterError):
            compile_sort([item], known(RUNS))


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
    metrics=st.dictionaries(st.sampled_from(NAMES), NUMBERS | st.lists(NUMBERS, min_size=1, max_size=3)),
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


def part_of(value: float | list[float], part: str) -> float:
    """What ``min``, ``max``, ``count`` or ``last`` says of a series in plain Python."""
    series = value if isinstance(value, list) else [value]
    numbers = [number for number in series if not math.isnan(number)]
    if part == "count":
        return len(series)
    if part == "last" or not numbers:
        return series[-1]
    return min(numbers) if part == "min" else max(numbers)


def metric_matches(value: float | list[float], operator: str, literal: float, part: str = "last") -> bool:
    return bool(OPERATORS[operator](part_of(value, part), literal))


@st.composite
def conditions(draw: st.DrawFn) -> tuple[str, Any]:
    kinds = [
        "param",
        "metric",
        "null",
        "in",
        "status",
        "duration",
        "between",
        "chain",
        "part",
        "alone",
        "regexp",
    ]
    kind = draw(st.sampled_from(kinds))
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
    if kind in ("between", "chain"):
        low, high = draw(st.tuples(*[NUMBERS.filter(lambda value: not math.isnan(value))] * 2))
        text = (
            f"metrics.{name} between {low} and {high}"
            if kind == "between"
            else f"{low} <= metrics.{name} <= {high}"
        )
        return (
            text,
            lambda run: name in run.metrics and low <= part_of(run.metrics[name], "last") <= high,
        )
    if kind == "part":
        part = draw(st.sampled_from(["min", "max", "count", "last"]))
        value = draw(NUMBERS.filter(lambda value: not math.isnan(value)))
        return (
            f"{part}(metrics.{name}) {operator} {written(value)}",
            lambda run: name in run.metrics and metric_matches(run.metrics[name], operator, value, part),
        )
    if kind == "alone":
        return f"params.{name}", lambda run: run.params.get(name) is True
    if kind == "regexp":
        pattern = draw(st.sampled_from(["^r", "e.*u", "[A-HO-Z]", "^$", "(re|x)+", "'", "u$"]))
        # no letter of Inf and NaN: a pattern also looks at numbers, as SQLite writes them
        return (
            f"params.{name} matches {written(pattern)}",
            lambda run: isinstance(run.params.get(name), str) and bool(re.search(pattern, run.params[name])),
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


NAMES_OF_RUNS = known(RUNS)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_a_filter_or_a_filter_error(text: str) -> None:
    try:
        matching(text, RUNS, NAMES_OF_RUNS)
    except FilterError as error:
        column = error.details["column"]
    else:
        column = 1
    assert 1 <= column <= len(text) + 1


_WORDS = """
    accuracy lr act big tags.who params.`lr` run.status started ended pinned best( max( changed( code ( ) , and or not
    in like matches between is null = != < <= > >= 1 -2.5e3 inf nan true 'x' "0.01" '^r' '(' 2d ago 5m today 2026-11-21
    dataset.name ` ' count(lr) 99999999999999999999w ago ago 2d
"""
WORDS = st.sampled_from(_WORDS.split())


@settings(max_examples=600, deadline=None)
@given(st.lists(WORDS, max_size=9), st.sampled_from([" ", ""]))
def test_any_row_of_its_words_is_a_filter_or_a_filter_error(words: list[str], between: str) -> None:
    text = between.join(words)
    try:
        matching(text, RUNS, NAMES_OF_RUNS)
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
    values = [part_of(runs[index].metrics.get("a", math.nan), "last") for index in order]
    present = [value for value in values if not math.isnan(value)]
    assert present == sorted(present, reverse=descending)
    assert all(math.isnan(value) for value in values[len(present) :])
