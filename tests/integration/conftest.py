"""A real kernel, driven as a front end drives it."""

from __future__ import annotations

import os
import queue
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ipykernel", reason='needs ipykernel: pip install -e ".[test]"')

from jupyter_client.manager import KernelManager

TIMEOUT = 60


@dataclass
class Answer:
    """What a cell gave back."""

    status: str = "ok"
    stdout: str = ""
    stderr: str = ""
    result: str | None = None
    displays: list[dict[str, Any]] = field(default_factory=list)
    ename: str | None = None
    evalue: str | None = None
    count: int | None = None

    @property
    def line(self) -> str:
        """The quiet line under the cell."""
        return str(self.displays[-1]["text/plain"])


class Kernel:
    """A kernel in a folder."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.manager = KernelManager()
        self.manager.kernel_cmd = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        self.manager.start_kernel(cwd=str(folder), env={**os.environ, **environment})
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=TIMEOUT)

    def send(self, code: str, cell_id: str | None = None, silent: bool = False) -> str:
        """Ask for an execution without waiting for it."""
        content = {
            "code": code,
            "silent": silent,
            "store_history": not silent,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": True,
        }
        metadata = {"cellId": cell_id} if cell_id else {}
        message = self.client.session.msg("execute_request", content, metadata=metadata)
        self.client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def run(self, code: str, cell_id: str | None = None, silent: bool = False) -> Answer:
        """Execute a cell and wait for it."""
        return self.wait(self.send(code, cell_id, silent))

    def wait(self, request: str) -> Answer:
        """The answer to an earlier `send`."""
        answer = Answer()
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline:
            try:
                message = self.client.get_iopub_msg(timeout=1)
            except queue.Empty:
                continue
            if message["parent_header"].get("msg_id") != request:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "stream":
                text = getattr(answer, content["name"]) + content["text"]
                setattr(answer, content["name"], text)
            elif kind == "display_data":
                answer.displays.append(content["data"])
            elif kind == "execute_result":
                answer.result = content["data"]["text/plain"]
            elif kind == "error":
                answer.status, answer.ename, answer.evalue = "error", content["ename"], content["evalue"]
            elif kind == "status" and content["execution_state"] == "idle":
                break
        else:
            raise TimeoutError(f"the kernel did not answer within {TIMEOUT} s")
        while True:
            reply = self.client.get_shell_msg(timeout=TIMEOUT)
            if reply["parent_header"].get("msg_id") == request:
                answer.count = reply["content"].get("execution_count")
                if reply["content"]["status"] == "error" and answer.status == "ok":
                    answer.status, answer.evalue = "error", reply["content"].get("evalue")
                return answer

    def kill(self) -> None:
        """``kill -9``."""
        self.manager.shutdown_kernel(now=True)

    def close(self) -> None:
        """End the kernel in order."""
        self.client.stop_channels()
        if self.manager.is_alive():
            self.manager.shutdown_kernel()


@pytest.fixture
def start_kernel(folder: Path) -> Iterator[Any]:
    """Starts kernels in the test's folder."""
    kernels: list[Kernel] = []

    def start(**environment: str) -> Kernel:
        kernels.append(Kernel(folder, **environment))
        return kernels[-1]

    yield start
    for kernel in kernels:
        kernel.close()


@pytest.fixture(scope="module")
def module_kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A kernel for those tests of a module that leave it as it was."""
    started = Kernel(tmp_path_factory.mktemp("kernel"))
    yield started
    started.close()


@pytest.fixture
def kernel(start_kernel: Any) -> Kernel:
    """A kernel with nbtrack loaded."""
    started: Kernel = start_kernel()
    answer = started.run("%load_ext nbtrack")
    assert answer.status == "ok", answer
    assert len(answer.stdout.splitlines()) <= 1
    return started
