"""What a process sees of a keeper that does not take its calls."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

import pytest

from nbtrack.keeper.address import socket_path
from nbtrack.keeper.proxy import KeeperProxy
from nbtrack.store.location import create_store

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no Unix sockets")


def test_a_keeper_that_takes_no_more_calls_is_up_all_the_same(tmp_path: Path) -> None:
    store = create_store(tmp_path / ".nbtrack")
    with contextlib.ExitStack() as opened:
        listener = opened.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        listener.bind(str(socket_path(store)))
        listener.listen(1)
        with contextlib.suppress(BlockingIOError):
            while True:
                waiting = opened.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
                waiting.setblocking(False)
                waiting.connect(str(socket_path(store)))
        # Taken for gone, it would cost each cell the start of another one, which finds the store's lock held.
        assert KeeperProxy(store).is_up()
    assert not KeeperProxy(store).is_up()
