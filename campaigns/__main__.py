"""``python -m campaigns NAME``: run one campaign, or its teeth.

Exit status: 0 nothing was violated (or each weakened build failed) · 1 something was · 2 usage · 3 this machine cannot
run the campaign · 4 the campaign itself broke.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from campaigns.campaign import SHOWN, Campaign, NotPossible, Order, Tally
from campaigns.weakened import NoSuchPlace, build

CAMPAIGNS = ("kill", "kernels", "syscalls", "powercut", "journal", "states")
"""The modules that have a campaign."""

HELD, VIOLATED, NOT_POSSIBLE, BROKEN = 0, 1, 3, 4


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
    if given.teeth:
        return show_teeth(chosen, given.trials or chosen.teeth, seed)
    trials = given.trials or (chosen.long if given.long else chosen.short)
    with workplace(given.keep) as folder:
        return run(chosen, Order(trials, seed, folder, stop_early=given.stop_early, only=given.only))


@contextmanager
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
    except Exception:  # noqa: BLE001 - a campaign that broke must not pass for one that found something
        traceback.print_exc()
        print(f"campaign {chosen.name}: broke; this says nothing about nbtrack", flush=True)
        return BROKEN
    report(chosen, order, tally, time.monotonic() - began)
    return HELD if tally.holds else VIOLATED


def report(chosen: Campaign, order: Order, tally: Tally, seconds: float) -> None:
    """Print the violations and the line of counts."""
    for violation in tally.violations[:SHOWN]:
        print(f"  {violation}")
    if len(tally.violations) > SHOWN:
        print(f"  and {len(tally.violations) - SHOWN} more")
    word = "held" if tally.holds else "VIOLATED"
    print(f"campaign {chosen.name}: {word}: {tally}, {seconds:.0f} s, seed {order.seed}", flush=True)


def show_teeth(chosen: Campaign, trials: int, seed: int) -> int:
    """Run the campaign on each weakened build; 0 when each has failed."""
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
                + [f"--trials={trials}", f"--seed={seed}"],
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
        found = next((line.strip() for line in done.stdout.splitlines()[3:]), "nothing")
        word = f"found ({found})" if bites else "NOT FOUND"
        print(f"teeth of {chosen.name}: {weakening.name}: {word}, {seconds:.0f} s", flush=True)
        if not bites:
            print(done.stdout + done.stderr, flush=True)
            status = max(status, VIOLATED)
    return status


if __name__ == "__main__":
    sys.exit(main())
