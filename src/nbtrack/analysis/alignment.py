"""Which cell of one notebook is which cell of another.

nbdime compares every cell with every other: minutes where ids are missing (nbformat 4.4) or were made anew. Here
cells meet by id, then by equal source, and only within the gaps that remain by likeness, in a band whose width
does not grow with the notebook.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

Cell = dict[str, Any]

_ALIKE = 0.5
_BAND = 24
_MOST_TOKENS = 400
_TOKENS = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two positions that belong together; one is None where a cell was added or removed."""

    base: int | None
    head: int | None
    moved: bool = False


def source_of(cell: Cell) -> str:
    """The source of a cell; nbformat allows a text or a list of lines."""
    source = cell.get("source", "")
    return "".join(map(str, source)) if isinstance(source, list) else str(source)


def align(base: Sequence[Cell], head: Sequence[Cell]) -> list[Pair]:
    """Pair the cells of two notebooks.

    Returns
    -------
    list of Pair
        In the order of `head`; a removed cell stands behind the cell that it followed. ``moved`` marks cells
        that changed their place among those that kept it.
    """
    matches = _by_id(base, head)
    matches |= _by_source(base, head, matches)
    staying = _longest_rising(sorted(matches.items()))
    pairs = [(b, h) for b, h in matches.items() if (b, h) not in staying]
    moved_base, moved_head = {b for b, _ in pairs}, {h: b for b, h in pairs}
    result: list[Pair] = []
    next_base = next_head = 0
    for anchor_base, anchor_head in [*sorted(staying), (len(base), len(head))]:
        free_base = [b for b in range(next_base, anchor_base) if b not in moved_base]
        free_head = [h for h in range(next_head, anchor_head) if h not in moved_head]
        gap = list(_by_likeness(base, head, free_base, free_head))
        result += _merged(gap, {h: moved_head[h] for h in range(next_head, anchor_head) if h in moved_head})
        if anchor_base < len(base):
            result.append(Pair(anchor_base, anchor_head))
        next_base, next_head = anchor_base + 1, anchor_head + 1
    return result


def _by_id(base: Sequence[Cell], head: Sequence[Cell]) -> dict[int, int]:
    """Pairs of cells with the same id. An id that stands twice in a notebook names nothing."""
    old, new = _places(_ids(base)), _places(_ids(head))
    return {
        places[0]: new[key][0]
        for key, places in old.items()
        if len(places) == 1 and len(new.get(key, [])) == 1
    }


def _ids(cells: Sequence[Cell]) -> list[object]:
    return [cell.get("id") if isinstance(cell.get("id"), str) else None for cell in cells]


def _places(keys: Sequence[object]) -> dict[object, list[int]]:
    places: dict[object, list[int]] = {}
    for index, key in enumerate(keys):
        if key:
            places.setdefault(key, []).append(index)
    return places


def _by_source(base: Sequence[Cell], head: Sequence[Cell], taken: dict[int, int]) -> dict[int, int]:
    """Pairs of cells with a source that stands once on each side. Repeated cells wait for their gap."""
    taken_head = set(taken.values())
    old = _places([None if i in taken else _content(cell) for i, cell in enumerate(base)])
    new = _places([None if i in taken_head else _content(cell) for i, cell in enumerate(head)])
    return {
        places[0]: new[key][0]
        for key, places in old.items()
        if len(places) == 1 and len(new.get(key, [])) == 1
    }


def _content(cell: Cell) -> tuple[str, str] | None:
    source = source_of(cell)
    return (str(cell.get("cell_type")), source) if source.strip() else None


def _longest_rising(matches: Sequence[tuple[int, int]]) -> set[tuple[int, int]]:
    """The most pairs that keep their order; `matches` is sorted by base. The others have moved."""
    tails: list[int] = []
    tail_pairs: list[int] = []
    before: list[int | None] = []
    for index, (_, head) in enumerate(matches):
        place = bisect_left(tails, head)
        before.append(tail_pairs[place - 1] if place else None)
        tails[place : place + 1] = [head]
        tail_pairs[place : place + 1] = [index]
    kept: set[tuple[int, int]] = set()
    current = tail_pairs[-1] if tail_pairs else None
    while current is not None:
        kept.add(matches[current])
        current = before[current]
    return kept


