"""The checks of a gate: what must hold for a version to take an alias.

A check is a function of what is known of the version, of its holder before, and of its options in the policy. A package
brings one by an entry point of the group ``nbtrack.checks``, whose name is the check's; nbtrack's own cannot be replaced.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any, Final, TypeAlias

from nbtrack.analysis.directions import better_when
from nbtrack.entities.graphs import Verdict
from nbtrack.entities.models import ModelVersion, RegisteredModel
from nbtrack.entities.promotions import CheckOutcome
from nbtrack.entities.runs import RunDetail
from nbtrack.errors import InvalidInput

GROUP: Final = "nbtrack.checks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What checks may look at: the version, the one that holds the alias (None: none does), and the run it came from."""

    version: ModelVersion
    holder: ModelVersion | None
    model: RegisteredModel
    run: RunDetail
    verdict: Verdict


Check: TypeAlias = Callable[[Candidate, Mapping[str, Any]], tuple[bool, str]]
"""Whether it holds, and what was seen, in a sentence."""


def _safe_format(candidate: Candidate, options: Mapping[str, Any]) -> tuple[bool, str]:
    version = candidate.version
    return not version.record.runs_code, f"the format is {version.format}" + (
        ", which runs code when loaded" if version.record.runs_code else ""
    )


def _verified(candidate: Candidate, options: Mapping[str, Any]) -> tuple[bool, str]:
    record = candidate.version.record
    rows = _number(options, "rows", 1)
    told = record.verified or "registered by an older nbtrack"
    return record.verified == "equal answers" and record.rows >= rows, f"{told}, {record.rows:,} rows"


def _metric(candidate: Candidate, options: Mapping[str, Any]) -> tuple[bool, str]:
    name = str(options.get("name") or "")
    value = candidate.version.metrics.get(name)
    if value is None or math.isnan(value):
        return False, f"the run has no {name or 'metric: the check needs a name'}"
    if value < (least := _number(options, "at_least", -math.inf)):
        return False, f"{name} is {value:.6g}, below {least:g}"
    if value > (most := _number(options, "at_most", math.inf)):
        return False, f"{name} is {value:.6g}, above {most:g}"
    held = candidate.holder.metrics.get(name) if candidate.holder is not None else None
    if held is None or "margin" not in options:
        return True, f"{name} is {value:.6g}" + ("" if candidate.holder else "; nobody holds the alias")
    direction = options.get("better") or better_when(name)
    if direction not in ("higher", "lower"):
        return False, f'whether a higher or a lower {name} is better is not known: add better = "higher"'
    gained = value - held if direction == "higher" else held - value
    margin = _number(options, "margin", 0.0)
    return (
        gained >= margin,
        f"{name} is {value:.6g}, the holder's {held:.6g}: {gained:+.3g}, wanted {margin:+g}",
    )


def _latency(candidate: Candidate, options: Mapping[str, Any]) -> tuple[bool, str]:
    rows, limit = str(int(_number(options, "rows", 1))), _number(options, "at_most", 0.0)
    taken = candidate.version.record.latency.get(rows)
    if not taken:
        return False, f"the time of an answer for {rows} rows was not measured"
    return taken[
        -1
    ] <= limit, f"95 % of answers for {rows} row(s) take at most {taken[-1]:.3g} s, wanted {limit:g} s"


def _size(candidate: Candidate, options: Mapping[str, Any]) -> tuple[bool, str]:
    limit = _number(options, "at_most", 0)
    return candidate.version.size <= limit, f"{candidate.version.size:,} bytes, wanted {limit:,.0f}"


def _described(candidate: Candidate, options: Mapping[str, Any]) -> tuple[bool, str]:
    text = candidate.version.description or candidate.model.description
    return bool(
        text
    ), "there is a description" if text else "neither the version nor the model has a description"


def _tagged(candidate: Candidate, options: Mapping[str, Any]) -> tuple[bool, str]:
    tags = {**candidate.model.tags, **candidate.version.tags}
    missing = [f"{key}={value}" for key, value in options.items() if tags.get(key) != str(value)]
    return not missing, f"the tag {', '.join(missing)} is missing" if missing else "all tags are there"


def _same_input(candidate: Candidate, options: Mapping[str, Any]) -> tuple[bool, str]:
    holder, inputs = candidate.holder, candidate.version.record.inputs
    if holder is None or not holder.record.inputs:
        return True, "nothing to compare with"
    before = holder.record.inputs
    changed = sorted(name for name in {*before, *inputs} if before.get(name) != inputs.get(name))
    return (
        not changed,
        f"the input differs in {', '.join(changed[:8])}" if changed else "the input is the holder's",
    )


def _committed(candidate: Candidate, options: Mapping[str, Any]) -> tuple[bool, str]:
    revision = candidate.run.revision
    if revision.commit is None:
        return False, "the run was in no git repository"
    told = "with changes that were not committed" if revision.dirty else "with nothing uncommitted"
    return revision.dirty is False, f"the run was at {revision.commit[:10]} {told}"


def _honest(candidate: Candidate, options: Mapping[str, Any]) -> tuple[bool, str]:
    lines = candidate.verdict.lines
    if not lines:
        return False, "how the run came about is not known"
    bad = [line.reason for line in lines if line.answer == "no"]
    return not bad, "; ".join(bad) if bad else "the notebook shows how the run came about"


OWN: Final[dict[str, Check]] = {
    "safe_format": _safe_format,
    "verified": _verified,
    "metric": _metric,
    "latency": _latency,
    "size": _size,
    "described": _described,
    "tagged": _tagged,
    "same_input": _same_input,
    "committed": _committed,
    "honest": _honest,
}


def known_checks() -> list[str]:
    """The names of all checks."""
    return [*OWN, *(point.name for point in entry_points(group=GROUP) if point.name not in OWN)]


def policy_checks(policy: Mapping[str, Any]) -> list[tuple[str, Check, Mapping[str, Any]]]:
    """The checks of a policy with their options; one that is ``false`` is left out, a list asks for one several times.

    Raises
    ------
    InvalidInput
        If it names a check that there is not, or has options that are none.
    """
    found: list[tuple[str, Check, Mapping[str, Any]]] = []
    for name, given in policy.items():
        if name not in known_checks():
            raise InvalidInput(
                f"The policy has a check {name!r}, which is not known; there are {', '.join(known_checks())}.",
                check=name,
            )
        for options in given if isinstance(given, list) else [given]:
            if options is False:
                continue
            if options is not True and not isinstance(options, dict):
                raise InvalidInput(
                    f"The check {name} of the policy is true, false or a table, not {options!r}."
                )
            found.append((name, _function(name), {} if options is True else options))
    return found


def run_checks(policy: Mapping[str, Any], candidate: Candidate) -> list[CheckOutcome]:
    """What each check of a policy says; one that fails by itself does not hold."""
    outcomes = []
    for name, check, options in policy_checks(policy):
        try:
            held, told = check(candidate, options)
        except InvalidInput:
            raise
        except Exception as problem:  # noqa: BLE001 - a plug-in raises anything, which is no yes
            held, told = False, f"the check failed: {type(problem).__name__}: {problem}"
        outcomes.append(CheckOutcome(name=name, held=held is True, told=str(told)[:500]))
    return outcomes


def _function(name: str) -> Check:
    if name in OWN:
        return OWN[name]
    (point, *_) = entry_points(group=GROUP, name=name)
    check: Check = point.load()
    return check


def _number(options: Mapping[str, Any], name: str, default: float) -> float:
    value = options.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput(f"{name} of a check is a number, not {value!r}.")
    return float(value)
