"""The commands that say where values came from: lineage, slice, stale."""

from __future__ import annotations

import json
from pathlib import Path

import click

from nbtrack.analysis.slices import slice_notebook, slice_script
from nbtrack.commands.answers import answer, as_json, in_experiment
from nbtrack.commands.grammar import Asking, Command
from nbtrack.entities.graphs import LineageGraph, LineageSlice, Staleness
from nbtrack.errors import Conflict, InvalidInput
from nbtrack.render.views import View

_within = click.option(
    "--in",
    "within",
    metavar="RUN|NOTEBOOK",
    help="Look for the variable in the session of this run, or in the last one of this notebook.",
)


@click.command(
    cls=Command,
    completes=("run",),
    examples=("lineage accuracy", "lineage forest-3", "lineage model --in forest-3 --json"),
)
@click.argument("target", metavar="NAME|RUN")
@_within
@in_experiment
@as_json
@click.pass_obj
def lineage(asking: Asking, target: str, within: str | None, experiment: str | None, as_json: bool) -> View:
    """Show where a variable or a run came from: the executions, variables, files and settings that made it.

    NAME is a variable of this notebook; of another one with --in. A question mark stands where something is only assumed.
    """
    found: LineageGraph = asking.proxy.ask(
        "lineage.graph",
        target=target,
        experiment=experiment or asking.experiment,
        session=asking.session,
        within=place(within),
    )
    hints = (f"{asking.prog} slice {target} has these cells as a notebook and as a script",)
    return answer("lineage", found, as_json, hints)


@click.command(
    "slice",
    cls=Command,
    completes=("run",),
    examples=(
        "slice accuracy",
        "slice forest-3 -o forest",
        "slice model --in churn.ipynb -o model.py",
        "slice forest-3 --verify",
    ),
)
@click.argument("target", metavar="NAME|RUN")
@_within
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="Write it to FILE.ipynb, to FILE.py, or without such an ending to both.",
)
@click.option("--force", is_flag=True, help="Replace files of that name.")
@click.option(
    "--verify", is_flag=True, help="Execute it in a clean kernel in a copy of its folder, and compare."
)
@click.option("--yes", is_flag=True, help="Execute also cells that do more than compute.")
@in_experiment
@as_json
@click.pass_obj
def slice_command(
    asking: Asking,
    target: str,
    within: str | None,
    output: str | None,
    force: bool,
    verify: bool,
    yes: bool,
    experiment: str | None,
    as_json: bool,
) -> View:
    """Give the fewest executions that make a variable or a run, in their order.

    With --verify they are executed again, and what they print and the run's metrics are compared.
    """
    found: LineageSlice = asking.proxy.ask(
        "lineage.slice",
        target=target,
        experiment=experiment or asking.experiment,
        session=asking.session,
        within=place(within),
    )
    written = write_slice(found, Path(output).expanduser(), force) if output is not None else []
    hints = [f"written: {path}" for path in written]
    if verify:
        from nbtrack.commands.replay import replay

        done = replay(found, yes=yes)
        return answer("replay", done, as_json, tuple(hints))
    if not written:
        hints.append(f"{asking.prog} slice {target} -o FILE writes them as a notebook and as a script")
    return answer("slice", found, as_json, tuple(hints))


@click.command(cls=Command, examples=("stale", "stale churn.ipynb --json"))
@click.argument("notebook", metavar="[NOTEBOOK]", required=False)
@as_json
@click.pass_obj
def stale(asking: Asking, notebook: str | None, as_json: bool) -> View:
    """Name the cells whose inputs have changed since they last ran, and why.

    Those of this notebook; of another NOTEBOOK or in a terminal: of its last session.
    """
    session = asking.session if notebook is None else None
    found: Staleness = asking.proxy.ask("lineage.stale", session=session, notebook=place(notebook))
    return answer("stale", found, as_json)


def place(within: str | None) -> str | None:
    """A notebook by its whole path where it is there, since a store knows them so; anything else as it is."""
    if within is None or not within.endswith(".ipynb"):
        return within
    path = Path(within).expanduser()
    return str(path.absolute()) if path.exists() else within


def write_slice(found: LineageSlice, path: Path, force: bool) -> list[Path]:
    """Write a slice as what the file's ending says, or as both.

    Raises
    ------
    Conflict
        If there is a file of that name.
    InvalidInput
        If it cannot be written there.
    """
    kinds = [path.suffix] if path.suffix in (".ipynb", ".py") else [".ipynb", ".py"]
    targets = [
        path if path.suffix in (".ipynb", ".py") else path.with_name(path.name + kind) for kind in kinds
    ]
    for target in targets:
        if target.exists() and not force:
            raise Conflict(f"There is a file {target}; --force replaces it.", path=str(target))
    for target, kind in zip(targets, kinds, strict=True):
        if kind == ".py":
            text = slice_script(found)
        else:
            text = json.dumps(slice_notebook(found), indent=1, ensure_ascii=False) + "\n"
        try:
            target.write_text(text, encoding="utf-8", errors="backslashreplace")
        except OSError as problem:
            raise InvalidInput(f"The slice cannot be written to {target}: {problem.strerror}.") from None
    return targets


LINEAGE_COMMANDS = (lineage, slice_command, stale)
