"""The GPUs of the machine, asked of ``nvidia-smi`` where it is installed.

It takes some tens of milliseconds of a core, so it is asked seldom, and never by the thread that answers.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass, field

_TIMEOUT = 20.0
_DEVICES = ("--query-gpu=index,name,memory.total,utilization.gpu", "--format=csv,noheader,nounits")
_PROCESSES = ("--query-compute-apps=pid,used_memory", "--format=csv,noheader,nounits")
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class GpuUse:
    """What the GPUs do: names and sizes, their mean use in percent, and the bytes that each process has on them."""

    names: dict[str, str] = field(default_factory=dict)
    percent: float | None = None
    memory: dict[int, int] = field(default_factory=dict)


def smi() -> str | None:
    """The program that tells; None where there is none."""
    return shutil.which("nvidia-smi")


def gpu_use(program: str) -> GpuUse:
    """What the GPUs do just now; empty where the program does not tell."""
    names, shares = {}, []
    for index, name, memory, share in _rows(program, _DEVICES, 4):
        names[f"gpu {index}"] = f"{name}, {memory} MiB"
        if share.isdecimal():  # "[N/A]" on some
            shares.append(int(share))
    processes: dict[int, int] = {}
    for pid, memory in _rows(program, _PROCESSES, 2) if names else []:
        if pid.isdecimal() and memory.isdecimal():
            processes[int(pid)] = processes.get(int(pid), 0) + int(memory) * _MIB
    return GpuUse(names, sum(shares) / len(shares) if shares else None, processes)


def _rows(program: str, arguments: tuple[str, ...], width: int) -> list[list[str]]:
    try:
        answer = subprocess.run(
            [program, *arguments],
            capture_output=True,
            check=True,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            timeout=_TIMEOUT,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    rows = [[part.strip() for part in line.split(",")] for line in answer.stdout.splitlines()]
    return [row for row in rows if len(row) == width]
