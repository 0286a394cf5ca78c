from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbtrack.analysis.restored import chosen_cells, restored
from nbtrack.capture.notebook_copy import NotebookCopies
from nbtrack.capture.secrets import Redactor
from nbtrack.entities.notebook_text import NotebookError, read_notebook
from nbtrack.entities.runs import CellExecution

EXAMPLES = sorted((Path(__file__).parents[2] / "example_notebooks").glob("*.ipynb"))
TOKEN = "ghp_" + "a1B2" * 9


def execution(source: str, cell_id: str | None = None, count: int = 7) -> CellExecution:
    return CellExecution(
        id="e", cell_id=cell_id, execution_count=count, source=source, started="", duration=0.1, outcome="ok"
    )


def written(*cells: dict[str, Any], indent: int | None = 1, **fields: Any) -> str:
    document = {
        "cells": list(cells),
        "metadata": {"b": 1, "a": [1e-05, 1.0, -0.0]},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps({**document, **fields}, indent=indent, ensure_ascii=False) + "\n"


def code(source: str, cell_id: str = "c", **fields: Any) -> dict[str, Any]:
    cell = {"cell_type": "code", "id": cell_id, "metadata": {}, "source": source.splitlines(True)}
    return {**cell, "outputs": [], "execution_count": 1, **fields}


PICTURE = {"cell_type": "markdown", "id": "m", "metadata": {"tags": ["é"]}, "source": "# ü 📈 \\u0041",
           "attachments": {"a.png": {"image/png": "iVBORw0KGgo="}}}  # fmt: skip


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_file_stays_what_it_is_and_its_cells_can_be_written_again(path: Path) -> None:
    text = path.read_bytes().decode()
    notebook = read_notebook(text)
    assert notebook.document == json.loads(text)
    assert notebook.replaced(range(len(notebook.spans))) == text
    assert notebook.replaced([notebook.cells[0], *range(1, len(notebook.spans))]) == text


@pytest.mark.parametrize("indent", [1, 2, 4, None])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_what_is_not_executed_again_keeps_every_byte(indent: int | None, end: str) -> None:
    text = written(PICTURE, code("a = 1"), code("b = 2", "d"), indent=indent).replace("\n", end)
    text = text.replace('"b": 1', '"b" :1')  # as no library would write it
    found = restored(text, [(execution("b = 3\nb", "d"), [])])
    before, after = read_notebook(text), read_notebook(found.text)
    assert after.cells[2]["source"] == ["b = 3\n", "b"]
    assert after.cells[2]["execution_count"] == 7
    place = before.spans[2][0]
    assert found.text[:place] == text[:place]
    rest = text[before.spans[2][1] :]
    assert found.text.endswith(rest)
    assert ("\r" in found.text) == ("\r" in text)
    assert found.notes == ["1 cell was executed since the file was saved and is as executed."]
    assert restored(text, [(execution("b = 2", "d", count=1), [])]) == restored(text, [])
    assert restored(text, []).text == text


def test_a_cell_that_the_file_does_not_have_is_put_behind_the_one_before() -> None:
    text = written(code("a = 1"), PICTURE, nbformat_minor=4)
    found = restored(text, [(execution("a = 1", count=1), []), (execution("new", "n"), [])])
    cells = read_notebook(found.text).cells
    assert [cell["source"] for cell in cells] == [["a = 1"], ["new"], PICTURE["source"]]
    assert "id" not in cells[1]
    assert "not in the saved file" in found.notes[0]


def test_what_cannot_be_had_is_said() -> None:
    assert "No file had been saved" in restored(None, [(execution("x"), [])]).notes[0]
    old = json.dumps({"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": []})
    assert restored(old, []).notes == []
    assert "nbformat 3" in restored(old, [(execution("x"), [])]).notes[0]
    cut = written(PICTURE)[:-40]
    assert restored(cut, []).text == cut
    assert "cut off" in restored(cut, []).notes[0]
    assert restored(written(code("k = '‹redacted: token›'")), []).notes == [
        "1 place is redacted: a secret stood there."
    ]


def test_some_cells_make_a_notebook_of_their_own() -> None:
    text = written(PICTURE, code("a = 1"), code("b", "d"))
    found = read_notebook(chosen_cells(text, [3, 1]))
    assert found.cells == [code("b", "d"), PICTURE]
    assert found.document["metadata"] == json.loads(text)["metadata"]
    with pytest.raises(NotebookError, match="no cell 4; there are 3"):
        chosen_cells(text, [4])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is empty"),
        ("[1]", "it is JSON of a list"),
        ('{"a": 1}', "no cells or no nbformat"),
        ('{"nbformat": 4, "cells": [{"a": 1},\n', "it is cut off in line 2"),
        ('{"nbformat": 4,\n "cells": [{"a": "b', "cut off in the text that begins in line 2, column 18"),
        ('{"nbformat": 4,\n "cells": [{"a" 1}]}', "line 2, column 17: expecting ':' delimiter"),
        ('{"nbformat": 4, "cells": []} x', "extra data"),
        ("[" * 100_000, "nested too deeply"),
        ('{"nbformat": 4, "cells": ' + '[{"a":' * 50_000, "nested too deeply"),
        ('{"nbformat": 4, "cells": [' + "9" * 5_000 + "]}", "cannot be read"),
    ],
)
def test_what_is_no_notebook_is_told_with_its_place(text: str, said: str) -> None:
    with pytest.raises(NotebookError) as caught:
        read_notebook(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(EXAMPLES[:2]))
