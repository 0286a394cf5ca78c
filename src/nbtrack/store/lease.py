"""A lease of a store that several machines see: one host at a time may open the database on a network home.

Record locks of other hosts are not to be trusted there, so the keeper renews a small file, and a keeper of another host
waits until that file is older than `LEASE`. Ages are taken by the file server's clock, since the hosts' own may differ by
hours.
"""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path

from nbtrack.entities.ids import new_id
from nbtrack.entities.processes import ProcessIdentity

LEASE = 60.0
"""Seconds after which a lease that was not renewed is over: its host is gone, or cut off from the disk."""

RENEW = 15.0
SETTLE = 1.0
"""Seconds that a new holder waits for a rival who took over at the same moment."""


class HostLease:
    """The right of one host to a store, as a file in its folder.

    Parameters
    ----------
    store
        The store's folder.
    holder
        The process that wants it.
    """

    def __init__(self, store: Path, holder: ProcessIdentity) -> None:
        self._path = store / "keeper.lease"
        self._mark = f"{holder.host} {holder.boot_id} {holder.pid} {new_id()}"
        self._host = holder.host
        self._renewed = 0.0

    def acquire(self) -> str | None:
        """Take the lease; None if it was had, else the host that holds it.

        Raises
        ------
        OSError
            If the folder cannot be written.
        """
        holder = self._holder()
        if holder is not None and holder != self._host and self._age() < LEASE:
            return holder
        self._write()
        if holder != self._host:
            time.sleep(SETTLE)
        return None if self._is_ours() else self._holder()

    def renew(self) -> bool:
        """Renew the lease where it is time to; False if it is lost and the store must be left at once.

        Raises
        ------
        OSError
            If the folder cannot be written.
        """
        if time.monotonic() - self._renewed < RENEW:
            return True
        if not self._is_ours():
            return False
        self._write()
        return True

    def release(self) -> None:
        """Give the lease back, if it is still ours."""
        with contextlib.suppress(OSError):
            if self._is_ours():
                self._path.unlink()

    def _write(self) -> None:
        began = time.monotonic()
        temporary = self._path.with_name(f".{new_id()}")
        try:
            temporary.touch(mode=0o600)
            temporary.write_text(json.dumps({"host": self._host, "mark": self._mark}), encoding="utf-8")
            temporary.replace(self._path)
        finally:
            temporary.unlink(missing_ok=True)
        self._renewed = began

    def _read(self) -> dict[str, str]:
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def _holder(self) -> str | None:
        return self._read().get("host")

    def _is_ours(self) -> bool:
        return self._read().get("mark") == self._mark

    def _age(self) -> float:
        """Seconds since the lease was renewed, by the file server's clock."""
        probe = self._path.with_name(f".{new_id()}")
        try:
            probe.touch(mode=0o600)
            return probe.stat().st_mtime - self._path.stat().st_mtime
        except FileNotFoundError:
            return LEASE
        finally:
            probe.unlink(missing_ok=True)
