"""Deleting and taking back: what the trash of every store must do."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
from owned_store import OwnedStore

from nbtrack.errors import Conflict, FilterError, InvalidInput, NotFound
from nbtrack.store.audit import GENESIS, line_digest


@pytest.fixture
def owned(tmp_path: Path) -> Iterator[OwnedStore]:
    opened = OwnedStore(tmp_path)
    yield opened
    opened.store.close()


def test_a_deleted_run_is_gone_from_every_question_and_undo_brings_all_of_it_back(owned: OwnedStore) -> None:
    first, second, third = owned.run(), owned.run(), owned.run()
    owned.artifact(second, os.urandom(1000))
    before = owned.service.runs.get(second)
    deletion = owned.service.trash.delete(runs=["forest-2", second])
    assert (deletion.runs, deletion.versions) == (["study/forest-2"], [])
    assert deletion.size >= 1000
    assert owned.names() == ["study/forest-1", "study/forest-3"]
    assert owned.service.runs.complete("forest") == ["forest-3", "forest-1"]
    assert owned.service.runs.outcome(third).previous == "forest-1"
    for name in ("forest-2", "study/forest-2", second):
        with pytest.raises(NotFound, match="in the trash; undelete"):
            owned.service.runs.get(name)
    assert owned.service.trash.undo().runs == ["study/forest-2"]
    assert owned.service.runs.get("forest-2") == before
    assert first in {row.id for row in owned.service.runs.search().runs}
    assert owned.decisions() == ["trash.filled", "trash.restored"]


def test_undo_takes_back_one_deletion_after_the_other_and_says_when_there_is_none(owned: OwnedStore) -> None:
    for _ in range(4):
        owned.run()
    owned.service.trash.delete(runs=["forest-1", "forest-2"])
    owned.service.trash.delete(runs=["forest-3"])
    assert [d.runs for d in owned.service.trash.content().deletions] == [
        ["study/forest-3"],
        ["study/forest-1", "study/forest-2"],
    ]
    assert owned.service.trash.undo().runs == ["study/forest-3"]
    assert owned.service.trash.restore(runs=["forest-2"]).runs == ["study/forest-2"]
    assert owned.service.trash.undo().runs == ["study/forest-1"]
    with pytest.raises(NotFound, match="nothing to take back"):
        owned.service.trash.undo()


def test_deletions_keep_their_order_when_the_clock_goes_back(
    owned: OwnedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    owned.run()
    owned.run()
    owned.service.trash.delete(runs=["forest-1"])
    monkeypatch.setattr("time.time_ns", lambda: 5)
    owned.service.trash.delete(runs=["forest-2"])
    assert owned.service.trash.undo().runs == ["study/forest-2"]


def test_a_number_is_not_given_again_and_a_name_means_no_run_of_another_experiment(owned: OwnedStore) -> None:
    owned.run(experiment="a")
    owned.run(experiment="b")
    owned.service.trash.delete(runs=["a/forest-1"])
    owned.run(experiment="a")
    assert owned.names() == ["b/forest-1", "a/forest-2"]
    with pytest.raises(NotFound, match="a/forest-1 is in the trash"):
        owned.service.trash.delete(runs=["forest-1"], experiment="a")
    assert owned.names() == ["b/forest-1", "a/forest-2"]
    assert owned.service.runs.resolve("forest-1", "c") == owned.service.runs.resolve("b/forest-1")


def test_runs_are_chosen_by_a_filter_or_by_their_experiment(owned: OwnedStore) -> None:
    for experiment in ("a", "a", "b"):
        owned.run(experiment=experiment)
    with pytest.raises(NotFound, match="No run fits number = 7: nothing was deleted"):
        owned.service.trash.delete(filter="number = 7")
    with pytest.raises(FilterError):
        owned.service.trash.delete(filter="nubmer = 7")
    assert owned.service.trash.delete(filter="number = 1", experiment="a").runs == ["a/forest-1"]
    assert owned.service.trash.delete(everything=True, experiment="a").runs == ["a/forest-2"]
    with pytest.raises(NotFound, match="no run in the experiment a"):
        owned.service.trash.delete(everything=True, experiment="a")
    assert owned.service.trash.delete(filter="").runs == ["b/forest-1"]


@pytest.mark.parametrize("arguments", [{}, {"everything": True}, {"runs": ["forest-1"], "filter": "x = 1"}])
def test_what_to_delete_is_named_in_one_way(owned: OwnedStore, arguments: dict[str, object]) -> None:
    owned.run()
    with pytest.raises(InvalidInput, match="Name what to delete"):
        owned.service.trash.delete(**arguments)  # type: ignore[arg-type]
    assert owned.names() == ["study/forest-1"]


def test_running_pinned_and_registered_runs_are_not_deleted_and_nothing_else_with_them(
    owned: OwnedStore,
) -> None:
    owned.run()
    owned.run(end=False)
    with pytest.raises(Conflict, match="study/forest-2 is still running; nothing was deleted"):
        owned.service.trash.delete(runs=["forest-1", "forest-2"])
    registered = owned.run()
    owned.register(registered)
    with pytest.raises(Conflict, match=r"registered model churn/1 came from study/forest-3.*--model churn/1"):
        owned.service.trash.delete(filter="status = 'finished'")
    owned.store.connection.execute("UPDATE runs SET pinned = 1 WHERE id = ?", (registered,))
    owned.service.trash.delete(model="churn")
    with pytest.raises(Conflict, match="study/forest-3 is pinned; nothing was deleted"):
        owned.service.trash.delete(runs=["forest-3"])
    assert len(owned.names()) == 3
    assert owned.decisions() == ["trash.filled"]


def test_a_deleted_model_comes_back_with_its_aliases_and_with_the_run_it_came_from(owned: OwnedStore) -> None:
    run = owned.run()
    owned.register(run, alias="champion")
    owned.register(run)
    before = owned.service.models.get("churn@champion")
    assert owned.service.trash.delete(model="churn/2").versions == ["churn/2"]
    assert owned.service.models.get("churn").version == 1
    assert owned.service.trash.delete(model="churn@champion").versions == ["churn/1"]
    assert owned.service.models.list() == []
    with pytest.raises(NotFound, match="no registered model churn"):
        owned.service.models.get("churn")
    with pytest.raises(NotFound, match="churn is in the trash; undelete --model churn"):
        owned.service.trash.delete(model="churn")
    owned.service.trash.delete(runs=[run])
    back = owned.service.trash.restore(model="churn/1")
    assert (back.versions, back.runs) == (["churn/1"], ["study/forest-1"])
    assert owned.service.models.get("churn@champion") == before
    with pytest.raises(NotFound, match="no model churn/1 in the trash"):
        owned.service.trash.restore(model="churn/1")


def test_a_version_number_is_not_given_again(owned: OwnedStore) -> None:
    run = owned.run()
    owned.register(run)
    owned.service.trash.delete(model="churn")
    assert owned.register(run).version == 2
    owned.service.trash.undo()
    assert [version.version for version in owned.service.models.list()[0].versions] == [2, 1]


def test_what_live_runs_share_is_not_counted_as_freed(owned: OwnedStore) -> None:
    first, second = owned.run(), owned.run()
    shared, own = os.urandom(5000), os.urandom(300)
    owned.artifact(first, shared)
    owned.artifact(second, shared)
    owned.artifact(second, own, "own")
    assert owned.service.trash.delete(runs=["forest-2"]).size == 300
    assert owned.service.trash.delete(runs=["forest-1"]).size == 5000
    assert owned.service.trash.content().size == 5300


def test_a_store_that_cannot_be_written_deletes_nothing(owned: OwnedStore) -> None:
    owned.run()
    owned.store.connection.execute("PRAGMA query_only = ON")
    with pytest.raises(apsw.ReadOnlyError):
        owned.service.trash.delete(runs=["forest-1"])
    assert owned.names() == ["study/forest-1"]


def test_the_audit_chain_holds_the_decisions(owned: OwnedStore) -> None:
    owned.run()
    owned.service.trash.delete(runs=["forest-1"])
    owned.service.trash.undo()
    before = GENESIS
    for sequence, time, actor, decision, detail, digest in owned.store.audit.lines():
        assert digest == line_digest(before, sequence, time, actor, decision, detail)
        assert '"study/forest-1"' in detail
        before = digest
