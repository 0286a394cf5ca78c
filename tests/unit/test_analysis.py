from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbtrack.analysis.changes import changes
from nbtrack.analysis.compare import compare, differing_modules
from nbtrack.analysis.directions import better_when
from nbtrack.analysis.lines import line_diff
from nbtrack.analysis.values import same
from nbtrack.entities.datasets import Dataset
from nbtrack.entities.runs import CellExecution, Change, Difference, Revision, RunDetail, RunRow, RunStatus
from nbtrack.entities.surroundings import Module, Surroundings


@pytest.mark.parametrize(
    ("direction", "names"),
    [
        (
            "higher",
            """accuracy acc test_accuracy f1 f1_score score train_score roc_auc rocAUC AUC precision
            recall_at_5 r2 r2_score R2 neg_log_loss neg_mean_squared_error val/iou mean_average_precision
            balanced_accuracy_score
            log_likelihood true_positive_rate average_precision bleu4""",
        ),
        (
            "lower",
            """loss val_loss valLoss logloss log_loss error mean_squared_error mse MSE rmse
            testRMSE mae MAPE perplexity
            brier_score_loss brier_score hamming_loss dice_loss f1_error cross_entropy crossEntropy
            max_error nll
            neg_log_likelihood false_positive_rate train/loss error_rate""",
        ),
        (
            None,
            "lr epoch time max_depth lossy errata n_estimators _ 損失 duration fit_time underscore glossary",
        ),
    ],
)
def test_directions(direction: str | None, names: str) -> None:
    assert {name: better_when(name) for name in names.split()} == dict.fromkeys(names.split(), direction)


@given(st.text())
def test_any_name_has_a_direction_or_none(name: str) -> None:
    assert better_when(name) in ("higher", "lower", None)


def test_same() -> None:
    assert same(float("nan"), float("nan"))
    assert same(1, 1.0)
    assert not same(True, 1)
    assert not same(None, 0)
    assert same([1, {"a": float("nan")}], [1.0, {"a": float("nan")}])
    assert not same({"a": 1}, {"a": True})


def test_changes_follow_the_order_of_the_new_run() -> None:
    found = changes({"max_depth": 3, "seed": 0, "old": 1}, {"max_depth": 5, "seed": 0, "new": "x"})
    assert found == [
        Change(name="max_depth", before=3, after=5),
        Change(name="new", before=None, after="x"),
        Change(name="old", before=1, after=None),
    ]


def test_changes_know_what_is_better() -> None:
    before = {"accuracy": 0.93, "loss": 0.2, "epochs": 1.0, "f1": math.nan}
    after = {"accuracy": 0.958, "loss": 0.3, "epochs": 2.0, "f1": 0.5, "recall": 0.1}
    found = {change.name: change.better for change in changes(before, after, direction=True)}
    assert found == {"accuracy": True, "loss": False, "epochs": None, "f1": None, "recall": None}
    assert changes({"a": math.nan}, {"a": math.nan}, direction=True) == []
    assert changes({"a": None}, {}) == []


def detail(name: str, /, **fields: object) -> RunDetail:
    row = {key: fields.pop(key) for key in ("params", "metrics", "tags", "notebook") if key in fields}
    return RunDetail(
        row=RunRow(
            id=name, name=name, experiment="quickstart", status=RunStatus.FINISHED,
            started="2026-11-21T10:00:00Z",
            duration=1.0, **row,  # type: ignore[arg-type]
        ),
        **fields,  # type: ignore[arg-type]
    )  # fmt: skip


def cell(source: str, cell_id: str | None = None) -> CellExecution:
    return CellExecution(
        id="e",
        cell_id=cell_id,
        execution_count=1,
        source=source,
        started="2026-11-21T10:00:00Z",
        duration=1.0,
        outcome="ok",
    )


