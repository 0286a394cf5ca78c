"""What people do to a kernel: `%reset`, another folder, wiped paths, cleared events, a restart, a clock that jumps."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest

import nbtrack
from nbtrack.keeper import connect

DEEDS = {
    "reset": "%reset -f",
    "another folder": "import os; os.makedirs('elsewhere'); os.chdir('elsewhere')",
    "a folder that is gone": "import os, shutil; os.makedirs('gone'); os.chdir('gone'); shutil.rmtree('../gone')",
    "no path": "import sys; sys.path.clear()",
    "stdout": "import io, sys; kept = sys.stdout; sys.stdout = io.StringIO()",
    "own names": "json = os = time = sys = Path = open = print = len = str = list = dict = 5",
    "builtins": "import builtins\ndef no(*a, **k): raise RuntimeError('not this one')\n"
    "for name in ('open', 'print', 'input'):\n    setattr(builtins, name, no)",
    "modules of the same names": "for name in ('click', 'difflib', 'rich', 'lark'):\n"
    "    with open(name + '.py', 'w') as file:\n        file.write('raise SystemExit(\"the wrong one\")')",
    "recursion": "import sys; sys.setrecursionlimit(150)",
    "warnings": "import warnings; warnings.simplefilter('error')",
}


TOGETHER = {
    "places": ["modules of the same names", "another folder", "a folder that is gone", "no path"],
    "names": ["reset", "own names", "warnings", "recursion", "stdout", "builtins"],
}
"""Deeds that are done one after the other to one kernel, since each start of one costs two seconds."""


@pytest.mark.parametrize("group", list(TOGETHER))
def test_a_tracked_cell_is_a_run_whatever_was_done_before(kernel: Any, folder: Path, group: str) -> None:
    for number, deed in enumerate(TOGETHER[group]):
        answer = kernel.run(DEEDS[deed])
        assert answer.status == "ok", (deed, answer)
        answer = kernel.run(f"%%track after{number}\nlr = 0.5\n6 * 7")
        assert (answer.status, answer.result, answer.stderr) == ("ok", "42", ""), deed
        label = f"after{number}-1"
        assert answer.line.startswith(label), deed
        run = nbtrack.open(folder).runs.get(label)
        assert (run.status, run.params) == ("finished", {"lr": 0.5}), deed
        assert run.detail.row.experiment == folder.name, deed
        assert "Error" not in kernel.run(f"%track compare {label} {label}").stderr, deed
    assert not (folder / "elsewhere" / ".nbtrack").exists()


def test_each_deed_is_done() -> None:
    assert sorted(deed for group in TOGETHER.values() for deed in group) == sorted(DEEDS)


def test_inside_the_tracked_cell_too(kernel: Any, folder: Path) -> None:
    answer = kernel.run(
        "%%track within\nimport os, sys\nos.mkdir('there'); os.chdir('there'); sys.path.clear()\n%reset -f\nlr = 0.25"
    )
    assert answer.status == "ok", answer
    assert nbtrack.open(folder).runs.get("within-1").params == {"lr": 0.25}


def test_cleared_events_are_named_and_a_reload_sets_them_again(kernel: Any, folder: Path) -> None:
    kernel.run("for callbacks in get_ipython().events.callbacks.values():\n    callbacks.clear()")
    answer = kernel.run("%%track lost\nlr = 1\nlr")
    assert (answer.status, answer.result) == ("ok", "1")
    assert "not tracked: the shell's events were taken away" in answer.line
    assert "cells are not remembered" in kernel.run("%track").stdout
    assert kernel.run("%reload_ext nbtrack").status == "ok"
    assert kernel.run("%%track found\nlr = 1").line.startswith("found-1")
    assert "not remembered" not in kernel.run("%track").stdout
    assert [row.name for row in nbtrack.open(folder).runs.search()] == ["found-1"]


def test_a_run_that_was_open_when_its_kernel_was_restarted_is_interrupted(kernel: Any, folder: Path) -> None:
    kernel.run("%track start long")
    kernel.run("import nbtrack; nbtrack.log(loss=1)")
    kernel.manager.restart_kernel(now=False)
    kernel.client.wait_for_ready(timeout=60)
    runs = nbtrack.open(folder).runs
    deadline = time.monotonic() + 60
    while runs.get("long-1").status == "running" and time.monotonic() < deadline:
        time.sleep(0.2)
    assert runs.get("long-1").status == "interrupted"
    assert runs.get("long-1").metrics == {"loss": 1}
    kernel.run("%load_ext nbtrack")
    assert kernel.run("%%track +long\nlr = 1").line.startswith("long-1")
    assert runs.get("long-1").status == "finished"


def test_what_a_dead_kernel_left_open_is_told_once(start_kernel: Any, folder: Path) -> None:
    killed = start_kernel()
    killed.run("%load_ext nbtrack")
    killed.run("%track start forest")
    killed.run("import nbtrack\nfor n in range(1_204):\n    nbtrack.log(loss=n)")
    killed.kill()
    kernel = start_kernel()
    kernel.run("%load_ext nbtrack")
    deadline = time.monotonic() + 60
    while not (displays := kernel.run("1 + 1").displays) and time.monotonic() < deadline:
        time.sleep(0.2)
    (shown,) = displays
    assert re.fullmatch(
        r"forest-1 was left running by a process that died at \d\d:\d\d; shown as crashed; 1,204 points kept",
        shown["text/plain"],
    )
    proxy = connect(folder / ".nbtrack")
    while proxy.ask("deaths.left", experiment=folder.name) and time.monotonic() < deadline:
        time.sleep(0.2)
    kernel.run("%reload_ext nbtrack")
    for _ in range(3):
        assert kernel.run("1 + 1").displays == []
    assert kernel.run("%%track +forest\nlr = 1").line.startswith("forest-1")


def test_a_clock_that_jumps_leaves_order_and_durations_right(kernel: Any, folder: Path) -> None:
    years = "10 * 365 * 86_400"
    jump = (
        "import time\nreal = getattr(time, 'real', time.time_ns)\ntime.real = real\n"
        "time.time_ns = lambda: real() + {} * 10**9\ntime.time = lambda: time.time_ns() / 1e9"
    )
    kernel.run("%track start jumping")
    for number, away in enumerate((f"{years}", f"-{years}", "0", f"-{years} // 2")):
        kernel.run(f"number = {number}\n" + jump.format(f"({away})"), f"cell-{number}")
        kernel.run(f"import nbtrack; nbtrack.log(step_number={number})", f"log-{number}")
    kernel.run("%track end")
    kernel.run("%%track short\n" + jump.format(f"(-{years})"))
    runs = nbtrack.open(folder).runs
    run = runs.get("jumping-1")
    cells = [cell.cell_id for cell in run.detail.cells if cell.cell_id]
    assert cells == [f"{kind}-{number}" for number in range(4) for kind in ("cell", "log")]
    curve = run.metric("step_number")
    assert curve.values.tolist() == [0, 1, 2, 3]
    assert curve.times.tolist() == sorted(curve.times)
    assert curve.times[-1] - curve.times[0] < 60
    assert [row.name for row in runs.search(sort=["started"])] == ["jumping-1", "short-1"]
    for found in (run, runs.get("short-1")):
        assert found.status == "finished"
        assert found.detail.row.duration is not None
        assert 0 <= found.detail.row.duration < 60
        assert all(0 <= cell.duration < 60 for cell in found.detail.cells)
    snapshot = runs.get("short-1").snapshot().notebook["cells"]
    sources = [cell["source"] for cell in snapshot if "number = " in cell["source"]]
    assert [source.splitlines()[0] for source in sources] == [f"number = {n}" for n in range(4)]
