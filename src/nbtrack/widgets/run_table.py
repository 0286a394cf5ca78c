"""The table of runs as a widget."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from nbtrack.entities.runs import RunTable
from nbtrack.operations import to_json

STATIC = Path(__file__).parent / "static"

# An installation without the front end (its build found no Node) says so instead of failing at import.
_NOT_BUILT = """\
export default { render({ el }) {
  el.textContent =
    "This installation of nbtrack has no front end; run: pip install --force-reinstall nbtrack";
} };
"""


def front_end(static: Path = STATIC) -> tuple[Path | str, Path | str]:
    """The widget's module and style sheet, or a module that says what is missing."""
    module, style = static / "run_table.js", static / "run_table.css"
    return (module, style) if module.is_file() and style.is_file() else (_NOT_BUILT, "")


class RunTableWidget(anywidget.AnyWidget):
    """A table of runs in a cell's output: sortable, showing what varies.

    Parameters
    ----------
    table
        The answer of a search, as an entity or as its plain values.
    html, text
        The same table without a program: what a reopened or untrusted notebook, GitHub and nbconvert show.
        Both are shown as they are, so names in `html` must be escaped.
    """

    _esm, _css = front_end()
    table = traitlets.Dict().tag(sync=True)

    def __init__(self, table: RunTable | Mapping[str, Any], *, html: str, text: str) -> None:
        super().__init__(table=json_safe(table))
        self._html = html
        self._text = text

    def show(self, table: RunTable | Mapping[str, Any]) -> None:
        """Redraw with another answer."""
        self.table = json_safe(table)

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        # anywidget gives the data alone or with metadata, depending on its version.
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**data, "text/html": self._html, "text/plain": self._text}, metadata


def json_safe(table: RunTable | Mapping[str, Any]) -> dict[str, Any]:
    """The plain values of a table, with NaN and the infinities as texts: JSON has no numbers for them."""
    safe: dict[str, Any] = json.loads(to_json(table if isinstance(table, RunTable) else dict(table)))
    return safe
