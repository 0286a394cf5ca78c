from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import click
import pytest

from nbtrack.analysis.compare import compare
from nbtrack.analysis.diff import diff_notebooks
from nbtrack.analysis.sources import names_whole_path
from nbtrack.commands import Asking, Command, View, command_names, command_tree, complete, run_command
from nbtrack.commands.replay import replay
from nbtrack.entities.bundles import Export, Merge
from nbtrack.entities.graphs import (
    Answer,
    EdgeKind,
    LineageEdge,
    LineageGraph,
    LineageNode,
    LineageSlice,
    Replay,
    ReplayedCell,
    ReplayedMetric,
    StaleCell,
    Staleness,
    Verdict,
    VerdictLine,
)
from nbtrack.entities.health import Finding, Repair, Verification
from nbtrack.entities.models import ModelVersion, RegisteredModel
from nbtrack.entities.ownership import Collection, Curated, Deletion, Trash, Usage, UsageRow
from nbtrack.entities.runs import RunDetail, RunRow, RunStatus, RunTable
from nbtrack.entities.search import FoundLine, Hit, Passage, Place, SearchResult
from nbtrack.entities.snapshots import NotebookDiff, Snapshot
from nbtrack.entities.stores import Backup, StoreStatus
from nbtrack.errors import Conflict, InvalidInput, NotFound
from nbtrack.operations import to_plain
from nbtrack.render.html import to_html
from nbtrack.render.text import to_text

ROWS = [
    RunRow(
        id=f"id{i}", name=f"forest-{i}", experiment="quickstart", status=RunStatus.FINISHED,
        started="2026-11-21T10:00:00Z", duration=1.0, params={"max_depth": i}, metrics={"accuracy": value},
    )
    for i, value in ((2, math.nan), (1, 0.93))
]  # fmt: skip
VERSION = ModelVersion(
    model="churn", version=1, run_id="id1", run="forest-1", artifact="model", format="skops", digest="d", size=1,
    created="2026-11-21T10:00:00Z", aliases=["champion"],
)  # fmt: skip

DELETION = Deletion(time="2026-11-21T10:00:00Z", runs=["a/forest-1"], versions=["churn/1", "churn/2"], size=1)


MERGE = Merge(
    store="laptop<b>", added=1, updated=2, unchanged=3, deleted=4, versions=1, aliases=2,
    renamed={f"a/\x1b-{number}": f"a/\x1b@laptop-{number}" for number in range(1, 13)}, kept=["a/x-1"], running=["a/y-1"],
    waiting=True,
)  # fmt: skip


RESULT = SearchResult(
    text="focal",
    hits=[
        Hit(
            passages=[
                Passage(place=Place.SOURCE, lines=[FoundLine(number=4, text="a = Focal(<b>)", marks=[[4, 9]])], more=2),
                Passage(place=Place.ERROR, lines=[FoundLine(number=12, text="\x1bfocal", marks=[[1, 6]])]),
            ],
            moment="2026-11-21T10:00:00Z", times=3, run="forest-1", run_id="id1", experiment="quickstart",
            notebook="a.ipynb", cell_id="c", execution="e", execution_count=7, outcome="error",
        ),
        Hit(passages=[], moment="2026-11-21T10:00:00Z"),
    ],
    more=True,
    waiting=2,
)  # fmt: skip


LINEAGE = LineageGraph(
    target="y", session="s", notebook="/d/a.ipynb", executed=5,
    nodes=[
        LineageNode(
            execution="e1", source="import os\nx = '<b>\x1b'", started="", outcome="ok", execution_count=1,
            effects=["process"], commands=["wget a.csv"],
        ),
        LineageNode(execution="e2", source="y = x", started="", outcome="ok", execution_count=2, wanted=True),
    ],
    edges=[
        LineageEdge(reader="e1", producer=None, key="file:/d/a.csv", kind=EdgeKind.FILE),
        LineageEdge(reader="e2", producer="e1", key="x", kind=EdgeKind.VARIABLE, note="eval"),
    ],
    unknown=["z"],
)  # fmt: skip


