"""What one person recorded is taken to another one's store by the commands that people type."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from test_scripts import run_script

import nbtrack
from nbtrack.errors import NbtrackError

SCRIPT = """
    import nbtrack
    for lr in (0.1, 0.2):
        with nbtrack.run("forest") as run:
            run.params(lr=lr)
            for step in range(3):
                run.log(loss=lr / (step + 1))
"""


def test_runs_travel_by_a_bundle_and_by_a_store(folder: Path) -> None:
    laptop, desk = folder / "laptop", folder / "desk"
    for place in (laptop, desk):
        place.mkdir()
        done = run_script(place, SCRIPT)
        assert done.returncode == 0, done.stderr
    theirs = nbtrack.open(laptop)
    written = theirs.export(folder / "forest.bundle", ["forest-2"], name="laptop")
    assert (written.runs, written.store) == (1, "laptop")
    with pytest.raises(NbtrackError, match="exists already"):
        theirs.export(folder / "forest.bundle")

    mine = nbtrack.open(desk)
    assert mine.merge(folder / "forest.bundle", dry_run=True).added == 1
    merged = mine.merge(folder / "forest.bundle")
    assert merged.renamed == {"train/forest-2": "train/forest@laptop-2"}
    assert mine.merge(laptop).added == 1  # the other run, out of the store while its keeper has it open
    assert mine.merge(laptop).added == 0
    run = mine.runs.get("forest-2@laptop")
    assert run.metric("loss").values.tolist() == [0.2, 0.1, 0.2 / 3]
    table = mine.runs.search(sort="name")
    assert [row.origin for row in table] == [None, None, "laptop", "laptop"]
    assert table.columns()["origin"] == [None, None, "laptop", "laptop"]
    assert "from" in repr(table)
    assert "origin" not in theirs.runs.search().columns()
    assert theirs.runs.get("forest-1").params == mine.runs.get("forest@laptop-1").params
    shutil.copy(folder / "forest.bundle", folder / "cut")
    (folder / "cut").write_bytes((folder / "cut").read_bytes()[:-100])
    with pytest.raises(NbtrackError, match="damaged"):
        mine.merge(folder / "cut")
