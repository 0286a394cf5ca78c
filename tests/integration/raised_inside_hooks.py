"""Raises an exception at lines of nbtrack while its hooks run, in a real kernel inside this process.

Run as a program by `test_faults_raised.py`: for each chosen line and kind of exception one cell runs with the exception
raised at that line, then the cells after it. What a cell gives (output, result, error) must be what it gives without
nbtrack, and the next cells must be tracked again. Prints a JSON object: how many were tried, and what went wrong.
"""

from __future__ import annotations

import argparse
import dis
import json
import os
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from ipykernel.inprocess.manager import InProcessKernelManager

import nbtrack

PACKAGE = str(Path(nbtrack.__file__).parent) + os.sep

EXCEPTIONS = (SystemExit, KeyboardInterrupt, MemoryError, GeneratorExit, RuntimeError, BaseException)

CELLS = {
    "plain": "a = 1\nprint('out')\na + 1",
    "shows": "from IPython.display import display\ndisplay({'text/plain': 'seen'}, raw=True)\nprint('then')\n41 + 1",
    "fails": "b = 2\nprint('before')\n1 / 0",
    "broken": "x = = 1",
    "empty": "   ",
    "tracked": "%%track some --tag kind=test --param lr --metric score --metric gone\n"
    "lr = 0.5\nscore = round(0.75 ** 2, 3)\ndata = [1, 2]\nprint('in')\nscore",
    "tracked, shows": "%%track some --no-model\nfrom IPython.display import display\n"
    "display({'text/plain': 'seen'}, raw=True)\nrate",
    "tracked, fails": "%%track some\nlr = 0.25\nprint('before')\n1 / 0",
    "tracked, broken": "%%track some\nx = = 1",
    "continued": "%%track +some\nlater = abs(-0.5)\nlater",
    "wrong wish": "%%track --join\nrate",
    "comment": "# nbtrack: run quiet\nlr = 0.125\nlr",
    "inside": "%%track outer\n%%capture held\nprint('held back')",
    "estimator": "%%track some\nmodel = Fitted().fit()\nmodel.get_params()",
}
"""The person's cells, by what is about them."""

SETUP = """
import numpy as np
from sklearn.linear_model import Ridge
class Fitted(Ridge):
    def fit(self):
        return super().fit(np.eye(3), np.arange(3.0))
rate = 1.0
"""


class Notebook:
    """A kernel in this process, and what its cells give."""

    def __init__(self) -> None:
        manager = InProcessKernelManager()
        manager.start_kernel()
        self.client = manager.client()
        self.client.start_channels()
        self.shell = manager.kernel.shell

    def run(self, code: str) -> tuple[list[Any], list[str]]:
        """What a cell gives, and the lines that nbtrack adds below it."""
        request = self.client.execute(code)
        given: list[Any] = []
        lines: list[str] = []
        for message in self.client.iopub_channel.get_msgs():
            kind, content = message["msg_type"], message["content"]
            if message["parent_header"].get("msg_id") not in (request, None):
                continue
            if kind == "stream":
                if given and given[-1][0] == content["name"]:
                    given[-1][1] += content["text"]
                else:
                    given.append([content["name"], content["text"]])
            elif kind == "display_data":
                if "nbtrack-line" in str(content["data"].get("text/html")):
                    lines.append(content["data"]["text/plain"])
                else:
                    given.append(["display", content["data"]])
            elif kind == "execute_result":
                given.append(["result", content["data"]["text/plain"]])
            elif kind == "error":
                # a syntax error names the line, which the header moves, and a file that IPython makes up
                given.append(["error", content["ename"], content["evalue"].partition(" (")[0]])
        for reply in self.client.shell_channel.get_msgs():
            given.append(["reply", reply["content"]["status"]])
        return given, lines


def can_raise(code: CodeType) -> set[int]:
    """The lines of `code` at which something can be raised: a bare ``try:`` is one instruction that does nothing."""
    found: set[int] = set()
    line = None
    for instruction in dis.get_instructions(code):
        line = instruction.starts_line if isinstance(instruction.starts_line, int) else line
        if sys.version_info >= (3, 13):
            line = instruction.line_number
        if instruction.opname not in ("NOP", "RESUME", "CACHE") and line is not None:
            found.add(line)
    return found


