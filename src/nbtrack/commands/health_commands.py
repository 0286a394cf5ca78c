"""The commands that look after a store."""

from __future__ import annotations

import click

from nbtrack.commands.grammar import Asking, Command
from nbtrack.entities.stores import StoreStatus
from nbtrack.errors import StoreCorrupt
from nbtrack.operations import to_json
from nbtrack.render.views import Shown, View

_as_json = click.option("--json", "as_json", is_flag=True, help="Answer as JSON, for machines.")


def _answer(kind: str, content: Shown, as_json: bool, status: int, hints: tuple[str, ...] = ()) -> View:
    if as_json:
        return View(kind="json", content=to_json(content, indent=2), exit_status=status)
    return View(kind=kind, content=content, hints=hints, exit_status=status)


@click.command(cls=Command, examples=("doctor", "doctor --json"))
@_as_json
@click.pass_obj
def doctor(asking: Asking, as_json: bool) -> View:
    """Look quickly at how the store is: where, how large, who serves it, what waits, and what is wrong."""
    status: StoreStatus = asking.proxy.ask("store.status")
    return _answer("status", status, as_json, StoreCorrupt.exit_status if status.problems else 0)
