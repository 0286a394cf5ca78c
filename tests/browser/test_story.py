"""The story of a first quarter of an hour: load, track a cell, look at runs in notebook and panel."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lab_server import Lab

CELLS = [
    "%load_ext nbtrack",
    "%%track forest\n"
    "from sklearn.datasets import load_wine\n"
    "from sklearn.ensemble import RandomForestClassifier\n"
    "X, y = load_wine(return_X_y=True)\n"
    "forest = RandomForestClassifier(n_estimators=20, random_state=0).fit(X[::2], y[::2])\n"
    "accuracy = forest.score(X[1::2], y[1::2])",
    "%track runs",
    "%track lineage accuracy",
]


def write_notebook(folder: Path) -> None:
    folder.mkdir()
    cells = [
        {
            "cell_type": "code",
            "id": f"cell-{number}",
            "metadata": {},
            "outputs": [],
            "execution_count": None,
            "source": source,
        }
        for number, source in enumerate(CELLS)
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    content = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    (folder / "nb.ipynb").write_text(json.dumps(content))


def run_all(page: Any) -> None:
    # Running before the kernel is idle opens "Select Kernel"; the command's own promise has no time limit.
    kernel = "window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
    page.wait_for_function(kernel, timeout=60_000)
    page.evaluate("void window.jupyterapp.commands.execute('notebook:run-all-cells')")


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_a_tracked_cell_shows_in_notebook_and_panel(
    lab: Lab, page: Any, screenshot: Callable[..., None], theme: str
) -> None:
    pytest.importorskip("sklearn", reason="The story trains a forest: pip install scikit-learn")
    write_notebook(lab.folder / f"story-{theme}")
    page.goto(lab.address(f"story-{theme}/nb.ipynb"))
    page.wait_for_selector(".jp-NotebookPanel .jp-Cell")
    page.evaluate(
        f"window.jupyterapp.commands.execute('apputils:change-theme', {{theme: 'JupyterLab {theme}'}})"
    )
    run_all(page)

    line = page.locator(".jp-Cell").nth(1).locator(".jp-OutputArea-output")
    line.filter(has_text="forest-1").first.wait_for(timeout=90_000)
    output = page.locator(".jp-Cell").nth(2).locator(".nbt-run-table")
    output.get_by_text("forest-1").first.wait_for(timeout=30_000)

    tree = page.locator(".jp-Cell").nth(3).locator(".nbtrack pre")
    tree.wait_for(timeout=30_000)
    assert "accuracy = forest.score" in tree.inner_text()
    assert (
        tree.evaluate("e => getComputedStyle(e).borderLeftWidth") == "2px"
    )  # JupyterLab's own style does not win

    page.evaluate("void window.jupyterapp.commands.execute('nbtrack:open')")
    panel = page.locator(".nbt-panel")
    panel.get_by_text("forest-1").wait_for(timeout=10_000)
    assert "accuracy" in panel.inner_text()
    page.wait_for_timeout(500)
    screenshot(page, f"story-{theme.lower()}")
    page.evaluate("window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Light'})")
    page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")

    output.get_by_role("button", name="forest-1").click()  # its page needs no kernel
    page.locator(".nbt-page").get_by_role("heading", name="forest-1").wait_for()
