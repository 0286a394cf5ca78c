"""Tracked cells in a real kernel."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

import nbtrack
from nbtrack.client import Client
from nbtrack.errors import KeeperUnavailable

SETUP = """
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split
X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
trees = 10
"""

FOREST = """%%track forest
max_depth = {depth}
model = RandomForestClassifier(n_estimators=trees, max_depth=max_depth, random_state=0).fit(X_train, y_train)
accuracy = model.score(X_test, y_test)
"""


def store(folder: Path) -> Client:
    return nbtrack.open(folder)


def test_a_tracked_cell_is_a_run_without_a_log_call(kernel: Any, folder: Path) -> None:
    kernel.run(SETUP, "setup")
    first = kernel.run(FOREST.format(depth=1), "cell-a")
    second = kernel.run(FOREST.format(depth=5), "cell-a")
    assert first.status == second.status == "ok"
    assert first.line.startswith("forest-1")
    assert "max_depth 1 → 5" in second.line
    assert "accuracy" in second.line
    assert "▲" in second.line

    run = store(folder).runs.get("forest-2")
    assert run.status == "finished"
    assert run.params["max_depth"] == 5
    assert run.params["trees"] == 10
    assert set(run.metrics) == {"accuracy"}
    assert 0.8 < run.metrics["accuracy"] <= 1
    model, rows, fits = run.artifacts
    assert (rows.name, fits.name) == ("model.rows.json", "fits.json")
    assert (model.name, model.kind) == ("model", "model")
    assert model.params["max_depth"] == 5
    (cell,) = run.detail.cells
    assert (cell.cell_id, cell.outcome) == ("cell-a", "ok")
    assert cell.source == FOREST.format(depth=5)
    assert run.detail.packages["scikit-learn"]
    assert {data.name: data.role for data in run.detail.datasets} == {
        "X_train": "train",
        "y_train": "train",
        "X_test": "test",
        "y_test": "test",
        "load_breast_cancer.data": "source",
        "load_breast_cancer.target": "source",
    }
    assert run.model().get_params()["max_depth"] == 5


def test_the_output_and_result_are_those_of_the_plain_cell(start_kernel: Any) -> None:
    body = "print('hello')\nx = 6 * 7\nx"
    plain, tracked = start_kernel(), start_kernel()
    tracked.run("%load_ext nbtrack")
    plain.run("pass")
    without, with_it = plain.run(body), tracked.run(f"%%track answer\n{body}")
    assert (with_it.stdout, with_it.result, with_it.stderr) == (
        without.stdout,
        without.result,
        without.stderr,
    )
    assert with_it.count == without.count
    assert tracked.run("_ + 1").result == "43"
    assert tracked.run("Out[2]").result == "42"


def test_a_failing_cell_is_a_failed_run_with_its_traceback(kernel: Any, folder: Path) -> None:
    answer = kernel.run("%%track bad\nlr = 0.1\nsecret = 'hunter2'\n1 / 0\nnever = 3")
    assert (answer.status, answer.ename) == ("error", "ZeroDivisionError")
    run = store(folder).runs.get("bad-1")
    assert run.status == "failed"
    assert run.params["lr"] == 0.1
    assert "never" not in run.params
    assert "ZeroDivisionError" in (run.detail.traceback or "")
    assert "line 4" in (run.detail.traceback or "")  # the header keeps its line
    assert "failed" in answer.line


def test_an_unparsable_cell_fails_as_it_would_without_nbtrack(kernel: Any, folder: Path) -> None:
    answer = kernel.run("%%track broken\nx = = 1")
    assert (answer.status, answer.ename) == ("error", "SyntaxError")
    run = store(folder).runs.get("broken-1")
    assert run.status == "failed"
    assert "SyntaxError" in (run.detail.traceback or "")


def test_an_interrupted_cell_is_an_interrupted_run(kernel: Any, folder: Path) -> None:
    request = kernel.send("%%track long\nimport time\nopen('started', 'w').close()\ntime.sleep(60)")
    deadline = time.monotonic() + 30
    while not (folder / "started").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    kernel.manager.interrupt_kernel()
    answer = kernel.wait(request)
    assert answer.ename == "KeyboardInterrupt"
    assert store(folder).runs.get("long-1").status == "interrupted"


def test_a_run_whose_kernel_died_is_crashed(kernel: Any, folder: Path) -> None:
    kernel.run("%track start doomed")
    kernel.run("import nbtrack; nbtrack.log(loss=0.5)")
    runs = store(folder).runs
    assert runs.get("doomed-1").status == "running"
    kernel.kill()
    deadline = time.monotonic() + 20
    while runs.get("doomed-1").status == "running" and time.monotonic() < deadline:
        time.sleep(0.2)
    assert runs.get("doomed-1").status == "crashed"
    assert runs.get("doomed-1").metrics == {"loss": 0.5}


def test_the_line_shows_the_short_id_when_the_name_is_not_known_in_time(
    start_kernel: Any, folder: Path
) -> None:
    kernel = start_kernel(NBTRACK_LINE_WAIT="0")
    kernel.run("%load_ext nbtrack")
    answer = kernel.run("%%track soon\nx = 1")
    (row,) = store(folder).runs.search()
    assert answer.line.startswith(f"soon ({row.id[:13]}) · ")
    assert store(folder).runs.get(row.id[:13]).name == "soon-1"


def test_explicit_logging_steers_the_cell_s_run(kernel: Any, folder: Path) -> None:
    (folder / "notes.txt").write_text("by hand")
    kernel.run(
        "%%track mixed --tag stage=dev --param chosen --metric measured\n"
        "import nbtrack\n"
        "chosen = int('3')\nmeasured = 7\n"
        "for step in range(3):\n    nbtrack.log(loss=1 / (step + 1), step=step)\n"
        "nbtrack.params(lr=0.1)\nnbtrack.tag('baseline')\nnbtrack.artifact('notes.txt')\n"
    )
    run = store(folder).runs.get("mixed-1")
    assert run.params["chosen"] == 3
    assert run.params["lr"] == 0.1
    assert run.metrics == {"loss": pytest.approx(1 / 3), "measured": 7.0}
    assert run.metric("loss").steps.tolist() == [0, 1, 2]
    assert run.metric("loss").values.tolist() == [1, 0.5, pytest.approx(1 / 3)]
    assert run.tags == {"stage": "dev", "baseline": ""}
    assert run.artifact("notes.txt") == b"by hand"


def test_a_wished_metric_that_is_no_number_costs_nothing_else(kernel: Any, folder: Path) -> None:
    answer = kernel.run(
        "%%track wished --metric text --metric gone\nlr = 0.5\ntext = 'high'\nscore = round(2.5 ** 2, 1)"
    )
    assert "The metric text must be a number" in answer.line
    assert "gone was to be recorded" in answer.line
    run = store(folder).runs.get("wished-1")
    assert run.params["lr"] == 0.5
    assert [cell.outcome for cell in run.detail.cells] == ["ok"]


def test_log_without_a_run_opens_the_execution_s_own(kernel: Any, folder: Path) -> None:
    answer = kernel.run("import nbtrack\nnbtrack.log(loss=0.25)")
    assert answer.line.startswith("run-1")
    kernel.run("nbtrack.log(loss=0.125)")
    assert store(folder).runs.get("run-2").metrics == {"loss": 0.125}


def test_a_run_spans_cells(kernel: Any, folder: Path) -> None:
    kernel.run("%track start long")
    kernel.run("lr = 0.5", "one")
    kernel.run(
        "score = sum([0.25, 0.5]) + abs(-0.0)\nimport math\ndef measure():\n    return 0.75\nresult = measure()",
        "two",
    )
    kernel.run("%track end", "three")
    kernel.run("%%track +long\nlater = measure()", "four")
    run = store(folder).runs.get("long-1")
    assert run.status == "finished"
    assert run.params["lr"] == 0.5
    assert run.metrics["result"] == 0.75
    assert run.metrics["later"] == 0.75
    assert [cell.cell_id for cell in run.detail.cells] == ["one", "two", "three", "four"]


def test_join_adds_to_the_run_whose_model_is_used(kernel: Any, folder: Path) -> None:
    kernel.run(SETUP)
    kernel.run(FOREST.format(depth=2))
    kernel.run(FOREST.format(depth=3).replace("model", "other"))
    answer = kernel.run("%%track --join\ntrain_accuracy = model.score(X_train, y_train)")
    assert answer.status == "ok", answer
    assert "train_accuracy" in store(folder).runs.get("forest-1").metrics
    wrong = kernel.run("%%track --join\nx = 1\nx")
    assert (wrong.status, wrong.result) == (
        "ok",
        "1",
    )  # the cell runs whatever is wrong with the header's wish
    assert wrong.line.startswith("not tracked: --join: this cell reads no model")


def test_going_on_with_a_run_that_is_not_there_is_said_below_the_cell(kernel: Any, folder: Path) -> None:
    answer = kernel.run("%%track +nothing\n41 + 1")
    assert (answer.status, answer.result) == ("ok", "42")
    assert answer.line.startswith("not tracked: There is no run of the name nothing")
    assert kernel.run("# nbtrack: run a/b\n1").line.startswith(
        "not tracked: 'a/b' cannot be the name of a run"
    )
    assert len(store(folder).runs.search()) == 0


def test_the_git_state_and_the_packages_are_recorded(kernel: Any, folder: Path) -> None:
    def git(*words: str) -> str:
        identity = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
        done = subprocess.run(
            ["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    git("init", "-q", "-b", "main")
    (folder / "code.py").write_text("a = 1\n")
    git("add", "code.py")
    git("commit", "-qm", "first")
    for name, dirty in (("clean", False), ("changed", True)):
        kernel.run(f"%%track {name}\nx = 1")
        deadline = time.monotonic() + 10
        while (
            store(folder).runs.get(f"{name}-1").detail.revision.commit is None and time.monotonic() < deadline
        ):
            time.sleep(0.05)
        revision = store(folder).runs.get(f"{name}-1").detail.revision
        assert (revision.commit, revision.branch, revision.dirty) == (git("rev-parse", "HEAD"), "main", dirty)
        (folder / "code.py").write_text("a = 2\n")


def test_pause_and_resume(kernel: Any, folder: Path) -> None:
    kernel.run("%track pause")
    kernel.run("%%track hidden\nx = 1")
    kernel.run("%track resume")
    kernel.run("%%track shown\nx = 1")
    assert [row.name for row in store(folder).runs.search()] == ["shown-1"]


def test_a_comment_makes_a_run_too(kernel: Any, folder: Path) -> None:
    kernel.run("# nbtrack: run quiet --no-model\nlr = 0.125")
    assert store(folder).runs.get("quiet-1").params == {"lr": 0.125}


@pytest.mark.parametrize(
    "code",
    [
        "%%time\n%%track timed\nlr = 0.5",
        "%%track timed\n%%time\nlr = 0.5",
        "%%track timed\n%%capture\nlr = 0.5",
        "%%capture\n%%track timed\nlr = 0.5",
        "%%track timed\nfrom __future__ import annotations\nlr = 0.5",
        "%%track timed\nimport asyncio\nawait asyncio.sleep(0)\nlr = 0.5",
    ],
)
def test_other_magics_and_kinds_of_cells(kernel: Any, folder: Path, code: str) -> None:
    answer = kernel.run(code)
    assert answer.status == "ok", answer
    run = store(folder).runs.get("timed-1")
    assert (run.status, run.params) == ("finished", {"lr": 0.5})
    assert kernel.run("lr").result == "0.5"


def test_snapshot_and_unsaved_cells(kernel: Any, folder: Path) -> None:
    kernel.run("a = 1", "first")
    kernel.run("%%track snap\nprint('seen')\nb = a + 1\nb", "second")
    snapshot = store(folder).runs.get("snap-1").snapshot()
    assert snapshot.origin == "executions"
    sources = [cell["source"] for cell in snapshot.notebook["cells"]]
    assert sources == ["%load_ext nbtrack", "a = 1", "%%track snap\nprint('seen')\nb = a + 1\nb"]
    outputs = snapshot.notebook["cells"][2]["outputs"]
    assert [output["output_type"] for output in outputs] == ["stream", "execute_result"]
    assert outputs[0]["text"] == "seen\n"


def test_nan_infinity_and_odd_names(kernel: Any, folder: Path) -> None:
    kernel.run(
        "%%track odd\nimport nbtrack\n"
        "nbtrack.log({'a b/c': float('nan'), 'π': float('inf'), '🙂': -0.0})\n"
        "nbtrack.params({'nul\\0': 'x\\0y', 'lone\\ud800': '\\ud800', 'big': 2**70, 'none': None, 'nan': float('nan')})\n"
        "nbtrack.params({f'p{i}': i for i in range(10_000)})\n"
    )
    run = store(folder).runs.get("odd-1")
    assert run.metrics["a b/c"] != run.metrics["a b/c"]
    assert run.metrics["π"] == float("inf")
    assert "🙂" in run.metrics
    assert run.params["nul\0"] == "x\0y"
    assert run.params["lone\\ud800"] == "\ud800"
    assert run.params["big"] == 2**70
    assert run.params["none"] is None
    assert run.params["p9999"] == 9999


def test_a_too_large_model_is_named_and_nothing_else_is_lost(kernel: Any, folder: Path) -> None:
    kernel.run(SETUP)
    kernel.run("%config NbTrack.model_limit = 1000")
    answer = kernel.run(FOREST.format(depth=4))
    run = store(folder).runs.get("forest-1")
    assert run.artifacts[0].digest is None
    assert "1,000 bytes" in (run.artifacts[0].note or "")
    assert "model" in answer.line
    assert run.metrics["accuracy"] > 0.8


def test_unload_leaves_nothing(kernel: Any, folder: Path) -> None:
    kernel.run("%%track before\nx = 1")
    kernel.run("%unload_ext nbtrack")
    assert kernel.run("%%track after\nx = 1").status == "error"
    check = (
        "ip = get_ipython()\n"
        "print([f for fs in ip.events.callbacks.values() for f in fs if 'nbtrack' in str(f)],"
        " [t for t in ip.input_transformers_cleanup if 'nbtrack' in type(t).__module__],"
        " [c for c in ip.configurables if 'nbtrack' in type(c).__module__])"
    )
    assert kernel.run(check).stdout == "[] [] []\n"
    assert len(store(folder).runs.search()) == 1
    assert kernel.run("%load_ext nbtrack").status == "ok"
    kernel.run("%%track after\nx = 1")
    assert len(store(folder).runs.search()) == 2


def test_a_broken_hook_never_reaches_the_cell(kernel: Any, folder: Path) -> None:
    kernel.run(
        "import nbtrack.ipython.hooks as hooks\n"
        "def explode(*a, **k):\n    raise SystemExit('from a hook')\n"
        "hooks.CellHooks._end = explode\nhooks.Saves.take = explode"
    )
    answer = kernel.run("%%track x\nprint('still here')\n41 + 1")
    assert (answer.status, answer.stdout, answer.result, answer.stderr) == ("ok", "still here\n", "42", "")
    assert kernel.run("'alive'").result == "'alive'"


def test_an_execution_that_never_told_its_end_does_not_hide_the_next(kernel: Any, folder: Path) -> None:
    kernel.run(
        "import gc\nfrom nbtrack.ipython.hooks import CellHooks\n"
        "hooks = next(o for o in gc.get_objects() if type(o) is CellHooks)\n"
        "for _ in range(2):\n    hooks.executions.push(object())"
    )
    kernel.run("%%track next\nx = 1")
    assert store(folder).runs.get("next-1").params == {"x": 1}


def test_a_store_that_cannot_be_made_turns_nbtrack_off_in_one_sentence(
    start_kernel: Any, folder: Path
) -> None:
    blocked = folder / "file"
    blocked.write_text("")
    kernel = start_kernel(NBTRACK_STORE=str(blocked / "store"))
    answer = kernel.run("%load_ext nbtrack")
    assert answer.status == "ok"
    assert answer.stdout.startswith("nbtrack is off: The store")
    assert len(answer.stdout.splitlines()) == 1
    assert "nbtrack is off" in kernel.run("%track").stderr
    assert kernel.run("1 + 1").result == "2"


def test_a_store_that_vanishes_leaves_the_cell_alone(kernel: Any, folder: Path) -> None:
    import shutil

    kernel.run("%%track x\ny = 1")
    shutil.rmtree(folder / ".nbtrack")
    answer = kernel.run("%%track x\nprint('fine')\n7")
    assert (answer.status, answer.stdout, answer.result) == ("ok", "fine\n", "7")
    with pytest.raises((KeeperUnavailable, nbtrack.NbtrackError)):
        store(folder).runs.search()
    assert not (folder / ".nbtrack").exists()


def test_what_a_cell_logs_with_another_tracker_is_recorded_too(kernel: Any, folder: Path) -> None:
    (folder / "mlflow.py").write_text(
        "def log_metric(key, value, step=None): return 'as ever'\ndef log_params(params): pass\n",
        encoding="utf-8",
    )
    answer = kernel.run(
        "import mlflow\nmlflow.log_params({'lr': 0.1})\n"
        "for i in range(3): said = mlflow.log_metric('loss', 1 / (i + 1), step=i)\nsaid"
    )
    assert (answer.status, answer.result) == ("ok", "'as ever'")
    kernel.run("mlflow.log_metric('loss', 'no number')\nmlflow.log_metric('fig', object())")
    (run,) = store(folder).runs.search()
    assert (run.params, run.metrics) == ({"lr": 0.1}, {"loss": 1 / 3})
    kernel.run("%unload_ext nbtrack")
    assert kernel.run("mlflow.log_metric.__code__.co_filename.endswith('mlflow.py')").result == "True"


def test_a_run_of_several_cells_goes_on_after_its_end(kernel: Any, folder: Path) -> None:
    assert (
        "There is no run" in kernel.run("%track start +long").stdout + kernel.run("%track start +long").stderr
    )
    kernel.run("%track start long")
    kernel.run("lr = 0.1")
    kernel.run("%track end")
    kernel.run("%track start +long")
    kernel.run("depth = 3")
    kernel.run("%track end")
    (run,) = store(folder).runs.search()
    assert (run.name, run.status) == ("long-1", "finished")
    assert run.params == {"lr": 0.1, "depth": 3}
