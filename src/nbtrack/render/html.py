"""A view as static HTML: no JavaScript, nothing loaded, every name escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

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
from nbtrack.render.data import data_html, data_text
from nbtrack.render.facts import (
    Facts,
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
from nbtrack.render.html_source import bdi, diff_html, fold, source_change, source_html
from nbtrack.render.lineage import (
    graph_lines,
    lines_html,
    replay_lines,
    slice_lines,
    stale_lines,
    verdict_lines,
)
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
from nbtrack.render.review import review_columns, review_html, review_title
from nbtrack.render.search import search_html
from nbtrack.render.style import STYLE
from nbtrack.render.usage import usage_columns, usage_lines, usage_title
from nbtrack.render.versions import version_labels, version_tables
from nbtrack.render.views import View

_MOST_COLUMNS = 16
_MOST_VALUES = 100


def to_html(view: View) -> str:
    """Write a view as a piece of HTML with its own style, for a notebook's output or a page."""
    content = view.content
    body = _words(content, view.kind) if isinstance(content, str) else _body(content)
    if view.verdict is not None:
        body += lines_html(verdict_lines(view.verdict))
    hints = "".join(quiet(hint) for hint in view.hints)
    return f'{STYLE}\n<div class="nbtrack">{body}{hints}</div>'


def _words(content: str, kind: str) -> str:
    """A sentence as one; help and JSON as they are laid out."""
    if kind == "text" and "\n" not in content:
        return f"<div>{escape(visible(content, 5000))}</div>"
    return source_html(content, 2000)


def _body(content: object) -> str:
    match content:
        case RunTable():
            return runs_html(content)
        case RunDetail():
            return _run(content)
        case Comparison():
            return _comparison(content)
        case NotebookDiff():
            return diff_html(content)
        case History():
            return heading(history_title(content)) + _table(history_columns(content))
        case Review():
            return review_html(content)
        case ReviewList():
            if not content.reviews:
                return quiet("There is no review yet.")
            return heading(review_title(content)) + _table(review_columns(content))
        case SearchResult():
            return search_html(content)
        case ModelVersion():
            title = f"{visible(content.model, 60)} · version {content.version}"
            return heading(title) + _facts(model_facts(content))
        case VersionComparison():
            tables = "".join(map(_table, version_tables(content)))
            return heading(" · ".join(version_labels(content))) + tables
        case Promotion():
            checks = _table(check_columns(content)) if content.checks else ""
            return heading(promotion_title(content)) + checks + _facts(promotion_facts(content))
        case AuditLog():
            return heading(log_title(content)) + (_table(log_columns(content)) if content.lines else "")
        case AuditCheck():
            told = _sentences(check_sentences(content))
            return heading("audit verify") + _facts(check_facts(content)) + told
        case AliasesThen():
            table = _table(alias_columns(content)) if content.holders else ""
            return heading(f"aliases on {content.moment}") + table
        case StoreStatus():
            problems = "".join(
                f'<div class="nbtrack-b">! {escape(visible(p, 500))}</div>'
                for p in [*content.problems, *content.warnings]
            )
            return (
                heading("nbtrack store")
                + _facts(status_facts(content))
                + (problems or quiet("No problems found."))
            )
        case Trash():
            return _table(trash_columns(content)) if content.deletions else quiet("The trash is empty.")
        case Verification():
            told = _sentences(verification_sentences(content))
            return heading("verify") + _facts(verification_facts(content)) + told
        case Repair():
            title = "repair" if content.applied else "repair · nothing was changed; --apply does it"
            return heading(title) + _sentences(repair_sentences(content))
        case Usage():
            below = "".join(quiet(text) for text in usage_lines(content))
            return heading(usage_title(content)) + _table(usage_columns(content)) + below
        case Collection():
            kept = "".join(quiet(sentence) for sentence in content.kept)
            return heading(collection_title(content)) + _facts(collection_facts(content)) + kept
        case LineageGraph():
            return lines_html(graph_lines(content))
        case LineageSlice():
            return lines_html(slice_lines(content))
        case Staleness():
            return lines_html(stale_lines(content))
        case Replay():
            return lines_html(replay_lines(content))
        case RunData():
            return data_html(content)
        case list():
            return _models(content)
    raise TypeError(f"no HTML for {type(content).__name__}")


