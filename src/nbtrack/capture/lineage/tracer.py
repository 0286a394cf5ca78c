"""The trace of each cell: what it read, wrote and changed, from a look before it and a look behind it.

Nothing runs while the cell runs but the audit hook of `files`. What is known of a variable's content is kept from cell to
cell, so a look at it is due only when a cell has used it, and costs nothing for what no cell touches. All looks of one cell
have a budget of time; what it does not cover is decided by the source, to the safe side, and said.
"""

from __future__ import annotations

import re
import sys
import threading
from dataclasses import dataclass, replace
from time import perf_counter, time_ns  # by name: a notebook may put something else into the module
from typing import Final

if sys.platform != "win32":
    import resource

from nbtrack.capture.lineage import files
from nbtrack.capture.lineage.ambient import Ambient
from nbtrack.capture.lineage.content import NODES, OutOfTime, Walker
from nbtrack.capture.lineage.ending import Ending
from nbtrack.capture.lineage.kinds import identity, module_of
from nbtrack.capture.lineage.mutations import Known
from nbtrack.capture.lineage.names import is_hidden, is_scalar
from nbtrack.capture.lineage.paths import evaluated
from nbtrack.capture.lineage.places import Places
from nbtrack.capture.lineage.reach import NOTHING, Reach, reach_of
from nbtrack.capture.lineage.references import References, references
from nbtrack.entities.lineage import Trace

BUDGET: Final = 0.003
"""Seconds that the looks behind a cell may take, and a hundredth of the cell's own duration on top."""

MOST: Final = 0.03
_BEFORE: Final = 0.002
_FEWEST: Final = 16
_STARTS: Final = frozenset(
    {"run", "Popen", "call", "check_call", "check_output", "system", "getoutput", "popen"}
)


@dataclass(slots=True)
class Started:
    """A cell that is being traced."""

    references: References
    watch: files.Watch
    reads: dict[str, None]
    reach: Reach
    outs: dict[str, None]
    texts: list[object]
    began: int
    stamps: dict[str, str]
    listed: dict[str, str] | None
    modules: int
    everything: str | None
    alone: bool
    direct: frozenset[str]
    memory: int | None


