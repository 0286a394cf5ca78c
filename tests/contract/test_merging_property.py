"""Any two stores: merging twice is merging once, nothing here changes its name, and what was deleted stays deleted."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shared_store import SharedStore

NAMES = ("forest", "svm", "forest@laptop")
Step = tuple[str, int, int]

# (what, which store, which run or name)
steps = st.lists(
    st.tuples(
        st.sampled_from(
            ["run", "run", "run", "register", "alias", "log", "tag", "note", "trash", "purge", "merge"]
        ),
        st.integers(0, 1),
        st.integers(0, 5),
    ),
    max_size=14,
)


@pytest.fixture(scope="module")
def room() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def names_of(store: SharedStore) -> dict[str, str]:
    """What each run and model version that is not deleted is called, and where aliases point."""
    rows = {row.id: f"{row.experiment}/{row.name}" for row in store.service.runs.search().runs}
    models = store.service.models.list()
    versions = {f"{model.name}/{v.version}": v.digest for model in models for v in model.versions}
    aliases = {
        f"{model.name}@{name}": str(number) for model in models for name, number in model.aliases.items()
    }
    return rows | versions | aliases


def take(stores: list[SharedStore], step: Step) -> None:
    what, number, which = step
    store = stores[number]
    rows = sorted(store.service.runs.search().runs, key=lambda row: row.id)
    if what == "run":
        run = store.run(NAMES[which % 3], "study" if which < 4 else "other")
        store.artifact(run, bytes(100 + which), "model")
        store.log(run, "loss", [float(which)] * (which + 1))
    elif what == "merge":
        store.merge(stores[1 - number])
    elif rows:
        row = rows[which % len(rows)]
        registered = {v.run_id for model in store.service.models.list() for v in model.versions}
        if what in ("register", "alias"):
            store.register(row.id, "churn", "champion" if what == "alias" else None)
        elif what == "log":
            store.log(row.id, "loss", [float(which)])
        elif what == "tag":
            with store.store.transaction():
                store.store.runs.set_tags(row.id, {"who": str(which)})
        elif what == "note":
            with store.store.transaction():
                store.store.runs.add_note(row.id, f"note {which}")
        elif row.id not in registered:
            store.service.trash.delete(runs=[row.id])
            if what == "purge":
                store.collect()


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=steps)
def test_any_two_stores_join(room: Path, steps: list[Step]) -> None:
    with tempfile.TemporaryDirectory(dir=room) as folder:
        stores = [SharedStore(Path(folder), name) for name in ("laptop", "desk")]
        try:
            for step in steps:
                take(stores, step)
            theirs, mine = stores
            before, other = names_of(mine), theirs.dump()
            gone = set(mine.dump()["tombstones"])
            mine.merge(theirs)
            once, after = mine.dump(), names_of(mine)
            assert before.items() <= after.items()  # nothing here changed its name, nothing was lost
            assert gone <= set(once["tombstones"])
            buried = {
                identity for _, identity in mine.store.connection.execute("SELECT kind, id FROM tombstones")
            }
            assert not buried & {row.id for row in mine.service.runs.search().runs}
            live = {row.id for row in theirs.service.runs.search().runs}
            trashed = {
                run
                for (run,) in mine.store.connection.execute("SELECT id FROM runs WHERE deleted IS NOT NULL")
            }
            assert live - buried - trashed <= after.keys()  # whatever was there and not deleted here came in
            again = mine.merge(theirs)
            assert (again.added, again.updated, again.versions, again.aliases) == (0, 0, 0, 0)
            assert mine.dump() == once
            assert theirs.dump() == other  # and the other one is as it was
        finally:
            for store in stores:
                store.store.close()
