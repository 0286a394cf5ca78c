"""The table of runs on a page of its own, drawn by the bundle that notebooks get, from made-up runs."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from lab_server import BUILD_HINT, STATIC, missing
from made_up_runs import forests, run, table

from nbtrack.analysis.directions import better_when

ADDRESS = "http://nbtrack.test/"
HOSTILE = "<img src=x onerror=\"document.title='owned'\">"

PAGE = """<!doctype html><meta charset="utf-8"><title>runs</title><link rel="stylesheet" href="run_table.css">
<style>body {{ margin: 16px; background: {background}; }} #host {{ width: {width}px; }}</style>
<div id="host"></div>
<script type="module">
import widget from './run_table.js';
const listeners = new Set();
const table = await (await fetch('table.json')).json();
const model = {{
  table,
  get: () => model.table,
  on: (_, listener) => listeners.add(listener),
  off: (_, listener) => listeners.delete(listener),
}};
window.change = table => {{ model.table = table; listeners.forEach(f => f()); }};
window.listening = () => listeners.size;
window.cleanup = widget.render({{ model, el: document.getElementById('host') }});
</script>"""


@pytest.fixture
def show(page: Any) -> Callable[..., Any]:
    """Draw the table of the given runs in a host of the given width."""
    if not (STATIC / "run_table.js").exists():
        missing(f"The widget is not built; {BUILD_HINT}")

    def draw(data: dict[str, Any], *, width: int = 1000, dark: bool = False) -> Any:
        html = PAGE.format(width=width, background="#16181b" if dark else "#fff")
        answers = {
            ADDRESS: (html, "text/html"),
            f"{ADDRESS}table.json": (json.dumps(data), "application/json"),
            f"{ADDRESS}run_table.js": ((STATIC / "run_table.js").read_text("utf-8"), "text/javascript"),
            f"{ADDRESS}run_table.css": ((STATIC / "run_table.css").read_text("utf-8"), "text/css"),
            f"{ADDRESS}favicon.ico": ("", "image/png"),
        }

        def answer(route: Any) -> None:
            body, kind = answers[route.request.url]
            route.fulfill(body=body, content_type=f"{kind}; charset=utf-8")

        page.emulate_media(color_scheme="dark" if dark else "light")
        page.set_viewport_size({"width": max(400, width + 40), "height": 640})
        page.route(f"{ADDRESS}**", answer)
        page.goto(ADDRESS)
        page.wait_for_selector(".nbt-run-table :is(tbody tr, li, .nbt-message)")
        return page

    return draw


def headings(page: Any) -> list[str]:
    return [text.strip() for text in page.locator("thead .nbt-sort-label").all_inner_texts()]


def names(page: Any) -> list[str]:
    return page.locator("tbody th").all_inner_texts()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1000, 620, 260])
def test_looks(show: Callable[..., Any], screenshot: Callable[..., None], width: int, dark: bool) -> None:
    page = show(forests(), width=width, dark=dark)
    screenshot(page, f"table-{width}-{'dark' if dark else 'light'}")
    box = page.locator(".nbt-run-table").bounding_box()
    assert box["width"] <= width
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_shows_only_what_varies_until_asked_for_all(show: Callable[..., Any]) -> None:
    page = show(forests())
    assert headings(page) == [
        *("Run", "Status", "accuracy", "log_loss"),
        *("n_estimators", "max_depth", "learning_rate", "criterion", "Started", "Duration"),
    ]
    assert "2 hidden" in page.locator(".nbt-toggle").inner_text()
    assert page.locator(".nbt-toggle").get_attribute("title") == "random_state, n_jobs"
    page.get_by_label("Only what varies").uncheck()
    assert {"random_state", "n_jobs"} <= set(headings(page))


def test_a_single_run_shows_all_it_has(show: Callable[..., Any]) -> None:
    page = show(table([run(1, params={"seed": 3}, metrics={"accuracy": 0.5})]))
    assert headings(page) == ["Run", "Status", "accuracy", "seed", "Started", "Duration"]
    assert page.locator(".nbt-best").count() == 0


def test_sorts_by_mouse_and_keyboard_with_missing_values_last(show: Callable[..., Any]) -> None:
    metrics = [{"accuracy": 0.7}, {}, {"accuracy": "NaN"}, {"accuracy": 0.9}, {"accuracy": "-Infinity"}]
    page = show(table([run(number, metrics=values) for number, values in enumerate(metrics)]))
    button = page.get_by_role("button", name="accuracy")
    header = page.locator("th[aria-sort]").filter(has_text="accuracy")
    assert header.get_attribute("aria-sort") == "none"

    button.click()
    assert header.get_attribute("aria-sort") == "descending"
    assert names(page) == ["forest-3", "forest-0", "forest-4", "forest-1", "forest-2"]

    button.focus()
    page.keyboard.press("Enter")
    assert header.get_attribute("aria-sort") == "ascending"
    assert names(page) == ["forest-4", "forest-0", "forest-3", "forest-1", "forest-2"]

    page.keyboard.press("Space")
    assert header.get_attribute("aria-sort") == "none"
    assert names(page) == [f"forest-{number}" for number in range(5)]


def test_sorts_by_several_columns(show: Callable[..., Any]) -> None:
    values = [(2, 0.5), (1, 0.9), (2, 0.7), (1, 0.6), (None, 0.8)]
    rows = [
        run(number, params={} if depth is None else {"depth": depth}, metrics={"accuracy": accuracy})
        for number, (depth, accuracy) in enumerate(values)
    ]
    page = show(table(rows))
    page.get_by_role("button", name="depth").click()
    page.get_by_role("button", name="accuracy").click(modifiers=["Shift"])
    assert names(page) == ["forest-1", "forest-3", "forest-2", "forest-0", "forest-4"]
    assert page.locator(".nbt-sort-place").all_inner_texts() == ["2", "1"]
    page.get_by_role("button", name="accuracy").click(modifiers=["Shift"])
    assert names(page) == ["forest-3", "forest-1", "forest-0", "forest-2", "forest-4"]
    page.get_by_role("button", name="accuracy").click(modifiers=["Shift"])
    assert names(page) == ["forest-1", "forest-3", "forest-0", "forest-2", "forest-4"]
    page.get_by_role("button", name="accuracy").click()
    assert names(page) == ["forest-1", "forest-4", "forest-2", "forest-3", "forest-0"]
    assert page.locator(".nbt-sort-place").count() == 0


def test_names_sort_as_people_count(show: Callable[..., Any]) -> None:
    page = show(table([run(number) for number in (10, 9, 1)]))
    page.get_by_role("button", name="Run").click()
    assert names(page) == ["forest-1", "forest-9", "forest-10"]


def test_marks_the_best_value_in_the_direction_of_the_metric(show: Callable[..., Any]) -> None:
    rows = [
        {"accuracy": 0.8, "val_loss": 0.5, "n_leaves": 1},
        {"accuracy": 0.9, "val_loss": 0.7, "n_leaves": 2},
    ]
    page = show(table([run(number, metrics=values) for number, values in enumerate(rows)]))
    best = [text.split()[0] for text in page.locator(".nbt-best").all_inner_texts()]
    assert best == ["0.5", "0.9"]


def test_tells_directions_as_the_python_side_does(show: Callable[..., Any]) -> None:
    names = [
        *("accuracy", "val_loss", "testRMSE", "logLoss", "log_loss", "neg_mean_squared_error", "f1_score"),
        *(
            "F1",
            "f 1",
            "roc_auc",
            "dice_loss",
            "brier_score",
            "score",
            "epoch",
            "sentiment",
            "fit_time",
            "r2",
        ),
        *("false_positive_rate", "explained variance", "top5error", "mAP50", "KL-divergence", "accuracy_5"),
    ]
    page = show(table([run(1, metrics=dict.fromkeys(names, 0.5))]))
    for name in names:
        title = page.get_by_role("button", name=name, exact=True).get_attribute("title")
        direction = better_when(name)
        assert title == (f"{name}: metric, {direction} is better" if direction else f"{name}: metric")


def test_writes_numbers_short_and_tells_them_in_full(show: Callable[..., Any]) -> None:
    values = [0.123456789, "NaN", "Infinity", "-Infinity", 0.5]
    rows = [
        run(number, metrics={"score": value}, params={"seed": 123456 + number})
        for number, value in enumerate(values)
    ]
    page = show(table(rows))
    cells = page.locator("tbody td:nth-of-type(2)")
    assert [text.split()[0] for text in cells.all_inner_texts()] == ["0.1235", "NaN", "∞", "-∞", "0.5000"]
    assert cells.first.get_attribute("title") == "0.123456789"
    assert cells.nth(2).get_attribute("title") == "Infinity"
    assert page.locator("tbody td:nth-of-type(3)").first.inner_text() == "123456"


def test_status_is_said_in_words(show: Callable[..., Any], screenshot: Callable[..., None]) -> None:
    statuses = ["running", "finished", "failed", "interrupted", "crashed", "one-day-invented"]
    page = show(table([run(number, status) for number, status in enumerate(statuses)]), width=620)
    assert page.locator(".nbt-status").all_inner_texts() == statuses
    screenshot(page, "table-status")


@pytest.mark.parametrize("width", [900, 260])
def test_hostile_names_stay_text(
    show: Callable[..., Any], screenshot: Callable[..., None], width: int
) -> None:
    rows = [
        run(
            number,
            name=HOSTILE,
            params={HOSTILE: HOSTILE, "constructor": number},
            metrics={"__proto__x": 0.1 * number},
        )
        for number in range(2)
    ]
    page = show(table(rows), width=width)
    assert page.locator(".nbt-run-table img").count() == 0
    assert HOSTILE in page.locator(".nbt-run-table").inner_text()
    assert page.title() == "runs"
    screenshot(page, f"table-hostile-{width}")


@pytest.mark.parametrize("width", [1000, 260])
def test_ten_thousand_runs_stay_fluid(
    show: Callable[..., Any], screenshot: Callable[..., None], width: int
) -> None:
    rows = [
        run(
            number,
            started=(datetime.now(UTC) - timedelta(minutes=number)).isoformat(),
            duration=number / 7,
            params={f"p{k}": (number * k) % 13 for k in range(15)},
            metrics={f"m{k}": math.sin(number * (k + 1)) for k in range(15)},
        )
        for number in range(10_000)
    ]
    page = show(table(rows), width=width)
    item = "tbody tr:not(.nbt-space)" if width > 440 else "li"
    assert page.locator(item).count() < 60
    jump = """async () => {
        const scroll = document.querySelector('.nbt-scroll');
        const start = performance.now();
        scroll.scrollTop = scroll.scrollHeight;
        while (!document.querySelector('.nbt-run-table').innerText.includes('forest-9999')) {
            await new Promise(requestAnimationFrame);
            if (performance.now() - start > 5000) throw new Error('the last run never came into sight');
        }
        return performance.now() - start;
    }"""
    assert page.evaluate(jump) < 1000
    screenshot(page, f"table-10000-{width}")
    assert page.locator(item).count() < 60


def test_redraws_when_the_table_changes_and_cleans_up(show: Callable[..., Any]) -> None:
    page = show(table([run(1)]))
    page.evaluate("runs => window.change(runs)", table([run(1), run(2)]))
    page.wait_for_selector("text=forest-2")
    page.evaluate("window.cleanup()")
    assert page.locator("#host").inner_html() == ""
    assert page.evaluate("window.listening()") == 0


@pytest.mark.parametrize("width", [700, 260])
def test_an_empty_table_teaches(
    show: Callable[..., Any], screenshot: Callable[..., None], width: int
) -> None:
    page = show(table([]), width=width)
    assert "%%track NAME" in page.locator(".nbt-message").inner_text()
    screenshot(page, f"table-empty-{width}")


@pytest.mark.parametrize("width", [260, 900])
def test_of_a_long_name_the_number_stays_and_of_a_long_label_the_value(
    show: Callable[..., Any], screenshot: Callable[..., None], width: int
) -> None:
    long = "random-forest-classifier-of-the-whole-pipeline"
    metrics = {"accuracy_on_the_part_of_the_customers_that_was_held_out": 0.4375}
    page = show(
        table([run(12, name=f"{long}-12", metrics=metrics), run(3, metrics={"accuracy": 0.5})]), width=width
    )
    screenshot(page, f"table-long-names-{width}")
    cells = page.locator(".nbt-item-name" if width == 260 else "tbody th")
    assert cells.all_inner_texts() == [f"{long}-12", "forest-3"]  # what is copied is one word
    shortened = page.locator(".nbt-name-stem").evaluate_all(
        "all => all.map(e => e.scrollWidth > e.clientWidth)"
    )
    assert shortened == [True, False]
    number = page.locator(".nbt-name-number").first
    assert right_of(number) < right_of(page.locator(".nbt-name").first) + 0.1
    assert right_of(number) <= right_of(cells.first)
    if width == 260:
        value = page.locator(".nbt-item-value").first
        last = value.evaluate(
            "e => { const r = new Range(); r.selectNode(e.lastChild); return r.getBoundingClientRect().right }"
        )
        assert last < right_of(page.locator(".nbt-item-values").first)


def right_of(found: Any) -> float:
    box = found.bounding_box()
    return float(box["x"] + box["width"])


def test_the_compact_form_sorts(show: Callable[..., Any]) -> None:
    page = show(
        table([run(number, metrics={"accuracy": 0.1 * (5 - number)}) for number in range(1, 5)]), width=260
    )
    first = page.locator("li .nbt-item-name").first
    assert first.inner_text() == "forest-1"
    page.get_by_label("Sort").select_option(label="Run")
    page.get_by_role("button", name="Ascending; reverse").click()
    assert first.inner_text() == "forest-4"
    page.get_by_label("Sort").select_option(label="accuracy")
    assert first.inner_text() == "forest-1"
    page.get_by_label("Sort").select_option(label="newest first")
    assert page.locator("li .nbt-item-name").all_inner_texts() == [
        f"forest-{number}" for number in range(1, 5)
    ]
