"""A question about one run costs the same in a small store and in a large one: SQLite's own steps are counted, not time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import apsw
import pytest
from owned_store import OwnedStore

from nbtrack.service import Service

RUN, EXPERIMENT = "forest-2", "study"

QUESTIONS: dict[str, Callable[[Service, str], object]] = {
    "a label": lambda service, _: service.runs.resolve(RUN, EXPERIMENT),
    "an experiment's label": lambda service, _: service.runs.resolve(f"{EXPERIMENT}/{RUN}"),
    "the beginning of an id": lambda service, run: service.runs.resolve(run[:-1]),
    "all of a run": lambda service, run: service.runs.get(run),
    "a run's outcome": lambda service, run: service.runs.outcome(run),
    "the newest run of a name": lambda service, _: service.runs.last("forest", EXPERIMENT),
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


def test_the_status_counts_what_is_there_and_what_runs(owned: OwnedStore) -> None:
    runs = [owned.run() for _ in range(3)]
    owned.run(end=False)
    owned.service.trash.delete([runs[0]])
    status = owned.service.status.status()
    assert (status.runs, status.running) == (3, 1)
