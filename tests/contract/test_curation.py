"""Renaming, moving, tagging, noting, pinning: what every store must do, and what a citation must never come to mean."""

from __future__ import annotations

import contextlib
import json
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from owned_store import OwnedStore
from shared_store import SharedStore

from nbtrack.client.models import Models
from nbtrack.client.runs import Runs
from nbtrack.entities import records
from nbtrack.entities.ids import new_id
from nbtrack.errors import Conflict, InvalidInput, NotFound
from nbtrack.operations import dispatch, to_entity, to_plain
from nbtrack.store.audit import GENESIS, line_digest


@pytest.fixture
def owned(tmp_path: Path) -> Iterator[OwnedStore]:
    opened = OwnedStore(tmp_path)
    yield opened
    opened.store.close()


def test_a_renamed_run_is_found_by_both_names_and_nobody_gets_the_old_one(owned: OwnedStore) -> None:
    first, second = owned.run(), owned.run()
    done = owned.service.curation.rename_runs("baseline", ["forest-2"])
    assert (done.former, done.names) == (["study/forest-2"], ["study/baseline-1"])
    assert owned.run() not in (first, second)
    assert owned.names() == ["study/forest-1", "study/baseline-1", "study/forest-3"]
    for name in ("forest-2", "study/forest-2", "baseline-1", second):
        assert owned.service.runs.resolve(name) == second
        assert owned.service.runs.resolve(name, "study") == second
    assert owned.service.runs.get("baseline-1").former == ["study/forest-2"]
    assert owned.decisions() == ["runs.renamed"]


def test_a_run_that_is_called_as_before_gets_its_number_back(owned: OwnedStore) -> None:
    run = owned.run()
    for name in ("a", "b", "a", "forest"):
        owned.service.curation.rename_runs(name, [run])
    assert owned.names() == ["study/forest-1"]
    assert owned.service.runs.get(run).former == ["study/a-1", "study/b-1"]
    assert owned.service.runs.resolve("b-1") == run
    owned.run()
    assert owned.names() == ["study/forest-1", "study/forest-2"]
    assert owned.service.curation.rename_runs("forest", [run]).names == ["study/forest-1"]


def test_a_moved_run_takes_the_next_number_there_and_its_old_place_still_leads_to_it(
    owned: OwnedStore,
) -> None:
    runs = [owned.run(experiment="a"), owned.run(experiment="a"), owned.run(experiment="b")]
    done = owned.service.curation.move("b", filter="", experiment="a")
    assert (done.former, done.names) == (["a/forest-1", "a/forest-2"], ["b/forest-2", "b/forest-3"])
    assert owned.service.runs.resolve("a/forest-1") == runs[0]
    assert owned.service.runs.resolve("forest-1", "a") == runs[0]
    assert owned.service.runs.resolve("forest-1", "b") == runs[2]
    assert owned.service.runs.search(experiment="a").total == 0
    owned.run(experiment="a")
    assert "a/forest-3" in owned.names()


def test_several_runs_are_renamed_all_or_none(owned: OwnedStore) -> None:
    owned.run()
    owned.run()
    with pytest.raises(NotFound):
        owned.service.curation.rename_runs("x", ["forest-1", "forest-9"])
    with pytest.raises(NotFound):
        owned.service.curation.move("other", ["forest-1", "forest-9"])
    with pytest.raises(NotFound, match="No run fits number = 7: nothing was changed"):
        owned.service.curation.tag({"a": "b"}, filter="number = 7")
    assert owned.names() == ["study/forest-1", "study/forest-2"]
    assert owned.decisions() == []


@pytest.mark.parametrize("name", ["", " a", "a\nb", "a\0", "a/b", "x" * 501, "a\u2028b", "a\x7f", "\ud800"])
def test_a_name_that_cannot_be_one_is_refused_in_one_sentence(owned: OwnedStore, name: str) -> None:
    run = owned.run()
    owned.register(run)
    curation = owned.service.curation
    asked: list[Callable[[], object]] = [
        lambda: curation.rename_runs(name, [run]),
        lambda: curation.move(name, [run]),
        lambda: curation.rename_experiment("study", name),
        lambda: curation.rename_model("churn", name),
    ]
    if "/" not in name:  # which a tag may have
        asked.append(lambda: curation.tag({name: "x"}, [run]))
    for ask in asked:
        with pytest.raises(InvalidInput, match=r"^.* cannot be the name of an? \w+: .*\.$") as caught:
            ask()
        assert "\n" not in str(caught.value)
    assert owned.names() == ["study/forest-1"]


