"""JupyterLab as a process of its own, and what the browser tests need to have installed."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LABEXTENSION = ROOT / "src" / "nbtrack" / "labextension"
STATIC = ROOT / "src" / "nbtrack" / "widgets" / "static"
BUILD_HINT = "build the front end with: cd labextension && npm ci && npm run build"


def missing(what: str) -> None:
    """Skip for want of `what`; in CI, where everything is installed, that is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


@dataclass
class Lab:
    """A running JupyterLab: its address, token, the folder that it serves, and its log."""

    url: str
    token: str
    folder: Path
    log: Path

    def address(self, notebook: str) -> str:
        return f"{self.url}/lab/tree/{notebook}?reset&token={self.token}"


@contextmanager
def running_lab(base: Path) -> Iterator[Lab]:
    """JupyterLab with the front end that was built in this checkout, its settings and data all below `base`."""
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
        "JUPYTER_PREFER_ENV_PATH": "0",  # else what is installed in the environment goes before this checkout
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
