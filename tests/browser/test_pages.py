"""The pages of a run and of a comparison in a real JupyterLab, with a store that a real notebook wrote."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lab_server import Lab
from study import HOSTILE, open_panel, theme


@pytest.fixture
def panel(lab: Lab, study: str, page: Any) -> Any:
    return open_panel(lab, page, study)


def open_run(page: Any, panel: Any, name: str) -> Any:
    panel.get_by_role("button", name=name, exact=True).click()
    run = page.locator(".nbt-page:visible")
    run.get_by_role("heading", name=name, exact=True).wait_for()
    return run


def in_both_looks(page: Any, screenshot: Callable[..., None], name: str) -> None:
    for look in ("Dark", "Light"):
        theme(page, look)
        screenshot(page, f"{name}-{look.lower()}")


def tab(run: Any, name: str) -> None:
    run.get_by_role("tab", name=name).click()


def test_a_run_has_a_page(page: Any, panel: Any, screenshot: Callable[..., None]) -> None:
    run = open_run(page, panel, "net-3")
    run.get_by_text("lr", exact=True).wait_for()
    run.get_by_text("random numbers seeded").wait_for()
    assert "kind: small" in run.inner_text()
    in_both_looks(page, screenshot, "run-overview")

    tab(run, "Curves")
    run.locator(".nbt-curve path").nth(1).wait_for()
    run.locator(".nbt-chart svg").first.hover(position={"x": 260, "y": 100})
    run.locator(".nbt-chart-tip").wait_for()
    in_both_looks(page, screenshot, "run-curves")

    tab(run, "Cells")
    run.get_by_text("trained with 0.1").wait_for()
    assert "# one small training" in run.inner_text()
    in_both_looks(page, screenshot, "run-cells")

    tab(run, "Environment")
    run.get_by_text("Packages").wait_for()
    screenshot(page, "run-environment")


def test_a_page_fits_a_narrow_window(page: Any, panel: Any, screenshot: Callable[..., None]) -> None:
    run = open_run(page, panel, "net-3")
    page.set_viewport_size({"width": 760, "height": 900})
    for name in ["Overview", "Curves", "Cells", "Data", "Artifacts", "Environment"]:
        tab(run, name)
        page.wait_for_timeout(250)
        screenshot(page, f"run-narrow-{name.lower()}")
        assert run.evaluate("page => page.scrollWidth <= page.clientWidth")
    page.set_viewport_size({"width": 1400, "height": 900})


# What Chromium says of what it does not let run or load.
@pytest.mark.allow_console("Blocked script execution|Content Security Policy")
def test_outputs_run_nothing_and_a_failed_run_says_why(
    page: Any, panel: Any, screenshot: Callable[..., None]
) -> None:
    run = open_run(page, panel, "shown-1")
    assert HOSTILE in run.inner_text()
    tab(run, "Cells")
    run.locator("iframe").nth(1).wait_for()
    run.locator("img").wait_for()
    for frame in run.locator("iframe").all():
        assert frame.get_attribute("sandbox") == ""
    assert run.locator("img:not(.nbt-output-image)").count() == 0
    page.wait_for_timeout(500)
    screenshot(page, "run-outputs")
    assert page.title() != "owned"

    tab(run, "Data")
    run.get_by_text("income").first.wait_for()
    screenshot(page, "run-data")
    tab(run, "Artifacts")
    run.get_by_text("model").first.wait_for()
    screenshot(page, "run-artifacts")

    broken = open_run(page, panel, "broken-1")
    assert "the rate is too high" in broken.inner_text()
    screenshot(page, "run-failed")


def test_chosen_runs_are_compared(page: Any, panel: Any, screenshot: Callable[..., None]) -> None:
    for name in ("net-1", "net-2", "net-3"):
        panel.get_by_label(f"Choose {name}").check()
    panel.get_by_role("button", name="Compare").click()
    found = page.locator(".nbt-page:visible")
    found.get_by_text("3 runs compared").wait_for()
    assert found.locator(".nbt-best").first.is_visible()
    in_both_looks(page, screenshot, "compare")

    tab(found, "Curves")
    found.locator(".nbt-curve").nth(5).wait_for()
    found.get_by_label("Smoothing").fill("0.9")
    in_both_looks(page, screenshot, "compare-curves")
    chart = found.locator(".nbt-chart").first
    before = chart.locator(".nbt-curve").count()
    found.get_by_role("button", name="net-2", pressed=True).click()
    assert chart.locator(".nbt-curve").count() == before - 1

    tab(found, "Code")
    found.locator(".nbt-source").nth(2).wait_for()
    in_both_looks(page, screenshot, "compare-code")
    found.locator(".nbt-chip-button").filter(has_text="net-1").click()
    page.locator(".nbt-page:visible").get_by_role("heading", name="net-1").wait_for()


def test_runs_are_walked_chosen_and_opened_without_a_mouse(page: Any, panel: Any) -> None:
    panel.get_by_role("button", name="broken-1").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    page.keyboard.press("End")
    page.keyboard.press("Shift+Space")
    assert panel.get_by_role("toolbar", name="Chosen runs").inner_text().startswith("4 chosen")
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    run = page.locator(".nbt-page:visible")
    run.get_by_role("heading", name="shown-1").or_(run.get_by_role("heading", name="broken-1")).wait_for()
    run.get_by_role("tab", name="Overview").focus()
    page.keyboard.press("ArrowRight")
    assert run.get_by_role("tab", name="Curves").get_attribute("aria-selected") == "true"
    page.keyboard.press("End")
    assert run.get_by_role("tab", name="Environment").get_attribute("aria-selected") == "true"


def test_a_chart_is_zoomed_and_read_by_keys_and_saved(page: Any, panel: Any, tmp_path: Path) -> None:
    run = open_run(page, panel, "net-1")
    tab(run, "Curves")
    chart = run.locator(".nbt-chart").filter(has_text="loss").first
    plot = chart.get_by_role("group")
    plot.focus()
    page.keyboard.press("ArrowRight")
    assert chart.locator(".nbt-chart-tip-x").inner_text() == "0"
    page.keyboard.press("Shift+ArrowRight")
    assert chart.locator(".nbt-chart-tip-x").inner_text() == "10"
    page.keyboard.press("Escape")

    box = plot.bounding_box()
    page.mouse.move(box["x"] + 150, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 260, box["y"] + 80, steps=3)
    page.mouse.up()
    chart.get_by_role("button", name="Show all").click()
    assert chart.get_by_role("button", name="Show all").count() == 0

    with page.expect_download() as download:
        chart.get_by_role("button", name="as SVG").click()
    saved = tmp_path / "chart.svg"
    download.value.save_as(saved)
    assert download.value.suggested_filename == "loss.svg"
    assert "<path" in saved.read_text()
    assert "var(" not in saved.read_text()
    with page.expect_download() as download:
        chart.get_by_role("button", name="as PNG").click()
    download.value.save_as(tmp_path / "chart.png")
    assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")


def test_a_page_comes_back_with_the_layout(lab: Lab, page: Any, panel: Any) -> None:
    open_run(page, panel, "net-2")
    page.wait_for_timeout(1500)  # JupyterLab saves its layout a second after a change
    page.goto(f"{lab.url}/lab?token={lab.token}")
    page.locator(".nbt-page").get_by_role("heading", name="net-2").wait_for()