def test_mutated_notebooks_are_read_or_refused_as_by_json(seed: int, path: Path) -> None:
    """The beginning of a notebook with a few bytes changed: never anything but an answer or one sentence."""
    draw = random.Random(seed)
    content = bytearray(path.read_bytes()[: draw.randint(1, 20_000)])
    for _ in range(draw.randint(0, 4)):
        content[draw.randrange(len(content))] = draw.randrange(256)
    text = content.decode("utf-8", "replace")
    found = said = None
    try:
        found = read_notebook(text)
    except NotebookError as problem:
        said = str(problem)
    if found is None:
        assert said is not None
        assert len(said.splitlines()) == 1
    else:
        assert found.document == json.loads(text.removeprefix("\ufeff"))


def copies() -> NotebookCopies:
    redactor = Redactor({})
    return NotebookCopies(lambda: redactor)


def test_a_copy_without_secrets_is_the_very_same_bytes() -> None:
    content = written(PICTURE, code("a = 1"), indent=2).replace("\n", "\r\n").encode()
    assert copies().without_secrets(content) is content


def test_only_the_cell_with_a_secret_is_written_anew() -> None:
    text = written(PICTURE, code(f"token = '{TOKEN}'"), code("b = 2", "d"), indent=4)
    copied = copies().without_secrets(text.encode()).decode()
    before, after = read_notebook(text), read_notebook(copied)
    assert TOKEN not in copied
    assert "redacted" in "".join(after.cells[1]["source"])
    assert copied[: before.spans[1][0]] == text[: before.spans[1][0]]
    assert copied.endswith(text[before.spans[1][1] :])


def test_secrets_outside_of_cells_and_in_what_is_no_notebook_go_too() -> None:
    for content in (
        written(PICTURE, metadata={"k": TOKEN}),
        f"no notebook: {TOKEN}",
        written()[:-30] + " " + TOKEN,
    ):
        assert TOKEN.encode() not in copies().without_secrets(content.encode())


def test_a_cell_that_was_clean_is_looked_through_again_for_a_secret_that_became_known() -> None:
    redactor = Redactor({})
    made = NotebookCopies(lambda: redactor)
    content = written(code("x = 'Tr0ub4dor-and-three'")).encode()
    assert made.without_secrets(content) is content
    redactor.learn("DB_PASSWORD", "Tr0ub4dor-and-three")
    assert b"Tr0ub4dor" not in made.without_secrets(content)
