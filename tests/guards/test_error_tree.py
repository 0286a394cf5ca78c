"""The error tree drawn in `nbtrack.errors` and described in docs/errors.md is the real one."""

from __future__ import annotations

import re
from pathlib import Path

from nbtrack import errors

DOCS = Path(__file__).resolve().parents[2] / "docs" / "errors.md"


def real_tree() -> dict[str, str | None]:
    """Each error and its parent, as the classes have it."""
    found: dict[str, str | None] = {errors.NbtrackError.__name__: None}
    waiting: list[type[errors.NbtrackError]] = [errors.NbtrackError]
    while waiting:
        parent = waiting.pop()
        for child in parent.__subclasses__():
            if child.__module__ == errors.__name__:
                found[child.__name__] = parent.__name__
                waiting.append(child)
    return found


def drawn_tree(text: str) -> dict[str, str | None]:
    """The same from a drawing with ``├──`` and ``└──``."""
    found: dict[str, str | None] = {}
    above: list[tuple[int, str]] = []
    for line in text.splitlines():
        node = re.match(r"(?P<indent> *(?:│ *)*(?:[├└]── )?)(?P<name>[A-Z]\w+) {2,}\S", line)
        if node is None:
            continue
        depth = len(node["indent"])
        while above and above[-1][0] >= depth:
            above.pop()
        found[node["name"]] = above[-1][1] if above else None
        above.append((depth, node["name"]))
    return found


def test_the_drawing_is_the_tree() -> None:
    assert drawn_tree(errors.__doc__ or "") == real_tree()


def test_each_error_has_its_row_in_the_docs() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| `(\w+)` \| (\d+) \| (\d+) \|", DOCS.read_text(encoding="utf-8"), re.MULTILINE
    )
    documented = {name: (code, int(http), int(status)) for name, code, http, status in rows}
    classes = {name: getattr(errors, name) for name in real_tree()}
    real = {name: (error.code, error.status, error.exit_status) for name, error in classes.items()}
    assert documented == real


def test_each_exit_status_of_an_error_is_explained() -> None:
    explained = re.findall(r"^\| (\d+) \| \S", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    assert {getattr(errors, name).exit_status for name in real_tree()} < set(map(int, explained))


def test_codes_are_told_apart() -> None:
    codes = [getattr(errors, name).code for name in real_tree()]
    assert len(codes) == len(set(codes))
