"""How long it takes to compare two large notebooks, and to write the difference in nbdime's format.

Each pair is made up from a seed: cells of code with pictures, texts and tables, whose outputs all differ. The goals are
0.3 s for 500 cells with pictures of 100 kB, and 5 s with 500 MB of memory for 50 MB in 10,000 cells. What is read from the
disk is timed apart.

    python benchmarks/notebook_diff.py [--repeat 5]
"""

from __future__ import annotations

import argparse
import base64
import json
import random
import resource
import statistics
import time
from collections.abc import Callable
from typing import Any

import nbdime

from nbtrack.analysis.diff import diff_notebooks
from nbtrack.analysis.nbdime_format import nbdime_format
from nbtrack.entities.notebook_text import read_notebook


def made_up(cells: int, picture: int, seed: int, *, ids: bool = True) -> str:
    """The text of a notebook with `cells` cells, each with a picture of so many bytes, a table and a text."""
    draw = random.Random(seed)
    found = []
    for place in range(cells):
        png = base64.b64encode(draw.randbytes(picture * 3 // 4)).decode()
        table = "<table>" + "".join(f"<tr><td>{draw.random()}</td></tr>" for _ in range(10)) + "</table>"
        outputs = [
            {"output_type": "stream", "name": "stdout", "text": [f"loss {draw.random()}\n"]},
            {"output_type": "display_data", "metadata": {}, "data": {"image/png": png, "text/html": table}},
        ]
        edit = f"depth={seed}" if place % 10 == 0 else "depth=3"
        source = f"model_{place} = fit(frame_{place}, {edit})\nplot(model_{place})\n"
        cell: dict[str, Any] = {"cell_type": "code", "metadata": {}, "source": source, "outputs": outputs}
        cell["execution_count"] = place + seed
        found.append({**cell, "id": f"cell-{place}"} if ids else cell)
    return json.dumps(
        {"cells": found, "metadata": {}, "nbformat": 4, "nbformat_minor": 5 if ids else 4}, indent=1
    )


def median(call: Callable[[], Any], repeat: int) -> float:
    """The median of the seconds that a call takes."""
    taken = []
    for _ in range(repeat):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5)
    repeat = parser.parse_args().repeat
    small = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    nbdime_format(small, small, diff_notebooks(small, small))  # nbdime is imported once, in a second or two
    print(f"{'notebooks':44}  {'read both':>9}  {'compare':>8}  {'as nbdime':>9}  {'memory':>7}")
    for name, cells, picture, ids in (
        ("500 cells, pictures of 100 kB", 500, 100_000, True),
        ("500 cells, pictures of 100 kB, no ids", 500, 100_000, False),
        ("1,000 cells, pictures of 2 kB", 1_000, 2_000, True),
        ("1,000 cells, pictures of 2 kB, no ids", 1_000, 2_000, False),
        ("10,000 cells, 50 MB", 10_000, 4_000, True),
        ("10,000 cells, 50 MB, no ids", 10_000, 4_000, False),
    ):
        texts = [made_up(cells, picture, seed, ids=ids) for seed in (1, 2)]
        read = median(lambda texts=texts: [read_notebook(text) for text in texts], repeat)  # type: ignore[misc]
        base, head = (read_notebook(text).document for text in texts)
        del texts
        compare = median(lambda base=base, head=head: diff_notebooks(base, head), repeat)  # type: ignore[misc]
        found = diff_notebooks(base, head)
        write = median(lambda: nbdime_format(base, head, found), repeat)  # noqa: B023 - called before the next round
        if nbdime.patch_notebook(base, nbdime_format(base, head, found)) != head:
            raise SystemExit(f"{name}: the difference does not make the one of the other")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(f"{name:44}  {read:8.3f}s  {compare:7.3f}s  {write:8.3f}s  {peak:4} MB")


if __name__ == "__main__":
    main()