class Store:
    """Answers like a store, and keeps what it was asked."""

    def __init__(self, runs: list[RunRow] = ROWS) -> None:
        self.runs = runs
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def call(self, operation: str, /, **arguments: Any) -> Any:
        return to_plain(self.ask(operation, **arguments))

    def ask(self, operation: str, /, **arguments: Any) -> Any:
        self.asked.append((operation, arguments))
        details = {row.name: RunDetail(row=row) for row in self.runs}
        match operation:
            case "runs.search":
                return RunTable(
                    store="s", version=1, total=len(self.runs), runs=self.runs[: arguments["limit"]]
                )
            case "runs.get":
                if arguments["run"] not in details:
                    raise NotFound(f"There is no run {arguments['run']}.")
                return details[arguments["run"]]
            case "runs.compare":
                return compare([details[run] for run in arguments["runs"]])
            case "runs.complete":
                if arguments.get("trash"):
                    return ["thrown-1"]
                return [name for name in details if name.startswith(arguments["prefix"])]
            case "runs.names":
                names = {"metrics": ["accuracy", "my loss"], "params": ["max_depth"], "tags": ["team"]}
                return {**names, "experiments": ["final", "quickstart"]}
            case "snapshots.diff":
                sides = [self.ask("snapshots.get", run=arguments[side]) for side in ("base", "head")]
                return diff_notebooks(*(side.notebook for side in sides), *(side.run for side in sides))
            case "snapshots.get":
                cell = {
                    "cell_type": "code",
                    "id": "a",
                    "source": arguments["run"],
                    "metadata": {},
                    "outputs": [],
                }
                notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]}
                return Snapshot(
                    id="s", run=arguments["run"], path=None, origin="file", taken="", notebook=notebook
                )
            case "models.register":
                return VERSION
            case "models.list":
                return [
                    RegisteredModel(
                        name="churn",
                        versions=[VERSION],
                        aliases={"champion": 1},
                        description="<leaves?>",
                        tags={"a": ""},
                    )
                ]
            case (
                "curation.rename_runs"
                | "curation.move"
                | "curation.rename_model"
                | "curation.rename_experiment"
            ):
                return Curated(names=["a/new-1"], former=["a/forest-1"])
            case _ if operation.startswith("curation."):
                return Curated(names=["a/forest-1", "a/forest-2"])
            case "retention.collect":
                return Collection(
                    dry_run=arguments["dry_run"], runs=2, size=1000, unused=20_000_000, kept=["a stays."]
                )
            case "space.measure":
                row = UsageRow(
                    name="" if arguments["by"] == "run" else "model",
                    size=999,
                    shared=5,
                    count=2,
                    detail="<b>",
                )
                return Usage(
                    by=arguments["by"],
                    rows=[row],
                    left_out=3,
                    rest=1,
                    shared=500,
                    other=500,
                    total=2000,
                    freed=7,
                )
            case "search.cells":
                return RESULT
            case "trash.content":
                return Trash(deletions=[DELETION], size=1)
            case "trash.delete" | "trash.undo" | "trash.restore":
                return DELETION
            case "verification.make":
                found = Finding(kind="blob", name="blake2b-256:ab", message="is not what was stored")
                return Verification(
                    path="x",
                    seconds=1.0,
                    checked={"blobs": 3},
                    errors=1,
                    notes=0,
                    findings=[found],
                    **arguments,
                )
            case "repairs.make":
                left = [] if arguments["apply"] else ["The rest."]
                return Repair(path="x", applied=arguments["apply"], errors=1, done=["A thing."], left=left)
            case "lineage.verdict":
                line = VerdictLine(
                    question="executed in order", answer=Answer.NO, reason="[2] ran <b>efore [1]"
                )
                return Verdict(run=arguments["run"], needed=2, lines=[line])
            case "lineage.graph":
                return LINEAGE
            case "lineage.slice":
                return LineageSlice(graph=LINEAGE, outputs=[[], []], folder="/d", files=["/d/a.csv"])
            case "lineage.stale":
                cell = StaleCell(
                    execution="e2", source="y = x", execution_count=2, reasons=["x was <b>changed"]
                )
                return Staleness(
                    session="s", notebook="/d/a.ipynb", cells=2, stale=[cell], notes=["Not saved."]
                )
            case "backups.make":
                return Backup(path=arguments["path"], made="2026-11-21T10:00:00Z", runs=2, files=3, size=4)
            case "bundles.write":
                return Export(
                    path=arguments["path"],
                    store="laptop",
                    runs=2,
                    versions=1,
                    size=9,
                    digest="d",
                    running=["a/b-1"],
                )
            case "merging.merge":
                return MERGE
            case "store.status":
                texts = dict.fromkeys(("path", "id", "schema", "nbtrack", "sqlite", "keeper"), "x")
                counts = dict.fromkeys(("version", "runs", "running", "executions", "models"), 1)
                sizes = dict.fromkeys(("database_size", "blob_size", "waiting"), 1)
                return StoreStatus(**texts, **counts, **sizes)  # type: ignore[arg-type]
        raise AssertionError(operation)


def test_verify_and_repair_ask_and_say_how_it_ended() -> None:
    store = Store()
    view = run_command(["verify", "--subset", "5%"], store)
    assert store.asked[-1] == ("verification.make", {"quick": False, "subset": 5.0})
    assert view.exit_status == 12
    assert "! blob blake2b-256:ab is not what was stored" in to_text(view)
    assert "is not what was stored" in to_html(view)
    assert view.hints == ("nbtrack repair shows what can be done.",)
    assert run_command(["verify", "--quick", "--json"], store).exit_status == 12
    with pytest.raises(InvalidInput, match="percentage"):
        run_command(["verify", "--subset", "much"], store)
    view = run_command(["repair"], store)
    assert view.exit_status == 12  # it was only a look
    assert "nothing was changed" in to_text(view)
    assert "left: The rest." in to_html(view)
    assert run_command(["repair", "--apply"], store).exit_status == 0


