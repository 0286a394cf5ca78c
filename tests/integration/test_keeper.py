"""The keeper as a process: started on demand, killed, asked by many, and gone when nobody needs it."""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from array import array
from collections.abc import Callable
from pathlib import Path

import pytest

import nbtrack
from nbtrack.entities.ids import new_id
from nbtrack.entities.records import RunStarted
from nbtrack.errors import InvalidInput, KeeperUnavailable, NbtrackError, StoreCorrupt, StoreTooNew
from nbtrack.keeper import connect, protocol
from nbtrack.keeper.address import StoreLock, socket_path
from nbtrack.keeper.start import start_keeper
from nbtrack.store.database import DATABASE, Store
from nbtrack.store.location import create_store
from nbtrack.store.points import Chunk
from nbtrack.version import __version__

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this system has no local sockets")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return create_store(tmp_path / ".nbtrack")


def keeper_pid(store: Path) -> int:
    name, _, pid = connect(store).ask("store.status").keeper.partition(" ")
    assert name == "process"
    return int(pid)


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def is_running(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:1]
    except OSError:
        return False


def test_asking_starts_it_and_another_asker_finds_the_same(store: Path) -> None:
    assert keeper_pid(store) == keeper_pid(store)


def test_many_askers_at_once_start_one(store: Path) -> None:
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(keeper_pid(store))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert len(set(found)) == 1


def test_a_killed_keeper_is_followed_by_another(store: Path) -> None:
    proxy = connect(store)
    first = keeper_pid(store)
    assert proxy.ask("runs.search").total == 0
    os.kill(first, signal.SIGKILL)
    assert wait_for(lambda: not is_running(first))
    assert proxy.ask("runs.search").total == 0
    assert keeper_pid(store) != first


def test_it_leaves_when_the_store_is_gone_and_makes_no_new_one(store: Path) -> None:
    pid = keeper_pid(store)
    shutil.rmtree(store)
    assert wait_for(lambda: not is_running(pid))
    assert not store.exists()
    with pytest.raises(KeeperUnavailable, match="is gone"):
        connect(store).ask("runs.search")


def test_one_that_finds_no_store_tells_nobody_of_it(store: Path) -> None:
    shutil.rmtree(store)  # between the decision to start a keeper and its look at the folder
    start_keeper(store, 20.0).wait()
    assert not wait_for(socket_path(store).exists, 2)
    assert connect(create_store(store)).ask("store.status").runs == 0


