"""``python -m campaigns NAME``: run one campaign, or its teeth.

Exit status: 0 nothing was violated (or each weakened build failed) · 1 something was · 2 usage · 3 this machine cannot
run the campaign · 4 the campaign itself broke, or a program that it needs is not installed · 5 its budget ended it long
before its last trial.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from campaigns.campaign import ENOUGH, SHOWN, Campaign, Missing, NotPossible, Order, Tally
from campaigns.weakened import NoSuchPlace, build

CAMPAIGNS = ("kill", "kernels", "syscalls", "powercut", "journal", "concurrency", "states")
"""The modules that have a campaign."""

FOR_TEETH = 0.75
"""The part of a campaign's minutes in which its weakened builds must have failed."""

STORES_SHOWN, LINES_SHOWN = 4, 20
"""Stores whose traces are printed after a violation, and lines of each keeper's log."""

_VIOLATION = re.compile(r"(lost|duplicated|wrong|unopenable): ")

HELD, VIOLATED, NOT_POSSIBLE, BROKEN, SHORT = 0, 1, 3, 4, 5


def campaign(name: str) -> Campaign:
    """The campaign of a module."""
    found: Campaign = import_module(f"campaigns.{name}").CAMPAIGN
    return found


def main(arguments: list[str] | None = None) -> int:
    """Run what the command line says; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m campaigns", description="Fault campaigns against nbtrack."
    )
    parser.add_argument("name", choices=CAMPAIGNS)
    parser.add_argument("--trials", type=int, help="how many (default: as in CI)")
    parser.add_argument("--long", action="store_true", help="as many as before a release")
    parser.add_argument("--minutes", type=float, help="begin no trial later (default: only in CI's size)")
    parser.add_argument("--ci", action="store_true", help="the teeth, then the trials, within the minutes")
    parser.add_argument("--seed", type=int, help="default: another each time; it is printed")
    parser.add_argument("--only", type=int, metavar="TRIAL", help="run this one trial")
    parser.add_argument("--teeth", action="store_true", help="run on weakened builds: each must fail")
    parser.add_argument("--stop-early", action="store_true", help="end at the first violation")
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="leave the stores of violated trials here"
    )
    given = parser.parse_args(arguments)
    chosen = campaign(given.name)
    seed = given.seed if given.seed is not None else time.time_ns() // 1000 % 1_000_000_000
    minutes = given.minutes
    if minutes is None:
        minutes = math.inf if given.trials or given.long or given.only is not None else chosen.minutes
    began = time.monotonic()
    status = HELD
    if given.teeth or given.ci:
        # first, since all of them must be found, while the trials may be fewer where the machine is slow
        last = began + 60 * minutes * (FOR_TEETH if given.ci else 1)
        status = show_teeth(chosen, given.trials or chosen.teeth, seed, last)
        if given.teeth or status == NOT_POSSIBLE:
            return status
    trials = given.trials or (chosen.long if given.long else chosen.short)
    # builds that ended late, since their last trials do once begun, leave the trials their part
    last = max(began + 60 * minutes, time.monotonic() + 60 * minutes * (1 - FOR_TEETH))
    with workplace(given.keep) as folder:
        order = Order(trials, seed, folder, given.stop_early, given.only, last)
        return run(chosen, order) or status


@contextlib.contextmanager
def workplace(keep: Path | None) -> Iterator[Path]:
    """An empty folder for stores, and environment variables that keep the person's own settings and keepers out."""
    for name in [name for name in os.environ if name.startswith("NBTRACK_")]:
        del os.environ[name]
    with tempfile.TemporaryDirectory(prefix="nbtrack-campaign-", ignore_cleanup_errors=True) as temporary:
        runtime = Path(temporary, "run")
        runtime.mkdir(mode=0o700)
        os.environ["XDG_RUNTIME_DIR"] = str(runtime)
        stores = Path(temporary, "stores")
        stores.mkdir()
        yield stores
        if keep is not None:
            shutil.copytree(stores, keep, dirs_exist_ok=True)


