"""Versions of models side by side, as tables for text and HTML alike."""

from __future__ import annotations

from collections.abc import Iterator

from nbtrack.entities.runs import Difference
from nbtrack.entities.significance import Significance, VersionComparison
from nbtrack.render.characters import visible
from nbtrack.render.facts import difference_cells
from nbtrack.render.grid import Column
from nbtrack.render.numbers import number

_MOST = 60


def version_labels(found: VersionComparison) -> list[str]:
    """What the versions are called above their columns."""
    return [
        f"{visible(version.model, 40)}/{version.version}"
        + "".join(f" @{visible(alias, 30)}" for alias in version.aliases[:3])
        for version in found.versions
    ]


def version_tables(found: VersionComparison) -> Iterator[list[Column]]:
    """A table for each group in which something differs, and one of the tests."""
    for title in ("metrics", "file", "inputs", "requirements"):
        rows: list[Difference] = getattr(found, title)[:_MOST]
        if rows:
            cells = [difference_cells(row, measured=title == "metrics") for row in rows]
            names = Column(title, [visible(row.name, 60) for row in rows], "run")
            labels = enumerate(version_labels(found))
            yield [
                names,
                *(Column(label, [row[i] for row in cells], "run", right=True) for i, label in labels),
            ]
    if found.tests:
        yield _tests(found.tests)


def _tests(tests: list[Significance]) -> list[Column]:
    return [
        Column(
            "test", [f"{test.measure}: {test.test}" if test.measure else test.test for test in tests], "run"
        ),
        Column("difference", [number(test.difference) for test in tests], "param", right=True),
        Column(
            "interval",
            [f"{number(test.low)} to {number(test.high)} ({test.level:.0%})" for test in tests],
            "param",
        ),
        Column("", ["inside the noise" if test.inside_the_noise else "" for test in tests], "tag"),
        Column("p", ["" if test.p is None else number(test.p) for test in tests], "param", right=True),
        Column("effect", [f"{number(test.effect)} ({test.effect_name})" for test in tests], "param"),
        Column("pairs", [f"{test.count:,}" for test in tests], "param", right=True),
    ]
