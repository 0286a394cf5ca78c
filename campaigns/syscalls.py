"""Kills, a full disk and a failing disk at the N-th system call of what the store does.

A clean run under strace lists the calls that touch the store; then each point (or a sample) has a process of its own on a
copy of the same store. Afterwards the store is opened without a fault and checked.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from campaigns.campaign import Campaign, Order, Tally, in_lanes
from campaigns.checker import check_runs, check_worker
from campaigns.ledger import Ledger
from campaigns.reopening import reopened
from campaigns.strace import PATIENCE, Point, need_strace, run_with, touching
from campaigns.weakened import Weakening
from campaigns.workload import Kept, calls, kept
from nbtrack import NbtrackError
from nbtrack.store.location import create_store

LANES = 2
FAULTS = ("KILL", "ENOSPC", "EIO", "ENOSPC+")
"""What happens at a point; the last is a disk that stays full."""

LASTING = ("write", "pwrite64", "ftruncate", "fallocate")
"""System calls of which all later ones may fail too, where the process works on a store that has room to spare afterwards: a
recording process whose disk stays full to its end can keep no more than fits."""

OLD_STORE = Path(__file__).parent / "data" / "store-0001.zip"
"""A store as the first schema left it, with what must be in it. The names of machine and user are taken out."""

STATUS = json.dumps({"operation": "store.status", "arguments": {}})
DELETE = json.dumps({"operation": "trash.delete", "arguments": {"runs": ["w/w-0-1"]}})
COLLECT = json.dumps(
    {"operation": "retention.collect", "arguments": {"trash_days": 0, "grace_days": 0, "compact": True}}
)

_ANSWER = "import sys; from nbtrack.keeper.process import answer_once; answer_once(sys.argv[1])"


@dataclass(frozen=True, slots=True)
class Target:
    """Something that one process does to a store.

    Attributes
    ----------
    prepare
        Makes what is there before, in a folder.
    check
        Checks the store of a folder: folder, tally, name of the trial.
    command
        The process, for a folder; by default one that opens the store, drains it and answers `request`.
    """

    name: str
    prepare: Callable[[Path], None]
    check: Callable[[Path, Tally, str], None]
    command: Callable[[Path], list[str]] = lambda folder: [sys.executable, "-c", _ANSWER, str(_store(folder))]
    request: str = STATUS


def _store(folder: Path) -> Path:
    return folder / ".nbtrack"


@dataclass(frozen=True, slots=True)
class Recorded:
    """A worker with the calls of a seed."""

    seed: str
    most: int

    def command(self, folder: Path) -> list[str]:
        """The worker as a process."""
        given = [str(_store(folder)), self.seed, "w", str(folder / "w.ledger"), str(self.most)]
        return [sys.executable, "-m", "campaigns.worker", *given]

    def prepare(self, folder: Path) -> None:
        """Leave all of it in a journal."""
        subprocess.run(self.command(folder), check=True)

    def check(self, folder: Path, tally: Tally, where: str) -> None:
        """Check what the worker recorded, however far it came."""
        ledger = Ledger(folder / "w.ledger")
        tally.acknowledged += ledger.returned
        if ledger.trouble.exists():
            # empty where the disk that stayed full had no room for it either
            last = ledger.trouble.read_text(encoding="utf-8").strip().splitlines()[-1:]
            if not all(problem.startswith(("nbtrack.errors.", "OSError")) for problem in last):
                tally.violate("wrong", f"{where}: a call raised {last}")
        if ledger.returned == 0 and not (_store(folder) / "nbtrack-store").exists():
            return
        with reopened(_store(folder), tally, where) as client:
            check_worker(
                client, tally, where, seed=self.seed, name="w", returned=ledger.returned, most=self.most
            )


@dataclass(frozen=True, slots=True)
class Deleted:
    """What a worker recorded is in the store, and its first run is about to be deleted, or to be freed.

    Attributes
    ----------
    freed
        Whether it is in the trash before, and may be gone afterwards.
    """

    freed: bool

    def prepare(self, folder: Path) -> None:
        """Take all of it in."""
        _MIXED.prepare(folder)
        _answer(folder, STATUS)
        if self.freed:
            _answer(folder, DELETE)

    def check(self, folder: Path, tally: Tally, where: str) -> None:
        """The first run is there, or comes back whole out of the trash, or was freed; the others are there."""
        made = kept(calls(_MIXED.seed, "w", _MIXED.most))
        with reopened(_store(folder), tally, where) as client:
            if client.trash().deletions:
                client.undo()
            elif self.freed:
                del made["w-0"]
            check_runs(client, tally, where, "w", made, made)


def _answer(folder: Path, request: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _ANSWER, str(_store(folder))], input=request.encode(), capture_output=True
    )
    if done.returncode != 0 or b'"ok"' not in done.stdout[:100]:
        raise RuntimeError(f"{request} was answered by {done.stdout[:500]!r} {done.stderr[-500:]!r}")


class OldStore:
    """A store of the first schema, to be migrated."""

    @staticmethod
    def prepare(folder: Path) -> None:
        """Unpack it."""
        with zipfile.ZipFile(OLD_STORE) as archive:
            archive.extractall(folder)
        create_store(_store(folder))

    @staticmethod
    def check(folder: Path, tally: Tally, where: str) -> None:
        """All that was in it is in it."""
        expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
        with reopened(_store(folder), tally, where) as client:
            for experiment, runs in expected.items():
                made = {name: _of_json(run) for name, run in runs.items()}
                check_runs(client, tally, where, experiment, made, made)


def _of_json(run: dict[str, Any]) -> Kept:
    values = {
        kind: {name: [value] for name, value in run[kind].items()} for kind in ("params", "tags", "artifacts")
    }
    series = {name: [(step, value) for step, value in points] for name, points in run["series"].items()}
    return Kept(series=series, ended=run["ended"], **values)


class NewStore:
    """A store without a database yet."""

    @staticmethod
    def prepare(folder: Path) -> None:
        """Make its folder."""
        create_store(_store(folder))

    @staticmethod
    def check(folder: Path, tally: Tally, where: str) -> None:
        """It opens, and is empty."""
        with reopened(_store(folder), tally, where) as client:
            check_runs(client, tally, where, "", {}, {})


_MIXED, _MANY = Recorded("calls-269", 60), Recorded("q-1", 6_000)

TARGETS = (
    Target("record", lambda folder: None, _MIXED.check, _MIXED.command, request=""),
    Target("open", NewStore.prepare, NewStore.check),
    Target("put and commit", _MIXED.prepare, _MIXED.check),
    Target("drain", _MANY.prepare, _MANY.check),
    Target("delete", Deleted(False).prepare, Deleted(False).check, request=DELETE),
    Target("gc", Deleted(True).prepare, Deleted(True).check, request=COLLECT),
    Target("migrate", OldStore.prepare, OldStore.check),
)


def run(order: Order) -> Tally:
    """Run the trials, all targets alike often; of targets with few points all are run."""
    need_strace()
    os.environ["NBTRACK_KEEPER"] = "off"  # a keeper would do the work in a process that is not traced
    trials = _sample(order, [_points(target, order.folder) for target in TARGETS])

    def trial(numbered: tuple[int, tuple[Target, Point]], tally: Tally) -> None:
        number, (target, point) = numbered
        _try(order.folder, number, target, point, tally)

    total = in_lanes(order, LANES, trials, trial)
    if total.reached < 0.8 * total.trials:
        raise RuntimeError(
            f"only {total.reached} of {total.trials} faults happened; the processes are not as when counted"
        )
    return total


def _points(target: Target, folder: Path) -> list[tuple[Target, Point]]:
    """Prepare the target's store and list where a fault can be."""
    template = folder / target.name
    template.mkdir()
    target.prepare(template)
    for name in (
        "first",
        "counted",
    ):  # the first run leaves Python's compiled files, and would count other calls
        copy = shutil.copytree(template, folder / f"{target.name}-{name}")
        found = touching(target.command(copy), target.request, _store(copy), folder / f"{target.name}.strace")
        shutil.rmtree(copy)
    return [
        (target, Point(call, number, fault))
        for call, number in found
        for fault in FAULTS
        if not fault.endswith("+") or (target.request and call in LASTING)
    ]


