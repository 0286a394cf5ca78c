"""How commands are read: click's parser, with answers and errors returned instead of printed."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

import click

from nbtrack.config import Settings
from nbtrack.errors import InvalidInput
from nbtrack.operations import Proxy


@dataclass(slots=True)
class Asking:
    """What a command works with: ``ctx.obj`` of every command. ``session`` is the kernel's own, None in a terminal."""

    proxy: Proxy
    experiment: str | None = None
    prog: str = "nbtrack"
    settings: Settings = field(default_factory=Settings)
    session: str | None = None
    keep: Callable[[str, str | None, str | None], tuple[str, str] | None] | None = None
    """Saves a variable of the notebook as a model of a run, given its name, the format that was asked for, and the variable
    with rows of input; the run's id and the artifact's name, None where there is no such variable. None in a terminal."""


class HelpAsked(Exception):
    """Carries the help text out of click's parser; no error, but its way out."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class _HelpByView(click.Command):
    """A command whose help is raised instead of printed, and shows examples."""

    examples: tuple[str, ...] = ()

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        return click.Option(
            ["--help", "-h"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_ask_help,
            help="Show this.",
        )

    def get_help_option_names(self, ctx: click.Context) -> list[str]:
        return ["--help", "-h"]

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.examples:
            prog = ctx.find_root().info_name
            with formatter.section("Examples"):
                for example in self.examples:
                    formatter.write(f"{' ' * formatter.current_indent}{prog} {example}\n")


def _ask_help(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        raise HelpAsked(ctx.get_help())


class Command(_HelpByView):
    """One command.

    Parameters
    ----------
    examples
        Lines for the help, without the program's name.
    completes
        What its arguments are, for completion: ``run``, ``trashed`` (a run in the trash), ``model``, ``experiment``,
        ``tag``, ``filter``, or several such as ``run|tag``; the last one repeats if it ends with ``*``.
    """

    def __init__(
        self, *args: Any, examples: tuple[str, ...] = (), completes: tuple[str, ...] = (), **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples
        self.completes = completes


class Tree(_HelpByView, click.Group):
    """The group of commands; names the nearest one when a word is none."""

    command_class = Command

    def __init__(self, *args: Any, examples: tuple[str, ...] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which they were added: that of the work."""
        return list(self.commands)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Find the command that the first word names."""
        if args and self.get_command(ctx, args[0]) is None:
            self._unknown(ctx, args[0])
        return super().resolve_command(ctx, args)

    def _unknown(self, ctx: click.Context, word: str) -> NoReturn:
        names = self.list_commands(ctx)
        near = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}."
        raise InvalidInput(f"There is no command {word[:60]!r}; {hint}", candidates=near)
