"""Running one command of the tree: words in, a view out, every mistake one sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import click

from nbtrack.commands.grammar import Asking, HelpAsked, Tree
from nbtrack.commands.store_commands import command_tree
from nbtrack.config import Settings
from nbtrack.errors import InvalidInput
from nbtrack.operations import Proxy
from nbtrack.render.views import View


def run_command(
    arguments: Sequence[str],
    proxy: Proxy,
    *,
    experiment: str | None = None,
    prog: str = "nbtrack",
    tree: Tree | None = None,
    settings: Settings | None = None,
    session: str | None = None,
    keep: Callable[[str, str | None, str | None], tuple[str, str] | None] | None = None,
) -> View:
    """Run one command and return what it answers.

    Parameters
    ----------
    arguments
        The words behind the program's name; none asks for help.
    proxy
        How to reach the store.
    experiment
        The current experiment, in which ``forest-1`` is looked for first and whose runs are listed.
    prog
        The program's name in help and hints.
    tree
        A tree with more commands; `command_tree()` by default.
    settings
        The settings that hold; by default those of the working directory.
    session
        The kernel's own session, in which variables are looked for.
    keep
        Saves a variable as a model; see `Asking`.

    Raises
    ------
    InvalidInput
        The words are no command, in one sentence.
    NbtrackError
        What the operations raise.
    """
    tree = tree or command_tree()
    try:
        asking = Asking(proxy, experiment, prog, settings or Settings(), session, keep)
        # As wide as a line of code; a help text is shown in notebooks too, where no terminal tells a width.
        with tree.make_context(prog, list(arguments) or ["--help"], obj=asking, terminal_width=88) as context:
            answer = tree.invoke(context)
    except HelpAsked as help_asked:
        return View(kind="text", content=help_asked.text)
    except click.exceptions.Exit:
        return View(kind="text", content="")
    except click.ClickException as error:
        raise InvalidInput(_sentence(error, prog)) from None
    assert isinstance(answer, View)
    return answer


def _sentence(error: click.ClickException, prog: str) -> str:
    message = " ".join(error.format_message().split()).rstrip(".")
    context = error.ctx if isinstance(error, click.UsageError) else None
    name = f"{prog} {context.info_name}" if context is not None and context.parent is not None else prog
    end = "" if message.endswith(("?", "?)")) else "."
    return f"{message}{end} {name} --help has examples."
