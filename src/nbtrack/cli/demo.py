"""``nbtrack demo``: the quickstart notebook, run in a real kernel, and what was tracked."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from nbtrack.commands import run_command
from nbtrack.commands.rerun import own_kernel
from nbtrack.entities.runs import RunTable
from nbtrack.errors import MissingLibrary, NbtrackError
from nbtrack.render.text import to_text
from nbtrack.render.views import View

NOTEBOOK = "quickstart.ipynb"
_CELL_TIMEOUT = 600


def run_demo(folder: Path) -> Path:
    """Run the quickstart notebook in `folder` and return where the executed notebook lies.

    Run again, it adds runs to the store that is there.

    Raises
    ------
    MissingLibrary
        What runs notebooks is not installed.
    NbtrackError
        A cell failed; its number and error.
    """
    require("nbclient", "ipykernel", "sklearn")
    import nbformat

    from nbtrack.store.location import create_store

    notebook = nbformat.reads(_quickstart(), as_version=4)  # type: ignore[no-untyped-call]
    # Made beforehand: in a git repository a new store would go to the repository's root.
    folder.mkdir(parents=True, exist_ok=True)
    create_store(folder / ".nbtrack")
    path = _free_place(folder, notebook)
    nbformat.write(notebook, path)  # type: ignore[no-untyped-call]
    try:
        with _progress(notebook) as advance:
            execute(notebook, path, advance)
    finally:
        nbformat.write(notebook, path)  # type: ignore[no-untyped-call]
    return path


def open_in_lab(path: Path) -> None:
    """Open a notebook in JupyterLab and wait until it is closed."""
    subprocess.run([sys.executable, "-m", "jupyterlab", str(path)], check=False)


def execute(notebook: Any, path: Path, advance: Callable[[str], None]) -> None:
    """Execute a notebook in a kernel of this interpreter, as JupyterLab would.

    nbclient tells the kernel neither a cell's id nor the notebook's path; both are put back here.

    Parameters
    ----------
    notebook
        An nbformat notebook; it receives its outputs.
    path
        Where it lies; the kernel works in its folder.
    advance
        Called with the source of each code cell before it runs.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    manager = own_kernel()
    client = NotebookClient(
        notebook,
        km=manager,
        timeout=_CELL_TIMEOUT,
        store_widget_state=False,
        resources={"metadata": {"path": str(path.parent)}},
    )

    def on_cell(cell: Any, cell_index: int) -> None:
        assert client.kc is not None
        client.kc.session.metadata = {"cellId": cell["id"]}
        advance(cell["source"])

    client.on_cell_execute = on_cell
    environment = {name: value for name, value in os.environ.items() if name != "NBTRACK_STORE"}
    try:
        client.execute(env={**environment, "JPY_SESSION_NAME": str(path)}, cleanup_kc=True)
    except CellExecutionError as error:
        problem = f"{error.ename}: {error.evalue}".rstrip(".")
        raise NbtrackError(f"A cell of {path} failed with {problem}. The notebook there shows it.") from None


def require(*libraries: str) -> None:
    """Ask for libraries that the base install does not bring.

    Raises
    ------
    MissingLibrary
        The first that is missing, and what to run.
    """
    for library in libraries:
        if find_spec(library) is None:
            raise MissingLibrary(
                f'nbtrack demo needs {library}, which is not installed: run pip install "nbtrack[lab]".',
                library=library,
            )


def _quickstart() -> str:
    """The notebook of the wheel; of the repository in an editable install."""
    package = files("nbtrack")
    for place in (package / "example_notebooks", Path(str(package)).parents[1] / "example_notebooks"):
        if (place / NOTEBOOK).is_file():
            return (place / NOTEBOOK).read_text(encoding="utf-8")
    raise NbtrackError(f"This installation of nbtrack lacks {NOTEBOOK}; install it again.")


def _free_place(folder: Path, notebook: Any) -> Path:
    """Where to put the notebook: over that of an earlier demo, but never over one that a person has changed."""
    import nbformat

    sources = [cell["source"] for cell in notebook["cells"]]
    number = 1
    while True:
        path = folder / (NOTEBOOK if number == 1 else NOTEBOOK.replace(".", f"-{number}."))
        if not path.exists():
            return path
        try:
            present = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
            if [cell["source"] for cell in present["cells"]] == sources:
                return path
        except Exception:  # noqa: BLE001 - not a notebook any more: not ours to overwrite
            pass
        number += 1


@contextmanager
def _progress(notebook: Any) -> Iterator[Callable[[str], None]]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    total = sum(cell["cell_type"] == "code" for cell in notebook["cells"])
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, transient=True) as progress:
        task = progress.add_task("starting a kernel", total=total)
        started = False

        def advance(source: str) -> None:
            nonlocal started
            line = next((line for line in source.splitlines() if line.strip()), "")
            progress.update(task, advance=int(started), description=line[:50])
            started = True

        yield advance
        progress.update(task, completed=total)


def summary_view(path: Path) -> View:
    """The runs, the best two compared, the registered model, and how to go on, as one text."""
    from nbtrack.keeper import connect

    proxy = connect(path.parent / ".nbtrack")
    table: RunTable = proxy.ask("runs.search", sort=["-accuracy"], limit=100)
    parts = [("Runs, best accuracy first", View(kind="runs", content=table))]
    best = [run.id for run in table.runs if "accuracy" in run.metrics][:2]
    if len(best) == 2:
        parts.append(("The best two: what differs", run_command(["compare", *best], proxy)))
    parts.append(("Registered models", run_command(["models"], proxy)))
    text = "\n\n".join(f"{title}\n\n{to_text(view, width=100)}" for title, view in parts)
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    hints = (
        "",
        f"The executed notebook: {shown}",
        f"Open it: jupyter lab {shown}   (or: nbtrack demo --lab)",
        f"Look again: cd {shown.parent} && nbtrack runs",
    )
    return View(kind="text", content=text, hints=hints)
