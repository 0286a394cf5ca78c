"""What capture tells the store: the records of a journal, one class per kind.

A record is written once by the process that saw the event and read once by the keeper. A field may be added with a default;
a meaning is never changed, since journals of older versions wait on disk. Times are Unix times in nanoseconds,
durations are in seconds. ``file`` names a file in the store's ``incoming`` folder that holds the bulk of the record.

Points of metrics are no records but binary frames, see `nbtrack.store.journal`; ``MetricsLogged`` is their older form.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbtrack.entities.values import JSONValue


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessStarted:
    """The first record of each file of a journal: who writes it. See `nbtrack.entities.processes`."""

    process: str
    time: int
    pid: int
    boot_id: str
    start_time: str
    pid_namespace: str
    host: str
    user: str
    executable: str
    nbtrack: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentSeen:
    """The interpreter and the installed distributions (name to version) of a process."""

    environment: str
    interpreter: dict[str, str]
    packages: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsSurrounded:
    """What some runs of a process ran in, as the process knows it; the last such record of a run counts.

    ``facts`` are lists of kind, name, text and digest (`nbtrack.entities.surroundings.Fact`); ``sources`` are the texts of
    those digests that the process has not told before.
    """

    runs: list[str]
    facts: list[list[str | None]]
    sources: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted:
    """A run began. ``directory`` is where its code ran; the keeper looks there for a git repository."""

    run: str
    time: int
    name: str
    experiment: str
    process: str
    notebook: str | None = None
    cell_id: str | None = None
    directory: str | None = None
    environment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContinued:
    """A run that had ended goes on in another cell or process."""

    run: str
    time: int
    process: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParamsSet:
    """Params of a run; a later value of a name replaces an earlier one."""

    run: str
    params: dict[str, JSONValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsLogged:
    """One point of each named series. Without a step the store counts on from the series' last one."""

    run: str
    time: int
    values: dict[str, float]
    step: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentBegan:
    """A further file of a journal; ``before`` is where the file before it ended."""

    before: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesNamed:
    """The numbers by which the points of a run's series are told apart in the same file of the journal, from here on."""

    run: str
    series: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesLogged:
    """Many points of a series at once: ``file`` holds int64 steps (if ``steps``), then float64 values, little-endian.

    Without steps the store counts on from the series' last one. ``checksum`` is the CRC-32 of the file.
    """

    run: str
    name: str
    time: int
    count: int
    steps: bool
    file: str
    checksum: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TagsSet:
    """Tags of a run."""

    run: str
    tags: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactSaved:
    """A file of a run, or (neither ``file`` nor ``content``) one that could not be saved, with the reason in ``note``.

    A small text stands here itself, as ``content``. ``checksum`` is the CRC-32 of the file where its content was at hand;
    ``size`` is known of every one.
    """

    run: str
    time: int
    name: str
    kind: str
    format: str
    size: int
    file: str | None = None
    digest: str | None = None
    type_name: str | None = None
    params: dict[str, JSONValue] = field(default_factory=dict)
    note: str | None = None
    checksum: int | None = None
    content: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetsSeen:
    """Data that a run read or was fitted on.

    Each item has the fields of `nbtrack.entities.datasets.Dataset`, and ``profile`` with those of
    `nbtrack.entities.profiles.DataProfile` where that is known.
    """

    run: str
    datasets: list[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRead:
    """What calls in an execution read; items as in `DatasetsSeen`. It follows the execution's `CellExecuted`."""

    execution: str
    datasets: list[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CellExecuted:
    """One execution of one cell. ``outputs`` are nbformat 4 outputs; bulky ones stand in ``file`` as a JSON list.

    ``checksum`` is the CRC-32 of the file.
    """

    execution: str
    process: str
    time: int
    duration: float
    source: str
    outcome: str
    run: str | None = None
    notebook: str | None = None
    cell_id: str | None = None
    execution_count: int | None = None
    traceback: str | None = None
    outputs: list[dict[str, Any]] = field(default_factory=list)
    file: str | None = None
    checksum: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CellTraced:
    """What an execution read, wrote and changed: ``trace`` is a `nbtrack.entities.lineage.Trace` in its plain form.

    It follows its execution's ``CellExecuted``.
    """

    execution: str
    trace: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotTaken:
    """The notebook as a run left it: ``file`` is a copy of the saved notebook, None where none could be read.

    ``checksum`` is the CRC-32 of the file, ``saved`` the moment (ns) when it was saved.
    """

    snapshot: str
    run: str
    process: str
    time: int
    notebook: str | None = None
    file: str | None = None
    checksum: int | None = None
    saved: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookSaved:
    """The notebook's file between runs: ``reason`` is ``save`` where it was seen to be saved, ``end`` at the kernel's end.

    The other fields are those of `SnapshotTaken`.
    """

    snapshot: str
    process: str
    time: int
    notebook: str
    file: str
    checksum: int
    saved: int
    reason: str = "save"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunNoted:
    """A sentence about a run that its reader should know, such as what was not saved and why."""

    run: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded:
    """A run ended. ``status`` is ``finished``, ``failed`` or ``interrupted``."""

    run: str
    time: int
    duration: float
    status: str
    traceback: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessEnded:
    """The last record of a journal whose process ended in order."""

    process: str
    time: int


Record = (
    ProcessStarted
    | EnvironmentSeen
    | RunsSurrounded
    | RunStarted
    | RunContinued
    | ParamsSet
    | MetricsLogged
    | SegmentBegan
    | SeriesNamed
    | SeriesLogged
    | TagsSet
    | ArtifactSaved
    | DatasetsSeen
    | DataRead
    | CellExecuted
    | CellTraced
    | SnapshotTaken
    | NotebookSaved
    | RunNoted
    | RunEnded
    | ProcessEnded
)
