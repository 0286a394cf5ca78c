"""What the source of a cell says about the names that it uses.

One pass in the order in which the cell will run tells which names are surely bound before they are read; everything that is
not sure counts as read. A second pass over the whole tree gathers hints of mutation, which only count where the content of a
value cannot be compared.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from nbtrack.capture.lineage.hints import Hints, base_name, hints_of
from nbtrack.capture.lineage.shell_calls import ShellCall, shell_call
from nbtrack.capture.magics import parsed
from nbtrack.capture.scopes import COMPREHENSIONS, FUNCTIONS, Scope, bound_names, evaluated_at_definition

_MAX_SOURCE: Final = 500_000  # characters; longer cells are pasted data
_SWALLOWS: Final = r"(?i)suppress|raises|warns|assertRaises"


@dataclass(frozen=True)
class References:
    """What a cell's source says.

    Attributes
    ----------
    loads : frozenset of str
        Names that may be read before the cell binds them.
    stores : frozenset of str
        Names that it may bind.
    bound : frozenset of str
        Those that are surely bound once it has run to its end.
    deletes : frozenset of str
        Names that it may delete.
    hints : Hints
        What may be changed without being bound.
    error : str or None
        Why the source could not be read: then nothing is known of it.
    """

    loads: frozenset[str] = frozenset()
    stores: frozenset[str] = frozenset()
    bound: frozenset[str] = frozenset()
    deletes: frozenset[str] = frozenset()
    hints: Hints = field(default_factory=Hints)
    error: str | None = None


_cache: dict[str, References] = {}


def references(source: str) -> References:
    """Read a cell whose magics are Python calls already. Never raises."""
    found = _cache.get(source)
    if found is None:
        if len(_cache) > 200:
            _cache.clear()
        found = _cache[source] = _read(source)
    return found


def _read(source: str) -> References:
    if len(source) > _MAX_SOURCE:
        return References(error=f"the cell has more than {_MAX_SOURCE:,} characters")
    try:
        tree = parsed(source)
        reader = _Reader()
        reader.read(tree.body)
        trees = [tree, *reader.inner]
        return References(
            loads=frozenset(reader.loads),
            stores=frozenset(reader.stores),
            bound=frozenset(reader.bound),
            deletes=frozenset(reader.deletes),
            hints=hints_of(trees, reader.calls),
        )
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return References(error=f"{type(error).__name__}: {error}")


class _Reader:
    """Walks a cell's statements in the order in which they run."""

    def __init__(self) -> None:
        self.loads: dict[str, None] = {}
        self.stores: dict[str, None] = {}
        self.deletes: dict[str, None] = {}
        self.bound: set[str] = set()
        self.calls: list[ShellCall] = []
        self.inner: list[ast.Module] = []
        self._pending: dict[str, list[str]] = {}  # what a function of this cell will read once it is used

    def read(self, statements: Iterable[ast.stmt]) -> None:
        for statement in statements:
            self._statement(statement)

    # ── statements ──

    def _statement(self, node: ast.stmt) -> None:
        if isinstance(node, ast.Assign):
            self._assignment(node.targets, node.value)
        elif isinstance(node, ast.AnnAssign):
            self._expression(node.annotation)
            if node.value is not None:
                self._assignment([node.target], node.value)
        elif isinstance(node, ast.AugAssign):
            self._expression(node.value)
            self._load(base_name(node.target))
            self._target(node.target)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            self._definition(node)
        elif isinstance(node, ast.If):
            self._expression(node.test)
            self._branches([node.body, node.orelse])
        elif isinstance(node, ast.For | ast.AsyncFor):
            self._expression(node.iter)
            self._maybe([node.target, *node.body])
            self._maybe(node.orelse)
        elif isinstance(node, ast.While):
            self._expression(node.test)
            endless = isinstance(node.test, ast.Constant) and bool(node.test.value)
            (self.read if endless else self._maybe)(node.body)
            self._maybe(node.orelse)
        elif isinstance(node, ast.With | ast.AsyncWith):
            self._with(node)
        elif isinstance(node, ast.Try | ast.TryStar):
            self._try(node)
        elif isinstance(node, ast.Match):
            self._expression(node.subject)
            self._branches(
                [
                    *(
                        [case.pattern, *([case.guard] if case.guard else []), *case.body]
                        for case in node.cases
                    ),
                    [],
                ]
            )
        elif isinstance(node, ast.Delete):
            for target in node.targets:
                self._delete(target)
        else:
            self._simple(node)

    def _simple(self, node: ast.AST) -> None:
        """Imports, expressions, ``raise``, ``assert``, patterns of ``match``."""
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self._expression(child)
            else:
                self._simple(child)
        for name in bound_names(node):
            self._store(name)

    def _delete(self, target: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self.deletes[target.id] = None
            self._load(target.id)  # a name that is not there is an error
            self.bound.discard(target.id)
        elif isinstance(target, ast.Tuple | ast.List):
            for part in target.elts:
                self._delete(part)
        else:
            self._expression(target)

    def _assignment(self, targets: Sequence[ast.expr], value: ast.expr) -> None:
        only = targets[0]
        if isinstance(value, ast.Lambda) and len(targets) == 1 and isinstance(only, ast.Name):
            for default in evaluated_at_definition(value):
                self._expression(default)
            self._store(only.id)
            scope = Scope(value)
            self._pending[only.id] = [name for name, _ in (*scope.reads, *scope.later)]
            return
        self._expression(value)
        for target in targets:
            self._target(target)

    def _definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        for expression in evaluated_at_definition(node):
            self._expression(expression)
        scope = Scope(node)
        later = [name for name, _ in scope.later]
        for name, _ in scope.reads:
            if isinstance(node, ast.ClassDef):
                self._load(name)
            else:
                later.append(name)
        for name in scope.stored:
            self.stores[name] = None  # when it is called, if it is
        self._store(node.name)
        self._pending[node.name] = later
        if node.decorator_list or (isinstance(node, ast.ClassDef) and (node.bases or node.keywords)):
            self._use(node.name)  # a decorator or a metaclass may call it at once

    def _maybe(self, nodes: Sequence[ast.AST]) -> None:
        """What may not run at all: nothing that it binds is surely bound."""
        before = set(self.bound)
        self._sequence(nodes)
        self.bound &= before

    def _sequence(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            if isinstance(node, ast.stmt):
                self._statement(node)
            elif isinstance(node, ast.expr):
                if isinstance(getattr(node, "ctx", None), ast.Store):
                    self._target(node)
                else:
                    self._expression(node)
            else:
                for name in bound_names(node):
                    self._store(name)
                self._simple(node)

    def _branches(self, branches: Iterable[Sequence[ast.AST]]) -> None:
        """Ways of which one is taken: what all of them bind is bound, but for ways that leave the cell."""
        before, after = self.bound, None
        for branch in branches:
            self.bound = set(before)
            self._sequence(branch)
            if not branch or not isinstance(branch[-1], ast.Raise | ast.Return | ast.Continue | ast.Break):
                after = self.bound if after is None else after & self.bound
        self.bound = before if after is None else after

    def _with(self, node: ast.With | ast.AsyncWith) -> None:
        swallows = False
        for item in node.items:
            self._expression(item.context_expr)
            swallows = swallows or re.search(_SWALLOWS, ast.dump(item.context_expr)) is not None
            if item.optional_vars is not None:
                self._target(item.optional_vars)
        (self._maybe if swallows else self.read)(node.body)

    def _try(self, node: ast.Try | ast.TryStar) -> None:
        handlers = [[*([handler.type] if handler.type else []), *handler.body] for handler in node.handlers]
        for handler in node.handlers:
            if handler.name is not None:
                self._store(handler.name)
        self._branches([[*node.body, *node.orelse], *handlers])
        for handler in node.handlers:
            if handler.name is not None:  # Python deletes it when the handler ends
                self.bound.discard(handler.name)
        self.read(node.finalbody)

    # ── names ──

    def _load(self, name: str | None) -> None:
        if name is None:
            return
        if name in self._pending:
            self._use(name)
        if name not in self.bound:
            self.loads[name] = None

    def _use(self, name: str) -> None:
        for read in self._pending.pop(name):
            self._load(read)

    def _store(self, name: str) -> None:
        self._pending.pop(name, None)  # bound again before it was used
        self.stores[name] = None
        self.bound.add(name)

    def _target(self, node: ast.expr) -> None:
        if isinstance(node, ast.Name):
            self._store(node.id)
        elif isinstance(node, ast.Tuple | ast.List):
            for part in node.elts:
                self._target(part)
        elif isinstance(node, ast.Starred):
            self._target(node.value)
        else:
            self._children(node)

    # ── expressions ──

    def _children(self, node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            self._expression(child)

    def _expression(self, node: ast.AST) -> None:
        if isinstance(node, ast.Name):
            self._load(node.id)
        elif isinstance(node, (*FUNCTIONS, *COMPREHENSIONS)):
            for default in evaluated_at_definition(node):
                self._expression(default)
            scope = Scope(node)
            for name, _ in (*scope.reads, *scope.later):
                self._load(name)
            for name in scope.stored:
                self.stores[name] = None  # a comprehension over nothing binds nothing
        elif isinstance(node, ast.NamedExpr):
            self._assignment([node.target], node.value)
        elif isinstance(node, ast.BoolOp | ast.IfExp):
            first, *rest = (
                node.values if isinstance(node, ast.BoolOp) else (node.test, node.body, node.orelse)
            )
            self._expression(first)
            for part in rest:
                self._maybe([part])
        elif isinstance(node, ast.Call) and (call := shell_call(node)) is not None:
            self._shell_call(node, call)
        else:
            self._children(node)

    def _shell_call(self, node: ast.Call, call: ShellCall) -> None:
        """A magic or a command of the shell: ``get_ipython().run_cell_magic("time", "", "body")``."""
        self.calls.append(call)
        for name in call.reads:
            self._load(name)
        if call.body is not None:
            tree = call.tree()
            self.inner.append(tree)
            (self.read if call.always else self._maybe)(tree.body)
        for name in call.stores:
            self._store(name)
        if not call.constant:
            self._children(node)
