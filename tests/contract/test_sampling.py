"""What runs take of the machine while they are open, as the keeper sees it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from owned_store import OwnedStore

from nbtrack.entities import records
from nbtrack.entities.ids import new_id
from nbtrack.entities.processes import ProcessIdentity
from nbtrack.entities.surroundings import Use
from nbtrack.errors import NotFound
from nbtrack.render.facts import cell_title
from nbtrack.service import sampling
from nbtrack.service.sampling import Sampler
from nbtrack.store import gpus, machine
from nbtrack.store.facts import add
from nbtrack.store.processes import _start_time, this_process

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc")

BUSY = "import time\nblock = bytearray(60_000_000)\nprint(flush=True)\nwhile True: sum(range(1000))"


@pytest.fixture
def owned(tmp_path: Path) -> OwnedStore:
    return OwnedStore(tmp_path)


@pytest.fixture
def busy() -> Iterator[int]:
    """A process that has 60 MB and one core."""
    process = subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    yield process.pid
    process.kill()
    process.wait()
    process.stdout.close()


def begin(owned: OwnedStore, pid: int, host: str | None = None) -> str:
    """An open run of the process `pid`."""
    here = this_process()
    identity = ProcessIdentity(pid, here.boot_id, _start_time(pid), here.pid_namespace, host or here.host)
    process = new_id()
    with owned.store.transaction():
        owned.store.journals.advance(process, 0)
        owned.store.journals.add_process(
            process,
            records.ProcessStarted(
                process=process, time=1, pid=pid, boot_id=identity.boot_id, start_time=identity.start_time,
                pid_namespace=identity.pid_namespace, host=identity.host, user="", executable="", nbtrack="",
            ),
        )  # fmt: skip
    return owned.run(end=False, process=process)


def end(owned: OwnedStore, run: str) -> None:
    with owned.store.transaction():
        owned.store.runs.end(records.RunEnded(run=run, time=time.time_ns(), duration=1.0, status="finished"))


def test_an_open_run_is_sampled_until_it_ends(
    owned: OwnedStore, busy: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "SHORTEST", 0.001)
    run = begin(owned, busy)
    sampler = Sampler(owned.store)
    for _ in range(4):
        sampler.look()
        time.sleep(0.05)
    assert sampler.follows == 1
    assert sampler.state().startswith("1 of 1 open run")
    end(owned, run)
    sampler.look()
    assert sampler.follows == 0
    taken = owned.service.runs.get(run).surroundings
    assert taken.use is not None
    assert 60_000_000 < taken.use.memory < 2_000_000_000
    assert 0 < taken.use.cpu <= taken.use.span * 1.5
    assert taken.hardware["cores"].startswith(str(os.cpu_count()))
    memory = owned.service.runs.metric(run, "system/memory_bytes")
    assert len(memory.values) == 4
    assert max(memory.values) <= taken.use.memory
    assert owned.service.runs.metric(run, "system/cpu_percent", limit=10).count == 4
    assert owned.service.runs.curve(run, "system/cpu_percent").chunks
    # what is no metric of the person's is not shown among them
    assert owned.service.runs.get(run).row.metrics == {}
    assert owned.service.runs.names()["metrics"] == []
    with pytest.raises(NotFound, match="system/cpu_percent, system/memory_bytes"):
        owned.service.runs.metric(run, "system/nothing")
    sampler.look()
    assert len(owned.service.runs.metric(run, "system/memory_bytes").values) == 4


def test_samples_that_wait_are_written_while_the_run_goes_on(
    owned: OwnedStore, busy: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "SHORTEST", 0.001)
    run = begin(owned, busy)
    sampler = Sampler(owned.store)
    for _ in range(sampling.SLOWEST_WRITE):
        sampler.look()
        assert owned.store.facts.use(run) is None
        time.sleep(0.01)
    sampler.look()
    assert len(owned.service.runs.metric(run, "system/memory_bytes").values) == sampling.SLOWEST_WRITE
    del sampler  # the keeper is gone: the next one goes on
    again = Sampler(owned.store)
    again.look()
    time.sleep(0.02)
    end(owned, run)
    again.look()
    assert len(owned.service.runs.metric(run, "system/memory_bytes").values) == sampling.SLOWEST_WRITE + 1


def test_a_long_run_has_some_hundred_points(owned: OwnedStore, busy: int) -> None:
    run = begin(owned, busy)
    sampler = Sampler(owned.store)
    sampler.look()
    followed = sampler._followed[run]
    seen, now, points = machine.taken(busy), followed.began, 0
    assert seen is not None
    while now < followed.began + 86_400:
        now = max(now, followed.due)
        followed.see(now, seen)
        points += 1
    assert 300 < points < 500


def test_a_process_elsewhere_or_gone_is_not_followed(owned: OwnedStore, busy: int) -> None:
    begin(owned, busy, host="elsewhere")
    begin(owned, 2**22 - 7)
    sampler = Sampler(owned.store)
    sampler.look()
    assert sampler.follows == 0
    assert sampler.state().startswith("0 of 2 open runs")
    assert "open runs" in owned.service.status.status().sampling


def test_workers_count_with_the_process_that_started_them() -> None:
    code = (
        "import subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, '-c', {BUSY!r}], stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\nprint(child.pid, flush=True)\nsys.stdin.read()\nchild.kill()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        before = machine.taken(process.pid)
        time.sleep(0.1)
        after = machine.taken(process.pid)
        assert process.stdin is not None
        process.stdin.close()
    assert before is not None
    assert after is not None
    assert before.memory > 60_000_000
    assert after.cpu > before.cpu
    assert machine.taken(2**22 - 7) is None


def test_gpus_are_asked_of_their_program(
    owned: OwnedStore, busy: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text(
        "#!/bin/sh\ncase $1 in\n"
        "*gpu=index*) echo '0, NVIDIA A100-SXM4, 40960, 80'; echo '1, NVIDIA A100-SXM4, 40960, [N/A]';;\n"
        f"*) echo '{busy}, 1000'; echo '{busy}, 24'; echo '1, 7';;\nesac\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr(sampling, "SHORTEST", 0.001)
    monkeypatch.setattr(gpus, "smi", lambda: str(program))
    run = begin(owned, busy)
    sampler = Sampler(owned.store)
    sampler.look()
    sampler.look()
    (asked,) = sampler.background
    asked.result()
    sampler.look()
    assert len(sampler.background) == 1  # not again for half a minute
    end(owned, run)
    sampler.look()
    found = owned.service.runs.get(run).surroundings
    assert found.hardware["gpu 0"] == "NVIDIA A100-SXM4, 40960 MiB"
    assert found.use is not None
    assert found.use.gpu_memory == 1024 << 20
    assert owned.service.runs.metric(run, "system/gpu_percent").values == [80.0]


def test_a_program_that_fails_is_no_gpu(tmp_path: Path) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'NVIDIA-SMI has failed'\nexit 9\n")
    program.chmod(0o755)
    assert gpus.gpu_use(str(program)) == gpus.GpuUse()
    assert gpus.gpu_use(str(tmp_path / "none")) == gpus.GpuUse()


def test_the_parts_of_a_run_add_up() -> None:
    one, other = Use(span=1, cpu=0.5, memory=10), Use(span=2, cpu=2, memory=7, gpu_memory=3)
    assert add(None, one) == one
    assert add(one, other) == Use(span=3, cpu=2.5, memory=10, gpu_memory=3)


def test_a_cell_that_drove_the_memory_up_says_so(owned: OwnedStore) -> None:
    run = owned.run()
    owned.trace(owned.execute("block = make()", run), peak_memory=412_000_000)
    owned.execute("x = 1", run)
    detail = owned.service.runs.get(run)
    assert [cell.peak_memory for cell in detail.cells] == [412_000_000, None]
    assert cell_title(detail.cells[0], 1, 2) == "cell 1 of 2 · memory rose to 412 MB"
    assert cell_title(detail.cells[1], 2, 2) == "cell 2 of 2"
