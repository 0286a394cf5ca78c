"""What browsers may ask, with arguments that nobody thinks of: an answer as described, or an error of a person's making."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as some
from owned_store import OwnedStore

import nbtrack.server.stores
from nbtrack.entities import records
from nbtrack.errors import InvalidInput, NbtrackError
from nbtrack.operations import OPERATIONS, dispatch, to_plain
from nbtrack.server.offers import Offer, offers
from nbtrack.server.openapi import description, schema, statuses
from nbtrack.server.stores import Stores
from nbtrack.service import completed

QUESTIONS = sorted(name for name, offer in offers().items() if not offer.operation.decision)
DECISIONS = sorted(
    name for name, offer in offers().items() if offer.operation.decision and name != "models.register"
)
HOSTILE = [
    "",
    "forest-1",
    "study/forest-1",
    "loss",
    "a.ipynb",
    "x",
    "-1",
    "\0",
    "\ud800",
    "%",
    "1" * 15,
    "é" * 300,
]


class InProcess:
    """A way to a store without its keeper."""

    def __init__(self, owned: OwnedStore) -> None:
        self.owned = owned

    def call(self, operation: str, /, **arguments: Any) -> Any:
        return to_plain(completed(dispatch(self.owned.service, operation, arguments)))

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    folder = tmp_path_factory.mktemp("offers")
    owned = OwnedStore(folder)
    for _ in range(3):
        run = owned.run()
        for step, value in enumerate([0.5, float("nan"), float("inf")]):
            owned.take(records.MetricsLogged(run=run, time=1, values={"loss": value}, step=step))
        owned.execute("print(1)", run, cell="a", text="1\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nbtrack.server.stores, "connect", lambda _, patience: InProcess(owned))
        yield Stores(folder)


def texts() -> some.SearchStrategy[str]:
    return some.sampled_from(HOSTILE) | some.text(max_size=12)


def check(stores: Stores, offer: Offer, arguments: dict[str, Any]) -> None:
    try:
        answer = stores.ask(offer, "", arguments)
    except NbtrackError as problem:
        if problem.status >= 500 or problem.status not in statuses():
            raise
        return
    schemas = {"components": description()["components"]}
    whole = {**schema(offer.operation.answer, {}), **schemas}
    jsonschema.validate(json.loads(answer.body or "null"), whole)


@pytest.mark.parametrize("name", QUESTIONS)
def test_no_question_finds_a_mistake_of_ours(stores: Stores, name: str) -> None:
    offer = offers()[name]
    names = some.sampled_from([*sorted(offer.known), "other"])

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(some.dictionaries(names, some.lists(texts(), min_size=1, max_size=3)))
    @example({key: ["forest-1"] for key in offer.known if key in ("run", "target")})
    def ask(query: dict[str, list[str]]) -> None:
        try:
            arguments = offer.from_query(query)
        except InvalidInput:
            return
        check(stores, offer, arguments)

    ask()


@pytest.mark.parametrize("name", DECISIONS)
def test_no_decision_finds_a_mistake_of_ours(stores: Stores, name: str) -> None:
    offer = offers()[name]
    names = some.sampled_from([*sorted(offer.known), "other"])
    value = some.recursive(
        some.none() | some.booleans() | some.integers() | some.floats() | texts(),
        lambda inner: some.lists(inner, max_size=3) | some.dictionaries(texts(), inner, max_size=3),
        max_leaves=6,
    )

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(some.dictionaries(names, value, max_size=4) | value)
    def decide(body: Any) -> None:
        try:
            arguments = offer.from_body(body)
        except InvalidInput:
            return
        check(stores, offer, arguments)

    decide()


def test_every_offer_is_the_use_case_of_its_operation(tmp_path: Path) -> None:
    service = OwnedStore(tmp_path).service
    for name, offer in offers().items():
        parameters = {item.name for item in offer.parameters}
        method = OPERATIONS[name].method(service)
        assert parameters <= set(method.__func__.__annotations__), name  # type: ignore[attr-defined]


def test_what_a_question_takes_is_read_from_texts() -> None:
    search = offers()["runs.search"]
    found = search.from_query({"path": ["p"], "filter": ["a > 1"], "sort": ["-loss", "name"], "limit": ["7"]})
    assert found == {"filter": "a > 1", "sort": ["-loss", "name"], "limit": 7}
    assert offers()["runs.complete"].from_query({"prefix": [""], "trash": ["true"]}) == {
        "prefix": "",
        "trash": True,
    }


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({}, "needs the argument run"),
        ({"run": ["a", "b"]}, "is given 2 times"),
        ({"run": ["a"], "python": ["/bin/sh"]}, "takes no argument 'python'"),
    ],
)
def test_a_question_that_cannot_be_meant_is_explained(query: dict[str, list[str]], sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        offers()["runs.get"].from_query(query)
