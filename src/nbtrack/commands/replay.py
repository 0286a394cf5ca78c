"""``slice --verify``: a slice is executed again, in a clean kernel and a copy of its folder, and compared."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from nbtrack import version
from nbtrack.analysis.replays import compare_cells, compare_metrics, unseeded
from nbtrack.analysis.slices import missing_bracket, run_name
from nbtrack.analysis.sources import names_whole_path
from nbtrack.commands.scratch import copy_folder, project_of
from nbtrack.entities.graphs import LineageSlice, Replay
from nbtrack.errors import InvalidInput, MissingLibrary, NbtrackError
from nbtrack.render.lineage import effect_lines

_LONGEST = 3600.0
_NEEDED = ("nbclient", "ipykernel")
_CHILD = "import sys; sys.path.append(sys.argv.pop()); from nbtrack.commands.rerun import main; main()"


def replay(found: LineageSlice, *, yes: bool = False) -> Replay:
    """Execute a slice again and compare what it shows, and for a run its metrics.

    Parameters
    ----------
    yes
        Whether cells that start programs, use the network or a database, write outside of the folder, or ask for input are
        executed too.

    Raises
    ------
    InvalidInput
        If there are such cells and nobody said yes; names them.
    MissingLibrary
        If there is nothing to run a kernel with.
    """
    told = [text for text, _ in effect_lines(found.graph)]
    if found.written and (whole := [node for node in found.graph.nodes if names_whole_path(node.source)]):
        names = ", ".join(f"[{node.execution_count}]" for node in whole)
        files = ", ".join(found.written[:3]) + " …" * (len(found.written) > 3)
        told.append(f"{names} may name folders by their whole path, and the slice writes {files}")
    if told and not yes:
        raise InvalidInput(
            "Cells of this slice do more than compute:\n" + "\n".join(f"  {text}" for text in told)
            + "\nNothing was executed; --yes executes them too."
        )  # fmt: skip
    for library in _NEEDED:
        if find_spec(library) is None:
            raise MissingLibrary(
                f'slice --verify needs {library}, which is not installed: run pip install "nbtrack[lab]".',
                library=library,
            )
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="nbtrack-slice-", ignore_cleanup_errors=True) as place:
        # The real path: a kernel tells it by os.getcwd(), and it is looked for in what cells print.
        scratch = Path(place).resolve()
        folder, notes = _prepare(found, scratch)
        answer = _ask_child(_request(found, scratch, folder))
        folders = {str(folder): found.folder or str(folder)}
        cells = compare_cells(found.graph.nodes, found.outputs, answer["outputs"], folders)
    metrics = compare_metrics(found.graph.metrics, answer["metrics"])
    same = all(cell.answer in ("same", "silent") for cell in cells) and all(metric.same for metric in metrics)
    if not same and (drawn := unseeded(found.graph)):
        notes.append(f"It draws {' and '.join(drawn)} that no cell has seeded: each time they are others.")
    return Replay(
        target=found.graph.run or found.graph.target,
        same=same,
        duration=time.monotonic() - began,
        cells=cells,
        metrics=metrics,
        notes=[*notes, *answer["notes"]],
    )


def _prepare(found: LineageSlice, scratch: Path) -> tuple[Path, list[str]]:
    """The copy of the folder that the code runs in, and what a reader should know of it."""
    if found.folder is None or not Path(found.folder).is_dir():
        work = scratch / "work"
        work.mkdir()
        return work, ["The folder of the notebook is not known here: it was executed in an empty one."]
    folder = Path(found.folder)
    project = project_of(folder)
    notes = copy_folder(project, scratch / "work" / project.name, [Path(path) for path in found.files])
    inside = [path for path in found.files if Path(path).is_relative_to(project)]
    if outside := [path for path in found.files if path not in inside]:
        notes.append(f"Read in its own place: {', '.join(outside[:5])}{' …' * (len(outside) > 5)}.")
    work = scratch / "work" / project.name / folder.relative_to(project)
    work.mkdir(parents=True, exist_ok=True)
    return work, notes


def _request(found: LineageSlice, scratch: Path, folder: Path) -> dict[str, Any]:
    graph = found.graph
    sources = [node.source for node in graph.nodes]
    start, end = missing_bracket(graph) or (None, None)
    return {
        "sources": sources,
        "folder": str(folder),
        "store": str(scratch / "store"),
        "metrics": bool(graph.metrics),
        "start": start,
        "end": end,
        "name": run_name(graph),
        "timeout": _LONGEST,
    }


def _ask_child(request: dict[str, Any]) -> dict[str, Any]:
    """Have the cells executed by a process of its own: a kernel that asks has an event loop running already."""
    package = str(Path(version.__file__).resolve().parent.parent)
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("NBTRACK_", "JPY_"))
    }
    try:
        answer = subprocess.run(
            [sys.executable, "-c", _CHILD, package],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            timeout=_LONGEST + 60,
            cwd=Path(request["store"]).parent,  # with nothing in it that could be imported
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise NbtrackError(f"The slice could not be executed: {problem}.") from problem
    try:
        content: dict[str, Any] = json.loads(answer.stdout.rpartition("\n\x1e")[2])
    except ValueError:
        reason = answer.stderr.strip().rpartition("\n")[2] or f"exit code {answer.returncode}"
        raise NbtrackError(f"The slice could not be executed: {reason}.") from None
    return content
