"""The machine, and what a process takes of it, as Linux shows it in ``/proc``.

Read there and not by psutil: four small files say it all, psutil would be one more compiled dependency in every kernel's
environment, and elsewhere than on Linux a missing curve is no harm. There everything here is empty or None.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MOST_THREADS = 64
"""Threads of a process that are asked for the processes that they started, at most: each is a file to open."""

MOST_PROCESSES = 256


@dataclass(frozen=True, slots=True)
class Taken:
    """What a process and those that it started take: CPU seconds so far, memory now, and the most of it ever, in bytes.

    ``peak`` is of the process alone since it began.
    """

    cpu: float
    memory: int
    peak: int


def taken(pid: int) -> Taken | None:
    """What the process `pid` takes just now; None where that cannot be known, or it is gone."""
    try:
        cpu, (memory, _) = _cpu(pid), _memory(pid)
        peak = _peak(pid)
    except (OSError, ValueError, IndexError):
        return None
    for child in _descendants(pid):
        with contextlib.suppress(OSError, ValueError, IndexError):  # it has just ended
            resident, shared = _memory(child)
            cpu += _cpu(child)
            memory += resident - shared  # what it shares with the others is counted once
    return Taken(cpu, memory, max(peak, 0))


def _cpu(pid: int) -> float:
    """The CPU seconds of a process, with those of its ended children."""
    # The second field is the program's name in parentheses and may itself hold spaces and parentheses.
    fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _memory(pid: int) -> tuple[int, int]:
    """The bytes of a process that are in memory, and those of them that it may share."""
    _, resident, shared, *_ = _read(f"/proc/{pid}/statm").split()
    size = os.sysconf("SC_PAGE_SIZE")
    return int(resident) * size, int(shared) * size


def _peak(pid: int) -> int:
    for line in _read(f"/proc/{pid}/status").splitlines():
        if line.startswith(b"VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def _descendants(pid: int) -> Iterator[int]:
    waiting, seen = [pid], {pid}
    while waiting and len(seen) < MOST_PROCESSES:
        process = waiting.pop()
        try:
            threads = os.listdir(f"/proc/{process}/task")[:MOST_THREADS]  # noqa: PTH208 - pathlib doubles the cost
        except OSError:
            continue
        for thread in threads:
            with contextlib.suppress(OSError):
                for child in map(int, _read(f"/proc/{process}/task/{thread}/children").split()):
                    if child not in seen:
                        seen.add(child)
                        waiting.append(child)
                        yield child


def hardware(pid: int) -> dict[str, str]:
    """The machine as the process `pid` sees it: ``cpu``, ``cores`` and ``memory``; what is not known is left out."""
    found = {"cpu": _model(), "cores": _cores(pid), "memory": _all_memory()}
    return {name: text for name, text in found.items() if text}


def _model() -> str:
    with contextlib.suppress(OSError):
        for line in _read("/proc/cpuinfo").splitlines():
            name, _, value = line.partition(b":")
            if name.strip() == b"model name":
                return value.strip().decode(errors="replace")
    return ""


def _cores(pid: int) -> str:
    count = os.cpu_count() or 0
    with contextlib.suppress(OSError, AttributeError):
        usable = len(os.sched_getaffinity(pid))
        if usable != count:
            return f"{count} ({usable} usable)"
    return str(count or "")


def _all_memory() -> str:
    """The bytes of memory, or what a container may have of it if that is less."""
    found = []
    with contextlib.suppress(OSError, ValueError, IndexError):
        found.append(int(_read("/proc/meminfo").split()[1]) * 1024)
    with contextlib.suppress(OSError, ValueError):  # "max" where there is no limit
        found.append(int(_read("/sys/fs/cgroup/memory.max")))
    return str(min(found)) if found else ""


def _read(path: str) -> bytes:
    return Path(path).read_bytes()
