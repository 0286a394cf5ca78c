"""Power cuts: an ext4 file system in a file is shut down under load without writing its log, mounted again, and checked.

``EXT4_IOC_SHUTDOWN`` drops what the disk has not been told to keep, as a lost supply of power does; the processes live on
for a moment and see a disk that fails.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from campaigns.campaign import Campaign, Missing, NotPossible, Order, Tally, in_lanes
from campaigns.checker import check_worker
from campaigns.ledger import Ledger
from campaigns.reopening import reopened
from campaigns.weakened import Weakening
from nbtrack import NbtrackError

LANES = 4
SIZE = 256 << 20
"""Bytes of the file system; the file is sparse."""

SHUTDOWN, NO_LOG_FLUSH = 0x8004587D, 2
"""``EXT4_IOC_SHUTDOWN`` and the way in which power goes."""

DURABLE_AFTER, SYNCS = 1.5, 4
"""Seconds after which a call must survive, and to which so many syncs are added, as long as the slowest beside: a thread
that syncs each second cannot do it sooner than the disk and the scheduler let it."""

LIVES = (0.3, 3.5)
"""Seconds of load before the cut."""

RESTS = {0.02: 0.8, 0.0: 0.2}
"""Seconds that a worker rests after 50 calls: a training loop does; one that does not is faster than what takes it in."""

BEGINS = 20.0


def run(order: Order) -> Tally:
    """Run the trials, each on a file system of its own."""
    blank = order.folder / "blank.img"
    _need_loop_devices(order.folder, blank)
    return in_lanes(order, LANES, order.numbers(), lambda number, tally: _try(order, number, blank, tally))


def _need_loop_devices(folder: Path, blank: Path) -> None:
    if os.geteuid() != 0:
        raise NotPossible("it needs root, to mount a file system from a file")
    if missing := [tool for tool in ("mkfs.ext4", "mount", "umount") if shutil.which(tool) is None]:
        raise Missing(f"{', '.join(missing)} (apt-get install e2fsprogs mount)")
    with blank.open("wb") as file:
        file.truncate(SIZE)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(blank)], check=True, capture_output=True)
    tried = folder / "tried.img"
    subprocess.run(["cp", "--sparse=always", str(blank), str(tried)], check=True)
    try:
        with mounted(tried, folder / "tried"):
            cut_power(folder / "tried")
    except subprocess.CalledProcessError as problem:
        raise NotPossible(f"no loop device can be mounted here: {problem.stderr.strip()}") from problem
    except OSError as problem:
        raise NotPossible(f"the file system cannot be shut down here: {problem}") from problem
    tried.unlink()


@contextmanager
def mounted(image: Path, place: Path) -> Iterator[None]:
    """Mount an image for the length of a block."""
    place.mkdir(exist_ok=True)
    subprocess.run(
        ["mount", "-o", "loop", str(image), str(place)], check=True, capture_output=True, text=True
    )
    try:
        yield
    finally:
        _unmount(place)


def _unmount(place: Path) -> None:
    deadline = time.monotonic() + 20
    while subprocess.run(["umount", str(place)], capture_output=True).returncode != 0:
        if time.monotonic() > deadline:
            subprocess.run(["umount", "-l", str(place)], capture_output=True)
            raise RuntimeError(f"{place} stayed in use")
        _kill_users(place)
        time.sleep(0.05)


def _kill_users(place: Path) -> None:
    """End the keepers of a store in `place`: it is in their command line, and nobody else knows this folder."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if os.fsencode(place) in entry.read_bytes() and int(entry.parent.name) != os.getpid():
                os.kill(int(entry.parent.name), signal.SIGKILL)


def cut_power(place: Path) -> None:
    """Shut the file system of `place` down; what is not on the disk yet is gone."""
    descriptor = os.open(place, os.O_RDONLY)
    try:
        fcntl.ioctl(descriptor, SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
    finally:
        os.close(descriptor)


class Disk(threading.Thread):
    """Measures how long a sync takes meanwhile, in a file of the file system on which the images lie."""

    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self._path = path
        self._slowest = 0.0
        self._began = time.monotonic()
        self._over = threading.Event()

    def run(self) -> None:
        """Write and sync until it is enough."""
        with self._path.open("wb", buffering=0) as file:
            while not self._over.is_set():
                self._began = time.monotonic()
                file.write(b"x")
                os.fsync(file.fileno())
                self._over.wait(0.1)
                self._slowest = max(self._slowest, time.monotonic() - self._began - 0.1)

    def slowest(self) -> float:
        """Seconds of the slowest sync, that under way too."""
        return max(self._slowest, time.monotonic() - self._began - 0.1)

    def end(self) -> None:
        """Measure no more."""
        self._over.set()
        self.join()
        self._path.unlink()


def _try(order: Order, number: int, blank: Path, tally: Tally) -> None:
    chance = order.chance("powercut", number)
    where, seed = f"trial {number}", repr((order.seed, number))
    rest = chance.choices(list(RESTS), list(RESTS.values()))[0]
    image, place = order.folder / f"{number}.img", order.folder / f"{number}"
    subprocess.run(["cp", "--sparse=always", str(blank), str(image)], check=True)
    ledger = Ledger(order.folder / f"{number}.ledger")
    store = place / ".nbtrack"
    disk = Disk(order.folder / f"{number}.syncs")
    disk.start()
    with mounted(image, place):
        worker = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "campaigns.worker",
                str(store),
                seed,
                "w",
                str(ledger.path),
                str(10**9),
                str(rest),
            ],
            stderr=subprocess.DEVNULL,
        )
        try:
            deadline = time.monotonic() + BEGINS
            while ledger.returned == 0 and worker.poll() is None and time.monotonic() < deadline:
                time.sleep(0.001)
            time.sleep(chance.uniform(*LIVES))
            durable_after = DURABLE_AFTER + SYNCS * disk.slowest()
            moment = time.monotonic_ns() - int(1e9 * durable_after)
            certain = max(ledger.flushed, ledger.returned_at(moment))
            running = worker.poll() is None
            cut_power(place)
        finally:
            worker.kill()
            worker.wait()
            disk.end()
    tally.trials += 1
    tally.reached += running
    tally.acknowledged += certain
    if not running:
        tally.violate("wrong", f"{where}: the worker ended by itself: {_last_line(ledger.trouble)}")
    try:
        with mounted(image, place):
            if certain == 0 and not (store / "nbtrack-store").exists():
                return
            with reopened(store, tally, where) as client:
                check_worker(
                    client, tally, where, seed=seed, name="w", returned=certain, begun=ledger.returned + 1
                )
    except NbtrackError as problem:
        tally.violate("unopenable", f"{where}: {problem}")
    finally:
        if tally.holds:
            image.unlink()


def _last_line(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip().splitlines()[-1] if path.exists() else "no traceback"


CAMPAIGN = Campaign(
    name="powercut",
    promise="A power cut loses nothing that is older than a second and nothing that flush() has returned for.",
    run=run,
    short=20,
    long=1_000,
    minutes=2.5,
    weakenings=(
        Weakening(
            "the database does not wait for the disk",
            "store/database.py",
            (('"synchronous = FULL"', '"synchronous = OFF"'),),
        ),
        Weakening(
            "a blob's file is not synced before its row",
            "store/blobs.py",
            (
                ("            os.fsync(file.fileno())\n", ""),
                ("            os.fsync(descriptor)\n", "            pass\n"),
            ),
        ),
    ),
    teeth=12,
)
