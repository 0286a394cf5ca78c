"""What a recording process does in a trial, and what a store must hold after it.

The calls follow from a seed alone, so that the checker can tell from their number which ones had returned.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count, islice
from typing import TypeAlias

SERIES = ("loss", "accuracy", "grad/norm")
LENGTHS = (3, 30, 300, 3000)
"""Calls inside one run."""
SIZES = {10: 6, 5_000: 6, 60_000: 4, 1_200_000: 1}
"""Bytes of artifacts and how often; random bytes, so that some fit into a row, and some are not taken in at once."""


@dataclass(frozen=True, slots=True)
class Begin:
    """``nbtrack.run(name).__enter__()``."""

    name: str


@dataclass(frozen=True, slots=True)
class Log:
    """``nbtrack.log(values, step=step)``."""

    values: dict[str, float]
    step: int | None


@dataclass(frozen=True, slots=True)
class Params:
    """``nbtrack.params(values)``."""

    values: dict[str, int]


@dataclass(frozen=True, slots=True)
class Tag:
    """``nbtrack.tag(name=value)``."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Artifact:
    """``nbtrack.artifact(content, name)``."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Flush:
    """``nbtrack.flush()``."""


@dataclass(frozen=True, slots=True)
class End:
    """``nbtrack.run(name).__exit__(...)``."""


Call: TypeAlias = Begin | Log | Params | Tag | Artifact | Flush | End


def calls(
    seed: str, name: str, most: int | None = None, lengths: tuple[int, ...] = LENGTHS
) -> Iterator[Call]:
    """The calls of a worker: without end, or `most` of them and the end of the run that they leave open.

    Each value is given once, so that a double is seen. Half of the workers log metrics only: files and flushes take so long
    that little would wait for the keeper.
    """
    made = _endless(seed, name, lengths)
    if most is None:
        yield from made
    last: Call = End()
    for last in islice(made, most):
        yield last
    if not isinstance(last, End):
        yield End()


def _endless(seed: str, name: str, lengths: tuple[int, ...]) -> Iterator[Call]:
    chance = random.Random(seed)
    quick = chance.random() < 0.5
    number = count(1)
    for run in count():
        yield Begin(f"{name}-{run}")
        steps = dict.fromkeys(SERIES, -1)
        for _ in range(chance.choice(lengths)):
            yield _call(chance, next(number), steps, quick)
        yield End()


def _call(chance: random.Random, number: int, steps: dict[str, int], quick: bool) -> Call:
    dice = chance.random() * (0.85 if quick else 1.0)
    if dice < 0.85:
        names = SERIES if dice < 0.05 else (chance.choice(SERIES),)
        step = max(steps.values()) + chance.randint(1, 5) if chance.random() < 0.2 else None
        for name in names:
            steps[name] = steps[name] + 1 if step is None else step
        return Log({name: number + index / 8 for index, name in enumerate(names)}, step)
    if dice < 0.92:
        return Params({f"p{number}": number, "same": number})
    if dice < 0.95:
        return Tag("same" if dice < 0.94 else f"t{number}", str(number))
    if dice < 0.985:
        return Artifact(
            f"a{number}.bin", chance.randbytes(chance.choices(list(SIZES), list(SIZES.values()))[0])
        )
    return Flush()


def digest(content: bytes) -> str:
    """Names a content in a few bytes."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


@dataclass(slots=True)
class Kept:
    """What a store holds of one run: the points of each series, and all values that a name has had, in their order."""

    series: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    params: dict[str, list[object]] = field(default_factory=dict)
    tags: dict[str, list[object]] = field(default_factory=dict)
    artifacts: dict[str, list[object]] = field(default_factory=dict)
    """The digest of each one's content."""
    ended: bool = False


def kept(made: Iterable[Call]) -> dict[str, Kept]:
    """What a store holds after these calls, by the run's name."""
    runs: dict[str, Kept] = {}
    run = Kept()
    for call in made:
        match call:
            case Begin(name):
                run = runs[name] = Kept()
            case Log(values, step):
                for name, value in values.items():
                    points = run.series.setdefault(name, [])
                    counted = points[-1][0] + 1 if points else 0
                    points.append((counted if step is None else step, value))
            case Params(values):
                for name, param in values.items():
                    run.params.setdefault(name, []).append(param)
            case Tag(name, tag):
                run.tags.setdefault(name, []).append(tag)
            case Artifact(name, content):
                run.artifacts.setdefault(name, []).append(digest(content))
            case End():
                run.ended = True
            case Flush():
                pass
    return runs