def _sample(order: Order, points: list[list[tuple[Target, Point]]]) -> list[tuple[int, tuple[Target, Point]]]:
    chance = order.chance("syscalls")
    for of_target in points:
        chance.shuffle(of_target)
    in_turn = [point for turn in zip_longest(*points) for point in turn if point is not None]
    print(f"  {len(in_turn):,} points: " + ", ".join(f"{len(each)} of {each[0][0].name}" for each in points))
    chosen = list(enumerate(in_turn))
    return chosen[: order.trials] if order.only is None else [chosen[order.only]]


def _try(folder: Path, number: int, target: Target, point: Point, tally: Tally) -> None:
    where = f"trial {number} ({target.name}, {point})"
    place = shutil.copytree(folder / target.name, folder / f"{number}")
    tally.trials += 1
    try:
        done, reached = run_with(target.command(place), target.request, point, place / "strace")
        tally.reached += reached
        if target.request and point.fault != "KILL" and not done.stdout and point.call != "write":
            tally.violate("wrong", f"{where}: no answer but {done.stderr.strip().splitlines()[-1:]}")
        target.check(place, tally, where)
    except subprocess.TimeoutExpired:
        tally.violate("wrong", f"{where}: hung for {PATIENCE:.0f} s")
    except NbtrackError as problem:
        tally.violate("unopenable", f"{where}: {problem}")
    if tally.holds:
        shutil.rmtree(place)


CAMPAIGN = Campaign(
    name="syscalls",
    promise="A kill, a full or a failing disk at any system call leaves a store that opens and has all that it was given.",
    run=run,
    short=150,
    long=100_000,
    minutes=2.0,
    weakenings=(
        Weakening(
            "the row of a blob is written before its file",
            "store/blobs.py",
            (
                (
                    "        if inline is None:\n            with self._new_file(digest) as file:\n",
                    "        if inline is None:\n"
                    "            self._insert(digest, len(content), len(stored), codec, zlib.crc32(stored), inline)\n"
                    "            self._connection.execute('COMMIT; BEGIN')\n"
                    "            with self._new_file(digest) as file:\n",
                ),
                (
                    "                file.write(stored)\n",
                    "                file.write(stored)\n            return digest\n",
                ),
            ),
        ),
    ),
    teeth=100,
)
