"""The traces of a real kernel's cells: such as fail, are interrupted, wait, nest, are kept out or run while paused."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from nbtrack.entities import records
from nbtrack.entities.lineage import Trace
from nbtrack.store.journal import read


def traces_of(folder: Path) -> dict[str, Trace | None]:
    """The trace of each execution by the first line of its source, as the kernel's journal has it."""
    sources: dict[str, str] = {}
    found: dict[str, Trace | None] = {}
    for path in sorted((folder / ".nbtrack" / "journal").glob("*.journal")):
        for _, record in read(path):
            if isinstance(record, records.CellExecuted):
                sources[record.execution] = record.source.splitlines()[0]
                found[record.source.splitlines()[0]] = None
            elif isinstance(record, records.CellTraced):
                found[sources[record.execution]] = Trace.from_plain(record.trace)
    return found


def interrupted(kernel: Any, code: str) -> str:
    """The name of the exception that an interrupt has raised in a cell that sleeps."""
    request = kernel.send(code)
    sign = kernel.folder / "sleeps"
    deadline = time.monotonic() + 60
    while not sign.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    kernel.manager.interrupt_kernel()
    return str(kernel.wait(request).ename)


def test_each_cell_has_a_trace_of_what_it_did_itself(kernel: Any) -> None:
    for code in ("%load_ext nbtrack", "x = [1]", "# fails\nx.append(2)\ny = 1\nraise ValueError"):
        kernel.run(code)
    sleep = "# sleeps\nx.append(3)\nimport time\nopen('sleeps', 'w').close()\ntime.sleep(60)\nnever = 1"
    assert interrupted(kernel, sleep) == "KeyboardInterrupt"
    for code in (
        "%%capture out\nz = x\nprint('shown')",
        "# waits\nimport asyncio\nawait asyncio.sleep(0)\nw = z",
        "# nbtrack: off\nhidden = x.append(4)",
        "v = 1",
        "%track pause",
        "import random; random.seed(1); unseen = 2",
        "%track resume",
        "u = 2",
        "x",
        "print(_)",
        "%config NbTrack.lineage = False",
        "q = 1",
    ):
        assert kernel.run(code).status == "ok", code
    traces = traces_of(kernel.folder)

    def trace(first: str) -> Trace:
        found = traces[first]
        assert found is not None, first
        return found

    assert trace("x = [1]").writes == ["x"]
    assert (trace("# fails").writes, trace("# fails").mutated) == (["y"], ["x"])
    assert "x" in trace("# sleeps").mutated
    assert "never" not in trace("# sleeps").writes
    assert f"file:{kernel.folder.resolve() / 'sleeps'}" in trace("# sleeps").writes
    assert set(trace("%%capture out").writes) >= {"z", "out"}
    assert trace("%%capture out").reads == ["x"]
    assert "z" in trace("# waits").reads
    assert "w" in trace("# waits").writes
    assert "# nbtrack: off" not in traces
    assert (trace("v = 1").writes, trace("v = 1").mutated) == (["v"], [])
    assert (trace("u = 2").writes, trace("u = 2").mutated) == (["u"], [])
    (result,) = [key for key in trace("x").writes if key.startswith("Out:")]
    assert trace("print(_)").reads == [result]
    assert traces["q = 1"] is None
