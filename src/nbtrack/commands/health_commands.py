"""The commands that look after a store."""

from __future__ import annotations

import click

from nbtrack.commands.answers import as_json
from nbtrack.commands.grammar import Asking, Command
from nbtrack.entities.health import Repair, Verification
from nbtrack.entities.stores import StoreStatus
from nbtrack.errors import InvalidInput, StoreCorrupt
from nbtrack.operations import to_json
from nbtrack.render.views import Shown, View

_PARTLY_DONE = 18


def _answer(kind: str, content: Shown, as_json: bool, status: int, hints: tuple[str, ...] = ()) -> View:
    if as_json:
        return View(kind="json", content=to_json(content, indent=2), exit_status=status)
    return View(kind=kind, content=content, hints=hints, exit_status=status)


@click.command(cls=Command, examples=("doctor", "doctor --json"))
@as_json
@click.pass_obj
def doctor(asking: Asking, as_json: bool) -> View:
    """Look quickly at how the store is: where, how large, who serves it, what waits, and what is wrong."""
    status: StoreStatus = asking.proxy.ask("store.status")
    return _answer("status", status, as_json, StoreCorrupt.exit_status if status.problems else 0)


@click.command(cls=Command, examples=("verify", "verify --quick", "verify --subset 5%"))
@click.option("--quick", is_flag=True, help="Look at structure and references, and read no content.")
@click.option(
    "--subset", metavar="PERCENT", default="100%", show_default=True, help="Read this part of the blobs."
)
@as_json
@click.pass_obj
def verify(asking: Asking, quick: bool, subset: str, as_json: bool) -> View:
    """Compare all that is stored with what was written: every hash, checksum and reference."""
    found: Verification = asking.proxy.ask("verification.make", quick=quick, subset=_percent(subset))
    hints = (f"{asking.prog} repair shows what can be done.",) if found.errors else ()
    status = StoreCorrupt.exit_status if found.errors else 0
    return _answer("verification", found, as_json, status, hints)


def _percent(text: str) -> float:
    try:
        return float(text.removesuffix("%"))
    except ValueError:
        raise InvalidInput(f"--subset is a percentage such as 5%; {text[:60]!r} is none.") from None


@click.command(cls=Command, examples=("repair", "repair --apply"))
@click.option("--apply", is_flag=True, help="Do it; else only say what would be done.")
@as_json
@click.pass_obj
def repair(asking: Asking, apply: bool, as_json: bool) -> View:
    """Put damage right where that needs no guess; move the damaged to quarantine and delete nothing."""
    made: Repair = asking.proxy.ask("repairs.make", apply=apply)
    status = 0
    if made.errors:
        status = StoreCorrupt.exit_status if not apply else _PARTLY_DONE if made.left else 0
    return _answer("repair", made, as_json, status)
