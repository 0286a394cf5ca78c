"""Promotions, the audit log and past aliases, as facts and columns for text and HTML alike."""

from __future__ import annotations

from datetime import datetime

from nbtrack.entities.promotions import AliasesThen, AuditCheck, AuditLog, Promotion
from nbtrack.render.characters import visible
from nbtrack.render.facts import Facts
from nbtrack.render.grid import Column
from nbtrack.render.health import Sentences
from nbtrack.render.numbers import counted, when


def promotion_title(done: Promotion) -> str:
    """Who has the alias now."""
    name = f"{visible(done.model, 60)}@{visible(done.alias, 60)}"
    if not done.moved:
        return f"{name} stays" + (f" at version {done.before}" if done.before else " free")
    before = f" (before: {done.before})" if done.before not in (None, done.version) else ""
    return f"{name} is version {done.version}{before}" + (", rolled back" if done.rollback else "")


def promotion_facts(done: Promotion) -> Facts:
    """Why, and where the decision stands."""
    items = [
        ("override", visible(done.override, 500)),
        ("evidence", visible(done.evidence, 100)),
        ("audit line", visible(done.digest, 100)),
    ]
    return [(name, text) for name, text in items if text]


def check_columns(done: Promotion) -> list[Column]:
    """The table of verdicts."""
    return [
        Column("check", [visible(check.name, 40) for check in done.checks], "run"),
        Column("holds", ["yes" if check.held else "NO" for check in done.checks], "run"),
        Column("seen", [visible(check.told, 200) for check in done.checks], "param"),
    ]


def log_columns(log: AuditLog, now: datetime | None = None) -> list[Column]:
    """The lines of an audit log, the newest first."""
    lines = log.lines[::-1]
    return [
        Column("line", [str(line.sequence) for line in lines], "run", right=True),
        Column("when", [when(line.time, now) for line in lines], "run", right=True),
        Column("who", [visible(line.actor, 30) for line in lines], "run"),
        Column("decision", [visible(line.decision, 40) for line in lines], "run"),
        Column("what", [_told(line.detail) for line in lines], "param"),
        Column("digest", [line.digest[:12] for line in lines], "tag"),
    ]


def log_title(log: AuditLog) -> str:
    """How many lines there are, and the head to note down."""
    return f"{counted(log.total, 'decision')} · head {log.head}"


def _told(detail: dict[str, object]) -> str:
    if "alias" in detail:
        move = (
            f"{detail.get('model')}@{detail['alias']}: {detail.get('from') or 'nobody'} → {detail.get('to')}"
        )
        extra = [
            f"override: {detail['override']}" if detail.get("override") else "",
            "rollback" if detail.get("rollback") else "",
            str(detail.get("why") or ""),
        ]
        return visible(" · ".join([move, *filter(None, extra)]), 200)
    if "version" in detail:
        return visible(f"{detail.get('model')}/{detail['version']}", 100)
    return visible(" · ".join(f"{key} {value}" for key, value in list(detail.items())[:4]), 120)


def check_sentences(checked: AuditCheck) -> Sentences:
    """What was found of an audit log."""
    if checked.problems:
        return [("bad", visible(problem, 300)) for problem in checked.problems[:100]]
    told: Sentences = [("good", "Every line is what was written, in its place.")]
    if checked.since is not None:
        told.append(("", f"{counted(checked.since, 'line')} after the anchor."))
    return told


def check_facts(checked: AuditCheck) -> Facts:
    """How long the log is, and the head to note down."""
    return [("lines", f"{checked.lines:,}"), ("head", checked.head)]


def alias_columns(then: AliasesThen, now: datetime | None = None) -> list[Column]:
    """What each alias meant."""
    found = then.holders
    return [
        Column("model", [visible(holder.model, 60) for holder in found], "run"),
        Column("alias", [visible(holder.alias, 60) for holder in found], "run"),
        Column("version", [str(holder.version) for holder in found], "run", right=True),
        Column("since", [when(holder.time, now) for holder in found], "run", right=True),
        Column("by", [visible(holder.actor, 30) for holder in found], "run"),
        Column("override", [visible(holder.override, 100) for holder in found], "tag"),
    ]
