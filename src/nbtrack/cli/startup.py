"""``nbtrack enable``: a startup file of IPython that loads the extension."""

from __future__ import annotations

import os
from pathlib import Path

from nbtrack.errors import Conflict
from nbtrack.render.views import View

_MARK = "# Written by `nbtrack enable`; `nbtrack disable` removes it."

STARTUP = f"""{_MARK}


def _load_nbtrack():
    from importlib.util import find_spec

    if find_spec("nbtrack") is None:  # this IPython runs in an environment without nbtrack
        return
    try:
        get_ipython().run_line_magic("load_ext", "nbtrack")
    except Exception as problem:
        print(f"nbtrack was not loaded: {{problem}}")


_load_nbtrack()
del _load_nbtrack
"""


def startup_file() -> Path:
    """The file in the default profile of IPython, where ``IPYTHONDIR`` or ``~/.ipython`` says."""
    folder = os.environ.get("IPYTHONDIR")
    return Path(folder or "~/.ipython").expanduser() / "profile_default" / "startup" / "50-nbtrack.py"


def enable_view() -> View:
    """Write the startup file, and say so.

    Raises
    ------
    Conflict
        A file of that name is somebody else's, or the folder cannot be written.
    """
    path = startup_file()
    present = _read_own(path)
    if present == STARTUP:
        return View(kind="text", content=f"nbtrack is enabled already, by {path}.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(STARTUP, encoding="utf-8")
    except OSError as problem:
        raise Conflict(
            f"{path} cannot be written ({problem.strerror}); set IPYTHONDIR to your own folder."
        ) from None
    content = f"Wrote {path}: every IPython and notebook that starts from now on loads nbtrack."
    return View(kind="text", content=content, hints=("nbtrack disable removes it.",))


def disable_view() -> View:
    """Remove the startup file, and say so.

    Raises
    ------
    Conflict
        The file is somebody else's, or cannot be removed.
    """
    path = startup_file()
    if _read_own(path) is None:
        return View(kind="text", content=f"nbtrack is not enabled: there is no {path}.")
    try:
        path.unlink()
    except OSError as problem:
        raise Conflict(f"{path} cannot be removed ({problem.strerror}).") from None
    return View(
        kind="text", content=f"Removed {path}: load nbtrack with %load_ext nbtrack where you want it."
    )


def _read_own(path: Path) -> str | None:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    except OSError as problem:
        raise Conflict(f"{path} cannot be read ({problem.strerror}).") from None
    if not text.startswith(_MARK):
        raise Conflict(f"{path} was not written by nbtrack and is left alone; rename it first.")
    return text