def test_which_runs_are_meant_is_said_in_one_way(owned: OwnedStore) -> None:
    owned.run()
    for how in ({}, {"runs": ["forest-1"], "filter": "x = 1"}, {"filter": ""}):
        with pytest.raises(InvalidInput, match="Name the runs"):
            owned.service.curation.pin(**how)  # type: ignore[arg-type]


def test_records_that_still_arrive_do_not_undo_a_rename(owned: OwnedStore) -> None:
    run = owned.run(end=False)
    owned.service.curation.rename_runs("chosen", [run])
    owned.service.curation.move("final", [run])
    owned.service.curation.tag({"stage": "kept"}, [run])
    owned.service.curation.note("While it runs.", [run])
    owned.service.curation.pin(True, [run])
    with owned.store.transaction():
        begun = records.RunStarted(
            run=run, time=time.time_ns(), name="forest", experiment="study", process=owned.process
        )
        owned.store.runs.start(begun)  # as a journal that is read twice would
        owned.store.runs.resume(run, new_id())
        owned.store.runs.set_tags(run, {"late": "1"})
        owned.store.runs.end(records.RunEnded(run=run, time=time.time_ns(), duration=1.0, status="finished"))
    detail = owned.service.runs.get(run)
    assert (detail.row.experiment, detail.row.name, detail.row.pinned) == ("final", "chosen-1", True)
    assert detail.row.tags == {"stage": "kept", "late": "1"}
    assert detail.notes == ["While it runs."]
    assert owned.service.runs.outcome(run).name == "chosen-1"


def test_a_renamed_experiment_keeps_the_numbers_of_its_runs(owned: OwnedStore) -> None:
    runs = [owned.run(name, "scratch") for name in ("forest", "forest", "logistic")]
    owned.service.trash.delete(runs=[runs[1]])
    done = owned.service.curation.rename_experiment("scratch", "study")
    assert (done.former, done.names, done.runs) == (["scratch"], ["study"], 2)
    assert owned.names() == ["study/forest-1", "study/logistic-1"]
    assert owned.service.trash.undo().runs == ["study/forest-2"]
    assert owned.service.runs.resolve("scratch/forest-2") == runs[1]
    later = owned.run("forest", "scratch")  # a notebook that has not heard of it
    assert owned.service.runs.resolve("scratch/forest-3") == later
    assert owned.run("forest", "study") == owned.service.runs.resolve("study/forest-3")
    assert owned.decisions() == ["trash.filled", "experiment.renamed", "trash.restored"]


def test_names_are_completed_from_what_was_typed(owned: OwnedStore) -> None:
    for name, experiment in (("forest", "a"), ("forest", "b"), ("fox", "b"), ("fern", "a")):
        owned.run(name, experiment)
    owned.service.trash.delete(runs=["fern-1"])
    complete = owned.service.runs.complete
    assert complete("fo", "a") == ["forest-1", "fox-1"]
    assert complete("b/f", "a") == ["b/fox-1", "b/forest-1"]
    assert complete("", "a") == ["forest-1", "b/fox-1", "b/forest-1"]
    assert complete("fo") == ["fox-1", "forest-1"]
    assert complete("f", "a", trash=True) == ["fern-1"]
    assert owned.service.runs.names()["experiments"] == ["a", "b"]


def test_an_experiment_that_gets_its_name_back_is_as_it_was(owned: OwnedStore) -> None:
    for _ in range(3):
        owned.run(experiment="a")
    for before, after in (("a", "b"), ("b", "a")):
        owned.service.curation.rename_experiment(before, after)
    owned.run(experiment="a")
    assert owned.names() == ["a/forest-1", "a/forest-2", "a/forest-3", "a/forest-4"]
    owned.run(experiment="b")
    assert owned.names()[-1] == "b/forest-4"


def test_an_experiment_is_not_renamed_onto_another(owned: OwnedStore) -> None:
    owned.run(experiment="a")
    owned.run(experiment="b")
    curation = owned.service.curation
    with pytest.raises(Conflict, match=r"experiment b already, with 1 run; .* move --experiment a b"):
        curation.rename_experiment("a", "b")
    owned.service.trash.delete(everything=True, experiment="b")
    with pytest.raises(Conflict, match="b is in the trash"):
        curation.rename_experiment("a", "b")
    with pytest.raises(NotFound, match="no experiment c; there is a"):
        curation.rename_experiment("c", "d")
    owned.service.retention.collect(trash_days=0).result()
    curation.rename_experiment("a", "b")  # the name is free, the number 1 is not
    assert owned.names() == ["b/forest-2"]
    with pytest.raises(NotFound, match="b/forest-1 was deleted for good"):
        owned.service.runs.resolve("forest-1", "b")