def _by_likeness(
    base: Sequence[Cell], head: Sequence[Cell], old: Sequence[int], new: Sequence[int]
) -> Iterator[Pair]:
    """Pair what is left in a gap so that the sum of likenesses is greatest and no two pairs cross."""
    chosen = dict(_best_path([_Tokens.of(base[b]) for b in old], [_Tokens.of(head[h]) for h in new]))
    j = 0
    for i, b in enumerate(old):
        partner = chosen.get(i)
        if partner is None:
            yield Pair(b, None)
            continue
        for h in new[j:partner]:
            yield Pair(None, h)
        yield Pair(b, new[partner])
        j = partner + 1
    for h in new[j:]:
        yield Pair(None, h)


@dataclass(frozen=True, slots=True)
class _Tokens:
    kind: str
    words: frozenset[str]

    @classmethod
    def of(cls, cell: Cell) -> _Tokens:
        source = source_of(cell)
        words = frozenset(
            match[0] for match, _ in zip(_TOKENS.finditer(source), range(_MOST_TOKENS), strict=False)
        )
        return cls(str(cell.get("cell_type")), words)

    def like(self, other: _Tokens) -> float:
        """Dice's coefficient of the words, 0 below the threshold."""
        total = len(self.words) + len(other.words)
        if self.kind != other.kind:
            return 0.0
        if not total:
            return 1.0  # two empty cells
        if 2 * min(len(self.words), len(other.words)) < _ALIKE * total:
            return 0.0
        ratio = 2 * len(self.words & other.words) / total
        return ratio if ratio >= _ALIKE else 0.0


def _best_path(old: Sequence[_Tokens], new: Sequence[_Tokens]) -> list[tuple[int, int]]:
    """The pairs of the best alignment, by dynamic programming within a band around the diagonal."""
    if not old or not new:
        return []
    slope = len(new) / len(old)
    reach = _BAND + abs(len(new) - len(old)) if min(len(old), len(new)) < _BAND else _BAND
    windows = [
        (max(0, int(i * slope) - reach), min(len(new), int(i * slope) + reach + 1)) for i in range(len(old))
    ]
    scores: dict[tuple[int, int], float] = {}
    best: list[dict[int, float]] = [{} for _ in range(len(old) + 1)]
    # best[i][j]: greatest sum for old[i:] and new[j:], filled from the end; outside of the band it is 0.
    for i in range(len(old) - 1, -1, -1):
        low, high = windows[i]
        row, below = best[i], best[i + 1]
        for j in range(high - 1, low - 1, -1):
            score = old[i].like(new[j])
            scores[i, j] = score
            together = score + below.get(j + 1, 0.0) if score else 0.0
            row[j] = max(together, row.get(j + 1, 0.0), below.get(j, 0.0))
    pairs: list[tuple[int, int]] = []
    i = j = 0
    while i < len(old) and j < len(new):
        low, high = windows[i]
        if j >= high:
            i += 1
        elif j < low:
            j += 1
        elif scores[i, j] and best[i][j] == scores[i, j] + best[i + 1].get(j + 1, 0.0):
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i].get(j + 1, 0.0):
            j += 1
        else:
            i += 1
    return pairs


def _merged(gap: Sequence[Pair], moved: dict[int, int]) -> list[Pair]:
    """Put the moved cells of a gap at their place in `head`."""
    result: list[Pair] = []
    waiting = sorted(moved)
    for pair in gap:
        while waiting and pair.head is not None and waiting[0] < pair.head:
            result.append(Pair(moved[waiting[0]], waiting.pop(0), moved=True))
        result.append(pair)
    return result + [Pair(moved[head], head, moved=True) for head in waiting]
