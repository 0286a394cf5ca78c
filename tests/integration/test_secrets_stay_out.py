"""Secrets of a notebook never reach the disk, and the notebook itself shows what it always showed."""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
import time
import zipfile
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
    tables = database.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'search%'"
    ).fetchall()
    for (table,) in tables:
        packed += [repr(row).encode() for row in database.execute(f'SELECT * FROM "{table}"')]
    for content in (*packed, *(path.read_bytes() for path in copy.glob("blobs/**/*") if path.is_file())):
        try:
            parts.append(zlib.decompress(content))
        except zlib.error:
            parts.append(content)
    with contextlib.suppress(nbtrack.NbtrackError):
        bundle = copy.with_name("bundle.zip")
        nbtrack.open(folder).export(bundle)
        with zipfile.ZipFile(bundle) as packed_again:
            parts += [packed_again.read(name) for name in packed_again.namelist()]
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


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)


def test_no_secret_of_what_is_around_a_notebook_reaches_the_disk(start_kernel: Any, folder: Path) -> None:
    """Modules, git, variables, commands, and where data comes from."""
    git(folder, "init", "-q")
    git(folder, "remote", "add", "origin", f"https://me:{ADDRESS}@example.org/{TYPED}/study.git?key={HIDDEN}")
    (folder / "features.py").write_text("A = 1\n", encoding="utf-8")
    git(folder, "add", "features.py")
    git(folder, "-c", "user.name=me", "-c", "user.email=me@example.org", "commit", "-qm", "first")
    (folder / "features.py").write_text(
        f"PLACE = '{ENVIRONMENT}'\nURL = 'postgres://me:{ADDRESS}@host/db'\nKEY = '{TYPED}'\n",
        encoding="utf-8",
    )
    (folder / "later.py").write_text(f"PLACE = '{GIVEN}'\n", encoding="utf-8")
    kernel = start_kernel(
        SERVICE_TOKEN=ENVIRONMENT,
        OMP_NUM_THREADS=ENVIRONMENT,
        NBTRACK_ENVIRONMENT_VARIABLES="SERVICE_TOKEN,OMP_NUM_THREADS,LANG",
    )
    kernel.run("%load_ext nbtrack")
    kernel.run("password = 'given-' + 'Mv4Tb8Rn1'")
    kernel.run("%%track around\nimport features, later\nx = features.PLACE")
    kernel.run(f"!echo {TYPED} https://me:{ADDRESS}@host/x")
    kernel.run(
        "import subprocess\nsubprocess.run(['echo', password, features.KEY, '--api-key=' + features.PLACE])"
    )
    kernel.run(
        "%%track read\nimport sqlite3\nimport pandas as pd\nbase = sqlite3.connect('base.db')\n"
        f"one = pd.read_sql(\"select '{GIVEN}' as a\", base)\n"
        "two = pd.read_sql('select ? as b', base, params=[password])\n"
        f"three = pd.read_csv('http://me:{ADDRESS}@127.0.0.1:9/x.csv?token={HIDDEN}')"
    )
    people = f"password,note\n{GIVEN}x,{TYPED}\n{ADDRESS},fine\n"
    (folder / "people.csv").write_text(people, encoding="utf-8")
    kernel.run("%%track people\nx = 1\nframe = pd.read_csv('people.csv')\nrows = len(frame)")
    kernel.run("class Failing:\n    def __repr__(self): raise ValueError(password)\nFailing()")
    kernel.run("import nbtrack\nnbtrack.flush()")
    run = nbtrack.open(folder).runs.get("around-1")
    deadline = time.monotonic() + 20
    while not run.detail.surroundings.remotes and time.monotonic() < deadline:
        time.sleep(0.1)  # git is asked beside the keeper's work
        run = nbtrack.open(folder).runs.get("around-1")
    assert run.modules()["later"] == "PLACE = '‹redacted: value of password›'\n"
    assert "SERVICE_TOKEN" not in run.detail.surroundings.variables

    stored = everything(folder, folder.parent / "copy-of-around")
    for secret in EVERY:
        assert secret.encode() not in stored, secret
    assert stored.count(b"127.0.0.1:9/x.csv") > 0
    assert stored.count("‹redacted: value of SERVICE_TOKEN›".encode()) > 1
    assert "https://example.org/‹redacted: GitHub token›/study.git".encode() in stored