def run(chosen: Campaign, order: Order) -> int:
    """Run a campaign and print what it found; the exit status."""
    import nbtrack

    print(f"campaign {chosen.name}: {order.trials:,} trials, seed {order.seed}", flush=True)
    print(f"  {chosen.promise}\n  nbtrack from {Path(nbtrack.__file__).parent}", flush=True)
    began = time.monotonic()
    try:
        tally = chosen.run(order)
    except NotPossible as reason:
        print(f"campaign {chosen.name}: not run: {reason}", flush=True)
        return NOT_POSSIBLE
    except Missing as program:
        print(f"campaign {chosen.name}: not run: it needs {program}", flush=True)
        return BROKEN
    except Exception:  # noqa: BLE001 - a campaign that broke must not pass for one that found something
        traceback.print_exc()
        print(f"campaign {chosen.name}: broke; this says nothing about nbtrack", flush=True)
        return BROKEN
    cut_off = order.is_late() and tally.trials < order.trials
    report(chosen, order, tally, time.monotonic() - began, cut_off)
    if not tally.holds:
        show_traces(order.folder)
        return VIOLATED
    return SHORT if cut_off and tally.trials < ENOUGH * order.trials else HELD


def report(chosen: Campaign, order: Order, tally: Tally, seconds: float, cut_off: bool) -> None:
    """Print the violations, whether the budget cut trials off, and the line of counts."""
    for violation in tally.violations[:SHOWN]:
        print(f"  {violation}")
    if len(tally.violations) > SHOWN:
        print(f"  and {len(tally.violations) - SHOWN} more")
    if cut_off:
        few = "; TOO FEW to show anything" if tally.trials < ENOUGH * order.trials else ""
        print(f"  its minutes were over after {tally.trials:,} of {order.trials:,} trials{few}", flush=True)
    word = "held" if tally.holds else "VIOLATED"
    print(f"campaign {chosen.name}: {word}: {tally}, {seconds:.0f} s, seed {order.seed}", flush=True)


def show_traces(folder: Path) -> None:
    """Print what the stores that are left tell of a violation that may not come again: their journals and keepers' logs."""
    for log in sorted(folder.rglob("keeper.log"))[:STORES_SHOWN]:
        print(f"  {log.parent.relative_to(folder)}", flush=True)
        for file in sorted((log.parent / "journal").glob("*")):
            with contextlib.suppress(OSError):
                print(f"    {file.name}: {file.stat().st_size:,} bytes", flush=True)
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines()[-LINES_SHOWN:]:
            print(f"    {line[:200]}", flush=True)


def show_teeth(chosen: Campaign, trials: int, seed: int, deadline: float) -> int:
    """Run the campaign on each weakened build, all of them before a moment; 0 when each has failed."""
    status = HELD
    root = Path(__file__).resolve().parents[1]
    for weakening in chosen.weakenings:
        with tempfile.TemporaryDirectory(prefix="nbtrack-weakened-") as temporary:
            try:
                folder = build(weakening, Path(temporary))
            except NoSuchPlace as problem:
                print(f"teeth of {chosen.name}: {problem}", flush=True)
                status = BROKEN
                continue
            began = time.monotonic()
            done = subprocess.run(
                [sys.executable, "-m", "campaigns", chosen.name, "--stop-early"]
                + [f"--trials={trials}", f"--seed={seed}"]
                + [f"--minutes={max((deadline - time.monotonic()) / 60, 0.01)}"],
                cwd=root,
                env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(root)])},
                capture_output=True,
                text=True,
            )
            seconds = time.monotonic() - began
        if done.returncode == NOT_POSSIBLE:
            print(done.stdout, end="", flush=True)
            return NOT_POSSIBLE
        bites = done.returncode == VIOLATED and f"nbtrack from {folder}" in done.stdout
        found = next(filter(_VIOLATION.match, map(str.strip, done.stdout.splitlines())), "nothing")
        word = f"found ({found})" if bites else f"NOT FOUND with seed {seed}"
        print(f"teeth of {chosen.name}: {weakening.name}: {word}, {seconds:.0f} s", flush=True)
        if not bites:
            print(done.stdout + done.stderr, flush=True)
            status = max(status, VIOLATED)
    return status


if __name__ == "__main__":
    sys.exit(main())
