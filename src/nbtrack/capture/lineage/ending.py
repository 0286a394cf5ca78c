"""The look behind one cell: what it left is compared with what was known before it."""

from __future__ import annotations

import operator
import sys
from itertools import compress
from pathlib import Path
from time import perf_counter  # by name: a notebook may put something else into the module
from types import BuiltinFunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, Final

from nbtrack.capture.lineage import files
from nbtrack.capture.lineage.ambient import Ambient, draws, figures
from nbtrack.capture.lineage.content import Walker
from nbtrack.capture.lineage.kinds import identity, kind_of, module_of
from nbtrack.capture.lineage.mutations import OVER, Known, Use, changed
from nbtrack.capture.lineage.names import is_hidden, is_scalar
from nbtrack.capture.lineage.paths import evaluated
from nbtrack.capture.params import loaded
from nbtrack.entities.lineage import Trace

if TYPE_CHECKING:
    from nbtrack.capture.lineage.tracer import Started, Tracer

_KINDS: Final = {"function": "function", "class": "class", "module": "module", "generator": "generator"}
_NAMED: Final = 5
_METHODS: Final = (MethodType, BuiltinFunctionType)
_BY_IMPORT: Final = "a module that was imported may have drawn"
_CLOCK: Final = 20_000_000  # ns


