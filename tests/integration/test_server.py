"""The routes of a real Jupyter server, answered by real stores."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError

import nbtrack.server.stores
from nbtrack.errors import FilterError, InvalidInput, KeeperUnavailable, NbtrackError, StoreTooNew
from nbtrack.operations import OPERATIONS
from nbtrack.server.handlers import ROUTES
from nbtrack.server.offers import offers
from nbtrack.server.openapi import statuses
from nbtrack.server.stores import Stores, inside, mark_of, store_of
from nbtrack.store.location import create_store

pytest_plugins = ["pytest_jupyter.jupyter_server"]

RUNS = ("nbtrack", "api", "runs.search")
JSON = MappingProxyType({"Content-Type": "application/json"})


@pytest.fixture
def jp_server_config() -> dict[str, Any]:
    return {"ServerApp": {"jpserver_extensions": {"nbtrack.server": True}}}


@pytest.fixture
def jp_argv() -> list[str]:
    return ["--allow-root"] if getattr(os, "geteuid", lambda: 1)() == 0 else []


@pytest.fixture(autouse=True)
def no_named_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NBTRACK_STORE", raising=False)


@pytest.fixture
def store(jp_root_dir: Path) -> Path:
    return create_store(jp_root_dir / "project" / ".nbtrack")


class FailingProxy:
    """A keeper that answers with an error: such states are hard to bring about for real."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.thread = ""

    def call(self, operation: str, /, **arguments: Any) -> Any:
        self.thread = threading.current_thread().name
        raise self.error

    def close(self) -> None:
        pass


def error_of(failure: pytest.ExceptionInfo[HTTPClientError]) -> tuple[int, dict[str, Any]]:
    assert failure.value.response is not None
    assert failure.value.response.headers["Content-Type"].startswith("application/json")
    body = json.loads(failure.value.response.body)
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message", "details"}
    return failure.value.code, body["error"]


async def test_a_store_answers_through_its_keeper(jp_fetch: Any, store: Path) -> None:
    response = await jp_fetch(*RUNS, params={"path": "project/deep/nb.ipynb"})
    answer = json.loads(response.body)
    assert answer["store"] == str(store)
    assert (answer["total"], answer["runs"]) == (0, [])


async def test_without_a_store_the_table_is_empty(jp_fetch: Any) -> None:
    response = await jp_fetch(*RUNS, params={"path": "nb.ipynb"})
    assert json.loads(response.body) == {"store": "", "version": 0, "total": 0, "runs": []}


async def test_the_time_that_jupyterlab_adds_to_an_address_is_no_argument(jp_fetch: Any) -> None:
    assert (await jp_fetch(*RUNS, params={"path": "nb.ipynb", "1795316283596": ""})).code == 200


async def test_an_unchanged_store_costs_no_body(jp_fetch: Any, store: Path) -> None:
    ask = {"path": "project"}
    first = await jp_fetch(*RUNS, params=ask)
    with pytest.raises(HTTPClientError) as unchanged:
        await jp_fetch(*RUNS, params=ask, headers={"If-None-Match": first.headers["ETag"]})
    assert unchanged.value.code == 304
    assert not unchanged.value.response.body


async def test_an_unreadable_filter_says_where(jp_fetch: Any, store: Path) -> None:
    with pytest.raises(HTTPClientError) as failure:
        await jp_fetch(*RUNS, params={"path": "project", "filter": "metrics.a >"})
    status, error = error_of(failure)
    assert (status, error["code"]) == (400, FilterError.code)
    assert error["message"]
    assert "column" in error["details"]


@pytest.mark.parametrize("path", ["..", "../x.ipynb", "a/../../x", "/../x"])
async def test_a_path_outside_the_root_is_refused(jp_fetch: Any, path: str) -> None:
    with pytest.raises(HTTPClientError) as failure:
        await jp_fetch(*RUNS, params={"path": path})
    status, error = error_of(failure)
    assert (status, error["code"]) == (400, "invalid_input")


@pytest.mark.parametrize("limit", ["-1", "many", "1.5", "9" * 30, "²"])
async def test_a_limit_that_is_no_count_is_refused(jp_fetch: Any, store: Path, limit: str) -> None:
    with pytest.raises(HTTPClientError) as failure:
        await jp_fetch(*RUNS, params={"path": "project", "limit": limit})
    assert error_of(failure)[0] == 400


@pytest.mark.parametrize(
    "error",
    [StoreTooNew("newer", store="s"), KeeperUnavailable("nobody there"), NbtrackError("unknown", at=3)],
)
async def test_every_error_has_one_shape(
    jp_fetch: Any, store: Path, monkeypatch: pytest.MonkeyPatch, error: NbtrackError
) -> None:
    proxy = FailingProxy(error)
    monkeypatch.setattr(nbtrack.server.stores, "connect", lambda _, patience: proxy)
    with pytest.raises(HTTPClientError) as failure:
        await jp_fetch(*RUNS, params={"path": "project"})
    assert error_of(failure) == (
        error.status,
        {"code": error.code, "message": error.message, "details": error.details},
    )
    assert proxy.thread.startswith("nbtrack")


