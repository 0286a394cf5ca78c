"""What to say about a run, a model or a store: pairs of a word and a value, for text and HTML alike."""

from __future__ import annotations

from datetime import datetime

from nbtrack.entities.models import ModelVersion, RegisteredModel, VersionRecord
from nbtrack.entities.runs import Artifact, CellExecution, Difference, RunDetail
from nbtrack.entities.stores import StoreStatus
from nbtrack.entities.surroundings import Surroundings, Use
from nbtrack.render.characters import visible
from nbtrack.render.grid import MARKS
from nbtrack.render.numbers import column, counted, duration_text, number, size, values, when

Facts = list[tuple[str, str]]

_MOST_OF_A_NOTE = 2000
_MOST_MODULES = 12


def run_facts(detail: RunDetail, now: datetime | None = None) -> Facts:
    """The head of a run: how it stands, when it ran, on what code."""
    row, revision = detail.row, detail.revision
    took = f" · took {duration_text(row.duration)}" if row.duration is not None else ""
    items = [
        ("status", MARKS[row.status]),
        ("started", when(row.started, now) + took),
        ("experiment", visible(row.experiment, 200)),
        ("from", visible(row.origin or "", 100)),
        ("pinned", "yes: delete and gc pass over it" if row.pinned else ""),
        ("formerly", ", ".join(visible(name, 100) for name in detail.former[:10])),
        ("notebook", visible(row.notebook or "", 300)),
        ("id", visible(row.id, 80)),
    ]
    if revision.commit:
        dirty = {True: " with uncommitted changes", False: "", None: ""}[revision.dirty]
        branch = f" on {visible(revision.branch, 100)}" if revision.branch else ""
        items.append(("git", visible(revision.commit[:12]) + branch + dirty))
    if detail.python:
        items.append(("python", f"{visible(detail.python, 60)} · {counted(len(detail.packages), 'package')}"))
    items += _surrounding_facts(detail.surroundings)
    return [(name, text) for name, text in items if text]


def _surrounding_facts(found: Surroundings) -> Facts:
    """What a run ran in, and what it took of it."""
    hardware = dict(found.hardware)
    memory = hardware.pop("memory", "")
    machine = [
        visible(hardware.pop("cpu", ""), 100),
        f"{visible(cores, 40)} cores" if (cores := hardware.pop("cores", "")) else "",
        size(int(memory)) if memory.isdecimal() else "",
        *(visible(text, 100) for text in list(hardware.values())[:8]),
    ]
    modules = [visible(module.name, 60) for module in found.modules[:_MOST_MODULES]]
    if len(found.modules) > _MOST_MODULES:
        modules.append(f"{len(found.modules) - _MOST_MODULES:,} more")
    variables = [visible(f"{name}={text}", 80) for name, text in list(found.variables.items())[:20]]
    remotes = [visible(f"{name} {address}", 200) for name, address in list(found.remotes.items())[:5]]
    return [
        ("remotes", " · ".join(remotes)),
        ("arguments", visible(found.arguments or "", 300)),
        ("variables", " · ".join(variables)),
        ("modules", ", ".join(modules)),
        ("machine", " · ".join(filter(None, machine))),
        ("took", _use(found.use) if found.use else ""),
    ]


def _use(use: Use) -> str:
    cores = f"{number(use.cpu / use.span, 2)} cores on average" if use.span > 0 else ""
    gpu = f"{size(use.gpu_memory)} of GPU memory at most" if use.gpu_memory is not None else ""
    return " · ".join(filter(None, [f"{size(use.memory)} of memory at most", cores, gpu]))


def cell_title(cell: CellExecution, number: int, count: int) -> str:
    """What a cell of a run is called: its place among `count`, and what it drove the memory to."""
    title = "cell" if count == 1 else f"cell {number} of {count}"
    return title + (f" · memory rose to {size(cell.peak_memory)}" if cell.peak_memory else "")


def note_lines(note: str) -> list[str]:
    """A note as lines, of which the first says that it is one."""
    first, *others = visible(note, _MOST_OF_A_NOTE, keep="\n").split("\n")
    return [f"note: {first}", *(f"      {text}" for text in others)]


def model_facts(version: ModelVersion, now: datetime | None = None) -> Facts:
    """All of a model version but its name and number."""
    items = [
        ("alias", ", ".join(visible(alias, 60) for alias in version.aliases)),
        ("type", visible(version.type_name or "", 200)),
        ("from run", visible(version.run, 100)),
        ("artifact", visible(version.artifact, 100)),
        (
            "format",
            f"{visible(version.format, 40)} · {size(version.size)}{RUNS_CODE * version.record.runs_code}",
        ),
        ("verified", verified_text(version.record)),
        ("input", input_text(version.record)),
        ("answers", latency_text(version.record)),
        ("requires", visible(", ".join(version.record.requirements[:12]), 400)),
        ("registered", when(version.created, now)),
        (
            "metrics",
            " · ".join(f"{visible(k, 40)} {number(v)}" for k, v in list(version.metrics.items())[:8]),
        ),
        ("tags", " · ".join(_tag(key, value) for key, value in list(version.tags.items())[:8])),
        ("description", visible(version.description, 500)),
        ("digest", visible(version.digest, 100)),
    ]
    return [(name, text) for name, text in items if text]


