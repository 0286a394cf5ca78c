"""The commands about notebooks as they were: history, checkout, diff."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nbtrack.analysis.diff import diff_notebooks
from nbtrack.analysis.restored import chosen_cells
from nbtrack.commands.answers import answer, as_json, in_experiment
from nbtrack.commands.grammar import Asking, Command
from nbtrack.commands.lineage_commands import place
from nbtrack.commands.notebook_sources import notebook_source
from nbtrack.entities.notebook_text import NotebookError
from nbtrack.entities.snapshots import History, NotebookDiff, SnapshotFile
from nbtrack.errors import Conflict, InvalidInput
from nbtrack.operations import to_json
from nbtrack.render.views import View


@click.command(cls=Command, examples=("history", "history churn.ipynb --limit 50", "history --json"))
@click.argument("notebook", metavar="[NOTEBOOK]", required=False)
@click.option(
    "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="The most snapshots to list."
)
@as_json
@click.pass_obj
def history(asking: Asking, notebook: str | None, limit: int, as_json: bool) -> View:
    """List the snapshots of a notebook, newest first: one of each run, of each save in between, and of the kernel's end.

    Those of this notebook; of another NOTEBOOK or in a terminal: of the one with the newest snapshot.
    """
    session = asking.session if notebook is None else None
    found: History = asking.proxy.ask(
        "snapshots.history", notebook=place(notebook), session=session, limit=limit
    )
    hints = []
    if len(found.entries) < found.total:
        hints.append(f"--limit {min(found.total, 10 * limit)} lists more")
    if len(found.entries) > 1:
        hints.append(
            f"{asking.prog} diff SNAPSHOT SNAPSHOT compares two, {asking.prog} checkout SNAPSHOT writes a copy"
        )
    return answer("history", found, as_json, tuple(hints))


@click.command(
    cls=Command,
    completes=("run",),
    examples=(
        "checkout forest-3",
        "checkout 0199a1b2-3c4d -o before.ipynb",
        "checkout forest-3 --cell 3 --cell 5 -o two-cells.ipynb",
    ),
)
@click.argument("snapshot", metavar="SNAPSHOT|RUN")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="Where to; by default beside the notebook, named after the snapshot.",
)
@click.option(
    "--cell",
    "cells",
    type=click.IntRange(min=1),
    multiple=True,
    metavar="N",
    help="Only this cell. May be repeated.",
)
@click.option("--force", is_flag=True, help="Replace a file of that name.")
@in_experiment
@as_json
@click.pass_obj
def checkout(
    asking: Asking,
    snapshot: str,
    output: str | None,
    cells: tuple[int, ...],
    force: bool,
    experiment: str | None,
    as_json: bool,
) -> View:
    """Write a notebook as it was into a new file; the notebook itself is not touched.

    What was not executed since it was saved is what the file was, byte for byte.
    """
    found: SnapshotFile = asking.proxy.ask(
        "snapshots.file", snapshot=snapshot, experiment=experiment or asking.experiment
    )
    text = found.text
    if cells:
        try:
            text = chosen_cells(text, cells)
        except NotebookError as problem:
            raise InvalidInput(f"The cells of {found.name} cannot be taken out: {problem}.") from None
    target = Path(output).expanduser() if output is not None else _beside(found)
    if target.suffix != ".ipynb":
        target = target.with_name(f"{target.name}.ipynb")
    _write(target, text, force)
    what = f"{'cell' if len(cells) == 1 else 'cells'} {', '.join(map(str, cells))} of " if cells else ""
    said = f"written: {what}{found.name} to {target}"
    notes = found.notes or ([] if cells else ["Every byte is as it was."])
    return answer("text", said, as_json, tuple(notes), json={"path": str(target), "notes": found.notes})


def _write(target: Path, text: str, force: bool) -> None:
    try:
        with target.open("wb" if force else "xb") as file:
            file.write(text.encode("utf-8", "surrogateescape"))
    except FileExistsError:
        raise Conflict(
            f"There is a file {target}; --force replaces it, -o FILE names another.", path=str(target)
        ) from None
    except OSError as problem:
        raise InvalidInput(f"The notebook cannot be written to {target}: {problem.strerror}.") from None


def _beside(found: SnapshotFile) -> Path:
    """The place of a copy: the notebook's folder, where that is still there."""
    notebook = Path(found.notebook or "notebook.ipynb")
    name = f"{notebook.stem}-{found.name.replace('/', '-')}.ipynb"
    return notebook.with_name(name) if notebook.parent.is_dir() else Path(name)


_SOURCE = "RUN|SNAPSHOT|FILE|REVISION:FILE"


@click.command(
    cls=Command,
    completes=("run", "run"),
    examples=(
        "diff forest-1 forest-3",
        "diff HEAD:churn.ipynb churn.ipynb",
        "diff forest-3 churn.ipynb --nbdime",
    ),
)
@click.argument("base", metavar=_SOURCE)
@click.argument("head", metavar=_SOURCE)
@in_experiment
@click.option("--nbdime", "as_nbdime", is_flag=True, help="Answer as JSON in nbdime's diff format.")
@as_json
@click.pass_obj
def diff(
    asking: Asking, base: str, head: str, experiment: str | None, as_nbdime: bool, as_json: bool
) -> View:
    """Show how a notebook differs, cell by cell; of two runs also params, metrics, data and packages beside the cells.

    Each side is a run, a snapshot of the history, a file, or a file of a git revision such as HEAD:churn.ipynb.
    """
    found, notebooks = difference(asking, base, head, experiment or asking.experiment)
    if as_nbdime:
        from nbtrack.analysis.nbdime_format import nbdime_format

        written = nbdime_format(*notebooks, found)
        return View(kind="json", content=to_json(written, indent=2))
    return answer("diff", found, as_json)


def difference(
    asking: Asking, base: str, head: str, experiment: str | None
) -> tuple[NotebookDiff, tuple[dict[str, Any], dict[str, Any]]]:
    """How two notebooks differ that a person names, and the notebooks; of two runs with their numbers."""
    old, new = (notebook_source(asking, name, experiment) for name in (base, head))
    if old.run and new.run:
        found: NotebookDiff = asking.proxy.ask("snapshots.diff", base=base, head=head, experiment=experiment)
    else:
        found = diff_notebooks(old.notebook, new.notebook, base=old.label, head=new.label)
    return found, (old.notebook, new.notebook)


HISTORY_COMMANDS = (diff, history, checkout)
