"""Which notebook this kernel belongs to, as far as it can be told."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

_TIMEOUT = 0.5


def notebook_path(
    namespace: Mapping[str, object], cell_id: str | None = None, *, ask_servers: bool = True
) -> str | None:
    """The path of the notebook's file, or None.

    Asked in this order: VS Code's variable, the document in VS Code's cell id, ``JPY_SESSION_NAME`` (which a rename makes
    stale: the file must exist), the sessions of the Jupyter servers of this user.

    Parameters
    ----------
    ask_servers
        Whether the last of these may be asked: it takes milliseconds, up to half a second of a server that hangs.
    """
    known = namespace.get("__vsc_ipynb_file__")
    if isinstance(known, str):
        return known
    if cell_id and cell_id.startswith("vscode-notebook-cell:"):
        return unquote(urlsplit(cell_id).path) or None
    session = os.environ.get("JPY_SESSION_NAME", "")
    if session.endswith(".ipynb") and Path(session).is_file():
        return os.path.abspath(session)  # noqa: PTH100 - a cell may change the folder; links stay as they are
    if ask_servers and "JPY_PARENT_PID" in os.environ:
        with contextlib.suppress(Exception):  # whatever a server answers, the name is only a bonus
            return _ask_servers()
    return None


def _ask_servers() -> str | None:
    """The notebook of the session that has this kernel, from the servers whose runtime files we can read."""
    import urllib.request

    from ipykernel.connect import get_connection_file

    connection = Path(get_connection_file())
    kernel = connection.stem.removeprefix("kernel-")
    for file in connection.parent.glob("jpserver-*.json"):
        server = json.loads(file.read_text(encoding="utf-8"))
        request = urllib.request.Request(
            f"{server['url']}api/sessions", headers={"Authorization": f"token {server.get('token', '')}"}
        )
        with contextlib.suppress(OSError, ValueError):
            # no proxy: the token is for this machine alone
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(request, timeout=_TIMEOUT) as answer:
                sessions = json.load(answer)
            for session in sessions:
                if session.get("kernel", {}).get("id") == kernel:
                    path = Path(server["root_dir"]) / session["path"]
                    return str(path) if path.is_file() else None
    return None
