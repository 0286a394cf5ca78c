"""A copy of a notebook's file without secrets, in which all other bytes are those of the file.

Each cell is looked through by itself and only once: what was found clean is known by its hash, so that a copy of a notebook
in which one cell has changed costs the looking through of one cell.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from time import sleep

from nbtrack.capture.secrets import Redactor
from nbtrack.entities.notebook_text import NotebookError, NotebookText, read_notebook

_PAUSE_EVERY = 200_000
"""Characters that are looked through at a stretch: then other threads get their turn."""


class NotebookCopies:
    """Makes copies of notebooks, and knows which cells are clean."""

    def __init__(self, redactor: Callable[[], Redactor]) -> None:
        self._redactor = redactor
        self._clean: set[bytes] = set()
        self._known = -1

    def without_secrets(self, content: bytes) -> bytes:
        """The bytes of a file without secrets; the very same object where there are none."""
        redactor = self._redactor()
        try:
            notebook = read_notebook(content.decode("utf-8"))
        except (UnicodeDecodeError, NotebookError):
            return redactor.notebook(content)
        if notebook.array is None or any(not isinstance(cell, dict) for cell in notebook.cells):
            return redactor.notebook(content)
        redactor.refresh()
        if redactor.known != self._known:  # a new secret may stand in what was clean until now
            self._clean.clear()
            self._known = redactor.known
        around = notebook.replaced([]).encode()
        if redactor.notebook(around) is not around:
            return redactor.notebook(content)
        return self._cells(notebook, redactor, content)

    def _cells(self, notebook: NotebookText, redactor: Redactor, content: bytes) -> bytes:
        cells: list[int | dict[str, object]] = []
        clean: set[bytes] = set()
        looked = 0
        for index, (start, end) in enumerate(notebook.spans):
            text = notebook.text[start:end]
            digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
            if digest not in self._clean:
                alone = f'{{"cells":[{text}]}}'.encode("utf-8", "surrogatepass")
                cleaned = redactor.notebook(alone)
                looked += len(text)
                if looked > _PAUSE_EVERY:
                    looked = 0
                    sleep(0)
                if cleaned is not alone:
                    cells.append(json.loads(cleaned)["cells"][0])
                    continue
            clean.add(digest)
            cells.append(index)
        self._clean = clean
        if all(isinstance(cell, int) for cell in cells):
            return content
        return notebook.replaced(cells).encode()
