"""The HTTP routes: they translate between requests and `nbtrack.server.runs`, and decide nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado.web import Application, HTTPError, authenticated

from nbtrack.errors import InvalidInput, NbtrackError
from nbtrack.operations import error_to_plain, to_json
from nbtrack.server.runs import RunSearch, mark

Answer = TypeVar("Answer")

WORKERS = 4
"""Threads that may wait for a keeper: a pool of their own, so that a slow store takes no other's threads."""


class NbtrackHandler(APIHandler):
    """What all routes share: work off the event loop, and one shape for every error."""

    auth_resource = "nbtrack"

    def initialize(self, search: RunSearch, executor: ThreadPoolExecutor) -> None:
        """Take what the routes work with."""
        self.search = search
        self.executor = executor

    async def off_loop(self, function: Callable[[], Answer]) -> Answer:
        """Run a function that may wait for disk or keeper in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self.executor, function)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer every error as ``{"error": {"code", "message", "details"}}``."""
        problem = kwargs["exc_info"][1] if "exc_info" in kwargs else None
        if isinstance(problem, NbtrackError):
            self.set_status(problem.status)
            error = error_to_plain(problem)
        else:
            phrase = HTTPStatus(status_code).phrase
            message = (problem.log_message if isinstance(problem, HTTPError) else None) or phrase
            error = {"code": phrase.lower().replace(" ", "_"), "message": message, "details": {}}
        self.finish(to_json({"error": error}))

    def log_exception(self, *exc_info: Any) -> None:
        """Keep what a person did wrong out of the server's log; what we did wrong goes there in full."""
        if not isinstance(exc_info[1], NbtrackError):
            super().log_exception(*exc_info)


class RunsHandler(NbtrackHandler):
    """``GET nbtrack/api/runs?path=&filter=&sort=&limit=``: the runs of the store that serves a path.

    ``sort`` may be repeated. The answer is an `nbtrack.entities.runs.RunTable`; its ETag stays while the
    store does, so that a panel that asks every two seconds gets 304 and no body.
    """

    _mark = ""

    @authenticated
    @authorized
    async def get(self) -> None:
        """Answer a search."""
        path, filter_, limit = (self.get_query_argument(name, "") for name in ("path", "filter", "limit"))
        sort = [item for item in self.get_query_arguments("sort") if item]
        count = whole_number("limit", limit)
        table = await self.off_loop(lambda: self.search.search(path, filter_, sort, count))
        self._mark = mark(table)
        self.set_header("Cache-Control", "private, no-cache")
        self.set_etag_header()
        if self.check_etag_header():
            self.set_status(HTTPStatus.NOT_MODIFIED)
            self.finish()
            return
        self.finish(await self.off_loop(lambda: to_json(table)))

    def compute_etag(self) -> str | None:
        """The mark of the answer instead of a hash over megabytes of it."""
        return f'"{self._mark}"' if self._mark else None


def whole_number(name: str, text: str) -> int | None:
    """The number that a query argument gives; None where it is absent.

    Raises
    ------
    InvalidInput
        If it is no number.
    """
    if not text:
        return None
    # More digits than a count can have would only make int() slow.
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise InvalidInput(f"{name} must be a whole number, not {text[:40]!r}.", argument=name)
    return int(text)


def add_handlers(web_app: Application, root: str | Path) -> None:
    """Add all routes to a server's application; `root` is the folder that it serves."""
    shared = {
        "search": RunSearch(Path(root).expanduser().absolute()),
        "executor": ThreadPoolExecutor(max_workers=WORKERS, thread_name_prefix="nbtrack"),
    }
    base = web_app.settings["base_url"]
    web_app.add_handlers(".*$", [(url_path_join(base, "nbtrack", "api", "runs"), RunsHandler, shared)])