async def test_a_mistake_of_ours_tells_no_secrets(
    jp_fetch: Any, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        nbtrack.server.stores, "connect", lambda _, patience: FailingProxy(RuntimeError("/secret/path"))
    )
    with pytest.raises(HTTPClientError) as failure:
        await jp_fetch(*RUNS, params={"path": "project"})
    status, error = error_of(failure)
    assert (status, error["code"]) == (500, "internal_server_error")
    assert "secret" not in json.dumps(error)


def addresses() -> list[tuple[str, ...]]:
    return [("nbtrack", "api", name) for name in [*offers(), "openapi.json"]]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_nobody_is_answered_without_a_token(jp_fetch: Any, method: str) -> None:
    for address in addresses():
        with pytest.raises(HTTPClientError) as failure:
            await jp_fetch(
                *address,
                method=method,
                headers={"Authorization": "", **JSON},
                allow_nonstandard_methods=True,
                body=None,
            )
        answered = method == "GET" or (method == "POST" and address[-1] != "openapi.json")
        assert error_of(failure)[0] in ((403,) if answered else (403, 405))


def test_the_list_of_routes_is_complete(jp_serverapp: Any) -> None:
    rules = [
        rule
        for group in jp_serverapp.web_app.default_router.rules
        for rule in getattr(group.target, "rules", [])
    ]
    ours = {
        rule.matcher.regex.pattern
        for rule in rules
        if "/nbtrack/" in getattr(rule.matcher, "regex", rule).pattern
    }
    assert len(ours) == len(ROUTES)


async def test_what_is_not_offered_is_not_there(jp_fetch: Any, store: Path) -> None:
    for name in [
        *(OPERATIONS.keys() - offers().keys()),
        "runs.resolve",
        "runs.forget_answers",
        "intake.take",
    ]:
        for how in ({}, {"method": "POST", "body": "{}", "headers": dict(JSON)}):
            with pytest.raises(HTTPClientError) as failure:
                await jp_fetch("nbtrack", "api", name, params={"path": "project"}, **how)
            assert error_of(failure)[0] == 404


def test_nothing_that_writes_to_the_server_or_chooses_an_interpreter_is_offered() -> None:
    assert not {name.partition(".")[0] for name in offers()} & {
        "backups",
        "bundles",
        "merging",
        "repairs",
        "retention",
    }
    assert not {"python", "file", "folder", "path"} & set().union(*(item.known for item in offers().values()))


async def test_questions_are_asked_by_get_and_decisions_sent_by_post(jp_fetch: Any, store: Path) -> None:
    wrong = [
        {"name": "curation.pin", "params": {"path": "project", "runs": "forest-1"}},
        {
            "name": "runs.search",
            "params": {"path": "project"},
            "method": "POST",
            "body": "{}",
            "headers": dict(JSON),
        },
    ]
    for question in wrong:
        with pytest.raises(HTTPClientError) as failure:
            await jp_fetch("nbtrack", "api", question.pop("name"), **question)
        assert error_of(failure)[0] == 405


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_a_decision_that_a_foreign_form_could_send_is_refused(
    jp_fetch: Any, store: Path, kind: str
) -> None:
    with pytest.raises(HTTPClientError) as failure:
        await jp_fetch(
            *("nbtrack", "api", "curation.pin"),
            method="POST",
            body="{}",
            headers={"Content-Type": kind},
        )
    assert error_of(failure)[0] == 415


