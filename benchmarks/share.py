"""The share of foreign notebooks' time that nbtrack takes: ``python benchmarks/share.py [--most 40] [--limit 300]``.

Each notebook runs once, with nbtrack, in a process of its own, while py-spy looks 200 times a second at its threads. A look
counts as nbtrack's where the innermost frame that is no library's is one of its modules, also on its own threads unless they
wait. One run taken apart says more than two beside each other: the time of the same notebook differs by a tenth, which is
more than what is looked for. Needs what ``heavy/transparency`` needs, and ``py-spy``.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from corpus.notebooks import corpus
from corpus.pairs import execute
from corpus.sampled import RATE, SAMPLES

_WAITING = ("Watch._run ", "LeftRuns._look ", "KeeperProxy._ask_socket ", "_receive ")
"""Functions that wait for something of the system: py-spy takes some waiting for work."""

_THEIRS = (
    "not importlib._bootstrap",
    "(IPython/",
    "(corpus/",
    "frameworks/imports.py",
    ".new_class (nbtrack/",
)
"""Frames below which the work is the person's: a wrapper around their call, their cell, their import, their new class."""

_LOADING = "load_ipython_extension "


@dataclass
class Share:
    """Looks at one notebook or several: all of them, those at nbtrack, and of these those while it was loaded."""

    all: int = 0
    own: int = 0
    loading: int = 0
    places: Counter[str] = field(default_factory=Counter)

    def add(self, samples: Path) -> None:
        """Count the lines of a file of py-spy's."""
        for line in samples.read_text(encoding="utf-8").splitlines():
            stack, _, times = line.rpartition(" ")
            thread, *frames = stack.split(";")
            if not frames or ("nbtrack-" in thread and frames[-1].startswith(_WAITING)):
                continue
            self.all += int(times)
            place = _own(frames) or (thread if "nbtrack-" in thread else None)
            if place is not None:
                self.own += int(times)
                self.places[place.rpartition(":")[0]] += int(times)
                self.loading += int(times) * any(frame.startswith(_LOADING) for frame in frames)

    def add_of(self, other: Share) -> None:
        """Count what another counted."""
        self.all, self.own, self.loading = (
            self.all + other.all,
            self.own + other.own,
            self.loading + other.loading,
        )
        self.places += other.places

    def __str__(self) -> str:
        """The share, with and without the loading of the extension."""
        if not self.all:
            return "no samples"
        return f"{self.own / self.all:6.2%}, {(self.own - self.loading) / self.all:6.2%} without %load_ext"


def _own(frames: list[str]) -> str | None:
    """The frame of nbtrack that a stack is at; None where it is at the person's or a library's work for them."""
    for frame in reversed(frames):
        if any(word in frame for word in _THEIRS) or frame.startswith("<module> (<ipython-input"):
            return None
        if "(nbtrack/" in frame:
            return frame
    return None


def main() -> None:
    """Run the notebooks and print the shares."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--most", type=int, default=40, help="notebooks")
    parser.add_argument("--limit", type=float, default=300, help="seconds of the processor for a notebook")
    options = parser.parse_args()
    total, done = Share(), 0
    for notebook in corpus():
        if done >= options.most:
            break
        with tempfile.TemporaryDirectory() as folder:
            os.environ[SAMPLES] = str(Path(folder, "samples"))
            report = execute(notebook.cells, "tracked", limit=options.limit, module="corpus.sampled")
            if report is None or report["exit"] or report["count"] < len(notebook.cells):
                continue
            one = Share()
            one.add(Path(os.environ[SAMPLES]))
        total.add_of(one)
        done += 1
        print(f"{done:>4} {one.all / RATE:6.1f} s {one}  {notebook.name}  | all {total}", flush=True)
    for place, times in total.places.most_common(12):
        print(f"{times / RATE:7.2f} s  {place}")


if __name__ == "__main__":
    main()
