"""The commands that a store answers, in the shell and in a notebook alike."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import click

from nbtrack.commands.answers import answer as _answer
from nbtrack.commands.answers import as_json as _as_json
from nbtrack.commands.answers import in_experiment as _in_experiment
from nbtrack.commands.answers import pairs
from nbtrack.commands.curation_commands import CURATION_COMMANDS
from nbtrack.commands.data_commands import data
from nbtrack.commands.grammar import Asking, Command, Tree
from nbtrack.commands.health_commands import doctor, repair, verify
from nbtrack.commands.history_commands import HISTORY_COMMANDS
from nbtrack.commands.lineage_commands import LINEAGE_COMMANDS
from nbtrack.commands.notebook_merge import merge_notebooks
from nbtrack.commands.registry_commands import REGISTRY_COMMANDS
from nbtrack.commands.review_commands import REVIEW_COMMANDS
from nbtrack.commands.search_commands import search
from nbtrack.commands.sharing import backup, export, merge
from nbtrack.commands.trash_commands import TRASH_COMMANDS
from nbtrack.entities.graphs import Verdict
from nbtrack.entities.models import ModelVersion, RegisteredModel
from nbtrack.entities.runs import Comparison, RunDetail, RunTable
from nbtrack.errors import InvalidInput
from nbtrack.operations import to_json, to_plain
from nbtrack.render.views import View

_RUN_FIELDS = (
    "id",
    "name",
    "experiment",
    "status",
    "started",
    "duration",
    "params",
    "metrics",
    "tags",
    "pinned",
)
_SEPARATOR = re.compile(r",(?=(?:[^`\"]|`[^`]*`|\"[^\"]*\")*$)")

F = TypeVar("F", bound=Callable[..., Any])


def command_tree() -> Tree:
    """A fresh tree of the commands that a store answers; a surface may add its own."""
    tree = Tree(
        "nbtrack",
        help="Look at what notebooks did: runs, params, metrics, code, data and models.",
        examples=(
            'runs "accuracy > 0.9 and max_depth <= 5" --sort -accuracy',
            'search "focal loss"',
            "show forest-3",
            "compare forest-1 forest-3",
            "diff forest-1 forest-3",
            "register forest-3 churn --alias champion",
        ),
    )
    for command in (
        runs,
        search,
        show,
        compare,
        *HISTORY_COMMANDS,
        merge_notebooks,
        *REVIEW_COMMANDS,
        *LINEAGE_COMMANDS,
        data,
        register,
        models,
        *REGISTRY_COMMANDS,
        *CURATION_COMMANDS,
        *TRASH_COMMANDS,
        backup,
        export,
        merge,
        doctor,
        verify,
        repair,
    ):
        tree.add_command(command)
    return tree


def command_names() -> list[str]:
    """The names of the commands, in the order of the help."""
    return list(command_tree().commands)


@click.command(
    cls=Command,
    completes=("filter*",),
    examples=(
        "runs",
        'runs "accuracy > 0.9 and params.lr in (0.1, 0.01)" --sort -accuracy',
        "runs \"status = 'failed' and started >= '2026-11-01'\"",
        "runs --sort params.lr --sort -accuracy --limit 10 --json",
    ),
)
@click.argument("filter_words", metavar="[FILTER]", nargs=-1)
@click.option(
    "--sort", "sort", metavar="NAME", multiple=True, help="Order by it; -NAME falls. May be repeated."
)
@click.option(
    "--limit", type=click.IntRange(min=1), default=100, show_default=True, help="The most runs to list."
)
@_in_experiment
@click.option("--all", "everywhere", is_flag=True, help="Runs of every experiment.")
@_as_json
@click.pass_obj
def runs(
    asking: Asking,
    filter_words: tuple[str, ...],
    sort: tuple[str, ...],
    limit: int,
    experiment: str | None,
    everywhere: bool,
    as_json: bool,
) -> View:
    """List runs, newest first.

    A FILTER compares metrics, params (params.x), tags (tags.x) and columns (status, started, name) with
    = != < <= > >=, in, between, like, matches, is null, joined by and, or, not. best(loss), min(loss),
    max(loss) look at the whole series, changed(lr) at the run before; times are '2026-11-21', today, 2d ago.
    """
    text = " ".join(filter_words)
    items = [item.strip() for given in sort for item in _SEPARATOR.split(given) if item.strip()]
    where = None if everywhere else experiment or asking.experiment
    table: RunTable = asking.proxy.ask("runs.search", filter=text, sort=items, limit=limit, experiment=where)
    if as_json:
        plain = [{name: to_plain(getattr(run, name)) for name in _RUN_FIELDS} for run in table.runs]
        return View(kind="json", content=to_json(plain, indent=2))
    hints: list[str] = []
    if not table.total and where is not None and experiment is None:
        hints.append(f"in the experiment {where}; {asking.prog} runs --all looks in every experiment")
    elif not table.total and not text:
        hints.append("Put %%track NAME at the top of a notebook cell: the cell becomes a run.")
    elif not table.total:
        hints.append(f"Nothing matches {text}")
    elif len(table.runs) < table.total:
        hints.append(f"--limit {min(table.total, 10 * limit)} lists more")
    return _answer("runs", table, False, tuple(hints))


@click.command(cls=Command, completes=("run",), examples=("show forest-3", "show quickstart/forest-3 --json"))
@click.argument("run", metavar="RUN")
@_in_experiment
@_as_json
@click.pass_obj
def show(asking: Asking, run: str, experiment: str | None, as_json: bool) -> View:
    """Show all that is known of one run.

    RUN is a name such as forest-3, EXPERIMENT/forest-3, an id, or the beginning of one. At the end stands whether the
    notebook still shows how the run came about.
    """
    where = experiment or asking.experiment
    detail: RunDetail = asking.proxy.ask("runs.get", run=run, experiment=where)
    verdict: Verdict = asking.proxy.ask("lineage.verdict", run=run, experiment=where)
    if as_json:
        return _answer("run", detail, True, json={**to_plain(detail), "verdict": to_plain(verdict)})
    return View(kind="run", content=detail, verdict=verdict)


@click.command(
    cls=Command,
    completes=("run*",),
    examples=(
        "compare forest-1 forest-3",
        "compare forest-1 forest-2 logistic-1 --json",
        "compare --model churn/7 churn@champion",
    ),
)
@click.argument("names", metavar="RUN RUN...", nargs=-1)
@click.option("--model", "of_models", is_flag=True, help="Compare versions of registered models.")
@_in_experiment
@_as_json
@click.pass_obj
def compare(
    asking: Asking, names: tuple[str, ...], of_models: bool, experiment: str | None, as_json: bool
) -> View:
    """Show what differs between runs: params, metrics, code, data, packages. What is the same is left out.

    With --model, versions of registered models: metrics, size, times, input, requirements.
    """
    if len(names) < 2:
        raise click.UsageError("A comparison needs two runs at least")
    if of_models:
        from nbtrack.analysis.versions import compare_versions

        versions: list[ModelVersion] = [asking.proxy.ask("models.get", model=name) for name in names]
        return _answer("versions", compare_versions(versions), as_json)
    where = experiment or asking.experiment
    comparison: Comparison = asking.proxy.ask("runs.compare", runs=list(names), experiment=where)
    return _answer("comparison", comparison, as_json)


@click.command(
    cls=Command,
    completes=("run", "model"),
    examples=(
        "register forest-3 churn --alias champion",
        "register forest-3 churn --describe 'deeper trees' --tag team=risk",
        "register forest-3 churn --format pickle",
    ),
)
@click.argument("run", metavar="RUN|VARIABLE")
@click.argument("name", metavar="MODEL")
@click.option("--alias", metavar="NAME", help="A name that moves to this version, such as champion.")
@click.option("--artifact", metavar="NAME", help="Which of the run's models, if it has several.")
@click.option("--format", "form", metavar="pickle", help="Keep it as a pickle, which runs code when loaded.")
@click.option("--rows", metavar="VARIABLE", help="Rows of input to verify a variable's model with.")
@click.option("--describe", "description", metavar="TEXT", default="", help="What this version is.")
@click.option("--tag", "tags", metavar="KEY=VALUE", multiple=True, help="May be repeated.")
@_in_experiment
@_as_json
@click.pass_obj
def register(
    asking: Asking,
    run: str,
    name: str,
    alias: str | None,
    artifact: str | None,
    form: str | None,
    rows: str | None,
    description: str,
    tags: tuple[str, ...],
    experiment: str | None,
    as_json: bool,
) -> View:
    """Register the model of a run, or in a notebook that of a variable, under a name, as its next version.

    There is a version only once a fresh process has loaded what was written and got the same answers.
    """
    kept = asking.keep(run, form, rows) if asking.keep is not None and artifact is None else None
    if kept is not None:
        run, artifact = kept
    elif rows is not None:
        raise InvalidInput(f"--rows belongs to a variable of the notebook; {run} is none.")
    version: ModelVersion = asking.proxy.ask(
        "models.register",
        run=run,
        name=name,
        alias=alias,
        artifact=artifact,
        description=description,
        tags=pairs(tags),
        python=sys.executable or None,
        experiment=experiment or asking.experiment,
        format=form,
    )
    key = f"{version.model}@{alias}" if alias else f"{version.model}/{version.version}"
    trust = f"trust={version.digest!r}" if version.record.runs_code else ""
    return _answer("model", version, as_json, (f"load it: nbtrack.open().models.get({key!r}).load({trust})",))


@click.command(
    cls=Command,
    examples=(
        "models",
        "models alias = champion and metrics.auc > 0.9 and age < 30d",
        "models stage = archived",
    ),
)
@click.argument("filter_words", metavar="[FILTER]", nargs=-1)
@_as_json
@click.pass_obj
def models(asking: Asking, filter_words: tuple[str, ...], as_json: bool) -> View:
    """List the registered models with their versions and aliases, or the versions that fit a FILTER.

    Archived versions are only listed by a filter.
    """
    text = " ".join(filter_words)
    found: list[RegisteredModel] = asking.proxy.ask("models.list", filter=text)
    if as_json or text:
        if not found and not as_json:
            return View(kind="text", content=f"No version fits {text}")
        return _answer("models", found, as_json)
    shown = [
        replace(model, versions=[v for v in model.versions if v.tags.get("stage") != "archived"])
        for model in found
    ]
    hidden = sum(len(model.versions) for model in found) - sum(len(model.versions) for model in shown)
    hints = () if found else (f"{asking.prog} register RUN NAME registers the model of a run.",)
    if hidden:
        hints = (f"{hidden:,} archived: {asking.prog} models stage = archived",)
    return _answer("models", [model for model in shown if model.versions], False, hints)
