"""What a look at the whole of a store found, and what was or could be done about it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is not as it was written, or (``error`` false) that is worth knowing.

    ``kind`` is ``blob``, ``journal``, ``database``, ``reference``, ``series``, ``number`` or ``audit``; ``name`` is what
    it is about: a digest, a file, a run with one of its names.
    """

    kind: str
    name: str
    message: str
    error: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """The result of ``verify``: how much was looked at, and the first findings of ``errors`` and ``notes``."""

    path: str
    quick: bool
    subset: float
    seconds: float
    checked: dict[str, int]
    errors: int
    notes: int
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """The result of ``repair``: sentences of what was done (``applied``) or would be, and of what cannot be."""

    path: str
    applied: bool
    errors: int
    done: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    quarantine: str | None = None
