"""What the modules of commands share: options that several commands have, and how an answer becomes a view."""

from __future__ import annotations

import click

from nbtrack.errors import InvalidInput
from nbtrack.operations import to_json
from nbtrack.render.views import Shown, View

as_json = click.option("--json", "as_json", is_flag=True, help="Answer as JSON, for machines.")
in_experiment = click.option("--experiment", metavar="NAME", help="Look in this experiment.")


def answer(
    kind: str, content: Shown, as_json: bool, hints: tuple[str, ...] = (), *, json: object = None
) -> View:
    """The view of an answer; as JSON it is `json` where that is given, else the content."""
    if as_json:
        return View(kind="json", content=to_json(content if json is None else json, indent=2))
    return View(kind=kind, content=content, hints=hints)


def pairs(given: tuple[str, ...], option: str = "--tag ") -> dict[str, str]:
    """Tags as they are typed: KEY=VALUE each.

    Raises
    ------
    InvalidInput
        If one has no equals sign or no key.
    """
    tags = {}
    for tag in given:
        key, equals, value = tag.partition("=")
        if not equals or not key.strip():
            raise InvalidInput(f"A tag is KEY=VALUE, such as {option}team=risk; {tag[:60]!r} is not.")
        tags[key.strip()] = value
    return tags
