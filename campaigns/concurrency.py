"""Many processes with many threads write into one store while others read, delete and collect.

A round has a store of its own. Its writers make the calls that follow from a seed and then end; until they have, readers
compare each answer with those calls, and a janitor deletes runs that have ended, takes some back and collects without any
time of grace. Much of the content is shared by runs that stay and runs that go.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import time
import traceback
from collections.abc import Callable, Iterator
from itertools import chain
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from threading import Thread

import nbtrack
from campaigns.campaign import Campaign, Order, Tally, in_lanes
from campaigns.checker import check_runs
from campaigns.keepers import end_keeper
from campaigns.moments import look, runs_of
from campaigns.reopening import reopened
from campaigns.weakened import Weakening
from campaigns.worker import Worker
from campaigns.workload import Artifact, Call, calls, kept
from nbtrack.errors import NotFound
from nbtrack.store.location import create_store

PROCESSES, THREADS, READERS = 8, 4, 2

CALLS = 300
"""Calls of a thread."""

LENGTHS = (3, 20, 60)
"""Calls inside one run: many runs end while others are written, so that there is something to delete."""

REST, RESTS_AFTER = 0.5, 10
"""A thread rests so many seconds after so many calls: without, answers wait for a keeper that has fallen seconds behind."""

SHARED = tuple(random.Random("shared").randbytes(size) for size in (300, 5_000, 60_000, 1_200_000))
"""Content that half of the artifacts have: in rows, in files, and in files that are taken in from ``incoming``."""

PATIENCE = 180.0
"""Seconds after which a round hangs."""


def made_by(seed: str, name: str) -> list[Call]:
    """The calls of a thread."""
    made = list(calls(seed, name, CALLS, LENGTHS))
    for place, call in enumerate(made):
        if isinstance(call, Artifact) and (number := len(call.name) + place) % 2:
            made[place] = Artifact(call.name, SHARED[number // 2 % len(SHARED)])
    return made


def names() -> Iterator[str]:
    """The names of all threads; each has an experiment of its own."""
    for process in range(PROCESSES):
        yield from _threads(process)


def _threads(process: int) -> list[str]:
    return [f"p{process}t{thread}" for thread in range(THREADS)]


def run(order: Order) -> Tally:
    """Run the rounds one after another."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["campaigns.concurrency"])
    total = in_lanes(order, 1, order.numbers(), lambda number, tally: _round(order, number, context, tally))
    if total.reached < total.trials / 2 and total.holds:
        raise RuntimeError(
            f"only in {total.reached} of {total.trials} rounds something was read and collected"
        )
    return total


class Place:
    """The folder of a round: the store, and what its processes tell."""

    def __init__(self, folder: Path, seed: str) -> None:
        self.folder = folder
        self.store = folder / ".nbtrack"
        self.seed = seed

    def calls(self, name: str) -> list[Call]:
        """The calls of a thread."""
        return made_by(f"{self.seed} {name}", name)

    @property
    def over(self) -> Path:
        """There when the writers have ended."""
        return self.folder / "over"

    @property
    def touched(self) -> Path:
        """The labels that were in the trash at some time, each before it is put there."""
        return self.folder / "touched"

    @property
    def gone(self) -> Path:
        """The labels that were deleted for good, at the end."""
        return self.folder / "gone"

    def work(self, who: str, action: Callable[[Place, str], None]) -> None:
        """What a process does; what it raises is told, since nothing may be raised."""
        os.environ["NBTRACK_STORE"] = str(self.store)
        os.environ["NBTRACK_GC_GRACE"] = "0"
        os.chdir(self.folder)
        try:
            action(self, who)
        except BaseException:
            self.tell(who, "wrong", f"{who} raised {traceback.format_exc()[-600:]}")
            raise

    def answers(self, who: str) -> Path:
        """How many answers a reader has compared."""
        return self.folder / f"{who}.answers"

    def tell(self, who: str, kind: str, sentence: str) -> None:
        """Report a violation."""
        with (self.folder / f"{who}.told").open("a", encoding="utf-8") as file:
            file.write(json.dumps([kind, sentence]) + "\n")

    def told(self) -> list[tuple[str, str]]:
        """All that was reported."""
        files = sorted(self.folder.glob("*.told"))
        return [tuple(json.loads(line)) for line in chain.from_iterable(map(_lines, files))]


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def _round(order: Order, number: int, context: ForkServerContext, tally: Tally) -> None:
    where = f"round {number}"
    place = Place(order.folder / f"{number}", repr((order.seed, number)))
    place.folder.mkdir()
    create_store(place.store)
    writers = [(f"writer-{process}", write) for process in range(PROCESSES)]
    others = [*((f"reader-{number}", read) for number in range(READERS)), ("janitor", clean)]
    started: dict[str, ForkServerProcess] = {}
    for who, action in chain(writers, others):
        started[who] = context.Process(target=place.work, args=(who, action), daemon=True)
        started[who].start()
    _wait(started, place, order, tally, where)
    for kind, sentence in place.told():
        tally.violate(kind, f"{where}: {sentence}")
    tally.trials += 1
    try:
        if tally.holds or not order.stop_early:
            _check(place, tally, where)
    except nbtrack.NbtrackError as problem:
        tally.violate("unopenable", f"{where}: {problem}")
    end_keeper(place.store)
    if tally.holds:
        shutil.rmtree(place.folder, ignore_errors=True)


