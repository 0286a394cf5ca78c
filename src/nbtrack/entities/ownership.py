"""What a person does with what is theirs: the trash, collecting, and what takes the space. Sizes are in bytes on disk."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """What one command moved to the trash, or what came back from it.

    ``runs`` are names with their experiment (``quickstart/forest-3``), ``versions`` are ``churn/3``; ``time`` is ISO 8601 in
    UTC; ``size`` is what nothing outside the trash refers to, so what collecting frees.
    """

    time: str
    runs: list[str] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trash:
    """All that may still be taken back, newest first."""

    deletions: list[Deletion] = field(default_factory=list)
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Curated:
    """What a decision was about, by its present name: ``quickstart/forest-3``, ``churn``, ``churn/3``, or an experiment.

    ``former`` are the names before, in the same order, where the decision changed them. ``runs`` counts the runs of a
    renamed experiment.
    """

    names: list[str] = field(default_factory=list)
    former: list[str] = field(default_factory=list)
    runs: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """What collecting removed for good, or (``dry_run``) would remove.

    ``models`` are model files of runs that stay; ``executions`` those of no run, and of removed ones; ``saves`` are files of
    notebooks that were saved between runs; ``files`` are leftovers of interrupted writes. ``size`` is what blobs and files
    took; ``unused`` is room inside the database that is used again first. ``kept`` says in sentences what stays in the trash
    though it is old enough.
    """

    dry_run: bool
    runs: int = 0
    versions: int = 0
    models: int = 0
    executions: int = 0
    saves: int = 0
    blobs: int = 0
    files: int = 0
    size: int = 0
    unused: int = 0
    kept: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRow:
    """What one run, cell or kind of content takes.

    ``size`` is its own: content that nothing else refers to. ``shared`` is what it has in common with others. ``count`` is
    the number of pieces of content. ``detail`` is the beginning of a cell's newest source, or that a run is pinned or in
    the trash.
    """

    name: str
    size: int
    shared: int = 0
    count: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What takes the space, largest first; sizes are those of files, in bytes, and `total` is the sum of all of them.

    ``by`` is ``run``, ``cell`` or ``kind``; ``left_out`` rows are not listed and take ``rest`` bytes of their own.
    ``shared`` is what several rows have in common, counted once; ``other`` is what belongs to no row. So the sizes of the
    rows, ``rest``, ``shared`` and ``other`` make ``total``. ``freed`` is what collecting would free now, told by kind only.
    """

    by: str
    rows: list[UsageRow] = field(default_factory=list)
    left_out: int = 0
    rest: int = 0
    shared: int = 0
    other: int = 0
    total: int = 0
    freed: int = 0