def test_runs_asks_for_what_was_typed() -> None:
    store = Store()
    view = run_command(
        ["runs", "accuracy > 0.9", "--sort", "-accuracy", "--sort", "max_depth,-started"], store
    )
    assert view.kind == "runs"
    sort = ["-accuracy", "max_depth", "-started"]
    expected = {"filter": "accuracy > 0.9", "sort": sort, "limit": 100, "experiment": None}
    assert store.asked == [("runs.search", expected)]
    run_command(["runs", "--sort=-accuracy", "status", "=", "'failed'", "--limit", "5"], store)
    assert store.asked[-1][1]["filter"] == "status = 'failed'"
    assert store.asked[-1][1]["sort"] == ["-accuracy"]
    run_command(["runs", "--sort", "params.`a,b`,lr"], store)
    assert store.asked[-1][1]["sort"] == ["params.`a,b`", "lr"]


def test_search_asks_for_words_and_phrases() -> None:
    store = Store()
    asked = {"within": None, "limit": 20, "experiment": "here"}
    for words, text in (
        (["focal", "loss"], "focal loss"),
        (["focal loss"], '"focal loss"'),
        (["focal loss", "gamma*"], '"focal loss" gamma*'),
        (['"focal loss" gamma'], '"focal loss" gamma'),
    ):
        view = run_command(["search", *words], store, experiment="here")
        assert store.asked[-1] == ("search.cells", {**asked, "text": text})
    assert view.hints == ("--limit 100 lists more",)
    run_command(["search", "x", "--all", "--in", "error", "--limit", "3"], store, experiment="here")
    expected = {"text": "x", "within": "error", "limit": 3, "experiment": None}
    assert store.asked[-1] == ("search.cells", expected)


def test_a_search_shows_the_lines_with_what_was_found() -> None:
    view = run_command(["search", "focal"], Store())
    lines = to_text(view).splitlines()
    assert lines[0].startswith("quickstart/forest-1 · [7] · a.ipynb · 2026-11-21 ")
    assert lines[0].endswith(" · error · 3 times")
    assert lines[1] == "     4  a = Focal(<b>)"
    assert lines[2].strip() == "+ 2 more lines"
    assert lines[3:5] == ["  error", "    12  ␛focal"]
    assert lines[6].startswith("outside of runs")
    assert lines[-2] == "2 found · there are more · 2 cells not indexed yet; ask again in a moment"
    html = to_html(view)
    assert "a = <mark>Focal</mark>(&lt;b&gt;)" in html
    assert "␛<mark>focal</mark>" in html
    assert "\x1b[" in to_text(view, colour=True)


def test_the_lineage_is_a_tree_with_what_is_only_assumed() -> None:
    store = Store()
    view = run_command(["lineage", "y"], store, session="s", experiment="here")
    expected = {"target": "y", "experiment": "here", "session": "s", "within": None}
    assert store.asked == [("lineage.graph", expected)]
    assert to_text(view).splitlines() == [
        "y comes from 2 of the 5 executions of a.ipynb",
        "[2] y = x",
        "└─ x ? ← [1] x = '<b>␛' …",
        "   └─ file a.csv",
        "made by no remembered cell: z",
        "? x: eval",
        "[1] starts programs: wget a.csv",
        "nbtrack slice y has these cells as a notebook and as a script",
    ]
    assert "x = &#x27;&lt;b&gt;␛&#x27;" in to_html(view)
    assert json.loads(to_text(run_command(["lineage", "y", "--json"], store)))["nodes"][1]["wanted"] is True


def test_a_branch_names_what_a_cell_needs_in_the_order_of_its_source() -> None:
    nodes = [
        LineageNode(execution=f"e{count}", source=source, started="", outcome="ok", execution_count=count)
        for count, source in enumerate(("a = 1\nb = 2", "c = 3", "d = c + b + a"), 1)
    ]
    wants = (
        ("a", "e1", EdgeKind.VARIABLE),
        ("random:numpy", None, EdgeKind.RANDOM),
        ("c", "e2", EdgeKind.VARIABLE),
    )
    edges = [
        LineageEdge(reader="e3", producer=producer, key=key, kind=kind)
        for key, producer, kind in (*wants, ("b", "e1", EdgeKind.VARIABLE))
    ]
    graph = LineageGraph(
        target="d-1", run="d-1", session="s", notebook=None, executed=3, edges=edges,
        nodes=[*nodes[:2], dataclasses.replace(nodes[2], wanted=True)],
    )  # fmt: skip
    for order in (edges, edges[::-1]):
        assert to_text(
            View(kind="lineage", content=dataclasses.replace(graph, edges=order))
        ).splitlines() == [
            "The run d-1 comes from 3 of the 3 executions",
            "[3] d = c + b + a",
            "├─ c ← [2] c = 3",
            "├─ b, a ← [1] b = 2 …",
            "└─ random numbers of numpy",
        ]


