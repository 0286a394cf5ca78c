"""Who a process is: enough to tell, later and from another process, whether it still lives."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process of one boot of one host.

    A pid alone is reused; with the boot and the process's start time it is not. Where a part cannot be had it is
    empty and says nothing.
    """

    pid: int
    boot_id: str
    start_time: str
    pid_namespace: str
    host: str