def _sentences(told: Sequence[tuple[str, str]]) -> str:
    return "".join(
        f'<div class="nbtrack-b">! {escape(text)}</div>' if weight == "bad" else quiet(text)
        for weight, text in told
    )


def heading(text: str) -> str:
    """The name of what follows."""
    return f'<div class="nbtrack-h">{bdi(text)}</div>'


def quiet(text: str) -> str:
    """A line that stands back."""
    return f'<div class="nbtrack-q">{escape(visible(text, 2000))}</div>'


def runs_html(table: RunTable) -> str:
    """A table of runs without the style sheet: what varies as columns, what all share in a line below."""
    found = grid(table)
    if not table.runs:
        return quiet(found.summary)
    own = [column for column in found.columns if column.group in ("run", "time")]
    values = [column for column in found.columns if column.group not in ("run", "time")]
    kept = {id(column) for column in [*own, *values[:_MOST_COLUMNS]]}
    shown = [column for column in found.columns if id(column) in kept]
    more = ""
    if len(values) > _MOST_COLUMNS:
        names = ", ".join(column.title for column in values[_MOST_COLUMNS : _MOST_COLUMNS + 8])
        more = quiet(
            f"{len(values) - _MOST_COLUMNS:,} more that vary: {names}"
            + " …" * (len(values) > _MOST_COLUMNS + 8)
        )
    folded = quiet(folded_line(found)) if found.folded else ""
    bad = [run.status not in (RunStatus.FINISHED, RunStatus.RUNNING) for run in table.runs]
    return _table(shown, bad) + more + folded + quiet(found.summary)


def _table(columns: Sequence[Column], bad: Sequence[bool] = ()) -> str:
    """A table with a header row; the first cell of each row names it."""
    head = "".join(f'<th scope="col"{_right(column)}>{bdi(column.title)}</th>' for column in columns)
    rows = []
    for index in range(len(columns[0].cells)):
        cells = []
        for place, column in enumerate(columns):
            text = bdi(column.cells[index])
            if column.title == "status" and bad and bad[index]:
                text = f'<span class="nbtrack-b">{text}</span>'
            tag = 'th scope="row"' if place == 0 else "td"
            cells.append(f"<{tag}{_right(column)}>{text}</{tag.split()[0]}>")
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _right(column: Column) -> str:
    # The attribute for where the sheet is stripped.
    return ' class="nbtrack-r" align="right"' if column.right else ""


def _facts(items: Facts, right: bool = False) -> str:
    side = ' class="nbtrack-r" align="right"' if right else ' class="nbtrack-w"'
    rows = "".join(
        f'<tr><th scope="row" class="nbtrack-k">{bdi(name)}</th><td{side}>{bdi(text)}</td></tr>'
        for name, text in items
    )
    return f"<table><tbody>{rows}</tbody></table>"


def _run(detail: RunDetail) -> str:
    row = detail.row
    sections = [heading(visible(row.name, 200)), _facts(run_facts(detail))]
    sections += _values("params", ((visible(k, 60), value(v, 200)) for k, v in row.params.items()))
    sections += _values(
        "metrics", ((visible(k, 60), number(v, 6)) for k, v in row.metrics.items()), right=True
    )
    sections += _values("tags", ((visible(k, 60), visible(v, 200)) for k, v in row.tags.items()))
    data = ((visible(d.name, 60), data_text(d)) for d in detail.datasets)
    sections += _values("data", data)
    sections += _values("artifacts", ((visible(a.name, 60), artifact_text(a)) for a in detail.artifacts))
    for index, cell in enumerate(detail.cells, 1):
        title = cell_title(cell, index, len(detail.cells))
        sections += [heading(title), source_html(cell.source, 60)]
    if detail.traceback:
        sections += [heading("traceback"), source_html("\n".join(detail.traceback.splitlines()[-20:]), 20)]
    return "".join([*sections, *(quiet(text) for note in detail.notes for text in note_lines(note))])


