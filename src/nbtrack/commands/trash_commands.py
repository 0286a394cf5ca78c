"""The commands that delete, and take back what was deleted."""

from __future__ import annotations

import click

from nbtrack.commands.answers import answer, as_json, in_experiment
from nbtrack.commands.grammar import Asking, Command
from nbtrack.entities.ownership import Deletion, Trash
from nbtrack.errors import InvalidInput
from nbtrack.render.numbers import size
from nbtrack.render.ownership import contents
from nbtrack.render.views import View


@click.command(
    cls=Command,
    completes=("run*",),
    examples=(
        "delete forest-3 forest-4",
        "delete --filter \"status = 'failed'\"",
        "delete --experiment scratch",
        "delete --model churn/2",
    ),
)
@click.argument("runs", metavar="RUN...", nargs=-1)
@click.option("--filter", "filter", metavar="EXPR", help="All runs that fit.")
@click.option("--experiment", metavar="NAME", help="All runs of it; with RUN or --filter: look in it.")
@click.option("--model", metavar="NAME[/VERSION]", help="A registered model, or one version of it.")
@click.option("--all", "everywhere", is_flag=True, help="With --filter: in every experiment.")
@as_json
@click.pass_obj
def delete(
    asking: Asking,
    runs: tuple[str, ...],
    filter: str | None,
    experiment: str | None,
    model: str | None,
    everywhere: bool,
    as_json: bool,
) -> View:
    """Move runs or models to the trash; undo takes them back, gc frees their space when they are old enough.

    A run that is running, pinned, or that a registered model came from is not deleted.
    """
    if not (runs or filter is not None or experiment is not None or model is not None):
        raise click.UsageError(
            "Name what to delete: RUN..., --filter EXPR, --experiment NAME or --model NAME"
        )
    if bool(runs) + (filter is not None) + (model is not None) > 1:
        raise click.UsageError("RUN, --filter and --model exclude each other")
    everything = experiment is not None and not (runs or filter is not None or model is not None)
    deletion: Deletion = asking.proxy.ask(
        "trash.delete",
        runs=list(runs),
        filter=filter,
        everything=everything,
        model=model,
        experiment=experiment or (None if everywhere else asking.experiment),
    )
    return answer("text", _deleted(deletion, asking.prog), as_json, json=deletion)


def _deleted(deletion: Deletion, prog: str) -> str:
    them = "it" if len(deletion.runs) + len(deletion.versions) == 1 else "them"
    return f"In the trash: {contents(deletion)} ({size(deletion.size)}). {prog} undo takes {them} back."


@click.command(cls=Command, examples=("trash", "trash --json"))
@as_json
@click.pass_obj
def trash(asking: Asking, as_json: bool) -> View:
    """List what was deleted and may still be taken back, newest first."""
    content: Trash = asking.proxy.ask("trash.content")
    hints = (f"{asking.prog} undo takes the newest back, undelete RUN one run",) if content.deletions else ()
    return answer("trash", content, as_json, hints)


@click.command(cls=Command, examples=("undo",))
@as_json
@click.pass_obj
def undo(asking: Asking, as_json: bool) -> View:
    """Take back the last delete, all of it."""
    deletion: Deletion = asking.proxy.ask("trash.undo")
    return answer("text", f"Taken back: {contents(deletion)}.", as_json, json=deletion)


@click.command(cls=Command, examples=("undelete forest-3", "undelete --model churn"))
@click.argument("runs", metavar="RUN...", nargs=-1)
@click.option("--model", metavar="NAME[/VERSION]", help="A registered model, or one version of it.")
@in_experiment
@as_json
@click.pass_obj
def undelete(
    asking: Asking, runs: tuple[str, ...], model: str | None, experiment: str | None, as_json: bool
) -> View:
    """Take runs or a model back from the trash."""
    if bool(runs) == (model is not None):
        raise InvalidInput("Name what to take back: RUN... or --model NAME.")
    where = experiment or asking.experiment
    deletion: Deletion = asking.proxy.ask("trash.restore", runs=list(runs), model=model, experiment=where)
    return answer("text", f"Taken back: {contents(deletion)}.", as_json, json=deletion)


TRASH_COMMANDS = (delete, trash, undo, undelete)
