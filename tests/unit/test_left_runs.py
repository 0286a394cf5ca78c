"""The sentence about runs that a process left open when it died."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from nbtrack.entities.deaths import LeftRun
from nbtrack.render.deaths import left_text

NOW = datetime(2026, 3, 4, 15, 0, tzinfo=timezone(timedelta(hours=2)))


def run(name: str, points: int, died: datetime = datetime(2026, 3, 4, 12, 2, tzinfo=UTC)) -> LeftRun:
    return LeftRun(process="p", name=name, died=died.isoformat(), points=points)


@pytest.mark.parametrize(
    ("runs", "text"),
    [
        (
            [run("forest-3", 1204)],
            "forest-3 was left running by a process that died at 14:02; shown as crashed; 1,204 points kept",
        ),
        (
            [run("a-1", 1, datetime(2026, 3, 3, 12, 2, tzinfo=UTC))],
            "a-1 was left running by a process that died on 2026-03-03 at 14:02; shown as crashed; 1 point kept",
        ),
        (
            [run(f"a-{number}", 2) for number in (5, 4, 3, 2, 1)],
            "a-5, a-4, a-3 and 2 more were left running by processes that died, the last at 14:02; shown as crashed; "
            "10 points kept",
        ),
    ],
)
def test_says_which_when_and_what_is_kept(runs: list[LeftRun], text: str) -> None:
    assert left_text(runs, NOW) == text
