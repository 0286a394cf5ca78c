"""Who holds which alias and why: the checks of a gate, the decisions, and the audit log that keeps them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOutcome:
    """What a check of a gate has found: whether it holds, and what was seen, in a sentence."""

    name: str
    held: bool
    told: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """A version that was to take an alias: ``before`` is the version that held it, None where none did.

    ``moved`` says whether it has it now: all checks held, or ``override`` says why it should in spite of those that did not.
    ``digest`` is that of the decision's line in the audit log, ``evidence`` that of what the checks have seen. ``rollback``
    says that the alias went back to its holder before.
    """

    model: str
    alias: str
    version: int
    before: int | None
    moved: bool
    checks: list[CheckOutcome] = field(default_factory=list)
    override: str = ""
    rollback: bool = False
    evidence: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLine:
    """One decision: ``time`` is ISO 8601 in UTC, ``nanoseconds`` the Unix time that was hashed, as was ``text`` (JSON)."""

    sequence: int
    time: str
    nanoseconds: int
    actor: str
    decision: str
    text: str
    digest: str
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLog:
    """Lines of the audit log of a store, oldest first, of ``total``; ``head`` is the digest of its last line."""

    total: int
    head: str
    lines: list[AuditLine] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditCheck:
    """Whether an audit log is what was written. ``since`` counts the lines after the anchor that it was compared with."""

    lines: int
    head: str
    problems: list[str] = field(default_factory=list)
    since: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasHolder:
    """What an alias meant at a moment, by the decision of ``time`` (ISO 8601 in UTC)."""

    model: str
    alias: str
    version: int
    actor: str
    time: str
    override: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasesThen:
    """What each alias meant at a moment."""

    moment: str
    holders: list[AliasHolder] = field(default_factory=list)
