"""Joining two changed versions of a notebook, by nbdime's merge."""

from __future__ import annotations

import json
from pathlib import Path

import click

from nbtrack.commands.answers import answer, as_json, in_experiment
from nbtrack.commands.grammar import Asking, Command
from nbtrack.commands.notebook_sources import notebook_source
from nbtrack.errors import Conflict, InvalidInput
from nbtrack.render.numbers import counted
from nbtrack.render.views import View

_SOURCE = "RUN|SNAPSHOT|FILE|REVISION:FILE"


@click.command(
    "merge-notebooks",
    cls=Command,
    completes=("run", "run", "run"),
    examples=("merge-notebooks forest-1 forest-2 forest-3 -o merged.ipynb",),
)
@click.argument("base", metavar=f"BASE({_SOURCE})")
@click.argument("one", metavar="ONE")
@click.argument("other", metavar="OTHER")
@click.option("-o", "--output", metavar="FILE", required=True, help="Where to write the merged notebook.")
@click.option("--force", is_flag=True, help="Replace a file of that name.")
@in_experiment
@as_json
@click.pass_obj
def merge_notebooks(
    asking: Asking,
    base: str,
    one: str,
    other: str,
    output: str,
    force: bool,
    experiment: str | None,
    as_json: bool,
) -> View:
    """Join what two versions of a notebook changed since the one that both came from, into a new file.

    Each is named as for diff. What both changed in different ways is a conflict: it stands in the file with marks.
    """
    import nbformat
    from nbdime.merging import merge_notebooks as merge

    where = experiment or asking.experiment
    versions = [
        nbformat.from_dict(notebook_source(asking, name, where).notebook)  # type: ignore[no-untyped-call]
        for name in (base, one, other)
    ]
    target = Path(output).expanduser()
    if target.suffix != ".ipynb":
        target = target.with_name(f"{target.name}.ipynb")
    merged, decisions = merge(*versions)
    conflicts = sum(bool(decision.conflict) for decision in decisions)
    text = json.dumps(merged, ensure_ascii=False, indent=1) + "\n"
    try:
        with target.open("w" if force else "x", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except FileExistsError:
        raise Conflict(f"There is a file {target}; --force replaces it.", path=str(target)) from None
    except OSError as problem:
        raise InvalidInput(f"The notebook cannot be written to {target}: {problem.strerror}.") from None
    told = f"with {counted(conflicts, 'conflict')}" if conflicts else "without conflicts"
    return answer(
        "text", f"written: {target}, {told}", as_json, json={"path": str(target), "conflicts": conflicts}
    )
