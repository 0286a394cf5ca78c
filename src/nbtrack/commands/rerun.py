"""The process that executes a slice again in a kernel, and tells what each cell showed; see `nbtrack.commands.replay`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from nbtrack.analysis.slices import without_load
from nbtrack.entities.ids import new_id


def own_kernel() -> Any:
    """A manager of a kernel of this interpreter: the name "python3" may be another environment's, which has no nbtrack."""
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager

    manager = AsyncKernelManager(kernel_name="python3")
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--log-level=40"]
    manager._kernel_spec = KernelSpec(argv=argv, display_name="Python 3", language="python")
    return manager


def main() -> None:
    """Read a request from stdin, and write the answer to stdout behind a separator: libraries may print there."""
    request = json.loads(sys.stdin.read())
    answer = rerun(request)
    sys.stdout.write("\n\x1e" + json.dumps(answer))


def rerun(request: dict[str, Any]) -> dict[str, Any]:
    """Execute the sources in a clean kernel of this interpreter, which remembers its runs in a store of its own.

    Returns
    -------
    dict
        ``outputs`` of each cell (None: it was not reached), ``metrics`` of the last run of the name asked for, ``notes``.
    """
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    folder = Path(request["folder"])
    sources: list[str] = request["sources"]
    cells = [_cell("%load_ext nbtrack")]
    places = []
    for place, source in enumerate(sources):
        if place == request["start"]:
            cells.append(_cell(f"%track start {request['name']}"))
        places.append(len(cells))
        cells.append(_cell(without_load(source)))
        if place == request["end"]:
            cells.append(_cell("%track end"))
    notebook = nbformat.from_dict(  # type: ignore[no-untyped-call]
        {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    )
    client = NotebookClient(
        notebook,
        km=own_kernel(),
        timeout=int(request["timeout"]),
        allow_errors=True,
        store_widget_state=False,
        resources={"metadata": {"path": str(folder)}},
    )
    notes = []
    try:
        client.execute(env=_environment(request["store"]), cleanup_kc=True)
    except (CellTimeoutError, DeadKernelError) as problem:
        notes.append(f"The kernel did not come to the end: {type(problem).__name__}.")
    outputs = [
        cell["outputs"] if (cell := notebook["cells"][place])["execution_count"] is not None else None
        for place in places
    ]
    metrics = _metrics(Path(request["store"]), request["name"]) if request["metrics"] else {}
    return {"outputs": outputs, "metrics": metrics, "notes": notes}


def _cell(source: str) -> dict[str, Any]:
    return {
        "cell_type": "code", "id": new_id(), "metadata": {}, "source": source, "execution_count": None,
        "outputs": [],
    }  # fmt: skip


def _environment(store: str) -> dict[str, str]:
    # No keeper: it would go on in a folder that is removed.
    return {**os.environ, "NBTRACK_STORE": store, "NBTRACK_KEEPER": "false", "NBTRACK_LINE": "false"}


def _metrics(store: Path, name: str) -> dict[str, float]:
    """The metrics of the last run of a name in the scratch store."""
    from nbtrack.service import open_service
    from nbtrack.store.database import Store
    from nbtrack.store.location import is_store

    if not is_store(store):
        return {}
    opened = Store(store)
    try:
        service = open_service(opened, "slice --verify")
        service.intake.drain()
        runs = [run for run in service.runs.search(limit=1000).runs if run.name.rpartition("-")[0] == name]
        return runs[0].metrics if runs else {}
    finally:
        opened.close()
