from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbtrack.analysis.compare import compare
from nbtrack.analysis.diff import diff_notebooks
from nbtrack.entities.datasets import Dataset, DataSource
from nbtrack.entities.health import Verification
from nbtrack.entities.models import ModelVersion, RegisteredModel
from nbtrack.entities.profiles import ColumnProfile, DataProfile, ProfiledData, RunData
from nbtrack.entities.runs import (
    Artifact,
    CellExecution,
    Change,
    Revision,
    RunDetail,
    RunOutcome,
    RunRow,
    RunStatus,
    RunTable,
)
from nbtrack.entities.stores import StoreStatus
from nbtrack.render.characters import visible
from nbtrack.render.health import verification_facts
from nbtrack.render.html import to_html
from nbtrack.render.line import outcome_html, outcome_text
from nbtrack.render.numbers import column, counted, duration_text, number, pair, size, value, values, when
from nbtrack.render.text import to_text
from nbtrack.render.views import View

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    '"><script>alert(1)</script>',
    "</pre></style></details>",
    "a\u202egnp.exe",
    "n" * 10_000,
    "👩‍🔬🌲",
    "nul\0name",
    "line\nbreak\x1b[31mred",
    "half\ud800",
    "&lt;b&gt;",
    "שלום",
]


def row(name: str = "forest-1", **fields: object) -> RunRow:
    given = {
        "id": name,
        "experiment": "quickstart",
        "status": RunStatus.FINISHED,
        "started": "2026-11-21T10:00:00Z",
    }
    return RunRow(name=name, **{**given, "duration": 1.23, **fields})  # type: ignore[arg-type]


def cell(source: str) -> CellExecution:
    return CellExecution(
        id="e",
        cell_id="c",
        execution_count=1,
        source=source,
        started="2026-11-21T10:00:00Z",
        duration=1.0,
        outcome="ok",
    )


def notebook(*sources: str) -> dict[str, object]:
    cells = [
        {
            "cell_type": "code",
            "id": f"c{i}",
            "source": source,
            "metadata": {},
            "outputs": [],
            "execution_count": 1,
        }
        for i, source in enumerate(sources)
    ]
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}


def version(name: str = "churn", **fields: object) -> ModelVersion:
    given = {
        "version": 1,
        "run_id": "r",
        "run": "forest-1",
        "artifact": "model",
        "format": "skops",
        "digest": "d",
    }
    more = {
        "size": 1_900_000,
        "created": "2026-11-21T10:00:00Z",
        "type_name": "sklearn.ensemble.RandomForest",
    }
    return ModelVersion(model=name, **{**given, **more, **fields})  # type: ignore[arg-type]


def data_of(text: str) -> RunData:
    """Data of which everything that has a name has this one."""
    column = ColumnProfile(
        name=text, dtype=text, kind="number", count=4, missing=1, distinct=3, minimum=0.0, maximum=2.0, mean=1.0, std=1.0,
        quantiles=[0.0, 1.0, 2.0], top={text: 3},
    )  # fmt: skip
    profile = DataProfile(rows=4, read=3, width=1, sampled=True, note=text, columns=[column])
    source = DataSource(kind="file", function=text, place=text, stamp=text, link="name")
    query = DataSource(kind="sql", function=text, place=text, query=text)
    data = Dataset(
        name=text, type_name=text, shape=[4], fingerprint=text, role=text, schema={text: text}, sources=[source, query]
    )  # fmt: skip
    return RunData(
        run=text, name=text, experiment=text, data=[ProfiledData(data=data, profile=profile), ProfiledData(data=data)]
    )  # fmt: skip


def test_the_data_of_a_run_is_shown_with_what_its_columns_hold() -> None:
    shown = to_text(View(kind="data", content=data_of("income")), width=120)
    assert "from income by income (by the names that it was made of)" in shown
    assert "25.0 %" in shown
    assert "income 100 %" in shown
    assert "no data" in to_text(View(kind="data", content=RunData(run="r", name="r", experiment="e")))


