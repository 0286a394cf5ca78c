"""What a campaign is: trials that try to break a promise, what they counted, and the builds that must fail them."""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TypeVar

from campaigns.weakened import Weakening

SHOWN = 20
"""Violations that are printed; one defect can cause thousands."""


ENOUGH = 0.1
"""Of so many of its trials a campaign that its budget ended has to have come, else it shows too little."""

_Trial = TypeVar("_Trial")


class NotPossible(Exception):
    """The machine cannot run the campaign, whatever is installed; the message says what it needs."""


class Missing(Exception):
    """A program that the campaign needs is not installed; the message says which."""


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
    deadline
        The moment of the monotonic clock after which no trial begins.
    """

    trials: int
    seed: int
    folder: Path
    stop_early: bool = False
    only: int | None = None
    deadline: float = math.inf
    _enough: threading.Event = field(default_factory=threading.Event, repr=False, compare=False)

    def look(self, tally: Tally) -> None:
        """See whether a violation has ended the campaign."""
        if self.stop_early and not tally.holds:
            self._enough.set()

    def is_over(self) -> bool:
        """Whether no further trial is to begin: one violation was enough, or the budget is used up."""
        return self._enough.is_set() or self.is_late()

    def is_late(self) -> bool:
        """Whether the budget is used up."""
        return time.monotonic() >= self.deadline

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


def in_lanes(
    order: Order, lanes: int, trials: Iterable[_Trial], run: Callable[[_Trial, Tally], None]
) -> Tally:
    """Run trials, so many at a time, until all are done or the order is over."""
    total = Tally()

    def one(trial: _Trial) -> Tally:
        tally = Tally()
        if not order.is_over():
            run(trial, tally)
            order.look(tally)
        return tally

    with ThreadPoolExecutor(lanes) as pool:
        for tally in pool.map(one, trials):
            total.add(tally)
    return total


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
    minutes
        What the trials and the weakened builds may take together in CI; what is not begun by then is not run, and is told.
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
    minutes: float
    weakenings: tuple[Weakening, ...]
    teeth: int
