"""A notebook with and without nbtrack, each time in a process, a folder and a home of its own."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from corpus.differences import Difference, differences
from corpus.notebooks import Notebook

ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LOKY_MAX_CPU_COUNT"), "1"
)
SURROUNDINGS = {
    **ONE_THREAD,
    "PYTHONHASHSEED": "0",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "NBTRACK_KEEPER_IDLE": "5",
    "TZ": "UTC",
}

ROOT = Path(__file__).resolve().parents[1]
"""Where this package lies: the processes that run notebooks are elsewhere."""

SLOWEST = 10
"""How many times its limit a notebook may take by the clock: some wait for what never comes."""


@dataclass
class Verdict:
    """What came of a notebook: same, different, nondeterministic, fails (without nbtrack already) or slow."""

    name: str
    word: str
    differences: list[Difference] = field(default_factory=list)
    plain: float = 0.0
    """Seconds of the processor in the cells without nbtrack, and with it."""
    tracked: float = 0.0
    cells: int = 0


def execute(
    cells: Sequence[object],
    mode: str,
    *,
    limit: float,
    go_on: bool = False,
    look: Callable[[Path], Any] | None = None,
    module: str = "corpus.child",
    zygote: Zygote | None = None,
) -> dict[str, Any] | None:
    """Run cells in a process of their own and report; None when they want more than `limit` seconds of the processor.

    Of the processor and not of the clock: which notebooks count must not depend on what else the machine does. `look` sees
    the folder before it goes.
    """
    base = Path(tempfile.mkdtemp(prefix="nbt-"))  # short: a socket's path has 108 bytes
    try:
        folder = base / "work"
        folder.mkdir()
        (base / "run").mkdir(mode=0o700)
        sources, lines = base / "cells.json", base / "lines"
        sources.write_text(json.dumps(cells), encoding="utf-8")
        surroundings = {
            **_surroundings(),
            "XDG_RUNTIME_DIR": str(base / "run"),
            "IPYTHONDIR": str(base / "ipython"),
            "TMPDIR": str(base / "tmp"),
            "CORPUS_BASE": str(base),
        }
        (base / "tmp").mkdir()
        options = [str(sources), str(lines), "--mode", mode, *(["--go-on"] if go_on else [])]
        start = (zygote or Fresh()).run
        code = start(module, options, folder, surroundings, base / "stdout", limit)
        if code is None or code == -signal.SIGXCPU:
            return None
        found = (
            [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]
            if lines.exists()
            else []
        )
        report = _report(found)
        report.update(exit=code, stdout=(base / "stdout").read_text(errors="replace"), files=_files(folder))
        report["seen"] = look(folder) if look is not None else None
        return report
    finally:
        shutil.rmtree(base, ignore_errors=True)


def _surroundings() -> dict[str, str]:
    path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(ROOT)]))
    return {**os.environ, **SURROUNDINGS, "PYTHONPATH": path}


class Fresh:
    """Runs each notebook in a new interpreter."""

    def run(
        self, module: str, options: list[str], folder: Path, env: dict[str, str], stdout: Path, limit: float
    ) -> int | None:
        """The exit code; None when it takes too long by the clock."""
        with stdout.open("w") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", module, *options],
                cwd=folder,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (int(limit), int(limit) + 5)),
            )
            try:
                return process.wait(SLOWEST * limit)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                return None


class Zygote:
    """Runs each notebook in a fork of a process that has the libraries loaded (`corpus.zygote`)."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def run(
        self, module: str, options: list[str], folder: Path, env: dict[str, str], stdout: Path, limit: float
    ) -> int | None:
        """The exit code; None when it takes too long by the clock."""
        process = self._process = self._process or subprocess.Popen(
            [sys.executable, "-m", "corpus.zygote"],
            env=_surroundings(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        job = {
            "module": module,
            "arguments": [module, *options],
            "cwd": str(folder),
            "env": env,
            "stdout": str(stdout),
            "limit": int(limit),
        }
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(job) + "\n")
        process.stdin.flush()
        if not select.select([process.stdout], [], [], SLOWEST * limit + 60)[0]:
            self.close()
            return None
        return int(process.stdout.readline())

    def close(self) -> None:
        """End the process and what it has forked."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


def _report(lines: list[dict[str, Any]]) -> dict[str, Any]:
    report: dict[str, Any] = {"cells": [], "end": {}, "modules": [], "load": 0.0, "said": []}
    for line in lines:
        if "cell" in line:
            report["cells"].append(line)
        else:
            report.update(line)
    report["count"] = len(report["cells"])
    return report


def _files(folder: Path) -> list[tuple[str, str]]:
    """What the notebook left in its folder, besides the store."""
    found = []
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder)
        if path.is_file() and place.parts[0] != ".nbtrack":
            found.append((str(place), hashlib.sha256(path.read_bytes()).hexdigest()[:16]))
    return found


def judge(notebook: Notebook, limit: float) -> Verdict:
    """Run a notebook with and without nbtrack; where it differs, twice more without, since it may do that by itself."""
    plain = execute(notebook.cells, "plain", limit=limit)
    if plain is None:
        return Verdict(notebook.name, "slow")
    if plain["count"] < len(notebook.cells) or plain["cells"][-1]["error"] or plain["exit"]:
        return Verdict(notebook.name, "fails")
    tracked = execute(notebook.cells, "tracked", limit=2 * limit + 10)
    if tracked is None:
        return Verdict(notebook.name, "different", [Difference(-1, "time", "ended", "did not end")])
    verdict = Verdict(
        notebook.name,
        "same",
        plain=sum(cell["worked"] for cell in plain["cells"]),
        tracked=sum(cell["worked"] for cell in tracked["cells"]),
        cells=plain["count"],
    )
    verdict.differences = differences(plain, tracked)
    if verdict.differences:
        own = set()
        for _ in range(2):
            again = execute(notebook.cells, "plain", limit=2 * limit + 10)
            if again is not None:
                own |= {difference.place for difference in differences(plain, again)}
        verdict.differences = [found for found in verdict.differences if found.place not in own]
        verdict.word = "different" if verdict.differences else "nondeterministic"
    return verdict
