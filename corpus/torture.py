"""Cells that a tracker is likely to disturb: each prints what it would notice. By topic, each a file in ``corpus/cells``.

They are IPython's and meant to be odd, so nothing formats or checks them. A line ``# %%`` begins a cell.
"""

from __future__ import annotations

from pathlib import Path

MARK = "# %%\n"

TORTURE: dict[str, tuple[str, ...]] = {
    path.stem: tuple(
        cell.rstrip("\n") for cell in path.read_text(encoding="utf-8").removeprefix(MARK).split(MARK)
    )
    for path in sorted((Path(__file__).parent / "cells").glob("*.ipy"))
}
"""Topics and their cells."""


def all_cells() -> tuple[str, ...]:
    """The cells of all topics, one after another."""
    return tuple(cell for cells in TORTURE.values() for cell in cells)
