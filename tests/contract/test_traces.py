"""What executions read and wrote lies with them, and goes with them."""

from __future__ import annotations

from pathlib import Path

import pytest
from owned_store import DAY, OwnedStore

from nbtrack.entities.lineage import Trace


@pytest.fixture
def owned(tmp_path: Path) -> OwnedStore:
    return OwnedStore(tmp_path)


def test_traces_come_in_the_order_of_their_executions(owned: OwnedStore) -> None:
    second = owned.execute("b = a", when=2 * DAY, text="x")
    first = owned.execute("a = 1", when=DAY)
    untraced = owned.execute("c = 1", when=3 * DAY)
    owned.execute("other = 1", when=DAY, process="p")
    owned.trace(second, reads=["a"], writes=["b"], versions={"b": "\ud800"})
    owned.trace(first, writes=["a"], of_a_later_version=[1])
    found = owned.store.executions.traces(owned.process)
    assert [(execution.id, trace) for execution, trace in found] == [
        (first, Trace(writes=["a"])),
        (second, Trace(reads=["a"], writes=["b"], versions={"b": "\\ud800"})),
        (untraced, None),
    ]
    assert owned.store.executions.trace(second) == found[1][1]
    assert owned.store.executions.trace(untraced) is None


def test_a_trace_without_its_execution_is_let_go(owned: OwnedStore) -> None:
    owned.trace("nobody", reads=["a"])
    assert owned.store.connection.execute("SELECT * FROM traces").fetchall() == []


def test_a_trace_that_is_drained_twice_stays_as_it_was(owned: OwnedStore) -> None:
    execution = owned.execute("a = 1")
    owned.trace(execution, writes=["a"])
    owned.trace(execution, writes=["b"])
    assert owned.store.executions.trace(execution) == Trace(writes=["a"])


def test_the_process_of_a_run_and_of_a_notebook_is_the_last_one(owned: OwnedStore) -> None:
    run = owned.run()
    owned.execute("a", run, process="early", when=DAY)
    owned.execute("b", run, process="late", when=2 * DAY)
    owned.execute("c", process="later", when=3 * DAY)
    executions = owned.store.executions
    assert executions.process_of(run) == "late"
    assert executions.last_process("a.ipynb") == "later"
    assert executions.process_of("x") is None
    assert executions.last_process("x") is None


def test_a_trace_goes_with_its_execution(owned: OwnedStore) -> None:
    old, new = owned.execute("a = 1", when=DAY), owned.execute("b = 1")
    for execution in (old, new):
        owned.trace(execution, writes=["a"])
    owned.service.retention.collect(executions_days=1, grace_days=0).result()
    assert owned.store.connection.execute("SELECT execution FROM traces").fetchall() == [(new,)]