class Tracer:
    """Traces the cells of one namespace.

    Parameters
    ----------
    namespace
        The notebook's variables.
    places
        Which files are the notebook's.
    budget
        Seconds, see `BUDGET`.
    """

    def __init__(self, namespace: dict[str, object], places: Places, budget: float = BUDGET) -> None:
        self.namespace = namespace
        self.places = places
        self._budget = budget
        self.names: list[str] = []
        self.identities: list[int] = []
        self.known: dict[str, Known] = {}
        self.costs: dict[str, float] = {}
        self._most: dict[str, int] = {}
        self._doubted: set[str] = set()  # may have been changed by what was not traced
        self.ambient: Ambient | None = None
        self.written: set[str] = set()
        self.made: set[str] = set()
        self.databases: dict[str, None] = {}
        self._running = 0

    def forget(self) -> None:
        """Something ran that is not traced: what it did is not the next cell's."""
        self.ambient = None

    # Before the cell

    def begin(self, code: str) -> Started:
        """A cell is about to run, whose magics are Python calls already."""
        found = references(code)
        if self.ambient is None:
            self.ambient = Ambient()
            self.look_at_names()
            self._doubted = set(self.known)
        everything = found.error or found.hints.opaque
        reads, reach = self._closure(found, everything)
        texts: list[object] = list(found.hints.texts)
        texts += [word for command in found.hints.commands for word in re.split(r"[\s<>|;&'\"]+", command)]
        texts += [evaluated(expression, self.namespace) for expression in found.hints.paths]
        texts += [value for name in reads if _names_file(value := self.namespace.get(name))]
        started = Started(
            references=found,
            watch=files.Watch(self.places, threading.get_ident()),
            reads=reads,
            reach=reach,
            outs=self._results(found),
            texts=texts,
            began=time_ns(),
            stamps=files.named_files(texts, self.places),
            listed=files.listed(self.ambient.folder) if _starts_programs(found) else None,
            modules=len(sys.modules),
            everything=everything,
            alone=not self._running,
            direct=found.loads,
            memory=peak_memory(),
        )
        self._running += 1
        files.begin(started.watch)
        return started

    def look_at_names(self) -> tuple[list[str], list[int]]:
        """The names of the namespace and the identities of their values; gives those of the last look."""
        before = self.names, self.identities
        names, values = list(self.namespace), list(map(identity, self.namespace.values()))
        self.names, self.identities = names, values
        return before

    def _closure(self, found: References, everything: str | None) -> tuple[dict[str, None], Reach]:
        """What the cell reads, by its own code and by the functions that it may call.

        What no cell has used since nbtrack was loaded is looked into here, as it is before the cell.
        """
        namespace, reach = self.namespace, NOTHING
        walker = Walker(namespace, self.places.is_project, perf_counter() + _BEFORE)
        wanted = list(namespace) if everything else [*found.loads, *found.hints.mentioned]
        reads: dict[str, None] = {}
        for name in wanted:
            if name in reads or name not in namespace or is_hidden(name):
                continue
            reads[name] = None
            known = self._known_of(name, walker)
            if known is not None and known.reach is not NOTHING:
                wanted.extend(known.reach.names)
                reach = reach | known.reach
        return reads, reach

    def _known_of(self, name: str, walker: Walker) -> Known | None:
        """What is known of a variable; looks into it when it is a callable that was never looked into."""
        value = self.namespace.get(name)
        known = self.known.get(name)
        if known is not None and known.identified == identity(value) and name not in self._doubted:
            return known
        self._doubted.discard(name)
        self.known.pop(name, None)
        if is_scalar(value):
            return None
        return self.look(name, walker)

    def look(self, name: str, walker: Walker) -> Known | None:
        """Look into a variable; None where that took too long."""
        value = self.namespace.get(name)
        began = perf_counter()
        try:
            content = walker.walk(value, self._most.get(name, NODES))
        except OutOfTime as problem:
            # A fingerprint can only be compared with one of as many objects: from now on so many that there is time for.
            self._most[name] = max(_FEWEST, problem.nodes // 2)
            self.costs[name] = max(self.costs.get(name, 0.0), perf_counter() - began)
            self.known.pop(name, None)
            return None
        self.costs[name] = perf_counter() - began
        reach = reach_of(content.codes) if content.codes else NOTHING
        known = Known(identity(value), replace(content, codes=[]), reach)
        self.known[name] = known
        return known

    def _results(self, found: References) -> dict[str, None]:
        """The keys of earlier results that the cell reads as ``_``, ``__``, ``_5`` or ``Out[5]``."""
        results = self.namespace.get("_oh")
        keys: dict[str, None] = {}
        if type(results) is not dict:
            return keys
        if found.hints.outs is None or (found.loads & {"Out", "_oh"} and not found.hints.outs):
            keys.update({f"Out:{count}": None for count in list(results)})
        keys.update({f"Out:{count}": None for count in found.hints.outs or ()})
        for name in found.loads:
            if name in ("_", "__", "___"):
                value = self.namespace.get(name)
                counts = [count for count, result in list(results.items()) if result is value]
                keys[f"Out:{counts[-1]}" if counts else name] = None
            elif name[0:1] == "_" and name[1:].isdigit():
                keys[f"Out:{name[1:]}"] = None
        return keys

    # Behind the cell

    def abandon(self, started: Started) -> None:
        """The end of a cell was not told."""
        files.end(started.watch)
        self._running -= 1
        self.forget()

    def end(self, started: Started, *, finished: bool, duration: float, count: int | None = None) -> Trace:
        """The cell has ended; ``finished`` without an error."""
        files.end(started.watch)
        self._running -= 1
        memory = peak_memory()
        deadline = perf_counter() + min(max(MOST, self._budget), self._budget + duration / 100)
        return Ending(self, started, finished=finished, deadline=deadline, count=count, memory=memory).trace()


def peak_memory() -> int | None:
    """The most memory that this process has had, in bytes; None where the system does not tell."""
    if sys.platform == "win32":
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _starts_programs(found: References) -> bool:
    called = found.hints.methods
    return bool(found.hints.commands) or any(
        methods & _STARTS
        for methods in (called.get("subprocess"), called.get("os"), called.get("sp"))
        if methods
    )


def _names_file(value: object) -> bool:
    return type(value) is str or module_of(type(value)).startswith("pathlib")
