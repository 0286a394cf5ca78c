"""The routes of a real Jupyter server, answered by real stores."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError

import nbtrack.server.runs
from nbtrack.errors import FilterError, InvalidInput, KeeperUnavailable, NbtrackError, StoreTooNew
from nbtrack.server.runs import RunSearch, inside, mark, store_of
from nbtrack.store.location import create_store

pytest_plugins = ["pytest_jupyter.jupyter_server"]

ROUTES = [("nbtrack", "api", "runs")]


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
    response = await jp_fetch("nbtrack", "api", "runs", params={"path": "project/deep/nb.ipynb"})
    answer = json.loads(response.body)
    assert answer["store"] == str(store)
    assert (answer["total"], answer["runs"]) == (0, [])


async def test_without_a_store_the_table_is_empty(jp_fetch: Any) -> None:
    response = await jp_fetch("nbtrack", "api", "runs", params={"path": "nb.ipynb"})
    assert json.loads(response.body) == {"store": "", "version": 0, "total": 0, "runs": []}


async def test_an_unchanged_store_costs_no_body(jp_fetch: Any, store: Path) -> None:
    ask = {"path": "project"}
    first = await jp_fetch("nbtrack", "api", "runs", params=ask)
    with pytest.raises(HTTPClientError) as unchanged:
        await jp_fetch("nbtrack", "api", "runs", params=ask, headers={"If-None-Match": first.headers["ETag"]})
    assert unchanged.value.code == 304
    assert not unchanged.value.response.body


async def test_an_unreadable_filter_says_where(jp_fetch: Any, store: Path) -> None:
    with pytest.raises(HTTPClientError) as failure:
        await jp_fetch("nbtrack", "api", "runs", params={"path": "project", "filter": "metrics.a >"})
    status, error = error_of(failure)
    assert (status, error["code"]) == (400, FilterError.code)
    assert error["message"]
    assert "column" in error["details"]


@pytest.mark.parametrize("path", ["..", "../x.ipynb", "a/../../x", "/../x"])
async def test_a_path_outside_the_root_is_refused(jp_fetch: Any, path: str) -> None:
    with pytest.raises(HTTPClientError) as failure:
        await jp_fetch("nbtrack", "api", "runs", params={"path": path})
    status, error = error_of(failure)
    assert (status, error["code"]) == (400, "invalid_input")


@pytest.mark.parametrize("limit", ["-1", "many", "1.5", "9" * 30, "²"])
async def test_a_limit_that_is_no_count_is_refused(jp_fetch: Any, store: Path, limit: str) -> None:
    with pytest.raises(HTTPClientError) as failure:
        await jp_fetch("nbtrack", "api", "runs", params={"path": "project", "limit": limit})
    assert error_of(failure)[0] == 400


@pytest.mark.parametrize(
    "error",
    [StoreTooNew("newer", store="s"), KeeperUnavailable("nobody there"), NbtrackError("unknown", at=3)],
)
async def test_every_error_has_one_shape(
    jp_fetch: Any, store: Path, monkeypatch: pytest.MonkeyPatch, error: NbtrackError
) -> None:
    proxy = FailingProxy(error)
    monkeypatch.setattr(nbtrack.server.runs, "connect", lambda _, patience: proxy)
    with pytest.raises(HTTPClientError) as failure:
        await jp_fetch("nbtrack", "api", "runs", params={"path": "project"})
    assert error_of(failure) == (
        error.status,
        {"code": error.code, "message": error.message, "details": error.details},
    )
    assert proxy.thread.startswith("nbtrack")


async def test_a_mistake_of_ours_tells_no_secrets(
    jp_fetch: Any, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        nbtrack.server.runs, "connect", lambda _, patience: FailingProxy(RuntimeError("/secret/path"))
    )
    with pytest.raises(HTTPClientError) as failure:
        await jp_fetch("nbtrack", "api", "runs", params={"path": "project"})
    status, error = error_of(failure)
    assert (status, error["code"]) == (500, "internal_server_error")
    assert "secret" not in json.dumps(error)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_nobody_is_answered_without_a_token(jp_fetch: Any, route: tuple[str, ...], method: str) -> None:
    with pytest.raises(HTTPClientError) as failure:
        await jp_fetch(
            *route, method=method, headers={"Authorization": ""}, allow_nonstandard_methods=True, body=None
        )
    assert error_of(failure)[0] in ((403,) if method == "GET" else (403, 405))


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

        monkeypatch.setattr(nbtrack.server.runs, "connect", connect)
        search = RunSearch(tmp_path)
        search.search("a.ipynb")
        answer = search.search("b.ipynb", "params.x = 1", ["-metrics.a"], 5)
        expected = {"operation": "runs.search", "filter": "params.x = 1", "sort": ["-metrics.a"], "limit": 5}
        assert answer == expected
        assert opened == [tmp_path / ".nbtrack"]
        search.close()

    def test_the_mark_follows_the_version(self) -> None:
        table = {"store": "s", "version": 1, "total": 0}
        assert mark(table) == mark(dict(table))
        assert mark(table) != mark({**table, "version": 2})


@pytest.fixture(autouse=True)
def short_lived_keeper(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBTRACK_KEEPER_IDLE", "2")
