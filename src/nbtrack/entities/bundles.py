"""What a bundle holds, and what came of writing or merging one.

The documents are JSON objects with exactly these fields, of which those with a default may be missing;
`nbtrack.store.documents` reads them and refuses all else. Digests are ``blake2b-256:<hex>``, times Unix times in
nanoseconds, durations seconds; values of params and what is said of datasets are any JSON.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from nbtrack.entities.lineage import Trace
from nbtrack.entities.models import VersionRecord
from nbtrack.entities.profiles import DataProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginDocument:
    """A store that something in the bundle came from: its id, and what it calls itself."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberDocument:
    """A member of a bundle, as the manifest promises it."""

    name: str
    size: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The first thing to read in a bundle; ``store`` is the id of the store that wrote it."""

    format: int
    nbtrack: str
    store: str
    origins: list[OriginDocument]
    members: list[MemberDocument]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentDocument:
    """An environment; ``interpreter`` and ``packages`` are digests of JSON."""

    id: str
    interpreter: str
    packages: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesDocument:
    """A metric: its summary, and its chunks as (number of the first point, bytes in the member of the run's points).

    The chunks of all series of a run stand one after the other in that member. A series of one point has none.
    """

    name: str
    count: int
    last: float
    lowest: float
    highest: float
    last_step: int
    last_time: int
    chunks: list[list[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactDocument:
    """An artifact of a run."""

    name: str
    kind: str
    format: str
    size: int
    digest: str | None
    type_name: str | None
    params: dict[str, Any]
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotDocument:
    """A snapshot of the notebook; ``file`` is the digest of the saved notebook. ``saved`` came with the format 3."""

    id: str
    process: str
    notebook: str | None
    taken: int
    file: str | None
    saved: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FactDocument:
    """A fact of a part of what a run ran in; see `nbtrack.entities.surroundings`."""

    part: str
    kind: str
    name: str
    text: str
    digest: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledDocument:
    """A series that was sampled while a run was open: whole seconds since its start, and the values."""

    name: str
    seconds: list[int]
    values: list[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class UseDocument:
    """What a run took of its machine."""

    span: float
    cpu: float
    memory: int
    gpu_memory: int | None
    series: list[SampledDocument]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDocument:
    """A run under the name and number that it has at its origin. Bundles of the format 1 know no ``profiles`` of data."""

    id: str
    origin: str
    experiment: str
    name: str
    number: int
    status: str
    process: str
    notebook: str | None
    cell: str | None
    directory: str | None
    environment: EnvironmentDocument | None
    started: int
    ended: int | None
    duration: float | None
    traceback: str | None
    commit: str | None
    branch: str | None
    dirty: bool | None
    params: dict[str, Any]
    tags: dict[str, str]
    notes: list[str]
    metrics: list[SeriesDocument]
    artifacts: list[ArtifactDocument]
    datasets: dict[str, dict[str, Any]]
    snapshots: list[SnapshotDocument]
    facts: list[FactDocument] = field(default_factory=list)
    use: UseDocument | None = None
    profiles: dict[str, DataProfile] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataDocument:
    """Data that an execution read: the fields of a dataset, and its profile."""

    data: dict[str, Any]
    profile: DataProfile | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionDocument:
    """One execution of a cell; ``source`` and ``outputs`` are digests. ``trace`` and ``data`` came with the format 2."""

    id: str
    run: str | None
    notebook: str | None
    cell: str | None
    execution_count: int | None
    source: str
    outputs: str | None
    started: int
    duration: float
    outcome: str
    traceback: str | None
    trace: Trace | None = None
    data: list[DataDocument] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessDocument:
    """What a process executed: all that its runs and the snapshots of them need."""

    process: str
    executions: list[ExecutionDocument]


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionDocument:
    """A version of a registered model.

    ``given`` and ``number`` are what it was called at its origin when it was registered, and mean it for good; ``model`` is
    the model's name now, ``model_description`` and ``model_tags`` are what is said of the model as a whole.
    """

    origin: str
    given: str
    number: int
    model: str
    model_description: str
    model_tags: dict[str, str]
    run: str
    artifact: str
    format: str
    digest: str
    size: int
    type_name: str | None
    types: list[str]
    description: str
    tags: dict[str, str]
    created: int
    record: VersionRecord = field(default_factory=VersionRecord)


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasDocument:
    """An alias as its origin has it; ``version`` is the place of the version in the registry's list.

    ``model`` is the first name that the model had there.
    """

    origin: str
    model: str
    alias: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryDocument:
    """What came of the runs of a bundle in the registry."""

    versions: list[VersionDocument]
    aliases: list[AliasDocument]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewEventDocument:
    """Something that happened in a review; see `nbtrack.entities.reviews.ReviewEvent`. Came with the format 3."""

    id: str
    review: str
    time: int
    author: str
    kind: str
    content: dict[str, Any]
    base: str | None
    head: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewsDocument:
    """What happened in the reviews that are about the runs of a bundle."""

    events: list[ReviewEventDocument]


@dataclass(frozen=True, slots=True, kw_only=True)
class LineDocument:
    """A line of an audit log; ``detail`` is JSON as it was hashed."""

    time: int
    actor: str
    decision: str
    detail: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainDocument:
    """The audit log of one origin from its first line on."""

    origin: str
    lines: list[LineDocument]


@dataclass(frozen=True, slots=True, kw_only=True)
class TombstoneDocument:
    """Something that was deleted for good in the store that wrote the bundle."""

    kind: str
    id: str
    time: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TombstonesDocument:
    """All that was deleted for good."""

    tombstones: list[TombstoneDocument]


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """A bundle that was written by the store that calls itself ``store``.

    ``size`` is in bytes; ``digest`` is of the file's content but its seal. ``running`` are the runs that were left out
    since they had not ended.
    """

    path: str
    store: str
    runs: int
    versions: int
    size: int
    digest: str
    running: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """What a merge did, or with ``dry_run`` would do; ``store`` is what the store that was merged in calls itself.

    ``renamed`` maps what clashed (``study/forest-3``, ``churn/2``, ``churn@champion``) to what it is called here.
    ``deleted`` counts the runs and model versions that were left out since they are deleted here; ``kept`` lists the runs
    that were deleted for good there and stay here; ``running`` those that had not ended there and were left out.
    ``reviews`` counts what came in of reviews: comments, verdicts, openings. ``waiting`` says whether that store has records
    in its journals that it has not taken in.
    """

    store: str
    dry_run: bool = False
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    versions: int = 0
    aliases: int = 0
    reviews: int = 0
    renamed: dict[str, str] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)
    running: list[str] = field(default_factory=list)
    waiting: bool = False
