"""Notebooks that nobody meant to write, and all that may be done with one. By hand, as many as wanted:

    python tests/unit/hostile_notebooks.py --mutations 100000 --seed 1

Ends with the seed of the first that raised what is none of nbtrack's sentences, or took longer than five seconds.
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import time
from typing import Any

from nbtrack.analysis.anchors import anchored, located
from nbtrack.analysis.diff import diff_notebooks
from nbtrack.analysis.formats import current_format
from nbtrack.analysis.nbdime_format import nbdime_format
from nbtrack.analysis.notebooks import lay_over
from nbtrack.analysis.restored import restored
from nbtrack.entities.notebook_text import NotebookError, read_notebook
from nbtrack.entities.runs import CellExecution
from nbtrack.render.html import to_html
from nbtrack.render.text import to_text
from nbtrack.render.views import View

SLOWEST = 5.0
"""Seconds that one may take: a hang, not a measurement."""

_ODD: tuple[Any, ...] = (
    None, True, 0, -1, 1e308, float("nan"), "", "x", "\ud800", "‮", "\0", [], {}, [[]], [None], {"": None}, {"text": 5},
    [{"output_type": "stream"}], {"text/plain": [1, {}]}, "<script>", 10**30,
)  # fmt: skip
_EXECUTION = CellExecution(
    id="e", cell_id="c1", execution_count=2, source="y = 2", started="", duration=0.1, outcome="ok"
)
_OUTPUT: dict[str, Any] = {"output_type": "display_data", "metadata": {}, "data": {"text/plain": ["a", "b"]}}
MODEL: dict[str, Any] = {
    "cells": [
        {"cell_type": "markdown", "id": "m", "metadata": {"tags": ["a"]}, "source": ["# T\n"],
         "attachments": {"a.png": {"image/png": "aGk="}}},
        {"cell_type": "code", "id": "c1", "metadata": {}, "source": ["x = 1\n", "x"], "execution_count": 1,
         "outputs": [{"output_type": "stream", "name": "stdout", "text": ["1\n"]}, _OUTPUT]},
        {"cell_type": "code", "id": "c2", "metadata": {}, "source": "raise E", "execution_count": 2,
         "outputs": [{"output_type": "error", "ename": "E", "evalue": "e", "traceback": ["t"]}]},
        {"cell_type": "raw", "id": "r", "metadata": {}, "source": "raw"},
    ],
    "metadata": {"kernelspec": {"name": "python3"}}, "nbformat": 4, "nbformat_minor": 5,
}  # fmt: skip


def mutated(draw: random.Random) -> str:
    """The text of a notebook with something odd in some places, perhaps cut off or with other bytes."""
    document = copy.deepcopy(MODEL)
    for _ in range(draw.randint(0, 4)):
        _mutate(document, draw)
    text = json.dumps(document, indent=draw.choice([None, 1, 2]), ensure_ascii=draw.random() < 0.5)
    if draw.random() < 0.2:
        text = text[: draw.randrange(len(text) + 1)]
    if draw.random() < 0.2 and text:
        place = draw.randrange(len(text))
        text = (
            text[:place] + draw.choice(['"', "{", "]", ",", "\\", "\0", "ü", "[" * 3_000]) + text[place + 1 :]
        )
    return text


def _mutate(value: Any, draw: random.Random) -> None:
    """Put something odd in one place inside, or take something out, or double it."""
    while True:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        if not keys:
            return
        key = draw.choice(keys)
        if isinstance(value[key], dict | list) and value[key] and draw.random() < 0.7:
            value = value[key]
            continue
        action = draw.random()
        if action < 0.6:
            value[key] = copy.deepcopy(draw.choice(_ODD))
        elif action < 0.8:
            del value[key]
        elif isinstance(value, list):
            value.append(copy.deepcopy(value[key]))
        return


def use(text: str) -> bool:
    """Do all with a notebook that a person may ask for; whether it is one.

    Raises
    ------
    Exception
        Whatever is no `NotebookError`: each is a defect.
    """
    assert restored(text, []).text == text  # the bytes are kept whatever they are
    try:
        document = current_format(read_notebook(text).document)
    except NotebookError as problem:
        if len(str(problem).splitlines()) != 1:
            raise RuntimeError("not one sentence") from problem
        return False
    restored(text, [(_EXECUTION, [_OUTPUT])])
    laid, _ = lay_over(document, [(_EXECUTION, [_OUTPUT])])
    model = lay_over(MODEL, [])[0]
    for base, head in ((model, laid), (laid, model), (laid, laid)):
        found = diff_notebooks(base, head)
        view = View(kind="diff", content=found)
        to_text(view).encode("utf-8", "surrogatepass")
        assert "<script>" not in to_html(view)
        nbdime_format(base, head, found)
    for number in range(1, len(laid["cells"]) + 1):
        located(anchored(laid["cells"], "head", number), model["cells"])
    return True


def main() -> None:
    """Use as many as wanted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutations", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    use(json.dumps(MODEL))  # imports nbdime, which is no hang
    readable = 0
    for seed in range(options.seed, options.seed + options.mutations):
        began = time.monotonic()
        try:
            readable += use(mutated(random.Random(seed)))
        except Exception as problem:
            raise SystemExit(f"seed {seed}: {type(problem).__name__}: {problem}") from problem
        if time.monotonic() - began > SLOWEST:
            raise SystemExit(f"seed {seed}: it took {time.monotonic() - began:.1f} s")
    print(
        f"{options.mutations:,} notebooks, {readable:,} of them readable: an answer or a sentence each time"
    )


if __name__ == "__main__":
    main()
