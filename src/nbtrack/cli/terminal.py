"""``nbtrack`` in a terminal: finds the store, runs the tree, prints what it answers."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from nbtrack.cli.demo import open_in_lab, require, run_demo, summary_view
from nbtrack.cli.startup import disable_view, enable_view
from nbtrack.commands import Command, Tree, command_tree, run_command
from nbtrack.commands.git_commands import difftool
from nbtrack.errors import InvalidInput, NbtrackError
from nbtrack.operations import Proxy
from nbtrack.render.characters import visible
from nbtrack.render.text import to_text
from nbtrack.render.views import View
from nbtrack.version import __version__

_PIPE_WIDTH = 10_000
"""A file or another program gets every column."""


class FoundStore:
    """The store that the shell means, found when first asked: help and enable need none."""

    def __init__(self, path: str | None = None) -> None:
        self.path = path
        self._proxy: Proxy | None = None

    def ask(self, operation: str, /, **arguments: Any) -> Any:
        """Ask or decide; the answer as the operation's entity."""
        return self._connected().ask(operation, **arguments)

    def call(self, operation: str, /, **arguments: Any) -> Any:
        """Ask or decide; the answer as plain values."""
        return self._connected().call(operation, **arguments)

    def _connected(self) -> Proxy:
        if self._proxy is None:
            from nbtrack.config import Settings
            from nbtrack.keeper import connect
            from nbtrack.store.location import resolve_store

            here = Path.cwd()
            self._proxy = connect(resolve_store(self.path or Settings(here)["store"] or None, here))
        return self._proxy


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``nbtrack``.

    Parameters
    ----------
    arguments
        The words behind the program's name; by default those of this process.

    Returns
    -------
    int
        The exit status: 0, or that of what was found (`View`) or raised (`NbtrackError`).
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that knows no arrows shows "?", not a traceback
    try:
        path, words = _without_store(words)
        view = run_command(words, FoundStore(path), tree=shell_tree())
        _print(view)
        sys.stdout.flush()
    except NbtrackError as error:
        print(f"nbtrack: {visible(error.message, keep=chr(10))}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader (head, less) has left. Python would complain again when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return view.exit_status


def _without_store(words: list[str]) -> tuple[str | None, list[str]]:
    """Take ``--store PATH`` out of the words, before or behind the command."""
    for index, word in enumerate(words):
        if word == "--":
            break
        if word == "--store":
            if index + 1 == len(words):
                raise InvalidInput("--store needs the PATH of a store, or of the folder that has it.")
            return words[index + 1], [*words[:index], *words[index + 2 :]]
        if word.startswith("--store="):
            return word.partition("=")[2], [*words[:index], *words[index + 1 :]]
    return None, words


def shell_tree() -> Tree:
    """The tree with what only a shell needs."""
    tree = command_tree()
    for command in (difftool, _enable, _disable, _demo):
        tree.add_command(command)
    # Taken out of the words before; here for the help.
    store = "The store, or the folder that has it; else NBTRACK_STORE, else found upward from here."
    tree.params.append(click.Option(["--store"], metavar="PATH", expose_value=False, help=store))
    tree.params.append(
        click.Option(
            ["--version"],
            is_flag=True,
            expose_value=False,
            is_eager=True,
            callback=_version,
            help="Show the version.",
        )
    )
    return tree


class _VersionAsked(click.exceptions.Exit):
    """Ends the parsing; the version has been printed."""


def _version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        print(f"nbtrack {__version__}")
        raise _VersionAsked(0)


def _print(view: View) -> None:
    from rich.console import Console

    console = Console()
    terminal = console.is_terminal
    text = to_text(
        view,
        width=console.width if terminal else _PIPE_WIDTH,
        colour=terminal and not console.no_color,
        now=datetime.now(UTC) if terminal else None,
    )
    if text:
        print(text)


@click.command("enable", cls=Command, examples=("enable",))
def _enable() -> View:
    """Load nbtrack in every IPython and notebook from now on."""
    return enable_view()


@click.command("disable", cls=Command, examples=("disable",))
def _disable() -> View:
    """Undo enable."""
    return disable_view()


@click.command("demo", cls=Command, examples=("demo", "demo --lab"))
@click.option("--lab", is_flag=True, help="Open the executed notebook in JupyterLab.")
def _demo(lab: bool) -> View:
    """Run the quickstart notebook in ./nbtrack-demo and show what was tracked."""
    if lab:
        require("jupyterlab")
    path = run_demo(Path.cwd() / "nbtrack-demo")
    view = summary_view(path)
    if not lab:
        return view
    _print(view)  # before JupyterLab fills the terminal
    open_in_lab(path)
    return View(kind="text", content="")