def every_view(text: str) -> list[View]:
    """Each kind of view with `text` wherever a person or a library gives a name."""
    rows = [
        row(
            text,
            experiment=text,
            params={text: text, "n": 1},
            metrics={text: 0.5},
            tags={text: text},
            notebook=text,
        ),
        row("other", status=RunStatus.FAILED, params={text: 1.5}, metrics={text: math.nan}, id=text),
    ]
    details = [
        RunDetail(
            row=item,
            traceback=text,
            artifacts=[Artifact(name=text, kind="file", format=text, size=1, note=text)],
            datasets=[Dataset(name=text, type_name=text, shape=[1], fingerprint=text + str(index))],
            cells=[cell(text + str(index))],
            revision=Revision(commit=text, branch=text, dirty=True),
            python=text,
            packages={text: str(index)},
            notes=[text],
        )
        for index, item in enumerate(rows)
    ]
    models = [version(text, run=text, aliases=[text], type_name=text, tags={text: text}, description=text)]
    status = {
        "path": text,
        "id": text,
        "schema": text,
        "version": 1,
        "nbtrack": text,
        "sqlite": text,
        "keeper": text,
    }
    counts = dict.fromkeys(
        ("runs", "running", "executions", "models", "database_size", "blob_size", "waiting"), 1
    )
    return [
        View(kind="runs", content=RunTable(store=text, version=1, total=2, runs=rows), hints=(text,)),
        View(kind="run", content=details[0]),
        View(kind="data", content=data_of(text)),
        View(kind="comparison", content=compare(details)),
        View(kind="diff", content=diff_notebooks(notebook(text, "a"), notebook(text + "x"), text, text)),
        View(kind="model", content=models[0]),
        View(kind="models", content=[RegisteredModel(name=text, versions=models)]),
        View(kind="status", content=StoreStatus(**status, **counts, problems=[text])),  # type: ignore[arg-type]
        View(kind="text", content=text),
    ]


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


ALLOWED_TAGS = {
    "style",
    "div",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "bdi",
    "b",
    "span",
    "pre",
    "details",
    "summary",
}
ALLOWED_ATTRIBUTES = {"class", "style", "scope", "align", "role", "aria-label", "title", "colspan"}


def check_html(html: str) -> None:
    parser = Tags()
    parser.feed(html)
    parser.close()
    assert parser.open == []
    assert parser.tags <= ALLOWED_TAGS
    assert parser.attributes <= ALLOWED_ATTRIBUTES
    html.encode()  # no half characters


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_stay_names(text: str) -> None:
    for view in every_view(text):
        html, plain = to_html(view), to_text(view, width=100)
        check_html(html)
        plain.encode()
        assert len(html) < 200_000
        for character in "\u202e\0\x1b\ud800":
            assert character not in html
            assert character not in plain
        coloured = to_text(view, colour=True)
        assert "\x1b[31mred" not in coloured


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_in_the_line(text: str) -> None:
    outcome = RunOutcome(
        id=text, name=text, experiment=text, status=RunStatus.FAILED, duration=1.0, previous=text,
        notes=[text],
        params=[Change(name=text, before=text, after={text: [text]})],
        metrics=[Change(name=text, before=1.0, after=2.0, better=True)],
    )  # fmt: skip
    check_html(outcome_html(outcome))
    assert len(outcome_text(outcome)) < 2000
    for character in "\u202e\0\x1b\ud800":
        assert character not in outcome_text(outcome) + outcome_html(outcome)


def test_visible() -> None:
    assert visible("a\0b\x1b\x7f\u202e") == "a␀b␛␡⟨U+202E⟩"
    assert visible("👩‍🔬 é 日本 שלום") == "👩‍🔬 é 日本 שלום"
    assert visible("n" * 100, 20) == "n" * 14 + "…" + "n" * 5
    assert visible("a\nb", keep="\n") == "a\nb"


@given(st.text(), st.integers(5, 50))
def test_visible_is_bounded_and_can_be_printed(text: str, limit: int) -> None:
    shown = visible(text, limit)
    assert len(shown) <= 2 * limit
    shown.encode()
    assert "\n" not in shown


def outcome(**fields: object) -> RunOutcome:
    given = {
        "id": "1",
        "name": "forest-3",
        "experiment": "q",
        "status": RunStatus.FINISHED,
        "duration": 1.234,
    }
    return RunOutcome(**{**given, **fields})  # type: ignore[arg-type]


DEPTH = Change(name="max_depth", before=3, after=5)
ACCURACY = Change(name="accuracy", before=0.93006993, after=0.95804195, better=True)


