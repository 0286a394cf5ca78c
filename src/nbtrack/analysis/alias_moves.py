"""The history of aliases, read from the lines of the audit log: pure functions on what was decided."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Move:
    """An alias was moved to a version; ``model`` is the model's present name, ``time`` in Unix nanoseconds."""

    time: int
    actor: str
    model: str
    alias: str
    version: int
    rollback: bool
    override: str


def moves(lines: Iterable[tuple[int, str, str, Mapping[str, Any]]]) -> list[Move]:
    """All moves of aliases, in order, under the names that the models have at the end.

    Parameters
    ----------
    lines
        Time, actor, decision and detail of each line of an audit log, in order.
    """
    found: list[Move] = []
    for time, actor, decision, detail in lines:
        if decision == "alias.moved":
            found.append(
                Move(
                    time=time,
                    actor=actor,
                    model=str(detail["model"]),
                    alias=str(detail["alias"]),
                    version=int(detail["to"]),
                    rollback=bool(detail.get("rollback")),
                    override=str(detail.get("override") or ""),
                )
            )
        elif decision == "model.renamed":
            before, after = str(detail["before"]), str(detail["after"])
            found = [
                Move(m.time, m.actor, after, m.alias, m.version, m.rollback, m.override)
                if m.model == before
                else m
                for m in found
            ]
    return found


def holders(found: Iterable[Move], model: str, alias: str, current: int | None) -> list[int]:
    """The versions that an alias went through to its present one, without those that were rolled back.

    `current` is the version that holds it by the store's word: one that came by a merge is in no line.
    """
    stack: list[int] = []
    for move in found:
        if (move.model, move.alias) != (model, alias):
            continue
        if move.rollback and len(stack) > 1:
            stack.pop()
        elif not stack or stack[-1] != move.version:
            stack.append(move.version)
    if current is not None and (not stack or stack[-1] != current):
        stack.append(current)
    return stack


def last_of_each(found: Iterable[Move]) -> list[Move]:
    """The last move of each alias, by model and alias."""
    last = {(move.model, move.alias): move for move in found}
    return [last[key] for key in sorted(last)]
