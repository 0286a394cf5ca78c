"""The command that shows the data of a run."""

from __future__ import annotations

import click

from nbtrack.commands.answers import answer, as_json, in_experiment
from nbtrack.commands.grammar import Asking, Command
from nbtrack.entities.profiles import RunData
from nbtrack.render.views import View


@click.command(
    cls=Command,
    completes=("run",),
    examples=("data forest-3", "data forest-3 --json"),
    short_help="Show a run's data.",
)
@click.argument("run")
@in_experiment
@as_json
@click.pass_obj
def data(asking: Asking, run: str, experiment: str | None, as_json: bool) -> View:
    """Show the data of a run: where it came from, and what its columns hold."""
    found: RunData = asking.proxy.ask("data.get", run=run, experiment=experiment or asking.experiment)
    return answer("data", found, as_json)
