"""What ``%load_ext nbtrack`` adds in a running kernel: milliseconds until the cell is done, and modules loaded.

Each value comes from a fresh kernel, since a second import measures nothing. The extension is timed inside the kernel:
a round trip to it varies by more than a load takes. Beside it stand things of a known size, so that the ratio can be
compared between machines. The goal is 60 ms.

Run: python benchmarks/import_time.py [--kernels N]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path

from jupyter_client.manager import start_new_kernel

GOAL = 60.0
SUBJECTS = {
    "%load_ext nbtrack": "get_ipython().run_line_magic('load_ext', 'nbtrack')",
    "%load_ext autoreload": "get_ipython().run_line_magic('load_ext', 'autoreload')",
    "import email.mime.multipart": "import email.mime.multipart",
    "import unittest.mock": "import unittest.mock",
}
TIMED = """
import json as _json, sys as _sys, time as _time
_before, _began = set(_sys.modules), _time.perf_counter()
{code}
_took = _time.perf_counter() - _began
print("TOOK", _json.dumps([_took * 1000, len(set(_sys.modules) - _before)]))
"""


def measure(code: str, folder: Path) -> tuple[float, int]:
    """Milliseconds and new modules of `code` in a kernel that has just answered its first cell."""
    manager, client = start_new_kernel(cwd=str(folder), startup_timeout=120, stderr=subprocess.DEVNULL)
    try:
        client.execute_interactive("1 + 1", silent=False, timeout=60, output_hook=lambda message: None)
        printed: list[str] = []

        def listen(message: dict[str, dict[str, str]]) -> None:
            printed.append(message["content"].get("text", ""))

        client.execute_interactive(TIMED.format(code=code), timeout=60, output_hook=listen)
        text = "".join(printed)
        took, modules = json.loads(text.partition("TOOK ")[2].splitlines()[0])
        return took, modules
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def main() -> None:
    """Measure all subjects in turn, so that a busy moment does not fall on one of them, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kernels", type=int, default=9, metavar="N", help="fresh kernels for each subject")
    kernels = parser.parse_args().kernels
    folder = Path(tempfile.mkdtemp(prefix="nbtrack-import-"))
    os.environ["NBTRACK_STORE"] = str(folder / ".nbtrack")
    os.environ["NBTRACK_KEEPER_IDLE"] = "2"
    # An installed package has its bytecode; a checkout has none where the environment forbids to write it.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(folder / "bytecode")
    found: dict[str, list[tuple[float, int]]] = {subject: [] for subject in SUBJECTS}
    try:
        for code in SUBJECTS.values():
            measure(code, folder)  # fills the caches of bytecode and disk: not what is asked here
        for _ in range(kernels):
            for subject, code in SUBJECTS.items():
                found[subject].append(measure(code, folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    own = statistics.median(took for took, _ in found["%load_ext nbtrack"])
    print(f"{kernels} fresh kernels each; ms\n")
    print(f"{'':<30} {'median':>8} {'lowest':>8} {'highest':>8} {'modules':>8} {'nbtrack is':>11}")
    for subject, values in found.items():
        times = [took for took, _ in values]
        middle = statistics.median(times)
        row = f"{middle:8.1f} {min(times):8.1f} {max(times):8.1f} {values[0][1]:8d} {own / middle:10.1f}×"
        print(f"{subject:<30} {row}")
    print(f"\ngoal {GOAL:.0f} ms: {'met' if own <= GOAL else 'missed'}")


if __name__ == "__main__":
    main()
