"""Forks, pools, joblib, threads and tasks inside tracked cells: each log call reaches the run that it belongs to, once."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import nbtrack

pytestmark = pytest.mark.skipif(
    not hasattr(os, "memfd_create"), reason="workers learn of the run on Linux only"
)


@pytest.fixture
def kernel(module_kernel: Any, folder: Path) -> Iterator[Any]:
    """A kernel with nbtrack loaded, of which the test before left nothing: each start of one costs two seconds."""
    module_kernel.run(f"import os; os.chdir({str(folder)!r})")
    answer = module_kernel.run("%load_ext nbtrack")
    assert (answer.status, len(answer.stdout.splitlines())) == ("ok", 1), answer
    yield module_kernel
    module_kernel.run("%unload_ext nbtrack")


def cell(kernel: Any, code: str) -> Any:
    answer = kernel.run(textwrap.dedent(code).strip() + "\n")
    assert answer.status == "ok", answer
    return answer


def names(folder: Path) -> list[str]:
    return sorted(row.name for row in nbtrack.open(folder).runs.search())


def test_a_forked_child_logs_to_the_cell_s_run_and_does_not_end_it(kernel: Any, folder: Path) -> None:
    answer = cell(
        kernel,
        """
        %%track forked
        import nbtrack, os, sys
        def child(how):
            if (pid := os.fork()) == 0:
                for _ in range(10):
                    nbtrack.log(child=1)
                if how == "exit":
                    try:
                        sys.exit(3)
                    finally:  # as at the end of a program, but for the kernel's own doings
                        nbtrack.session.current_session().close()
                        os._exit(3)
                os._exit(0)
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        nbtrack.log(parent=1)
        codes = [child("quick"), child("exit")]
        nbtrack.log(parent=2)
        lr = 0.5
        codes
        """,
    )
    assert answer.result == "[0, 3]"
    run = nbtrack.open(folder).runs.get("forked-1")
    assert (run.status, run.params) == ("finished", {"lr": 0.5})
    assert len(run.metric("child")) == 20
    assert run.metric("parent").values.tolist() == [1, 2]
    assert names(folder) == ["forked-1"]
    assert len(run.detail.cells) == 1


def test_a_child_that_raises_out_of_a_block_or_a_cell_ends_nothing(folder: Path, start_kernel: Any) -> None:
    kernel = start_kernel()
    kernel.run("%load_ext nbtrack")
    answer = cell(
        kernel,
        """
        %%track split
        import nbtrack, os
        try:
            with nbtrack.run("inner"):
                nbtrack.log(loss=1)
                if (pid := os.fork()) == 0:
                    nbtrack.log(loss=2)
                    raise ValueError("the child's")
                os.waitpid(pid, 0)
                nbtrack.log(loss=3)
        except ValueError:
            assert not pid
        if not pid:
            # The child comes out of the cell as the parent does: its hooks run, and must not record the cell again.
            get_ipython().events.trigger("post_execute")
            get_ipython().events.trigger("post_run_cell", None)
            os._exit(0)
        lr = 0.5
        """,
    )
    assert answer.line.startswith("split-1")
    runs = nbtrack.open(folder).runs
    assert sorted(runs.get("inner-1").metric("loss").values.tolist()) == [1, 2, 3]
    assert (runs.get("inner-1").status, runs.get("inner-1").detail.traceback) == ("finished", None)
    assert (runs.get("split-1").status, runs.get("split-1").params) == ("finished", {"lr": 0.5})
    assert len(runs.get("split-1").detail.cells) == 1


WORK = """
import nbtrack, os
def work(number):
    nbtrack.log(square=number * number)
    return number * number
