"""The keeper's process: it holds the lock, drains journals and answers operations until nobody needs it.

Nothing depends on its clean end: it may be killed at any moment, and the next one goes on where the store says.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import logging
import logging.handlers
import os
import socket
import struct
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import apsw

from nbtrack.config import SETTINGS
from nbtrack.errors import KeeperUnavailable, NbtrackError, NotFound
from nbtrack.keeper import protocol
from nbtrack.keeper.address import StoreLock, socket_path
from nbtrack.operations import dispatch, error_to_plain, to_plain
from nbtrack.service import Deferred, Service, Sliced, completed, open_service
from nbtrack.store.database import Store
from nbtrack.store.filter_syntax import parser
from nbtrack.store.location import disk_full, is_store, not_writable
from nbtrack.version import __version__

TICK, IDLE_TICK = 0.05, 0.25
"""Seconds between looks at the journals while something happens, and when nothing has for `IDLE_AFTER` seconds."""

IDLE_AFTER = 5.0

BURY_EVERY = 2.0
"""Seconds between looks at the processes that write them."""

SYNC_EVERY = 0.5
"""Seconds between syncs of the journals while the database cannot take them."""

REST_AFTER = 10.0
"""Seconds without work after which memory is given back: a table of 100,000 runs leaves 70 MB."""

LOCK_WAIT = 3.0

PIECE = 1 << 18
"""Bytes of an answer that are written at a time."""

_NOT_NOW = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM})

log = logging.getLogger("nbtrack.keeper")


class Keeper:
    """Answers for one open store until it is idle, outdated, or the store's folder is gone."""

    def __init__(self, service: Service, lock: StoreLock, idle: float) -> None:
        self._service = service
        self._lock = lock
        self._idle = idle
        self._busy_at = time.monotonic()
        self._buried_at = self._synced_at = 0.0
        self._answering = 0
        self._resting = False
        self._trouble: NbtrackError | None = None
        """Why what was recorded could not be taken in just now, if so."""
        self._leaving = asyncio.Event()
        self._background: set[asyncio.Task[object]] = set()

    async def serve(self, listener: socket.socket) -> None:
        """Accept and answer until it is time to leave."""
        folder = self._service.store.folder
        place = folder.stat().st_ino
        server = await asyncio.start_unix_server(self._converse, sock=listener)
        async with server:
            self._begin(asyncio.to_thread(parser))  # so that the first filter need not wait for it
            while not self._leaving.is_set():
                try:
                    if folder.stat().st_ino != place or not is_store(folder):
                        return  # moved or removed: it is not recreated, and nothing more is written into it
                    if not self._lock.renew():
                        log.error("another host has the store now")
                        return
                    await self._work()
                except (OSError, apsw.Error):
                    log.exception("the store cannot be served")
                    return  # the journals wait; the next asker starts another
                quiet = time.monotonic() - self._busy_at
                needed = self._background or self._answering or self._service.sampler.follows
                if quiet > self._idle and not needed:
                    return
                if (quiet > REST_AFTER) != self._resting:
                    self._resting = not self._resting
                    if self._resting:
                        self._service.rest()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._leaving.wait(), IDLE_TICK if quiet > IDLE_AFTER else TICK)

    async def _work(self, journal: str | None = None) -> None:
        """Take in what was recorded until now (by all, or the process of `journal`), and see who has died.

        Others are answered between two transactions, so that nobody waits for somebody else's backlog.
        """
        intake = self._service.intake
        try:
            for _ in intake.draining(None if journal is None else [journal]):
                self._busy_at = time.monotonic()
                await asyncio.sleep(0)
            if intake.catch_up():
                self._busy_at = time.monotonic()
            if time.monotonic() - self._buried_at > BURY_EVERY:
                self._buried_at = time.monotonic()
                intake.bury()
            if journal is None:
                self._sample()
            self._trouble = None
        except (OSError, apsw.Error) as problem:
            self._trouble = _trouble(problem, self._service.store.folder)
            if self._trouble is None:
                raise
            self._wait_for_disk(self._trouble)
        for waiting in (intake.background, self._service.sampler.background):
            while waiting:
                self._begin(self._finish(waiting.pop(0)))
        if (file := self._service.data.next_file()) is not None:
            self._begin(self._finish(file))

    def _sample(self) -> None:
        """See what open runs take of the machine. Whatever goes wrong there is no reason to stop answering."""
        try:
            self._service.sampler.look()
        except (OSError, apsw.Error):
            raise
        except Exception:
            log.exception("what open runs take could not be seen")

    def _begin(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def _wait_for_disk(self, trouble: NbtrackError) -> None:
        """Nothing can be taken in: what is stored can be read, and what waits in the journals is made safe where it is."""
        self._busy_at = now = time.monotonic()
        if now - self._synced_at > SYNC_EVERY:
            self._synced_at = now
            log.error("%s What was recorded waits in the journals.", trouble.message)
            self._service.store.journals.sync()

    async def _finish(self, deferred: Deferred) -> None:
        try:
            deferred.finish(await asyncio.to_thread(deferred.work))
        except Exception:
            log.exception("a piece of background work failed")

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with (
            contextlib.suppress(OSError, asyncio.IncompleteReadError, ValueError),
            contextlib.closing(writer),
        ):
            if not _is_same_user(writer.get_extra_info("socket")):
                return
            while not self._leaving.is_set():
                (length,) = protocol.HEAD.unpack(await reader.readexactly(protocol.HEAD.size))
                if length > protocol.MAX_MESSAGE:
                    return
                request = protocol.unpack(await reader.readexactly(length))
                self._answering += 1  # the idle time counts from the end of an answer, however long it takes
                try:
                    await _send(writer, protocol.parts(await self._answer(request)))
                finally:
                    self._answering -= 1
                    self._busy_at = time.monotonic()

    async def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        if protocol.version_key(str(request.get("version"))) > protocol.version_key(__version__):
            await self._work()
            self._leaving.set()
            return {"leaving": True}
        try:
            # What the asker recorded before it asked is part of the answer; one that records nothing itself (no journal)
            # may have waited for a script to end, so all that was recorded until now is.
            await self._work(request.get("journal"))
            answer = dispatch(self._service, str(request.get("operation")), request.get("arguments") or {})
            if isinstance(answer, Deferred):
                answer = answer.finish(await asyncio.to_thread(answer.work))
            elif isinstance(answer, Sliced):
                for _ in answer.steps:
                    await asyncio.sleep(0)  # others are answered between two slices
                answer = answer.finish()
            return {"ok": to_plain(answer)}
        except Exception as problem:  # noqa: BLE001 - whatever went wrong, the asker is told
            if isinstance(problem, NotFound) and self._trouble is not None:
                problem = self._trouble  # it may well be there, in a journal
            return {"error": error_to_plain(_as_nbtrack_error(problem, self._service.store.folder))}


async def _send(writer: asyncio.StreamWriter, parts: list[bytes | memoryview]) -> None:
    """Write a message piece by piece: given a long curve at once, the transport would copy it several times."""
    piece = bytearray()
    for part in parts:
        for start in range(0, len(part), PIECE):
            piece += part[start : start + PIECE]
            if len(piece) >= PIECE:
                writer.write(piece)
                await writer.drain()
                piece = bytearray()
    writer.write(piece)
    await writer.drain()


def _as_nbtrack_error(problem: Exception, store: Path) -> NbtrackError:
    if isinstance(problem, NbtrackError):
        return problem
    if (trouble := _trouble(problem, store)) is not None:
        return trouble
    log.error("an operation failed", exc_info=problem)
    return NbtrackError(
        f"nbtrack could not answer: {type(problem).__name__}: {problem}. The log keeper.log has more."
    )


def _trouble(problem: Exception, store: Path) -> NbtrackError | None:
    """The error of a disk that is full, or of a store that cannot be written now; None for anything else."""
    if isinstance(problem, OSError) and problem.errno in _NOT_NOW:
        return not_writable(store, problem)
    if isinstance(problem, apsw.FullError):
        return disk_full(store)
    if isinstance(problem, apsw.ReadOnlyError | apsw.CantOpenError | apsw.IOError) and not os.access(
        store, os.W_OK
    ):
        return not_writable(store, OSError(errno.EROFS, os.strerror(errno.EROFS)))
    return None


def _is_same_user(connection: Any) -> bool:
    if not hasattr(socket, "SO_PEERCRED"):
        return True  # the folder and the socket are private to the user
    size = struct.calcsize("3i")
    _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return bool(uid == os.getuid())


def _listen(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    path.unlink(missing_ok=True)  # left by a keeper that was killed: the lock says that it is gone
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    listener.listen(64)
    return listener


async def _tell(
    listener: socket.socket, error: NbtrackError, holds: Callable[[], bool] = lambda: True
) -> None:
    """Answer everybody with `error` for a moment, or as long as it `holds`.

    The askers of a store that cannot be opened should learn why, and not what was so a second ago.
    """
    over = asyncio.Event()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError), contextlib.closing(writer):
            (length,) = protocol.HEAD.unpack(await reader.readexactly(protocol.HEAD.size))
            await reader.readexactly(length)
            if not over.is_set() and not holds():
                over.set()
            writer.write(
                protocol.pack({"leaving": True} if over.is_set() else {"error": error_to_plain(error)})
            )
            await writer.drain()

    async with await asyncio.start_unix_server(converse, sock=listener):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), 1.0)
            await asyncio.sleep(0.05)  # until the answer has gone out


