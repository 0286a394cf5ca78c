"""The Jupyter server extension: the only package that imports jupyter_server."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "nbtrack.server"}]


def _load_jupyter_server_extension(app: ServerApp) -> None:
    """Add nbtrack's routes to a running server."""
    from nbtrack.server.handlers import add_handlers

    add_handlers(app.web_app, app.root_dir)
    app.log.info("nbtrack: answering under nbtrack/api")
