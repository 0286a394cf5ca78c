"""Full-text search: what is found, where it is marked, and what costs nothing or vanishes."""

from __future__ import annotations

import time
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbtrack.entities import records
from nbtrack.entities.ids import new_id
from nbtrack.entities.search import Hit, Place
from nbtrack.errors import InvalidInput
from nbtrack.service import Service, open_service
from nbtrack.store.database import Store
from nbtrack.store.location import create_store
from nbtrack.store.search_text import match_of, passages, prepared


class Cells:
    """A store, and cells that were executed in it."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(create_store(folder / ".nbtrack"))
        self.service: Service = open_service(self.store, "test")
        self.moment = 1_800_000_000_000_000_000

    def run(self, name: str = "forest", experiment: str = "study", notebook: str | None = "a.ipynb") -> str:
        run = new_id()
        self.moment += 10**9
        with self.store.transaction():
            self.store.runs.start(
                records.RunStarted(
                    run=run,
                    time=self.moment,
                    name=name,
                    experiment=experiment,
                    process="p",
                    notebook=notebook,
                )
            )
        return run

    def execute(
        self, source: str, run: str | None = None, notebook: str = "a.ipynb", outputs: list[Any] | None = None
    ) -> str:
        execution = new_id()
        self.moment += 10**9
        with self.store.transaction():
            self.store.executions.add(
                records.CellExecuted(
                    execution=execution, process="p", time=self.moment, source=source, duration=0.1, outcome="ok",
                    run=run, notebook=notebook, cell_id="c", execution_count=7,
                ),
                outputs or [],
            )  # fmt: skip
        return execution

    def note(self, run: str, text: str) -> None:
        with self.store.transaction():
            self.store.runs.add_note(run, text)

    def find(self, text: str, **how: Any) -> list[Hit]:
        while self.service.intake.catch_up():
            pass
        return self.service.search.cells(text, **how).hits

    def count(self, table: str) -> int:
        (count,) = next(self.store.connection.execute(f"SELECT count(*) FROM {table}"))
        return int(count)


@pytest.fixture
def cells(tmp_path: Path) -> Iterator[Cells]:
    opened = Cells(tmp_path)
    yield opened
    opened.store.close()


def stream(text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stdout", "text": text}


def test_a_cell_is_found_with_its_run_and_moment(cells: Cells) -> None:
    run = cells.run()
    execution = cells.execute("import torch\nloss = FocalLoss(gamma=2)  # focal loss\nfit(loss)", run)
    cells.execute("something else", run)
    (hit,) = cells.find('"focal loss"')
    assert (hit.run, hit.experiment, hit.notebook, hit.execution) == (
        "forest-1",
        "study",
        "a.ipynb",
        execution,
    )
    assert (hit.execution_count, hit.cell_id, hit.times) == (7, "c", 1)
    assert hit.moment == "2027-01-15T08:00:02.000Z"
    (passage,) = hit.passages
    assert passage.place is Place.SOURCE
    (line,) = passage.lines
    assert line.number == 2
    assert [line.text[first:last] for first, last in line.marks] == ["FocalLoss", "focal loss"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("focal loss", "abcd"),
        ('"focal loss"', "abc"),
        ("FocalLoss", "abc"),
        ("focal_loss", "abc"),
        ("focalloss", "a"),
        ('"= focalloss"', "a"),
        ("FOCALLOSS", "a"),
        ("loss focal", "abcd"),
        ('"loss focal"', "d"),
        ("foc*", "abcd"),
        ("foc", ""),
        ("Linear", "d"),
        ("nn.Linear", "d"),
        ("resnet50", "b"),
        ("resn*", "b"),
        ("lineär", "d"),
        ("", ""),
        ("?!", ""),
        ("🌲", ""),
        ("nothing of that kind", ""),
    ],
)
def test_words_phrases_and_beginnings(cells: Cells, text: str, found: str) -> None:
    sources = {
        "a": "criterion = FocalLoss()",
        "b": "focal_loss(ResNet50)",
        "c": "# the Focal Loss",
        "d": "nn.Linear(loss) # focal",
    }
    for name, source in sources.items():
        cells.execute(source, cells.run(name))
    assert {(hit.run or "")[0] for hit in cells.find(text)} == set(found)


def test_outputs_errors_and_notes_are_found_each_in_its_place(cells: Cells) -> None:
    run = cells.run()
    cells.execute(
        "fit()",
        run,
        outputs=[
            stream("epoch 3: \x1b[31mdiverged\x1b[0m\rdone"),
            {"output_type": "display_data", "data": {"text/plain": ["Wobbly", "Tree()"], "text/html": "<b>hidden</b>",
                                                    "image/png": "aGVsbG8="}, "metadata": {}},
            {"output_type": "error", "ename": "ValueError", "evalue": "x",
             "traceback": ["\x1b[0;31mValueError\x1b[0m", "Input contains \x1b[1mNaN\x1b[0m"]},
        ],
    )  # fmt: skip
    cells.note(run, "The labels were shuffled by mistake.")
    assert [hit.passages[0].place for hit in cells.find("diverged")] == ["output"]
    assert [hit.passages[0].lines[0].text for hit in cells.find('"epoch 3" done')] == ["epoch 3: diverged"]
    assert [hit.passages[0].place for hit in cells.find("wobbly tree")] == ["output"]
    (error,) = cells.find('"contains nan"')
    assert [(p.place, p.lines[0].text) for p in error.passages] == [("error", "Input contains NaN")]
    assert cells.find("hidden") == cells.find("aGVsbG8") == []
    (note,) = cells.find("shuffled")
    assert (note.run, note.execution, note.passages[0].place) == ("forest-1", None, "note")
    assert cells.find("shuffled", within="source") == []
    assert cells.find("shuffled", within="note") == [note]
    cells.note(run, "It was unlucky.")
    assert len(cells.find("shuffled unlucky")) == 1


def test_a_cell_that_is_found_twice_is_one_hit(cells: Cells) -> None:
    cells.execute("print('gamma')", cells.run(), outputs=[stream("gamma\n")])
    (hit,) = cells.find("gamma")
    assert {passage.place for passage in hit.passages} == {"source", "output"}


def test_the_traceback_of_a_script_is_found(cells: Cells) -> None:
    run = cells.run(notebook=None)
    with cells.store.transaction():
        cells.store.runs.end(
            records.RunEnded(run=run, time=1, duration=1.0, status="failed", traceback="KeyError: 'zebra'")
        )
    assert [(hit.run, hit.passages[0].place) for hit in cells.find("zebra")] == [("forest-1", "error")]


def test_an_unchanged_cell_costs_next_to_nothing_and_is_found_once(cells: Cells) -> None:
    run = cells.run()
    executions = [cells.execute("same(cell)", run, outputs=[stream("same")]) for _ in range(100)]
    (hit,) = cells.find("same cell")
    assert (hit.times, hit.execution) == (100, executions[-1])
    assert cells.count("search_pieces") == 2
    assert cells.count("search_waiting") == 0


def test_experiments_and_cells_outside_of_runs(cells: Cells) -> None:
    cells.execute("x = wanted", cells.run("one", "first", notebook="a.ipynb"), notebook="a.ipynb")
    cells.execute("y = wanted", cells.run("two", "second", notebook="b.ipynb"), notebook="b.ipynb")
    cells.execute("z = wanted", None, notebook="b.ipynb")
    assert {hit.run for hit in cells.find("wanted")} == {"one-1", "two-1", None}
    assert {hit.run for hit in cells.find("wanted", experiment="first")} == {"one-1"}
    assert {hit.run for hit in cells.find("wanted", experiment="second")} == {"two-1", None}


def test_best_first_and_no_more_than_asked_for(cells: Cells) -> None:
    cells.execute("pass", cells.run("printed"), outputs=[stream("kappa " + "word " * 50)])
    cells.execute("kappa()", cells.run("called"))
    assert [hit.run for hit in cells.find("kappa")] == ["called-1", "printed-1"]
    result = cells.service.search.cells("kappa", limit=1)
    assert [hit.run for hit in result.hits] == ["called-1"]
    assert result.more
    for how in ({"limit": 0}, {"within": "title"}):
        with pytest.raises(InvalidInput):
            cells.find("kappa", **how)


def test_what_is_in_the_trash_is_not_found_and_what_is_deleted_is_forgotten(cells: Cells) -> None:
    run, other = cells.run(), cells.run()
    cells.execute("shared(words)", run)
    cells.execute("shared(words)", other)
    cells.execute("secret(key)", run, outputs=[stream("secretive")])
    cells.note(run, "secretly")
    assert len(cells.find("secr*")) == 2
    with cells.store.transaction():
        cells.store.connection.execute("UPDATE runs SET deleted = 1 WHERE id = ?", (run,))
    assert cells.find("secr*") == []
    assert [hit.run for hit in cells.find("shared")] == ["forest-2"]
    with cells.store.transaction():
        cells.store.connection.execute("DELETE FROM executions WHERE run_id = ?", (run,))
        cells.store.connection.execute("DELETE FROM runs WHERE id = ?", (run,))
    assert [hit.times for hit in cells.find("shared")] == [1]
    assert cells.count("search_pieces") == cells.count("search_uses") == 1
    found = cells.store.connection.execute("SELECT rowid FROM search_words WHERE search_words MATCH 'secr*'")
    assert found.fetchall() == []


def test_what_was_there_before_the_search_is_indexed_in_slices(cells: Cells) -> None:
    for number in range(120):
        cells.execute(f"older({number})")
    answer = cells.service.search.cells("older")
    assert (answer.hits, answer.waiting) == ([], 120)
    assert cells.service.intake.catch_up() == 50
    assert cells.service.search.cells("older").waiting == 70
    assert len(cells.find("older", limit=200)) == 120


def test_a_text_that_cannot_be_read_costs_itself_alone(cells: Cells) -> None:
    cells.execute("lost = 1")
    cells.execute("kept = 1")
    with cells.store.transaction():
        cells.store.connection.execute(
            "DELETE FROM blobs WHERE digest = (SELECT source FROM executions ORDER BY started LIMIT 1)"
        )
    assert cells.find("lost") == []
    assert len(cells.find("kept")) == 1


def test_the_index_is_whole(cells: Cells) -> None:
    run = cells.run()
    for number in range(30):
        cells.execute(f"def f{number}(): return FocalLoss({number})", run, outputs=[stream(str(number))])
    cells.find("f")
    with cells.store.transaction():
        cells.store.connection.execute("DELETE FROM executions WHERE execution_count = 7 AND started % 2 = 0")
        cells.store.connection.execute("INSERT INTO search_words (search_words) VALUES ('integrity-check')")


@settings(max_examples=300, deadline=None)
@given(
    st.text(max_size=40)
    | st.lists(
        st.sampled_from(
            [
                '"',
                "*",
                "a",
                "Ab",
                "NOT",
                "OR",
                "(",
                ")",
                "{",
                "}",
                ":",
                "^",
                "+",
                "-",
                "NEAR",
                " ",
                "_",
                "\0",
                "\x1f",
                "\ud800",
            ]
        )
    ).map("".join)
)
def test_any_text_is_a_search(text: str) -> None:
    match = match_of(text.encode("utf-8", "backslashreplace").decode(), None)
    if match:
        passages({"source": "a NOT Ab"}, match)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.sampled_from('aB c_.\n"Lö🌲\x1b\x02'), min_size=1, max_size=60))
def test_marks_lie_inside_of_a_line_of_the_text(text: str) -> None:
    for word in text.split():
        match = match_of(f'"{word.replace(chr(34), " ")}"', None)
        for passage in passages({"source": text}, match) if match else []:
            for line in passage.lines:
                clean = text.replace("\x02", "").split("\n")[line.number - 1]
                assert line.text == clean
                assert all(0 <= first < last <= len(line.text) for first, last in line.marks)


def test_a_long_line_is_shown_around_the_place() -> None:
    (passage,) = passages({"output": "x " * 5_000 + "needle" + " y" * 5_000}, match_of("needle", None))
    (line,) = passage.lines
    assert len(line.text) < 170
    assert [line.text[first:last] for first, last in line.marks] == ["needle"]


def test_a_picture_inside_a_text_and_an_endless_log_are_not_words() -> None:
    assert "iVBOR" not in prepared("x = '" + "iVBOR" * 100 + "'")
    assert len(prepared("word " * 1_000_000)) <= 200_000


def test_filters_of_a_store_know_directions_and_patterns(cells: Cells) -> None:
    for name, losses in (("forest", (0.5, 0.1, 0.4)), ("oak", (0.3, 0.2, 0.2))):
        run = cells.run(name)
        with cells.store.transaction():
            cells.store.metrics.append(
                run, "loss", None, array("d", losses), array("q", [time.time_ns()] * 3)
            )
    runs = cells.service.runs
    assert [row.name for row in runs.search("best(loss) < 0.15").runs] == ["forest-1"]
    assert [row.name for row in runs.search("name matches '^o.k'", sort=["best(loss)"]).runs] == ["oak-1"]
    assert [row.name for row in runs.search(sort=["-best(loss)"]).runs] == ["oak-1", "forest-1"]
