"""Secrets of a notebook never reach the disk, and the notebook itself shows what it always showed."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path
from typing import Any

import apsw

import nbtrack

ENVIRONMENT = "env-Kq7Xz2Lw9"
GIVEN = "given-Mv4Tb8Rn1"
TYPED = "gh" + "p_" + "Zt5Wd3Yp" * 5
ADDRESS = "addr-Hs6Jf0Gc3"
HIDDEN = "hidden-Pl9Qe7Vu2"
EVERY = (ENVIRONMENT, GIVEN, TYPED, ADDRESS, HIDDEN)


def everything(folder: Path, copy: Path) -> bytes:
    """All bytes of a store: its files, and what is packed in them."""
    nbtrack.open(folder).backup(copy)
    parts = [
        path.read_bytes()
        for place in (folder / ".nbtrack", copy)
        for path in place.rglob("*")
        if path.is_file()
    ]
    database = apsw.Connection(str(copy / "store.db"), flags=apsw.SQLITE_OPEN_READONLY)
    packed = [
        bytes(content)
        for (content,) in database.execute("SELECT content FROM blobs WHERE content IS NOT NULL")
    ]
    for table in ("executions", "runs", "notes", "texts"):
        packed += [repr(row).encode() for row in database.execute(f"SELECT * FROM {table}")]
    for content in (*packed, *(path.read_bytes() for path in copy.glob("blobs/**/*") if path.is_file())):
        try:
            parts.append(zlib.decompress(content))
        except zlib.error:
            parts.append(content)
    return b"\n".join(parts)


def test_no_secret_reaches_the_disk_by_any_way(start_kernel: Any, folder: Path) -> None:
    cells = [
        f"token = '{TYPED}'",
        f"# nbtrack: off\nprint('{HIDDEN}')",
        "import os\nprint(os.environ['SERVICE_TOKEN'])\ndict(os.environ)['SERVICE_TOKEN']",
    ]
    notebook = folder / "study.ipynb"
    outputs = [{"output_type": "stream", "name": "stdout", "text": [f"{TYPED}\n", f"{ENVIRONMENT}\n"]}]
    document = {
        "nbformat": 4, "nbformat_minor": 5, "metadata": {},
        "cells": [
            {"cell_type": "code", "id": f"c{n}", "metadata": {}, "execution_count": n, "source": source, "outputs": outputs}
            for n, source in enumerate(cells)
        ],
    }  # fmt: skip
    notebook.write_text(json.dumps(document), encoding="utf-8")
    kernel = start_kernel(SERVICE_TOKEN=ENVIRONMENT, JPY_SESSION_NAME=str(notebook), NBTRACK_LINE_WAIT="20")
    kernel.run("%load_ext nbtrack")
    for number, cell in enumerate(cells):
        kernel.run(cell, f"c{number}")
    answer = kernel.run(
        "%%track spill\npassword = 'given-' + 'Mv4Tb8Rn1'\nlogin = {'api_key': password}\nprint(password)\nlr = 1"
    )
    assert answer.stdout == f"{GIVEN}\n"  # the person sees what the code prints
    assert "left out" in answer.line
    kernel.run(f"raise ValueError('https://me:{ADDRESS}@host/x refused ' + token + password)")
    kernel.run("print(password * 3000)  # more than stands in a journal")
    kernel.run("import nbtrack\nnbtrack.tag(owner=token)\nnbtrack.params(note='with ' + password)")
    kernel.run("nbtrack.flush()")

    stored = everything(folder, folder / "copy")
    for secret in EVERY:
        assert secret.encode() not in stored
        assert base64.b64encode(secret.encode())[4:-4] not in stored
    assert stored.count("‹redacted: ".encode()) > 8
    run = nbtrack.open(folder).runs.get("spill-1")
    assert run.params["lr"] == 1
    assert run.params["password"] == "‹redacted: value of password›"
    assert any("left out" in note for note in run.detail.notes)


def test_a_cell_with_the_mark_is_not_remembered_and_runs_as_ever(kernel: Any, folder: Path) -> None:
    kernel.run("before = 1")
    answer = kernel.run("%%track quiet\n# nbtrack: off\nx = before + 41\nx")
    assert (answer.result, answer.displays) == ("42", [])
    kernel.run("%%track loud\ny = 2")
    client = nbtrack.open(folder)
    assert [run.name for run in client.runs.search()] == ["loud-1"]
    assert not client.search("before")[1:]
