"""A disk that is full, a store that cannot be written, is moved, removed or replaced under a live run, a stopped keeper."""

from __future__ import annotations

import ast
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import nbtrack
from nbtrack.keeper import connect

BODY = "print('fine')\nlr = 0.5\n6 * 7"


def check_cell(kernel: Any, name: str) -> str:
    """Run a tracked cell that must give what it gives without nbtrack; the line below it."""
    answer = kernel.run(f"%%track {name}\n{BODY}")
    assert (answer.status, answer.stdout, answer.result, answer.stderr) == ("ok", "fine\n", "42", "")
    assert len(answer.displays) == 1
    return str(answer.line)


def mount(place: Path) -> bool:
    """Mount a disk of 32 MB; False where that is not allowed, as in most containers."""
    place.mkdir()
    order = ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(place)]
    return bool(shutil.which("mount")) and not subprocess.run(order, capture_output=True).returncode


@pytest.fixture(params=["disk", "limit"])
def small_disk(folder: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder on a disk of 32 MB; with "limit", and where nothing can be mounted, on the disk that is there."""
    place = folder / "disk"
    mounted = request.param == "disk" and mount(place)
    place.mkdir(exist_ok=True)
    yield place
    if mounted:
        subprocess.run(["umount", "-l", str(place)], check=True, capture_output=True)


def test_a_full_disk_costs_nothing_once_there_is_room(start_kernel: Any, small_disk: Path) -> None:
    kernel = start_kernel(NBTRACK_STORE=str(small_disk / "store"), NBTRACK_LINE_WAIT="0.5")
    kernel.run("%load_ext nbtrack")
    check_cell(kernel, "before")
    connect(small_disk / "store").ask("store.status")  # the keeper has opened the store while there was room
    if small_disk.is_mount():
        ballast = small_disk / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            for size in (1 << 20, 512):
                with contextlib.suppress(OSError):
                    while file.write(b"x" * size):
                        pass
    else:  # no file of this kernel may grow: the same to the writer of a journal
        kernel.run("import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))")
    line = check_cell(kernel, "full")
    assert line.startswith("full")
    kernel.run(
        "import nbtrack\nwith nbtrack.run('many') as run:\n    for n in range(40_000):\n        run.log(n=n)"
    )
    assert "is full" in kernel.run("%%track told --no-model\nlr = 1").line or "disk is full" in line
    if small_disk.is_mount():
        ballast.unlink()
    else:
        kernel.run("resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)")
    check_cell(kernel, "after")
    runs = nbtrack.open(small_disk / "store").runs
    assert sorted(row.name for row in runs.search()) == ["after-1", "before-1", "full-1", "many-1", "told-1"]
    assert runs.get("full-1").params == {"lr": 0.5}
    assert len(runs.get("many-1").metric("n")) == 40_000


def test_a_store_that_cannot_be_written_turns_tracking_off_in_one_sentence(
    start_kernel: Any, folder: Path
) -> None:
    # Not even root may write below /proc, whatever a container allows.
    kernel = start_kernel(NBTRACK_STORE="/proc/nbtrack/store")
    answer = kernel.run("%load_ext nbtrack")
    assert answer.stdout.startswith("nbtrack is off: The store /proc/nbtrack/store cannot be created")
    assert len(answer.stdout.splitlines()) == 1
    for header in ("%%track x", "# nbtrack: run x"):
        answer = kernel.run(f"{header}\n1 + 1")
        assert (answer.status, answer.result) == ("ok", "2")
    assert kernel.run("%%track x\n1").line.startswith(
        "not tracked: nbtrack is off: The store /proc/nbtrack/store"
    )


AS_ANYBODY = """
import ctypes, os
if os.geteuid() == 0:  # root may write where nobody may, but for these two rights
    libc, rights = ctypes.CDLL(None), 1 << 1 | 1 << 2
    for right in (1, 2):
        libc.prctl(24, right, 0, 0, 0)  # for the programs that it starts: the keeper
    head, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    libc.capget(head, data)
    for number in (0, 1, 2):
        data[number] &= ~rights
    assert libc.capset(head, data) == 0
"""
WITH_BULK = """
import nbtrack
from sklearn.dummy import DummyClassifier
model = DummyClassifier(constant=list(range(1000))).fit([[0], [1]], [0, 1])
nbtrack.artifact(b"content", "notes.bin")
nbtrack.log_series("curve", [0.5] * 300_000)
print("x" * 100_000)
"""


def may_write(store: Path, allowed: bool) -> None:
    """Take all rights to write from a store, or give them back."""
    for place in (store, *store.rglob("*")):
        place.chmod((place.stat().st_mode | 0o200) if allowed else (place.stat().st_mode & ~0o222))


@pytest.mark.skipif(sys.platform != "linux", reason="takes rights away from root as Linux allows it")
def test_a_store_that_becomes_read_only_keeps_what_it_can_until_it_is_writable_again(
    start_kernel: Any, folder: Path
) -> None:
    kernel, store = start_kernel(NBTRACK_LINE_WAIT="1"), folder / ".nbtrack"
    kernel.run(AS_ANYBODY)
    kernel.run("%load_ext nbtrack")
    check_cell(kernel, "before")
    kernel.run("%track start live")
    keeper = int(connect(store).ask("store.status").keeper.split()[1])
    may_write(store, allowed=False)
    try:
        answer = kernel.run(f"%%track bulk\n{WITH_BULK}")
        assert (answer.status, answer.stderr) == ("ok", "")
        sentence = f"the store {store} cannot be written (Permission denied): what is recorded is kept aside until it can"
        assert answer.line.splitlines()[1:] == [f"  {sentence}"]
        os.kill(keeper, signal.SIGKILL)  # the next one cannot even open the store
        assert check_cell(kernel, "during").splitlines()[1:] == [f"  {sentence}"]
        kernel.run("with nbtrack.run('many') as run:\n    for n in range(100_000):\n        run.log(n=n)")
        assert sentence in kernel.run("%track").stdout
    finally:
        may_write(store, allowed=True)
    # A keeper that could not open the store says so for a second more, and no cell waits for the next one.
    deadline = time.monotonic() + 60
    while not check_cell(kernel, "after").startswith("after-") and time.monotonic() < deadline:
        time.sleep(0.2)
    kernel.run("%track end")
    runs = nbtrack.open(store).runs
    names = {"after-1", "before-1", "bulk-1", "during-1", "live-1", "many-1"}
    found = {row.name for row in runs.search("run.status = 'finished'")}
    assert {name for name in found if name == "after-1" or not name.startswith("after")} == names
    bulk = runs.get("bulk-1")
    assert {artifact.name for artifact in bulk.detail.artifacts} == {"model", "notes.bin", "fits.json"}
    assert bulk.model("model").constant == list(range(1000))
    assert len(bulk.metric("curve")) == 300_000
    assert len(runs.get("many-1").metric("n")) == 100_000
    assert bulk.detail.notes == []


def test_a_script_that_ends_while_the_disk_is_full_says_what_is_lost(folder: Path) -> None:
    (folder / "train.py").write_text(
        "import nbtrack, resource\n"
        "nbtrack.log(loss=1)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))\n"
        "for n in range(100_000):\n    nbtrack.log(n=n)\n"
        "print('done')\n"
    )
    done = subprocess.run(
        [sys.executable, "train.py"], cwd=folder, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "done\n")
    assert len(done.stderr.splitlines()) == 1
    assert "cannot be written (File too large): what was recorded since then is lost" in done.stderr
    assert nbtrack.open(folder).runs.get("train-1").metric("loss").values.tolist() == [1]


@pytest.mark.parametrize("event", ["removed", "moved", "replaced"])
def test_a_store_that_goes_away_under_a_live_run(kernel: Any, folder: Path, event: str) -> None:
    store, elsewhere = folder / ".nbtrack", folder / "elsewhere"
    check_cell(kernel, "before")
    kernel.run("%track start live")
    if event == "removed":
        shutil.rmtree(store)
    else:
        store.rename(elsewhere)
    if event == "replaced":
        shutil.copytree(elsewhere, store)  # a copy of the store is another store
    for _ in range(2):
        line = check_cell(kernel, "during")
        word = "another folder stands at" if event == "replaced" else "was moved or removed"
        assert line.startswith("during (")
        assert word in line
        assert len(line.splitlines()) == 2
    status = kernel.run("%track")
    assert word in status.stdout + status.stderr
    kernel.run("%track end")
    if event != "replaced":
        assert not store.exists()  # nothing was made again
    if event == "moved":
        # What was recorded went with the store: whoever opens it there has it all.
        runs = nbtrack.open(elsewhere).runs
        assert {row.name for row in runs.search()} == {"before-1", "during-1", "during-2", "live-1"}
        assert runs.get("during-2").params == {"lr": 0.5}
    answer = kernel.run("%reload_ext nbtrack")
    assert (answer.status, len(answer.stdout.splitlines())) == ("ok", 1)
    assert check_cell(kernel, "after").startswith("after-1")


def test_a_stopped_keeper_holds_no_cell_up(start_kernel: Any, folder: Path) -> None:
    kernel = start_kernel(NBTRACK_LINE_WAIT="0.05")
    kernel.run("%load_ext nbtrack")
    check_cell(kernel, "first")
    pid = int(connect(folder / ".nbtrack").ask("store.status").keeper.split()[1])
    measure = (
        "from nbtrack.ipython.hooks import CellHooks\nimport gc, time\n"
        "hooks = next(o for o in gc.get_objects() if type(o) is CellHooks)\n"
        "waits, ask = [], hooks.session.proxy.ask_soon\n"
        "def timed(*a, **k):\n    began = time.perf_counter()\n    try:\n        return ask(*a, **k)\n"
        "    finally:\n        waits.append((time.perf_counter() - began, k['within']))\n"
        "hooks.session.proxy.ask_soon = timed\n"
    )
    kernel.run(measure)
    os.kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        for _ in range(20):
            assert check_cell(kernel, "stopped").startswith("stopped (")
        took = time.monotonic() - began
        waits = kernel.run("[(round(wait, 3), within) for wait, within in waits]").result
    finally:
        os.kill(pid, signal.SIGCONT)
    # One question a cell, with `line_wait` or less for its answer; the sum is generous to a busy machine.
    limits = [limit for _, limit in ast.literal_eval(waits)]
    assert len(limits) == 20
    assert max(limits) == 0.05
    assert sum(limits) < 20 * 0.05 / 2
    assert took < 20 * 1.0
    deadline = time.monotonic() + 30
    runs = nbtrack.open(folder).runs
    while len(runs.search("name = 'stopped'")) < 20 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(runs.search("name = 'stopped' and run.status = 'finished'")) == 20
