"""The HTTP routes: they translate between requests and `nbtrack.server.stores`, and decide nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado.web import Application, HTTPError, authenticated

from nbtrack.errors import InvalidInput, NbtrackError, NotFound
from nbtrack.operations import error_to_plain, to_json
from nbtrack.server.offers import Offer, offers
from nbtrack.server.openapi import description
from nbtrack.server.stores import Answer, Stores

Result = TypeVar("Result")

WORKERS = 4
"""Threads that may wait for a keeper: a pool of their own, so that a slow store takes no other's threads."""


class NbtrackHandler(APIHandler):
    """What all routes share: work off the event loop, and one shape for every error."""

    auth_resource = "nbtrack"
    _mark = ""

    def initialize(self, stores: Stores, executor: ThreadPoolExecutor) -> None:
        """Take what the routes work with."""
        self.stores = stores
        self.executor = executor

    async def off_loop(self, function: Callable[[], Result]) -> Result:
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

    def compute_etag(self) -> str | None:
        """The mark of the answer instead of a hash over megabytes of it."""
        return f'"{self._mark}"' if self._mark else None


class OperationHandler(NbtrackHandler):
    """``GET`` asks and ``POST`` decides what `nbtrack.server.offers` lists: ``nbtrack/api/runs.search?path=&filter=``.

    ``path`` is a notebook or a folder; the store that serves it answers. A question takes its arguments from the query, a
    decision from a JSON body. A question's ETag stays while its answer does, so that a panel that asks every two seconds
    gets 304 and no body.
    """

    @authenticated
    @authorized
    async def get(self, name: str) -> None:
        """Answer a question."""
        known = self.request.headers.get("If-None-Match", "")
        # JupyterLab adds the time to an address, as a name without a value, so that no browser keeps an answer.
        names = [name for name in self.request.query_arguments if not name.isdigit()]
        given = {name: self.get_query_arguments(name, strip=False) for name in names}

        def ask() -> Answer:
            offer = self._offer(name, decision=False)
            return self.stores.ask(offer, given.get("path", [""])[0], offer.from_query(given), known)

        answer = await self.off_loop(ask)
        self._mark = answer.mark
        self.set_header("Cache-Control", "private, no-cache")
        self.set_etag_header()
        if answer.body is None:
            self.set_status(HTTPStatus.NOT_MODIFIED)
        self.finish(answer.body)

    @authenticated
    @authorized
    async def post(self, name: str) -> None:
        """Carry out a decision."""
        # A form of a foreign page can send anything but this type without being asked for permission.
        if self.request.headers.get("Content-Type", "").partition(";")[0].strip() != "application/json":
            raise HTTPError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "A decision is sent as application/json.")
        path, body = self.get_query_argument("path", "", strip=False), self.request.body

        def decide() -> Answer:
            offer = self._offer(name, decision=True)
            try:
                given = json.loads(body)
            except (ValueError, RecursionError):
                raise InvalidInput("The body is no JSON.") from None
            return self.stores.ask(offer, path, offer.from_body(given))

        self.finish((await self.off_loop(decide)).body)

    @staticmethod
    def _offer(name: str, *, decision: bool) -> Offer:
        offer = offers().get(name)
        if offer is None:
            raise NotFound(f"There is no operation {name[:80]} for a browser.", operation=name[:80])
        if offer.operation.decision != decision:
            word = "a decision: it is sent" if offer.operation.decision else "a question: it is asked"
            method = "POST" if offer.operation.decision else "GET"
            raise HTTPError(HTTPStatus.METHOD_NOT_ALLOWED, f"{name} is {word} by {method}.")
        return offer


class DescriptionHandler(NbtrackHandler):
    """``GET nbtrack/api/openapi.json``: all routes, for programs."""

    @authenticated
    @authorized
    async def get(self) -> None:
        """Answer with the OpenAPI document."""
        base = str(self.settings["base_url"])
        self.finish(await self.off_loop(lambda: to_json(description(base))))


ROUTES = ((r"openapi\.json", DescriptionHandler), (r"([a-z_]+\.[a-z_]+)", OperationHandler))
"""All routes below ``nbtrack/api``."""


def add_handlers(web_app: Application, root: str | Path) -> None:
    """Add all routes to a server's application; `root` is the folder that it serves."""
    shared = {
        "stores": Stores(Path(root).expanduser().absolute()),
        "executor": ThreadPoolExecutor(max_workers=WORKERS, thread_name_prefix="nbtrack"),
    }
    base = web_app.settings["base_url"]
    web_app.add_handlers(
        ".*$", [(url_path_join(base, "nbtrack", "api", route), handler, shared) for route, handler in ROUTES]
    )
