"""A model card in the format of Hugging Face, made of what is known of a version: Markdown with a header in YAML."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import Final

from nbtrack.entities.models import ModelVersion, RegisteredModel
from nbtrack.entities.promotions import AuditLine
from nbtrack.entities.runs import RunDetail

_LIBRARIES: Final = {"skops": "sklearn", "pickle": "sklearn", "torch": "pytorch"}
_NOT_SAID: Final = "Not stated."
_MOST: Final = 50


def model_card(
    version: ModelVersion,
    model: RegisteredModel,
    run: RunDetail,
    decisions: Sequence[AuditLine] = (),
    *,
    head: str = "",
    intended: str = "",
    limits: str = "",
) -> str:
    """The card of a version.

    Parameters
    ----------
    run
        The run that it came from.
    decisions
        What was decided about the model, oldest first.
    head
        The head of the audit log, by which the log can be anchored.
    intended, limits
        What the model is meant for, and what it is not good for: nobody but a person knows.
    """
    parts = [
        "---",
        *_header(version, run),
        "---",
        "",
        f"# {_line(version.model)}, version {version.version}",
        "",
        version.description or model.description or "No description.",
        *_section("Intended use", [intended or _NOT_SAID]),
        *_section("Limits", [limits or _NOT_SAID]),
        *_section("Loading", _loading(version)),
        *_section("Input and answer", _signature(version)),
        *_section("Metrics", _metrics(version)),
        *_section("How it was made", _lineage(version, run)),
        *_section("Checks and decisions", _decisions(version, decisions, head)),
        *_section("Requirements", [f"- `{line}`" for line in version.record.requirements]),
    ]
    return "\n".join(parts) + "\n"


def _header(version: ModelVersion, run: RunDetail) -> Iterator[str]:
    """YAML, of which each value is JSON: that is YAML too, and cannot be led astray by what a name holds."""
    yield f"library_name: {json.dumps(_LIBRARIES.get(version.format, version.format))}"
    yield "tags:"
    for tag in ("nbtrack", version.format, *(["runs-code-when-loaded"] if version.record.runs_code else [])):
        yield f"- {json.dumps(tag)}"
    metrics = [(name, value) for name, value in version.metrics.items() if math.isfinite(value)][:_MOST]
    if not metrics:
        return
    data = next((item for item in run.datasets if item.role == "test"), None) or next(
        iter(run.datasets), None
    )
    yield "model-index:"
    yield f"- name: {json.dumps(version.model)}"
    yield "  results:"
    yield (
        '  - task: {"type": "tabular-classification"}'
        if _is_classifier(version)
        else ('  - task: {"type": "tabular-regression"}')
    )
    name = data.name if data is not None else "not recorded"
    yield f"    dataset: {json.dumps({'type': 'notebook', 'name': name})}"
    yield "    metrics:"
    for key, value in metrics:
        yield f"    - {json.dumps({'type': key, 'name': key, 'value': value})}"


def _is_classifier(version: ModelVersion) -> bool:
    return "Classifier" in (version.type_name or "") or not version.record.output.startswith("float")


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return ["", f"## {title}", "", *lines] if lines else []


def _loading(version: ModelVersion) -> list[str]:
    trust = f'trust="{version.digest}"' if version.record.runs_code else ""
    lines = [
        "```python",
        "import nbtrack",
        f'model = nbtrack.open().models.get("{version.model}/{version.version}").load({trust})',
        "```",
        "",
        f"Format `{version.format}`, {version.size:,} bytes, digest `{version.digest}`.",
    ]
    if version.record.runs_code:
        lines.append("**Loading this model runs code that its file holds.**")
    record = version.record
    if record.verified:
        how = f" for {record.rows:,} rows, at most {record.largest:.3g} apart" if record.rows else ""
        lines.append(f"Verified in a fresh process before it was registered: {record.verified}{how}.")
    return lines


def _signature(version: ModelVersion) -> list[str]:
    record = version.record
    rows = [f"| {_cell(name)} | {_cell(dtype)} |" for name, dtype in list(record.inputs.items())[:200]]
    table = ["| input | type |", "|---|---|", *rows] if rows else []
    return [*table, *(["", f"It answers with {record.output}."] if record.output else [])]


def _metrics(version: ModelVersion) -> list[str]:
    rows = [f"| {_cell(name)} | {value:.6g} |" for name, value in list(version.metrics.items())[:_MOST]]
    for count, taken in version.record.latency.items():
        rows.append(
            f"| seconds for {count} row(s): median, 95 % | {', '.join(f'{one:.3g}' for one in taken)} |"
        )
    return ["| metric | value |", "|---|---|", *rows] if rows else []


def _lineage(version: ModelVersion, run: RunDetail) -> list[str]:
    lines = [f"- run `{_line(run.row.experiment)}/{_line(run.row.name)}`, started {run.row.started}"]
    if run.row.notebook:
        lines.append(f"- notebook `{_line(run.row.notebook.replace(chr(92), '/').rpartition('/')[2])}`")
    lines.append(f"- {len(run.cells):,} executed cell(s); Python {run.python or 'unknown'}")
    if run.revision.commit:
        state = "with uncommitted changes" if run.revision.dirty else "clean"
        lines.append(f"- commit `{run.revision.commit}` ({state})")
    for data in run.datasets[:20]:
        shape = " x ".join(map(str, data.shape))
        lines.append(f"- data `{_line(data.name)}` ({data.role}, {shape}), fingerprint `{data.fingerprint}`")
    for name, value in list(run.row.params.items())[:_MOST]:
        lines.append(f"- `{_line(name)}` = `{_line(json.dumps(value))}`")
    return lines


def _decisions(version: ModelVersion, decisions: Sequence[AuditLine], head: str) -> list[str]:
    lines = []
    for decided in decisions:
        detail = decided.detail
        if decided.decision not in ("alias.moved", "alias.refused") or detail.get("to") != version.version:
            continue
        word = "was refused" if decided.decision == "alias.refused" else "got"
        override = (
            f", in spite of failed checks: {_line(str(detail['override']))}" if "override" in detail else ""
        )
        back = " by a rollback" if detail.get("rollback") else ""
        lines.append(f"- {decided.time}: {word} `{_line(str(detail['alias']))}`{back}{override}")
        for check in detail.get("checks", []):
            mark = "holds" if check.get("held") else "**does not hold**"
            lines.append(f"  - {_line(str(check.get('name')))} {mark}: {_line(str(check.get('told')))}")
    return [*lines, *(["", f"Head of the audit log: `{head}`."] if head else [])]


def _line(text: str) -> str:
    return " ".join(text.split())[:300].replace("`", "'")


def _cell(text: str) -> str:
    return _line(text).replace("|", "\\|")
