"""Where two runs of a notebook differ, once what differs between any two runs is masked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

MASKS = [
    (re.compile(r"0x[0-9a-fA-F]{4,}"), "ADDRESS"),
    (re.compile(r"\.\.\.x?[0-9a-fA-F]{4,}(?=&gt;|>)"), "ADDRESS"),  # of a representation that was shortened
    (re.compile(r"\x1b\[[0-9;]*m"), ""),
    (
        re.compile(
            r"\d+(\.\d+)?(e[-+]?\d+)? ?(ns|µs|μs|us|ms|s|sec|secs|second|seconds|min|minutes)\b(?! *=)"
        ),
        "DURATION",
    ),
    (re.compile(r"\d+(\.\d+)?(it/s|s/it)"), "RATE"),
    (re.compile(r"\b\d\d:\d\d(:\d\d)?\b"), "TIME"),
    (re.compile(r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4}\b|\d{4}-\d\d-\d\dT[\d:.]+"), "DATE"),
    (re.compile(r"\bT_[0-9a-f]{5}"), "T_ID"),  # a pandas Styler's
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "UUID"),
    (re.compile(r"/tmp/\S*?(?=[/\"'\s:])|ipykernel_\d+/\d+"), "FOLDER"),
    (re.compile(r"\bid=\\*'\d+"), "ID"),
    (re.compile(r"\bpid[ =]\d+"), "PID"),
]


@dataclass(frozen=True)
class Difference:
    """One thing that differs."""

    cell: int
    what: str
    first: str
    second: str

    @property
    def place(self) -> tuple[int, str]:
        """Where it is, without what it is."""
        return self.cell, self.what

    def __str__(self) -> str:
        return f"cell {self.cell}, {self.what}:\n    {self.first[:600]!r}\n    {self.second[:600]!r}"


def masked(text: str) -> str:
    """The text without what is another one each time."""
    for pattern, word in MASKS:
        text = pattern.sub(word, text)
    return text


def differences(first: dict[str, Any], second: dict[str, Any]) -> list[Difference]:
    """What differs between two reports of :func:`corpus.pairs.execute`."""
    found = []

    def compare(cell: int, what: str, one: Any, other: Any) -> None:
        one, other = masked(str(one)), masked(str(other))
        if one != other:
            found.append(Difference(cell, what, *_around(one, other)))

    for key in ("exit", "stdout", "files", "count"):
        compare(-1, key, first[key], second[key])
    for cell, (one, other) in enumerate(zip(first["cells"], second["cells"], strict=False)):
        compare(cell, "outputs", one["outputs"], other["outputs"])
        compare(cell, "exception", one["error"], other["error"])
        for part in sorted({*one["state"], *other["state"]}):
            compare(cell, part, one["state"].get(part), other["state"].get(part))
    for name in sorted({*first["end"], *second["end"]}):
        compare(len(first["cells"]), f"value of {name}", first["end"].get(name), second["end"].get(name))
    return found


def of_outputs(first: list[list[str]], second: list[list[str]]) -> list[Difference]:
    """What differs between the outputs of each cell, as :func:`corpus.kernels.execute` gives them."""
    found = []
    for cell, (one, other) in enumerate(zip(first, second, strict=True)):
        texts = masked(str(one)), masked(str(other))
        if texts[0] != texts[1]:
            found.append(Difference(cell, "outputs", *_around(*texts)))
    return found


def _around(one: str, other: str) -> tuple[str, str]:
    """Both texts from a little before the place where they part."""
    at = next(
        (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )
    begin = max(0, at - 100)
    return one[begin : at + 500], other[begin : at + 500]
