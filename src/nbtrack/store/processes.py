"""Processes as the operating system shows them: this one's identity, and whether another still lives."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from pathlib import Path

from nbtrack.entities.processes import ProcessIdentity


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _start_time(pid: int) -> str:
    """Clock ticks from boot to the start of `pid` (Linux), or nothing."""
    stat = _read(f"/proc/{pid}/stat")
    # The second field is the program's name in parentheses and may itself hold spaces and parentheses.
    fields = stat.rpartition(")")[2].split()
    return fields[19] if len(fields) > 19 else ""


def _pid_namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def this_process() -> ProcessIdentity:
    """The identity of the calling process."""
    return ProcessIdentity(
        pid=os.getpid(),
        boot_id=_read("/proc/sys/kernel/random/boot_id"),
        start_time=_start_time(os.getpid()),
        pid_namespace=_pid_namespace(),
        host=socket.gethostname(),
    )


def is_alive(identity: ProcessIdentity) -> bool | None:
    """Whether the process still lives; None where this process cannot know.

    Of another host or another pid namespace (a container) nothing is known: silence is no proof of death.
    """
    here = this_process()
    if identity.host != here.host or identity.pid_namespace != here.pid_namespace:
        return None
    if identity.boot_id != here.boot_id:
        return False
    if sys.platform == "win32":
        return None
    try:
        os.kill(identity.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    if _read(f"/proc/{identity.pid}/stat").rpartition(")")[2].split()[:1] == ["Z"]:
        return False  # dead, not yet reaped by its parent
    return not identity.start_time or _start_time(identity.pid) == identity.start_time


def environment_of(identity: ProcessIdentity) -> dict[str, str]:
    """The variables that a process of this machine was started with; none where they cannot be read."""
    if is_alive(identity) is not True:
        return {}
    try:
        content = Path(f"/proc/{identity.pid}/environ").read_bytes()
    except OSError:
        return {}
    pairs = (item.decode(errors="surrogateescape").partition("=") for item in content.split(b"\0"))
    return {name: value for name, _, value in pairs if name}


def user_name() -> str:
    """The name of the account that runs this process, as the account database has it."""
    with contextlib.suppress(ImportError, KeyError):
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name
    return os.environ.get("USERNAME", "")
