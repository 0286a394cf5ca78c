"""Logging from plain scripts, IPython in a terminal, and forked children."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

import nbtrack
from nbtrack.keeper import connect


def run_script(folder: Path, code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    script = folder / "train.py"
    script.write_text(textwrap.dedent(code))
    return subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=folder,
        env={**os.environ, **environment},
    )


def test_a_script_is_one_run(folder: Path) -> None:
    done = run_script(
        folder,
        """
        import nbtrack
        for step in range(5):
            nbtrack.log(loss=1 / (step + 1))
        nbtrack.params(lr=0.1)
        """,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    run = nbtrack.open(folder).runs.get("train-1")
    assert (run.status, run.detail.row.experiment) == ("finished", "train")
    assert run.metric("loss").steps.tolist() == [0, 1, 2, 3, 4]


def test_a_failing_script_is_a_failed_run(folder: Path) -> None:
    done = run_script(folder, "import nbtrack\nnbtrack.log(loss=1)\nraise ValueError('no')\n")
    assert done.returncode == 1
    assert nbtrack.open(folder).runs.get("train-1").status == "failed"


def test_runs_of_a_with_block(folder: Path) -> None:
    run_script(
        folder,
        """
        import nbtrack
        with nbtrack.run("good") as run:
            run.log(score=1)
            nbtrack.log(score=2)
            print(run.name)
        try:
            with nbtrack.run("bad"):
                raise KeyError("x")
        except KeyError:
            pass
        """,
    )
    client = nbtrack.open(folder)
    assert client.runs.get("good-1").metric("score").values.tolist() == [1, 2]
    assert client.runs.get("bad-1").status == "failed"
    assert "KeyError" in (client.runs.get("bad-1").detail.traceback or "")


def test_threads_that_begin_at_once_share_a_session_and_each_keep_their_run(folder: Path) -> None:
    done = run_script(
        folder,
        """
        import nbtrack, threading
        together = threading.Barrier(8)
        def train(number):
            together.wait()
            with nbtrack.run(f"thread{number}"):
                for step in range(50):
                    nbtrack.log({f"loss{number}": number})
        threads = [threading.Thread(target=train, args=(number,)) for number in range(8)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        """,
    )
    assert (done.returncode, done.stderr) == (0, "")
    runs = [nbtrack.open(folder).runs.get(f"thread{number}-1") for number in range(8)]
    found = [{name: run.metric(name).values.tolist() for name in run.metrics} for run in runs]
    assert found == [{f"loss{number}": [number] * 50} for number in range(8)]


def test_threads_that_log_first_at_once_share_the_script_s_run(folder: Path) -> None:
    done = run_script(
        folder,
        """
        import nbtrack, threading
        together = threading.Barrier(8)
        def work():
            together.wait()
            nbtrack.log(loss=1)
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        """,
    )
    assert (done.returncode, done.stderr) == (0, "")
    (row,) = nbtrack.open(folder).runs.search()
    assert len(nbtrack.open(folder).runs.get(row.id).metric("loss")) == 8


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_threads_of_a_forked_child_that_log_first_at_once_lose_nothing(folder: Path) -> None:
    done = run_script(
        folder,
        """
        import nbtrack, os, threading
        with nbtrack.run("parent") as run:
            run.log(a=0)
            if os.fork() == 0:
                together = threading.Barrier(8)
                def work():
                    together.wait()
                    for _ in range(50):
                        run.log(a=1)
                threads = [threading.Thread(target=work) for _ in range(8)]
                for thread in threads: thread.start()
                for thread in threads: thread.join()
                os._exit(0)
            os.wait()
        """,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert nbtrack.open(folder).runs.get("parent-1").metric("a").values.sum() == 400


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_records_into_a_journal_of_its_own(folder: Path) -> None:
    done = run_script(
        folder,
        """
        import os, nbtrack
        with nbtrack.run("both") as run:
            for _ in range(100):
                run.log(parent=1)
            if (child := os.fork()) == 0:
                for _ in range(100):
                    run.log(child=1)
                os._exit(0)
            os.waitpid(child, 0)
            for _ in range(100):
                run.log(parent=1)
        """,
    )
    assert done.returncode == 0, done.stderr
    run = nbtrack.open(folder).runs.get("both-1")
    assert len(run.metric("parent")) == 200
    assert len(run.metric("child")) == 100


def test_columns_and_points_of_every_number_are_read_back(folder: Path) -> None:
    done = run_script(
        folder,
        """
        import nbtrack
        with nbtrack.run("many") as run:
            run.log(loss=1, step=5)
            run.log(loss=2.0)
            run.log(loss=True, step=2**70)
            nbtrack.log_series("loss", [3, 4])
            run.log_series("long", range(300_000), steps=range(0, 600_000, 2))
        """,
    )
    assert done.returncode == 0, done.stderr
    run = nbtrack.open(folder).runs.get("many-1")
    assert run.metric("loss").values.tolist() == [1, 2, 1, 3, 4]
    assert run.metric("loss").steps.tolist()[:3] == [5, 6, 2**63 - 1]
    assert run.metric("long").values.tolist() == list(range(300_000))
    assert run.metric("long").steps.tolist() == list(range(0, 600_000, 2))


def test_what_nobody_takes_in_is_synced_beside_the_loop_the_files_before_what_promises_them(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NBTRACK_KEEPER", "off")
    done = run_script(
        folder,
        """
        import os, threading, time
        synced, real = [], os.fsync
        def sync(file):
            synced.append((threading.current_thread().name, os.readlink(f"/proc/self/fd/{file}")))
            real(file)
        os.fsync = sync
        import nbtrack
        nbtrack.artifact(b"content", "a.bin")
        nbtrack.log(loss=1.0)
        before = set(synced)
        deadline = time.monotonic() + 30
        while not any("/journal/" in path for _, path in set(synced) - before) and time.monotonic() < deadline:
            time.sleep(0.01)
        beside = [path for thread, path in synced if thread == "nbtrack-watch"]
        files = [index for index, path in enumerate(beside) if "/incoming/" in path]
        journals = [index for index, path in enumerate(beside) if "/journal/" in path]
        assert files[0] < journals[0], beside
        assert all(thread == "nbtrack-watch" for thread, _ in synced), synced
        """,
    )
    assert done.returncode == 0, done.stderr


def test_a_killed_keeper_is_started_again_while_records_wait(folder: Path) -> None:
    done = run_script(
        folder,
        """
        import nbtrack, os, signal, time
        with nbtrack.run("long") as run:
            run.log(loss=1.0)
            run.name
            pid = int(run._session.proxy.ask("store.status").keeper.split()[1])
            os.kill(pid, signal.SIGKILL)
            run.log(loss=2.0)
            deadline = time.monotonic() + 30
            # Nobody asks: the thread that watches sees that the record is not taken in.
            while not run._session.proxy.is_up() and time.monotonic() < deadline:
                time.sleep(0.1)
            print("up" if run._session.proxy.is_up() else "down")
        """,
    )
    assert (done.returncode, done.stdout) == (0, "up\n"), done.stderr
    assert nbtrack.open(folder).runs.get("long-1").metric("loss").values.tolist() == [1, 2]


def test_what_was_logged_survives_the_kill_of_the_process_and_of_the_keeper(folder: Path) -> None:
    done = run_script(
        folder,
        """
        import nbtrack, os, signal
        with nbtrack.run("killed") as run:
            pid = int(run._session.proxy.ask("store.status").keeper.split()[1])
            os.kill(pid, signal.SIGSTOP)
            for step in range(50_000):
                nbtrack.log(loss=step / 7, step=step)
            os.kill(pid, signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)
        """,
    )
    assert done.returncode == -9
    run = nbtrack.open(folder).runs.get("killed-1")
    assert len(run.metric("loss")) == 50_000
    assert run.status in ("running", "crashed")


def test_strict_durability_is_a_setting(folder: Path) -> None:
    done = run_script(
        folder,
        """
        import os
        synced, real = [], os.fsync
        os.fsync = os.fdatasync = lambda file: (synced.append(file), real(file))[1]
        import nbtrack
        nbtrack.log(loss=1.0)
        before = len(synced)
        for _ in range(10):
            nbtrack.log(loss=1.0)
        print(len(synced) - before >= 10)
        """,
        NBTRACK_DURABILITY="power",
    )
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_without_a_keeper_each_answer_starts_a_process_of_its_own(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NBTRACK_KEEPER", "off")
    run_script(folder, "import nbtrack\nnbtrack.log(loss=1)\n")
    proxy = connect(folder / ".nbtrack")
    assert proxy.ask("runs.get", run="train-1").row.metrics == {"loss": 1.0}
    assert proxy.ask("store.status").keeper.startswith("none")


def test_bad_values_are_one_clear_sentence(folder: Path) -> None:
    done = run_script(folder, "import nbtrack\nnbtrack.log(loss='high')\n")
    assert "The metric loss must be a number, not builtins.str" in done.stderr


def test_track_in_plain_ipython(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--no-banner", "--colors=NoColor", "--simple-prompt"],
        input="%load_ext nbtrack\n# nbtrack: run plain\nlr = 0.5\n%track models\n",
        capture_output=True,
        text=True,
        timeout=60,
        cwd=folder,
    )
    assert done.returncode == 0
    assert "nbtrack remembers" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_track_in_an_ipy_file(folder: Path) -> None:
    (folder / "job.ipy").write_text("%%track scripted\nlr = 0.25\nprint('ran', lr)\n")
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--ext=nbtrack", "job.ipy"],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    assert "ran 0.25" in done.stdout
    run = nbtrack.open(folder).runs.get("scripted-1")
    assert (run.status, run.params) == ("finished", {"lr": 0.25})


def test_the_person_s_folder_is_never_imported_by_the_keeper(folder: Path) -> None:
    for name in ("json", "apsw", "lark", "asyncio", "logging"):
        (folder / f"{name}.py").write_text("raise SystemExit('imported from the wrong place')")
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; sys.path.pop(0); import nbtrack; nbtrack.log(loss=1); print('logged')",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=folder,
    )
    assert done.stdout == "logged\n", done.stderr
    assert len(nbtrack.open(folder).runs.search()) == 1


def kernel_children(kernel: Any) -> str:
    return str(
        kernel.run("import os; print(open(f'/proc/self/task/{os.getpid()}/children').read().split())").stdout
    )


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc")
def test_the_keeper_is_no_child_of_the_kernel(kernel: Any) -> None:
    # What starts the keeper is a child for a moment; a cell's end collects it.
    deadline = time.monotonic() + 20
    while (found := kernel_children(kernel).strip()) != "[]" and time.monotonic() < deadline:
        kernel.run("%%track x\ny = 1")
        time.sleep(0.1)
    assert found == "[]"