def test_it_leaves_when_idle(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBTRACK_KEEPER_IDLE", "1")
    pid = keeper_pid(store)
    assert wait_for(lambda: not is_running(pid))
    assert not socket_path(store).exists()


def test_it_does_not_leave_in_the_middle_of_an_answer(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Store(store)
    with opened.transaction():
        begun = RunStarted(run=new_id(), time=1, name="long", experiment="e", process="p")
        opened.runs.start(begun)
        noise = array("d", [math.sin(1e6 * step) for step in range(200_000)])
        opened.metrics.append(begun.run, "loss", None, noise, array("q", range(len(noise))))
    opened.close()
    monkeypatch.setenv("NBTRACK_KEEPER_IDLE", "1")
    keeper_pid(store)
    question = {"operation": "runs.curve", "arguments": {"run": "long-1", "name": "loss"}}
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asker:
        asker.connect(str(socket_path(store)))
        asker.sendall(protocol.pack(question | {"version": __version__}))
        time.sleep(2)  # a busy asker reads late; what it has not read is in no buffer
        (length,) = protocol.HEAD.unpack(asker.recv(protocol.HEAD.size))
        read = b""
        while part := asker.recv(1 << 20):
            read += part
            if len(read) == length:
                break
    chunks = protocol.unpack(read)["ok"]["chunks"]
    assert len(read) == length
    assert b"".join(Chunk(content).values().tobytes() for content in chunks) == noise.tobytes()


def test_an_older_keeper_leaves_when_a_newer_client_asks(store: Path) -> None:
    pid = keeper_pid(store)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asker:
        asker.connect(str(socket_path(store)))
        asker.sendall(protocol.pack({"version": "99.0", "operation": "store.status", "arguments": {}}))
        (length,) = protocol.HEAD.unpack(asker.recv(protocol.HEAD.size))
        assert protocol.unpack(asker.recv(length)) == {"leaving": True}
    assert wait_for(lambda: not is_running(pid))


def test_nonsense_on_the_socket_harms_nobody(store: Path) -> None:
    pid = keeper_pid(store)
    for content in (
        b"\xff\xff\xff\xff",
        b"\x04\x00\x00\x00null",
        b"\x03\x00\x00\x00{{{",
        b"GET / HTTP/1.1\r\n\r\n",
    ):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asker:
            asker.connect(str(socket_path(store)))
            asker.sendall(content)
            asker.settimeout(1)
            with contextlib.suppress(TimeoutError):  # it may wait for the rest of a message that never comes
                assert asker.recv(100) == b""
    assert keeper_pid(store) == pid


def test_bad_requests_are_told_apart_from_failures(store: Path) -> None:
    proxy = connect(store)
    with pytest.raises(InvalidInput, match=r"no operation runs\.destroy"):
        proxy.call("runs.destroy")
    with pytest.raises(InvalidInput, match="cannot be asked like this"):
        proxy.call("runs.search", nothing=1)
    with pytest.raises(InvalidInput, match="limit"):
        proxy.call("runs.search", limit="many")


def test_the_socket_and_the_store_are_private(store: Path) -> None:
    keeper_pid(store)
    path = socket_path(store)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE((store / DATABASE).stat().st_mode) == 0o600


def test_a_store_that_cannot_be_opened_says_why(store: Path) -> None:
    opened = Store(store)
    opened.connection.execute("INSERT INTO migrations (name) VALUES ('0999_tomorrow')")
    opened.close()
    with pytest.raises(StoreTooNew, match="newer nbtrack"):
        connect(store).ask("runs.search")


def test_a_damaged_database_says_so(store: Path) -> None:
    (store / DATABASE).write_bytes(b"garbage " * 1000)
    with pytest.raises(StoreCorrupt):
        connect(store).ask("runs.search")


def test_the_keeper_is_of_the_nbtrack_that_starts_it_and_not_of_an_installed_one(
    store: Path, tmp_path: Path
) -> None:
    package = tmp_path / "elsewhere" / "nbtrack"
    shutil.copytree(Path(nbtrack.__file__).parent, package, ignore=shutil.ignore_patterns("labextension"))
    (package / "version.py").write_text('__version__ = "0.0.1"\n')
    asked = "from nbtrack.keeper import connect; print(connect({!r}).ask('store.status').nbtrack)"
    for keeper in ("on", "off"):
        done = subprocess.run(
            [sys.executable, "-c", asked.format(str(store))],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "PYTHONPATH": str(package.parent), "NBTRACK_KEEPER": keeper},
        )
        assert done.stdout == "0.0.1\n", done.stderr


def test_no_keeper_opens_a_store_that_another_process_holds(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = StoreLock(store)
    assert lock.acquire(1)
    try:
        with pytest.raises(NbtrackError, match="does not answer"):
            connect(store, patience=1).ask("runs.search")
    finally:
        lock.release()
    assert connect(store).ask("runs.search").total == 0


def test_without_a_keeper_a_soon_answer_is_soon_too(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBTRACK_KEEPER", "off")
    with pytest.raises(KeeperUnavailable):
        connect(store).ask_soon("runs.search", within=0.001)  # no process can start in this time
    assert connect(store).ask("runs.search").total == 0


def test_a_soon_answer_is_soon_or_not_at_all(store: Path) -> None:
    started = time.monotonic()
    with pytest.raises(KeeperUnavailable):
        connect(store).ask_soon("runs.search", within=0.01)  # no keeper can be up in this time
    assert time.monotonic() - started < 5  # not the 15 s that a start may take