RUNS_CODE = " · runs code when loaded"
"""What a version says wherever it is shown, if loading it runs code of its file."""


def verified_text(record: VersionRecord) -> str:
    """How a version was verified, in a sentence."""
    if not record.verified:
        return ""
    if not record.rows:
        return f"{visible(record.verified, 40)}: no rows of input were kept that it answers for"
    return (
        f"{visible(record.verified, 40)} for {record.rows:,} rows in a new process, at most {number(record.largest)} apart "
        f"(allowed {number(record.atol)} + {number(record.rtol)} of the value)"
    )


def input_text(record: VersionRecord) -> str:
    """The columns that a version takes, and what it gives."""
    columns = [f"{visible(name, 40)} {visible(dtype, 30)}" for name, dtype in list(record.inputs.items())[:6]]
    more = f" + {len(record.inputs) - 6:,} more" if len(record.inputs) > 6 else ""
    told = f"{', '.join(columns)}{more}"
    return f"{told} → {visible(record.output, 60)}" if record.output else told


def latency_text(record: VersionRecord) -> str:
    """How long loading and answering take."""
    if not record.verified:
        return ""
    parts = [f"loads in {_moment(record.load_seconds)}"]
    for rows, taken in list(record.latency.items())[:4]:
        median, tail = (_moment(value) for value in (*taken, *taken)[:2])
        parts.append(f"{visible(rows, 10)} row{'s' * (rows != '1')} in {median} (95 % in {tail})")
    return " · ".join(parts)


def _moment(seconds: float) -> str:
    return f"{seconds * 1000:.2g} ms" if 0 <= seconds < 0.01 else duration_text(seconds)


def model_descriptions(models: list[RegisteredModel]) -> Facts:
    """What was said about models as a whole, each by its name."""
    found = []
    for model in models:
        tags = [_tag(key, value) for key, value in list(model.tags.items())[:20]]
        said = " · ".join(filter(None, [visible(model.description, 500), *tags]))
        if said:
            found.append((visible(model.name, 60), said))
    return found


def _tag(key: str, value: str) -> str:
    return visible(f"{key}={value}" if value else key, 100)


def status_facts(status: StoreStatus) -> Facts:
    """A store in figures."""
    running = f", {status.running:,} running" if status.running else ""
    libraries = f"nbtrack {visible(status.nbtrack, 40)} · SQLite {visible(status.sqlite, 40)}"
    waited = f", the oldest for {duration_text(status.waiting_age)}" if status.waiting_age else ""
    waiting = [("waiting", f"{size(status.waiting)} in journals{waited}")] if status.waiting else []
    keeper = visible(status.keeper, 200)
    if status.keeper_memory:
        keeper += f" · {size(status.keeper_memory)} of memory · up for {duration_text(status.keeper_age)}"
    on = f" on {visible(status.file_system, 40)}" if status.file_system else ""
    free = [("free", size(status.free) + on)] if status.free else []
    aside = [("quarantine", f"{status.quarantined:,} file(s)")] if status.quarantined else []
    return [
        ("store", visible(status.path, 500)),
        ("runs", f"{status.runs:,}{running}"),
        ("executions", f"{status.executions:,}"),
        ("models", f"{status.models:,}"),
        ("size", f"{size(status.database_size)} database · {size(status.blob_size)} blobs"),
        *free,
        *waiting,
        *aside,
        ("keeper", keeper),
        *([("sampling", visible(status.sampling, 200))] if status.sampling else []),
        ("versions", f"{libraries} · {visible(status.schema, 60)}"),
    ]


def artifact_text(artifact: Artifact) -> str:
    """What an artifact is, how large, and why it was not saved if so."""
    parts = (
        artifact.kind,
        artifact.type_name or "",
        artifact.format,
        size(artifact.size),
        artifact.note or "",
    )
    return " · ".join(visible(part, 200) for part in parts if part)


def difference_cells(row: Difference, measured: bool = False) -> list[str]:
    """The values of one compared thing; an absent one is a dash, the best carries a star."""
    numbers = [v if isinstance(v, int | float) else None for v in row.values]
    shown = column(numbers) if measured else values(row.values)
    cells = [text if present else "–" for text, present in zip(shown, row.present, strict=True)]
    if row.best is not None:
        cells = [f"{cell} {'★' if index == row.best else ' '}" for index, cell in enumerate(cells)]
    return cells
