"""How much of what notebooks did is in the store, and whether slices give the same again.

Each notebook runs plain, with nbtrack and under the oracle (`corpus.oracle`); then all of it twice more, and slices of it.
What they are for: the last cells that print, by what they print, and the last models that were fitted, by a digest of what
they make of the data that they were fitted on; each only where both executions of the whole agree on it.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from corpus.differences import differences, masked
from corpus.notebooks import Notebook
from corpus.pairs import Zygote, execute
from corpus.stored import Stored, look

AGAIN = 5
"""Executions without nbtrack at most that may show that a notebook differs by itself; some do so every other time."""


@dataclass
class Tally:
    """Counts over all notebooks: what was found, of how many."""

    zygote: Zygote
    limit: float
    """Seconds of the processor for a plain notebook."""
    targets: int = 6
    """Of a notebook: cells that print, and models, whose slices are tried; the last ones."""
    notebooks: int = 0
    words: Counter[str] = field(default_factory=Counter)
    """How many give the same with nbtrack, differ, or differ by themselves."""
    cells: int = 0
    plain: float = 0.0
    tracked: float = 0.0
    ratios: list[float] = field(default_factory=list)
    models: list[int] = field(default_factory=lambda: [0, 0])
    steps: list[int] = field(default_factory=lambda: [0, 0])
    metrics: list[int] = field(default_factory=lambda: [0, 0])
    reads: list[int] = field(default_factory=lambda: [0, 0])
    false: int = 0
    slices: list[int] = field(default_factory=lambda: [0, 0])
    asked: list[int] = field(default_factory=lambda: [0, 0])
    needed: list[float] = field(default_factory=list)
    misses: list[str] = field(default_factory=list)

    def figures(self) -> dict[str, Any]:
        """The counts in a form for JSON."""
        return {**vars(self), "zygote": None, "misses": len(self.misses)}

    def lines(self) -> Iterator[str]:
        """The totals, to be read."""
        words = ", ".join(f"{count} {word}" for word, count in self.words.items())
        yield f"{self.notebooks} notebooks, {self.cells} cells: {words}"
        both = [one + other for one, other in zip(self.models, self.steps, strict=True)]
        for title, (found, of) in {
            "estimators fitted": both,
            "… models, in the list of a run": self.models,
            "… steps that only prepare data": self.steps,
            "metric values": self.metrics,
            "data reads": self.reads,
            "slices that print the same again": self.slices,
            "slices whose model predicts the same": self.asked,
        }.items():
            yield f"{title:<38}{found:>6} of {of:>5}{found / of if of else 1:>9.1%}"
        yield f"cells with a metric that the oracle does not know: {self.false}, {self.false / self.cells:.1%}"
        if self.needed:
            yield f"cells that a slice needs, of those before it: {statistics.median(self.needed):.0%} (median)"
        yield (
            f"processor time with nbtrack: {self.tracked:.1f} s, without {self.plain:.1f} s;"
            f" {self.tracked / self.plain:.3f} in all, {statistics.median(self.ratios):.3f} by the median notebook"
        )


def compare(notebook: Notebook, tally: Tally) -> bool:
    """Run a notebook in its three ways and count; False where it does not run here."""
    run = partial(execute, zygote=tally.zygote)
    plain = run(notebook.cells, "plain", limit=tally.limit)
    if plain is None or plain["count"] < len(notebook.cells) or plain["cells"][-1]["error"] or plain["exit"]:
        return False
    longer = 2 * tally.limit + 10
    tracked = run(notebook.cells, "tracked", limit=longer, look=look)
    oracle = run(notebook.cells, "oracle", limit=longer)
    if tracked is None or oracle is None or oracle["count"] < len(notebook.cells):
        tally.misses.append(f"{notebook.name}: did not run with nbtrack or under the oracle")
        return False
    stored: Stored = tracked["seen"]
    tally.words[_word(notebook, plain, tracked, tally)] += 1
    seconds = [sum(cell["worked"] for cell in report["cells"]) for report in (plain, tracked)]
    tally.notebooks += 1
    tally.cells += plain["count"]
    tally.plain += seconds[0]
    tally.tracked += seconds[1]
    tally.ratios.append(seconds[1] / seconds[0])
    seen = [cell["seen"] for cell in oracle["cells"]]
    _count(notebook, seen, stored, tally)
    _replay(notebook, plain, seen, stored, tally)
    return True


def _word(notebook: Notebook, plain: dict[str, Any], tracked: dict[str, Any], tally: Tally) -> str:
    found = differences(plain, tracked)
    if not found:
        return "same"
    left = found
    for _ in range(AGAIN):
        again = execute(notebook.cells, "plain", limit=2 * tally.limit + 10, zygote=tally.zygote)
        own = {each.place for each in differences(plain, again)} if again is not None else set()
        left = [each for each in left if each.place not in own]
        if not left:
            break
    tally.misses += [f"{notebook.name}: differs with nbtrack: {each}" for each in left]
    return "different" if left else "different by itself"


def _count(notebook: Notebook, seen: list[dict[str, list[Any]]], stored: Stored, tally: Tally) -> None:
    def missed(what: str) -> None:
        tally.misses.append(f"{notebook.name}: {what}")

    def share(counts: list[int], wanted: Counter[str], found: Counter[str], what: str) -> None:
        counts[0] += sum((wanted & found).values())
        counts[1] += sum(wanted.values())
        for name, count in (wanted - found).items():
            missed(f"{what} {name} × {count}")

    fits = [(kind, is_model) for cell in seen for kind, is_model in cell["fits"]]
    models = Counter(kind for kind, is_model in fits if is_model)
    share(tally.models, models, stored.fits, "fit of")
    steps = Counter(kind for kind, is_model in fits if not is_model)
    share(tally.steps, steps, stored.traced - models, "fit of the step")
    reads = Counter(name for cell in seen for name in set(cell["reads"]))
    share(tally.reads, reads, stored.reads, "read by")
    measured = {(name, value) for cell in seen for name, value in cell["metrics"]}
    for name, value in sorted(measured, key=str):
        is_there = value in stored.values or value != value
        tally.metrics[0] += is_there
        tally.metrics[1] += 1
        if not is_there:
            missed(f"metric {name} = {value!r}")
    known = {value for _, value in measured} | {value for cell in seen for value in cell["told"]}
    known |= {own for _, value in measured for own in _own_ways(value)}
    is_nan = any(value != value for value in known)
    for run, metrics in stored.metrics.items():
        strange = {
            name: value
            for name, value in metrics.items()
            if value not in known and not (value != value and is_nan)
        }
        tally.false += bool(strange)
        for name, value in strange.items():
            missed(f"{run} has the metric {name} = {value!r}")


def _own_ways(value: float) -> Iterator[float]:
    """What a notebook makes of a measured value in a line of its own: an error of an accuracy, the root of a mean."""
    yield from (1 - value, -value, 100 * value)
    if value >= 0:
        yield math.sqrt(value)


def _replay(
    notebook: Notebook, plain: dict[str, Any], seen: list[dict[str, list[Any]]], stored: Stored, tally: Tally
) -> None:
    """Run slices of cells that print, and of cells that leave a model that can be asked."""
    if len(stored.slices) != len(notebook.cells):
        tally.misses.append(
            f"{notebook.name}: {len(stored.slices)} executions are stored of {len(notebook.cells)}"
        )
        return
    printing = [place for place, cell in enumerate(plain["cells"]) if place and _texts(cell["outputs"])]
    asks = [(place, ask) for place, cell in enumerate(seen) for ask in cell["asks"]][-tally.targets :]
    asked = {place: [ask for of, ask in asks if of == place] for place, _ in asks}
    targets = sorted({*printing[-tally.targets :], *asked})
    if not targets:
        return
    whole: list[str] = []
    at: dict[int, int] = {}
    for place, cell in enumerate(notebook.cells):
        at[place] = len(whole)
        whole += [cell, *asked.get(place, [])]
    parts = [
        [*(notebook.cells[each] for each in stored.slices[place]), *asked.get(place, [])] for place in targets
    ]
    again = execute(
        [whole, whole, *parts], "plain", limit=20 * tally.limit, module="corpus.replay", zygote=tally.zygote
    )
    if again is None or again["count"] < len(parts) + 2:
        tally.misses.append(f"{notebook.name}: could not be executed again")
        return
    first, second, *slices = [[_texts(outputs) for outputs in job["outputs"]] for job in again["cells"]]
    for place, outputs in zip(targets, slices, strict=True):
        length = len(stored.slices[place])
        tally.needed.append(length / (place + 1))
        texts = _texts(plain["cells"][place]["outputs"])
        if place in printing and first[at[place]] == second[at[place]] == texts:
            same = outputs[length - 1] == texts
            tally.slices[0] += same
            tally.slices[1] += 1
            if not same:
                tally.misses.append(f"{notebook.name}: the slice of cell {place} is {stored.slices[place]}")
        for number, ask in enumerate(asked.get(place, []), 1):
            expected = first[at[place] + number]
            if not expected or second[at[place] + number] != expected:
                continue  # it cannot be asked, or answers something else each time
            same = outputs[length - 1 + number] == expected
            tally.asked[0] += same
            tally.asked[1] += 1
            if not same:
                tally.misses.append(
                    f"{notebook.name}: the slice of the model of cell {place} is {stored.slices[place]}: {ask}"
                )


def _texts(outputs: list[list[str]] | None) -> list[str] | None:
    if outputs is None:
        return None
    return [masked(text) for kind, text in outputs if kind in ("stdout", "result text/plain")]
