"""The graph of executions, on traces written by hand."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbtrack.analysis.lineage import BY_COMMAND, Graph
from nbtrack.analysis.sources import seeded
from nbtrack.entities.graphs import EdgeKind
from nbtrack.entities.lineage import Trace
from nbtrack.entities.runs import CellExecution

Executed = tuple[CellExecution, Trace | None]


def cell(number: int, source: str = "", **fields: Any) -> CellExecution:
    return CellExecution(
        id=f"e{number}", cell_id=f"c{number}", execution_count=number, source=source or f"cell({number})",
        started="2026-11-21T10:00:00.000Z", duration=0.1, outcome=fields.pop("outcome", "ok"), **fields,
    )  # fmt: skip


def graph(*traces: Trace | tuple[str, Trace | None]) -> Graph:
    """A session whose n-th execution (from 0) has the n-th trace."""
    executed: list[Executed] = []
    for number, given_ in enumerate(traces):
        source, trace = given_ if isinstance(given_, tuple) else ("", given_)
        executed.append((cell(number, source), trace))
    return Graph(executed)


def made(**fields: Any) -> Trace:
    return Trace(**fields)


def test_a_read_needs_the_last_write_and_no_earlier_one() -> None:
    found = graph(made(writes=["x"]), made(writes=["x"]), made(writes=["y"]), made(reads=["x"], writes=["z"]))
    assert found.backward([3]) == [1, 3]
    assert found.forward([1]) == [1, 3]
    assert found.forward([0]) == [0]
    (edge,) = found.inputs[3]
    assert (edge.producer, edge.key, edge.kind, edge.note) == (1, "x", EdgeKind.VARIABLE, None)


def test_a_change_needs_what_it_changed_and_is_needed_by_what_reads_it() -> None:
    found = graph(
        made(writes=["df"]),
        made(mutated=["df"]),
        made(reads=["df"], mutated=["df"]),
        made(reads=["df"], writes=["mean"]),
        made(mutated=["df"]),
    )
    assert found.backward([3]) == [0, 1, 2, 3]
    assert {edge.kind for edge in found.inputs[2]} == {EdgeKind.MUTATION}
    assert found.producer("df") == 4
    assert found.producer("df", 3) == 2


def test_a_change_through_another_name_counts_for_both() -> None:
    found = graph(
        made(writes=["a"]),
        made(reads=["a"], writes=["b"]),
        made(reads=["b"], mutated=["a", "b"]),
        made(reads=["a"]),
    )
    assert found.backward([3]) == [0, 1, 2, 3]


def test_draws_in_between_belong_to_the_numbers_from_the_seeding_on() -> None:
    drawn = made(reads=["random:numpy"], mutated=["random:numpy"], writes=["noise"])
    found = graph(drawn, made(writes=["random:numpy"]), drawn, made(writes=["x"]), drawn)
    assert found.backward([4]) == [1, 2, 4]
    assert {edge.kind for edge in found.inputs[4]} == {EdgeKind.RANDOM}
    assert [(edge.producer, edge.key) for edge in found.inputs[0]] == [(None, "random:numpy")]


@pytest.mark.parametrize(
    "key", ["option:pandas", "env:MODE", "cwd", "sys.path", "module:settings", "option:warnings"]
)
def test_what_surrounds_a_cell_is_an_input_of_every_later_one(key: str) -> None:
    found = graph(made(writes=["a"]), made(mutated=[key]), made(writes=["b"]))
    assert found.backward([0]) == [0]
    assert found.backward([2]) == [1, 2]
    assert [edge.kind for edge in found.inputs[2]] == [EdgeKind.AMBIENT]


def test_a_cell_that_seeds_first_needs_no_earlier_draw() -> None:
    drawn = made(reads=["random:numpy"], mutated=["random:numpy"], writes=["noise"])
    found = graph(
        ("np.random.rand()", drawn),
        ("import numpy as np\nnp.random.seed(1)\nx = np.random.rand()", drawn),
        drawn,
    )
    assert found.backward([2]) == [1, 2]
    found = graph(("np.random.rand()", drawn), ("x = np.random.rand()\nnp.random.seed(1)", drawn), drawn)
    assert found.backward([2]) == [0, 1, 2]


@pytest.mark.parametrize(
    ("source", "keys"),
    [
        ("import random\nrandom.seed(0)", {"random:python"}),
        (
            "SEED = 1\nnp.random.seed(SEED)\ntorch.manual_seed(SEED)",
            {"random:numpy", "random:torch", "random:cuda"},
        ),
        ("%time\n'text'\nnp.random.seed(3)", {"random:numpy"}),
        ("np.random.seed()", set()),
        ("np.random.seed(draw())", set()),
        ("x = f()\nnp.random.seed(1)", set()),
        ("broken (", set()),
    ],
)
def test_seeds_are_read_off_the_source_where_nothing_can_have_drawn_before(
    source: str, keys: set[str]
) -> None:
    assert seeded(source) == keys


def test_a_generator_that_comes_with_its_library_may_be_seeded_at_once() -> None:
    first = made(versions={"random:numpy": "a"})
    drawn = made(
        reads=["random:numpy"],
        mutated=["random:numpy"],
        versions={"random:numpy": "b", "before:random:numpy": "a"},
    )
    unused = made(writes=["z"], versions={"random:numpy": "b"})
    found = graph(made(writes=["x"]), ("f()", first), unused, drawn, unused, drawn)
    assert found.backward([5]) == [1, 3, 5]
    assert found.inputs[1] == []
    imported = graph(("import numpy as np\nN = 3\ndef f(): ...", first), drawn)
    assert imported.backward([1]) == [1]
    project = made(versions={"random:numpy": "a"}, reads=["file:/p/seeds.py"])
    assert graph(("import seeds", project), drawn).backward([1]) == [0, 1]


def test_an_option_leaves_the_other_options_as_they_were() -> None:
    found = graph(made(writes=["option:pandas"]), made(writes=["option:pandas"]), made(writes=["b"]))
    assert found.backward([2]) == [0, 1, 2]


def test_a_file_leads_from_the_cell_that_wrote_it_to_the_one_that_read_it() -> None:
    found = graph(
        made(writes=["df"]),
        made(reads=["df"], writes=["file:/d/a.csv"]),
        made(reads=["file:/d/a.csv", "file:/d/b.csv"], writes=["x"]),
    )
    assert found.backward([2]) == [0, 1, 2]
    assert found.files([0, 1, 2]) == ["/d/b.csv"]


def test_a_file_that_no_cell_wrote_may_be_of_a_program_that_one_started() -> None:
    started = made(effects=["process"], commands=["wget https://host/a.csv"])
    looked = made(effects=["process"], commands=["ls -la | grep csv"])
    found = graph(started, looked, made(reads=["file:/d/a.csv"]))
    assert found.backward([2]) == [0, 2]
    assert [(edge.producer, edge.note) for edge in found.inputs[2]] == [(0, BY_COMMAND), (None, None)]


def test_a_result_is_found_by_its_count() -> None:
    found = graph(made(reads=["a"]), made(), made(reads=["Out:0"]))
    assert [(edge.producer, edge.kind) for edge in found.inputs[2]] == [(0, EdgeKind.OUTPUT)]


def test_what_is_only_assumed_says_why() -> None:
    found = graph(
        made(writes=["m"]),
        made(reads=["m"], mutated=["m"], unsure={"m": "it was handed to code that cannot be looked into"}),
        made(reads=["m"]),
        made(reads=["x"], unsure={"x": "eval"}),
    )
    assert [edge.note for edge in found.inputs[2]] == ["it was handed to code that cannot be looked into"]
    assert [edge.note for edge in found.inputs[3]] == ["eval"]


def test_what_ran_inside_of_a_cell_belongs_to_it() -> None:
    executed = [
        (cell(0), made(writes=["x"])),
        (cell(1, "%%capture\nf()"), made()),
        (cell(2), made(place="e1", reads=["x"], writes=["y"], fitted={"PCA": 1})),
        (cell(3), made(place="e2", writes=["z"], fitted={"PCA": 2})),
        (cell(4), made(reads=["y", "z"])),
    ]
    found = Graph(executed)
    assert [step.execution.id for step in found.steps] == ["e0", "e1", "e4"]
    assert found.steps[1].trace.fitted == {"PCA": 3}
    assert found.backward([2]) == [0, 1, 2]
    assert found.place("e3") == found.place("e1") == 1
    assert found.place("nowhere") is None


def test_executions_that_name_each_other_are_no_endless_loop() -> None:
    found = Graph([(cell(0), made(place="e1")), (cell(1), made(place="e0"))])
    assert len(found.steps) <= 2


def test_a_failed_cell_keeps_what_it_had_written() -> None:
    executed = [(cell(0, outcome="error"), made(writes=["x"])), (cell(1), made(reads=["x"]))]
    assert Graph(executed).backward([1]) == [0, 1]


def test_a_name_that_was_deleted_needs_its_deletion() -> None:
    found = graph(made(writes=["sum", "y"]), made(deleted=["sum"]), made(reads=["y", "sum"]))
    assert found.backward([2]) == [0, 1, 2]


def test_names_that_no_cell_made_are_named_without_those_of_python() -> None:
    found = graph(made(reads=["x", "print", "get_ipython", "_", "file:/a"], writes=["y"]))
    assert found.unknown([0]) == ["x"]


def test_a_module_that_is_imported_further_keeps_its_first_import() -> None:
    module = {"scipy": "module"}
    found = graph(
        made(writes=["scipy"], defined=module), made(writes=["scipy"], defined=module), made(reads=["scipy"])
    )
    assert found.backward([2]) == [0, 1, 2]
    other = graph(made(writes=["x"]), made(writes=["x"]), made(reads=["x"]))
    assert other.backward([2]) == [1, 2]


def test_magics_need_the_cells_that_load_or_define_them() -> None:
    found = graph(
        ("%load_ext sql", made()),
        ("%%time\ny = 1", made(writes=["y"])),
        ("%%sql\nselect 1", made()),
        ("%load_ext nbtrack", made()),
    )
    assert found.backward([1]) == [1]
    assert found.backward([2]) == [0, 2]


def test_a_feature_that_an_import_turns_on_counts_for_all_later_cells() -> None:
    found = graph(("from __future__ import annotations", made()), ("x = 1", made(writes=["x"])))
    assert found.backward([1]) == [0, 1]


def test_of_a_cell_without_a_trace_its_text_is_read() -> None:
    found = graph(
        ("import numpy as np\n%load_ext nbtrack\nx = np.ones(3)", None),
        ("x.sort()\nbroken = x[", None),
        ("x.sort()", None),
        ("y = x", made(reads=["x"], writes=["y"])),
    )
    assert found.backward([3]) == [0, 2, 3]
    assert all(edge.note for edge in found.inputs[3])
    assert not found.steps[0].is_traced


KEYS = ["a", "b", "c", "random:python", "option:pandas", "file:/d/x", "env:E", "figure"]
some = st.lists(st.sampled_from(KEYS), max_size=3, unique=True)
traces = st.lists(
    st.builds(Trace, reads=some, writes=some, mutated=some, deleted=some), min_size=1, max_size=12
)


@given(traces, st.data())
def test_a_slice_has_all_that_it_reads_and_is_its_own_slice(found: list[Trace], data: st.DataObject) -> None:
    executed = [(cell(number), trace) for number, trace in enumerate(found)]
    whole = Graph(executed)
    target = data.draw(st.integers(0, len(found) - 1))
    kept = whole.backward([target])
    assert kept == sorted(set(kept))
    assert kept[-1] == target
    for place in kept:
        for key in whole.steps[place].trace.reads:
            last = [
                before
                for before in range(place)
                if key in {*found[before].writes, *found[before].mutated, *found[before].deleted}
            ]
            assert not last or last[-1] in kept
    again = Graph([executed[place] for place in kept])
    assert again.backward([len(kept) - 1]) == list(range(len(kept)))


@given(traces, st.data())
def test_what_came_of_a_step_is_what_has_it_in_its_slice(found: list[Trace], data: st.DataObject) -> None:
    whole = graph(*found)
    source = data.draw(st.integers(0, len(found) - 1))
    expected = [place for place in range(len(found)) if source in whole.backward([place])]
    assert whole.forward([source]) == expected
