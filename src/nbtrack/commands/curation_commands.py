"""The commands that name, sort, describe and protect what was recorded."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import click

from nbtrack.commands.answers import answer, as_json, pairs
from nbtrack.commands.grammar import Asking, Command
from nbtrack.entities.ownership import Curated
from nbtrack.entities.runs import RunDetail
from nbtrack.render.ownership import named, renamed
from nbtrack.render.views import View

F = TypeVar("F", bound=Callable[..., Any])

_of_model = click.option(
    "--model", metavar="NAME[/VERSION]", help="Not of runs: of a registered model, or one version of it."
)


@dataclass(frozen=True, slots=True)
class _Which:
    """The options that choose runs beside their names."""

    filter: str | None
    experiment: str | None
    everywhere: bool

    def runs(self, asking: Asking, runs: Sequence[str]) -> dict[str, Any]:
        """The arguments of an operation that say which runs are meant."""
        if bool(runs) == (self.filter is not None):
            raise click.UsageError(
                "RUN and --filter exclude each other" if runs else "Name runs, or give --filter EXPR"
            )
        where = self.experiment or (None if self.everywhere else asking.experiment)
        return {"runs": list(runs), "filter": self.filter, "experiment": where}

    def model_or_runs(self, asking: Asking, model: str | None, runs: Sequence[str]) -> dict[str, Any]:
        """As `runs`, where a registered model may be meant instead."""
        if model is None:
            return self.runs(asking, runs)
        if runs or self.filter is not None:
            raise click.UsageError("Name runs or --model NAME, not both")
        return {"model": model}

    @property
    def is_experiment_alone(self) -> bool:
        """Whether an experiment is named and no filter."""
        return self.experiment is not None and self.filter is None


def _of_runs(experiment: str = "Look in this experiment.") -> Callable[[F], F]:
    """The options that choose runs, given to the command as `which`; `experiment` is the help of ``--experiment``."""

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def gathered(
            *args: Any, filter: str | None, experiment: str | None, everywhere: bool, **named: Any
        ) -> Any:
            return function(*args, which=_Which(filter, experiment, everywhere), **named)

        for option in (
            click.option("--all", "everywhere", is_flag=True, help="With --filter: in every experiment."),
            click.option("--experiment", metavar="NAME", help=experiment),
            click.option("--filter", "filter", metavar="EXPR", help="Instead of RUN: all runs that fit."),
        ):
            gathered = option(gathered)
        return cast("F", gathered)

    return decorate


def _last(words: tuple[str, ...], what: str) -> tuple[list[str], str]:
    """The runs, and the word behind them."""
    if not words:
        raise click.UsageError(f"Missing argument '{what}'")
    return list(words[:-1]), words[-1]


@click.command(
    cls=Command,
    completes=("run*",),
    examples=(
        "rename forest-3 baseline",
        "rename --experiment scratch study",
        "rename --model churn risk",
    ),
)
@click.argument("words", metavar="RUN... NEW", nargs=-1)
@_of_runs("With NEW alone: rename it; else look for the runs in it.")
@click.option("--model", metavar="NAME", help="Rename a registered model.")
@as_json
@click.pass_obj
def rename(
    asking: Asking,
    words: tuple[str, ...],
    which: _Which,
    model: str | None,
    as_json: bool,
) -> View:
    """Call runs, an experiment or a registered model by another name; old names still find them.

    A run gets the next number of the new name: forest-3 becomes baseline-1.
    """
    runs, new = _last(words, "NEW")
    if model is not None:
        if runs or which.filter is not None or which.experiment is not None:
            raise click.UsageError("--model NAME needs the new name alone")
        done: Curated = asking.proxy.ask("curation.rename_model", model=model, name=new)
        return answer("text", renamed(done, "model "), as_json, json=done)
    if which.is_experiment_alone and not runs:
        experiment = which.experiment
        done = asking.proxy.ask("curation.rename_experiment", experiment=experiment, name=new)
        hint = f"what records into {experiment} goes on there: set its experiment to {new}"
        hints = (hint,) if experiment != new else ()
        return answer("text", renamed(done, "experiment "), as_json, hints, json=done)
    done = asking.proxy.ask("curation.rename_runs", name=new, **which.runs(asking, runs))
    return answer("text", renamed(done), as_json, json=done)


@click.command(
    cls=Command,
    completes=("run|experiment*",),
    examples=(
        "move forest-3 forest-4 final",
        "move --filter 'accuracy > 0.9' final",
        "move --experiment scratch study",
    ),
)
@click.argument("words", metavar="RUN... EXPERIMENT", nargs=-1)
@_of_runs("Look in it; without RUN and --filter: all runs of it.")
@as_json
@click.pass_obj
def move(
    asking: Asking,
    words: tuple[str, ...],
    which: _Which,
    as_json: bool,
) -> View:
    """Put runs into another experiment, where they get its next numbers; old names still find them."""
    runs, to = _last(words, "EXPERIMENT")
    if which.is_experiment_alone and not runs:
        which = dataclasses.replace(which, filter="")
    done: Curated = asking.proxy.ask("curation.move", to=to, **which.runs(asking, runs))
    return answer("text", renamed(done), as_json, json=done)


@click.command(
    cls=Command,
    completes=("run*",),
    examples=(
        "tag forest-3 forest-4 stage=final checked",
        "tag forest-3 baseline",
        "tag --filter 'accuracy > 0.9' good",
        "tag --model churn/2 reviewed=yes",
    ),
)
@click.argument("words", metavar="RUN... KEY[=VALUE]...", nargs=-1)
@_of_runs()
@_of_model
@as_json
@click.pass_obj
def tag(
    asking: Asking,
    words: tuple[str, ...],
    which: _Which,
    model: str | None,
    as_json: bool,
) -> View:
    """Add tags to runs or a model, or give them another value.

    Words from the first one with an equals sign on are tags, else the last word is one, without a value.
    """
    start = next((index for index, word in enumerate(words) if "=" in word), len(words) - 1)
    if not words:
        raise click.UsageError("Missing argument 'KEY[=VALUE]'")
    runs = words[:start]
    tags = pairs(tuple(word if "=" in word else f"{word}=" for word in words[start:]), "")
    arguments = which.model_or_runs(asking, model, runs)
    done: Curated = asking.proxy.ask("curation.tag", tags=tags, **arguments)
    shown = ", ".join(f"{key}={value}" if value else key for key, value in tags.items())
    return answer("text", f"Tagged {named(done.names)}: {shown}.", as_json, json=done)


@click.command(
    cls=Command,
    completes=("run|tag*",),
    examples=(
        "untag forest-3 stage",
        "untag --filter 'tags.stage is not null' stage",
        "untag --model churn/2 reviewed",
    ),
)
@click.argument("words", metavar="RUN... KEY", nargs=-1)
@_of_runs()
@_of_model
@as_json
@click.pass_obj
def untag(
    asking: Asking,
    words: tuple[str, ...],
    which: _Which,
    model: str | None,
    as_json: bool,
) -> View:
    """Remove a tag from runs or a model."""
    runs, key = _last(words, "KEY")
    arguments = which.model_or_runs(asking, model, runs)
    done: Curated = asking.proxy.ask("curation.untag", tags=[key], **arguments)
    return answer("text", f"Removed the tag {key} from {named(done.names)}.", as_json, json=done)


@click.command(
    cls=Command,
    completes=("run",),
    examples=(
        "note forest-3 the labels of fold 2 were wrong",
        "note forest-3",
        "note forest-3 --replace 1 'fold 2 was wrong'",
        "note forest-3 --remove 2",
        "note --model churn/2 trained without fold 2",
    ),
)
@click.argument("words", metavar="[RUN] [TEXT...]", nargs=-1)
@click.option("--replace", metavar="N", type=click.IntRange(min=1), help="Write TEXT in the place of note N.")
@click.option("--remove", metavar="N", type=click.IntRange(min=1), help="Remove note N.")
@_of_runs()
@_of_model
@as_json
@click.pass_obj
def note(
    asking: Asking,
    words: tuple[str, ...],
    replace: int | None,
    remove: int | None,
    which: _Which,
    model: str | None,
    as_json: bool,
) -> View:
    """Add a note to a run, which search finds; without TEXT: list its notes. For a model: what it is."""
    if model is not None:
        if which.filter is not None or replace is not None or remove is not None:
            raise click.UsageError("--model NAME needs the text alone")
        done: Curated = asking.proxy.ask("curation.describe", model=model, text=" ".join(words))
        text = f"Described {named(done.names)}." if words else f"{named(done.names)} has no description now."
        return answer("text", text, as_json, json=done)
    runs, text = ([], " ".join(words)) if which.filter is not None else (list(words[:1]), " ".join(words[1:]))
    if remove is not None and (text or replace is not None):
        raise click.UsageError("--remove N needs no text, and no --replace")
    if replace is not None and not text:
        raise click.UsageError("--replace N needs a text")
    chosen = which.runs(asking, runs)
    if not text and remove is None:
        if not runs:
            raise click.UsageError("Missing argument 'TEXT'")
        detail: RunDetail = asking.proxy.ask("runs.get", run=runs[0], experiment=chosen["experiment"])
        lines = [f"{number}. {text}" for number, text in enumerate(detail.notes, 1)]
        none = f"{detail.row.experiment}/{detail.row.name} has no notes."
        return answer("text", "\n".join(lines) or none, as_json, json=detail.notes)
    done = asking.proxy.ask("curation.note", text=text, number=replace or remove, **chosen)
    said = "Removed the note of" if remove is not None else "Noted for"
    return answer("text", f"{said} {named(done.names)}.", as_json, json=done)


@click.command(cls=Command, completes=("run*",), examples=("pin forest-3", "pin --filter 'accuracy > 0.95'"))
@click.argument("runs", metavar="RUN...", nargs=-1)
@_of_runs()
@as_json
@click.pass_obj
def pin(
    asking: Asking,
    runs: tuple[str, ...],
    which: _Which,
    as_json: bool,
) -> View:
    """Protect runs: neither delete nor gc touches them until they are unpinned."""
    chosen = which.runs(asking, runs)
    done: Curated = asking.proxy.ask("curation.pin", pinned=True, **chosen)
    them = "it" if len(done.names) == 1 else "them"
    return answer("text", f"Pinned {named(done.names)}: delete and gc pass over {them}.", as_json, json=done)


@click.command(cls=Command, completes=("run*",), examples=("unpin forest-3", "unpin --filter pinned --all"))
@click.argument("runs", metavar="RUN...", nargs=-1)
@_of_runs()
@as_json
@click.pass_obj
def unpin(
    asking: Asking,
    runs: tuple[str, ...],
    which: _Which,
    as_json: bool,
) -> View:
    """Take the pins of runs away."""
    chosen = which.runs(asking, runs)
    done: Curated = asking.proxy.ask("curation.pin", pinned=False, **chosen)
    return answer("text", f"Unpinned {named(done.names)}.", as_json, json=done)


CURATION_COMMANDS = (rename, move, tag, untag, note, pin, unpin)
