"""One Chromium and one JupyterLab for all browser tests: starting them is most of what these tests cost."""

from __future__ import annotations

import importlib.util
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from lab_server import BUILD_HINT, LABEXTENSION, Lab, missing, running_lab
from study import make_study

HERE = Path(__file__).resolve().parent
SCREENSHOTS = HERE / "screenshots"

CHROMIUM_FLAGS = [
    "--no-sandbox",  # containers run the tests as root, where Chromium's sandbox does not start
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# What JupyterLab itself writes to the console, with or without nbtrack.
LAB_NOISE = re.compile(r"Unsatisfied version .* of shared singleton module @jupyter/ydoc")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "allow_console(pattern): errors on the browser's console that a test causes"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run browser tests last: Playwright's event loop keeps running, and no other starts beside it."""
    items.sort(key=lambda item: HERE in item.path.parents)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A persistent browser context, shared by all tests of the session."""
    if importlib.util.find_spec("playwright") is None:
        missing("Browser tests need playwright: pip install playwright")
    executable = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if executable is None:
        missing("Browser tests need Chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    SCREENSHOTS.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            str(tmp_path_factory.mktemp("chromium")),
            executable_path=executable,
            headless=True,
            args=CHROMIUM_FLAGS,
            viewport={"width": 1400, "height": 900},
        )
        yield context
        context.close()


@dataclass
class Console:
    """What a page said on its console or threw, apart from JupyterLab's own noise and what a test expects."""

    expected: str | None
    problems: list[str]

    def watch(self, page: Any) -> None:
        page.on("pageerror", lambda error: self.add(f"pageerror: {error}"))
        page.on("console", lambda message: message.type == "error" and self.add(message.text))

    def add(self, text: str) -> None:
        if not LAB_NOISE.search(text) and not (self.expected and re.search(self.expected, text)):
            self.problems.append(text)


@pytest.fixture
def page(chromium: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A new tab; the test fails if an error shows on its console that ``allow_console`` does not name."""
    tab = chromium.new_page()
    allowed = request.node.get_closest_marker("allow_console")
    console = Console(allowed.args[0] if allowed else None, [])
    console.watch(tab)
    yield tab
    tab.close()
    assert not console.problems


@pytest.fixture
def screenshot() -> Callable[[Any, str], None]:
    """Save a picture of a page or an element, for a person to look at."""

    def take(target: Any, name: str) -> None:
        target.screenshot(path=str(SCREENSHOTS / f"{name}.png"))

    return take


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A running JupyterLab, shared by all tests of the session."""
    if importlib.util.find_spec("jupyterlab") is None:
        missing("Browser tests need JupyterLab: pip install nbtrack[lab]")
    if not (LABEXTENSION / "package.json").exists():
        missing(f"The JupyterLab extension is not built; {BUILD_HINT}")
    with running_lab(tmp_path_factory.mktemp("lab")) as running:
        yield running


@pytest.fixture(scope="session")
def study(lab: Lab) -> str:
    """The folder of a notebook that was executed, and whose store has its runs. What a test changes there it takes back."""
    make_study(lab.folder / "study", lab.folder.parent / "ipython")
    return "study"
