"""Questions about the audit log: what was decided, whether the log is what was written, what aliases meant once."""

from __future__ import annotations

import json
import time

from nbtrack.analysis.alias_moves import last_of_each, moves
from nbtrack.entities.promotions import AliasesThen, AliasHolder, AuditCheck, AuditLine, AuditLog
from nbtrack.errors import InvalidInput
from nbtrack.store.audit import GENESIS
from nbtrack.store.checks import audit
from nbtrack.store.database import Store
from nbtrack.store.filter_values import instant
from nbtrack.store.values import iso


class Ledger:
    """The audit log of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def log(self, model: str | None = None, limit: int | None = None) -> AuditLog:
        """The last decisions, oldest first.

        Parameters
        ----------
        model
            Only those about this model: registered, promoted, refused, renamed, tagged, described.
        limit
            How many at most; None: all.
        """
        found = []
        for sequence, when, actor, decision, text, digest in self._store.audit.lines():
            detail = json.loads(text)
            if model is None or _is_about(model, decision, detail):
                found.append(
                    AuditLine(
                        sequence=sequence,
                        time=iso(when),
                        nanoseconds=when,
                        actor=actor,
                        decision=decision,
                        text=text,
                        digest=digest,
                        detail=detail,
                    )
                )
        return AuditLog(total=len(found), head=self._head(), lines=found[-limit:] if limit else found)

    def verify(self, expect: str | None = None, anchor: list[str] | None = None) -> AuditCheck:
        """Whether the log is what was written: each line by its digest, which covers the one before.

        Parameters
        ----------
        expect
            A digest that was the log's head once: whoever recomputes the chain, or cuts its end, loses it.
        anchor
            The digests of all lines at some time, from an export; the log must begin with them.
        """
        lines = self._store.audit.lines()
        problems = [f"line {finding.name}: {finding.message}" for finding in audit(self._store.connection)]
        digests = [line[5] for line in lines]
        since = None
        if expect is not None:
            wanted = expect.removeprefix("blake2b-256:")
            if wanted in digests:
                since = len(digests) - 1 - digests.index(wanted)
            elif wanted != GENESIS:
                problems.append(
                    f"no line has the expected digest {wanted}: the end was cut or the chain recomputed"
                )
        for place, digest in enumerate(anchor or []):
            if digests[place : place + 1] != [digest]:
                problems.append(f"line {place + 1} is not the one of the export")
                break
        if anchor is not None:
            since = max(0, len(digests) - len(anchor))
        return AuditCheck(lines=len(lines), head=self._head(), problems=problems, since=since)

    def at(self, moment: str) -> AliasesThen:
        """What each alias meant at the end of a day, or at a moment; models by the names that they had then.

        Raises
        ------
        InvalidInput
            If `moment` is no time.
        """
        told = instant(moment, time.time_ns())
        if told is None:
            raise InvalidInput(
                f"{moment[:60]!r} is no time; write 2026-03-03, 2026-03-03 10:30, today or 2d ago."
            )
        until = max(told[0], told[1] - 1)
        known = moves(
            (when, actor, decision, json.loads(text))
            for _, when, actor, decision, text, _ in self._store.audit.lines()
            if when <= until and decision in ("alias.moved", "model.renamed")
        )
        return AliasesThen(
            moment=iso(until),
            holders=[
                AliasHolder(
                    model=move.model,
                    alias=move.alias,
                    version=move.version,
                    actor=move.actor,
                    time=iso(move.time),
                    override=move.override,
                )
                for move in last_of_each(known)
            ],
        )

    def _head(self) -> str:
        lines = self._store.audit.lines()
        return lines[-1][5] if lines else GENESIS


def _is_about(model: str, decision: str, detail: dict[str, object]) -> bool:
    named = [detail.get("model"), detail.get("before"), detail.get("after")]
    for key in ("model", "versions"):
        some = detail.get(key)
        if isinstance(some, list):
            named += [str(name).partition("/")[0] for name in some]
    return model in named and not decision.startswith(("runs.", "experiment."))
