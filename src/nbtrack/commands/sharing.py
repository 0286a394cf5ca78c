"""The commands that take a store, or runs of it, to another place."""

from __future__ import annotations

from pathlib import Path

import click

from nbtrack.commands.grammar import Asking, Command
from nbtrack.entities.stores import Backup
from nbtrack.operations import to_json
from nbtrack.render.numbers import size
from nbtrack.render.views import View

as_json_option = click.option("--json", "as_json", is_flag=True, help="Answer as JSON, for machines.")


def absolute(path: str) -> str:
    """A path as the keeper, whose working directory is another, can use it."""
    return str(Path(path).expanduser().absolute())


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
        content=f"{made.runs} runs in {made.files} files ({size(made.size)}) are in {made.path}, read again and whole.",
        hints=(f"look at it: nbtrack runs --all --store {made.path}",),
    )
