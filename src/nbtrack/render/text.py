"""A view as text for a terminal: as wide as asked, with colour only when asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from nbtrack.entities.graphs import LineageGraph, LineageSlice, Replay, Staleness
from nbtrack.entities.health import Repair, Verification
from nbtrack.entities.models import ModelVersion, RegisteredModel
from nbtrack.entities.ownership import Collection, Trash, Usage
from nbtrack.entities.profiles import RunData
from nbtrack.entities.promotions import AliasesThen, AuditCheck, AuditLog, Promotion
from nbtrack.entities.reviews import Review, ReviewList
from nbtrack.entities.runs import Comparison, Difference, RunDetail, RunStatus, RunTable
from nbtrack.entities.search import SearchResult
from nbtrack.entities.significance import VersionComparison
from nbtrack.entities.snapshots import History, NotebookDiff
from nbtrack.entities.stores import StoreStatus
from nbtrack.render.characters import visible
from nbtrack.render.data import data_lines, data_text
from nbtrack.render.facts import (
    artifact_text,
    cell_title,
    difference_cells,
    model_descriptions,
    model_facts,
    note_lines,
    run_facts,
    status_facts,
)
from nbtrack.render.grid import Column, folded_line, grid
from nbtrack.render.health import repair_sentences, verification_facts, verification_sentences
from nbtrack.render.history import history_columns, history_title
from nbtrack.render.lineage import graph_lines, replay_lines, slice_lines, stale_lines, styled, verdict_lines
from nbtrack.render.numbers import number, size, value, when
from nbtrack.render.ownership import collection_facts, collection_title, trash_columns
from nbtrack.render.promotions import (
    alias_columns,
    check_columns,
    check_facts,
    check_sentences,
    log_columns,
    log_title,
    promotion_facts,
    promotion_title,
)
from nbtrack.render.review import review_columns, review_lines, review_title
from nbtrack.render.search import search_lines
from nbtrack.render.text_layout import columns_that_fit, dim, facts, heading, join, line, ruled, source_lines
from nbtrack.render.text_source import diff_lines, source_change
from nbtrack.render.usage import usage_columns, usage_lines, usage_title
from nbtrack.render.versions import version_labels, version_tables
from nbtrack.render.views import View

if TYPE_CHECKING:
    from rich.text import Text

_MOST_VALUES = 200
_MOST_SOURCE_LINES = 30


def to_text(view: View, *, width: int = 80, colour: bool = False, now: datetime | None = None) -> str:
    """Write a view as text without a line end at its end.

    Parameters
    ----------
    view
        What to show.
    width
        Cells of a terminal line. Tables leave out columns that do not fit, and name them.
    colour
        Whether to write ANSI colours.
    now
        The present, for times such as "3 min ago"; None writes dates.
    """
    content = view.content
    if isinstance(content, str):
        body = content if view.kind == "json" else visible(content, keep="\n\t")
        return "\n".join([body, *(visible(hint, 500) for hint in view.hints)])
    lines = _lines(content, max(width, 24), now)
    if view.verdict is not None and view.verdict.lines:
        lines += [line(), *styled(verdict_lines(view.verdict))]
    lines = [*lines, *(dim(visible(hint, 500)) for hint in view.hints)]
    return join(lines, width, colour)


def _lines(content: object, width: int, now: datetime | None) -> list[Text]:
    match content:
        case RunTable():
            return _runs(content, width, now)
        case RunDetail():
            return _run(content, width, now)
        case Comparison():
            return _comparison(content, width)
        case RunData():
            return data_lines(content, width)
        case NotebookDiff():
            return diff_lines(content)
        case History():
            table = ruled(columns_that_fit(history_columns(content, now), width)[0])
            return [heading(history_title(content)), *table]
        case Review():
            return review_lines(content, now)
        case ReviewList():
            if not content.reviews:
                return [line("There is no review yet.")]
            return [
                heading(review_title(content)),
                *ruled(columns_that_fit(review_columns(content, now), width)[0]),
            ]
        case SearchResult():
            return search_lines(content, now)
        case ModelVersion():
            return [
                heading(f"{visible(content.model, 60)} · version {content.version}"),
                *facts(model_facts(content, now)),
            ]
        case VersionComparison():
            tables = [ruled(columns_that_fit(table, width)[0]) for table in version_tables(content)]
            return [
                heading(" · ".join(version_labels(content))),
                *(part for table in tables for part in table),
            ]
        case Promotion():
            table = ruled(columns_that_fit(check_columns(content), width)[0]) if content.checks else []
            return [heading(promotion_title(content)), *table, *facts(promotion_facts(content))]
        case AuditLog():
            table = ruled(columns_that_fit(log_columns(content, now), width)[0]) if content.lines else []
            return [heading(log_title(content)), *table]
        case AuditCheck():
            return [
                heading("audit verify"),
                *facts(check_facts(content)),
                *_sentences(check_sentences(content)),
            ]
        case AliasesThen():
            table = ruled(columns_that_fit(alias_columns(content, now), width)[0]) if content.holders else []
            return [heading(f"aliases on {content.moment}"), *table]
        case StoreStatus():
            problems = [line("! ", visible(problem, 500), style="red") for problem in content.problems]
            problems += [line("! ", visible(warning, 500), style="yellow") for warning in content.warnings]
            good = [] if problems else [line("No problems found.", style="green")]
            return [heading("nbtrack store"), *facts(status_facts(content)), *problems, *good]
        case Trash():
            if not content.deletions:
                return [line("The trash is empty.")]
            return ruled(columns_that_fit(trash_columns(content, now), width)[0])
        case Verification():
            told = verification_sentences(content)
            return [heading("verify"), *facts(verification_facts(content)), *_sentences(told)]
        case Repair():
            title = "repair" if content.applied else "repair · nothing was changed; --apply does it"
            return [heading(title), *_sentences(repair_sentences(content))]
        case Usage():
            table = ruled(columns_that_fit(usage_columns(content), width)[0])
            return [heading(usage_title(content)), *table, *map(dim, usage_lines(content))]
        case Collection():
            kept = [line("! ", visible(sentence, 500)) for sentence in content.kept]
            return [heading(collection_title(content)), *facts(collection_facts(content)), *kept]
        case LineageGraph():
            return styled(graph_lines(content))
        case LineageSlice():
            return styled(slice_lines(content))
        case Staleness():
            return styled(stale_lines(content))
        case Replay():
            return styled(replay_lines(content))
        case list():
            return _models(content, width, now)
    raise TypeError(f"no text for {type(content).__name__}")


def _sentences(told: Sequence[tuple[str, str]]) -> list[Text]:
    styles = {"bad": "red", "note": "yellow", "good": "green"}
    return [
        line("! " if weight == "bad" else "", text, style=styles.get(weight, "")) for weight, text in told
    ]


def _runs(table: RunTable, width: int, now: datetime | None) -> list[Text]:
    found = grid(table, now)
    if not table.runs:
        return [line(found.summary)]
    shown, left_out = columns_that_fit(found.columns, width)
    styles = [_status_style(run.status) for run in table.runs]
    lines = ruled(shown, styles)
    if left_out:
        names = [column.title for column in left_out]
        more = f" + {len(names) - 6:,} more" if len(names) > 6 else ""
        lines.append(dim(f"left out for width: {', '.join(names[:6])}{more}"))
    if found.folded:
        lines.append(dim(folded_line(found)))
    return [*lines, dim(found.summary)]


def _status_style(status: RunStatus) -> str:
    return {RunStatus.FINISHED: "", RunStatus.RUNNING: "cyan"}.get(status, "red")


def _run(detail: RunDetail, width: int, now: datetime | None) -> list[Text]:
    row = detail.row
    lines = [heading(visible(row.name, 200)), *facts(run_facts(detail, now))]
    lines += _values("params", [(visible(name, 60), value(v, 200)) for name, v in row.params.items()])
    lines += _values(
        "metrics", [(visible(name, 60), number(v, 6)) for name, v in row.metrics.items()], right=True
    )
    lines += _values("tags", [(visible(name, 60), visible(v, 200)) for name, v in row.tags.items()])
    data = [(visible(d.name, 60), data_text(d)) for d in detail.datasets]
    lines += _values("data", data)
    lines += _values("artifacts", [(visible(a.name, 60), artifact_text(a)) for a in detail.artifacts])
    for index, cell in enumerate(detail.cells, 1):
        title = cell_title(cell, index, len(detail.cells))
        lines += [line(), line(title, style="bold"), *source_lines(cell.source, _MOST_SOURCE_LINES)]
    if detail.traceback:
        last = [text for text in detail.traceback.splitlines() if text.strip()][-12:]
        lines += [line(), line("traceback", style="bold")]
        lines += [line("  ", visible(text, max(width, 80)), style="red") for text in last]
    notes = [line(text, style="yellow") for note in detail.notes for text in note_lines(note)]
    return [*lines, *([line()] if notes else []), *notes]


def _values(title: str, items: Sequence[tuple[str, str]], right: bool = False) -> list[Text]:
    if not items:
        return []
    kept = list(items[:_MOST_VALUES])
    more = [dim(f"  + {len(items) - len(kept):,} more (--json has all)")] if len(items) > len(kept) else []
    return [line(), line(title, style="bold"), *facts(kept, right=right), *more]


def _comparison(comparison: Comparison, width: int) -> list[Text]:
    labels = [visible(run.name, 40) for run in comparison.runs]
    if len({run.experiment for run in comparison.runs}) > 1:
        labels = [visible(f"{run.experiment}/{run.name}", 60) for run in comparison.runs]
    lines: list[Text] = []
    for title in ("params", "metrics", "tags", "data", "packages", "environment"):
        rows: list[Difference] = getattr(comparison, title)
        if rows:
            lines += [*_compared(title, rows, labels, width), line()]
    for row in comparison.code:
        lines += [line(f"code · {row.name}", style="bold")]
        base = next((i for i, present in enumerate(row.present) if present), 0)
        for index, source in enumerate(row.values):
            if index != base and not (row.present[index] and source == row.values[base]):
                names = [dim(f"  {labels[base]} → {labels[index]}")] if len(labels) > 2 else []
                after = str(source) if row.present[index] else ""
                lines += [*names, *source_change(str(row.values[base]), after)]
        lines.append(line())
    if not lines:
        return [line(f"{' and '.join(labels[:5])} differ in nothing that nbtrack recorded.")]
    return lines[:-1]


def _compared(title: str, rows: Sequence[Difference], labels: Sequence[str], width: int) -> list[Text]:
    """One section as a table; as many runs side by side as fit, the others below."""
    names = Column(title, [visible(row.name, 40) for row in rows[:_MOST_VALUES]], "run")
    cells = [difference_cells(row, measured=title == "metrics") for row in rows[:_MOST_VALUES]]
    numbers = title in ("params", "metrics")
    columns = [
        Column(label, [row[i] for row in cells], "run", right=numbers) for i, label in enumerate(labels)
    ]
    lines: list[Text] = []
    while columns:
        block = columns_that_fit([names, *columns], width, from_end=True)[0][1:] or columns[:1]
        lines += ruled([names, *block])
        columns = columns[len(block) :]
    if len(rows) > _MOST_VALUES:
        lines.append(dim(f"+ {len(rows) - _MOST_VALUES:,} more differ (--json has all)"))
    return lines


def _models(models: Sequence[RegisteredModel], width: int, now: datetime | None) -> list[Text]:
    if not models:
        return [line("No models are registered yet.")]
    rows = [
        (model, version) for model in models for version in sorted(model.versions, key=lambda v: -v.version)
    ]
    columns = [
        Column("model", [visible(model.name, 60) for model, _ in rows], "run"),
        Column("version", [str(version.version) for _, version in rows], "run", right=True),
        Column(
            "alias",
            [", ".join(visible(alias, 40) for alias in version.aliases) for _, version in rows],
            "run",
        ),
        Column("run", [visible(version.run, 60) for _, version in rows], "run"),
        Column(
            "type",
            [visible((version.type_name or "").rpartition(".")[2], 40) for _, version in rows],
            "param",
        ),
        Column("stage", [visible(version.tags.get("stage", ""), 20) for _, version in rows], "tag"),
        Column("", ["runs code" if version.record.runs_code else "" for _, version in rows], "tag"),
        Column("size", [size(version.size) for _, version in rows], "tag", right=True),
        Column("registered", [when(version.created, now) for _, version in rows], "run", right=True),
    ]
    return [*ruled(columns_that_fit(columns, width)[0]), *facts(model_descriptions(list(models)))]
