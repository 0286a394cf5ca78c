"""What the source of a cell says: names that it reads and stores, constants, and names that may hold metrics.

One pass over the syntax tree, in the order in which the cell will run. A name counts as stored after an
``if`` only when both ways store it, and after a loop when its body does, since loops nearly always run.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from nbtrack.capture.constants import Path, constants_of
from nbtrack.capture.magics import magic_body, parsed
from nbtrack.capture.measures import MeasureNames
from nbtrack.capture.scopes import (
    COMPREHENSIONS,
    Read,
    Scope,
    bound_names,
    evaluated_at_definition,
    subscript,
)
from nbtrack.capture.seeds import Seeds

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nbtrack.entities.values import JSONValue

_MAX_SOURCE: Final = 500_000  # characters; longer cells are pasted data
_FIT_METHODS: Final = frozenset({"fit", "fit_transform", "fit_predict", "partial_fit"})


@dataclass(frozen=True)
class CellSource:
    """What the source of a cell says; everything is empty where it cannot be parsed.

    Attributes
    ----------
    constants : dict
        Values that each name, or ``name.key``, may hold after the cell. A constant dictionary is one value.
    metric_names : list of str
        Names, or ``name.key``, that are assigned what may be a metric.
    loads : list of str
        Names that are read before the cell stores them, in order.
    whole : list of str
        Those of `loads` that are read other than by a constant key.
    subscripts : list of tuple
        ``("cfg", "lr")`` for ``cfg["lr"]`` and ``cfg.get("lr")``, with more keys where more follow.
    stores : list of str
        Names that the cell binds, in order.
    fitted : list of str
        Names on which ``fit``, ``fit_transform``, ``fit_predict`` or ``partial_fit`` is called.
    seeds : dict
        The constant seeds of its calls, such as ``seed.numpy``.
    places : dict
        The path of each ``name.key`` in `constants` and `metric_names`: keys may hold dots.
    error : str or None
        Why the source could not be parsed.
    """

    constants: dict[str, list[object]] = field(default_factory=dict)
    metric_names: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    whole: list[str] = field(default_factory=list)
    subscripts: list[tuple[str, ...]] = field(default_factory=list)
    stores: list[str] = field(default_factory=list)
    fitted: list[str] = field(default_factory=list)
    seeds: dict[str, JSONValue] = field(default_factory=dict)
    places: dict[str, Path] = field(default_factory=dict)
    error: str | None = None


def parse_cell(source: str) -> CellSource:
    """Read a cell after IPython expanded its magics. Never raises: see `CellSource.error`."""
    if len(source) > _MAX_SOURCE:
        return CellSource(error=f"the cell has more than {_MAX_SOURCE:,} characters")
    try:
        reader = _Reader()
        reader.read(parsed(source).body)
        return reader.result()
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return CellSource(error=f"{type(error).__name__}: {error}")


class _Reader:
    """Walks a cell's statements in the order in which they run."""

    def __init__(self) -> None:
        self._loads: dict[str, None] = {}
        self._whole: dict[str, None] = {}
        self._subscripts: dict[tuple[str, ...], None] = {}
        self._stores: dict[str, None] = {}
        self._fitted: dict[str, None] = {}
        self._constants: dict[Path, list[object]] = {}
        self._measures = MeasureNames()
        self._seeds = Seeds()
        self._bound: set[str] = set()  # surely stored by now
        self._pending: dict[str, list[Read]] = {}  # what a function of this cell will read once it is used
        self._loops = 0

    def result(self) -> CellSource:
        for name in list(self._pending):
            self._use(name)
        places: dict[str, Path] = {}
        constants: dict[str, list[object]] = {}
        for path, values in self._constants.items():
            constants.setdefault(_named(path, places), []).extend(values)
        return CellSource(
            constants=constants,
            metric_names=list(dict.fromkeys(_named(path, places) for path in self._measures.paths)),
            loads=list(self._loads),
            whole=list(self._whole),
            subscripts=list(self._subscripts),
            stores=list(self._stores),
            fitted=list(self._fitted),
            seeds=self._seeds.result(),
            places=places,
        )

    def read(self, statements: Iterable[ast.stmt]) -> None:
        for statement in statements:
            self._statement(statement)

    # ── statements ──

    def _statement(self, node: ast.stmt) -> None:
        if isinstance(node, ast.Expr):
            self._expression_statement(node.value)
        elif isinstance(node, ast.Assign):
            self._assignment(node.targets, node.value)
        elif isinstance(node, ast.AnnAssign):
            self._expression(node.annotation)
            if node.value is not None:
                self._assignment([node.target], node.value)
        elif isinstance(node, ast.AugAssign):
            self._augmented(node)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            self._definition(node)
        elif isinstance(node, ast.If):
            self._expression(node.test)
            self._branches([node.body, node.orelse])
        elif isinstance(node, ast.For | ast.AsyncFor | ast.While):
            self._loop(node)
        elif isinstance(node, ast.With | ast.AsyncWith):
            for item in node.items:
                self._expression(item.context_expr)
                if item.optional_vars is not None:
                    self._target(item.optional_vars)
            self.read(node.body)
        elif isinstance(node, ast.Try | ast.TryStar):
            self._try(node)
        elif isinstance(node, ast.Match):
            self._expression(node.subject)
            self._branches([*(_case_statements(case) for case in node.cases), []])
        else:
            self._simple(node)

    def _expression_statement(self, node: ast.expr) -> None:
        body = magic_body(node)
        if body is None:
            self._expression(node)
            return
        statements, stored = body
        self.read(statements)
        for name in stored:
            self._store(name)

    def _simple(self, node: ast.AST) -> None:
        """Imports, ``del``, ``raise``, ``assert``, patterns of ``match``."""
        for name in bound_names(node):
            self._store(name)
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                module = node.module or "" if isinstance(node, ast.ImportFrom) else None
                self._measures.imported(module, alias.name, alias.asname or alias.name.partition(".")[0])
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Del):
                self._bound.discard(child.id)
            elif isinstance(child, ast.expr):
                self._expression(child)
            else:
                self._simple(child)

    def _assignment(self, targets: Sequence[ast.expr], value: ast.expr) -> None:
        only = targets[0]
        if isinstance(value, ast.Lambda) and len(targets) == 1 and isinstance(only, ast.Name):
            for default in evaluated_at_definition(value):
                self._expression(default)
            self._store(only.id)
            self._pending[only.id] = Scope(value).reads
            return
        self._expression(value)
        for target in targets:
            self._meaning(target, value)
            self._target(target)

    def _meaning(self, target: ast.expr, value: ast.expr, *, part: bool = False) -> None:
        """What ``target = value``, or ``target = a part of value``, says about constants and metrics."""
        if isinstance(target, (ast.Tuple, ast.List)):
            starred = any(isinstance(element, ast.Starred) for element in target.elts)
            pairwise = isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts)
            values = value.elts if pairwise and not starred else [value] * len(target.elts)  # type: ignore[attr-defined]
            for element, item in zip(target.elts, values, strict=True):
                self._meaning(element, item, part=item is value)
            return
        path = _path(target)
        if path is None:
            return
        self._measures.assigned(path, value)
        if not self._loops and not part:
            for place, constant in constants_of(path, value):
                self._constants.setdefault(place, []).append(constant)

    def _augmented(self, node: ast.AugAssign) -> None:
        self._expression(node.value)
        path = _path(node.target)
        if isinstance(node.target, ast.Name):
            self._load((node.target.id, ()))
        if path is not None:
            self._measures.assigned(path, node.value, adds=True)
        self._target(node.target)

    def _definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        for expression in evaluated_at_definition(node):
            self._expression(expression)
        scope = Scope(node)
        if isinstance(node, ast.ClassDef):
            for read in scope.reads:
                self._load(read)
            later = scope.later
        else:
            later = [*scope.reads, *scope.later]
        for name in scope.stored:
            self._stores.setdefault(name)
        self._store(node.name)
        self._pending[node.name] = later
        if node.decorator_list:  # a decorator may call it at once
            self._use(node.name)

    def _branches(self, branches: Iterable[Sequence[ast.AST]]) -> None:
        """Ways of which one is taken: what all of them store is stored, but for ways that leave the cell."""
        before, after = self._bound, None
        for branch in branches:
            self._bound = set(before)
            for node in branch:
                if isinstance(node, ast.stmt):
                    self._statement(node)
                elif isinstance(node, ast.expr):
                    self._expression(node)
                else:
                    self._simple(node)
            if not branch or not isinstance(branch[-1], ast.Raise | ast.Return | ast.Continue | ast.Break):
                after = self._bound if after is None else after & self._bound
        self._bound = before if after is None else after

    def _loop(self, node: ast.For | ast.AsyncFor | ast.While) -> None:
        self._loops += 1
        if isinstance(node, ast.While):
            self._expression(node.test)
        else:
            self._expression(node.iter)
            self._target(node.target)
        self.read(node.body)
        self._loops -= 1
        self.read(node.orelse)

    def _try(self, node: ast.Try | ast.TryStar) -> None:
        handlers = [[*([handler.type] if handler.type else []), *handler.body] for handler in node.handlers]
        for handler in node.handlers:
            if handler.name is not None:
                self._store(handler.name)
        self._branches([[*node.body, *node.orelse], *handlers])
        self.read(node.finalbody)

    # ── names ──

    def _load(self, read: Read) -> None:
        name, keys = read
        if name in self._pending:
            self._use(name)
        if name in self._bound:
            return
        self._loads[name] = None
        if keys:
            self._subscripts[name, *keys] = None
        elif keys is not None:
            self._whole[name] = None

    def _use(self, name: str) -> None:
        for read in self._pending.pop(name):
            self._load(read)

    def _store(self, name: str) -> None:
        if name in self._pending:
            self._use(name)
        self._stores[name] = None
        self._bound.add(name)

    def _target(self, node: ast.expr) -> None:
        if isinstance(node, ast.Name):
            self._store(node.id)
        elif isinstance(node, ast.Tuple | ast.List):
            for part in node.elts:
                self._target(part)
        elif isinstance(node, ast.Starred):
            self._target(node.value)
        elif isinstance(node, ast.Attribute | ast.Subscript):
            if isinstance(node, ast.Subscript):
                self._expression(node.slice)
            # `cfg["lr"] = 0.1` changes cfg, but its values so far are not read
            if isinstance(node.value, ast.Name):
                self._load((node.value.id, None))
            elif isinstance(node.value, ast.Subscript):
                self._target(node.value)
            else:
                self._expression(node.value)

    # ── expressions ──

    def _expression(self, node: ast.AST) -> None:
        if isinstance(node, ast.Name):
            self._load((node.id, ()))
        elif isinstance(node, ast.Constant):
            pass
        elif isinstance(node, ast.Call):
            self._call(node)
        elif isinstance(node, ast.Subscript) and (read := subscript(node)) is not None:
            self._load(read)
        elif isinstance(node, (ast.Lambda, *COMPREHENSIONS)):
            for default in evaluated_at_definition(node):
                self._expression(default)
            scope = Scope(node)
            for read in (*scope.reads, *scope.later):
                self._load(read)
            for name in scope.stored:
                self._store(name)
        elif isinstance(node, ast.NamedExpr):
            self._assignment([node.target], node.value)
        else:
            for child in ast.iter_child_nodes(node):
                self._expression(child)

    def _call(self, node: ast.Call) -> None:
        function = node.func
        self._measures.called(node)
        self._seeds.called(node)
        if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
            if function.attr in _FIT_METHODS:
                self._fitted[function.value.id] = None
            key = node.args[0] if node.args else None
            if function.attr == "get" and isinstance(key, ast.Constant) and type(key.value) is str:
                self._load((function.value.id, (key.value,)))
                function = key
        for child in (function, *node.args, *(keyword.value for keyword in node.keywords)):
            self._expression(child)


def _path(target: ast.expr) -> Path | None:
    """The path of a name, or of constant keys of a name; None for other targets."""
    keys: list[Any] = []
    while isinstance(target, ast.Subscript):
        if not isinstance(target.slice, ast.Constant) or type(target.slice.value) is not str:
            return None
        keys.append(target.slice.value)
        target = target.value
    return (target.id, *reversed(keys)) if isinstance(target, ast.Name) else None


def _named(path: Path, places: dict[str, Path]) -> str:
    """The path as a name; of two paths that read the same, the later one is quoted."""
    name = ".".join(map(str, path))
    if len(path) > 1 and places.setdefault(name, path) != path:
        name = path[0] + "".join(f"[{key!r}]" for key in path[1:])
        places[name] = path
    return name


def _case_statements(case: ast.match_case) -> list[ast.AST]:
    return [case.pattern, *([case.guard] if case.guard is not None else []), *case.body]
