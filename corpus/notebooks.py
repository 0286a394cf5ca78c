"""The notebooks of the corpus: which there are, and their cells."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from corpus.sources import EXAMPLES, cache_folder, fetch

NEEDS_NETWORK = re.compile(
    r"\bfetch_\w+\(|get_rdataset|load_dataset\(|urlopen|https?://\S+\.(csv|zip|gz|txt|dta)|read_csv\(\s*[\"']http|webuse\("
)
"""What an example calls that wants something which no package carries."""


@dataclass(frozen=True)
class Notebook:
    """The cells of one example, in order."""

    name: str
    cells: tuple[str, ...]

    @property
    def offline(self) -> bool:
        """Whether nothing in it looks as if it wanted the network."""
        return not any(NEEDS_NETWORK.search(cell) for cell in self.cells)


def corpus(packages: Iterable[str] = EXAMPLES) -> list[Notebook]:
    """All notebooks of the packages that look as if they ran offline, in an order that is always the same."""
    found = [
        notebook
        for package, folder in fetch(packages).items()
        for path in sorted([*folder.rglob("*.ipynb"), *folder.rglob("plot_*.py")])
        if (notebook := _read(package, folder, path)).offline and notebook.cells
    ]
    random.Random("nbtrack").shuffle(found)  # a part of it is a sample of all packages
    return found


def from_file(path: Path, name: str) -> Notebook:
    """The code cells of a notebook file."""
    document = json.loads(path.read_text(encoding="utf-8"))
    cells = ("".join(cell["source"]) for cell in document["cells"] if cell["cell_type"] == "code")
    return Notebook(name, tuple(cell for cell in cells if cell.strip()))


def _read(package: str, folder: Path, path: Path) -> Notebook:
    name = f"{package}/{path.relative_to(folder).with_suffix('')}"
    converted = cache_folder() / "cells" / f"{folder.name}" / path.relative_to(folder).with_suffix(".ipynb")
    if path.suffix == ".ipynb":
        return from_file(path, name)
    if not converted.exists():
        import jupytext

        converted.parent.mkdir(parents=True, exist_ok=True)
        percent = "\n# %%" in path.read_text(
            encoding="utf-8"
        )  # the newer of the two ways to part a gallery's script
        jupytext.write(
            jupytext.read(path, fmt="py:percent" if percent else "py:sphinx"), converted, fmt="ipynb"
        )
    return from_file(converted, name)
