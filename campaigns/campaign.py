"""What a campaign is: trials that try to break a promise, what they counted, and the builds that must fail them."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path

from campaigns.weakened import Weakening

SHOWN = 20
"""Violations that are printed; one defect can cause thousands."""


class NotPossible(Exception):
    """The campaign cannot run on this machine; the message says what it needs."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a campaign is to do.

    Attributes
    ----------
    trials
        How many; a campaign that samples a list does all of it where there are fewer.
    seed
        Decides everything that chance decides, but not the moments at which the system schedules processes.
    folder
        An empty folder for the stores.
    stop_early
        End at the first violation: for a weakened build one is enough.
    only
        The number of the one trial to run, to look into a violation.
    """

    trials: int
    seed: int
    folder: Path
    stop_early: bool = False
    only: int | None = None

    def chance(self, *place: object) -> random.Random:
        """The dice of one place (a trial, a worker): the same for the same seed."""
        return random.Random(repr((self.seed, *place)))

    def numbers(self) -> list[int]:
        """The trials to run."""
        return list(range(self.trials)) if self.only is None else [self.only]


@dataclass(slots=True)
class Tally:
    """What the trials of a campaign found.

    Attributes
    ----------
    reached
        Trials in which the fault surely happened.
    acknowledged
        Calls that had returned before the fault.
    lost
        Values of acknowledged calls that are not in the store.
    duplicated
        Values that are there more often than they were given.
    wrong
        Values, orders and states that nobody gave.
    unopenable
        Trials after which the store did not answer without a manual step.
    """

    trials: int = 0
    reached: int = 0
    acknowledged: int = 0
    lost: int = 0
    duplicated: int = 0
    wrong: int = 0
    unopenable: int = 0
    violations: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether nothing was violated."""
        return not self.violations

    def add(self, other: Tally) -> None:
        """Count what another tally counted."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))

    def violate(self, kind: str, sentence: str, count: int = 1) -> None:
        """Count a violation of one of the kinds above."""
        setattr(self, kind, getattr(self, kind) + count)
        self.violations.append(f"{kind}: {sentence}")

    def __str__(self) -> str:
        """The counts in one line."""
        return ", ".join(
            f"{getattr(self, each.name):,} {each.name}" for each in fields(self) if each.name != "violations"
        )


@dataclass(frozen=True, slots=True)
class Campaign:
    """One campaign.

    Attributes
    ----------
    name
        As on the command line.
    promise
        What it tries to break, in one sentence.
    run
        Runs the trials.
    short, long
        Trials in CI and with ``--long``.
    weakenings
        Builds that must fail the campaign.
    teeth
        Trials that a weakened build gets at most.
    """

    name: str
    promise: str
    run: Callable[[Order], Tally]
    short: int
    long: int
    weakenings: tuple[Weakening, ...]
    teeth: int
