"""Deliberately weakened builds: a copy of the package with one module made worse.

A campaign that passes also with such a build would show nothing. The copy goes first on PYTHONPATH; the keeper that its
processes start is of the same copy, since a keeper takes the package of who started it.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "nbtrack"


class NoSuchPlace(Exception):
    """The text that a weakening replaces is not in the module (any more), or is there more than once."""


@dataclass(frozen=True, slots=True)
class Weakening:
    """One module made worse.

    Attributes
    ----------
    name
        What is wrong with the build.
    module
        The file, relative to the package.
    edits
        Which text is replaced by which; each text stands in the module exactly once.
    """

    name: str
    module: str
    edits: tuple[tuple[str, str], ...]

    def apply(self, content: str) -> str:
        """The weakened content of the module.

        Raises
        ------
        NoSuchPlace
            If a text is not there exactly once: the weakening no longer fits the code and must be written anew.
        """
        for text, instead in self.edits:
            if (found := content.count(text)) != 1:
                raise NoSuchPlace(
                    f"the weakening {self.name!r} replaces a text that {self.module} has {found} times instead of once: "
                    f"{text!r}"
                )
            content = content.replace(text, instead)
        return content


JOURNAL_IN_MEMORY = Weakening(
    "the journal is in the memory of its process alone",
    "store/segments.py",
    (("mmap.mmap(descriptor, size), size)", "mmap.mmap(descriptor, size, flags=mmap.MAP_PRIVATE), size)"),),
)


def build(weakening: Weakening, folder: Path) -> Path:
    """Copy the package into `folder` with the weakening applied; the folder for PYTHONPATH."""
    copy = folder / "nbtrack"
    shutil.copytree(
        PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__", "labextension", "static", "*.log")
    )
    module = copy / weakening.module
    module.write_text(weakening.apply(module.read_text(encoding="utf-8")), encoding="utf-8")
    return folder
