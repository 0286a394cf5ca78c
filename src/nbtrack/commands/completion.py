"""What may stand where the cursor is, behind ``%track`` or ``nbtrack``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import click

from nbtrack.commands.grammar import Command, Tree
from nbtrack.commands.store_commands import command_tree
from nbtrack.errors import NbtrackError
from nbtrack.operations import Proxy

_COLUMNS = ("name", "status", "started", "duration", "experiment", "notebook", "number")
_PIECE = re.compile(r"[\w.\-/@]*$")
_PLAIN = re.compile(r"[^\W\d][\w.]*")


def complete(
    words: Sequence[str], proxy: Proxy, *, experiment: str | None = None, tree: Tree | None = None
) -> list[str]:
    """List the candidates for the last of `words`, which may be empty.

    Within a filter a candidate stands for the last name only: for ``"accuracy > 0.9 and max_"`` it is
    ``max_depth``. A store that does not answer has no candidates.

    Parameters
    ----------
    words
        The words behind the program's name; the last one is being typed.
    proxy
        How to reach the store.
    experiment
        The current experiment.
    tree
        As for `run_command`.
    """
    tree = tree or command_tree()
    *before, typed = words or [""]
    command_at = next((i for i, word in enumerate(before) if not word.startswith("-")), None)
    if command_at is None:
        return _starting(["--help"] if typed.startswith("-") else tree.commands, typed)
    command = tree.commands.get(before[command_at])
    if command is None:
        return []
    before = before[command_at + 1 :]
    try:
        option = _option(command, before[-1]) if before else None
        if option is not None and not option.is_flag:
            return _option_values(option, typed, proxy)
        if typed.startswith("-"):
            return _starting((name for param in _options(command) for name in param.opts), typed)
        return _argument_values(command, before, typed, proxy, experiment)
    except NbtrackError:
        return []


def _options(command: click.Command) -> list[click.Option]:
    return [param for param in command.params if isinstance(param, click.Option)] + [
        click.Option(["--help"], is_flag=True)
    ]


def _option(command: click.Command, word: str) -> click.Option | None:
    return next((option for option in _options(command) if word in option.opts), None)


def _option_values(option: click.Option, typed: str, proxy: Proxy) -> list[str]:
    if option.name == "sort":
        sign = typed[:1] if typed[:1] in ("-", "+") else ""
        return [sign + name for name in _starting(_names(proxy), typed.removeprefix(sign))]
    if option.name == "filter":
        return _of_kind("filter", typed, proxy, None)
    if option.name in ("experiment", "model"):
        return _of_kind(option.name, typed, proxy, None)
    if option.name == "alias":
        return _starting({alias for model in proxy.call("models.list") for alias in model["aliases"]}, typed)
    return []


def _argument_values(
    command: click.Command, before: Sequence[str], typed: str, proxy: Proxy, experiment: str | None
) -> list[str]:
    kinds = command.completes if isinstance(command, Command) else ()
    place = _arguments_before(command, before)
    if not kinds or (place >= len(kinds) and not kinds[-1].endswith("*")):
        return []
    kind = kinds[min(place, len(kinds) - 1)].removesuffix("*")
    return [name for one in kind.split("|") for name in _of_kind(one, typed, proxy, experiment)]


def _of_kind(kind: str, typed: str, proxy: Proxy, experiment: str | None) -> list[str]:
    if kind in ("run", "trashed"):
        trash = {"trash": True} if kind == "trashed" else {}
        names: list[str] = proxy.call("runs.complete", prefix=typed, experiment=experiment, **trash)
        return names
    if kind in ("experiment", "tag"):
        return [name for name in proxy.call("runs.names")[f"{kind}s"] if name.startswith(typed)][:100]
    if kind == "model":
        return _starting((model["name"] for model in proxy.call("models.list")), typed)
    if kind == "filter":
        piece = _PIECE.search(typed)
        return _starting(_names(proxy), piece[0] if piece else "")
    return []


def _arguments_before(command: click.Command, before: Sequence[str]) -> int:
    """How many of the words are arguments, and not options or their values."""
    count, skip = 0, False
    for word in before:
        option = _option(command, word)
        if skip:
            skip = False
        elif option is not None:
            skip = not option.is_flag
        else:
            count += 1
    return count


def _names(proxy: Proxy) -> list[str]:
    """Names for a filter or a sort; those that need quotes are written with their prefix."""
    known = proxy.call("runs.names")
    found: dict[str, None] = {}
    for group in ("metrics", "params", "tags"):
        for name in known[group]:
            if _PLAIN.fullmatch(name):
                found[name] = None
                found[f"{group}.{name}"] = None
            else:
                found[f"{group}.`{name.replace('`', '``')}`"] = None
    return [*found, *_COLUMNS]


def _starting(candidates: Iterable[str], typed: str) -> list[str]:
    """Those that start with what was typed; prefixed names only once the prefix was begun."""
    matching = (name for name in candidates if name.startswith(typed) and ("." not in name or typed))
    return list(dict.fromkeys(matching))[:100]
