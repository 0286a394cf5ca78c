"""Where values came from, as Python objects that show themselves."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from nbtrack.analysis.slices import slice_notebook, slice_script
from nbtrack.commands.lineage_commands import place, write_slice
from nbtrack.entities.graphs import LineageGraph, LineageSlice, Replay, Staleness
from nbtrack.operations import Proxy
from nbtrack.render.views import View
from nbtrack.session import current_session


class _Shown:
    """Something that a notebook shows as HTML and a terminal as text."""

    def __init__(self, kind: str, content: LineageGraph | LineageSlice | Staleness) -> None:
        self._kind = kind
        self._content = content

    def _view(self) -> View:
        return View(kind=self._kind, content=self._content)

    def _repr_html_(self) -> str:
        from nbtrack.render.html import to_html

        return to_html(self._view())

    def __repr__(self) -> str:
        """The same as text."""
        from nbtrack.render.text import to_text

        return to_text(self._view())


class Lineage(_Shown):
    """Where a variable or a run came from; ``graph`` has the executions and what each needed of which."""

    def __init__(self, graph: LineageGraph) -> None:
        super().__init__("lineage", graph)
        self.graph = graph


class Slice(_Shown):
    """The fewest executions that make a variable or a run, in their order; ``graph`` has them."""

    def __init__(self, found: LineageSlice) -> None:
        super().__init__("slice", found)
        self.graph = found.graph
        self._found = found

    @property
    def notebook(self) -> dict[str, Any]:
        """A notebook (nbformat 4.5) of them."""
        return slice_notebook(self._found)

    @property
    def script(self) -> str:
        """A Python script of them."""
        return slice_script(self._found)

    def write(self, file: str | os.PathLike[str], *, force: bool = False) -> list[Path]:
        """Write it as a notebook (``.ipynb``), as a script (``.py``), or without such an ending as both; the files.

        Raises
        ------
        Conflict
            If there is a file of that name, unless `force`.
        """
        return write_slice(self._found, Path(file).expanduser(), force)

    def verify(self, *, yes: bool = False) -> Replay:
        """Execute it in a clean kernel in a copy of its folder, and compare what it shows and the run's metrics.

        Parameters
        ----------
        yes
            Execute also cells that start programs, use the network or a database, or write outside of the folder.

        Raises
        ------
        InvalidInput
            If there are such cells and `yes` is not said; names them.
        """
        from nbtrack.commands.replay import replay

        return replay(self._found, yes=yes)


class StaleCells(_Shown):
    """The cells whose inputs have changed since they last ran, each with the reasons."""

    def __init__(self, found: Staleness) -> None:
        super().__init__("stale", found)
        self.cells = found.stale


def asked(target: str, within: str | os.PathLike[str] | None, experiment: str | None) -> dict[str, Any]:
    """The arguments of a question about a variable of this session, of a run's or of a notebook's."""
    session = current_session()
    return {
        "target": target,
        "experiment": experiment,
        "session": session.process if session is not None and within is None else None,
        "within": None if within is None else place(os.fspath(within)),
    }


def stale(proxy: Proxy, notebook: str | os.PathLike[str] | None) -> StaleCells:
    """The stale cells of this session, or of the last one of a notebook."""
    session = current_session()
    own = session.process if session is not None and notebook is None else None
    where = None if notebook is None else place(os.fspath(notebook))
    return StaleCells(proxy.ask("lineage.stale", session=own, notebook=where))
