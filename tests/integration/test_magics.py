"""``%track`` in a real kernel: the commands, completion, and what a person sees when they mistype."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import nbtrack

CELL = "%%track forest --tag kind=tree\ndepth = {depth}\ndef score(d):\n    return 0.5 + d / 100\nquality = score(depth)"
WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def tracked(kernel: Any) -> Any:
    for depth in (1, 3, 5):
        kernel.run(CELL.format(depth=depth), "cell")
    return kernel


def test_runs_is_a_widget_with_html_and_text(tracked: Any) -> None:
    (shown,) = tracked.run('%track runs "quality > 0.5 and depth <= 3" --sort -quality').displays
    assert WIDGET in shown
    assert "forest-2" in shown["text/plain"]
    assert "forest-3" not in shown["text/plain"]
    assert shown["text/html"].index("forest-2") < shown["text/html"].index("forest-1")
    assert "<script" not in shown["text/html"]


def test_plain_track_says_what_is_tracked(tracked: Any, folder: Path) -> None:
    answer = tracked.run("%track")
    assert str(folder / ".nbtrack") in answer.stdout
    assert "forest-3" in answer.displays[0]["text/plain"]


def test_compare_shows_only_what_differs(tracked: Any) -> None:
    text = tracked.run("%track compare forest-1 forest-3").displays[0]["text/plain"]
    assert "depth" in text
    assert "quality" in text
    assert "tags" not in text


def test_diff_shows_the_changed_cell(tracked: Any) -> None:
    text = tracked.run("%track diff forest-1 forest-3").displays[0]["text/plain"]
    assert "- depth = 1" in text
    assert "+ depth = 5" in text


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("%track forest", "did you mean %%track forest?"),
        ("%track runz", "did you mean %track runs?"),
        ("%track show forest-9", "There is no run forest-9 in this store; did you mean forest-"),
        ('%track runs "qualty > 1"', "did you mean 'quality'?"),
        ('%track runs "quality >"', "(column 10)"),
        ("%track compare forest-1", "needs two runs at least"),
        ("%track register forest-1 churn", "has no model"),
        ('%track runs "', "no closing quotation"),
        ("%track start", "Missing argument"),
        ("%track end", "No run is open here"),
        ("%%track --bogus\n1", "No such option"),
        ("%%track a/b\n1", "cannot be the name of a run"),
    ],
)
def test_a_mistake_is_one_usage_error(tracked: Any, line: str, sentence: str) -> None:
    answer = tracked.run(line)
    assert answer.status == "error"
    assert answer.stderr.startswith("UsageError: ")
    assert sentence in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_name_in_two_experiments_is_told_apart(tracked: Any) -> None:
    for experiment in ("red", "blue"):
        tracked.run(f"%%track same --experiment {experiment}\nx = 1")
    answer = tracked.run("%track show same-1")
    assert "blue/same-1, red/same-1" in answer.stderr
    assert tracked.run("%track show red/same-1").status == "ok"


def test_completion(tracked: Any) -> None:
    def candidates(text: str) -> list[str]:
        tracked.client.complete(text, len(text))
        return list(tracked.client.get_shell_msg(timeout=30)["content"]["matches"])

    assert candidates("%track compare for") == ["forest-3", "forest-2", "forest-1"]
    assert "register" in candidates("%track reg")
    assert "pause" in candidates("%track pa")
    assert "-quality" in candidates("%track runs --sort -qual")


def test_help(tracked: Any) -> None:
    text = tracked.run("%track --help").stdout
    for word in ("compare", "register", "pause", "Examples:"):
        assert word in text
    assert "+NAME" in tracked.run("%%track --help\npass").stdout
    tracked.client.inspect("%track")
    assert "Examples" in str(tracked.client.get_shell_msg(timeout=30)["content"])


def test_a_table_shows_itself_and_turns_into_data_frames(tracked: Any, folder: Path) -> None:
    table = nbtrack.open(folder).runs.search(sort="depth")
    assert [row.name for row in table] == ["forest-1", "forest-2", "forest-3"]
    assert list(table.to_pandas()["params.depth"]) == [1, 3, 5]
    assert table.to_polars()["metrics.quality"].to_list() == [0.51, 0.53, 0.55]
    import pyarrow

    assert pyarrow.table(table).column_names[:3] == ["id", "name", "experiment"]
    (shown,) = [tracked.run("import nbtrack; nbtrack.open().runs.search()")]
    assert "forest-3" in (shown.result or "")


def test_settings_by_config_environment_and_project(start_kernel: Any, folder: Path) -> None:
    (folder / "pyproject.toml").write_text('[tool.nbtrack]\nexperiment = "from-project"\nline = false\n')
    kernel = start_kernel()
    kernel.run("%load_ext nbtrack")
    assert kernel.run("%%track x\ny = 1").displays == []
    kernel.run("%config NbTrack.line = True")
    assert kernel.run("%%track x\ny = 1").displays != []
    kernel.run("%config NbTrack.experiment = 'from-config'")
    kernel.run("%%track x\ny = 1")
    kernel.run("import os; os.environ['NBTRACK_EXPERIMENT'] = 'from-environment'")
    kernel.run("%%track x\ny = 1")
    rows = nbtrack.open(folder).runs.search(sort="started").runs
    assert [row.experiment for row in rows] == [
        "from-project",
        "from-project",
        "from-config",
        "from-environment",
    ]


def test_the_notebook_file_gives_the_name_and_is_never_written(start_kernel: Any, folder: Path) -> None:
    import nbformat

    file = folder / "study.ipynb"
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_markdown_cell("# Study"), nbformat.v4.new_code_cell("old = 1", id="cell-1")]
    )
    nbformat.write(notebook, file)
    before = file.read_bytes()
    kernel = start_kernel(JPY_SESSION_NAME=str(file))
    kernel.run("%load_ext nbtrack", "loader")
    kernel.run("%%track x\nnew = 2\nprint(new)", "cell-1")
    run = nbtrack.open(folder).runs.get("x-1")
    assert run.detail.row.experiment == "study"
    snapshot = run.snapshot()
    assert snapshot.origin == "file+executions"
    sources = [cell["source"] for cell in snapshot.notebook["cells"]]
    assert sources == ["%load_ext nbtrack", "# Study", "%%track x\nnew = 2\nprint(new)"]
    assert file.read_bytes() == before


def test_the_store_is_beside_the_repository_s_root_private_and_ignored(
    start_kernel: Any, folder: Path
) -> None:
    import subprocess

    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    (folder / "a" / "b").mkdir(parents=True)
    kernel = start_kernel()
    kernel.run("import os; os.chdir('a/b')")
    kernel.run("%load_ext nbtrack")
    kernel.run("%%track x\ny = 1")
    store = folder / ".nbtrack"
    assert store.is_dir()
    assert store.stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o077 == 0 for path in store.rglob("*") if path.is_file())
    status = subprocess.run(
        ["git", "-C", str(folder), "status", "--porcelain"], capture_output=True, text=True
    )
    assert ".nbtrack" not in status.stdout


def test_a_store_that_has_grown_is_told_once(kernel: Any) -> None:
    kernel.run("%config NbTrack.store_warning = 1000")
    answers = [kernel.run(f"%%track x\ny = {number}") for number in range(3)]
    assert sum("setting store_warning" in answer.stdout for answer in answers) == 1


def test_a_notebook_without_a_path_does_not_ask_the_servers_at_each_cell(kernel: Any) -> None:
    kernel.run(
        "import nbtrack.ipython.notebook as notebook\nasked = []\n"
        "notebook._ask_servers = lambda: asked.append(1)\nimport os; os.environ['JPY_PARENT_PID'] = '1'"
    )
    kernel.run("x = 1")
    kernel.run("x = 2")
    assert kernel.run("len(asked)").result == "0"
