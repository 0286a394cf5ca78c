"""Notebooks of older formats as nbformat 4, so that they can be shown and compared."""

from __future__ import annotations

import json
from typing import Any

from nbtrack.entities.notebook_text import NotebookError


def current_format(document: dict[str, Any]) -> dict[str, Any]:
    """A notebook as nbformat 4; one that is nbformat 4 already stays the very same object.

    Raises
    ------
    NotebookError
        If it is of a format that nobody reads any more, or not what it says.
    """
    version = document.get("nbformat")
    if version == 4 and isinstance(document.get("cells"), list):
        return document
    if version not in (2, 3):
        raise NotebookError(f"its format is nbformat {version}, which is not known")
    from nbformat import convert, from_dict

    try:
        converted = convert(from_dict(document), 4)  # type: ignore[no-untyped-call]
        plain: dict[str, Any] = json.loads(json.dumps(converted))
    except Exception as problem:  # noqa: BLE001 - nbformat trusts that a notebook is one
        raise NotebookError(
            f"it says that it is nbformat {version}, and cannot be read as such ({problem})"
        ) from None
    for place, cell in enumerate(plain["cells"]):
        cell["id"] = (
            f"cell-{place + 1}"  # nbformat draws ids at random, so that a notebook would differ from itself
        )
    return plain
