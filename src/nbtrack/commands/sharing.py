"""The commands that take a store, or runs of it, to another place."""

from __future__ import annotations

import os
from pathlib import Path

import click

from nbtrack.commands.answers import answer
from nbtrack.commands.grammar import Asking, Command
from nbtrack.entities.bundles import Export, Merge
from nbtrack.entities.stores import Backup
from nbtrack.operations import to_json
from nbtrack.render.sharing import backup_sentence, export_sentences, merge_sentences
from nbtrack.render.views import View

as_json_option = click.option("--json", "as_json", is_flag=True, help="Answer as JSON, for machines.")


def absolute(path: str) -> str:
    """A path as the keeper, whose working directory is another, can use it."""
    return os.path.abspath(Path(path).expanduser())  # noqa: PTH100 - without ".." in what is told, links as they are


@click.command(cls=Command, examples=("backup ~/backups/monday", "backup ../copy --link"))
@click.argument("folder", metavar="FOLDER")
@click.option(
    "--link", is_flag=True, help="Link the files of blobs instead of copying them, on the same disk."
)
@as_json_option
@click.pass_obj
def backup(asking: Asking, folder: str, link: bool, as_json: bool) -> View:
    """Copy the whole store into a new FOLDER while it is in use; the copy is checked, and is a store itself."""
    made: Backup = asking.proxy.ask("backups.make", path=absolute(folder), link=link)
    if as_json:
        return View(kind="json", content=to_json(made, indent=2))
    return View(
        kind="text",
        content=backup_sentence(made),
        hints=(f"look at it: nbtrack runs --all --store {made.path}",),
    )


@click.command(
    cls=Command,
    completes=("run*",),
    examples=(
        "export forest-3 forest-4 forests.bundle",
        'export --filter "accuracy > 0.9" good.bundle',
        "export --experiment study study.bundle",
        "export --model churn/2 churn.bundle --as laptop",
        "export --all everything.bundle --force",
    ),
)
@click.argument("runs", metavar="[RUN...]", nargs=-1)
@click.argument("file", metavar="FILE")
@click.option("--filter", "filter", metavar="EXPR", help="All runs that fit.")
@click.option("--experiment", metavar="NAME", help="All runs of it; with RUN or --filter: look in it.")
@click.option("--model", metavar="NAME[/VERSION]", help="A registered model with the runs that it came from.")
@click.option("--all", "everywhere", is_flag=True, help="All runs; with --filter: in every experiment.")
@click.option(
    "--as", "name", metavar="NAME", help="What this store calls itself from now on; at first its host."
)
@click.option("--rows", is_flag=True, help="Include the rows of input that were kept with models.")
@click.option("--force", is_flag=True, help="Replace FILE.")
@as_json_option
@click.pass_obj
def export(
    asking: Asking,
    runs: tuple[str, ...],
    file: str,
    filter: str | None,
    experiment: str | None,
    model: str | None,
    everywhere: bool,
    name: str | None,
    rows: bool,
    force: bool,
    as_json: bool,
) -> View:
    """Write runs into one FILE with all that they need: points, cells, snapshots, files, models, the audit log.

    Somebody else takes them in with merge. The file holds code, outputs, paths and the names of host and user.
    """
    everything = not runs and filter is None and model is None
    if everything and not everywhere and experiment is None:
        raise click.UsageError(
            "Name what to export: RUN..., --filter EXPR, --experiment NAME, --model NAME or --all"
        )
    if bool(runs) + (filter is not None) + (model is not None) > 1:
        raise click.UsageError("RUN, --filter and --model exclude each other")
    written: Export = asking.proxy.ask(
        "bundles.write",
        path=absolute(file),
        runs=list(runs),
        filter=filter,
        everything=everything,
        model=model,
        experiment=experiment or (None if everywhere else asking.experiment),
        name=name,
        force=force,
        rows=rows,
    )
    return answer("text", "\n".join(export_sentences(written)), as_json, json=written)


@click.command(
    cls=Command,
    examples=("merge forests.bundle --dry-run", "merge forests.bundle", "merge ../laptop"),
)
@click.argument("source", metavar="BUNDLE_OR_STORE")
@click.option("--dry-run", is_flag=True, help="Check everything, and only say what would come in.")
@as_json_option
@click.pass_obj
def merge(asking: Asking, source: str, dry_run: bool, as_json: bool) -> View:
    """Take in what a bundle or another store has; twice is the same as once.

    What is here keeps its names; what comes in and clashes gets the mark of its store: forest@laptop-3. What was deleted
    here stays deleted.
    """
    merged: Merge = asking.proxy.ask("merging.merge", path=absolute(source), dry_run=dry_run)
    hints = (f"{asking.prog} merge {source} takes it in",) if dry_run and not as_json else ()
    return answer("text", "\n".join(merge_sentences(merged)), as_json, hints, json=merged)
