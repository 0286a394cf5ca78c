"""Who holds an alias: a gate with the checks of a declared policy, and the way back. Each decision is one audit line."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict
from typing import Any

from nbtrack.analysis.alias_moves import holders, moves
from nbtrack.entities.models import ModelVersion, RegisteredModel
from nbtrack.entities.names import check_model_name, check_text
from nbtrack.entities.promotions import CheckOutcome, Promotion
from nbtrack.errors import InvalidInput, NotFound
from nbtrack.service.checks import Candidate, policy_checks, run_checks
from nbtrack.service.lineage import Lineage
from nbtrack.service.models import Models
from nbtrack.service.runs import Runs
from nbtrack.store.database import Store
from nbtrack.store.processes import user_name


class Gate:
    """Decides about aliases."""

    def __init__(self, store: Store, runs: Runs, models: Models, lineage: Lineage) -> None:
        self._store = store
        self._runs = runs
        self._models = models
        self._lineage = lineage

    def promote(
        self,
        model: str,
        alias: str,
        policy: dict[str, Any] | None = None,
        override: str = "",
    ) -> Promotion:
        """Give a version an alias if the checks of a policy hold.

        Parameters
        ----------
        model
            The version: ``churn/7``.
        policy
            The checks with their options; without one every version may have the alias.
        override
            Why it should have it in spite of checks that do not hold; kept for good.

        Raises
        ------
        NotFound
            If there is no such version.
        InvalidInput
            If the policy names a check that there is not.
        """
        check_model_name(alias, "alias")
        override = check_text(override, "reason")
        policy_checks(policy or {})
        version = self._models.get(model)
        whole, before = self._holder(version.model, alias)
        held = next((other for other in whole.versions if other.version == before), None)
        candidate = Candidate(
            version=version,
            holder=held,
            model=whole,
            run=self._runs.get(version.run_id),
            verdict=self._lineage.verdict(version.run_id),
        )
        checks = run_checks(policy or {}, candidate)
        passed = all(check.held for check in checks)
        moved = passed or bool(override)
        evidence = evidence_digest(version, checks)
        detail: dict[str, Any] = {
            "model": version.model,
            "alias": alias,
            "from": before,
            "to": version.version,
            "digest": version.digest,
            "evidence": evidence,
            "checks": [asdict(check) for check in checks],
        }
        if override and not passed:
            detail["override"] = override
        with self._store.transaction():
            if self._holder(version.model, alias)[1] != before:
                raise InvalidInput(f"{version.model}@{alias} was moved meanwhile; promote again.")
            if moved:
                self._store.models.set_alias(version.model, alias, version.version)
            decision = "alias.moved" if moved else "alias.refused"
            digest = self._store.audit.append(time.time_ns(), user_name(), decision, detail)
        return Promotion(
            model=version.model,
            alias=alias,
            version=version.version,
            before=before,
            moved=moved,
            checks=checks,
            override=detail.get("override", ""),
            evidence=evidence,
            digest=digest,
        )

    def rollback(self, model: str, alias: str, why: str = "") -> Promotion:
        """Give an alias back to the version that held it before.

        Raises
        ------
        NotFound
            If there is no such model or alias, none held it before, or the one that did is deleted.
        """
        why = check_text(why, "reason")
        name = self._models.get(model).model
        whole, current = self._holder(name, alias)
        if current is None:
            raise NotFound(
                f"The model {name} has no alias {alias}; it has {', '.join(whole.aliases) or 'none'}."
            )
        stack = holders(self._moves(), name, alias, current)
        if len(stack) < 2:
            raise NotFound(f"{name}@{alias} had no holder before version {current}.")
        before = stack[-2]
        if before not in {version.version for version in whole.versions}:
            raise NotFound(
                f"{name}/{before}, which held {alias} before, is deleted; undelete --model {name}/{before} first."
            )
        detail = {"model": name, "alias": alias, "from": current, "to": before, "rollback": True, "why": why}
        with self._store.transaction():
            self._store.models.set_alias(name, alias, before)
            digest = self._store.audit.append(time.time_ns(), user_name(), "alias.moved", detail)
        return Promotion(
            model=name, alias=alias, version=before, before=current, moved=True, rollback=True, digest=digest
        )

    def _holder(self, name: str, alias: str) -> tuple[RegisteredModel, int | None]:
        whole = self._store.models.get(name)
        if whole is None:
            raise NotFound(f"There is no registered model {name}.", model=name)
        return whole, whole.aliases.get(alias)

    def _moves(self) -> Any:
        return moves(
            (when, actor, decision, json.loads(text))
            for _, when, actor, decision, text, _ in self._store.audit.lines()
            if decision in ("alias.moved", "model.renamed")
        )


def evidence_digest(version: ModelVersion, checks: list[CheckOutcome]) -> str:
    """The digest of what checks have seen: of the version's content, its record and metrics, and of their outcomes."""
    seen = [version.model, version.version, version.digest, asdict(version.record), version.metrics]
    text = json.dumps([*seen, [asdict(check) for check in checks]], sort_keys=True)
    return f"blake2b-256:{hashlib.blake2b(text.encode(), digest_size=32).hexdigest()}"