class Ending:
    """The look behind one cell."""

    def __init__(
        self,
        tracer: Tracer,
        started: Started,
        *,
        finished: bool,
        deadline: float,
        count: int | None,
        memory: int | None,
    ) -> None:
        self._tracer = tracer
        self._started = started
        self._finished = finished
        self._deadline = deadline
        self._count = count
        self._memory = memory
        self._namespace = tracer.namespace
        self._walker = Walker(self._namespace, tracer.places.is_project, deadline)
        self._reads: dict[str, None] = dict(started.reads)
        self._writes: dict[str, None] = {}
        self._mutated: dict[str, None] = {}
        self._deleted: dict[str, None] = {}
        self._unsure: dict[str, str] = {}
        self._versions: dict[str, str] = {}
        self._left: list[str] = []

    def trace(self) -> Trace:
        started, tracer = self._started, self._tracer
        before = {name: tracer.known.get(name) for name in started.reads}
        self._bindings()
        self._contents(before)
        self._aliases(before)
        self._reads.update(started.outs)
        if (
            self._count is not None
            and type(results := self._namespace.get("_oh")) is dict
            and self._count in results
        ):
            self._writes[f"Out:{self._count}"] = None
        self._modules()
        self._state()
        self._handles(before)
        if "process" in started.watch.effects or started.references.hints.commands:
            self._programs()
        self._files()
        hints, memory = started.references.hints, self._memory
        effects = {**dict.fromkeys(hints.effects), **started.watch.effects}
        if any(
            map(
                started.watch.is_outside,
                (*started.watch.written, *started.watch.removed, *started.watch.made),
            )
        ):
            effects["outside"] = None
        commands = [*hints.commands]
        commands += [one for one in started.watch.commands if not any(known in one for known in commands)]
        if started.everything:
            self._unsure.update(
                {name: started.everything for name in started.reads if name not in self._unsure}
            )
        return Trace(
            reads=list(self._reads),
            writes=list(self._writes),
            mutated=[key for key in self._mutated if key not in self._writes],
            deleted=list(self._deleted),
            unsure=self._unsure,
            versions=self._versions,
            defined={
                name: _kind_word(self._namespace.get(name))
                for name in self._writes
                if name in self._namespace
            },
            effects=list(effects),
            commands=commands[:20],
            skipped=self._skipped(),
            peak_memory=memory if memory != started.memory else None,
        )

    def _bindings(self) -> None:
        """Names bound anew or deleted, by identity and by the source: a new object may lie where the old one lay."""
        tracer, found = self._tracer, self._started.references
        names, identities = tracer.look_at_names()
        now_names, now = tracer.names, tracer.identities
        if len(now_names) >= len(names) and now_names[: len(names)] == names:
            moved = list(compress(now_names, map(operator.ne, now, identities)))
            moved += now_names[len(names) :]
        else:
            known = dict(zip(names, identities, strict=True))
            moved = [name for name, one in zip(now_names, now, strict=True) if known.get(name) != one]
            self._deleted.update(
                {name: None for name in names if name not in self._namespace and not is_hidden(name)}
            )
        self._writes.update({name: None for name in moved if not is_hidden(name) or name in found.stores})
        maybe = (found.stores | self._started.reach.stores) - self._writes.keys()
        for name in maybe:
            if name not in self._namespace or (is_hidden(name) and name not in ("_", "__")):
                continue
            if self._finished and name in found.bound:
                self._writes[name] = None
            else:
                self._reads[name] = self._mutated[name] = None
                self._unsure[name] = "it may have been bound again to the same object"
        for name in self._deleted:
            tracer.known.pop(name, None)
            tracer.costs.pop(name, None)

    def _contents(self, before: dict[str, Known | None]) -> None:
        """Look into what the cell has read and bound, the cheapest first."""
        tracer = self._tracer
        due = [name for name in {**self._started.reads, **self._writes} if name in self._namespace]
        due.sort(key=lambda name: tracer.costs.get(name, 0.0))
        after: dict[str, Known | None] = {}
        for name in due:
            if is_scalar(self._namespace[name]):
                tracer.known.pop(name, None)
            else:
                after[name] = self._look(name)
        for name, known in after.items():
            if name in self._writes:
                continue
            old = before.get(name)
            use = self._use(name, known)
            is_changed, reason = changed(old.content if old else None, known.content if known else None, use)
            if is_changed:
                self._mutated[name] = None
                if reason is not None:
                    self._unsure[name] = reason

    def _look(self, name: str) -> Known | None:
        if perf_counter() + self._tracer.costs.get(name, 0.0) / 2 > self._deadline:
            self._tracer.known.pop(name, None)
            self._left.append(name)
            return None
        known = self._tracer.look(name, self._walker)
        if known is None:
            self._left.append(name)
        else:
            self._versions[name] = known.content.version()
        return known

    def _use(self, name: str, known: Known | None) -> Use:
        started = self._started
        hints = started.references.hints
        may_alias = False
        if known is not None and not known.content.whole:
            for base in hints.changed - {name}:
                other = self._tracer.known.get(base)
                if base not in self._namespace or is_scalar(self._namespace[base]):
                    may_alias = may_alias or base not in self._namespace
                elif other is None or not other.content.parts.isdisjoint(known.content.parts):
                    may_alias = True
        return Use(name, name in started.direct, hints, started.reach, may_alias)

    def _aliases(self, before: dict[str, Known | None]) -> None:
        """Other variables that hold a part of what was changed."""
        tracer, parts = self._tracer, set[int]()
        # What was read and then bound anew may have been changed in between; `b += [1]` binds the same list.
        for name in (
            *self._mutated,
            *(name for name in before if name in self._writes or name in self._deleted),
        ):
            for known in (before.get(name), tracer.known.get(name) if name in self._mutated else None):
                if known is not None:
                    parts |= known.content.parts
        if not parts:
            return
        for name in tracer.names:
            value = self._namespace.get(name)
            if name in self._mutated or name in self._writes or is_hidden(name) or is_scalar(value):
                continue
            if name in self._started.reads:
                continue  # looked into already
            old = tracer.known.get(name)
            if old is not None and old.identified == identity(value) and old.content.parts.isdisjoint(parts):
                continue
            now = self._look(name)
            if now is None:
                self._mutated[name] = None
                self._unsure[name] = OVER
            elif old is None:
                if not now.content.parts.isdisjoint(parts):
                    self._mutated[name] = None
                    self._unsure[name] = "it shares a part with what was changed"
            elif old.content.digest != now.content.digest:
                self._mutated[name] = None
            elif not now.content.whole or now.content.opaque:
                self._mutated[name] = None
                self._unsure[name] = "it shares a part with what was changed"

    def _modules(self) -> None:
        """Attributes that the cell has set on modules and classes of libraries."""
        found = self._started.references.hints
        bases = {base for base, _ in found.attributes} | self._started.reach.set_on
        for base in bases:
            value = self._namespace.get(base)
            if type(value) is ModuleType:
                name = vars(value).get("__name__")
            elif kind_of(type(value)).word == "class" and module_of(value) != "__main__":  # type: ignore[arg-type]
                name = module_of(value)  # type: ignore[arg-type]
            else:
                continue
            if type(name) is str:
                self._mutated[f"module:{name}"] = None

    def _state(self) -> None:
        tracer, before = self._tracer, self._tracer.ambient
        now = tracer.ambient = Ambient()
        if before is None:
            return
        for key in now.changed(before):
            self._mutated[key] = None
            if key.startswith("random:"):
                self._reads[key] = None
        if "random:python" in self._mutated and self._drew_by_import():
            self._unsure["random:python"] = _BY_IMPORT
        for key in self._started.references.hints.random & now.random.keys():
            self._reads[key] = None
        self._versions.update({key: _short(state) for key, state in now.random.items()})
        self._versions.update(
            {f"before:{key}": _short(one) for key, one in before.random.items() if key in self._mutated}
        )
        touches = any(self._draws(name) for name in self._started.reads)
        if touches and (before.figures or figures()):
            self._mutated["figure"] = None
            if before.figures:
                self._reads["figure"] = None

    def _drew_by_import(self) -> bool:
        """Whether a module that was imported meanwhile must have drawn: the cell itself knows nothing of ``random``."""
        if len(sys.modules) == self._started.modules:
            return False
        module, generator = sys.modules.get("random"), loaded("random", "_inst")
        for name in {*self._started.reads, *self._started.references.stores}:
            value = self._namespace.get(name)
            if value is module or (type(value) in _METHODS and value.__self__ is generator):  # type: ignore[attr-defined]
                return False
        return True

    def _draws(self, name: str) -> bool:
        known = self._tracer.known.get(name)
        if known is not None and known.content.kind.library in ("matplotlib", "seaborn"):
            return True
        return draws(self._namespace.get(name))

    def _handles(self, before: dict[str, Known | None]) -> None:
        """Files that an earlier cell has opened: what is written to one may wait until it is closed or deleted."""
        touched = self._mutated.keys() | self._writes.keys() | self._deleted.keys()
        for name, known in before.items():
            for given, writable in known.content.handles if known is not None else ():
                for path in self._tracer.databases if given == files.DATABASE else (given,):
                    self._started.watch.read[path] = None
                    if writable and name in touched:
                        self._mutated[f"file:{path}"] = None
                if given == files.DATABASE:
                    self._started.watch.effects["sql"] = None

    def _programs(self) -> None:
        """What programs did to files, which nobody tells: what is in the folder tells it, and what may be is said."""
        tracer, watch = self._tracer, self._started.watch
        now = files.listed(tracer.ambient.folder if tracer.ambient else None)
        before = self._started.listed
        if before is not None:
            watch.written.update({path: None for path, seen in now.items() if before.get(path) != seen})
            watch.removed.update({path: None for path in before if path not in now})
        for path in tracer.written:
            if path not in watch.read and path not in watch.written:
                watch.read[path] = None
                self._unsure[f"file:{path}"] = "a program may have read it"

    def _files(self) -> None:
        started, tracer = self._started, self._tracer
        watch = started.watch
        texts = [*started.texts, *(evaluated(one, self._namespace) for one in started.references.hints.paths)]
        stamps = files.named_files(texts, tracer.places) if texts else {}
        for path, stamp in stamps.items():
            if path in watch.read or path in watch.written:
                continue
            before = started.stamps.get(path)
            # A path that was not known before the cell: the file's own time tells, which the system keeps in steps.
            is_old = stamp == before if before else int(stamp.partition(":")[2]) < started.began - _CLOCK
            (watch.read if is_old else watch.written)[path] = None
        if len(sys.modules) != started.modules:
            for module in list(sys.modules.values())[started.modules :]:
                file = vars(module).get("__file__") if type(module) is ModuleType else None
                if tracer.places.is_project(file) and (source := tracer.places.resolved(str(file))):
                    watch.read[source] = None
        for folder in watch.listed:
            watch.read[folder] = None
            watch.read.update({path: None for path in tracer.written if Path(folder) in Path(path).parents})
        gone = [path for path in watch.removed if path not in watch.written]
        for path in {**watch.read, **watch.written}:
            for parent in map(str, Path(path).parents if tracer.made else ()):
                if parent in tracer.made and parent not in watch.made:
                    self._reads[f"file:{parent}"] = None
        self._reads.update({f"file:{path}": None for path in watch.read})
        self._writes.update({f"file:{path}": None for path in (*watch.written, *watch.made)})
        self._deleted.update({f"file:{path}": None for path in gone})
        tracer.written |= watch.written.keys()
        tracer.made |= watch.made.keys()
        tracer.databases.update(watch.databases)
        for path in {**watch.read, **watch.written}:
            if (seen := files.stamp(path)) is not None:
                self._versions[f"file:{path}"] = seen

    def _skipped(self) -> list[str]:
        sentences = []
        if self._left:
            named = ", ".join(self._left[:_NAMED]) + (" …" if len(self._left) > _NAMED else "")
            sentences.append(f"the time to look into variables was over, so the source decided on {named}")
        if not self._started.alone:
            sentences.append("another cell ran at the same time, and what it did may be told of this one")
        if self._started.watch.overflown:
            sentences.append("the cell used more files than are told")
        return sentences


def _short(state: int) -> str:
    return f"{state & 0xFFFFFFFFFFFF:012x}"


def _kind_word(value: Any) -> str:
    kind = kind_of(type(value))
    if kind.library == "sklearn":
        return "estimator"
    return _KINDS.get(kind.word, kind.name)
