"""nbtrack remembers what a notebook did: every cell, parameter, metric, model and picture.

``%load_ext nbtrack`` in a notebook; ``nbtrack.log(...)`` anywhere. The public names are loaded on first use.
"""

from __future__ import annotations

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


def __getattr__(name: str) -> Any:
    """Load a public name from its home."""
    if name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


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