class Tracer:
    """Sees the lines of nbtrack that run, and raises at one of them."""

    def __init__(
        self, raise_at: tuple[str, int] | None = None, kind: type[BaseException] = RuntimeError, skip: int = 0
    ):
        self.seen: dict[tuple[str, int], int] = {}
        self.raised = 0
        self._at = raise_at
        self._kind = kind
        self._skip = skip
        self._lines: dict[CodeType, set[int]] = {}

    def __enter__(self) -> Tracer:
        sys.settrace(self._call)
        return self

    def __exit__(self, *problem: object) -> None:
        sys.settrace(None)

    def _call(self, frame: FrameType, event: str, argument: object) -> Any:
        name = frame.f_code.co_filename
        if not name.startswith(PACKAGE) or (self._at is not None and name != self._at[0]):
            return None
        if frame.f_code.co_name == "<module>":
            return None  # an import is undone as a whole and tried again
        if frame.f_code not in self._lines:
            self._lines[frame.f_code] = can_raise(frame.f_code)
        return self._line

    def _line(self, frame: FrameType, event: str, argument: object) -> Any:
        if event == "line" and frame.f_lineno in self._lines[frame.f_code]:
            place = frame.f_code.co_filename, frame.f_lineno
            self.seen[place] = self.seen.get(place, 0) + 1
            if place == self._at and self.seen[place] > self._skip and not self.raised:
                self.raised += 1
                raise self._kind("raised by the test")
        return self._line


def places(notebook: Notebook) -> dict[tuple[str, int], list[tuple[str, int]]]:
    """The lines of nbtrack that run around the cells, each with the cells that it runs for and how often."""
    found: dict[tuple[str, int], list[tuple[str, int]]] = {}
    for about, code in CELLS.items():
        with Tracer() as tracer:
            notebook.run(code)
        for place, count in tracer.seen.items():
            found.setdefault(place, []).append((about, count))
    return found


def check(notebook: Notebook, about: str, tracer: Tracer, plain: list[Any]) -> Iterator[str]:
    """Run a cell under `tracer` and another after it; what was not as it should be."""
    hooks = notebook.shell.display_pub._hooks
    hooks_before = len(hooks)
    try:
        with tracer:
            given, _ = notebook.run(CELLS[about])
        if given != plain:
            yield f"the cell gave {given}"
        given, lines = notebook.run("%%track next\nprint('next')\n1 + 1")
    except BaseException as problem:  # noqa: BLE001 - this is what must not happen
        yield f"{problem!r} escaped"
        return
    if given != [["stdout", "next\n"], ["result", "2"], ["reply", "ok"]]:
        yield f"the next cell gave {given}"
    if len(lines) != 1 or not lines[0].startswith("next"):
        yield f"the next cell was not tracked: {lines}"
    if len(hooks) != hooks_before:
        yield "a display hook was left behind"
        del hooks[hooks_before:]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=0, help="stop after this time; 0 is never")
    parser.add_argument("--every-cell", action="store_true", help="each line for each cell that it runs for")
    chosen = parser.parse_args()

    notebook = Notebook()
    notebook.shell.displayhook.cache_size = 10**9  # IPython warns in the cell that fills its cache
    notebook.run(SETUP)
    plain = {
        about: notebook.run(code.partition("\n")[2] if code.startswith("%%track") else code)[0]
        for about, code in CELLS.items()
    }
    notebook.run("%load_ext nbtrack")
    notebook.run("%config NbTrack.line_wait = 0.01")  # that the line is told late is another test's matter
    wrong = []
    for about in CELLS:  # what is imported on first use is imported now
        wrong += [
            f"untouched '{about}': {problem}" for problem in check(notebook, about, Tracer(), plain[about])
        ]
    draw = random.Random(chosen.seed)
    places(notebook)  # what runs only the first time (a cache) could not be hit afterwards
    todo = [
        (place, about, count, kind)
        for place, cells in places(notebook).items()
        for kind in EXCEPTIONS
        for about, count in (cells if chosen.every_cell else [draw.choice(cells)])
    ]
    draw.shuffle(todo)
    tried = missed = 0
    began = time.monotonic()
    for place, about, count, kind in todo:
        if chosen.seconds and time.monotonic() - began > chosen.seconds:
            break
        hit = draw.randrange(count) if draw.random() < 0.3 else 0
        tracer = Tracer(place, kind, hit)
        where = f"{place[0].removeprefix(PACKAGE)}:{place[1]} (hit {hit + 1})"
        for problem in check(notebook, about, tracer, plain[about]):
            wrong.append(f"{kind.__name__} at {where} in the cell '{about}': {problem}")
        tried += 1
        missed += not tracer.raised
    counts = {"lines": len({place for place, *_ in todo}), "of": len(todo), "tried": tried, "missed": missed}
    print("RESULT", json.dumps({**counts, "seconds": round(time.monotonic() - began, 1), "wrong": wrong}))


if __name__ == "__main__":
    main()
