"""One Chromium and one JupyterLab for all browser tests: starting them is most of what these tests cost."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
LABEXTENSION = ROOT / "src" / "nbtrack" / "labextension"
STATIC = ROOT / "src" / "nbtrack" / "widgets" / "static"
SCREENSHOTS = Path(__file__).resolve().parent / "screenshots"
BUILD_HINT = "build the front end with: cd labextension && npm ci && npm run build"

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
LAB_NOISE = re.compile(
    r"Unsatisfied version .* of shared singleton module @jupyter/ydoc"
    r"|Unsatisfied version .* from .* of shared singleton"
    r"|favicon"
    r"|Failed to load resource: the server responded with a status of 404 .*(?:workspaces|/static/|metadata)"
)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "allow_console(pattern): errors on the browser's console that a test causes"
    )


def missing(what: str) -> None:
    """Skip for want of `what`; in CI, where everything is installed, that is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


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


@dataclass
class Lab:
    """A running JupyterLab: its address, token, the folder that it serves, and its log."""

    url: str
    token: str
    folder: Path
    log: Path

    def address(self, notebook: str) -> str:
        return f"{self.url}/lab/tree/{notebook}?reset&token={self.token}"


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab with the front end that was built in this checkout, its settings and data all temporary."""
    if importlib.util.find_spec("jupyterlab") is None:
        missing("Browser tests need JupyterLab: pip install nbtrack[lab]")
    if not (LABEXTENSION / "package.json").exists():
        missing(f"The JupyterLab extension is not built; {BUILD_HINT}")
    base = tmp_path_factory.mktemp("lab")
    folder, log = base / "work", base / "server.log"
    places = {
        name: base / name for name in ("config", "data", "runtime", "ipython", "workspaces", "settings")
    }
    for place in (folder, *places.values()):
        place.mkdir()
    extensions = places["data"] / "labextensions"
    extensions.mkdir()
    (extensions / "nbtrack").symlink_to(LABEXTENSION, target_is_directory=True)
    server_config = places["config"] / "jupyter_server_config.d"
    server_config.mkdir()
    shutil.copy(ROOT / "jupyter-config" / "server-config" / "nbtrack.json", server_config)
    lab_config = places["config"] / "labconfig"
    lab_config.mkdir()
    quiet = {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True}
    (lab_config / "default_setting_overrides.json").write_text(
        json.dumps({"@jupyterlab/apputils-extension:notification": quiet})
    )
    token, port = "browser-tests", free_port()
    environment = os.environ | {
        "JUPYTER_CONFIG_DIR": str(places["config"]),
        "JUPYTER_DATA_DIR": str(places["data"]),
        "JUPYTER_RUNTIME_DIR": str(places["runtime"]),
        "JUPYTERLAB_WORKSPACES_DIR": str(places["workspaces"]),
        "JUPYTERLAB_SETTINGS_DIR": str(places["settings"]),
        "IPYTHONDIR": str(places["ipython"]),
        "PYTHONPATH": str(ROOT / "src"),
    }
    command = [
        *(
            sys.executable,
            "-m",
            "jupyterlab",
            "--no-browser",
            "--allow-root",
            "--ip=127.0.0.1",
            f"--port={port}",
        ),
        *(
            "--ServerApp.port_retries=0",
            f"--IdentityProvider.token={token}",
            f"--ServerApp.root_dir={folder}",
        ),
        *("--LabApp.expose_app_in_browser=True", "--LabApp.extension_manager=readonly"),
    ]
    with log.open("wb") as output:
        server = subprocess.Popen(command, env=environment, cwd=base, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_for(f"http://127.0.0.1:{port}/api/status?token={token}", server, log)
        yield Lab(f"http://127.0.0.1:{port}", token, folder, log)
    finally:
        server.terminate()
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(url: str, server: subprocess.Popen[bytes], log: Path, seconds: float = 90) -> None:
    """Wait until the server answers."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text(errors='replace')[-3000:]}")