def _values(title: str, items: Iterable[tuple[str, str]], right: bool = False) -> list[str]:
    given = list(items)
    if not given:
        return []
    more = [quiet(f"+ {len(given) - _MOST_VALUES:,} more")] if len(given) > _MOST_VALUES else []
    return [heading(title), _facts(given[:_MOST_VALUES], right=right), *more]


def _comparison(comparison: Comparison) -> str:
    labels = [visible(run.name, 40) for run in comparison.runs]
    if len({run.experiment for run in comparison.runs}) > 1:
        labels = [visible(f"{run.experiment}/{run.name}", 60) for run in comparison.runs]
    parts = []
    for title in ("params", "metrics", "tags", "data", "packages", "environment"):
        rows: list[Difference] = getattr(comparison, title)
        if rows:
            parts.append(_compared(title, rows, len(labels)))
    head = "".join(f'<th scope="col" class="nbtrack-r" align="right">{bdi(label)}</th>' for label in labels)
    sections = [f"<table><thead><tr><td></td>{head}</tr></thead>{''.join(parts)}</table>"] if parts else []
    for row in comparison.code:
        sections.append(heading(f"code · {row.name}"))
        base = next((i for i, present in enumerate(row.present) if present), 0)
        for index, source in enumerate(row.values):
            if index != base and not (row.present[index] and source == row.values[base]):
                if len(labels) > 2:
                    sections.append(quiet(f"{labels[base]} → {labels[index]}"))
                sections.append(
                    source_change(str(row.values[base]), str(source) if row.present[index] else "")
                )
    return "".join(sections) or quiet(f"{' and '.join(labels[:5])} differ in nothing that nbtrack recorded.")


def _compared(title: str, rows: Sequence[Difference], runs: int) -> str:
    """One section of the comparison's table: its title has a row of its own, so the runs stand in line."""
    star = '<span class="nbtrack-g" role="img" aria-label="best" title="best">★</span>'
    lines = [f'<tr><th scope="rowgroup" colspan="{runs + 1}" class="nbtrack-h">{title}</th></tr>']
    for row in rows[:_MOST_VALUES]:
        texts = (bdi(text).replace("★", star) for text in difference_cells(row, measured=title == "metrics"))
        cells = "".join(f'<td class="nbtrack-r" align="right">{text}</td>' for text in texts)
        lines.append(f'<tr><th scope="row">{bdi(visible(row.name, 60))}</th>{cells}</tr>')
    if len(rows) > _MOST_VALUES:
        lines.append(f'<tr><td colspan="{runs + 1}">+ {len(rows) - _MOST_VALUES:,} more differ</td></tr>')
    return f"<tbody>{''.join(lines)}</tbody>"


def _models(models: Sequence[RegisteredModel]) -> str:
    if not models:
        return quiet("No models are registered yet.")
    sections = []
    for model in models:
        versions = sorted(model.versions, key=lambda version: -version.version)
        columns = [
            Column("version", [str(version.version) for version in versions], "run", right=True),
            Column(
                "alias",
                [", ".join(visible(alias, 40) for alias in version.aliases) for version in versions],
                "run",
            ),
            Column("run", [visible(version.run, 60) for version in versions], "run"),
            Column(
                "type",
                [visible((version.type_name or "").rpartition(".")[2], 60) for version in versions],
                "run",
            ),
            Column("stage", [visible(version.tags.get("stage", ""), 20) for version in versions], "run"),
            Column("", ["runs code" if version.record.runs_code else "" for version in versions], "run"),
            Column("size", [size(version.size) for version in versions], "run", right=True),
            Column("registered", [when(version.created) for version in versions], "run", right=True),
        ]
        newest = _table([column for column in columns if any(column.cells)])
        said = "".join(quiet(text) for _, text in model_descriptions([model]))
        sections.append(heading(visible(model.name, 60)) + said + newest)
    return (
        "".join(sections)
        if len(sections) <= 20
        else "".join(sections[:20]) + fold(f"{len(sections) - 20:,} more models", "".join(sections[20:]))
    )