def test_the_line_says_what_changed() -> None:
    text = outcome_text(outcome(previous="forest-2", params=[DEPTH], metrics=[ACCURACY]))
    assert text == "forest-3 · max_depth 3 → 5 · accuracy 0.930 → 0.958 ▲ · 1.2 s"


def test_the_line_of_a_first_run_shows_its_metrics() -> None:
    first = outcome(
        name="forest-1",
        params=[Change(name="max_depth", before=None, after=3)],
        metrics=[Change(name="accuracy", before=None, after=0.93006993)],
        notes=["model not saved: 120 MB is over the limit of 100 MB"],
    )
    assert outcome_text(first) == (
        "forest-1 · accuracy 0.93007 · 1.2 s\n  model not saved: 120 MB is over the limit of 100 MB"
    )


def test_the_line_keeps_metrics_when_many_params_changed() -> None:
    params = [Change(name=f"p{i}", before=i, after=i + 1) for i in range(10_000)]
    text = outcome_text(outcome(previous="forest-2", params=params, metrics=[ACCURACY]))
    assert (
        text == "forest-3 · p0 0 → 1 · p1 1 → 2 · p2 2 → 3 · accuracy 0.930 → 0.958 ▲ · + 9,997 more · 1.2 s"
    )


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"status": RunStatus.FAILED}, "forest-3 · failed · 1.2 s"),
        ({"status": RunStatus.INTERRUPTED, "duration": 185}, "forest-3 · interrupted · 3 m 05 s"),
        ({"status": RunStatus.RUNNING, "duration": None}, "forest-3 · running"),
        ({"previous": "forest-2"}, "forest-3 · same as forest-2 · 1.2 s"),
        ({"previous": "forest-2", "code_changed": True}, "forest-3 · code changed · 1.2 s"),
        (
            {"previous": "f-2", "params": [Change(name="act", before="relu", after=None)]},
            "forest-3 · act relu → none · 1.2 s",
        ),
        (
            {"previous": "f-2", "params": [Change(name="lr", before=0.1, after=1e-05)]},
            "forest-3 · lr 0.1 → 1e-05 · 1.2 s",
        ),
        (
            {"previous": "f-2", "metrics": [Change(name="loss", before=0.5, after=math.nan)]},
            "forest-3 · loss 0.5 → NaN · 1.2 s",
        ),
        (
            {"previous": "f-2", "metrics": [Change(name="loss", before=0.2, after=0.3, better=False)]},
            "forest-3 · loss 0.200 → 0.300 ▼ · 1.2 s",
        ),
    ],
)
def test_the_line(fields: dict[str, object], expected: str) -> None:
    assert outcome_text(outcome(**fields)) == expected


def test_the_arrow_has_a_word_for_those_who_do_not_see_it() -> None:
    html = outcome_html(outcome(previous="forest-2", metrics=[ACCURACY]))
    assert 'aria-label="better"' in html
    assert "<style" not in html


RUNS = [
    row("forest-2", params={"max_depth": 5, "seed": 0}, metrics={"accuracy": 0.958}, duration=185.0),
    row("forest-1", params={"max_depth": 3, "seed": 0}, metrics={"accuracy": 0.93}),
]
TABLE = View(
    kind="runs", content=RunTable(store="s", version=1, total=12, runs=RUNS), hints=("%track show forest-2",)
)


def test_the_table_as_text() -> None:
    now = datetime(2026, 11, 21, 10, 5, tzinfo=UTC)
    assert to_text(TABLE, now=now).splitlines() == [
        "run       accuracy  max_depth    started      took",
        "────────  ────────  ─────────  ─────────  ────────",
        "forest-2     0.958          5  5 min ago  3 m 05 s",
        "forest-1     0.930          3  5 min ago     1.2 s",
        "same in all: seed 0",
        "2 of 12 runs · experiment quickstart",
        "%track show forest-2",
    ]


def test_the_table_fits_the_width_and_names_what_it_leaves_out() -> None:
    for width in (24, 40, 60, 200):
        lines = to_text(TABLE, width=width).splitlines()
        assert all(len(line) <= max(width, 24) for line in lines[:4])
    assert "left out for width: started, took" in to_text(TABLE, width=36)
    assert "left out" not in to_text(TABLE, width=200)


