"""The command that looks for words in cells, outputs, tracebacks and notes."""

from __future__ import annotations

import click

from nbtrack.commands.answers import answer, as_json, in_experiment
from nbtrack.commands.grammar import Asking, Command
from nbtrack.entities.search import Place, SearchResult
from nbtrack.render.views import View


@click.command(
    cls=Command,
    examples=(
        'search "focal loss"',
        "search FocalLoss gamma --in source",
        "search 'contains nan' --in error --all",
        "search 'optim*' --limit 50 --json",
    ),
)
@click.argument("words", metavar="TEXT", nargs=-1, required=True)
@click.option("--in", "within", type=click.Choice([place.value for place in Place]), help="Look only there.")
@click.option(
    "--limit",
    type=click.IntRange(min=1, max=500),
    default=20,
    show_default=True,
    help="The most cells to list.",
)
@in_experiment
@click.option("--all", "everywhere", is_flag=True, help="Cells of every experiment.")
@as_json
@click.pass_obj
def search(
    asking: Asking,
    words: tuple[str, ...],
    within: str | None,
    limit: int,
    experiment: str | None,
    everywhere: bool,
    as_json: bool,
) -> View:
    """Find cells by words in their source, output, traceback or notes, best first.

    All words must be in one text; words in quotes must follow each other; word* is the beginning of one.
    """
    # The shell took the quotes of "focal loss" away, but one argument with a space in it is what they left.
    text = " ".join(f'"{word}"' if len(word.split()) > 1 and '"' not in word else word for word in words)
    where = None if everywhere else experiment or asking.experiment
    result: SearchResult = asking.proxy.ask(
        "search.cells", text=text, within=within, limit=limit, experiment=where
    )
    hints: tuple[str, ...] = ()
    if not result.hits and where is not None and experiment is None:
        hints = (f"in the experiment {where}; {asking.prog} search --all looks in every experiment",)
    elif result.more:
        hints = (f"--limit {min(500, 5 * limit)} lists more",)
    return answer("search", result, as_json, hints)
