"""The command about reviews: open, list, show, comment, resolve, reopen, approve, request-changes, update, export."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from nbtrack.commands.answers import answer, as_json, in_experiment
from nbtrack.commands.grammar import Asking, Command
from nbtrack.entities.reviews import Review, ReviewList
from nbtrack.errors import Conflict, InvalidInput
from nbtrack.render.review_pages import review_markdown, review_page
from nbtrack.render.views import View


@dataclass(frozen=True, slots=True)
class _Said:
    """What was typed behind the action."""

    words: tuple[str, ...]
    options: dict[str, Any]
    author: str

    def take(self, *names: str, rest: str | None = None) -> list[str]:
        """So many words as there are names; `rest` names what all words behind them are together, and may be missing."""
        if len(self.words) < len(names):
            raise click.UsageError(f"Missing argument '{names[len(self.words)]}'")
        if rest is None and len(self.words) > len(names):
            raise click.UsageError(f"Got unexpected extra argument ({self.words[len(names)]})")
        return [*self.words[: len(names)], " ".join(self.words[len(names) :])]


@click.command(
    cls=Command,
    completes=("", "run", "run"),
    examples=(
        "review open forest-1 forest-3 --title 'Deeper trees' --reviewer ada",
        "review list",
        "review show 3fa9c1",
        "review comment 3fa9c1 'Why 5?' --cell 4 --line 2",
        "review comment 3fa9c1 'Better so.' --cell 4 --line 2 --suggest 'max_depth = 4'",
        "review comment 3fa9c1 'Because of the grid.' --thread 81c2de",
        "review resolve 3fa9c1 81c2de",
        "review approve 3fa9c1 'Looks good.'",
        "review export 3fa9c1 -o review.html",
    ),
)
@click.argument("action", type=click.Choice(["open", "list", "show", "comment", "resolve", "reopen", "approve",
                                             "request-changes", "update", "export"]))  # fmt: skip
@click.argument("words", metavar="[WORDS]", nargs=-1)
@click.option("--title", metavar="TEXT", help="With open: the question in a line.")
@click.option(
    "--describe", "description", metavar="TEXT", default="", help="With open: the question at length."
)
@click.option("--reviewer", "reviewers", metavar="NAME", multiple=True, help="With open; may be repeated.")
@click.option("--cell", type=int, metavar="N", help="With comment: about this cell.")
@click.option("--line", type=int, metavar="N", help="With --cell: about this line of its source.")
@click.option("--output-number", "output", type=int, metavar="N", help="With --cell: about this output.")
@click.option("--base", "on_base", is_flag=True, help="With --cell: of the notebook before the change.")
@click.option("--thread", metavar="THREAD", help="With comment: answer there.")
@click.option(
    "--suggest", "suggestion", metavar="TEXT", help="With --cell: what it, or its line, should be instead."
)
@click.option("-o", "--output", "file", metavar="FILE", help="With export: FILE.md or FILE.html.")
@click.option("--force", is_flag=True, help="With export: replace a file of that name.")
@click.option(
    "--as", "author", metavar="NAME", help="Who says so; by default JupyterHub's or git's user name."
)
@in_experiment
@as_json
@click.pass_obj
def review(
    asking: Asking,
    /,
    action: str,
    words: tuple[str, ...],
    author: str | None,
    experiment: str | None,
    as_json: bool,
    **options: Any,
) -> View:
    """Review a change between two runs or snapshots: comments, verdicts, and what they are about.

    Names of people are what they claim, not what they proved. A verdict belongs to the notebooks that were seen; after
    `update` it is called stale.
    """
    options["experiment"] = experiment or asking.experiment
    said = _Said(
        words, options, author or (claimed_name() if action not in ("list", "show", "export") else "")
    )
    if action == "export":
        return _export(asking, said, as_json)
    found: Review | ReviewList = _ACTIONS[action](asking, said)
    if isinstance(found, ReviewList):
        hints = () if found.reviews else (f"{asking.prog} review open RUN RUN asks for one.",)
        return answer("reviews", found, as_json, hints)
    return answer("review", found, as_json)


def _open(asking: Asking, said: _Said) -> Any:
    base, head, _ = said.take("BASE", "HEAD")
    return asking.proxy.ask(
        "reviews.open", base=base, head=head, title=said.options["title"] or "", author=said.author,
        description=said.options["description"], reviewers=list(said.options["reviewers"]),
        experiment=said.options["experiment"],
    )  # fmt: skip


def _list(asking: Asking, said: _Said) -> Any:
    said.take()
    return asking.proxy.ask("reviews.listed")


def _show(asking: Asking, said: _Said) -> Any:
    return asking.proxy.ask("reviews.get", review=said.take("REVIEW")[0])


def _comment(asking: Asking, said: _Said) -> Any:
    name, text = said.take("REVIEW", rest="TEXT")
    options = {key: said.options[key] for key in ("thread", "cell", "line", "output", "suggestion")}
    side = "base" if said.options["on_base"] else "head"
    return asking.proxy.ask(
        "reviews.comment", review=name, text=text, side=side, author=said.author, **options
    )


def _settle(resolved: bool) -> Callable[[Asking, _Said], Any]:
    def settle(asking: Asking, said: _Said) -> Any:
        name, thread, _ = said.take("REVIEW", "THREAD")
        return asking.proxy.ask(
            "reviews.settle", review=name, thread=thread, resolved=resolved, author=said.author
        )

    return settle


def _judge(approve: bool) -> Callable[[Asking, _Said], Any]:
    def judge(asking: Asking, said: _Said) -> Any:
        name, text = said.take("REVIEW", rest="TEXT")
        return asking.proxy.ask("reviews.judge", review=name, approve=approve, text=text, author=said.author)

    return judge


def _update(asking: Asking, said: _Said) -> Any:
    name, head, _ = said.take("REVIEW", "HEAD")
    return asking.proxy.ask(
        "reviews.update", review=name, head=head, author=said.author, experiment=said.options["experiment"]
    )


_ACTIONS: dict[str, Callable[[Asking, _Said], Any]] = {
    "open": _open,
    "list": _list,
    "show": _show,
    "comment": _comment,
    "resolve": _settle(True),
    "reopen": _settle(False),
    "approve": _judge(True),
    "request-changes": _judge(False),
    "update": _update,
}


def _export(asking: Asking, said: _Said, as_json: bool) -> View:
    found: Review = _show(asking, said)
    if as_json or said.options["file"] is None:
        return answer("text", review_markdown(found), as_json, json=found)
    target = Path(said.options["file"]).expanduser()
    if target.suffix not in (".md", ".html"):
        raise InvalidInput(f"A review is exported as FILE.md or FILE.html, not as {target.name}.")
    text = review_page(found) if target.suffix == ".html" else review_markdown(found) + "\n"
    try:
        with target.open(
            "w" if said.options["force"] else "x", encoding="utf-8", errors="backslashreplace"
        ) as file:
            file.write(text)
    except FileExistsError:
        raise Conflict(f"There is a file {target}; --force replaces it.", path=str(target)) from None
    except OSError as problem:
        raise InvalidInput(f"The review cannot be written to {target}: {problem.strerror}.") from None
    return View(kind="text", content=f"written: {target}")


def claimed_name() -> str:
    """Who asks, as far as JupyterHub or git says; empty where neither does."""
    if name := os.environ.get("JUPYTERHUB_USER", "").strip():
        return name[:200]
    try:
        done = subprocess.run(
            ["git", "config", "user.name"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=5,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    name = " ".join(done.stdout.split())[:200].strip()
    return name if name.isprintable() else ""


REVIEW_COMMANDS = (review,)
