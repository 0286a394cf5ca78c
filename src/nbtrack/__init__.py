"""nbtrack remembers what a notebook did: every cell, parameter, metric, model and picture.

``%load_ext nbtrack`` in a notebook; ``nbtrack.log(...)`` anywhere. The public names are loaded on first use.
"""

from __future__ import annotations

import contextlib
import os
import threading
from importlib import import_module
from typing import TYPE_CHECKING, Any

from nbtrack.version import __version__

if TYPE_CHECKING:
    from nbtrack.client import Client, open
    from nbtrack.errors import NbtrackError
    from nbtrack.tracking import artifact, flush, log, log_series, model, params, run, tag

__all__ = [
    "Client",
    "NbtrackError",
    "__version__",
    "artifact",
    "flush",
    "log",
    "log_series",
    "model",
    "open",
    "params",
    "run",
    "tag",
]

_HOMES = {
    "Client": "nbtrack.client",
    "NbtrackError": "nbtrack.errors",
    "artifact": "nbtrack.tracking",
    "flush": "nbtrack.tracking",
    "log": "nbtrack.tracking",
    "log_series": "nbtrack.tracking",
    "model": "nbtrack.tracking",
    "open": "nbtrack.client",
    "params": "nbtrack.tracking",
    "run": "nbtrack.tracking",
    "tag": "nbtrack.tracking",
}


_loading = threading.RLock()


def __getattr__(name: str) -> Any:
    """Load a public name from its home."""
    if name in _HOMES:
        with _loading:
            value = getattr(import_module(_HOMES[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


# A child that is forked while another thread imports a module would wait for that import for ever at its first log call:
# Python's lock of the module stays locked in it. So forking waits for the import; not endlessly, since what is imported may
# itself wait for the thread that forks.
def _before_fork() -> None:
    _loading.acquire(timeout=5.0)


def _after_fork() -> None:
    with contextlib.suppress(RuntimeError):
        _loading.release()


def _after_fork_in_child() -> None:
    global _loading
    _loading = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child)


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)


def load_ipython_extension(shell: Any) -> None:
    """``%load_ext nbtrack``."""
    from nbtrack.ipython.extension import load

    load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """``%unload_ext nbtrack``."""
    from nbtrack.ipython.extension import unload

    unload(shell)


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "nbtrack.server"}]


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "nbtrack"}]
