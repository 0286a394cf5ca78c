"""Which data of this process came from where: what was read, what was split off it, and what models were fitted on.

The leaves of `nbtrack.capture.frameworks` tell of it while it happens, and the end of a cell tells which names were made of
which. No object is held: they are known by weak references, and facts are taken at once.
"""

from __future__ import annotations

import ast
import itertools
import os
import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from time import perf_counter  # by name: a notebook may put something else into the module
from typing import TYPE_CHECKING, Any, Final

from nbtrack.capture.datasets import BUDGET, LAZY, Kinds, describe
from nbtrack.capture.derivation import Derivation
from nbtrack.capture.identity import ByIdentity
from nbtrack.capture.params import loaded
from nbtrack.capture.sources import source_of

if TYPE_CHECKING:
    from nbtrack.capture.source import CellSource
    from nbtrack.entities.datasets import Dataset, DataSource
    from nbtrack.entities.profiles import DataProfile

SHARE: Final = 0.01
"""The part of a fit's time that profiles of its data may take."""

LEAST: Final = 0.000_5
"""Seconds that the profiles of a cell may take, however short its fits are: what nobody notices."""

_FINGERPRINT: Final = 0.010  # seconds, of what was just read or fitted on
_MOST: Final = 50  # reads, and fits, of one cell that are described
_MOST_SOURCES: Final = 1_000  # that are remembered
_MOST_PROFILES: Final = 50  # that are remembered
_WORTH: Final = 4  # times the seconds of a sampled profile are worth another
_PARTS: Final = 20  # of what one call has read
_PAIR: Final = (".data", ".target")
_BASES: Final = 4  # arrays that an array may be a part of a part of


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an object came from, and what a split made it for."""

    sources: tuple[DataSource, ...] = ()
    role: str | None = None


@dataclass(slots=True)
class Seen:
    """Data that was seen: its description, what it holds (a plain `DataProfile`), and the object, if it still lives."""

    data: Dataset
    thing: weakref.ref[Any] | None = None
    profile: dict[str, Any] | None = None


@dataclass(slots=True)
class CellData:
    """What a cell read and what models were fitted on in it."""

    reads: list[Seen] = field(default_factory=list)
    fits: list[Seen] = field(default_factory=list)


class KnownData:
    """What is known of the data of this process."""

    def __init__(self) -> None:
        self._home = os.getpid()
        self._local = threading.local()
        self._origins: ByIdentity[Origin] = ByIdentity()
        self._read: dict[tuple[str, ...], list[Seen]] = {}
        """What each source gave when it was last read."""
        self._names = Derivation()
        self._cell = CellData()
        self._profiling = self._hashing = 0.0
        """Seconds that profiles, and fingerprints, of this cell may still take."""
        self._profiles: dict[tuple[str, str], tuple[dict[str, Any], float]] = {}
        """What data of a fingerprint holds, and the seconds for it: the same is often fitted again and again."""
        self._early: dict[int, tuple[object, str, str]] = {}
        self._begin()

    def _begin(self) -> None:
        self._cell = CellData()
        self._profiling, self._hashing = LEAST, BUDGET

    # ── what happens ──

    def found(self, function: object, name: str, kind: str) -> None:
        """Note a function that reads, about to be watched: names that mean it already are not told of their calls."""
        self._early[id(function)] = function, name, kind

    def enter(self) -> bool:
        """A call that reads begins; whether it is the person's own and not a part of another."""
        if getattr(self._local, "inside", False) or os.getpid() != self._home:
            return False
        self._local.inside = True
        return True

    def leave(self) -> None:
        """It has ended."""
        self._local.inside = False

    def read(self, result: Any, source: DataSource, seconds: float = 0.0) -> None:
        """A call has read `result` from `source`, which took it so many seconds."""
        kinds = Kinds()
        label = label_of(source)
        self._profiling += SHARE * seconds
        found: list[Seen] = []
        for suffix, value in _parts(result):
            seen = self._describe(f"{label}{suffix}", value, kinds, len(self._cell.reads))
            if seen is not None:
                seen.data = replace(seen.data, role="source", sources=[source])
                self._origins[value] = Origin((source,))
                self._cell.reads.append(seen)
                found.append(seen)
        self._read[_key(source)] = found
        if len(self._read) > _MOST_SOURCES:
            del self._read[next(iter(self._read))]

    def split(self, given: tuple[Any, ...], parts: Any) -> None:
        """``train_test_split`` has made pairs of what it was given."""
        if type(parts) is not list or len(parts) != 2 * len(given):
            return
        for place, part in enumerate(parts):
            origin = self.origin_of(given[place // 2])
            sources = tuple(replace(source, link="split") for source in origin.sources)
            self._origins[part] = Origin(sources, ("train", "test")[place % 2])

    def fitted(self, given: Mapping[str, Any], seconds: float) -> None:
        """A model was fitted on `given` (``X``, ``y``), which took it so many seconds."""
        kinds = Kinds()
        self._profiling += SHARE * seconds
        for argument, value in given.items():
            if any(seen.thing is not None and seen.thing() is value for seen in self._cell.fits):
                continue
            seen = self._describe(argument, value, kinds, len(self._cell.fits))
            if seen is not None:
                seen.data = replace(seen.data, role="train", sources=list(self.origin_of(value).sources))
                self._cell.fits.append(seen)

    def _describe(self, name: str, value: Any, kinds: Kinds, already: int) -> Seen | None:
        module = kinds.module_of(value)
        if module is None or already >= _MOST:
            return None
        began = perf_counter()
        data = describe(name, value, module, budget=min(_FINGERPRINT, self._hashing))
        middle = perf_counter()
        self._hashing -= middle - began
        # Of a fit's share the fingerprint takes its part, of the least that there is for profiles it does not.
        self._profiling = max(self._profiling - (middle - began), min(self._profiling, LEAST))
        if data is None:
            return None
        seen = Seen(data, _reference(value))
        if module not in LAZY and self._profiling > 0:
            seen.profile = self._profile(data, value, module)
            self._profiling -= perf_counter() - middle
        return seen

    def _profile(self, data: Dataset, value: Any, module: str) -> dict[str, Any] | None:
        key = None if data.fingerprint is None or data.sampled else (data.type_name, data.fingerprint)
        known = self._profiles.get(key) if key is not None else None
        if known is not None and (not known[0]["sampled"] or self._profiling < _WORTH * known[1]):
            return known[0]
        profile = guarded_profile(value, module, self._profiling)
        if profile is None:
            return None
        plain: dict[str, Any] = _plain(profile)
        if key is not None:
            if len(self._profiles) >= _MOST_PROFILES:
                del self._profiles[next(iter(self._profiles))]
            self._profiles[key] = plain, self._profiling
        return plain

    # ── what is known ──

    def origin_of(self, value: Any) -> Origin:
        """Where an object came from, or (for a part of an array) what it is a part of."""
        part = False
        for _ in range(_BASES):
            origin = self._origins.get(value)
            if origin is not None:
                if not part:
                    return origin
                sources = tuple(replace(source, link="part") for source in origin.sources)
                return replace(origin, sources=sources)
            if type(value) is not loaded("numpy", "ndarray"):
                break
            value, part = value.base, True
        return Origin()

    def end_cell(
        self, cell: CellSource, code: str, namespace: Mapping[str, object], seconds: float | None = None
    ) -> CellData:
        """A cell has ended: learn which of its names hold what was read, and give what it read and fitted on.

        Parameters
        ----------
        seconds
            How long the cell took, if it belongs to a run: then what it calls ``fit`` with counts, where no fit was told.
        """
        names = list(dict.fromkeys([*cell.loads, *cell.stores]))
        fits = seconds is not None and ".fit" in code
        known = self._cell.reads or self._cell.fits or self._names.concerns(names)
        if not (fits or known or self._calls_early(names, namespace)):
            return self._cell
        by_function: dict[str, list[DataSource]] = {}
        for seen in self._cell.reads:
            source = seen.data.sources[0]
            by_function.setdefault(source.function.rpartition(".")[2], []).append(source)
        fitted = self._names.follow(code, by_function, partial(self._early_call, namespace))
        if seconds is not None and not self._cell.fits:
            for given in fitted.names:
                self.fitted({word: namespace.get(name) for word, name in given.items()}, seconds)
        kinds = Kinds()
        held: dict[int, str] = {}
        for name in names:
            value = namespace.get(name)
            if kinds.module_of(value) is not None:
                held.setdefault(id(value), name)
                if sources := self.origin_of(value).sources:
                    self._names.set(name, sources)
        things = [seen.thing() for seen in self._cell.fits if seen.thing is not None]
        wanted = {id(thing) for thing in things if thing is not None} - held.keys()
        if wanted:  # on what a function was given, for example
            for name, value in list(namespace.items()):
                if id(value) in wanted and not name.startswith("_"):
                    held.setdefault(id(value), name)
        for seen in self._cell.fits:
            thing = None if seen.thing is None else seen.thing()
            variable = held.get(id(thing)) if thing is not None else None
            made_of = seen.data.sources or list(self._names.of(variable) if variable else fitted.sources)
            seen.data = replace(seen.data, name=variable or seen.data.name, sources=made_of)
        ended = self._cell
        self._begin()
        return ended

    def complete(self, data: Dataset, value: object) -> Dataset:
        """A variable that a cell read, with where its content came from and what a split made it for."""
        origin = self.origin_of(value)
        sources = origin.sources or self._names.of(data.name)
        return replace(data, role=origin.role or data.role, sources=list(sources))

    def sources_of(self, data: Dataset) -> list[Seen]:
        """What the sources of data gave when they were last read."""
        return [seen for source in data.sources for seen in self._read.get(_key(source), ())]

    # ── names that were bound before the library was watched ──

    def _calls_early(self, names: list[str], namespace: Mapping[str, object]) -> bool:
        return bool(self._early) and any(id(namespace.get(name)) in self._early for name in names)

    def _early_call(
        self, namespace: Mapping[str, object], call: ast.Call, targets: list[str]
    ) -> DataSource | None:
        if not isinstance(call.func, ast.Name):
            return None
        function = namespace.get(call.func.id)
        known, name, kind = self._early.get(id(function), (None, "", ""))
        if known is None or known is not function:
            return None
        args = tuple(_constant(argument, namespace) for argument in call.args)
        named = {word.arg: _constant(word.value, namespace) for word in call.keywords if word.arg is not None}
        source = source_of(name, kind, args, named)
        values = [namespace.get(target) for target in targets]
        if values:
            self.read(values[0] if len(values) == 1 else tuple(values), source)
        return source


def data_of_run(
    known: KnownData, cell: CellData, read: Iterable[Dataset], namespace: Mapping[str, object]
) -> list[Seen]:
    """All data of a run by name: variables that its cell read, what models were fitted on, and the sources of both."""
    found: dict[str, Seen] = {}
    for data in read:
        found[data.name] = Seen(known.complete(data, namespace.get(data.name)))
    for seen in cell.fits:
        before = found.get(seen.data.name)
        if before is not None and seen.data.fingerprint is None and before.data.shape == seen.data.shape:
            seen.data = replace(seen.data, fingerprint=before.data.fingerprint, sampled=before.data.sampled)
        found[_free(seen.data, found)] = seen
    sources = [*cell.reads, *(one for seen in list(found.values()) for one in known.sources_of(seen.data))]
    for seen in sources:
        if not any(seen is one for one in found.values()):
            found[_free(seen.data, found)] = seen
    return [replace(seen, data=replace(seen.data, name=name)) for name, seen in found.items()]


def _free(data: Dataset, taken: Mapping[str, Seen]) -> str:
    """The name of data, with a number where that is another's: a variable that a model was fitted on is not another."""
    name, count = data.name, 1
    while name in taken and not _may_be_same(taken[name].data, data):
        count += 1
        name = f"{data.name} ({count})"
    return name


def _may_be_same(one: Dataset, other: Dataset) -> bool:
    known = one.fingerprint is not None and other.fingerprint is not None
    return one.shape == other.shape and (one.fingerprint == other.fingerprint or not known)


def as_record(seen: Seen) -> dict[str, Any]:
    """What a journal takes of data that was seen."""
    content: dict[str, Any] = _plain(seen.data)
    if seen.profile is not None:
        content["profile"] = seen.profile
    return content


def _plain(value: Any) -> Any:
    """As `dataclasses.asdict`, but no number is copied: a profile has thousands, and the journal writes them at once."""
    fields = getattr(type(value), "__dataclass_fields__", None)
    if fields is not None:
        return {name: _plain(getattr(value, name)) for name in fields}
    if type(value) is list and value and hasattr(type(value[0]), "__dataclass_fields__"):
        return [_plain(item) for item in value]
    return value


def label_of(source: DataSource) -> str:
    """What data is called after its source: the file's name, or the function's."""
    if source.kind in ("file", "url") and source.place:
        name = source.place.rstrip("/").replace("\\", "/").rpartition("/")[2]
        return name[:200] or source.function
    return source.function.rpartition(".")[2]


def guarded_profile(value: Any, module: str, seconds: float) -> DataProfile | None:
    """The profile of a sample; None where a column does something that no column should."""
    from nbtrack.capture.profiles import profile_sample  # late: a notebook may never show any data

    try:
        return profile_sample(value, module, seconds)
    except (Exception, SystemExit, GeneratorExit):  # noqa: BLE001 - as with fingerprints, the cell must run
        return None


def _key(source: DataSource) -> tuple[str, ...]:
    return source.function, source.place or "", source.query or "", source.stamp or "", str(source.arguments)


_BUNCHES: Final = (("sklearn.utils", "Bunch"), ("statsmodels.datasets.utils", "Dataset"))


def _parts(result: Any) -> Iterator[tuple[str, Any]]:
    """What a call has read: one table, several in a list or by name, or the parts of a Bunch."""
    kind = type(result)
    if kind is tuple or kind is list:
        names = _PAIR if kind is tuple and len(result) == 2 else None
        for place, value in enumerate(result[:_PARTS]):
            yield (names[place] if names else f"[{place}]"), value
    elif kind is dict or any(kind is loaded(*place) for place in _BUNCHES):
        for name, value in itertools.islice(dict.items(result), _PARTS):
            if type(name) is str:
                yield f".{name}", value
    else:
        yield "", result


def _constant(node: ast.expr, namespace: Mapping[str, object]) -> Any:
    """The value of an argument that is written out, or of a variable; ``...`` where it cannot be told."""
    if isinstance(node, ast.Name):
        return namespace.get(node.id, ...)
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return ...


def _reference(value: Any) -> weakref.ref[Any] | None:
    try:
        return weakref.ref(value)
    except TypeError:
        return None
