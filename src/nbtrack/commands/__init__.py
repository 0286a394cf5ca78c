"""One command tree for the shell and for ``%track``. It returns views and prints nothing.

A surface calls `run_command` with the words that were typed. To add commands of its own it takes a fresh tree
from `command_tree`, adds `Command` objects, and hands the tree to `run_command` and `complete`::

    tree = command_tree()

    @tree.command("pause", cls=Command, examples=("pause",))
    @click.pass_obj
    def pause(asking: Asking) -> View:
        "Stop remembering cells."
        ...
"""

from __future__ import annotations

from nbtrack.commands.completion import complete
from nbtrack.commands.grammar import Asking, Command, Tree
from nbtrack.commands.running import run_command
from nbtrack.commands.store_commands import command_names, command_tree
from nbtrack.render.views import View

__all__ = ["Asking", "Command", "Tree", "View", "command_names", "command_tree", "complete", "run_command"]
