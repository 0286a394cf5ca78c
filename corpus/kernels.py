"""A notebook in a real kernel, with and without nbtrack loaded by the kernel's own settings, as ``nbtrack enable`` does."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from corpus.pairs import SURROUNDINGS

SETTINGS = "c.InteractiveShellApp.extensions = ['nbtrack']\n"
SEEDED = "import random, numpy; random.seed(0); numpy.random.seed(0); del random, numpy"


def execute(cells: Iterable[str], *, tracked: bool, limit: float) -> list[list[str]]:
    """What the front end got of each cell. Cells after one that fails run, too."""
    base = Path(tempfile.mkdtemp(prefix="nbt-"))  # short: a socket's path has 108 bytes
    try:
        for name in ("work", "run", "tmp", "ipython/profile_default"):
            (base / name).mkdir(parents=True, mode=0o700)
        settings = base / "ipython" / "profile_default" / "ipython_kernel_config.py"
        settings.write_text(SETTINGS if tracked else "", encoding="utf-8")
        surroundings = {
            **os.environ,
            **SURROUNDINGS,
            "XDG_RUNTIME_DIR": str(base / "run"),
            "IPYTHONDIR": str(base / "ipython"),
            "TMPDIR": str(base / "tmp"),
        }
        sources = [SEEDED, *cells]
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
        client = NotebookClient(
            notebook,
            timeout=limit,
            kernel_name="python3",
            allow_errors=True,
            coalesce_streams=True,  # where a stream is cut depends on the clock
            resources={"metadata": {"path": str(base / "work")}},
        )
        client.execute(env=surroundings)
        return [[str(output) for output in cell.outputs] for cell in notebook.cells[1:]]
    finally:
        shutil.rmtree(base, ignore_errors=True)