def test_a_variable_of_another_notebook_is_looked_for_there(tmp_path: Path) -> None:
    store, notebook = Store(), tmp_path / "a.ipynb"
    notebook.touch()
    for within, expected in (
        (str(notebook), str(notebook)),
        ("b.ipynb", "b.ipynb"),
        ("forest-1", "forest-1"),
    ):
        run_command(["slice", "y", "--in", within], store)
        assert store.asked[-1][1]["within"] == expected


def test_a_slice_is_shown_or_written(tmp_path: Path) -> None:
    store = Store()
    text = to_text(run_command(["slice", "y"], store))
    assert "    x = '<b>␛'" in text
    assert "reads /d/a.csv" in text
    assert "&lt;b&gt;" in to_html(run_command(["slice", "y"], store))
    view = run_command(["slice", "y", "-o", str(tmp_path / "made")], store)
    assert view.hints == (f"written: {tmp_path / 'made.ipynb'}", f"written: {tmp_path / 'made.py'}")
    first = json.loads((tmp_path / "made.ipynb").read_text())["cells"][0]
    assert first["cell_type"] == "markdown"
    with pytest.raises(Conflict, match="--force"):
        run_command(["slice", "y", "-o", str(tmp_path / "made.py")], store)
    (tmp_path / "made.py").write_text("mine")
    run_command(["slice", "y", "-o", str(tmp_path / "made.py"), "--force"], store)
    assert "y = x" in (tmp_path / "made.py").read_text()
    with pytest.raises(InvalidInput, match="cannot be written"):
        run_command(["slice", "y", "-o", str(tmp_path / "none" / "x.py")], store)


def test_cells_that_do_more_than_compute_are_named_first() -> None:
    with pytest.raises(InvalidInput, match=r"\[1\] starts programs: wget a.csv\nNothing was executed; --yes"):
        run_command(["slice", "y", "--verify"], Store())


@pytest.mark.parametrize(
    ("source", "asks"),
    [
        ("df.to_csv('/d/out.csv')", True),
        ("df.to_csv(Path.home() / 'out.csv')", True),
        ('root = "~/data"', True),
        ("df.to_csv('out/a.csv')", False),
        ("x = 'a / b'", False),
    ],
)
def test_a_slice_that_writes_by_whole_paths_is_not_executed_without_a_yes(source: str, asks: bool) -> None:
    graph = dataclasses.replace(
        LINEAGE, nodes=[LineageNode(execution="e", source=source, started="", outcome="ok")]
    )
    found = LineageSlice(graph=graph, outputs=[[]], written=["/d/out.csv"])
    assert [names_whole_path(node.source) for node in graph.nodes] == [asks]
    if asks:
        with pytest.raises(InvalidInput, match=r"whole path, and the slice writes /d/out\.csv"):
            replay(found)


def test_an_execution_without_a_run_shows_what_it_fitted() -> None:
    node = LineageNode(
        execution="e1", source="X = scale(X)", started="", outcome="ok", execution_count=3, fitted={"<b>": 2, "PCA": 1}
    )  # fmt: skip
    for run, shown in ((None, "fitted <b>, PCA"), ("pca-1", "pca-1")):
        node = dataclasses.replace(node, run=run, wanted=True)
        text = to_text(View(kind="lineage", content=dataclasses.replace(LINEAGE, nodes=[node], edges=[])))
        assert f"[3] X = scale(X) · {shown}\n" in text


def test_a_replay_names_what_differs() -> None:
    cells = [
        ReplayedCell(execution_count=1, source="x = 1", answer="silent"),
        ReplayedCell(execution_count=2, source="print(x)", answer="same"),
        ReplayedCell(execution_count=3, source="print('<b>')", answer="differs", before="1\n2", after="<b>3"),
    ]
    metrics = [ReplayedMetric(name="auc", before=0.5, after=None, same=False)]
    done = Replay(target="f-1", same=False, duration=2.0, cells=cells, metrics=metrics, notes=["Left out."])
    assert to_text(View(kind="replay", content=done)).splitlines() == [
        "f-1 executed again in a clean kernel: not the same",
        "1 of 2 cells with text show the same, of 3 in all · took 2.0 s",
        "  auc 0.5 → not found",
        "[3] print('<b>'): differs",
        "    - 1",
        "    - 2",
        "    + <b>3",
        "Left out.",
    ]
    assert "+ &lt;b&gt;3" in to_html(View(kind="replay", content=done))
    silent = dataclasses.replace(done, same=True, cells=cells[:1], metrics=[], notes=[])
    assert "none of its 1 cells shows text" in to_text(View(kind="replay", content=silent))