def _wait(
    started: dict[str, ForkServerProcess], place: Place, order: Order, tally: Tally, where: str
) -> None:
    """Wait for the writers, then for the others; or kill all of them when something was told and that is enough."""
    deadline = time.monotonic() + PATIENCE
    while any(process.exitcode is None for process in started.values()) and time.monotonic() < deadline:
        if all(process.exitcode is not None for who, process in started.items() if "writer" in who):
            place.over.touch()
        if order.stop_early and place.told():
            break
        time.sleep(0.05)
    else:
        for who, process in started.items():
            if process.exitcode is None:
                tally.violate("wrong", f"{where}: {who} hung for {PATIENCE:.0f} s")
            elif process.exitcode != 0:
                tally.violate("wrong", f"{where}: {who} ended with {process.exitcode}")
    for process in started.values():
        process.kill()
        process.join()


def write(place: Place, who: str) -> None:
    """Make the calls of the process's threads, in threads."""
    number = int(who.partition("-")[2])

    def one(name: str) -> None:
        worker = Worker(name)
        try:
            for count, call in enumerate(place.calls(name)):
                worker.make(call)
                if count % RESTS_AFTER == 0:
                    time.sleep(REST)
        except Exception:  # noqa: BLE001 - whatever it is, a call must not raise it
            place.tell(who, "wrong", f"{name}: a call raised {traceback.format_exc()[-600:]}")

    threads = [Thread(target=one, args=(name,)) for name in _threads(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def clean(place: Place, who: str) -> None:
    """Delete runs that have ended, take some back, and collect, until the writers have ended; then collect all of it."""
    chance = random.Random(f"{place.seed} {who}")
    client = nbtrack.open(place.store)
    gone: set[str] = set()
    while not place.over.exists():
        rows = list(client.runs.search("status = 'finished'", limit=10_000))
        for row in chance.sample(rows, min(len(rows), chance.randint(1, 5))):
            label = f"{row.experiment}/{row.name}"
            with place.touched.open("a", encoding="utf-8") as file:
                file.write(label + "\n")
            client.runs.delete(label)
            gone.add(label)
            if chance.random() < 0.4:
                client.undo()
                gone.discard(label)
        if chance.random() < 0.6:
            client.gc(trash_days=0, compact=chance.random() < 0.1)
        time.sleep(chance.uniform(0, 0.1))
    client.gc(trash_days=0)
    place.gone.write_text("\n".join(sorted(gone)), encoding="utf-8")


def read(place: Place, who: str) -> None:
    """Read tables, runs, curves and files; each answer is what the store was at a moment, and none is of an earlier one."""
    chance = random.Random(f"{place.seed} {who}")
    client = nbtrack.open(place.store)
    everything = {name: runs_of(place.calls(name)) for name in names()}
    seen: dict[str, set[str]] = {name: set() for name in everything}
    progress: dict[str, int] = {}
    tally = Tally()
    answers = 0
    while not place.over.exists():
        name = chance.choice(list(everything))
        rows = list(client.runs.search(experiment=name, limit=10_000))
        touched = set(_lines(place.touched))  # after the answer: what is missing in it was told before
        found = {row.name for row in rows}
        missing = [label for label in seen[name] - found if f"{name}/{label}" not in touched]
        if missing:
            tally.violate("lost", f"{who}: the table has no {', '.join(missing)} any more")
        seen[name] |= found
        if rows:
            row = chance.choice(rows[-3:])
            try:
                look(client, row.id, name, everything[name], progress, tally, who)
            except NotFound as problem:  # the run, or content of it
                if f"{name}/{row.name}" not in _lines(place.touched):
                    tally.violate("lost", f"{who}: {name}/{row.name}, which nobody deleted: {problem}")
        for violation in tally.violations:
            kind, _, sentence = violation.partition(": ")
            place.tell(who, kind, sentence)
        tally.violations.clear()
        answers += bool(rows)
    place.answers(who).write_text(str(answers), encoding="utf-8")


def _check(place: Place, tally: Tally, where: str) -> None:
    """All of it is there but what was deleted for good; nothing waits, nothing is damaged, nothing is left over."""
    client = nbtrack.open(place.store)
    gone = set(_lines(place.gone))
    for name in names():
        made = place.calls(name)
        stays = {run: what for run, what in kept(made).items() if f"{name}/{run}-1" not in gone}
        check_runs(client, tally, f"{where}, {name}", name, stays, stays)
        tally.acknowledged += len(made)
    read = [_lines(place.answers(f"reader-{number}")) for number in range(READERS)]
    tally.reached += bool(gone) and all(read) and all(int(count) > 1 for (count,) in read)
    end_keeper(place.store)
    with reopened(place.store, tally, where) as again:
        del again
    log = _lines(place.store / "keeper.log")
    if problems := [line for line in log if " ERROR " in line or line.startswith("Traceback")]:
        tally.violate("wrong", f"{where}: the keeper's log has {len(problems)} errors: {problems[0]}")


_REFERRED = (
    '        self._connection.execute("DELETE FROM orphans WHERE digest IN (SELECT digest FROM temp.referred)")\n',
    '            self._connection.execute(f"DELETE FROM orphans WHERE digest IN (SELECT digest FROM {again})", ids)\n',
)
_FLUSH = '        """Write each series that has grown; `write` is given the series and what writes it, and guards it."""\n'
_WRITE = "            write(series, lambda series=series: self._write(series))  # type: ignore[misc]\n"
_CLEAR = "    def clear(self) -> None:\n"

CAMPAIGN = Campaign(
    name="concurrency",
    promise="Many write, read, delete and collect at once: no error, nothing lost, each answer is what was at a moment.",
    run=run,
    short=3,
    long=500,
    minutes=2.0,
    weakenings=(
        Weakening(
            "threads that begin at once begin a session each",
            "session.py",
            (
                (
                    "    with _Process.beginning:\n        if _Process.session is None:\n            session =",
                    "    with contextlib.nullcontext():\n"
                    "        if _Process.session is None:\n            time.sleep(0.01)\n            session =",
                ),
            ),
        ),
        Weakening(
            "a record and the position behind it are two statements",
            "store/journal_writer.py",
            (
                (
                    "            self._map[where], self.position = frame, end  # type: ignore[index]\n",
                    "            self._map[where] = frame\n            time.sleep(0)\n            self.position = end\n",
                ),
            ),
        ),
        Weakening(
            "collecting does not ask who else refers to content",
            "store/retention.py",
            tuple((text, "") for text in _REFERRED),
        ),
        Weakening(
            "the points of a transaction may come with a later one",
            "service/points.py",
            (
                (_FLUSH, _FLUSH + "        if time.time_ns() // (3 * 10**9) % 2:\n            return\n"),
                ("from array import array\n", "import time\nfrom array import array\n"),
                (_WRITE, _WRITE + "        self.forget_all()\n"),
                (_CLEAR, _CLEAR + "        return\n\n    def forget_all(self) -> None:\n"),
            ),
        ),
    ),
    teeth=4,
)
