"""Finding the system calls by which a process touches a folder, and making one of them fail or kill, with strace."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from campaigns.campaign import Missing, NotPossible

CALLS = (
    "openat,write,pwrite64,writev,fsync,fdatasync,ftruncate,fallocate,rename,renameat,renameat2,link,linkat,"
    "unlink,unlinkat,mkdir,mkdirat,chmod,fchmod,fchmodat,mmap,msync"
)
"""System calls that change a file, its name, or what the disk holds of it; and those by which one is opened."""

PATIENCE = 60.0
"""Seconds after which a process hangs."""

_LINE = re.compile(r"^(\d+) +(\w+)\((.*)")


@dataclass(frozen=True, slots=True)
class Point:
    """The N-th system call of a name in one thread of a process, and what happens there."""

    call: str
    number: int
    fault: str

    def __str__(self) -> str:
        """For a sentence."""
        return f"{self.fault} at {self.call} {self.number}"

    @property
    def injection(self) -> str:
        """In the words of strace. A trailing + lets all later calls of the name fail too."""
        fault = f"signal={self.fault}" if self.fault == "KILL" else f"error={self.fault.removesuffix('+')}"
        return f"inject={self.call}:{fault}:when={self.number}{'+' if self.fault.endswith('+') else ''}"


def need_strace() -> None:
    """Say so where strace is missing or may not trace, with a fault in a process that goes well without one.

    Raises
    ------
    Missing
        If it is not installed.
    NotPossible
        If the system does not let a process be traced, or a fault be injected.
    """
    if shutil.which("strace") is None:
        raise Missing("strace (apt-get install strace)")
    command = ["strace", "-f", "-qq", "--seccomp-bpf", "-e", "trace=write", "-e", "inject=write:error=EIO"]
    done = subprocess.run([*command, "-o", os.devnull, "echo", "traced"], capture_output=True, text=True)
    if done.returncode == 0 or "strace:" in done.stderr:
        raise NotPossible(f"strace may not trace here: {done.stderr.strip() or 'it injects no fault'}")


def touching(command: list[str], text: str, folder: Path, log: Path) -> list[tuple[str, int]]:
    """Run `command` on the input `text` and list the system calls that touch `folder`.

    Each by its name and its number among those of the name in its thread.

    Raises
    ------
    RuntimeError
        If the command fails by itself.
    """
    traced = ["strace", "-f", "-qq", "-y", "-e", f"trace={CALLS}", "-e", "signal=none", "-o", str(log)]
    done = subprocess.run(
        [*traced, *command], input=text, capture_output=True, text=True, errors="replace", timeout=PATIENCE
    )
    if done.returncode != 0:
        raise RuntimeError(f"the process to be traced failed without a fault: {done.stderr.strip()[-500:]}")
    counts: Counter[tuple[str, str]] = Counter()
    found: dict[tuple[str, int], None] = {}
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        if match := _LINE.match(line):
            thread, call, rest = match.groups()
            counts[thread, call] += 1
            if str(folder) in rest:
                found[call, counts[thread, call]] = None
    return list(found)


def run_with(
    command: list[str], text: str, point: Point, log: Path
) -> tuple[subprocess.CompletedProcess[str], bool]:
    """Run `command` on the input `text` with the fault; what it gave, and whether the point was reached.

    Raises
    ------
    subprocess.TimeoutExpired
        If it hangs.
    """
    traced = ["strace", "-f", "-qq", "-e", f"trace={point.call}", "-e", point.injection]
    if point.fault != "KILL":
        traced.append(
            "--seccomp-bpf"
        )  # quicker, but strace cannot inject a signal where its filter stops a process
    done = subprocess.run(
        [*traced, "-e", "signal=none", "-o", str(log), *command],
        input=text,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=PATIENCE,
    )
    if point.fault == "KILL":
        return done, done.returncode == -signal.SIGKILL  # strace dies as its child did
    return done, "INJECTED" in log.read_text(encoding="utf-8", errors="replace")