def test_stale_asks_for_this_session_or_a_notebook() -> None:
    store = Store()
    view = run_command(["stale"], store, session="s")
    assert store.asked[-1] == ("lineage.stale", {"session": "s", "notebook": None})
    assert to_text(view).splitlines() == [
        "1 of 2 cells is stale in a.ipynb", "[2] y = x", "      x was <b>changed", "Not saved.",
    ]  # fmt: skip
    assert "x was &lt;b&gt;changed" in to_html(view)
    run_command(["stale", "other.ipynb"], store, session="s")
    assert store.asked[-1] == ("lineage.stale", {"session": None, "notebook": "other.ipynb"})


def test_show_ends_with_the_verdict() -> None:
    view = run_command(["show", "forest-1"], Store())
    assert to_text(view).splitlines()[-2:] == ["honesty", "  executed in order: no, [2] ran <b>efore [1]"]
    assert "ran &lt;b&gt;efore" in to_html(view)
    shown = json.loads(to_text(run_command(["show", "forest-1", "--json"], Store())))
    assert shown["verdict"]["lines"][0]["answer"] == "no"
    assert shown["row"]["name"] == "forest-1"


def test_export_asks_for_what_was_typed(tmp_path: Path) -> None:
    store = Store()
    asked = {
        "path": str(tmp_path / "b"), "runs": [], "filter": None, "everything": False, "model": None,
        "experiment": "here", "name": None, "force": False, "rows": False,
    }  # fmt: skip
    for words, expected in (
        (["forest-1", "forest-2"], {"runs": ["forest-1", "forest-2"]}),
        (["--filter", "lr > 1"], {"filter": "lr > 1"}),
        (["--filter", "lr > 1", "--all"], {"filter": "lr > 1", "experiment": None}),
        (["--experiment", "x"], {"everything": True, "experiment": "x"}),
        (
            ["--all", "--force", "--as", "me"],
            {"everything": True, "experiment": None, "force": True, "name": "me"},
        ),
        (["--model", "churn/2"], {"model": "churn/2"}),
        (["forest-1", "--rows"], {"runs": ["forest-1"], "rows": True}),
    ):
        view = run_command(["export", *words, str(tmp_path / "b")], store, experiment="here")
        assert store.asked[-1] == ("bundles.write", {**asked, **expected})
    text = to_text(view)
    assert "2 runs and 1 model version of the store laptop are in" in text
    assert "Left out, since still running: a/b-1." in text
    for words in ([], ["forest-1", "--filter", "x"], ["--model", "m", "--filter", "x"]):
        with pytest.raises(InvalidInput):
            run_command(["export", *words, "b"], store, experiment="here")


def test_a_merge_says_what_came_and_what_it_is_called() -> None:
    store = Store()
    text = to_text(run_command(["merge", "/there/b", "--dry-run"], store))
    assert store.asked[-1] == ("merging.merge", {"path": "/there/b", "dry_run": True})
    assert text.startswith(
        "Came in from laptop<b>: 1 new run, 2 runs with more than before, 1 model version, 2 aliases. "
        "3 runs here already. Deleted here, so left out: 4."
    )
    assert "Names that were taken, so that here: a/␛-1 is a/␛@laptop-1, " in text
    assert ", and 2 more." in text
    assert "kept here: a/x-1." in text
    assert "&lt;b&gt;" in to_html(run_command(["merge", "b"], store))


def test_the_current_experiment_is_meant_unless_said_otherwise() -> None:
    store = Store()
    for words, expected in (
        (["runs"], "here"),
        (["runs", "--all"], None),
        (["runs", "--experiment", "x"], "x"),
    ):
        run_command(words, store, experiment="here")
        assert store.asked[-1][1]["experiment"] == expected
    run_command(["show", "forest-1"], store, experiment="here")
    assert [arguments["experiment"] for _, arguments in store.asked[-2:]] == ["here", "here"]


def test_runs_as_json_is_a_list_of_objects() -> None:
    view = run_command(["runs", "--json"], Store())
    runs = json.loads(to_text(view))
    fields = [
        "id",
        "name",
        "experiment",
        "status",
        "started",
        "duration",
        "params",
        "metrics",
        "tags",
        "pinned",
    ]
    assert [list(run) for run in runs] == [fields, fields]
    assert runs[0]["metrics"] == {"accuracy": "NaN"}
    assert runs[0]["status"] == "finished"


