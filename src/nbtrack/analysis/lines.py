"""Two texts as lines that stayed, went and came, with the parts of a line that changed."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import Literal

_TOKENS = re.compile(r"\d+(?:\.\d*)?(?:[eE][-+]?\d+)?|\w+|\s+|[^\w\s]")
_LONGEST_MARKED = 400
_LONGEST_TEXT = 2_000
_MOST_PAIRS = 2_000
_ALIKE = 0.6


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a diff: ``parts`` joined are its text; a True beside a part marks it as changed."""

    kind: Literal["same", "removed", "added", "skipped"]
    parts: tuple[tuple[str, bool], ...]

    @property
    def text(self) -> str:
        """The line without marks."""
        return "".join(part for part, _ in self.parts)


def line_diff(before: str, after: str, context: int = 2) -> list[Line]:
    """Compare two texts by lines.

    Parameters
    ----------
    before, after
        The texts; their line ends do not count.
    context
        How many unchanged lines to keep beside a change; longer stretches become one ``skipped`` line that
        says how many they are.
    """
    old, new = before.splitlines(), after.splitlines()
    lines: list[Line] = []
    for tag, i1, i2, j1, j2 in _opcodes(old, new):
        if tag == "equal":
            lines += _shortened(old[i1:i2], context, first=i1 == 0, last=i2 == len(old) and j2 == len(new))
        elif tag == "replace" and i2 - i1 == j2 - j1:
            pairs = [_marked(a, b) for a, b in zip(old[i1:i2], new[j1:j2], strict=True)]
            lines += [Line("removed", removed) for removed, _ in pairs]
            lines += [Line("added", added) for _, added in pairs]
        else:
            lines += _replaced(old[i1:i2], new[j1:j2])
    return lines


def _replaced(old: list[str], new: list[str]) -> list[Line]:
    """Lines in place of others: those that are alike are paired, so that the words that changed can be marked."""
    lines: list[Line] = []
    next_old = next_new = 0
    for i, j in [*_alike(old, new), (len(old), len(new))]:
        lines += [Line("removed", ((line, False),)) for line in old[next_old:i]]
        lines += [Line("added", ((line, False),)) for line in new[next_new:j]]
        if i < len(old):
            removed, added = _marked(old[i], new[j])
            lines += [Line("removed", removed), Line("added", added)]
        next_old, next_new = i + 1, j + 1
    return lines


def _alike(old: list[str], new: list[str]) -> list[tuple[int, int]]:
    """Pairs of like lines that do not cross; of large blocks none, since each line is held against each."""
    if not old or not new or len(old) * len(new) > _MOST_PAIRS:
        return []
    words = [[frozenset(_TOKENS.findall(line)) for line in lines] for lines in (old, new)]
    best = [[0.0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i in range(len(old) - 1, -1, -1):
        for j in range(len(new) - 1, -1, -1):
            best[i][j] = max(
                best[i + 1][j], best[i][j + 1], _likeness(words[0][i], words[1][j]) + best[i + 1][j + 1]
            )
    pairs = []
    i = j = 0
    while i < len(old) and j < len(new):
        likeness = _likeness(words[0][i], words[1][j])
        if likeness and best[i][j] == likeness + best[i + 1][j + 1]:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return pairs


def _likeness(a: frozenset[str], b: frozenset[str]) -> float:
    ratio = 2 * len(a & b) / (len(a) + len(b)) if a and b else 0.0
    return ratio if ratio > _ALIKE else 0.0


def _opcodes(old: list[str], new: list[str]) -> list[tuple[str, int, int, int, int]]:
    if max(len(old), len(new)) > _LONGEST_TEXT:
        # difflib is quadratic at worst: of very long texts the middle between equal ends is replaced whole.
        shortest = min(len(old), len(new))
        start = next((i for i in range(shortest) if old[i] != new[i]), shortest)
        end = next((i for i in range(shortest - start) if old[-1 - i] != new[-1 - i]), shortest - start)
        i2, j2 = len(old) - end, len(new) - end
        middle = [("replace", start, i2, start, j2)] if start < i2 or start < j2 else []
        return [("equal", 0, start, 0, start), *middle, ("equal", i2, len(old), j2, len(new))]
    return list(difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes())


def _shortened(lines: list[str], context: int, first: bool, last: bool) -> list[Line]:
    head = 0 if first else context
    tail = 0 if last else context
    if len(lines) <= max(head + tail + 1, context + 1):
        return [Line("same", ((line, False),)) for line in lines]
    skipped = len(lines) - head - tail
    note = Line("skipped", ((f"{skipped:,} unchanged lines", False),))
    end = lines[len(lines) - tail :]
    return [
        *(Line("same", ((line, False),)) for line in lines[:head]),
        note,
        *(Line("same", ((line, False),)) for line in end),
    ]


_Parts = tuple[tuple[str, bool], ...]


def _marked(before: str, after: str) -> tuple[_Parts, _Parts]:
    """Mark what changed within a line, by words; a line that changed altogether carries no marks."""
    if max(len(before), len(after)) > _LONGEST_MARKED:
        return ((before, False),), ((after, False),)
    old, new = _TOKENS.findall(before), _TOKENS.findall(after)
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    if matcher.ratio() < 0.4:
        return ((before, False),), ((after, False),)
    removed: list[tuple[str, bool]] = []
    added: list[tuple[str, bool]] = []
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        changed = tag != "equal"
        if i1 < i2:
            removed.append(("".join(old[i1:i2]), changed))
        if j1 < j2:
            added.append(("".join(new[j1:j2]), changed))
    return tuple(removed), tuple(added)