def _cannot_be_opened(folder: Path, place: int) -> bool:
    """Whether the store still cannot be opened; another one at its place, whose lock is not ours, is left alone."""
    try:
        if folder.stat().st_ino == place:
            Store(folder).close()
    except (NbtrackError, OSError):
        return True
    return False


def _log_to(store: Path) -> None:
    path = store / "keeper.log"
    with contextlib.suppress(OSError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
        handler = logging.handlers.RotatingFileHandler(path, maxBytes=1_000_000, backupCount=1)
        handler.setFormatter(logging.Formatter("%(asctime)s %(process)d %(levelname)s %(message)s"))
        logging.getLogger().addHandler(handler)


def _acquire(lock: StoreLock, path: Path) -> bool:
    """Take the lock, or find that a living keeper has it; one that is just leaving is waited for."""
    deadline = time.monotonic() + LOCK_WAIT
    while not lock.acquire(0.05):
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.connect(str(path))
            return False
        if time.monotonic() > deadline:
            return False
    return True


def serve(store: str) -> None:
    """Be the keeper of `store`: the main function of a detached process."""
    if os.fork():
        os._exit(0)  # whoever started us has a child that ended at once; the keeper is nobody's
    folder = Path(store)
    idle = float(os.environ.get("NBTRACK_KEEPER_IDLE", SETTINGS["keeper_idle"].default))
    lock, path = StoreLock(folder), socket_path(folder)
    try:
        if not _acquire(lock, path):
            return
    except NbtrackError as error:
        if not is_store(folder):
            return  # it has just gone; whoever makes a new one there must not be told of the old one
        asyncio.run(_tell(_listen(path), error))
        path.unlink(missing_ok=True)
        return
    try:
        _log_to(folder)
        try:
            place = folder.stat().st_ino
            opened = Store(folder)
        except OSError:
            return  # it has just gone
        except NbtrackError as error:
            asyncio.run(_tell(_listen(path), error, lambda: _cannot_be_opened(folder, place)))
            return
        listener = _listen(path)

        async def run() -> None:
            await Keeper(open_service(opened, f"process {os.getpid()}"), lock, idle).serve(listener)

        try:
            asyncio.run(run())
        finally:
            opened.close()
    finally:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        lock.release()


def answer_once(store: str) -> None:
    """Answer the request on standard input and end: the main function where no keeper can live."""
    request = json.load(sys.stdin)
    sys.stdout.buffer.write(protocol.pack(_answer_request(Path(store), request)))


def _answer_request(folder: Path, request: dict[str, Any]) -> dict[str, Any]:
    lock = StoreLock(folder)
    try:
        if not lock.acquire(30.0):
            raise KeeperUnavailable(f"The store {folder} is held by another process; try again.")
        _log_to(folder)
        opened = Store(folder)
        try:
            service = open_service(opened, "none (each answer starts a process of its own)")
            service.intake.drain()
            service.intake.catch_up()
            service.intake.bury()
            for deferred in service.intake.background:
                deferred.result()
            answer = dispatch(service, request["operation"], request["arguments"])
            return {"ok": to_plain(completed(answer))}
        finally:
            opened.close()
    except Exception as problem:  # noqa: BLE001 - as above
        return {"error": error_to_plain(_as_nbtrack_error(problem, folder))}
    finally:
        lock.release()