@pytest.mark.parametrize(
    "words",
    [
        ["runs"], ["show", "forest-1"], ["compare", "forest-1", "forest-2"], ["diff", "forest-1", "forest-2"],
        ["register", "forest-1", "churn"], ["models"], ["doctor"], ["verify"], ["repair"],
        ["search", "focal"],
        ["backup", "copy"], ["export", "forest-1", "b.bundle"], ["merge", "b.bundle"],
        ["rename", "forest-1", "new"], ["move", "forest-1", "new"], ["tag", "forest-1", "a=b"],
        ["untag", "forest-1", "a"], ["note", "forest-1", "text"], ["note", "forest-1"],
        ["pin", "forest-1"], ["unpin", "forest-1"],
        ["delete", "forest-1"], ["trash"], ["undo"], ["undelete", "forest-1"], ["gc"],
        ["du"], ["du", "--by", "run"], ["du", "--by", "cell"],
    ],
)  # fmt: skip
def test_every_command_answers_in_every_form(words: list[str]) -> None:
    view = run_command(words, Store())
    assert to_text(view)
    assert to_html(view)
    json.loads(to_text(run_command([*words, "--json"], Store())))


def test_diff_compares_the_snapshots() -> None:
    view = run_command(["diff", "forest-1", "forest-2"], Store())
    assert isinstance(view.content, NotebookDiff)
    assert (view.content.base, view.content.head) == ("forest-1", "forest-2")
    written = json.loads(to_text(run_command(["diff", "forest-1", "forest-2", "--nbdime"], Store())))
    assert written[0]["key"] == "cells"


def test_register_passes_everything_on() -> None:
    store = Store()
    words = (
        "register forest-1 churn --alias champion --artifact m --describe text --tag team=risk --tag x=a=b"
    )
    view = run_command(words.split(), store, experiment="here")
    asked = store.asked[0][1]
    assert asked.pop("python")
    assert asked == {
        "run": "forest-1", "name": "churn", "alias": "champion", "artifact": "m", "description": "text",
        "tags": {"team": "risk", "x": "a=b"}, "experiment": "here", "format": None,
    }  # fmt: skip
    assert view.hints == ("load it: nbtrack.open().models.get('churn@champion').load()",)


def test_delete_says_what_it_took_and_how_it_comes_back() -> None:
    store = Store()
    view = run_command(["delete", "forest-1", "forest-2"], store, experiment="here", prog="%track")
    expected = {"runs": ["forest-1", "forest-2"], "filter": None, "everything": False, "model": None}
    assert store.asked == [("trash.delete", {**expected, "experiment": "here"})]
    assert to_text(view) == (
        "In the trash: 1 run: a/forest-1 · 2 model versions: churn/1 and churn/2. %track undo takes them back; "
        "in 30 days %track gc may free 1 B."
    )
    for words, experiment, everything in (
        (["--experiment", "x"], "x", True),
        (["--experiment", "x", "forest-1"], "x", False),
        (["--filter", "a > 1"], "here", False),
        (["--filter", "a > 1", "--all"], None, False),
    ):
        run_command(["delete", *words], store, experiment="here")
        assert (store.asked[-1][1]["experiment"], store.asked[-1][1]["everything"]) == (
            experiment,
            everything,
        )


@pytest.mark.parametrize(
    ("words", "operation", "arguments", "says"),
    [
        ("rename f-1 f-2 new", "rename_runs", {"name": "new", "runs": ["f-1", "f-2"]},
         "The run a/forest-1 is a/new-1 now; the old name still finds it."),
        ("rename new --filter x=1", "rename_runs", {"name": "new", "runs": [], "filter": "x=1"}, "a/new-1"),
        ("rename new --experiment old", "rename_experiment", {"experiment": "old", "name": "new"}, "set its experiment"),
        ("rename f-1 new --experiment e", "rename_runs", {"name": "new", "runs": ["f-1"], "experiment": "e"}, "a/new-1"),
        ("rename --model churn risk", "rename_model", {"model": "churn", "name": "risk"}, "The model a/forest-1"),
        ("move f-1 new", "move", {"to": "new", "runs": ["f-1"]}, "is a/new-1 now"),
        ("move --experiment old new", "move", {"to": "new", "runs": [], "filter": "", "experiment": "old"}, "now"),
        ("tag f-1 x=1 y=", "tag", {"tags": {"x": "1", "y": ""}, "runs": ["f-1"]},
         "Tagged a/forest-1 and a/forest-2: x=1, y."),
        ("tag f-1 x=1 good", "tag", {"tags": {"x": "1", "good": ""}, "runs": ["f-1"]}, ": x=1, good."),
        ("tag f-1 f-2 good", "tag", {"tags": {"good": ""}, "runs": ["f-1", "f-2"]}, ": good."),
        ("tag --filter x>1 --all good", "tag",
         {"tags": {"good": ""}, "runs": [], "filter": "x>1", "experiment": None}, ": good."),
        ("tag --model churn/1 x=1", "tag", {"tags": {"x": "1"}, "model": "churn/1"}, "Tagged"),
        ("untag f-1 f-2 x", "untag", {"tags": ["x"], "runs": ["f-1", "f-2"]}, "Removed the tag x from"),
        ("note f-1 some words", "note", {"text": "some words", "runs": ["f-1"], "number": None}, "Noted for"),
        ("note f-1 --replace 2 word", "note", {"text": "word", "runs": ["f-1"], "number": 2}, "Noted for"),
        ("note f-1 --remove 2", "note", {"text": "", "runs": ["f-1"], "number": 2}, "Removed the note of"),
        ("note --filter x>1 word", "note", {"text": "word", "runs": [], "filter": "x>1", "number": None}, "Noted"),
        ("note --model churn some words", "describe", {"model": "churn", "text": "some words"}, "Described"),
        ("pin f-1", "pin", {"pinned": True, "runs": ["f-1"]}, "delete and gc pass over them."),
        ("unpin f-1", "pin", {"pinned": False, "runs": ["f-1"]}, "Unpinned a/forest-1 and a/forest-2."),
    ],
)  # fmt: skip
def test_curating_asks_for_what_was_typed(
    words: str, operation: str, arguments: dict[str, Any], says: str
) -> None:
    store = Store()
    view = run_command(words.split(), store, experiment="here")
    of_runs = {"filter": None, "experiment": "here"} if "runs" in arguments else {}
    assert store.asked == [(f"curation.{operation}", {**of_runs, **arguments})]
    assert says in to_text(view)


