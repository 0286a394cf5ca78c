"""One host at a time on a network home."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from nbtrack.entities.processes import ProcessIdentity
from nbtrack.errors import KeeperUnavailable
from nbtrack.keeper import address
from nbtrack.keeper.address import StoreLock
from nbtrack.store import lease
from nbtrack.store.lease import LEASE, HostLease


def on(host: str, store: Path, pid: int = 1) -> HostLease:
    return HostLease(
        store, ProcessIdentity(pid=pid, boot_id="b", start_time="1", pid_namespace="", host=host)
    )


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "SETTLE", 0.01)
    monkeypatch.setattr(lease, "RENEW", 0.0)


def age(store: Path, seconds: float) -> None:
    moment = time.time() - seconds
    os.utime(store / "keeper.lease", (moment, moment))


def test_another_host_waits_until_the_lease_is_over(tmp_path: Path) -> None:
    first, second = on("one", tmp_path), on("two", tmp_path)
    assert first.acquire() is None
    assert second.acquire() == "one"
    age(tmp_path, LEASE - 5)
    assert second.acquire() == "one"
    assert first.renew()
    age(tmp_path, LEASE + 5)
    assert second.acquire() is None
    assert not first.renew()  # it slept: it must leave the store and not take it back
    assert second.renew()


def test_the_same_host_goes_on_at_once(tmp_path: Path) -> None:
    assert on("one", tmp_path, 1).acquire() is None  # killed
    assert on("one", tmp_path, 2).acquire() is None


def test_a_released_lease_is_free(tmp_path: Path) -> None:
    first, second = on("one", tmp_path), on("two", tmp_path)
    assert first.acquire() is None
    second.release()  # not its own
    assert second.acquire() == "one"
    first.release()
    assert second.acquire() is None
    assert [path.name for path in tmp_path.iterdir()] == ["keeper.lease"]


def test_of_two_that_take_over_at_once_one_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = on("one", tmp_path), on("two", tmp_path)

    def rival(seconds: float) -> None:
        monkeypatch.setattr(lease.time, "sleep", lambda seconds: None)
        second._write()  # the other had seen no lease either

    monkeypatch.setattr(lease.time, "sleep", rival)
    assert first.acquire() == "two"
    assert second.renew()


@pytest.mark.parametrize("content", ["", "[]", "{", '{"host": 1}'])
def test_a_broken_file_is_no_lease(tmp_path: Path, content: str) -> None:
    (tmp_path / "keeper.lease").write_text(content)
    age(tmp_path, LEASE + 1)
    assert on("one", tmp_path).acquire() is None


def test_the_store_s_lock_asks_for_the_lease_on_a_network_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "keeper.lease").write_text('{"host": "elsewhere", "mark": "m"}')
    assert StoreLock(tmp_path).acquire(0)  # on a disk of this machine the file says nothing
    monkeypatch.setattr(address, "file_system", lambda folder: "nfs4")
    lock = StoreLock(tmp_path)
    with pytest.raises(KeeperUnavailable, match="on the host elsewhere"):
        lock.acquire(0)
    age(tmp_path, LEASE + 1)
    assert lock.acquire(0)
    assert lock.renew()
    (tmp_path / "keeper.lease").write_text('{"host": "elsewhere", "mark": "m"}')
    assert not lock.renew()
    lock.release()
    assert (tmp_path / "keeper.lease").exists()
