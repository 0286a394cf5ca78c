"""What takes the space: every byte of every file is told once, and nothing is told twice."""

from __future__ import annotations

import os
import random
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest
from owned_store import OwnedStore

from nbtrack.entities.ownership import Usage
from nbtrack.errors import InvalidInput


@pytest.fixture
def owned(tmp_path: Path) -> Iterator[OwnedStore]:
    opened = OwnedStore(tmp_path)
    yield opened
    opened.store.close()


def measure(owned: OwnedStore, by: str = "kind", limit: int = 1000, **days: int) -> Usage:
    deferred = owned.service.space.measure(by=by, limit=limit, **days)
    usage: Usage = deferred.finish(deferred.work())
    return usage


def sizes(usage: Usage) -> dict[str, int]:
    return {row.name: row.size for row in usage.rows}


def on_disk(owned: OwnedStore) -> int:
    return sum(path.stat().st_size for path in owned.store.folder.rglob("*") if path.is_file())


def log(owned: OwnedStore, run: str, chance: random.Random, count: int) -> None:
    """Points that no compressor shrinks."""
    values = array("d", [chance.random() for _ in range(count)])
    with owned.store.transaction():
        owned.store.metrics.append(run, "loss", None, values, array("q", range(count)))


def stored(owned: OwnedStore, sql: str) -> int:
    (value,) = next(owned.store.connection.execute(sql))
    return int(value or 0)


def fill(owned: OwnedStore, chance: random.Random) -> list[str]:
    """Runs with models, some shared, outputs, points, notebooks and notes; some in the trash; and what no run has."""
    shared = [chance.randbytes(size) for size in (100, 20_000, 40_000)]
    runs = []
    for number in range(12):
        run = owned.run(f"r{number % 3}", chance.choice("ab"))
        runs.append(run)
        for name in range(chance.randrange(3)):
            content = chance.choice([chance.randbytes(chance.choice([50, 30_000])), *shared])
            owned.artifact(run, content, f"m{name}", chance.choice(["model", "file"]))
        for _ in range(chance.randrange(4)):
            text = chance.randbytes(chance.choice([10, 50_000])).hex()
            owned.execute(f"x = {chance.randrange(3)}", run, cell=chance.choice("cd"), text=text)
        if chance.random() < 0.5:
            log(owned, run, chance, chance.choice([1, 5000]))
        if chance.random() < 0.3:
            owned.snapshot(run, chance.randbytes(20_000))
    owned.execute("free = 1", None, cell="f", text="words " * 5000)
    owned.register(runs[0])
    owned.service.trash.delete(runs=chance.sample(runs[1:], 3))
    with owned.store.transaction():
        owned.store.search.index(1000)
    with owned.store.transaction():
        owned.store.blobs.put(chance.randbytes(25_000))  # that nothing refers to
    return runs


def scatter(owned: OwnedStore) -> None:
    """Files of each place of a store."""
    folder = owned.store.folder
    (folder / "keeper.log").write_bytes(b"x" * 77)
    for place in ("incoming/a.bin", "journal/1.journal", "quarantine/b/c"):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_bytes(b"x" * len(place))
    (folder / "blobs" / "ab").mkdir(exist_ok=True)
    (folder / "blobs" / "ab" / ".cut-off").write_bytes(b"x" * 999)


@pytest.mark.parametrize("seed", range(4))
def test_the_kinds_are_every_byte_of_every_file_once(owned: OwnedStore, seed: int) -> None:
    chance = random.Random(seed)
    fill(owned, chance)
    scatter(owned)
    for how in ("as written", "after a checkpoint", "after collecting", "compacted"):
        if how == "after a checkpoint":
            owned.store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        elif how != "as written":
            owned.service.retention.collect(trash_days=0, grace_days=0, compact=how == "compacted").result()
        expected = on_disk(owned)
        usage = measure(owned)
        assert usage.total == expected, how
        assert sum(row.size for row in usage.rows) + usage.rest == expected, how
        assert all(row.size > 0 for row in usage.rows)
        assert [row.size for row in usage.rows] == sorted((row.size for row in usage.rows), reverse=True)
        assert (usage.shared, usage.other) == (0, 0)


def test_each_kind_is_what_it_says(owned: OwnedStore) -> None:
    chance = random.Random(0)
    run, gone = owned.run(), owned.run()
    model, noise, trashed = (chance.randbytes(size) for size in (30_000, 1_000, 40_000))
    owned.artifact(run, model)
    owned.artifact(gone, model)  # shared with the trash: not of the trash
    owned.artifact(run, noise, "noise", "file")
    owned.artifact(gone, trashed, "own")
    log(owned, run, chance, 5000)
    log(owned, gone, chance, 3000)
    owned.execute("x = 1", run, text="hello")
    owned.service.trash.delete(runs=[gone])
    scatter(owned)
    owned.store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    found = sizes(measure(owned))
    assert (found["model"], found["file"], found["strays"], found["quarantine"]) == (30_000, 1_000, 999, 14)
    points = "SELECT sum(length(points)) FROM metric_chunks JOIN runs ON key = run WHERE deleted IS"
    assert found["points"] >= stored(owned, f"{points} NULL") > 30_000
    assert found["trash"] >= 40_000 + stored(owned, f"{points} NOT NULL")
    assert {"tables", "index", "source", "outputs", "incoming", "journals", "files"} <= set(found)