def test_names_are_never_broken() -> None:
    names = [f"a_rather_long_run_name-{i}" for i in range(3)]
    table = RunTable(store="s", version=1, total=3, runs=[row(name) for name in names])
    text = to_text(View(kind="runs", content=table), width=30)
    assert all(name in text for name in names)


def test_wide_characters_keep_columns_straight() -> None:
    table = RunTable(
        store="s",
        version=1,
        total=2,
        runs=[row("森林-1", metrics={"a": 1.5}), row("forest-2", metrics={"a": 2.5})],
    )
    lines = to_text(View(kind="runs", content=table)).splitlines()
    assert lines[2].index("1.50") + 2 == lines[3].index("2.50")


def test_the_table_as_html_shows_what_varies_and_folds_the_rest() -> None:
    html = to_html(TABLE)
    check_html(html)
    assert (
        '<th scope="row"><bdi>forest-2</bdi></th><td class="nbtrack-r" align="right"><bdi>0.958</bdi></td>'
        in html
    )
    assert "same in all: seed 0" in html
    assert "<bdi>seed</bdi>" not in html


def test_one_run_shows_all() -> None:
    view = View(kind="runs", content=RunTable(store="s", version=1, total=1, runs=RUNS[:1]))
    assert "seed" in to_text(view).splitlines()[0]
    assert "1 run · experiment quickstart" in to_text(view)
    empty = View(kind="runs", content=RunTable(store="s", version=1, total=0))
    assert to_text(empty) == "No runs."
    check_html(to_html(empty))


def test_what_a_person_said_of_a_run_is_shown() -> None:
    said = RunDetail(row=replace(RUNS[0], pinned=True), notes=["first\nsecond <b>"], former=["a/old-1"])
    view = View(kind="run", content=said)
    text, html = to_text(view), to_html(view)
    assert "note: first\n      second <b>" in text
    assert "second &lt;b&gt;" in html
    for shown in ("delete and gc pass over it", "a/old-1"):
        assert shown in text
        assert shown in html
    marked = replace(said.row, tags={"good": "", "stage": "a\nb"})
    table = to_text(
        View(kind="runs", content=RunTable(store="s", version=1, total=2, runs=[marked, RUNS[1]])), width=200
    )
    for shown in ("pinned", "✓", "a␊b"):
        assert shown in table


def test_ten_thousand_params_are_bounded() -> None:
    params = {f"param_{i}": i for i in range(10_000)}
    runs = [row("a-1", params=params), row("a-2", params={name: v + 1 for name, v in params.items()})]
    for content in (
        RunTable(store="s", version=1, total=2, runs=runs),
        RunDetail(row=runs[0]),
        compare([RunDetail(row=item) for item in runs]),
    ):
        view = View(kind="x", content=content)
        assert len(to_html(view)) < 60_000
        assert len(to_text(view)) < 60_000


def test_the_comparison_marks_the_best_and_shows_code() -> None:
    details = [
        RunDetail(row=RUNS[1], cells=[cell("max_depth = 3\nfit()")]),
        RunDetail(row=RUNS[0], cells=[cell("max_depth = 5\nfit()")]),
    ]
    view = View(kind="comparison", content=compare(details))
    assert to_text(view).splitlines() == [
        "params     forest-1  forest-2",
        "─────────  ────────  ────────",
        "max_depth         3         5",
        "",
        "metrics   forest-1  forest-2",
        "────────  ────────  ────────",
        "accuracy   0.930     0.958 ★",
        "",
        "code · cell 1",
        "   - max_depth = 3",
        "   + max_depth = 5",
        "     fit()",
    ]
    html = to_html(view)
    check_html(html)
    assert '<span class="nbtrack-m">- max_depth = <span>3</span></span>' in html
    same = View(kind="comparison", content=compare([details[0], details[0]]))
    assert "differ in nothing" in to_text(same)


