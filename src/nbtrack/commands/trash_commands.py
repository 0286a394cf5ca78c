"""The commands that delete, take back what was deleted, and say what takes the space."""

from __future__ import annotations

import click

from nbtrack.commands.answers import answer, as_json, in_experiment
from nbtrack.commands.grammar import Asking, Command
from nbtrack.entities.ownership import Collection, Deletion, Trash, Usage
from nbtrack.errors import InvalidInput
from nbtrack.render.numbers import size
from nbtrack.render.ownership import contents
from nbtrack.render.views import View

_DAYS = click.IntRange(min=0)
_WORTH_IT = 10_000_000
"""Unused bytes of the database from which on it is worth writing it anew."""


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
    days = int(asking.settings["trash_days"])
    return answer("text", _deleted(deletion, asking.prog, days), as_json, json=deletion)


def _deleted(deletion: Deletion, prog: str, days: int) -> str:
    them = "it" if len(deletion.runs) + len(deletion.versions) == 1 else "them"
    return (
        f"In the trash: {contents(deletion)}. {prog} undo takes {them} back; in {days} days "
        f"{prog} gc may free {size(deletion.size)}."
    )


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


@click.command(cls=Command, completes=("trashed*",), examples=("undelete forest-3", "undelete --model churn"))
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


@click.command(
    cls=Command,
    examples=("gc --dry-run", "gc", "gc --trash-days 0 --compact", "gc --keep-models 5 --best accuracy"),
)
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option(
    "--trash-days", metavar="N", type=_DAYS, help="Instead of the setting trash_days; 0: all of it."
)
@click.option("--grace", metavar="N", type=_DAYS, help="Instead of the setting gc_grace, in days.")
@click.option(
    "--keep-executions", metavar="N", type=_DAYS, help="Instead of the setting keep_executions_days; 0: all."
)
@click.option(
    "--keep-models",
    metavar="N",
    type=click.IntRange(min=1),
    help="Let go of model files, except those of the N newest runs of each experiment.",
)
@click.option("--best", metavar="METRIC", help="With --keep-models: keep those of the N best runs too.")
@click.option("--compact", is_flag=True, help="Give room inside the database back to the disk.")
@as_json
@click.pass_obj
def gc(
    asking: Asking,
    dry_run: bool,
    trash_days: int | None,
    grace: int | None,
    keep_executions: int | None,
    keep_models: int | None,
    best: str | None,
    compact: bool,
    as_json: bool,
) -> View:
    """Delete for good what is old enough, and free its space.

    Never touched: what a registered model's lineage needs, and with --keep-models the models of pinned runs.
    """
    if best is not None and keep_models is None:
        raise click.UsageError("--best METRIC needs --keep-models N")
    settings = asking.settings
    collection: Collection = asking.proxy.ask(
        "retention.collect",
        trash_days=int(settings["trash_days"]) if trash_days is None else trash_days,
        grace_days=int(settings["gc_grace"]) if grace is None else grace,
        executions_days=int(settings["keep_executions_days"]) if keep_executions is None else keep_executions,
        keep_models=keep_models,
        best=best,
        compact=compact,
        dry_run=dry_run,
    )
    hints = (
        ()
        if compact or collection.unused < _WORTH_IT
        else (f"{asking.prog} gc --compact gives that room to the disk",)
    )
    return answer("collection", collection, as_json, hints)


@click.command(cls=Command, examples=("du", "du --by run", "du --by cell --limit 50 --json"))
@click.option(
    "--by",
    type=click.Choice(["kind", "run", "cell"]),
    default="kind",
    show_default=True,
    help="What to list.",
)
@click.option(
    "--limit", type=click.IntRange(min=1), default=25, show_default=True, help="The most rows to list."
)
@as_json
@click.pass_obj
def du(asking: Asking, by: str, limit: int, as_json: bool) -> View:
    """Say what takes the space of the store: kinds of content, runs or cells, largest first.

    What several runs or cells have in common is said as shared; every byte is counted once in the total.
    """
    settings = asking.settings
    usage: Usage = asking.proxy.ask(
        "space.measure",
        by=by,
        limit=limit,
        trash_days=int(settings["trash_days"]),
        grace_days=int(settings["gc_grace"]),
        executions_days=int(settings["keep_executions_days"]),
    )
    hints = (f"{asking.prog} du --by run (or cell) says whose it is",) if by == "kind" else ()
    return answer("usage", usage, as_json, hints)


TRASH_COMMANDS = (delete, trash, undo, undelete, gc, du)
