"""Stale cells, and the verdict about a run, on sessions written by hand."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from nbtrack.analysis.cells import Cells, Document, document
from nbtrack.analysis.honesty import NOT_SAVED, verdict
from nbtrack.analysis.lineage import Graph
from nbtrack.analysis.sources import is_only_looking, loose_installs
from nbtrack.analysis.staleness import computing, stale_cells
from nbtrack.entities.graphs import Answer
from nbtrack.entities.lineage import Trace
from nbtrack.entities.runs import CellExecution

LATER = "2026-11-21T11:00:00.000Z"


class Session:
    """Executions one after the other; the notebook has the cells in the order of `order`."""

    def __init__(self, ids: bool = True) -> None:
        self.executed: list[tuple[CellExecution, Trace | None]] = []
        self.files: dict[str, bool] = {}
        self.ids = ids

    def run(
        self,
        cell: str,
        source: str,
        *,
        reads: str = "",
        writes: str = "",
        mutated: str = "",
        **fields: object,
    ) -> int:
        number = len(self.executed) + 1
        execution = CellExecution(
            id=f"e{number}", cell_id=cell if self.ids else None, execution_count=number, source=source,
            started=f"2026-11-21T10:{number:02}:00.000Z", duration=0.1, outcome="ok",
        )  # fmt: skip
        trace = Trace(reads=reads.split(), writes=writes.split(), mutated=mutated.split(), **fields)  # type: ignore[arg-type]
        self.executed.append((execution, trace))
        return number - 1

    def document(self, cells: Mapping[str, str], saved: str = LATER) -> Document:
        return Document([(name if self.ids else None, source) for name, source in cells.items()], saved)

    def stale(self, current: Document | None = None) -> dict[int | None, list[str]]:
        graph = Graph(self.executed)
        found = stale_cells(graph, Cells(graph.steps, current), self.files)
        return {cell.execution_count: cell.reasons for cell in found}

    def verdict(self, target: int, current: Document | None = None) -> dict[str, tuple[Answer, str]]:
        graph = Graph(self.executed)
        lines = verdict(graph, Cells(graph.steps, current), [target], self.files)
        return {line.question: (line.answer, line.reason) for line in lines}


def linear() -> Session:
    session = Session()
    session.run("a", "x = 1", writes="x", versions={"x": "v1"})
    session.run("b", "y = x", reads="x", writes="y")
    session.run("c", "print(y)", reads="y")
    return session


SOURCES = {"a": "x = 1", "b": "y = x", "c": "print(y)"}


def test_what_ran_from_top_to_bottom_is_not_stale() -> None:
    session = linear()
    assert session.stale() == {}
    assert session.stale(session.document(SOURCES)) == {}


def test_a_name_that_goes_on_below_makes_nothing_above_stale() -> None:
    session = Session()
    session.run("a", "df = load()", writes="df")
    session.run("b", "n = len(df)", reads="df", writes="n")
    session.run("c", "df = df.dropna()", reads="df", writes="df")
    session.run("d", "df.sort(inplace=True)", reads="df", mutated="df")
    assert session.stale() == {}


def test_a_cell_that_is_run_again_makes_its_readers_stale_and_theirs() -> None:
    session = linear()
    session.run("a", "x = 2", writes="x", versions={"x": "v2"})
    assert session.stale() == {
        2: ["x was changed by [4] after this cell ran"],
        3: ["y comes from [2], which is stale"],
    }


def test_a_cell_that_makes_the_same_again_makes_nothing_stale() -> None:
    session = linear()
    session.run("a", "x = 1", writes="x", versions={"x": "v1"})
    assert session.stale() == {}


def test_a_change_that_is_only_assumed_is_told_as_such() -> None:
    session = linear()
    session.run("a", "f(x)", reads="x", mutated="x", unsure={"x": "it was handed to code"})
    assert session.stale()[2] == ["x may have been changed by [4] after this cell ran"]


def test_what_libraries_draw_while_they_are_imported_needs_no_seed() -> None:
    session = Session()
    drawn = {"reads": "random:python", "mutated": "random:python"}
    session.run("a", "import lib", writes="lib", defined={"lib": "module"}, **drawn)
    target = session.run("b", "y = lib.f()", reads="lib", writes="y")
    assert session.verdict(target)["random numbers seeded"] == (Answer.OK, "it drew none")
    target = session.run("c", "z = random()", writes="z", **drawn)
    assert session.verdict(target)["random numbers seeded"][0] is Answer.NO


def test_a_seed_on_the_way_to_the_draw_counts_wherever_it_stands_in_its_cell() -> None:
    session = Session()
    session.run(
        "a", "import numpy as np", writes="np", versions={"random:numpy": "0"}, defined={"np": "module"}
    )
    drawn = {"reads": "random:numpy", "mutated": "random:numpy"}
    unseeded = session.run("b", "x = np.random.rand()", writes="x", **drawn)
    assert session.verdict(unseeded)["random numbers seeded"][0] is Answer.NO
    session.run("c", "f()\nnp.random.seed(0)", **drawn)
    seeded = session.run("b", "x = np.random.rand()", writes="x", **drawn)
    assert session.verdict(seeded)["random numbers seeded"] == (Answer.OK, "every draw follows a seed")


def test_a_cell_that_no_longer_makes_a_name_makes_its_readers_stale() -> None:
    session = linear()
    session.run("a", "z = 1", writes="z")
    assert session.stale()[2] == ["[4] no longer makes x, which this cell read"]


def test_a_new_cell_in_between_counts_where_the_notebook_is_known() -> None:
    session = linear()
    session.run("new", "x = 5", writes="x")
    between = {"a": "x = 1", "new": "x = 5", "b": "y = x", "c": "print(y)"}
    assert session.stale(session.document(between))[2] == ["x was changed by [4] after this cell ran"]
    assert session.stale(session.document({**SOURCES, "new": "x = 5"})) == {}


def test_edited_and_deleted_cells_are_seen_in_the_file_only_if_it_is_newer() -> None:
    session = linear()
    edited = {**SOURCES, "a": "x = 7"}
    assert session.stale(session.document(edited)) == {
        1: ["it was edited since it ran"],
        2: ["[1], which made x, was edited since it ran"],
        3: ["y comes from [2], which is stale"],
    }
    assert session.stale(session.document(edited, saved="2026-11-21T09:00:00.000Z")) == {}
    deleted = {"b": "y = x", "c": "print(y)"}
    assert session.stale(session.document(deleted))[2] == ["[1], which made x, was deleted"]


def test_a_source_that_was_redacted_is_not_taken_for_an_edit() -> None:
    session = Session()
    session.run("a", "key = '‹redacted: AWS key›'\nx = 1", writes="key x")
    assert session.stale(session.document({"a": "key = 'AKIA123'\nx = 1"})) == {}
    assert 1 in session.stale(session.document({"a": "key = 'AKIA123'\nx = 2"}))


def test_without_ids_cells_are_known_by_their_source() -> None:
    session = Session(ids=False)
    session.run("", "x = 1", writes="x")
    session.run("", "y = x", reads="x", writes="y")
    assert session.stale(session.document({"1": "x = 1", "2": "y = x"})) == {}
    assert list(session.stale(session.document({"1": "x = 1", "2": "y = x + 1"}))) == [2]


def test_a_front_end_with_ids_of_its_own_deletes_nothing() -> None:
    session = linear()
    other = Document([(f"file-{name}", source) for name, source in SOURCES.items()], LATER)
    assert session.stale(other) == {}


def test_a_changed_file_makes_its_readers_stale() -> None:
    session = Session()
    session.run("a", "df = read()", reads="file:/d/a.csv", writes="df")
    assert session.stale() == {}
    session.files = {"/d/a.csv": False}
    assert session.stale() == {1: ["a.csv was changed since it was read"]}
    session.files = {"/d/a.csv": True}
    assert session.stale() == {}


def test_a_cell_that_only_asks_nbtrack_is_never_stale() -> None:
    session = linear()
    session.run("d", "# what is y\n%track lineage y\n", reads="y")
    session.run("e", "%track start z\nprint(y)", reads="y")
    session.run("a", "x = 2", writes="x", versions={"x": "v2"})
    graph = Graph(session.executed)
    assert [graph.steps[place].execution.id for place in computing(graph, Cells(graph.steps, None))] == [
        "e2", "e3", "e5", "e6",
    ]  # fmt: skip
    assert session.stale().keys() == {2, 3, 5}


def test_random_numbers_and_options_make_nothing_stale() -> None:
    session = Session()
    session.run("a", "seed()", writes="random:numpy")
    session.run("b", "x = rand()", reads="random:numpy option:pandas", mutated="random:numpy", writes="x")
    session.run("a", "seed()", writes="random:numpy option:pandas")
    assert session.stale() == {}


def test_an_honest_run_is_told_so() -> None:
    session = linear()
    session.run("noise", "junk = 1", writes="junk")
    found = session.verdict(2, session.document({**SOURCES, "noise": "junk = 1"}))
    assert {answer for answer, _ in found.values()} == {Answer.OK}
    assert found["executed in order"][1] == "the 3 cells that it needs ran from top to bottom"


def test_without_the_notebook_its_part_is_not_known() -> None:
    found = linear().verdict(2)
    assert found["executed in order"][0] is Answer.UNKNOWN
    assert found["cells unchanged since"] == (Answer.UNKNOWN, NOT_SAVED)
    assert found["files unchanged since"] == (Answer.OK, "it read no file")


def test_a_run_out_of_order_is_told_so() -> None:
    session = linear()
    found = session.verdict(2, session.document({"b": "y = x", "a": "x = 1", "c": "print(y)"}))
    assert found["executed in order"] == (Answer.NO, "[1] stands below [2] and ran before it")


def test_a_cell_that_had_to_run_twice_is_told() -> None:
    session = Session()
    session.run("a", "x = 1", writes="x")
    session.run("b", "x += 1", reads="x", writes="x")
    last = session.run("b", "x += 1", reads="x", writes="x")
    found = session.verdict(last, session.document({"a": "x = 1", "b": "x += 1"}))
    assert found["executed in order"] == (Answer.NO, "it needs more than one execution of [2]")


def test_edited_and_deleted_cells_files_installs_and_draws_are_told() -> None:
    session = Session()
    session.run("i", "%pip install lightgbm numpy==2.1", effects=["install"])
    session.run(
        "a", "x = 1", reads="file:/d/a.csv file:/d/b.csv random:numpy", mutated="random:numpy", writes="x"
    )
    target = session.run("b", "y = x + unknown", reads="x unknown", writes="y")
    session.files = {"/d/a.csv": False}
    found = session.verdict(target, session.document({"i": "", "b": "y = x"}))
    assert found["cells unchanged since"] == (Answer.NO, "[3] was edited since")
    assert found["no names of deleted cells"] == (Answer.NO, "[2] was deleted since")
    assert found["files unchanged since"] == (Answer.NO, "a.csv changed since")
    assert found["installs name versions"] == (Answer.NO, "cells install lightgbm without a version")
    assert found["random numbers seeded"] == (Answer.NO, "it drew from numpy, which no cell had seeded")
    session.files = {"/d/a.csv": True}
    found = session.verdict(target, session.document({"i": "", "a": "x = 1", "b": "y = x + unknown"}))
    assert found["no names of deleted cells"] == (Answer.UNKNOWN, "no remembered cell made unknown")
    assert found["files unchanged since"] == (Answer.UNKNOWN, "nothing was noted of b.csv")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("%pip install a b==1.0 'c>=2' -q", ["a", "c>=2"]),
        ("!pip3 install -i https://host/x a==1 && echo done", []),
        *((f"%pip install --{kind}-url https://host/x a==1", []) for kind in ("index", "extra-index")),
        ("!python -m pip install -r requirements.txt", ["a file of requirements"]),
        ("%conda install numpy=2.1 -c conda-forge scipy", ["scipy"]),
        ("import os\nos.system('x')\nprint('pip installs nothing')", []),
        ("!uv pip install torch", ["torch"]),
        ("pip install git+https://host/a@0123456789012345678901234567890123456789", []),
        ("%pip install 'broken", ["'broken"]),
    ],
)
def test_installs_without_a_version(source: str, expected: list[str]) -> None:
    assert loose_installs(source) == expected


@pytest.mark.parametrize(
    ("command", "looks"),
    [
        ("ls -la", True), ("!head a.csv | wc -l", True), ("/usr/bin/nvidia-smi", True), ("git log -1", True),
        ("pip install x", True), ("ls > a.txt", False), ("wget x", False), ("cat a | tee b", False), ("", False),
        ("echo `make`", False), ("find . -delete", False), ("ls; rm x", False),
    ],
)  # fmt: skip
def test_commands_that_only_look(command: str, looks: bool) -> None:
    assert is_only_looking(command) is looks


def test_a_file_that_is_no_notebook_is_no_document() -> None:
    assert document({"nbformat": 3, "cells": []}, "") is None
    assert document({"nbformat": 4, "cells": "x"}, "") is None
    cells = [
        {"cell_type": "markdown", "source": "x"},
        {"cell_type": "code", "source": ["a\n", "b"], "id": "i"},
        3,
    ]
    assert document({"nbformat": 4, "cells": cells}, "") == Document([("i", "a\nb")], "")