"""


@pytest.mark.parametrize(
    "pool",
    [
        "from multiprocessing import get_context\nwith get_context('fork').Pool(2) as pool:\n"
        "    found = pool.map(work, range(6), chunksize=1)\n    pool.close()\n    pool.join()",
        "from multiprocessing import get_context\nfrom jobs import work\nwith get_context('spawn').Pool(2) as pool:\n"
        "    found = pool.map(work, range(6), chunksize=1)\n    pool.close()\n    pool.join()",
        "from concurrent.futures import ProcessPoolExecutor\nwith ProcessPoolExecutor(2) as pool:\n"
        "    found = list(pool.map(work, range(6)))",
        "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(2) as pool:\n"
        "    found = list(pool.map(work, range(6)))",
        "from joblib import Parallel, delayed\nfound = Parallel(2)(delayed(work)(n) for n in range(6))",
    ],
    ids=["fork", "spawn", "executor", "threads", "loky"],
)
def test_the_workers_of_a_pool_log_to_the_cell_s_run(kernel: Any, folder: Path, pool: str) -> None:
    (folder / "jobs.py").write_text(WORK)
    kernel.run(WORK)
    answer = cell(kernel, f"%%track pooled\n{pool}\nfound")
    assert answer.result == "[0, 1, 4, 9, 16, 25]"
    run = nbtrack.open(folder).runs.get("pooled-1")
    assert run.status == "finished"
    assert sorted(run.metric("square").values.tolist()) == [0, 1, 4, 9, 16, 25]
    # Workers that are used again log to the run of the cell that uses them, and end none.
    cell(kernel, f"%%track again\n{pool}\nfound")
    assert sorted(nbtrack.open(folder).runs.get("again-1").metric("square").values.tolist()) == [
        0,
        1,
        4,
        9,
        16,
        25,
    ]
    assert len(run.metric("square")) == len(nbtrack.open(folder).runs.get("pooled-1").metric("square"))
    assert names(folder) == ["again-1", "pooled-1"]


def test_quick_forks_while_a_thread_logs_never_block(kernel: Any, folder: Path) -> None:
    forks = 1000 if os.environ.get("NBTRACK_TEST_ALL_FORKS") else 150
    answer = cell(
        kernel,
        f"""
        %%track busy
        import faulthandler, nbtrack, os, threading
        hung = open("hung.txt", "w")
        done = threading.Event()
        count = 0
        def busy():
            global count
            while not done.is_set():
                nbtrack.log(busy=1)
                count += 1
        thread = threading.Thread(target=busy)
        thread.start()
        stuck = 0
        for number in range({forks}):
            if (pid := os.fork()) == 0:
                # one that waits for a lock that nobody will release dies of it, and says where it waits
                faulthandler.dump_traceback_later(20, exit=True, file=hung)
                nbtrack.log(child=number)
                os._exit(0)
            stuck += os.waitpid(pid, 0)[1] != 0
        done.set()
        thread.join()
        stuck, count
        """,
    )
    stuck, count = ast.literal_eval(answer.result)
    assert stuck == 0, (folder / "hung.txt").read_text()
    run = nbtrack.open(folder).runs.get("busy-1")
    assert sorted(run.metric("child").values.tolist()) == list(range(forks))
    assert len(run.metric("busy")) == count


def test_a_child_that_is_forked_while_nbtrack_is_being_imported_logs(folder: Path) -> None:
    (folder / "fork.py").write_text(
        "import faulthandler, nbtrack, os, sys, threading\n"
        "begun = threading.Event()\n"
        "class Slow:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'nbtrack.tracking':\n"
        "            begun.set()\n"
        "            threading.Event().wait(1.0)\n"
        "sys.meta_path.insert(0, Slow())\n"
        "thread = threading.Thread(target=lambda: nbtrack.log(parent=1))\n"
        "thread.start()\n"
        "begun.wait()\n"
        "if (pid := os.fork()) == 0:\n"
        "    faulthandler.dump_traceback_later(20, exit=True)\n"
        "    nbtrack.log(child=1)\n"
        "    os._exit(0)\n"
        "thread.join()\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n"
    )
    done = subprocess.run([sys.executable, "fork.py"], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_a_worker_that_begins_late_asks_for_the_run_of_the_moment_all_the_same(folder: Path) -> None:
    (folder / "late.py").write_text(
        "import os, time\n"
        "os.register_at_fork(after_in_child=lambda: time.sleep(1.0))\n"  # before nbtrack looks around in it
        "import nbtrack\n"
        "with nbtrack.run('one'):\n"
        "    if (pid := os.fork()) == 0:\n"
        "        nbtrack.log(late=1)\n"
        "        os._exit(0)\n"
        "with nbtrack.run('two'):\n"
        "    os.waitpid(pid, 0)\n"
    )
    done = subprocess.run([sys.executable, "late.py"], cwd=folder, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    runs = nbtrack.open(folder).runs
    assert (runs.get("one-1").metrics, runs.get("two-1").metrics) == ({}, {"late": 1})


def test_a_thread_that_outlives_its_cell_logs_to_the_run_that_it_was_started_in(
    kernel: Any, folder: Path
) -> None:
    cell(
        kernel,
        """
        %%track first
        import contextvars, nbtrack, threading, time
        def late(name):
            time.sleep(1.0)
            nbtrack.log({name: 1})
        with nbtrack.run("own") as run:
            threads = [threading.Thread(target=contextvars.copy_context().run, args=(late, "kept"))]
        threads.append(threading.Thread(target=late, args=("plain",)))
        threads.append(threading.Thread(target=run.log, args=({"handle": 2},)))
        for thread in threads:
            thread.start()
        """,
    )
    cell(kernel, "%%track second\nfor thread in threads:\n    thread.join()\nlr = 1")
    runs = nbtrack.open(folder).runs
    assert runs.get("own-1").metrics == {"kept": 1, "handle": 2}
    assert runs.get("first-1").metrics == {"plain": 1}
    assert runs.get("second-1").metrics == {}
    assert len(names(folder)) == 3


def test_a_forked_pool_that_is_kept_logs_to_the_cell_that_hands_it_work(kernel: Any, folder: Path) -> None:
    kernel.run(WORK)
    cell(kernel, "%%track one\nfrom multiprocessing import get_context\npool = get_context('fork').Pool(1)")
    cell(kernel, "%%track two\npool.map(work, range(2))")
    cell(kernel, "%%track three\npool.map(work, range(3))\npool.close()\npool.join()")
    runs = nbtrack.open(folder).runs
    assert runs.get("one-1").metrics == {}
    assert runs.get("two-1").metric("square").values.tolist() == [0, 1]
    assert runs.get("three-1").metric("square").values.tolist() == [0, 1, 4]


def test_the_threads_of_a_pool_log_to_the_cell_that_hands_them_work(kernel: Any, folder: Path) -> None:
    pool = "from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(1)\n"
    kernel.run(WORK)
    cell(kernel, f"%%track one\n{pool}found = list(pool.map(work, range(2)))")
    cell(kernel, "%%track two\nfound = list(pool.map(work, range(2, 4)))")
    runs = nbtrack.open(folder).runs
    assert runs.get("one-1").metric("square").values.tolist() == [0, 1]
    assert runs.get("two-1").metric("square").values.tolist() == [4, 9]


def test_tasks_keep_their_runs_apart(kernel: Any, folder: Path) -> None:
    cell(
        kernel,
        """
        %%track outer
        import asyncio, nbtrack
        async def train(number):
            with nbtrack.run(f"task{number}"):
                for step in range(20):
                    nbtrack.log(value=number)
                    await asyncio.sleep(0)
        async def both():
            nbtrack.log(mine=1)
            await asyncio.gather(*(train(number) for number in range(3)))
            nbtrack.log(mine=2)
        await both()
        async def slow():
            for step in range(20):
                nbtrack.log(slow=step)
                await asyncio.sleep(0.01)
        background = [asyncio.ensure_future(train(7)), asyncio.ensure_future(slow())]
        await asyncio.sleep(0)
        """,
    )
    cell(kernel, "%%track later\nimport asyncio\nawait asyncio.gather(*background)\nlr = 1")
    cell(kernel, "%%track last\nimport nbtrack\nnbtrack.log(mine=3)")
    runs = nbtrack.open(folder).runs
    for number in (0, 1, 2, 7):
        assert runs.get(f"task{number}-1").metric("value").values.tolist() == [number] * 20
    assert runs.get("outer-1").metric("mine").values.tolist() == [1, 2]
    assert runs.get("outer-1").metric("slow").values.tolist() == list(range(20))
    assert runs.get("later-1").metrics == {}
    assert runs.get("last-1").metrics == {"mine": 3}


def test_a_script_s_workers_log_to_its_run_and_a_program_on_its_own_does_not(folder: Path) -> None:
    (folder / "jobs.py").write_text(WORK)
    (folder / "train.py").write_text(
        "import nbtrack, multiprocessing as mp\nfrom jobs import work\n"
        "if __name__ == '__main__':\n"
        "    with nbtrack.run('sweep'):\n"
        "        with mp.get_context('spawn').Pool(2) as pool:\n"
        "            pool.map(work, range(4), chunksize=1)\n            pool.close()\n            pool.join()\n"
        "    nbtrack.log(end=1)\n"
    )
    done = subprocess.run(
        [sys.executable, "train.py"], cwd=folder, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    runs = nbtrack.open(folder).runs
    assert sorted(runs.get("sweep-1").metric("square").values.tolist()) == [0, 1, 4, 9]
    assert runs.get("train-1").metrics == {"end": 1}
    assert names(folder) == ["sweep-1", "train-1"]
    deadline = time.monotonic() + 20
    while len(runs.search("run.status = 'running'")) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert {row.status.value for row in runs.search()} == {"finished"}
