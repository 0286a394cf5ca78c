"""The keeper seen from the processes that ask it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep  # by name: a notebook may put something else into the module
from typing import Any

from nbtrack.config import Settings
from nbtrack.errors import KeeperUnavailable, NbtrackError
from nbtrack.keeper import protocol
from nbtrack.keeper.address import socket_path
from nbtrack.keeper.start import ask_in_child, start_keeper
from nbtrack.operations import error_from_plain, to_entity
from nbtrack.store.location import is_store, not_writable
from nbtrack.version import __version__

START_TIMEOUT = 15.0
"""Seconds to wait for a keeper to come up: Python's start on a loaded machine with a cold disk."""

START_AGAIN = 2.0
"""Seconds before a keeper that does not listen yet is given up for another."""

ANSWER_TIMEOUT = 900.0
"""Seconds to wait for an answer; the longest is the conversion of a large model."""


class KeeperProxy:
    """The operations of one store.

    Starts the keeper when it is not there; safe to use from several threads and after a fork.

    Parameters
    ----------
    store
        The store's folder.
    settings
        Where to take ``keeper`` and ``keeper_idle`` from.
    patience
        Seconds to wait for an answer.
    """

    def __init__(
        self,
        store: str | os.PathLike[str],
        settings: Settings | None = None,
        patience: float = ANSWER_TIMEOUT,
    ) -> None:
        self._patience = patience
        self.journal: str | None = None
        """The journal of this process, which an answer must include; without one, an answer includes all journals."""
        self.before: Callable[[], object] = lambda: None
        """Called before a question: puts what this process still holds where the keeper looks; must not raise."""
        self.store = Path(store)
        self._settings = settings or Settings(self.store.parent)
        self._idle: list[socket.socket] = []
        """Connections that nobody waits at. Who asks takes one out, so that an interrupt in the middle of an answer leaves
        no lock held and no half answer for the next: the connection is then simply gone."""
        self._owner = os.getpid()
        self._starter: subprocess.Popen[bytes] | None = None
        self._started = -START_AGAIN

    def ask(self, operation: str, /, **arguments: Any) -> Any:
        """Ask or decide; the answer as the operation's entity. Raises what the use case raises."""
        return to_entity(operation, self.call(operation, **arguments))

    def call(self, operation: str, /, **arguments: Any) -> Any:
        """Ask or decide; the answer as plain values. Raises what the use case raises.

        Raises
        ------
        KeeperUnavailable
            If nobody answers.
        """
        return self._request(operation, arguments, min(START_TIMEOUT, self._patience), self._patience)

    def ask_soon(self, operation: str, /, *, within: float, **arguments: Any) -> Any:
        """As `ask`, but `KeeperUnavailable` when the answer takes longer than `within` seconds."""
        return to_entity(operation, self._request(operation, arguments, within, within))

    def _request(self, operation: str, arguments: dict[str, Any], start: float, answer: float) -> Any:
        try:
            found = is_store(self.store)
        except OSError as problem:
            raise not_writable(self.store, problem) from problem
        if not found:
            raise KeeperUnavailable(f"The store {self.store} is gone; load nbtrack again to make a new one.")
        self.before()
        request: dict[str, Any] = {"version": __version__, "operation": operation, "arguments": arguments}
        if self.journal is not None:
            request["journal"] = self.journal
        message = (
            self._ask_socket(request, start, answer)
            if self._keeper_may_live()
            else self._ask_child(request, answer)
        )
        if "error" in message:
            raise error_from_plain(message["error"])
        return message["ok"]

    def _keeper_may_live(self) -> bool:
        return hasattr(socket, "AF_UNIX") and bool(self._settings["keeper"])

    def _ask_child(self, request: dict[str, Any], timeout: float) -> dict[str, Any]:
        try:
            return ask_in_child(self.store, request, timeout)
        except (OSError, subprocess.SubprocessError, ValueError) as problem:
            raise KeeperUnavailable(f"The store {self.store} gave no answer: {problem}.") from problem

    def _ask_socket(self, request: dict[str, Any], start: float, answer: float) -> dict[str, Any]:
        deadline = monotonic() + start
        while True:
            try:
                message = self._exchange(request, deadline, answer)
            except OSError as problem:
                self._forget_connections()  # one that is broken tells of the others: the keeper went away
                if monotonic() >= deadline or isinstance(problem, TimeoutError):
                    raise KeeperUnavailable(
                        f"The keeper of {self.store} does not answer ({problem}); run `nbtrack doctor` for more."
                    ) from problem
                self.start()
                sleep(0.01)
                continue
            if not message.get("leaving"):
                return message
            self._forget_connections()

    def _exchange(self, request: dict[str, Any], deadline: float, answer: float) -> dict[str, Any]:
        connection = self._connection()
        try:
            if connection is None:
                connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                connection.settimeout(max(0.001, deadline - monotonic()))
                connection.connect(str(socket_path(self.store)))
            connection.settimeout(answer)
            connection.sendall(protocol.pack(request))
            (length,) = protocol.HEAD.unpack(_receive(connection, protocol.HEAD.size))
            message = protocol.unpack(_receive(connection, length))
        except BaseException:
            if connection is not None:
                connection.close()  # not left to the collector, whose warning would appear in the person's cell
            raise
        self._idle.append(connection)
        return message

    def _connection(self) -> socket.socket | None:
        if self._owner != os.getpid():
            self._owner = os.getpid()
            self._forget_connections()  # the parent of a fork goes on with them
        with contextlib.suppress(IndexError):  # another thread may have taken the last one
            return self._idle.pop()
        return None

    def _forget_connections(self) -> None:
        while self._idle:
            with contextlib.suppress(OSError, IndexError):
                self._idle.pop().close()

    def is_up(self) -> bool:
        """Whether a keeper listens now; starts nothing and takes microseconds."""
        if not self._keeper_may_live():
            return True
        with (
            contextlib.suppress(OSError, NbtrackError),
            socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe,
        ):
            probe.setblocking(False)
            with contextlib.suppress(
                BlockingIOError
            ):  # it has not taken those who came before: busy, or stopped
                probe.connect(str(socket_path(self.store)))
            return True
        return False

    def start(self) -> None:
        """Start the keeper without waiting for it; does nothing while an earlier start is under way."""
        try:
            if not self._keeper_may_live() or not is_store(self.store):
                return
        except OSError:
            return  # it may not even be looked at
        self.reap()
        if self._starter is not None or monotonic() - self._started < START_AGAIN:
            return
        self._started = monotonic()
        with contextlib.suppress(OSError):
            self._starter = start_keeper(self.store, self._settings["keeper_idle"])

    def reap(self) -> None:
        """Collect the exit status of the process that started the keeper, so that it is not left as a zombie."""
        if self._starter is not None and self._starter.poll() is not None:
            self._starter = None

    def close(self) -> None:
        """Let the connections go; the keeper stays for others."""
        self._forget_connections()


def _receive(connection: socket.socket, length: int) -> bytearray:
    content = bytearray(length)
    missing = memoryview(content)
    while missing:
        count = connection.recv_into(missing)
        if not count:
            raise ConnectionResetError("the keeper went away")
        missing = missing[count:]
    return content