def test_a_sentence_is_no_block_of_code_in_a_notebook() -> None:
    html = to_html(run_command(["pin", "forest-1"], Store()))
    assert "<div>Pinned a/forest-1 and a/forest-2: delete and gc pass over them.</div>" in html
    assert "<pre" in to_html(run_command(["pin", "--help"], Store()))


def test_gc_follows_the_settings_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBTRACK_TRASH_DAYS", "7")
    store = Store()
    text = to_text(run_command(["gc", "--grace", "0", "--dry-run"], store))
    rules = {"trash_days": 7, "grace_days": 0, "executions_days": 0, "keep_models": None, "best": None}
    assert store.asked == [("retention.collect", {**rules, "compact": False, "dry_run": True})]
    assert "would free 1 kB (a dry run: nothing was removed)" in text
    assert "a stays." in text
    assert "nbtrack gc --compact gives that room to the disk" in text
    run_command(["gc", "--trash-days", "0", "--keep-models", "3", "--best", "loss", "--compact"], store)
    asked = store.asked[-1][1]
    assert (asked["trash_days"], asked["keep_models"], asked["best"], asked["compact"]) == (
        0,
        3,
        "loss",
        True,
    )


def test_du_asks_by_the_settings_and_shows_what_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBTRACK_GC_GRACE", "3")
    store = Store()
    text = to_text(run_command(["du", "--by", "run", "--limit", "7"], store))
    rules = {"trash_days": 30, "grace_days": 3, "executions_days": 0}
    assert store.asked == [("space.measure", {"by": "run", "limit": 7, **rules})]
    assert "2 kB in files of the store" in text
    assert "cells of no run" in text
    assert "50 %" in text
    assert "3 more take 1 B" in text
    assert "500 B are shared, counted once · 500 B belong to no run" in text
    by_kind = to_text(run_command(["du"], store))
    assert "models of runs" in by_kind
    assert "gc would free 7 B of content now" in by_kind


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["du", "--by", "week"], "'week' is not one of"),
        (["run"], "did you mean runs?"),
        (["comprae", "a", "b"], "did you mean compare?"),
        (["zzz"], "there are runs, search, show, compare"),
        (["runs", "--srot", "x"], "No such option"),
        (["runs", "--limit", "x"], "not a valid integer"),
        (["runs", "--limit", "0"], "not in the range"),
        (["show"], "Missing argument 'RUN'"),
        (["show", "a", "b"], "unexpected extra argument"),
        (["compare", "a"], "two runs at least"),
        (["register", "a", "b", "--tag", "x"], "KEY=VALUE"),
        (["--zzz"], "No such option"),
        (["rename"], "Missing argument 'NEW'"),
        (["rename", "new"], "Name runs, or give --filter EXPR"),
        (["rename", "a", "b", "--model", "churn"], "needs the new name alone"),
        (["move", "a", "b", "--filter", "x = 1"], "exclude each other"),
        (["tag", "a=b"], "Name runs, or give --filter EXPR"),
        (["tag", "forest-1", "=b"], "A tag is KEY=VALUE, such as team=risk; '=b' is not."),
        (["tag", "a", "b", "--model", "m"], "not both"),
        (["note"], "Name runs"),
        (["note", "--filter", "x = 1"], "Missing argument 'TEXT'"),
        (["note", "a", "--remove", "0"], "not in the range"),
        (["note", "a", "b", "--remove", "1"], "needs no text"),
        (["note", "a", "--replace", "1"], "needs a text"),
        (["pin"], "Name runs, or give --filter EXPR"),
        (["delete"], "Name what to delete"),
        (["delete", "a", "--filter", "x = 1"], "exclude each other"),
        (["undelete"], "Name what to take back"),
        (["gc", "--trash-days", "-1"], "not in the range"),
        (["gc", "--best", "loss"], "needs --keep-models"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(words: list[str], says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        run_command(words, Store(), prog="%track")
    assert says in caught.value.message
    assert "\n" not in caught.value.message
    assert "?." not in caught.value.message.replace("?).", "?.")


def test_errors_of_the_store_come_through() -> None:
    with pytest.raises(NotFound, match="no run forest-9"):
        run_command(["show", "forest-9"], Store())


def test_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], ["--help"], ["runs", "--help"], ["runs"], ["runs", "-h"]):
        run_command(words, Store())
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("name", command_names())
def test_help_explains_with_examples(name: str) -> None:
    view = run_command([name, "--help"], Store(), prog="%track")
    assert view.kind == "text"
    text = to_text(view)
    assert text.startswith(f"Usage: %track {name}")
    assert f"\n  %track {name}" in text
    assert "--json" in text
    assert "nbtrack " not in text.replace("%track", "")


