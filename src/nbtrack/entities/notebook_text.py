"""A notebook's file as text: where each cell stands in it, and how cells are put in the place of others.

A file that is read and written again by a JSON library comes out with other line ends, escapes and orders of keys. Here
what is not changed stays as it was written, byte for byte.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


class NotebookError(ValueError):
    """A text is no notebook. The message says what is wrong and where, without naming the file."""


@dataclass(frozen=True, slots=True)
class NotebookText:
    """A notebook's file: ``spans`` are the places of its cells in ``text``, ``array`` those of the list's brackets.

    A notebook without a list of cells at its top (nbformat 3 has worksheets) has no spans and an ``array`` of None.
    """

    text: str
    document: dict[str, Any]
    spans: list[tuple[int, int]]
    array: tuple[int, int] | None

    @property
    def cells(self) -> list[Any]:
        """The cells, as the file has them."""
        return self.document["cells"] if self.array is not None else []

    def replaced(self, cells: Sequence[int | dict[str, Any]]) -> str:
        """The text with other cells.

        Parameters
        ----------
        cells
            In their order: the index of a cell that stays as it is written, or a cell to write.
        """
        if self.array is None:
            raise NotebookError("it has no list of cells")
        if list(cells) == list(range(len(self.spans))):
            return self.text
        opened, closed = self.array
        between = self.text[self.spans[0][1] : self.spans[1][0]] if len(self.spans) > 1 else None
        first = self.text[opened + 1 : self.spans[0][0]] if self.spans else "\n  "
        last = self.text[self.spans[-1][1] : closed] if self.spans else "\n "
        comma = between if between is not None else f",{first}"
        parts = [self.text[: opened + 1]]
        before: int | dict[str, Any] | None = None
        for cell in cells:
            if before is None:
                parts.append(first)
            elif isinstance(before, int) and isinstance(cell, int) and cell == before + 1:
                parts.append(self.text[self.spans[before][1] : self.spans[cell][0]])
            else:
                parts.append(comma)
            parts.append(
                self.text[slice(*self.spans[cell])] if isinstance(cell, int) else _written(cell, first)
            )
            before = cell
        return "".join([*parts, last if cells else "", self.text[closed:]])


def _written(cell: dict[str, Any], lead: str) -> str:
    """A cell as nbformat writes it, as far in as the others; `lead` is what stands before the first of them."""
    margin = lead.rpartition("\n")[2] if "\n" in lead else None
    step = None if margin is None else margin[: max(1, len(margin) // 2)] or " "
    text = json.dumps(cell, ensure_ascii=False, indent=step)
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a pair, which only an escape can hold
        text = json.dumps(cell, indent=step)
    if margin is None:
        return text
    return text.replace("\n", f"\r\n{margin}" if "\r\n" in lead else f"\n{margin}")


def read_notebook(text: str) -> NotebookText:
    """Read a notebook's file, of any version of its format.

    Raises
    ------
    NotebookError
        If it is none: cut off, no JSON, nested too deeply, or JSON of something else.
    """
    try:
        return _read(text)
    except NotebookError:
        raise
    except json.JSONDecodeError as problem:
        if problem.pos >= len(text.rstrip()):
            raise NotebookError(f"it is cut off in line {problem.lineno:,}") from None
        if problem.msg.startswith("Unterminated string"):
            place = f"line {problem.lineno:,}, column {problem.colno:,}"
            raise NotebookError(f"it is cut off in the text that begins in {place}") from None
        what = problem.msg[:1].lower() + problem.msg[1:]
        raise NotebookError(f"line {problem.lineno:,}, column {problem.colno:,}: {what}") from None
    except RecursionError:
        raise NotebookError("it is nested too deeply") from None
    except ValueError as problem:  # a whole number of more digits than Python reads
        raise NotebookError(f"it has what cannot be read: {problem}") from None


def _read(text: str) -> NotebookText:
    place = _skip(text, 1 if text.startswith("\ufeff") else 0)
    if place == len(text):
        raise NotebookError("it is empty")
    if text[place] != "{":
        kind = type(_DECODER.raw_decode(text, place)[0]).__name__
        raise NotebookError(f"it is JSON of a {kind}, which no notebook is")
    document: dict[str, Any] = {}
    spans: list[tuple[int, int]] = []
    array: tuple[int, int] | None = None
    place = _skip(text, place + 1)
    while text[place : place + 1] != "}":
        if document:
            place = _skip(text, _sign(text, place, ","))
        _sign(text, place, '"')
        key, place = _DECODER.raw_decode(text, place)
        place = _skip(text, _sign(text, _skip(text, place), ":"))
        if key == "cells":
            spans, array = [], None
        if key == "cells" and text[place : place + 1] == "[":
            opened = place
            document[key], spans, place = _items(text, place)
            array = (opened, place - 1)
        else:
            document[key], place = _DECODER.raw_decode(text, place)
        place = _skip(text, place)
    if (end := _skip(text, place + 1)) < len(text):
        raise json.JSONDecodeError("Extra data", text, end)
    if type(document.get("nbformat")) is not int or not (array or "worksheets" in document):
        raise NotebookError("it is JSON, but has no cells or no nbformat")
    return NotebookText(text, document, spans, array)


def _items(text: str, place: int) -> tuple[list[Any], list[tuple[int, int]], int]:
    """The items of a list, the place of each, and the place behind the list."""
    items: list[Any] = []
    spans: list[tuple[int, int]] = []
    place = _skip(text, place + 1)
    while text[place : place + 1] != "]":
        if items:
            place = _skip(text, _sign(text, place, ","))
        item, end = _DECODER.raw_decode(text, place)
        items.append(item)
        spans.append((place, end))
        place = _skip(text, end)
    return items, spans, place + 1


def _skip(text: str, place: int) -> int:
    match = _SPACE.match(text, place)
    return match.end() if match else place


def _sign(text: str, place: int, sign: str) -> int:
    """The place behind a sign that must stand here."""
    if text[place : place + 1] != sign:
        raise json.JSONDecodeError(f"expecting {sign}", text, place)
    return place + 1
