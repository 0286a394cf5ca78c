"""The commands that only make sense inside a kernel, as part of the one command tree."""

from __future__ import annotations

import click

from nbtrack.commands import Asking, Command, Tree, View, command_tree, run_command
from nbtrack.entities.names import check_name
from nbtrack.errors import InvalidInput
from nbtrack.ipython.hooks import NOT_WIRED, CellHooks

KERNEL_COMMANDS = ("status", "start", "end", "pause", "resume")


def kernel_tree(hooks: CellHooks) -> Tree:
    """The command tree of ``%track``: what the shell has, and what this kernel has beside it."""
    tree = command_tree()

    @click.command("status", cls=Command, examples=("status",))
    @click.pass_obj
    def status(asking: Asking) -> View:
        """Say what is tracked here and now, with the last runs; the same as plain %track."""
        return run_command(
            ["runs", "--limit", "5"], asking.proxy, experiment=asking.experiment, prog=asking.prog
        )

    @click.command("start", cls=Command, examples=("start forest", "start +forest"))
    @click.argument("name")
    def start(name: str) -> View:
        """Begin a run that spans cells, until %track end; +NAME goes on with the last run of this name."""
        again = name.startswith("+")
        run = hooks.start_bracket(check_name(name.removeprefix("+")), again=again)
        return View(kind="text", content=f"run {run.name} is open until %track end")

    @click.command("end", cls=Command, examples=("end",))
    def end() -> View:
        """End the run that %track start began."""
        hooks.end_bracket()
        return View(kind="text", content="")

    @click.command("pause", cls=Command, examples=("pause",))
    def pause() -> View:
        """Stop remembering cells."""
        hooks.paused = True
        return View(kind="text", content="paused: cells are not remembered until %track resume")

    @click.command("resume", cls=Command, examples=("resume",))
    def resume() -> View:
        """Remember cells again."""
        hooks.paused = False
        return View(kind="text", content="tracking again")

    for command in (status, start, end, pause, resume):
        tree.add_command(command)
    tree.help = (
        "Look at what this and other notebooks did. %%track NAME as a cell's first line makes the cell a run."
    )
    return tree


def status_lines(hooks: CellHooks) -> list[str]:
    """What is tracked here and now, line by line."""
    session = hooks.session
    where = hooks.notebook or "a notebook whose path is not known"
    lines = [
        f"{'paused in' if hooks.paused else 'tracking'} {where}",
        f"store {session.store} · experiment {session.experiment}",
    ]
    if hooks.bracket is not None:
        lines.append(f"the run {hooks.bracket.name} is open; %track end ends it")
    if not hooks.is_wired():
        lines.append(f"problem: cells are not remembered: {NOT_WIRED}")
    if (trouble := hooks.place.trouble()) is not None:
        lines.append(f"problem: {trouble}")
    return [*lines, *(f"problem: {problem}" for problem in session.problems[-3:])]


def unknown_command(word: str, tree: Tree) -> InvalidInput:
    """What to say to ``%track forest``: a command was mistyped, or the second percent sign forgotten."""
    import difflib

    near = difflib.get_close_matches(word, tree.commands, n=1, cutoff=0.75)
    if near:
        return InvalidInput(f"There is no command {word}; did you mean %track {near[0]}?")
    return InvalidInput(
        f"There is no command {word}; did you mean %%track {word}? Two percent signs on a cell's first line make it "
        "a run; %track --help lists the commands."
    )