def test_the_help_of_the_tree_names_every_command() -> None:
    text = to_text(run_command([], Store()))
    assert all(f"\n  {name} " in text for name in command_names())
    assert "nbtrack runs" in text


def test_an_empty_answer_says_what_to_do() -> None:
    assert "%%track NAME" in to_text(run_command(["runs"], Store([])))
    assert "Nothing matches x > 1" in to_text(run_command(["runs", "x > 1"], Store([])))
    assert "%track runs --all" in to_text(run_command(["runs"], Store([]), experiment="here", prog="%track"))
    assert "--limit 2 lists more" in to_text(run_command(["runs", "--limit", "1"], Store()))


def test_a_surface_adds_commands() -> None:
    tree = command_tree()

    @tree.command("pause", cls=Command, examples=("pause",))
    @click.pass_obj
    def pause(asking: Asking) -> View:
        """Stop remembering cells."""
        return View(kind="text", content=f"paused in {asking.experiment}")

    assert run_command(["pause"], Store(), experiment="here", tree=tree).content == "paused in here"
    assert "pause" not in command_names()
    assert complete(["pau"], Store(), tree=tree) == ["pause"]
    with pytest.raises(InvalidInput, match="did you mean pause"):
        run_command(["puase"], Store(), tree=tree)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([""], command_names()),
        (["c"], ["compare", "checkout", "card"]),
        ([], command_names()),
        (["show", ""], ["forest-2", "forest-1"]),
        (["show", "forest-1"], ["forest-1"]),
        (["show", "forest-1", ""], []),
        (["compare", "forest-1", "f"], ["forest-2", "forest-1"]),
        (["compare", "forest-1", "forest-2", "f"], ["forest-2", "forest-1"]),
        (["diff", "forest-1", "forest-2", ""], []),
        (["register", "forest-1", ""], ["churn"]),
        (["register", "forest-1", "churn", "--alias", "c"], ["champion"]),
        (["register", "forest-1", "--alias", "champion", "c"], ["churn"]),
        (["runs", "--s"], ["--sort"]),
        (["runs", "--sort", "acc"], ["accuracy"]),
        (["runs", "--sort", "-acc"], ["-accuracy"]),
        (["runs", "max"], ["max_depth"]),
        (["runs", "accuracy > 0.9 and max_"], ["max_depth"]),
        (["runs", "params."], ["params.max_depth"]),
        (["runs", "metrics."], ["metrics.accuracy", "metrics.`my loss`"]),
        (["runs", "--limit", ""], []),
        (["zzz", ""], []),
        (["rename", "forest-1"], ["forest-1"]),
        (["rename", "--experiment", "q"], ["quickstart"]),
        (["rename", "--model", ""], ["churn"]),
        (["move", "forest-1", "f"], ["forest-2", "forest-1", "final"]),
        (["untag", "forest-1", "t"], ["team"]),
        (["pin", "--filter", "max"], ["max_depth"]),
        (["undelete", "t"], ["thrown-1"]),
    ],
)
def test_completion(words: list[str], expected: list[str]) -> None:
    assert complete(words, Store()) == expected


def test_completion_of_a_store_that_does_not_answer_is_empty() -> None:
    class Gone(Store):
        def ask(self, operation: str, /, **arguments: Any) -> Any:
            raise NotFound("gone")

    assert complete(["show", ""], Gone()) == []