def test_compare_lists_only_what_differs() -> None:
    comparison = compare(
        [
            detail(
                "forest-1",
                params={"max_depth": 3, "seed": 0, "layer10": 1, "layer2": 1},
                metrics={"accuracy": 0.93, "loss": 0.2, "epochs": 1.0},
                tags={"who": "ada"},
                packages={"numpy": "2.4.6", "pandas": "3.1.1"},
                datasets=[
                    Dataset(
                        name="X", type_name="DataFrame", shape=[569, 30], fingerprint="blake2b-256:a1b2c3d4"
                    )
                ],
                revision=Revision(commit="0123456789abcdef", dirty=False),
                python="3.11.7",
            ),
            detail(
                "forest-2",
                params={"max_depth": None, "seed": 0},
                metrics={"accuracy": 0.958, "loss": 0.3, "epochs": 2.0},
                tags={"who": "ada"},
                packages={"numpy": "2.4.6", "pandas": "3.2.0"},
                datasets=[
                    Dataset(
                        name="X", type_name="DataFrame", shape=[569, 30], fingerprint="blake2b-256:ffffff00"
                    )
                ],
                revision=Revision(commit="0123456789abcdef", dirty=True),
                python="3.11.7",
            ),
        ]
    )
    assert comparison.params == [
        Difference(name="layer2", values=[1, None], present=[True, False]),
        Difference(name="layer10", values=[1, None], present=[True, False]),
        Difference(name="max_depth", values=[3, None], present=[True, True]),
    ]
    assert {row.name: row.best for row in comparison.metrics} == {"accuracy": 1, "loss": 0, "epochs": None}
    assert comparison.tags == []
    assert comparison.packages == [Difference(name="pandas", values=["3.1.1", "3.2.0"], present=[True, True])]
    assert comparison.data == [
        Difference(name="X", values=["569 × 30 a1b2c3", "569 × 30 ffffff"], present=[True, True])
    ]
    assert comparison.environment == [
        Difference(name="uncommitted changes", values=[False, True], present=[True, True])
    ]


def test_data_that_differs_only_late_in_its_fingerprint_is_shown_in_full() -> None:
    datasets = [
        Dataset(name="X", type_name="ndarray", shape=[2], fingerprint="aaaaaaaa" + end) for end in "12"
    ]
    rows = compare([detail(f"r-{i}", datasets=[data]) for i, data in enumerate(datasets)]).data
    assert rows[0].values == ["2 aaaaaaaa1", "2 aaaaaaaa2"]


@pytest.mark.parametrize(
    ("change", "values"),
    [
        ({"schema": {"a": "int64", "b": "str"}}, ["a: float64, b: absent", "a: int64, b: str"]),
        ({"schema": {}}, None),  # nobody knows
        ({"shape": [3, 1], "schema": {}}, ["2 × 1", "3 × 1"]),
        ({"fingerprint": "blake2b-64:aabbccdd"}, None),
    ],
)
def test_data_differs_by_its_schema_and_never_by_what_is_not_known(
    change: dict[str, Any], values: list[str] | None
) -> None:
    known: dict[str, Any] = {
        "name": "X",
        "type_name": "DataFrame",
        "shape": [2, 1],
        "schema": {"a": "float64"},
    }
    datasets = [Dataset(**known), Dataset(**known | change)]
    rows = compare([detail(f"r-{i}", datasets=[data]) for i, data in enumerate(datasets)]).data
    assert [row.values for row in rows] == ([] if values is None else [values])


def test_nan_is_never_the_best() -> None:
    rows = compare(
        [detail(f"r-{i}", metrics={"loss": value}) for i, value in enumerate([math.nan, 0.5, 0.4, 0.4])]
    ).metrics
    assert rows[0].best == 2
    rows = compare(
        [detail(f"r-{i}", metrics={"loss": value}) for i, value in enumerate([math.nan, 0.5])]
    ).metrics
    assert rows[0].best is None


def test_code_meets_by_cell_id_else_by_position() -> None:
    def code(*runs: list[CellExecution]) -> list[Difference]:
        return compare([detail(f"r-{i}", cells=cells) for i, cells in enumerate(runs)]).code

    assert code([cell("a", "x"), cell("b", "y")], [cell("b", "y"), cell("a", "x")]) == []
    assert code([cell("a", "x"), cell("b", "y")], [cell("B", "y")]) == [
        Difference(name="cell 1", values=["a", None], present=[True, False]),
        Difference(name="cell 2", values=["b", "B"], present=[True, True]),
    ]
    assert code([cell("depth = 3", "x")], [cell("depth = 5", "z")]) == [
        Difference(name="cell 1", values=["depth = 3", "depth = 5"], present=[True, True])
    ]
    assert code([cell("a"), cell("b")], [cell("a"), cell("c")]) == [
        Difference(name="cell 2", values=["b", "c"], present=[True, True])
    ]
    assert code([cell("first try", "x"), cell("a", "x")], [cell("a", "x")]) == []


