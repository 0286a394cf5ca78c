"""What a person decides about runs in the panel, carried out by a real store; and what a checker of accessibility finds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lab_server import BUILD_HINT, ROOT, Lab, missing
from study import HOSTILE, open_panel, theme

AXE = ROOT / "labextension" / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture
def panel(lab: Lab, study: str, page: Any) -> Any:
    return open_panel(lab, page, study)


def choose(panel: Any, *names: str) -> Any:
    for name in names:
        panel.get_by_label(f"Choose {name}").check()
    return panel.get_by_role("toolbar", name="Chosen runs")


def say(page: Any, text: str) -> None:
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def test_runs_go_to_the_trash_and_come_back(page: Any, panel: Any, screenshot: Callable[..., None]) -> None:
    choose(panel, "net-1", "net-2").get_by_role("button", name="Trash").click()
    panel.get_by_text("2 runs moved to the trash").wait_for()
    panel.get_by_role("button", name="net-1").wait_for(state="detached")
    screenshot(page, "panel-trash")
    panel.get_by_role("button", name="Undo").click()
    panel.get_by_role("button", name="net-1").wait_for()


@pytest.mark.allow_console("409")
def test_runs_are_pinned_and_a_pinned_one_is_not_deleted(
    page: Any, panel: Any, screenshot: Callable[..., None]
) -> None:
    tools = choose(panel, "net-3")
    tools.get_by_role("button", name="Pin").click()
    panel.get_by_text("1 run pinned").wait_for()
    tools.get_by_role("button", name="Unpin").wait_for()
    panel.locator(".nbt-pin").wait_for()
    tools.get_by_role("button", name="Trash").click()
    alert = panel.get_by_role("alert")
    alert.wait_for()
    assert "net-3 is pinned" in alert.inner_text()
    screenshot(page, "panel-refused")
    tools.get_by_role("button", name="Unpin").click()
    panel.get_by_text("1 run unpinned").wait_for()


def test_runs_are_tagged_noted_and_renamed_and_that_is_taken_back(
    page: Any, panel: Any, screenshot: Callable[..., None]
) -> None:
    tools = choose(panel, "net-2")
    tools.get_by_role("button", name="Tag").click()
    screenshot(page, "panel-tag")
    say(page, "kind = baseline")
    panel.get_by_text("1 run tagged kind").wait_for()
    panel.get_by_role("button", name="net-2").click()
    run = page.locator(".nbt-page:visible")
    run.get_by_text("kind: baseline").wait_for()
    panel.get_by_role("button", name="Undo").click()
    run.get_by_text("kind: small").wait_for()  # the page follows the store

    tools.get_by_role("button", name="Note").click()
    say(page, "worth a second look <b>")
    run.get_by_text("worth a second look <b>").wait_for()
    panel.get_by_role("button", name="Undo").click()
    run.get_by_text("worth a second look").wait_for(state="detached")

    tools.get_by_role("button", name="Rename").click()
    page.keyboard.press("Control+a")
    say(page, "baseline")
    panel.get_by_role("button", name="baseline-1").wait_for()
    panel.get_by_role("button", name="Undo").click()
    panel.get_by_role("button", name="net-2").wait_for()


def test_chosen_runs_are_copied_as_text(chromium: Any, page: Any, panel: Any) -> None:
    chromium.grant_permissions(["clipboard-read", "clipboard-write"])
    tools = choose(panel, "net-1", "shown-1")
    found = {}
    for form in ("Markdown", "CSV", "LaTeX"):
        page.evaluate("navigator.clipboard.writeText('')")
        tools.get_by_label("Copy the chosen runs as").select_option(label=form)
        page.wait_for_function("navigator.clipboard.readText()")
        found[form] = page.evaluate("navigator.clipboard.readText()")
    assert "| net-1 | finished |  | 0.2863 | 0.9046 |" in found["Markdown"]
    assert "\nnet-1,finished,,0.28631554122492736," in found["CSV"]
    assert "net-1 & finished &  & 0.2863 & 0.9046 &" in found["LaTeX"]
    assert f"| \\{HOSTILE.replace('_', chr(92) + '_')} |" in found["Markdown"]
    assert '"' + HOSTILE.replace('"', '""') + '"' in found["CSV"]
    assert "\\textless{}img src=x" in found["LaTeX"]


def violations(page: Any, selector: str) -> list[str]:
    if not AXE.exists():
        missing(f"axe-core is not installed; {BUILD_HINT}")
    page.evaluate(Path(AXE).read_text(encoding="utf-8"))
    found = page.evaluate("selector => axe.run(selector, {resultTypes: ['violations']})", selector)
    return [
        f"{item['id']}: {node['html'][:120]} {node.get('failureSummary', '')}"
        for item in found["violations"]
        for node in item["nodes"]
    ]


@pytest.mark.allow_console("Blocked script execution|Content Security Policy")
def test_axe_finds_no_violation(page: Any, panel: Any) -> None:
    found: list[str] = []
    shown = ".nbt-page-widget:not(.lm-mod-hidden)"
    choose(panel, "net-1", "net-3").get_by_role("button", name="Tag").click()
    for look in ("Dark", "Light"):
        theme(page, look)
        found += violations(page, ".nbt-panel-view")
    page.keyboard.press("Escape")
    panel.get_by_role("button", name="shown-1").click()
    for name in ["Overview", "Curves", "Cells", "Data", "Artifacts", "Environment"]:
        page.locator(".nbt-page:visible").get_by_role("tab", name=name).click()
        page.wait_for_timeout(150)
        found += violations(page, shown)
    panel.get_by_role("button", name="Compare").click()
    page.locator(".nbt-page:visible").get_by_text("2 runs compared").wait_for()
    for name in ["What differs", "Curves", "Code"]:
        page.locator(".nbt-page:visible").get_by_role("tab", name=name).click()
        page.wait_for_timeout(300)
        for look in ("Dark", "Light"):
            theme(page, look)
            found += violations(page, shown)
    assert not found, "\n".join(dict.fromkeys(found))
