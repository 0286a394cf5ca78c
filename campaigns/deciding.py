"""What people decide and ask, as steps of hypothesis beside the same model: names, trash, collecting, search, models."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from campaigns.recording import EXPERIMENTS, KEYS, NAMES, TEXTS, Recording, Run
from nbtrack.entities import records
from nbtrack.entities.ids import new_id
from nbtrack.errors import Conflict, NbtrackError, NotFound
from nbtrack.store.blobs import digest_of

SAID = TEXTS.filter(lambda text: "\0" not in text)
"""What a person may say; it is stored without white space at its ends."""

MODELS = st.sampled_from(["churn", "fraud"])
MODEL = "the model"
"""The name of the model file that a run may have."""


@dataclass(slots=True)
class Version:
    """A version of a registered model, as the model of the store has it."""

    model: str
    number: int
    run: Run
    trashed: bool = False

    @property
    def label(self) -> str:
        """What it is called."""
        return f"{self.model}/{self.number}"


@dataclass(slots=True)
class Deletion:
    """What one decision has moved to the trash."""

    runs: list[Run] = field(default_factory=list)
    versions: list[Version] = field(default_factory=list)


@contextmanager
def refused(kind: type[NbtrackError], why: str) -> Iterator[None]:
    """A decision that must not be taken."""
    try:
        yield
    except kind:
        return
    raise AssertionError(f"{why}, and it was decided all the same")


class Machine(Recording):
    """Steps of people on what was recorded."""

    def __init__(self) -> None:
        self.deletions: list[Deletion] = []
        self.versions: list[Version] = []
        self.given: dict[str, int] = {}
        self.exported: str | None = None
        super().__init__()

    @rule(data=st.data(), name=NAMES)
    def rename(self, data: st.DataObject, name: str) -> None:
        """Give a run, which may be running, another name."""
        if run := self.some(data):
            self.ask("curation.rename_runs", name=name, runs=[run.label])
            self.relabel(run, run.experiment, name)

    @rule(data=st.data(), experiment=EXPERIMENTS)
    def move(self, data: st.DataObject, experiment: str) -> None:
        """Put a run into another experiment."""
        if run := self.some(data):
            self.ask("curation.move", to=experiment, runs=[run.id])
            self.relabel(run, experiment, run.name)

    def relabel(self, run: Run, experiment: str, name: str) -> None:
        """A run that was called so before gets its number back."""
        if (experiment, name) not in run.numbers:
            run.numbers[experiment, name] = self.next_number(experiment, name)
        run.experiment, run.name = experiment, name

    @rule(before=EXPERIMENTS, after=EXPERIMENTS)
    def rename_experiment(self, before: str, after: str) -> None:
        """Call an experiment by a name that none has now; numbers under it go on where they were."""
        there = [run for run in self.runs.values() if run.experiment == before]
        if not there:
            with refused(NotFound, f"there is no experiment {before}"):
                self.ask("curation.rename_experiment", experiment=before, name=after)
            return
        if before == after:
            return
        if any(run.experiment == after for run in self.runs.values()):
            with refused(Conflict, f"there is an experiment {after}"):
                self.ask("curation.rename_experiment", experiment=before, name=after)
            return
        self.ask("curation.rename_experiment", experiment=before, name=after)
        last = dict(self.last)
        for run in there:
            key = after, run.name
            if key not in run.numbers:
                run.numbers[key] = last.get(key, 0) + run.number
            run.experiment = after
            self.last[key] = max(self.last.get(key, 0), run.numbers[key])

    @rule(data=st.data(), what=st.sampled_from(["tag", "untag", "note", "pin"]), name=KEYS, text=SAID)
    def curate(self, data: st.DataObject, what: str, name: str, text: str) -> None:
        """Say something about a run, or take it back."""
        run = self.some(data)
        if run is None:
            return
        if what == "tag":
            self.ask("curation.tag", tags={name: text}, runs=[run.id])
            run.tags[name] = text.strip()
        elif what == "untag" and name not in run.tags:
            with refused(NotFound, f"{run.label} has no tag {name}"):
                self.ask("curation.untag", tags=[name], runs=[run.id])
        elif what == "untag":
            self.ask("curation.untag", tags=[name], runs=[run.id])
            del run.tags[name]
            self.exported = (
                None  # a word that was taken back only after it was exported may come again with it
            )
        elif what == "pin":
            run.pinned = data.draw(st.booleans())
            self.ask("curation.pin", pinned=run.pinned, runs=[run.id])
        elif run.notes:
            number = data.draw(st.integers(1, len(run.notes)))
            note = data.draw(st.sampled_from(["", f"{self.word()} {text}".strip()]))
            self.ask("curation.note", text=note, number=number, runs=[run.label])
            run.notes[number - 1 : number] = [note] if note else []
            self.exported = None

    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        """Move a run to the trash; one that is running, pinned, or where a registered model came from stays."""
        run = self.some(data)
        if run is None:
            return
        registered = any(version.run is run and not version.trashed for version in self.versions)
        if run.status == "running" or run.pinned or registered:
            with refused(Conflict, f"{run.label} is running, pinned or registered"):
                self.ask("trash.delete", runs=[run.id])
            return
        self.ask("trash.delete", runs=[run.label])
        run.trashed = True
        self.deletions.append(Deletion(runs=[run]))

    @rule()
    def undo(self) -> None:
        """Take the last deletion back, with the runs that a version among it came from."""
        if not self.deletions:
            with refused(NotFound, "the trash is empty"):
                self.ask("trash.undo")
            return
        self.ask("trash.undo")
        last = self.deletions.pop()
        for version in last.versions:
            version.trashed = False
        for run in [*last.runs, *(version.run for version in last.versions)]:
            self.back(run)

    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        """Take one run back."""
        if run := self.some(data, trashed=True):
            self.ask("trash.restore", runs=[run.label])
            self.back(run)

    def back(self, run: Run) -> None:
        """A run is out of the trash."""
        run.trashed = False
        for deletion in self.deletions:
            deletion.runs = [other for other in deletion.runs if other is not run]
        self.deletions = [deletion for deletion in self.deletions if deletion.runs or deletion.versions]

    @rule(grace=st.sampled_from([0, 14]))
    def collect(self, grace: int) -> None:
        """Empty the trash for good."""
        self.ask("retention.collect", trash_days=0, grace_days=grace)
        for deletion in self.deletions:
            for run in deletion.runs:
                del self.runs[run.id]
        self.versions = [version for version in self.versions if not version.trashed]
        self.deletions.clear()

    @rule()
    def export(self) -> None:
        """Write all that has ended to a bundle; the one before is replaced."""
        bundle = str(self.place.with_suffix(".bundle"))
        if not any(run.status != "running" and not run.trashed for run in self.runs.values()):
            return
        made = self.ask("bundles.write", path=bundle, everything=True, force=True)
        self.exported = made.path

    @precondition(lambda self: self.exported is not None)
    @rule()
    def merge(self) -> None:
        """Merge what was exported, however long ago: the store has it, or has deleted it since."""
        done = self.ask("merging.merge", path=self.exported)
        assert (done.added, done.versions, done.renamed) == (0, 0, {}), done

    @rule(data=st.data())
    def save_model(self, data: st.DataObject) -> None:
        """Save a model with a run."""
        run = self.some(data, running=True)
        if run is None or MODEL in run.artifacts:
            return
        content = f"model of {run.id}".encode()
        name = f"{new_id()}.model"
        (self.store / "incoming" / name).write_bytes(content)
        self.writer.append(
            records.ArtifactSaved(
                run=run.id, time=1, name=MODEL, kind="model", format="pickle", size=len(content), file=name
            )
        )
        run.artifacts[MODEL] = digest_of(content)

    @precondition(lambda self: self.converts)
    @rule(data=st.data(), model=MODELS)
    def register(self, data: st.DataObject, model: str) -> None:
        """Register a model; its number is new."""
        run = self.some(data)
        if run is None:
            return
        if MODEL not in run.artifacts:
            with refused(NotFound, f"{run.label} has no model"):
                self.ask("models.register", run=run.id, name=model)
            return
        made = self.ask("models.register", run=run.label, name=model, alias="newest")
        self.given[model] = self.given.get(model, 0) + 1
        assert (made.model, made.version, made.aliases) == (model, self.given[model], ["newest"]), made
        self.versions.append(Version(model, self.given[model], run))

    @rule(data=st.data())
    def delete_version(self, data: st.DataObject) -> None:
        """Move a version to the trash."""
        there = [version for version in self.versions if not version.trashed]
        if there:
            version = data.draw(st.sampled_from(there))
            self.ask("trash.delete", model=version.label)
            version.trashed = True
            self.deletions.append(Deletion(versions=[version]))

    @rule(data=st.data())
    def find(self, data: st.DataObject) -> None:
        """Find a run by a word of its notes or cells: it alone has it."""
        run = self.some(data)
        if run is None or not (texts := [*run.notes, *run.cells]):
            return
        word = data.draw(st.sampled_from(texts)).split()[0]
        found = self.ask("search.cells", text=word)
        if not found.waiting:
            assert [hit.run_id for hit in found.hits] == [run.id], (word, run.label, found.hits)

    @rule(data=st.data())
    def look_at_one(self, data: st.DataObject) -> None:
        """Compare one run with the model, points and files too, by any name that it ever had."""
        if run := self.some(data):
            self.compare_whole(run, data.draw(st.sampled_from([run.id, *run.labels])))

    def compare_whole(self, run: Run, name: str) -> None:
        """Compare a run, by one of its names, with the model."""
        detail = self.ask("runs.get", run=name)
        assert detail.row.id == run.id, (run.label, detail.row)
        self.compare(run, detail.row)
        assert detail.notes == run.notes, (run.label, detail.notes, run.notes)
        assert {item.name: item.digest for item in detail.artifacts} == run.artifacts, run.label
        assert [cell.source for cell in detail.cells] == run.cells, (run.label, detail.cells)
        for name, points in run.series.items():
            found = self.ask("runs.metric", run=run.id, name=name)
            told = list(zip(found.steps, map(repr, found.values), strict=True))
            assert told == points, (run.label, name, told[-3:], points[-3:])

    def look_once_more(self) -> None:
        """Compare all of the store with the model."""
        self.look_at_all()
        for run in self.runs.values():
            if not run.trashed:
                self.compare_whole(run, run.id)

    @rule()
    def look_at_all(self) -> None:
        """Compare the table of runs, the registered models and the trash with the model."""
        rows = {row.id: row for row in self.ask("runs.search", filter="", limit=1000).runs}
        wanted = {run.id: run for run in self.runs.values() if not run.trashed}
        assert rows.keys() == wanted.keys(), (len(rows), [run.label for run in wanted.values()])
        for id, run in wanted.items():
            self.compare(run, rows[id])
        versions = {
            f"{version.model}/{version.version}": version.run_id
            for model in self.ask("models.list")
            for version in model.versions
        }
        assert versions == {each.label: each.run.id for each in self.versions if not each.trashed}, versions
        trash = [(sorted(each.runs), each.versions) for each in self.ask("trash.content").deletions]
        assert trash == [
            (sorted(run.label for run in each.runs), [version.label for version in each.versions])
            for each in reversed(self.deletions)
        ], trash

    def compare(self, run: Run, row: Any) -> None:
        """Compare a row with the model."""
        found = {
            "label": f"{row.experiment}/{row.name}",
            "status": str(row.status),
            "params": {name: repr(value) for name, value in row.params.items()},
            "metrics": {name: repr(float(value)) for name, value in row.metrics.items()},
            "tags": row.tags,
        }
        assert found == run.held(), (found, run.held())
