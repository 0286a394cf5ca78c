"""Which names hold data that was made of which sources, followed through the statements of each cell.

What an object is known by its identity to come from counts more; this is for what was computed, such as
``X = df[["a"]].to_numpy()``. Each name that an expression mentions counts, so it may be too much, and its
link says so (``name``).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from nbtrack.capture.magics import last_name, parsed

if TYPE_CHECKING:
    from nbtrack.entities.datasets import DataSource

_MOST_SOURCES: Final = 20
_MOST_SOURCE_TEXT: Final = 200_000
_FITS: Final = frozenset({"fit", "fit_transform", "fit_predict", "partial_fit"})
_GIVEN: Final = ("X", "y")
_BLOCKS: Final = ("body", "orelse", "finalbody", "handlers", "cases")

Sources = tuple["DataSource", ...]


@dataclass(slots=True)
class Fitted:
    """What calls of ``fit`` mention: the sources of all of it, and of each the variables that are its X and y."""

    sources: Sources = ()
    names: list[dict[str, str]] = field(default_factory=list)


class Derivation:
    """The sources of each name, as far as the cells so far tell."""

    def __init__(self) -> None:
        self._sources: dict[str, Sources] = {}

    def concerns(self, names: Iterable[str]) -> bool:
        """Whether one of the names holds something that is known."""
        return bool(self._sources) and any(name in self._sources for name in names)

    def of(self, name: str) -> Sources:
        """The sources of a name."""
        return self._sources.get(name, ())

    def set(self, name: str, sources: Sources) -> None:
        """A name holds an object that is known by itself."""
        self._sources[name] = sources

    def follow(
        self,
        code: str,
        reads: Mapping[str, list[DataSource]],
        early: Callable[[ast.Call, list[str]], DataSource | None],
    ) -> Fitted:
        """Follow a cell that has run; gives what its calls of ``fit`` mention.

        Parameters
        ----------
        reads
            What the cell has read, by the last part of the function's name.
        early
            Told of each call of a plain name and of the names that get its result; gives the source, where that was a
            function that reads and could not be seen.
        """
        if len(code) > _MOST_SOURCE_TEXT:
            return Fitted()
        try:
            tree = parsed(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return Fitted()
        walk = _Walk(self._sources, reads, early)
        walk.statements(tree.body)
        return walk.fitted


class _Walk:
    def __init__(
        self,
        names: dict[str, Sources],
        reads: Mapping[str, list[DataSource]],
        early: Callable[[ast.Call, list[str]], DataSource | None],
    ) -> None:
        self._names = names
        self._reads = reads
        self._early = early
        self.fitted = Fitted()

    def statements(self, body: Iterable[ast.AST]) -> None:
        for statement in body:
            self._statement(statement)

    def _statement(self, node: ast.AST) -> None:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            self._names.pop(node.name, None)
            return
        if isinstance(node, ast.Assign):
            self._bind(node.targets, node.value)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            self._bind([node.target], node.value)
        elif isinstance(node, ast.AugAssign):
            self._add([node.target], self._of(node.value))
        elif isinstance(node, (ast.For, ast.AsyncFor)):
            self._bind([node.target], node.iter)
        elif isinstance(node, (ast.With, ast.AsyncWith)):
            for item in node.items:
                if item.optional_vars is not None:
                    self._bind([item.optional_vars], item.context_expr)
        elif isinstance(node, ast.Delete):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    self._names.pop(target.id, None)
        for inner in self._own_expressions(node):
            if isinstance(inner, ast.NamedExpr):
                self._bind([inner.target], inner.value)
            elif (
                isinstance(inner, ast.Call)
                and isinstance(inner.func, ast.Attribute)
                and inner.func.attr in _FITS
            ):
                words = {word.arg: word.value for word in inner.keywords if word.arg is not None}
                given = {**dict(zip(_GIVEN, inner.args, strict=False)), **words}
                self.fitted.sources = _joined(self.fitted.sources, *map(self._of, given.values()))
                names = {name: value.id for name, value in given.items() if isinstance(value, ast.Name)}
                self.fitted.names.append({name: names[name] for name in _GIVEN if name in names})
        for name in _BLOCKS:
            for part in getattr(node, name, None) or ():
                if isinstance(part, (ast.ExceptHandler, ast.match_case)):
                    self.statements(part.body)
                elif isinstance(part, ast.stmt):
                    self._statement(part)

    def _own_expressions(self, node: ast.AST) -> Iterator[ast.AST]:
        """The expressions of a statement, without the statements inside it."""
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                yield from ast.walk(child)

    def _bind(self, targets: list[Any], value: ast.expr) -> None:
        names = [part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)]
        plain = [target for target in targets if isinstance(target, (ast.Name, ast.Tuple, ast.List))]
        sources = self._of(value, names if plain else [])
        for target in targets:
            if isinstance(target, (ast.Name, ast.Tuple, ast.List, ast.Starred)):
                for part in ast.walk(target):
                    if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                        self._names.pop(part.id, None)
                        if sources:
                            self._names[part.id] = sources
            else:
                self._add([target], sources)

    def _add(self, targets: list[ast.expr], sources: Sources) -> None:
        """``df["a"] = …``: the name holds what it held, and this too."""
        for target in targets:
            inner: ast.expr = target
            while isinstance(inner, (ast.Subscript, ast.Attribute)):
                inner = inner.value
            if isinstance(inner, ast.Name) and sources:
                self._names[inner.id] = _joined(self._names.get(inner.id, ()), sources)

    def _of(self, node: ast.expr, targets: list[str] | None = None) -> Sources:
        found: Sources = ()
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load):
                found = _joined(found, self._names.get(part.id, ()))
            elif isinstance(part, ast.Call):
                name = last_name(part.func)
                found = _joined(found, tuple(self._reads.get(name, ())))
                if isinstance(part.func, ast.Name):
                    source = self._early(part, targets or [] if part is node else [])
                    if source is not None:
                        found = _joined(found, (source,))
        return tuple(source if source.link == "name" else replace(source, link="name") for source in found)


def _joined(*many: Sources) -> Sources:
    found: dict[tuple[str, str | None, str | None], DataSource] = {}
    for sources in many:
        for source in sources:
            if len(found) < _MOST_SOURCES:
                found.setdefault((source.function, source.place, source.query), source)
    return tuple(found.values())