def test_surroundings_are_compared_where_they_are_known_of_all_runs() -> None:
    old = Surroundings(
        hardware={"cores": "8"},
        variables={"OMP_NUM_THREADS": "1"},
        remotes={"origin": "a"},
        arguments="--lr 1",
    )
    new = Surroundings(
        hardware={"cores": "4"},
        variables={"OMP_NUM_THREADS": "2"},
        remotes={"origin": "b"},
        diff="blake2b-256:abcdef0123",
    )
    seen = Revision(commit="c", branch="main", dirty=False)
    pair = detail("a", surroundings=old, revision=seen), detail("b", surroundings=new, revision=seen)
    assert {row.name: row.values for row in compare(pair).environment} == {
        "cores": ["8", "4"],
        "OMP_NUM_THREADS": ["1", "2"],
        "git remote origin": ["a", "b"],
        "uncommitted diff": [None, "abcdef01"],
        "arguments": ["--lr 1", None],
    }
    assert compare([pair[0], detail("c", revision=seen)]).environment == [
        Difference(name="git remote origin", values=["a", None], present=[True, False])
    ]


def test_modules_that_all_runs_have_are_compared_by_their_sources() -> None:
    def imported(**digests: str) -> RunDetail:
        modules = [Module(name=name, path=f"{name}.py", digest=digest) for name, digest in digests.items()]
        return detail("a", surroundings=Surroundings(modules=modules))

    runs = imported(same="s", changed="one", alone="x"), imported(same="s", changed="two")
    assert [row.name for row in differing_modules(runs)] == ["changed"]
    (row,) = compare(runs, {"one": "A = 1", "two": "A = 2"}).code
    assert (row.name, row.values) == ("module changed", ["A = 1", "A = 2"])


def test_a_run_compared_with_itself_differs_in_nothing() -> None:
    run = detail("forest-1", params={"a": math.nan}, metrics={"b": math.nan}, cells=[cell("x")])
    comparison = compare([run, run])
    fields = ("params", "metrics", "tags", "code", "data", "packages", "environment")
    assert [getattr(comparison, field) for field in fields] == [[]] * 7


def test_line_diff_marks_the_words_that_changed() -> None:
    lines = line_diff("a\nb\nc\nmax_depth = 3\nd", "a\nb\nc\nmax_depth = 5\nd\ne")
    assert [(line.kind, line.text) for line in lines] == [
        ("same", "a"), ("same", "b"), ("same", "c"), ("removed", "max_depth = 3"), ("added", "max_depth = 5"),
        ("same", "d"), ("added", "e"),
    ]  # fmt: skip
    assert lines[4].parts == (("max_depth = ", False), ("5", True))
    assert [line.kind for line in line_diff("\n" * 50 + "x", "\n" * 50 + "y")] == [
        "skipped", "same", "same", "removed", "added",
    ]  # fmt: skip


def test_like_lines_are_paired_when_others_came_between() -> None:
    lines = line_diff("alpha = 1.0\nfit(alpha=alpha)", "import numpy\nalpha = 2.0\nfit(alpha=alpha, n=3)")
    assert [(line.kind, line.text) for line in lines] == [
        ("added", "import numpy"), ("removed", "alpha = 1.0"), ("added", "alpha = 2.0"),
        ("removed", "fit(alpha=alpha)"), ("added", "fit(alpha=alpha, n=3)"),
    ]  # fmt: skip


@given(st.text(alphabet="ab \n", max_size=40), st.text(alphabet="ab \n", max_size=40))
def test_line_diff_holds_both_texts(before: str, after: str) -> None:
    lines = line_diff(before, after, context=100)
    assert [line.text for line in lines if line.kind != "added"] == before.splitlines()
    assert [line.text for line in lines if line.kind != "removed"] == after.splitlines()
    assert line_diff(before, before, context=100) == line_diff(before, before + "", context=100)


def test_line_diff_of_very_long_texts_is_fast() -> None:
    before = "\n".join(f"line {i}" for i in range(50_000))
    after = before.replace("line 25000\n", "other\n").replace("line 30000\n", "")
    lines = line_diff(before, after)
    assert any(line.text == "other" for line in lines)