def test_a_renamed_model_keeps_versions_aliases_and_its_old_citations(owned: OwnedStore) -> None:
    run = owned.run()
    owned.register(run)
    owned.register(run, alias="champion")
    done = owned.service.curation.rename_model("churn", "risk")
    assert (done.former, done.names) == (["churn"], ["risk"])
    assert [model.name for model in owned.service.models.list()] == ["risk"]
    for citation in ("risk/2", "churn/2", "churn@champion", "churn"):
        version = owned.service.models.get(citation)
        assert (version.model, version.version) == ("risk", 2)
    assert owned.register(run, "risk").version == 3
    with pytest.raises(NotFound, match="The model risk has no version 4"):
        owned.service.models.get("risk/4")
    fresh = owned.register(run, "churn")  # the name is free, its numbers go on
    assert (fresh.model, fresh.version) == ("churn", 3)
    assert owned.service.models.get("churn/2").model == "risk"
    assert owned.service.models.get("churn").model == "churn"


def test_a_model_is_renamed_to_what_it_was_called_but_not_to_another_ones_name(owned: OwnedStore) -> None:
    run = owned.run()
    owned.register(run)
    owned.register(run, "other")
    curation = owned.service.curation
    with pytest.raises(Conflict, match="There is a model other already; churn keeps its name"):
        curation.rename_model("churn", "other")
    with pytest.raises(InvalidInput, match="with all its versions"):
        curation.rename_model("churn/1", "x")
    curation.rename_model("churn", "risk")
    curation.rename_model("risk", "churn")
    assert owned.register(run).version == 2
    assert owned.service.models.get("risk/1").model == "churn"
    curation.rename_model("churn", "risk")
    with pytest.raises(Conflict, match="had the name churn; other keeps its name"):
        curation.rename_model("other", "churn")
    owned.service.trash.delete(model="other")
    owned.service.retention.collect(trash_days=0).result()
    with pytest.raises(Conflict, match="had the name other"):
        curation.rename_model("risk", "other")


def test_a_version_is_known_elsewhere_by_the_name_under_which_it_was_given(owned: OwnedStore) -> None:
    run = owned.run()
    owned.register(run)
    owned.service.curation.rename_model("churn", "risk")
    owned.register(run, "risk")
    owned.service.curation.rename_model("risk", "hazard")
    assert [owned.store.curation.given_name("hazard", number) for number in (1, 2)] == ["churn", "risk"]
    owned.service.trash.delete(model="hazard")
    owned.service.retention.collect(trash_days=0).result()
    for name in ("churn/1", "risk/2"):
        assert owned.store.trash.is_entombed("model_version", f"{owned.store.identity}/{name}")
    with pytest.raises(NotFound):
        owned.service.models.get("churn/1")


def test_tags_of_runs_models_and_versions(owned: OwnedStore) -> None:
    run = owned.run()
    owned.register(run, alias="champion")
    curation = owned.service.curation
    curation.tag({"stage": "new", "a/b": ""}, [run])
    curation.tag({"stage": " final "}, [run])
    assert owned.service.runs.get(run).row.tags == {"stage": "final", "a/b": ""}
    assert owned.service.runs.select("tags.stage = 'final'", None) == [run]
    assert curation.untag(["stage", "no"], [run]).names == ["study/forest-1"]
    assert owned.service.runs.get(run).row.tags == {"a/b": ""}
    assert owned.service.runs.select("tags.stage is null", None) == [run]
    with pytest.raises(NotFound, match="no tag stage on study/forest-1; it has a/b"):
        curation.untag(["stage"], [run])
    assert curation.tag({"team": "x"}, model="churn").names == ["churn"]
    assert curation.tag({"fit": "y"}, model="churn@champion").names == ["churn/1"]
    (model,) = owned.service.models.list()
    assert (model.tags, model.versions[0].tags) == ({"team": "x"}, {"fit": "y"})
    curation.untag(["team"], model="churn")
    with pytest.raises(NotFound, match="no tag fit on churn"):
        curation.untag(["fit"], model="churn")
    assert owned.service.models.list()[0].tags == {}
    with pytest.raises(InvalidInput, match="not both"):
        curation.tag({"a": ""}, [run], model="churn")
    with pytest.raises(InvalidInput, match="NUL"):
        curation.tag({"a": "\0"}, [run])


