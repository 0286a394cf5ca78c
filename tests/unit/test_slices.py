"""Slices as notebooks and scripts, and the comparison of what they show when they are executed again."""

from __future__ import annotations

import ast
import math
from pathlib import Path
from typing import Any

import nbformat
import pytest

from nbtrack.analysis.replays import compare_cells, compare_metrics, masked, text_of, unseeded
from nbtrack.analysis.slices import missing_bracket, script_of, slice_notebook, slice_script, without_load
from nbtrack.commands import scratch
from nbtrack.entities.graphs import EdgeKind, LineageEdge, LineageGraph, LineageNode, LineageSlice


def node(number: int, source: str, **fields: Any) -> LineageNode:
    defaults: dict[str, Any] = {
        "started": "",
        "outcome": "ok",
        "execution_count": number,
        "cell_id": f"c{number}",
    }
    return LineageNode(execution=f"0000-{number}", source=source, **{**defaults, **fields})


def made(*nodes: LineageNode, **fields: Any) -> LineageSlice:
    graph = LineageGraph(
        target="x", session="s", notebook="/d/a.ipynb", executed=9, nodes=list(nodes), **fields
    )
    return LineageSlice(graph=graph, outputs=[[] for _ in nodes])


def stream(text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stdout", "text": text}


def test_a_slice_is_a_valid_notebook_also_where_a_cell_ran_twice() -> None:
    found = made(
        node(1, "x = 1"), node(2, "x += 1", cell_id="c1"), node(3, "%%track f\ny = x", cell_id="vscode:/x#1")
    )
    notebook = slice_notebook(found)
    nbformat.validate(nbformat.from_dict(notebook))  # type: ignore[no-untyped-call]
    assert [cell["source"] for cell in notebook["cells"]] == [
        "x comes from 3 of the 9 executions of a.ipynb, here in the order of execution.",
        "%load_ext nbtrack", "x = 1", "x += 1", "%%track f\ny = x",
    ]  # fmt: skip
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)
    assert "%load_ext nbtrack" not in str(slice_notebook(made(node(1, "x = 1")))["cells"])


def test_a_run_is_one_run_again_where_its_own_cells_do_not_begin_it() -> None:
    first, last = node(1, "x = 1"), node(2, "fit(x)", wanted=True)
    for source, expected in (
        ("%track end", (1, None)),
        ("print(1)", (1, 2)),
        ("%%track f\ny = 1", None),
        ("# nbtrack: run f\ny = 1", None),
        ("%track start f\ny = 1", None),
    ):
        found = made(first, last, node(3, source, wanted=True), run="deep-forest-3")
        assert missing_bracket(found.graph) == expected
        started = [
            cell for cell in slice_notebook(found)["cells"] if cell["source"] == "%track start deep-forest"
        ]
        assert len(started) == (source == "%track end")
    assert missing_bracket(made(first, last).graph) is None


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = 1\nprint(x % 2)", "x = 1\nprint(x % 2)"),
        ("%%track forest --tag a\nx = 1", "# nbtrack: run forest --tag a\nx = 1"),
        ("# about\n%%track\nx = 1", "# about\n%%track\nx = 1"),
        ("%matplotlib inline\nx = 1", "# %matplotlib inline\nx = 1"),
        ("%%time\n%time y = 2\nx = 1", "# %%time\ny = 2\nx = 1"),
        ("%%capture out\nf()", "# %%capture out\nf()"),
        ("z = %time f(1)", "z = f(1)"),
        ("%timeit -n 3 f()", "get_ipython().run_line_magic('timeit', '-n 3 f()')"),
        ("files = !ls *.csv", "files = get_ipython().getoutput('ls *.csv')"),
        ("if x:\n    !make {x}", "if x:\n    get_ipython().system('make {x}')"),
        ("%%bash\necho 'a'", "get_ipython().run_cell_magic('bash', '', \"echo 'a'\")"),
        ("", ""),
    ],
)
def test_the_script_of_a_cell(source: str, expected: str) -> None:
    assert script_of(source) == expected


def test_a_script_says_where_it_needs_ipython() -> None:
    plain = slice_script(made(node(1, "x = 1"), node(2, "%%track f\ny = x"), run="f-1"))
    assert plain.splitlines()[0] == "# The run f-1 comes from 2 of the 9 executions of a.ipynb."
    assert "ipython FILE" not in plain
    ast.parse(plain)
    with_magic = slice_script(made(node(1, "%%bash\nls")))
    assert "ipython FILE" in with_magic
    ast.parse(with_magic)


