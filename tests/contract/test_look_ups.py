"""A question about one run costs the same in a small store and in a large one: SQLite's own steps are counted, not time."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest
from owned_store import OwnedStore

from nbtrack.client.table import Table
from nbtrack.service import Service

RUN, EXPERIMENT = "forest-2", "study"

QUESTIONS: dict[str, Callable[[Service, str], object]] = {
    "a label": lambda service, _: service.runs.resolve(RUN, EXPERIMENT),
    "an experiment's label": lambda service, _: service.runs.resolve(f"{EXPERIMENT}/{RUN}"),
    "the beginning of an id": lambda service, run: service.runs.resolve(run[:-1]),
    "all of a run": lambda service, run: service.runs.get(run),
    "a run's outcome": lambda service, run: service.runs.outcome(run),
    "the newest run of a name": lambda service, _: service.runs.last("forest", EXPERIMENT),
    "the newest runs": lambda service, _: service.runs.search(limit=3),
    "the newest runs by columns": lambda service, _: service.runs.columns(limit=3),
    "the store's status": lambda service, _: service.status.status(),
}


@pytest.fixture
def owned(tmp_path: Path) -> OwnedStore:
    return OwnedStore(tmp_path)


def steps(owned: OwnedStore, question: Callable[[Service, str], object], run: str) -> int:
    """The instructions that SQLite's machine runs for a question."""
    found: list[int] = []

    def note(event: dict[str, dict[str, int]]) -> None:
        found.append(event["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"])

    owned.store.connection.trace_v2(apsw.SQLITE_TRACE_PROFILE, note)  # type: ignore[arg-type]
    question(owned.service, run)
    owned.store.connection.trace_v2(0)
    return sum(found)


@pytest.mark.parametrize("question", list(QUESTIONS))
def test_no_question_about_one_run_reads_the_others(owned: OwnedStore, question: str) -> None:
    runs = [owned.run() for _ in range(5)]
    before = steps(owned, QUESTIONS[question], runs[1])
    for name in ("forest", "tree", "grove"):
        for _ in range(40):
            owned.run(name, "study" if name != "grove" else "other")
    assert steps(owned, QUESTIONS[question], runs[1]) < before + 40


@pytest.mark.parametrize("filter", ["", "run.name like 'f%'", "changed(lr)"])
@pytest.mark.parametrize("sort", [[], ["run.name"], ["-run.name"]])
def test_pages_are_parts_of_the_whole(owned: OwnedStore, filter: str, sort: list[str]) -> None:
    for number in range(7):
        run = owned.run("forest" if number % 3 else "tree")
        with owned.store.transaction():
            owned.store.runs.set_params(run, {"lr": number // 2})
    owned.run("forest", "other")
    ask = functools.partial(owned.service.runs.search, filter, sort, experiment="study")
    whole = ask()
    assert whole.total == len(whole.runs) > 1
    pages = [ask(limit=2, offset=offset) for offset in range(0, 8, 2)]
    assert [row for page in pages for row in page.runs] == whole.runs
    assert {page.total for page in pages} == {whole.total}
    columns = owned.service.runs.columns(filter, sort, 2, 2, "study")
    assert (columns.total, columns.count) == (whole.total, len(pages[1].runs))
    assert [row.name for row in Table(columns).runs] == [row.name for row in pages[1].runs]


def test_the_status_counts_what_is_there_and_what_runs(owned: OwnedStore) -> None:
    runs = [owned.run() for _ in range(3)]
    owned.run(end=False)
    owned.service.trash.delete([runs[0]])
    status = owned.service.status.status()
    assert (status.runs, status.running) == (3, 1)