def test_tags_beyond_the_columns_are_removed_too(owned: OwnedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("names", "runs"):
        monkeypatch.setattr(f"nbtrack.store.{module}.WIDE", 1)
    run = owned.run()
    owned.service.curation.tag({"a": "1", "b": "2"}, [run])
    assert owned.service.runs.get(run).row.tags == {"a": "1", "b": "2"}
    owned.service.curation.untag(["a", "b"], [run])
    assert owned.service.runs.get(run).row.tags == {}
    assert owned.store.connection.execute("SELECT count(*) FROM rare_values").fetchall() == [(0,)]


def test_notes_are_added_replaced_removed_and_found(owned: OwnedStore) -> None:
    run = owned.run()
    curation = owned.service.curation
    for text in ("first", "second\nline", "third"):
        curation.note(text, [run])
    curation.note("better", [run], number=1)
    curation.note("", [run], number=2)
    curation.note("fourth", [run])
    assert owned.service.runs.get(run).notes == ["better", "third", "fourth"]
    with owned.store.transaction():
        owned.store.search.index(100)
    assert [hit.run for hit in owned.service.search.cells("better").hits] == ["forest-1"]
    assert owned.service.search.cells("second").hits == []
    for number in (0, 4):
        with pytest.raises(NotFound, match=f"has no note {number}; it has 3"):
            curation.note("x", [run], number=number)
    for text, says in (("  ", "needs a text"), ("a\0", "NUL"), ("x" * 20_001, "20,000 characters at most")):
        with pytest.raises(InvalidInput, match=says):
            curation.note(text, [run])


def test_models_and_versions_are_described(owned: OwnedStore) -> None:
    owned.register(owned.run())
    owned.service.curation.describe("churn", "Who leaves?")
    owned.service.curation.describe("churn/1", "The first.")
    (model,) = owned.service.models.list()
    assert (model.description, model.versions[0].description) == ("Who leaves?", "The first.")
    owned.service.curation.describe("churn", "")
    assert owned.service.models.list()[0].description == ""


def test_a_pinned_run_is_safe_from_a_delete_until_it_is_unpinned(owned: OwnedStore) -> None:
    run = owned.run()
    owned.service.curation.pin(True, ["forest-1"])
    since = owned.store.connection.execute("SELECT pinned FROM runs").fetchall()
    owned.service.curation.pin(True, ["forest-1"])
    assert owned.store.connection.execute("SELECT pinned FROM runs").fetchall() == since
    assert owned.service.runs.select("pinned", None) == [run]
    assert [row.pinned for row in owned.service.runs.search().runs] == [True]
    with pytest.raises(Conflict, match="pinned"):
        owned.service.trash.delete(runs=[run])
    owned.service.curation.pin(False, [run])
    owned.service.trash.delete(runs=[run])


def test_each_change_of_a_name_is_in_the_audit_chain(
    owned: OwnedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nbtrack.service.curation._OF_A_LINE", 2)
    for _ in range(3):
        owned.run()
    owned.service.curation.rename_runs("x", filter="", experiment="study")
    before, pairs = GENESIS, []
    for sequence, moment, actor, decision, detail, digest in owned.store.audit.lines():
        assert digest == line_digest(before, sequence, moment, actor, decision, detail)
        pairs += json.loads(detail)["runs"]
        before = digest
    assert pairs == [[f"study/forest-{number}", f"study/x-{number}"] for number in (1, 2, 3)]


class Here:
    """Asks the service of a store in this process, by the way of the wire's plain values."""

    def __init__(self, owned: OwnedStore) -> None:
        self._service = owned.service

    def call(self, operation: str, /, **arguments: object) -> object:
        return to_plain(dispatch(self._service, operation, arguments))

    def ask(self, operation: str, /, **arguments: object) -> object:
        return to_entity(operation, self.call(operation, **arguments))


def test_runs_and_models_are_curated_in_python(owned: OwnedStore) -> None:
    for _ in range(3):
        owned.run()
    runs, models = Runs(Here(owned), "study"), Models(Here(owned), "study")
    run = runs.get("forest-1")
    run.rename("baseline")
    run.move("final")
    run.tag("good", stage=2)
    run.note("one")
    run.note("two", replace=1)
    run.pin()
    detail = run.detail
    assert (detail.row.experiment, run.name, run.notes, detail.row.pinned) == (
        "final",
        "baseline-1",
        ["two"],
        True,
    )
    assert run.tags == {"good": "", "stage": "2"}
    assert detail.former == ["study/baseline-1", "study/forest-1"]
    run.untag("good")
    run.unpin()
    assert (run.tags, run.detail.row.pinned) == ({"stage": "2"}, False)
    assert runs.tag(filter="number > 1", tags={"late": True}).names == ["study/forest-2", "study/forest-3"]
    assert runs.untag("forest-2", tags=["late"]).names == ["study/forest-2"]
    assert runs.rename("forest-2", to="x").names == ["study/x-1"]
    assert runs.move("x-1", to="final").names == ["final/x-1"]
    assert (
        runs.note("x-1", text="n").names == runs.pin("x-1").names == runs.unpin("x-1").names == ["final/x-1"]
    )
    owned.register(run.id)
    models.rename("churn", "risk")
    models.tag("risk/1", "ok", by="me")
    models.untag("risk/1", "ok")
    models.describe("churn", "Who leaves?")
    assert models.get("churn/1").detail.tags == {"by": "me"}
    assert models.list()[0].description == "Who leaves?"


@pytest.mark.parametrize("seed", range(5))
def test_no_citation_ever_means_another_run(owned: OwnedStore, seed: int) -> None:
    """After every decision each name that any run ever had means that run, or nothing once it is gone."""
    chance, curation = random.Random(seed), owned.service.curation
    experiments, words = ("a", "b", "c"), ("x", "y", "x-1")
    cited: dict[str, str] = {}
    for _ in range(60):
        rows = owned.service.runs.search().runs
        some = [row.id for row in rows if chance.random() < 0.3] or None
        match chance.choice(["run", "run", "rename", "move", "experiment", "delete", "undo", "gc"]):
            case "run":
                owned.run(chance.choice(words), chance.choice(experiments))
            case "rename" if some:
                curation.rename_runs(chance.choice(words), some)
            case "move" if some:
                curation.move(chance.choice(experiments), some)
            case "experiment" if rows:
                before, after = chance.choice(rows).experiment, chance.choice(experiments)
                with contextlib.suppress(Conflict):
                    curation.rename_experiment(before, after)
            case "delete" if some:
                owned.service.trash.delete(runs=some[:1])
            case "undo" if owned.service.trash.content().deletions:
                owned.service.trash.undo()
            case "gc":
                owned.service.retention.collect(trash_days=0).result()
        rows = owned.service.runs.search().runs
        for row in rows:
            assert cited.setdefault(f"{row.experiment}/{row.name}", row.id) == row.id
        alive = {row.id for row in rows}
        for citation, run in cited.items():
            if run in alive:
                assert owned.service.runs.resolve(citation) == run
            else:
                with pytest.raises(NotFound):
                    owned.service.runs.resolve(citation)
    assert owned.store.connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_names_given_here_survive_merging_and_no_number_means_two_runs(tmp_path: Path) -> None:
    """Both stores rename, move, delete and go on recording between merges of the one into the other."""
    laptop, desk = SharedStore(tmp_path, "laptop"), SharedStore(tmp_path, "desk")
    chance, cited = random.Random(7), dict[str, str]()
    for step in range(25):
        here = chance.choice([laptop, desk])
        for _ in range(2):
            here.run(chance.choice(["x", "y"]), chance.choice("ab"))
        for store in (laptop, desk):
            rows = store.service.runs.search().runs
            some = [row.id for row in rows if chance.random() < 0.2]
            if some:
                match chance.choice(["rename", "move", "experiment", "delete"]):
                    case "rename":
                        store.service.curation.rename_runs(chance.choice(["x", "z"]), some)
                    case "move":
                        store.service.curation.move(chance.choice("abc"), some)
                    case "experiment":
                        with contextlib.suppress(Conflict):
                            store.service.curation.rename_experiment(
                                rows[0].experiment, chance.choice(["a", "b", f"e{step}"])
                            )
                    case "delete":
                        store.delete(some[0])
        before = {row.id: (row.experiment, row.name) for row in desk.service.runs.search().runs}
        desk.merge(laptop)
        after = {row.id: (row.experiment, row.name) for row in desk.service.runs.search().runs}
        assert {run: after.get(run) for run in before} == before
        for run, (experiment, name) in after.items():
            assert cited.setdefault(f"{experiment}/{name}", run) == run
            assert desk.service.runs.resolve(f"{experiment}/{name}") == run
    assert len(cited) > 30
    laptop.store.close()
    desk.store.close()
