"""What a run ran in, recorded by a real kernel and its keeper."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import nbtrack


def wait_for(found: Callable[[], Any]) -> Any:
    """What `found` gives as soon as it gives something: the keeper looks by itself, soon."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if answer := found():
            return answer
        time.sleep(0.05)
    raise AssertionError("it never came")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc")
def test_show_says_what_a_run_took(kernel: Any, folder: Path) -> None:
    kernel.run("%%track heavy\nimport time\nblock = bytearray(80_000_000)\ntime.sleep(0.6)")
    runs = nbtrack.open(folder).runs
    use = wait_for(lambda: runs.get("heavy-1").detail.surroundings.use)
    assert use.memory > 80_000_000
    shown = kernel.run("%track show heavy-1").displays[-1]["text/plain"]
    assert "of memory at most" in shown
    assert "cores on average" in shown
    assert runs.get("heavy-1").metrics == {}
    assert min(runs.get("heavy-1").metric("system/memory_bytes").values) > 10_000_000
