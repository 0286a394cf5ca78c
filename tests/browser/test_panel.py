"""The sidebar panel in a real JupyterLab; where runs are needed, the server's answers are made up."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from lab_server import Lab
from made_up_runs import forests, run, table

RUNS = "**/nbtrack/api/runs.search**"
OPEN = "void window.jupyterapp.commands.execute('nbtrack:open')"


class MadeUpServer:
    """Answers the panel's questions in place of the server, and remembers them."""

    def __init__(self, page: Any, answer: dict[str, Any]) -> None:
        self.questions: list[dict[str, str]] = []
        self.unchanged = 0
        self.answer = answer
        self.error: dict[str, Any] | None = None
        page.route(RUNS, self.handle)

    def handle(self, route: Any) -> None:
        query = parse_qs(urlsplit(route.request.url).query, keep_blank_values=True)
        self.questions.append({name: values[0] for name, values in query.items()})
        mark = f'"{self.answer["version"]}"'
        if self.error is not None:
            route.fulfill(status=self.error["status"], json={"error": self.error})
        elif route.request.headers.get("if-none-match") == mark:
            self.unchanged += 1
            route.fulfill(status=304)
        else:
            route.fulfill(json=self.answer, headers={"ETag": mark})

    def wait_for_path(self, page: Any, path: str) -> None:
        """Wait until the panel asks for `path`, which must not take as long as its next turn."""
        for _ in range(30):
            if self.questions[-1]["path"] == path:
                return
            page.wait_for_timeout(50)
        pytest.fail(f"The panel asks for {self.questions[-1]['path']!r} and not for {path!r}")


