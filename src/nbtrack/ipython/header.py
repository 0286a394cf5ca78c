"""The line that makes a cell a run: ``%%track forest`` or the comment ``# nbtrack: run forest``."""

from __future__ import annotations

import re
import shlex
import threading
from dataclasses import dataclass
from typing import Any

from nbtrack.entities.names import check_name
from nbtrack.errors import InvalidInput
from nbtrack.ipython.own_path import OwnPath

DEFAULT_NAME = "run"

# Texts, which re compiles when they are used first: few cells begin with any of them
_MAGIC = r"%%track(?=\s|$)(?P<arguments>[^\n]*)"
_COMMENT = r"#\s*nbtrack:\s*run(?=\s|$)(?P<arguments>[^\n]*)"
_OTHER_MAGIC = r"%%\w+[^\n]*"

HELP = """\
%%track [+]NAME [options]        (first line of a cell)

Make the cell a run called NAME. Params, metrics and fitted models are found by themselves.

  +NAME               go on with the last run of this name instead of starting a new one
  --name NAME         the same as NAME
  --param VARIABLE    record this variable as a param too (may be repeated)
  --metric VARIABLE   record this variable as a metric too (may be repeated)
  --tag KEY[=VALUE]   tag the run (may be repeated)
  --no-model          do not save fitted models
  --join              add to the run whose model this cell uses
  --experiment NAME   another experiment than the notebook's

Examples:
  %%track forest
  %%track forest --tag baseline --no-model
  %%track +forest
  # nbtrack: run forest       the same as a comment: harmless where nbtrack is not installed
"""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What the header of a cell asks for."""

    name: str = DEFAULT_NAME
    again: bool = False
    join: bool = False
    models: bool = True
    params: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    experiment: str | None = None


def find_header(source: str) -> str | None:
    """The arguments of a cell's header, or None for an ordinary cell. Other cell magics may stand before it."""
    for line in source.lstrip("\n").splitlines():
        text = line.strip()
        if not text:
            continue
        if text[0] not in "%#":
            return None
        if found := re.fullmatch(_MAGIC, text) or re.fullmatch(_COMMENT, text):
            return found["arguments"].strip()
        if not re.fullmatch(_OTHER_MAGIC, text):
            return None
    return None


def parse_request(arguments: str) -> RunRequest:
    """What the arguments of a header ask for.

    Raises
    ------
    InvalidInput
        If they cannot be read.
    """
    try:
        words = shlex.split(arguments)
    except ValueError as problem:
        raise InvalidInput(f"%%track {arguments}: {str(problem).lower()}.") from None
    options = _parse_words(words)
    given = [name for name in (options["positional"], options["name"]) if name]
    if len(given) > 1:
        raise InvalidInput(f"%%track has two names, {given[0]} and {given[1]}; give one.")
    name = given[0] if given else DEFAULT_NAME
    again = name.startswith("+")
    return RunRequest(
        name=check_name(name.removeprefix("+") or DEFAULT_NAME),
        again=again,
        join=options["join"],
        models=not options["no_model"],
        params=options["param"],
        metrics=options["metric"],
        tags=tuple(_tag(text) for text in options["tag"]),
        experiment=check_name(options["experiment"], "experiment") if options["experiment"] else None,
    )


def _parse_words(words: list[str]) -> dict[str, Any]:
    import click

    command = click.Command(
        "%%track",
        params=[
            click.Argument(["positional"], required=False, metavar="[+]NAME"),
            click.Option(["--name"]),
            click.Option(["--param"], multiple=True),
            click.Option(["--metric"], multiple=True),
            click.Option(["--tag"], multiple=True),
            click.Option(["--no-model"], is_flag=True),
            click.Option(["--join"], is_flag=True),
            click.Option(["--experiment"]),
        ],
        add_help_option=False,
    )
    try:
        return dict(command.make_context("%%track", list(words)).params)
    except click.UsageError as problem:
        raise InvalidInput(f"%%track: {problem.format_message()} See %%track?") from None


def _tag(text: str) -> tuple[str, str]:
    key, _, value = text.partition("=")
    return key, value


def _without_header(lines: list[str]) -> list[str]:
    """The cell as a plain one, with its line numbers where it can have them: another cell magic must stand first."""
    if not lines or not re.fullmatch(_MAGIC, lines[0].strip()):
        return lines
    body = lines[1:]
    return body if body and body[0].startswith("%%") else ["#\n", *body]


class HeaderTransformer:
    """An input transformer: a cell headed ``%%track`` runs as the plain cell below the header.

    The body is not handed to a nested execution, so its result, output, traceback and line numbers are those of
    an ordinary cell. The first line becomes a call that begins the run where no cell event did (a silent
    execution such as ``ipython file.ipy``). Arguments that cannot be read are left to the magic, which says what is wrong.
    """

    def __init__(self, own_path: OwnPath) -> None:
        self._own_path = own_path
        self._bodies: dict[int, str] = {}

    def __call__(self, lines: list[str]) -> list[str]:
        """The lines to run instead of `lines`.

        IPython would show what is raised here as the cell's own error, and let `SystemExit` end the kernel.
        """
        try:
            return self._lines(lines)
        except BaseException:  # noqa: BLE001 - see above
            return _without_header(lines)

    def _lines(self, lines: list[str]) -> list[str]:
        if not lines or not (found := re.fullmatch(_MAGIC, lines[0].strip())):
            return lines
        arguments, body = found["arguments"].strip(), lines[1:]
        try:
            with self._own_path.imports():
                parse_request(arguments)
        except InvalidInput:
            return lines
        self._bodies[threading.get_ident()] = "".join(body)
        first = "".join(body[:1])
        if first.startswith("%%") or any(line.lstrip().startswith("from __future__") for line in body):
            return _without_header(lines)
        return [f"get_ipython().run_line_magic('track', {f'--header {arguments}'!r})\n", *body]

    @property
    def body(self) -> str:
        """The body of the last tracked cell of this thread: an execution transforms its own cell just before it runs."""
        return self._bodies.get(threading.get_ident(), "")
