from __future__ import annotations

import copy
import io
import sys
from collections.abc import Callable
from typing import Any

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbtrack.analysis.diff import diff_notebooks
from nbtrack.analysis.nbdime_format import nbdime_format


def code(
    source: str, cell_id: str | None = None, outputs: list[Any] | None = None, **metadata: Any
) -> dict[str, Any]:
    cell: dict[str, Any] = {
        "cell_type": "code",
        "source": source, "metadata": metadata, "outputs": outputs or [], "execution_count": 1,
    }  # fmt: skip
    return {**cell, "id": cell_id} if cell_id else cell


def notebook(*cells: dict[str, Any]) -> dict[str, Any]:
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": list(cells)}


def stream(text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stdout", "text": text}


def kinds(base: dict[str, Any], head: dict[str, Any]) -> str:
    """Each row in a word: + - = ~ (changed) > (moved), then the source."""
    signs = {"added": "+", "removed": "-", "unchanged": "=", "changed": "~", "moved": ">"}
    rows = diff_notebooks(base, head).cells
    return " ".join(signs[row.kind] + str((row.after or row.before or {})["source"]) for row in rows)


A, B, C, D = (code(letter, f"id-{letter}") for letter in "abcd")


@pytest.mark.parametrize(
    ("base", "head", "expected"),
    [
        ([A, B], [A, B], "=a =b"),
        ([A, B], [A, C, B], "=a +c =b"),
        ([A, B, C], [A, C], "=a -b =c"),
        ([A, B, C, D], [D, A, B, C], ">d =a =b =c"),
        ([A, B, C], [A, code("B", "id-b"), C], "=a ~B =c"),
        ([], [A], "+a"),
        ([A], [], "-a"),
        ([code("x = 1"), code("y = 2")], [code("y = 2"), code("z = 3")], "-x = 1 =y = 2 +z = 3"),
        (
            [code("fit(depth=3, seed=0)", "old")],
            [code("fit(depth=5, seed=0)", "new")],
            "~fit(depth=5, seed=0)",
        ),
        (
            [code("df", "1"), code("df", "2")],
            [code("df", "3"), code("df", "4"), code("df", "5")],
            "=df =df +df",
        ),
        ([code("a", "same"), code("b", "same")], [code("b", "same"), code("a", "same")], "=b >a"),
    ],
)
def test_cells_meet(base: list[dict[str, Any]], head: list[dict[str, Any]], expected: str) -> None:
    assert kinds(notebook(*base), notebook(*head)) == expected


def test_what_does_not_count() -> None:
    before = code("m", "1", [stream("<M at 0x7f0011223344>\n"), stream("done\n")], collapsed=True)
    after = {**code("m", "1", [stream("<M at 0x7fffffffffff>\ndone\n")]), "execution_count": 7}
    own = {
        "output_type": "display_data",
        "metadata": {},
        "data": {"application/vnd.nbtrack.line+json": {}, "text/plain": "x"},
    }
    after["outputs"].append(own)
    row = diff_notebooks(notebook(before), notebook(after)).cells[0]
    assert row.kind == "unchanged"


def test_what_counts() -> None:
    row = diff_notebooks(
        notebook(code("m", "1", [stream("1")])), notebook(code("m", "1", [stream("2")]))
    ).cells[0]
    assert (row.kind, row.source_changed, row.outputs_changed) == ("changed", False, True)
    row = diff_notebooks(notebook(code("m", "1")), notebook(code("m", "1", tags=["x"]))).cells[0]
    assert (row.kind, row.source_changed, row.outputs_changed) == ("changed", False, False)
    markdown = {"cell_type": "markdown", "source": "m", "metadata": {}, "id": "1"}
    assert diff_notebooks(notebook(code("m", "1")), notebook(markdown)).cells[0].source_changed


def check_nbdime(base: dict[str, Any], head: dict[str, Any]) -> None:
    import nbdime
    from nbdime.diff_format import validate_diff
    from nbdime.prettyprint import PrettyPrintConfig, pretty_print_notebook_diff

    untouched = copy.deepcopy((base, head))
    found = nbdime_format(base, head, diff_notebooks(base, head))
    validate_diff(found, deep=True)
    assert nbdime.patch_notebook(base, found) == head
    assert (base, head) == untouched
    out = io.StringIO()
    node = nbformat.from_dict(base)
    config = PrettyPrintConfig(out=out, use_git=False, use_diff=False, use_color=False)
    pretty_print_notebook_diff("base", "head", node, found, config)
    assert bool(out.getvalue()) == bool(found)


SOURCES = st.one_of(
    st.sampled_from(
        ["", "x = 1", "x = 2", "y = f(x)\nprint(y)", "y = g(x)\nprint(y)\n", "import os\n\nos.getcwd()"]
    ),
    st.text(alphabet="ab =\n\x0b", max_size=12),
)
OUTPUTS = st.lists(st.sampled_from(["1", "2", "<M at 0x7f0011223344>"]).map(stream), max_size=3)
CELLS = st.builds(
    lambda source, outputs, cell_id, count, tags: {
        **code(source, cell_id, outputs, **({"tags": tags} if tags else {})), "execution_count": count,
    },
    SOURCES, OUTPUTS, st.sampled_from([None, "i1", "i2", "i3", "i4", "i5"]),
    st.one_of(st.none(), st.integers(1, 3)), st.lists(st.sampled_from("tu"), max_size=2),
)  # fmt: skip
NOTEBOOKS = st.lists(CELLS, max_size=7).map(lambda cells: notebook(*cells))


@settings(max_examples=150, deadline=None)
@given(NOTEBOOKS, NOTEBOOKS)
def test_nbdime_patches_base_into_head(base: dict[str, Any], head: dict[str, Any]) -> None:
    check_nbdime(base, head)


@settings(max_examples=150, deadline=None)
@given(NOTEBOOKS, st.data())
def test_nbdime_patches_edits_and_moves(base: dict[str, Any], data: st.DataObject) -> None:
    cells = data.draw(st.permutations(copy.deepcopy(base["cells"])))
    for cell in cells[::3]:
        cell["source"] += data.draw(SOURCES)
    check_nbdime(base, {**notebook(*cells), "metadata": {"kernelspec": {"name": "python3"}}})


@settings(max_examples=150, deadline=None)
@given(NOTEBOOKS, NOTEBOOKS)
def test_every_cell_has_one_row_and_head_keeps_its_order(base: dict[str, Any], head: dict[str, Any]) -> None:
    rows = diff_notebooks(base, head).cells
    assert [row.after for row in rows if row.after is not None] == head["cells"]
    before = [row.before for row in rows if row.before is not None]
    assert sorted(map(id, before)) == sorted(map(id, base["cells"]))
    staying = [id(row.before) for row in rows if row.before is not None and row.kind != "moved"]
    assert staying == [id(cell) for cell in base["cells"] if id(cell) in staying]


EDITS = st.lists(
    st.one_of(
        st.just(("keep", "")),
        st.just(("remove", "")),
        st.tuples(st.just("insert"), st.sampled_from(["import torch\ntorch.seed()", "zz = [1, 2, 3]", ""])),
        st.tuples(st.just("edit"), st.sampled_from(["\nprint(1)", "\nfor i in x:\n    pass"])),
        st.tuples(st.just("output"), st.sampled_from(["1", "2\n3", "<b>"])),
        st.tuples(st.just("tag"), st.sampled_from(["x", "y"])),
    ),
    min_size=1,
    max_size=8,
)


def verdict_of_nbdime(base: dict[str, Any], head: dict[str, Any]) -> dict[str, str]:
    """What nbdime says of each cell, by its id."""
    import nbdime

    entries = nbdime.diff_notebooks(nbformat.from_dict(base), nbformat.from_dict(head))
    found = {}
    for entry in next((entry.diff for entry in entries if entry.key == "cells"), []):
        if entry.op == "addrange":
            found |= {cell["id"]: "added" for cell in entry.valuelist}
        elif entry.op == "removerange":
            found |= {base["cells"][entry.key + i]["id"]: "removed" for i in range(entry.length)}
        else:
            found[base["cells"][entry.key]["id"]] = "changed"
    return found


@settings(max_examples=120, deadline=None)
@given(EDITS)
def test_the_verdict_on_each_cell_is_that_of_nbdime(edits: list[tuple[str, str]]) -> None:
    """Both ways round, for cells with ids of their own and edits that leave them where they are."""
    before, after = [], []
    for place, (edit, text) in enumerate(edits):
        cell = code(f"name_{place} = {place}\nuse(name_{place})", f"id-{place}", [stream("out")])
        if edit == "insert":
            after.append(code(text, f"new-{place}"))
        before.append(cell)
        if edit != "remove":
            changed = copy.deepcopy(cell)
            if edit == "edit":
                changed["source"] += text
            elif edit == "output":
                changed["outputs"] = [stream(text)]
            elif edit == "tag":
                changed["metadata"]["tags"] = [text]
            after.append(changed)
    for base, head in ((notebook(*before), notebook(*after)), (notebook(*after), notebook(*before))):
        ours = {
            (row.after or row.before or {})["id"]: str(row.kind)
            for row in diff_notebooks(base, head).cells
            if row.kind != "unchanged"
        }
        assert ours == verdict_of_nbdime(base, head)


@pytest.mark.parametrize(
    ("before", "after", "note"),
    [
        (["a = 1\nb = 2"], ["a = 1", "b = 2"], "one cell was split into 2"),
        (["a = 1\n\nb = 2\nc = 3"], ["a = 1", "b = 2", "c = 3"], "one cell was split into 3"),
        (["a = 1", "b = 2"], ["a = 1\n\nb = 2"], "2 cells were merged into one"),
        (["a = 1", "b = 2"], ["a = 1\nb = 3"], ""),
        (["a = 1"], ["a = 1", "b = 2"], ""),
    ],
)
@pytest.mark.parametrize("kept", ["first", "last", "none"])
def test_a_cell_that_was_split_or_merged_is_called_so(
    before: list[str], after: list[str], note: str, kept: str
) -> None:
    def cells(sources: list[str], side: str) -> list[dict[str, Any]]:
        same = {"first": 0, "last": len(sources) - 1, "none": -1}[kept]
        return [code(text, "same" if i == same else f"{side}{i}") for i, text in enumerate(sources)]

    around = code("around", "around")
    base = notebook(around, *cells(before, "b"), code("end", "end"))
    head = notebook(around, *cells(after, "h"), code("end", "end"))
    rows = diff_notebooks(base, head).cells
    assert {row.note for row in rows} == {"", note}
    assert all(row.note == note for row in rows if row.kind != "unchanged")


def big(ids: str, edit: str, n: int = 500) -> dict[str, Any]:
    html = "<table>" + "<tr><td>0.123</td></tr>" * 200 + edit + "</table>"
    output = {
        "output_type": "display_data",
        "metadata": {},
        "data": {"text/html": html, "image/png": "iVBOR" * 2000 + edit},
    }
    return notebook(
        *(
            code(
                f"frame_{i} = load({i})\nmodel_{i} = fit(frame_{i}, depth={edit or 3})\nscore_{i} = 1",
                ids and f"{ids}{i}",
                [output],
            )
            for i in range(n)
        )
    )


def calls_of(function: Callable[[], object]) -> int:
    """How many functions are called: what grows with the work, on a busy machine as on a quiet one."""
    count = 0

    def note(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize(("before", "after"), [("a", "a"), ("a", "b"), ("", "")])
def test_the_work_of_comparing_grows_with_the_changed_cells_and_not_with_their_square(
    before: str, after: str
) -> None:
    def work(cells: int) -> tuple[int, int]:
        base, head = big(before, "", cells), big(after, "5", cells)
        found = diff_notebooks(base, head)
        assert sum(row.kind == "changed" for row in found.cells) == cells
        return calls_of(lambda: diff_notebooks(base, head)), calls_of(
            lambda: nbdime_format(base, head, found)
        )

    work(5)  # what is imported and compiled on first use is not counted
    few, many = work(50), work(500)
    assert many[0] < 20 * few[0]
    assert many[1] < 20 * few[1]


def test_the_line_under_a_tracked_cell_is_no_difference() -> None:
    from nbtrack.entities.runs import RunOutcome, RunStatus
    from nbtrack.render.line import outcome_html

    def shown(name: str) -> dict[str, Any]:
        outcome = RunOutcome(id=name, name=name, experiment="e", status=RunStatus.FINISHED, duration=1.0)
        return {"output_type": "display_data", "metadata": {}, "data": {"text/html": outcome_html(outcome)}}

    base, head = (notebook(code("fit()", "1", [shown(name)])) for name in ("forest-1", "forest-2"))
    assert diff_notebooks(base, head).cells[0].kind == "unchanged"
