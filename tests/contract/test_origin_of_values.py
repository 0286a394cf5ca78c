"""Questions about where values came from, asked of a store."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from owned_store import DAY, OwnedStore

from nbtrack.entities.graphs import Answer, EdgeKind
from nbtrack.errors import NotFound
from nbtrack.service import Service

MINUTE = DAY // 1440


class Notebook(OwnedStore):
    """A session of a notebook, ``a.ipynb``, whose cells are recorded with their traces."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.data = folder / "d.csv"
        self.data.write_text("a,b\n")
        found = self.data.stat()
        stamp = {f"file:{self.data}": f"{found.st_size}:{found.st_mtime_ns}"}
        self.forest = self.run(directory=str(folder))
        self.cells = [
            self.cell("import pandas as pd", writes=["pd"], defined={"pd": "module"}),
            self.cell(
                "df = pd.read_csv('d.csv')", reads=["pd", f"file:{self.data}"], writes=["df"], versions=stamp
            ),
            self.cell("junk = 1", writes=["junk"]),
            self.cell("score = fit(df)", self.forest, text="0.9", reads=["df"], writes=["score"]),
            self.cell("df = None", writes=["df"]),
        ]
        with self.store.transaction():
            self.store.metrics.append(self.forest, "accuracy", None, *_point(0.9))

    def cell(self, source: str, run: str | None = None, *, text: str = "", **trace: object) -> str:
        number = len(getattr(self, "made", []))
        self.made = [*getattr(self, "made", []), source]
        execution = self.execute(source, run, cell=f"c{number}", text=text, when=DAY + number * MINUTE)
        self.trace(execution, **trace)
        return execution


def _point(value: float) -> tuple[object, object]:
    from array import array

    return array("d", [value]), array("q", [DAY])


@pytest.fixture
def notebook(tmp_path: Path) -> Notebook:
    return Notebook(tmp_path)


@pytest.fixture
def service(notebook: Notebook) -> Service:
    return notebook.service


def test_a_run_comes_from_its_cells_and_what_they_needed(notebook: Notebook, service: Service) -> None:
    graph = service.lineage.graph("forest-1")
    first, second, _, fourth, _ = notebook.cells
    assert [node.execution for node in graph.nodes] == [first, second, fourth]
    assert [node.wanted for node in graph.nodes] == [False, False, True]
    assert (graph.run, graph.executed, graph.metrics, graph.nodes[2].run) == (
        "forest-1",
        4,
        {"accuracy": 0.9},
        "forest-1",
    )
    edges = {(edge.reader, edge.producer, edge.kind) for edge in graph.edges}
    assert edges == {
        (second, first, EdgeKind.VARIABLE), (second, None, EdgeKind.FILE), (fourth, second, EdgeKind.VARIABLE),
    }  # fmt: skip


def test_a_variable_is_that_of_the_session_of_the_notebook_or_of_the_run(
    notebook: Notebook, service: Service
) -> None:
    last, second = notebook.cells[4], notebook.cells[1]
    ask = service.lineage.graph
    assert [node.execution for node in ask("df", session=notebook.process).nodes] == [last]
    assert [node.execution for node in ask("df", within="a.ipynb").nodes] == [last]
    assert ask("df", within="forest-1").nodes[-1].execution == second
    assert ask("accuracy", within="forest-1").run == "forest-1"  # a metric that is no variable: its run
    assert ask("forest-1", session=notebook.process).run == "forest-1"


def test_what_is_not_there_is_said_with_what_to_do(notebook: Notebook, service: Service) -> None:
    with pytest.raises(NotFound, match=r"There is no run df.* --in RUN or --in NOTEBOOK"):
        service.lineage.graph("df")
    with pytest.raises(NotFound, match="No remembered cell of this session made nope"):
        service.lineage.graph("nope", session=notebook.process)
    with pytest.raises(NotFound, match=r"No cell of b\.ipynb"):
        service.lineage.graph("df", within="b.ipynb")
    with pytest.raises(NotFound, match=r"No cell of b\.ipynb"):
        service.lineage.stale(notebook="b.ipynb")
    notebook.run("script")
    for within in (None, "script-1"):
        with pytest.raises(NotFound, match="ran in a script"):
            service.lineage.slice("script-1", within=within)


def test_a_slice_has_what_its_cells_showed_and_read(
    notebook: Notebook, service: Service, tmp_path: Path
) -> None:
    found = service.lineage.slice("forest-1")
    assert [len(outputs) for outputs in found.outputs] == [0, 0, 1]
    assert found.outputs[2][0]["text"] == "0.9"
    assert (found.folder, found.files, found.written) == (str(tmp_path), [str(notebook.data)], [])
    save = notebook.cell("df.to_csv('o.csv')", notebook.forest, reads=["df"], writes=["file:/d/o.csv"])
    found = service.lineage.slice("forest-1")
    assert (found.graph.nodes[-1].execution, found.written) == (save, ["/d/o.csv"])


def test_a_file_that_changed_makes_its_reader_stale_and_the_run_dishonest(
    notebook: Notebook, service: Service
) -> None:
    assert service.lineage.stale(session=notebook.process).stale == []
    assert _line(service, "files unchanged since") is Answer.OK
    os.utime(notebook.data, ns=(1, 1))
    stale = service.lineage.stale()
    assert [cell.reasons for cell in stale.stale] == [
        ["d.csv was changed since it was read"],
        ["df comes from [ ], which is stale"],
    ]
    assert _line(service, "files unchanged since") is Answer.NO
    notebook.data.unlink()
    assert _line(service, "files unchanged since") is Answer.NO


def _line(service: Service, question: str) -> Answer:
    return next(
        line.answer for line in service.lineage.verdict("forest-1").lines if line.question == question
    )


def test_the_notebook_is_read_where_it_lies(notebook: Notebook, service: Service, tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    with notebook.store.transaction():
        notebook.store.connection.execute("UPDATE executions SET notebook = ?", (str(path),))
    assert _line(service, "executed in order") is Answer.UNKNOWN
    sources = [*notebook.made[:3], "score = fit(df, 2)", notebook.made[4]]
    cells = [
        {"cell_type": "code", "id": f"c{place}", "source": source} for place, source in enumerate(sources)
    ]
    path.write_text(json.dumps({"nbformat": 4, "cells": cells}))
    assert _line(service, "executed in order") is Answer.OK
    assert _line(service, "cells unchanged since") is Answer.NO
    assert [cell.reasons for cell in service.lineage.stale().stale] == [["it was edited since it ran"]]
    path.write_text("{ broken")
    assert _line(service, "executed in order") is Answer.UNKNOWN


def test_the_last_snapshot_gives_the_order_where_there_is_no_file(
    notebook: Notebook, service: Service
) -> None:
    cells = [{"cell_type": "code", "id": name, "source": ""} for name in ("c1", "c0", "c3")]
    notebook.snapshot(notebook.forest, json.dumps({"nbformat": 4, "cells": cells}).encode())
    assert _line(service, "executed in order") is Answer.NO
    assert _line(service, "cells unchanged since") is Answer.UNKNOWN


def test_a_run_without_traces_has_no_verdict(notebook: Notebook, service: Service) -> None:
    run = notebook.run("old")
    notebook.execute("x = 1", run)
    assert service.lineage.verdict("old-1").lines == []
    notebook.run("script")
    assert service.lineage.verdict("script-1").lines == []