def test_loading_is_left_out_where_it_is_loaded_already() -> None:
    assert without_load("a = 1\n%load_ext nbtrack  # first\nb = 2") == "a = 1\n\nb = 2"


def test_what_differs_each_time_does_not_count() -> None:
    first = "<A object at 0x7f12ab34>\nWall time: 3.1 s\n12 loops, 3.2 µs each\n2026-11-21 10:00:01.5 done\x1b[31m!\x1b[0m"
    second = "<A object at 0x5512ab99>\nWall time: 12 ms\n12 loops, 14 ns each\n2026-11-22 11:30:59.1 done!"
    assert masked(first) == masked(second)
    assert masked("100%|██████| 3/3 [00:01<00:00, 2.9it/s]") == ""
    assert masked("accuracy 0.93") != masked("accuracy 0.94")
    assert masked("/scratch/p/a.csv", {"/scratch": "/mine"}) == "/mine/p/a.csv"


def test_text_is_what_a_person_read() -> None:
    outputs = [
        stream("a\n"),
        {"output_type": "display_data", "data": {"image/png": "…"}},
        {"output_type": "execute_result", "data": {"text/plain": ["1\n", "2"]}},
        {
            "output_type": "display_data",
            "data": {"text/html": '<div class="nbtrack-line">', "text/plain": "forest-1"},
        },
        {"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": []},
    ]
    assert text_of(outputs) == "a\n1\n2\nValueError: no"


def test_cells_are_the_same_differ_fail_or_are_silent() -> None:
    error = {"output_type": "error", "ename": "KeyError", "evalue": "'x'"}
    nodes = [
        node(1, "a"),
        node(2, "b"),
        node(3, "c"),
        node(4, "d"),
        node(5, "e", outcome="error"),
        node(6, "f"),
    ]
    before = [[stream("1")], [stream("2")], [], [], [error], [stream("6")]]
    after = [[stream("1")], [stream("3")], [], [error], [error], None]
    found = compare_cells(nodes, before, after, {})
    assert [cell.answer for cell in found] == ["same", "differs", "silent", "failed", "same", "failed"]
    assert (found[1].before, found[1].after) == ("2", "3")
    assert found[5].after == "it was not reached"


def test_metrics_may_differ_in_the_last_digits() -> None:
    before = {"a": 0.1, "b": 1.0, "c": math.nan, "d": 2.0}
    found = compare_metrics(before, {"a": 0.1 * (1 + 1e-12), "b": 1.01, "c": math.nan})
    assert [metric.same for metric in found] == [True, False, True, False]
    assert found[3].after is None


def test_a_copy_of_a_folder_has_what_is_read_first_and_says_what_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "p", tmp_path / "t"
    for name in ("big.csv", "small.py", "sub/a.txt", ".git/config", "__pycache__/x.pyc"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(b"x" * (900 if name == "big.csv" else 60))
    (source / "link.txt").symlink_to(source / "small.py")
    monkeypatch.setattr(scratch, "MOST_BYTES", 1000)
    (note,) = scratch.copy_folder(source, target, [source / "big.csv"])
    assert note.startswith("2 files of ")
    copied = sorted(str(path.relative_to(target)) for path in target.rglob("*") if path.is_file())
    assert "big.csv" in copied
    assert len(copied) == 2
    monkeypatch.setattr(scratch, "MOST_BYTES", 10_000)
    assert scratch.copy_folder(source, tmp_path / "all") == []
    (tmp_path / "all" / "link.txt").write_text("changed")
    assert (source / "small.py").read_bytes() == b"x" * 60
    assert not (tmp_path / "all" / ".git").exists()


def test_the_project_is_the_nearest_folder_that_looks_like_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    (tmp_path / ".git").mkdir()
    deep = tmp_path / "a" / "b" / "c"
    deep.mkdir(parents=True)
    assert scratch.project_of(deep) == deep  # the home folder is nobody's project
    (tmp_path / "a" / "pyproject.toml").touch()
    assert scratch.project_of(deep) == tmp_path / "a"


def test_numbers_that_no_cell_has_seeded_are_named_once_and_only_where_they_were_surely_drawn() -> None:
    edges = [
        LineageEdge(reader=reader, producer=producer, key=f"random:{key}", kind=EdgeKind.RANDOM, note=note)
        for reader, producer, key, note in (
            ("e2", "e1", "torch", None),
            ("e2", None, "numpy", None),
            ("e3", None, "numpy", None),
            ("e3", None, "python", "a module that was imported may have drawn"),
        )
    ]
    assert unseeded(made(edges=edges).graph) == ["random numbers of numpy"]
    assert unseeded(made(edges=edges[:1]).graph) == []
