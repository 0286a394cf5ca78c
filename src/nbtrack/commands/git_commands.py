"""What git needs to show notebooks: a difftool, and the setting of a repository that names it."""

from __future__ import annotations

import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import click

from nbtrack.commands.answers import answer, as_json
from nbtrack.commands.grammar import Asking, Command
from nbtrack.commands.history_commands import difference
from nbtrack.errors import InvalidInput
from nbtrack.render.views import View

_ATTRIBUTES = "*.ipynb diff=nbtrack"
_PROGRAM = "import sys; from nbtrack.cli import main; sys.exit(main())"
"""nbtrack by its interpreter: the script may not be on the path of whoever starts git."""

_OF_GIT = 7
"""git calls a program for differences with a path, and file, hash and mode of either side."""


@click.command(
    cls=Command,
    examples=("difftool --setup", "difftool --remove", "difftool old.ipynb new.ipynb"),
)
@click.argument("files", metavar="[OLD NEW]", nargs=-1)
@click.option("--setup", is_flag=True, help="Let git diff in this repository show notebooks by nbtrack.")
@click.option("--remove", is_flag=True, help="Undo --setup.")
@as_json
@click.pass_obj
def difftool(asking: Asking, files: tuple[str, ...], setup: bool, remove: bool, as_json: bool) -> View:
    """Show how a notebook differs, as git diff asks; --setup makes git diff ask it.

    --setup writes into this repository's own settings (.git/config and .git/info/attributes), and into no file that is
    shared. Then git diff and git log -p --ext-diff show notebooks cell by cell, and git difftool -t nbtrack works too.
    """
    if setup or remove:
        if files or setup == remove:
            raise click.UsageError("--setup, --remove and OLD NEW exclude each other")
        return answer("text", _set_up() if setup else _take_out(), as_json)
    if len(files) not in (
        2,
        _OF_GIT,
        _OF_GIT + 2,
    ):  # two more of a renamed file: its new path, and what git says of it
        raise click.UsageError("Name two notebooks")
    old, new = files if len(files) == 2 else (files[1], files[4])
    try:
        found, _ = difference(asking, old, new, None)
    except InvalidInput as problem:
        if len(files) == 2:
            raise
        return answer("text", problem.message, as_json)  # git would end the whole listing at an error
    if len(files) > 2:
        names = files[0], files[_OF_GIT] if len(files) > _OF_GIT else files[0]
        found = replace(found, base=f"a/{names[0]}", head=f"b/{names[1]}")
    return answer("diff", found, as_json)


def _set_up() -> str:
    attributes = _attributes()
    program = shlex.join([sys.executable, "-c", _PROGRAM, "difftool"])
    _git("config", "diff.nbtrack.command", program)
    _git("config", "difftool.nbtrack.cmd", f'{program} "$LOCAL" "$REMOTE"')
    lines = attributes.read_text(encoding="utf-8").splitlines() if attributes.exists() else []
    if _ATTRIBUTES not in lines:
        attributes.parent.mkdir(exist_ok=True)
        attributes.write_text("\n".join([*lines, _ATTRIBUTES, ""]), encoding="utf-8")
    return "git diff shows notebooks by nbtrack in this repository; nbtrack difftool --remove undoes it"


def _take_out() -> str:
    attributes = _attributes()
    for section in ("diff.nbtrack", "difftool.nbtrack"):
        _git("config", "--remove-section", section, required=False)
    if attributes.exists():
        lines = attributes.read_text(encoding="utf-8").splitlines()
        attributes.write_text("".join(f"{line}\n" for line in lines if line != _ATTRIBUTES), encoding="utf-8")
    return "git diff shows notebooks as it did before"


def _attributes() -> Path:
    """The file of a repository's own attributes, which is shared with nobody."""
    return Path(_git("rev-parse", "--git-path", "info/attributes"))


def _git(*arguments: str, required: bool = True) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise InvalidInput("git is not installed, or not found.") from None
    if done.returncode and required:
        said = (done.stderr.strip().splitlines() or ["git failed"])[0].removeprefix("fatal: ")
        raise InvalidInput(f"git cannot do it here: {said.rstrip('.')}.")
    return done.stdout.strip()