def test_the_diff_shows_changed_cells_only() -> None:
    head = notebook("import os", "depth = 5", "fit()")
    head["cells"][2]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "1"}]  # type: ignore[index]
    content = diff_notebooks(notebook("import os", "depth = 3", "fit()"), head, "forest-1", "forest-2")
    view = View(kind="diff", content=content)
    assert to_text(view).splitlines() == [
        "forest-1 → forest-2",
        "2 changed of 3 cells",
        "",
        "⋮ 1 unchanged cell",
        "",
        "~ code cell 2 changed",
        "   - depth = 3",
        "   + depth = 5",
        "",
        "~ code cell 3 changed · outputs differ",
        "    fit()",
    ]
    check_html(to_html(view))


def test_colour_only_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    failed = RunTable(store="s", version=1, total=1, runs=[row("a-1", status=RunStatus.FAILED)])
    view = View(kind="runs", content=failed)
    assert "\x1b" not in to_text(view)
    assert "\x1b[31m" in to_text(view, colour=True)
    assert "failed" in to_text(view)


def test_json_is_passed_through() -> None:
    assert to_text(View(kind="json", content='{"a": "\u202e"}')) == '{"a": "\u202e"}'


def test_numbers() -> None:
    given = (0.93006993, 0.5, 2.0, 1e-9, 123456.789, math.nan, math.inf, -math.inf, 12)
    assert [number(v) for v in given] == [
        "0.93007", "0.5", "2.0", "1e-09", "123456.8", "NaN", "inf", "-inf", "12",
    ]  # fmt: skip
    assert pair(0.93006993, 0.95804195) == ("0.930", "0.958")
    assert pair(0.93041, 0.93049) == ("0.93041", "0.93049")
    assert pair(1234.5, 1236.25) == ("1234.5", "1236.2")
    assert pair(10, 20) == ("10", "20")
    assert pair(1e-9, 2e-9) == ("1e-09", "2e-09")
    assert pair(0.5, math.nan) == ("0.5", "NaN")
    assert column([0.93006, 0.95804, None, math.nan]) == ["0.930", "0.958", "", "NaN"]
    assert column([0.93041, 0.93049]) == ["0.9304", "0.9305"]
    assert [value(v) for v in (1e-05, 0.1, True, None, "relu", "", " x", [1, 2])] == [
        "1e-05", "0.1", "True", "None", "relu", "''", "' x'", "[1, 2]",
    ]  # fmt: skip
    assert values([0.5692038748222122, 1]) == ["0.569204", "1"]
    assert values([0.56920387482, 0.56920387483]) == ["0.56920387482", "0.56920387483"]
    assert [duration_text(v) for v in (0, 0.0123, 1.234, 12.3, 185, 7500, 270_000, None)] == [
        "0 ms", "12 ms", "1.2 s", "12 s", "3 m 05 s", "2 h 05 m", "3 d 03 h", "",
    ]  # fmt: skip
    assert [size(v) for v in (0, 999, 1234, 120_000_000, 1_900_000)] == [
        "0 B",
        "999 B",
        "1.23 kB",
        "120 MB",
        "1.9 MB",
    ]


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_a_shown_change_is_a_change(before: float, after: float) -> None:
    if before != after:
        shown = pair(before, after)
        assert shown[0] != shown[1]


def test_times() -> None:
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert when("2026-11-21T11:59:30Z", now) == "just now"
    assert when("2026-11-21T11:57:00+00:00", now) == "3 min ago"
    assert when("2026-11-21T09:00:00Z", now) == "3 h ago"
    assert when("2026-11-01T09:00:00Z", now).startswith("2026-11-01")
    assert when("nonsense\0", now) == "nonsense␀"


def test_one_of_a_thing_is_not_called_many() -> None:
    assert counted(1, "run") == "1 run"
    assert counted(2_000, "run") == "2,000 runs"
    assert counted(0, "alias", "aliases") == "0 aliases"
    checked = {"journals": 1, "series": 1, "points": 2, "bytes": 1000}
    found = Verification(
        path="/s", quick=False, subset=100.0, seconds=1.0, checked=checked, errors=0, notes=0
    )
    facts = dict(verification_facts(found))
    assert facts["looked at"] == "the database · 1 journal · 1 series · 2 points · 1 kB of content"


def test_the_first_text_of_a_process_draws_no_random_number() -> None:
    code = (
        "import random, sys\nfrom nbtrack.render.text_layout import line\nbefore = random.getstate()\nline('x')\n"
        "assert 'rich.style' in sys.modules\nprint(before == random.getstate())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"