@pytest.mark.parametrize("by", ["run", "cell"])
@pytest.mark.parametrize("seed", range(3))
def test_runs_and_cells_own_what_nobody_else_has(owned: OwnedStore, by: str, seed: int) -> None:
    chance = random.Random(seed)
    fill(owned, chance)
    scatter(owned)
    expected = on_disk(owned)
    usage = measure(owned, by)
    rows: list[Any] = owned.store.connection.execute("SELECT digest, stored_size FROM blobs").fetchall()
    blobs = dict(rows)
    users: dict[object, set[object]] = {}
    cells = {
        run: (owner, cell)
        for run, owner, cell in owned.store.connection.execute(
            "SELECT id, (SELECT text FROM texts WHERE id = notebook), (SELECT text FROM texts WHERE id = cell) FROM runs"
        )
    }
    for table, column in (
        ("artifacts", "digest"), ("snapshots", "file"), ("model_versions", "digest"),
        ("executions", "source"), ("executions", "outputs"),
    ):  # fmt: skip
        place = "notebook, cell_id" if table == "executions" else "NULL, NULL"
        for digest, run, notebook, cell in owned.store.connection.execute(
            f"SELECT {column}, run_id, {place} FROM {table} WHERE {column} IS NOT NULL"
        ):
            there: object = (notebook, cell) if table == "executions" else cells[str(run)]
            users.setdefault(digest, set()).add(run if by == "run" else there)
    own: dict[object, int] = {}
    shared = 0
    for digest, owners in users.items():
        if len(owners) == 1:
            own[next(iter(owners))] = own.get(next(iter(owners)), 0) + int(blobs[str(digest)])
        else:
            shared += int(blobs[str(digest)])
    for run, size in owned.store.connection.execute(
        "SELECT id, sum(length(points) + coalesce(length(extremes), 0)) FROM metric_chunks JOIN runs ON key = run GROUP BY 1"
    ):
        owner = run if by == "run" else cells[str(run)]
        own[owner] = own.get(owner, 0) + int(size)
    assert sorted(size for size in own.values() if size) == sorted(row.size for row in usage.rows if row.size)
    assert usage.shared == shared
    assert usage.total == expected
    assert sum(row.size for row in usage.rows) + usage.rest + usage.shared + usage.other == expected
    assert usage.other > 0


def test_runs_are_named_and_what_is_left_out_is_counted(owned: OwnedStore) -> None:
    chance = random.Random(1)
    runs = [owned.run() for _ in range(4)]
    shared = chance.randbytes(7_000)
    for number, run in enumerate(runs):
        owned.artifact(run, chance.randbytes(1_000 * (number + 1)))
        owned.artifact(run, shared, "shared")
    owned.service.curation.pin(True, ["forest-4"])
    owned.service.trash.delete(runs=["forest-3"])
    usage = measure(owned, "run", limit=2)
    assert [(row.name, row.size, row.shared, row.count, row.detail) for row in usage.rows] == [
        ("study/forest-4", 4_000, 7_000, 2, "pinned"),
        ("study/forest-3", 3_000, 7_000, 2, "in the trash"),
    ]
    assert (usage.left_out, usage.rest, usage.shared) == (2, 3_000, 7_000)
    assert measure(owned, limit=1).left_out > 0


def test_cells_show_the_first_line_of_their_newest_source(owned: OwnedStore) -> None:
    for text in ("old", "new"):
        owned.execute(f"{text} = 1\nmore", cell="cell-of-length", text=text * 9000)
    owned.execute("a script", text="x")
    rows = measure(owned, "cell").rows
    assert (rows[0].name, rows[0].detail) == ("a.ipynb · cell-of-", "new = 1")
    assert rows[1].name == "a.ipynb"


def test_what_collecting_would_free_is_what_it_frees(owned: OwnedStore) -> None:
    fill(owned, random.Random(2))
    scatter(owned)
    assert measure(owned).freed == 0
    days = {"trash_days": 0, "grace_days": 0}
    promised = measure(owned, **days).freed
    assert promised > 25_000
    assert owned.service.retention.collect(**days).result().size == promised
    assert measure(owned, **days).freed == 0


def test_a_new_store_and_what_cannot_be_asked(owned: OwnedStore) -> None:
    for by in ("kind", "run", "cell"):
        usage = measure(owned, by)
        assert usage.total == on_disk(owned)
        assert usage.by == by
    for arguments, says in (
        ({"by": "week"}, "by kind, run, cell, not by 'week'"),
        ({"limit": 0}, "at least 1"),
    ):
        with pytest.raises(InvalidInput, match=says):
            owned.service.space.measure(**arguments)  # type: ignore[arg-type]


def test_asking_goes_on_where_only_one_connection_may_be_open(
    owned: OwnedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    owned.artifact(owned.run(), os.urandom(30_000))

    def locked(*_: object, **__: object) -> None:
        raise apsw.BusyError("locked")

    monkeypatch.setattr("nbtrack.store.database.apsw.Connection", locked)
    assert sizes(measure(owned))["model"] == 30_000