async def test_a_decision_of_a_page_without_the_xsrf_token_is_refused(
    jp_serverapp: Any, http_server_client: Any, jp_base_url: str, store: Path
) -> None:
    # Logged in by a cookie, as a browser is, which every page of the browser sends along.
    cookies: dict[str, str] = {}

    async def fetch(place: str, **how: Any) -> int:
        headers = {"Cookie": "; ".join(map("=".join, cookies.items())), **how.pop("headers", {})}
        answer = await http_server_client.fetch(
            jp_base_url + place, raise_error=False, follow_redirects=False, headers=headers, **how
        )
        for line in answer.headers.get_list("Set-Cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            cookies[name] = value
        return answer.code

    await fetch("login")
    await fetch(f"login?token={jp_serverapp.identity_provider.token}")
    assert {name.partition("-")[0] for name in cookies} == {"username", "_xsrf"}
    decision = {"method": "POST", "body": json.dumps({"runs": ["forest-1"]})}
    place = "nbtrack/api/curation.pin?path=project"
    assert await fetch(place, headers=dict(JSON), **decision) == 403
    assert (
        await fetch(place, headers={"X-XSRFToken": cookies["_xsrf"], **JSON}, **decision) == 404
    )  # no such run


async def test_a_decision_is_carried_out(jp_fetch: Any, store: Path) -> None:
    script = "import nbtrack\nwith nbtrack.run('forest', experiment='e') as run:\n    run.log(loss=0.5)\n"
    subprocess.run([sys.executable, "-c", script], cwd=store.parent, check=True)
    first = await jp_fetch(*RUNS, params={"path": "project"})
    (row,) = json.loads(first.body)["runs"]
    assert not row["pinned"]
    body = json.dumps({"runs": [row["id"]]})
    answer = await jp_fetch(
        *("nbtrack", "api", "curation.pin"),
        method="POST",
        body=body,
        headers=dict(JSON),
        params={"path": "project"},
    )
    assert json.loads(answer.body)["names"] == ["e/forest-1"]
    again = await jp_fetch(
        *RUNS, params={"path": "project"}, headers={"If-None-Match": first.headers["ETag"]}
    )
    assert json.loads(again.body)["runs"][0]["pinned"]


@pytest.mark.parametrize(
    "body", ["", "[]", "{", "null", "[" * 100_000, '{"runs": "a"}', '{"runs": []}', '{"x": 1}']
)
async def test_a_decision_that_cannot_be_read_is_refused(jp_fetch: Any, store: Path, body: str) -> None:
    with pytest.raises(HTTPClientError) as failure:
        await jp_fetch(
            *("nbtrack", "api", "curation.pin"),
            method="POST",
            body=body,
            headers=dict(JSON),
            params={"path": "project"},
        )
    assert error_of(failure)[0] == 400


async def test_the_description_has_every_route_and_status(jp_fetch: Any, jp_base_url: str) -> None:
    answer = await jp_fetch("nbtrack", "api", "openapi.json")
    document = json.loads(answer.body)
    assert document["servers"] == [{"url": f"{jp_base_url.rstrip('/')}/nbtrack/api"}]
    methods = {name.removeprefix("/"): set(what) for name, what in document["paths"].items()}
    expected = {name: {"post" if item.operation.decision else "get"} for name, item in offers().items()}
    assert methods == expected
    answers = set(document["paths"]["/runs.get"]["get"]["responses"])
    assert answers == {"200", "304", *map(str, statuses())}


class TestPlaces:
    @pytest.mark.parametrize("path", ["", "/", "a.ipynb", "/a/b.ipynb", "a b/ü.ipynb"])
    def test_paths_stay_below_the_root(self, tmp_path: Path, path: str) -> None:
        assert inside(tmp_path, path).is_relative_to(tmp_path)

    @pytest.mark.parametrize("path", ["..", "a/../b", "a/..", "a\0b"])
    def test_paths_that_leave_the_root_are_refused(self, tmp_path: Path, path: str) -> None:
        with pytest.raises(InvalidInput, match="not below the server's root"):
            inside(tmp_path, path)

    def test_the_environment_names_the_store_for_kernels_and_server(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        create_store(tmp_path / "near" / ".nbtrack")
        named = create_store(tmp_path / "elsewhere" / ".nbtrack")
        for value in (named, named.parent):
            monkeypatch.setenv("NBTRACK_STORE", str(value))
            assert store_of(tmp_path / "near" / "nb.ipynb") == named
        monkeypatch.setenv("NBTRACK_STORE", str(tmp_path / "not-made-yet"))
        assert store_of(tmp_path / "near" / "nb.ipynb") is None

    def test_the_way_to_a_store_is_kept_open(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        create_store(tmp_path / ".nbtrack")
        opened: list[Path] = []

        class Proxy(FailingProxy):
            def call(self, operation: str, /, **arguments: Any) -> Any:
                return {"operation": operation, **arguments}

        def connect(store: Path, *, patience: float) -> Proxy:
            opened.append(store)
            return Proxy(RuntimeError())

        monkeypatch.setattr(nbtrack.server.stores, "connect", connect)
        stores = Stores(tmp_path)
        asked = {"filter": "params.x = 1", "sort": ["-metrics.a"], "limit": 5}
        stores.ask(offers()["runs.search"], "a.ipynb", asked)
        answer = stores.ask(offers()["runs.search"], "b.ipynb", asked)
        assert json.loads(answer.body or "") == {"operation": "runs.search", **asked}
        assert opened == [tmp_path / ".nbtrack"]
        stores.close()

    def test_an_answer_to_a_filter_that_names_a_moment_is_made_anew(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        create_store(tmp_path / ".nbtrack")
        totals = iter([3, 3, 2])

        class Proxy(FailingProxy):
            def call(self, operation: str, /, **arguments: Any) -> Any:
                return {"store": "s", "version": 1, "total": next(totals)}

        monkeypatch.setattr(nbtrack.server.stores, "connect", lambda _, patience: Proxy(RuntimeError()))
        stores, search = Stores(tmp_path), offers()["runs.search"]
        asked = {"filter": "started > 2d ago"}
        first = stores.ask(search, "", asked)
        assert stores.ask(search, "", asked, known=first.mark).body is None
        assert stores.ask(search, "", asked, known=first.mark).body is not None

    def test_the_mark_follows_the_version(self) -> None:
        assert mark_of("s", "1", "runs.search", "{}") == mark_of("s", "1", "runs.search", "{}")
        assert len({mark_of("s", *rest) for rest in (["1", "a"], ["2", "a"], ["1", "b"])}) == 3


@pytest.fixture(autouse=True)
def short_lived_keeper(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBTRACK_KEEPER_IDLE", "2")