def write_notebook(lab: Lab, path: str) -> None:
    cell = {
        "cell_type": "code",
        "id": "a",
        "metadata": {},
        "outputs": [],
        "execution_count": None,
        "source": "1",
    }
    kernel = {"name": "python3", "display_name": "Python 3"}
    notebook = {"cells": [cell], "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    target = lab.folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(notebook))


@pytest.fixture
def open_panel(lab: Lab, page: Any) -> Callable[[str], None]:
    def opened(notebook: str) -> None:
        write_notebook(lab, notebook)
        page.goto(lab.address(notebook))
        page.wait_for_selector(".jp-NotebookPanel .jp-Cell")
        page.evaluate(OPEN)
        page.wait_for_selector(".nbt-panel .nbt-run-table :is(li, tbody tr, .nbt-message-title)")

    return opened


def resize_sidebar(page: Any, width: int) -> None:
    """Drag the sidebar's edge."""
    handle = page.locator("#jp-main-split-panel > .lm-SplitPanel-handle:visible").first.bounding_box()
    x, y = handle["x"] + handle["width"] / 2, handle["y"] + 300
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(width, y, steps=4)
    page.mouse.up()


def test_without_runs_the_panel_teaches(
    open_panel: Callable[[str], None], page: Any, screenshot: Callable[..., None]
) -> None:
    open_panel("empty.ipynb")
    assert "%%track NAME" in page.locator(".nbt-panel").inner_text()
    screenshot(page, "panel-empty-light")


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_looks(
    open_panel: Callable[[str], None], page: Any, screenshot: Callable[..., None], theme: str
) -> None:
    server = MadeUpServer(page, forests())
    open_panel("looks.ipynb")
    page.wait_for_selector(".nbt-panel li >> text=forest-12")
    page.evaluate(
        f"window.jupyterapp.commands.execute('apputils:change-theme', {{theme: 'JupyterLab {theme}'}})"
    )
    page.wait_for_function(f"document.body.dataset.jpThemeName === 'JupyterLab {theme}'")
    page.wait_for_timeout(700)
    screenshot(page, f"panel-narrow-{theme.lower()}")
    resize_sidebar(page, 900)
    page.wait_for_selector(".nbt-panel tbody tr")
    page.locator(".nbt-panel").get_by_role("button", name="accuracy").click()
    page.wait_for_timeout(300)
    screenshot(page, f"panel-wide-{theme.lower()}")
    page.evaluate("window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Light'})")
    page.wait_for_function("document.body.dataset.jpThemeName === 'JupyterLab Light'")
    assert server.questions


def test_asks_while_visible_only_and_redraws_on_change_only(
    open_panel: Callable[[str], None], page: Any
) -> None:
    server = MadeUpServer(page, table([run(1)]))
    open_panel("folder/polled.ipynb")
    page.wait_for_selector(".nbt-panel li >> text=forest-1")
    assert server.questions[-1]["path"] == "folder/polled.ipynb"

    page.evaluate(
        """() => {
            window.redrawn = 0;
            new MutationObserver(() => window.redrawn++)
                .observe(document.querySelector('.nbt-panel .nbt-list'), {childList: true, subtree: true});
        }"""
    )
    page.wait_for_timeout(4500)
    assert server.unchanged >= 1
    assert page.evaluate("window.redrawn") == 0

    server.answer = table([run(2), run(1)], version=2)
    page.wait_for_selector(".nbt-panel li >> text=forest-2", timeout=6000)

    page.evaluate("void window.jupyterapp.commands.execute('filebrowser:activate')")
    page.wait_for_selector(".nbt-panel", state="hidden")
    page.wait_for_timeout(300)
    asked = len(server.questions)
    page.wait_for_timeout(4500)
    assert len(server.questions) == asked

    page.evaluate(OPEN)
    page.wait_for_timeout(500)
    assert len(server.questions) > asked


# JupyterLab complains when a notebook goes while its kernel and its debugger still start; nbtrack asks no kernel.
@pytest.mark.allow_console(r"debugger state|Canceled future|Disposed|of null \(reading 'kernel'\)")
def test_follows_the_notebook_and_without_one_the_folder(
    lab: Lab, open_panel: Callable[[str], None], page: Any
) -> None:
    server = MadeUpServer(page, table([run(1)]))
    write_notebook(lab, "place/second.ipynb")
    open_panel("first.ipynb")
    assert server.questions[-1]["path"] == "first.ipynb"

    page.evaluate("void window.jupyterapp.commands.execute('docmanager:open', {path: 'place/second.ipynb'})")
    page.wait_for_selector(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell")
    server.wait_for_path(page, "place/second.ipynb")

    # As closing does, but without JupyterLab's question whether to save.
    page.evaluate("for (const tab of [...window.jupyterapp.shell.widgets('main')]) tab.dispose()")
    page.evaluate("window.jupyterapp.commands.execute('filebrowser:go-to-path', {path: 'place'})")
    page.evaluate(OPEN)
    server.wait_for_path(page, "place")


@pytest.mark.allow_console("400|503")
def test_an_unreadable_filter_is_explained_in_place(
    open_panel: Callable[[str], None], page: Any, screenshot: Callable[..., None]
) -> None:
    server = MadeUpServer(page, forests())
    open_panel("filtered.ipynb")
    server.error = {
        "status": 400,
        "code": "invalid_filter",
        "message": "Column 18: a value is missing after >. For example: metrics.accuracy > 0.9",
        "details": {"column": 18, "text": "metrics.accuracy >"},
    }
    page.get_by_label("Filter runs").fill("metrics.accuracy >")
    alert = page.locator(".nbt-panel [role=alert]")
    alert.wait_for()
    assert "a value is missing" in alert.inner_text()
    assert page.get_by_label("Filter runs").get_attribute("aria-invalid") == "true"
    assert page.locator(".nbt-panel li").count() > 0
    screenshot(page, "panel-filter-error")
    asked = len(server.questions)
    page.wait_for_timeout(2500)
    assert len(server.questions) == asked

    server.error = None
    server.answer = table([], version=2)
    page.get_by_label("Filter runs").fill("metrics.accuracy > 2")
    page.wait_for_selector(".nbt-panel >> text=No run matches")
    assert server.questions[-1]["filter"] == "metrics.accuracy > 2"


@pytest.mark.allow_console("503")
def test_a_store_that_cannot_be_reached_is_explained_and_tried_again(
    open_panel: Callable[[str], None], page: Any, screenshot: Callable[..., None]
) -> None:
    server = MadeUpServer(page, table([run(1)]))
    server.error = {
        "status": 503,
        "code": "keeper_unavailable",
        "message": "The keeper of .nbtrack does not answer; run `nbtrack doctor` for more.",
        "details": {},
    }
    open_panel("unreachable.ipynb")
    page.wait_for_selector(".nbt-panel >> text=The runs cannot be shown")
    screenshot(page, "panel-error")
    button = page.get_by_role("button", name="Try again")
    button.wait_for()
    server.error = None
    button.dispatch_event("click")  # at once: the panel asks again by itself too, and the button is gone then
    page.wait_for_selector(".nbt-panel li >> text=forest-1")
