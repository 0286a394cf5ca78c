"""Names that a function, class or comprehension reads from outside itself.

The functions of a cell run later, or never; what they read is found here once, and `nbtrack.capture.source`
decides when it counts.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

Read: TypeAlias = tuple[str, tuple[str, ...] | None]
"""A name, and the constant keys that subscript it: () when it is read whole, None when it is only changed."""

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Comprehension: TypeAlias = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


class Scope:
    """One function, class body or comprehension.

    Attributes
    ----------
    reads : list of Read
        What is read when the scope itself runs, without the names that are local to it.
    later : list of Read
        What its functions read when they are called.
    stored : dict of str
        Names that it binds outside itself: ``global``, and ``:=`` in a comprehension.
    """

    def __init__(self, node: Function | ast.ClassDef | Comprehension) -> None:
        self.stored: dict[str, None] = {}
        self._reads: list[Read] = []
        self._later: list[Read] = []
        self._locals: set[str] = set()
        self._globals: set[str] = set()
        self._nonlocals: set[str] = set()
        self._is_comprehension = isinstance(node, COMPREHENSIONS)
        self._is_class = isinstance(node, ast.ClassDef)
        self._begin(node)
        self.reads = [read for read in self._reads if read[0] not in self._locals]
        # a method does not see the names of its class
        self.later = (
            self._later if self._is_class else [read for read in self._later if read[0] not in self._locals]
        )

    def _begin(self, node: Function | ast.ClassDef | Comprehension) -> None:
        if isinstance(node, ast.ClassDef):
            self._visit_all(node.body)
        elif isinstance(node, COMPREHENSIONS):
            for generator in node.generators:
                self._visit(generator.iter)
                self._visit(generator.target)
                self._visit_all(generator.ifs)
            self._visit_all([node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt])
        else:
            arguments = node.args
            for argument in (
                *arguments.posonlyargs,
                *arguments.args,
                *arguments.kwonlyargs,
                arguments.vararg,
                arguments.kwarg,
            ):
                if argument is not None:
                    self._locals.add(argument.arg)
            self._visit_all([node.body] if isinstance(node, ast.Lambda) else node.body)

    def _visit_all(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self._visit(node)

    def _visit(self, node: ast.AST) -> None:
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Load):
                self._reads.append((node.id, ()))
            else:
                self._store(node.id)
        elif isinstance(node, ast.Subscript):
            read = subscript(node)
            if read is None:
                self._visit_all(ast.iter_child_nodes(node))
            else:
                self._reads.append(read)
        elif isinstance(node, ast.Global):
            self._globals.update(node.names)
        elif isinstance(node, ast.Nonlocal):
            self._nonlocals.update(node.names)
        elif isinstance(node, (*FUNCTIONS, ast.ClassDef, *COMPREHENSIONS)):
            self._inner(node)
        elif isinstance(node, ast.NamedExpr):
            self._visit(node.value)
            if self._is_comprehension:
                self.stored[node.target.id] = None
            else:
                self._store(node.target.id)
        else:
            for name in bound_names(node):
                self._store(name)
            self._visit_all(ast.iter_child_nodes(node))

    def _store(self, name: str) -> None:
        if name in self._globals:
            self.stored[name] = None
        elif name not in self._nonlocals:
            self._locals.add(name)

    def _inner(self, node: Function | ast.ClassDef | Comprehension) -> None:
        self._visit_all(evaluated_at_definition(node))
        scope = Scope(node)
        at_once = isinstance(node, (ast.ClassDef, *COMPREHENSIONS))
        # a comprehension in a class body does not see the class's names, but its first iterable does
        (self._reads if at_once else self._later).extend(scope.reads)
        self._later.extend(scope.later)
        for name in scope.stored:
            if isinstance(node, COMPREHENSIONS) and not self._is_comprehension:
                self._store(name)
            else:
                self.stored[name] = None
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            self._store(node.name)


def evaluated_at_definition(node: Function | ast.ClassDef | Comprehension) -> list[ast.expr]:
    """Decorators, defaults, annotations and base classes: they run where the definition stands."""
    if isinstance(node, ast.ClassDef):
        return [*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords)]
    if not isinstance(node, FUNCTIONS):
        return []
    arguments = node.args
    found = [*arguments.defaults, *(default for default in arguments.kw_defaults if default is not None)]
    if not isinstance(node, ast.Lambda):
        named = (
            *arguments.posonlyargs,
            *arguments.args,
            *arguments.kwonlyargs,
            arguments.vararg,
            arguments.kwarg,
        )
        annotations = [argument.annotation for argument in named if argument is not None]
        found = [
            *node.decorator_list,
            *found,
            *(note for note in (*annotations, node.returns) if note is not None),
        ]
    return found


def subscript(node: ast.expr) -> Read | None:
    """The name and keys of ``name["a"]["b"]`` in a load context, else None."""
    keys: list[str] = []
    if not isinstance(getattr(node, "ctx", None), ast.Load):
        return None
    while (
        isinstance(node, ast.Subscript)
        and isinstance(node.slice, ast.Constant)
        and type(node.slice.value) is str
    ):
        keys.append(node.slice.value)
        node = node.value
    return (node.id, tuple(reversed(keys))) if keys and isinstance(node, ast.Name) else None


def bound_names(node: ast.AST) -> list[str]:
    """Names that a node binds other than through a `Name`: imports, ``except … as``, patterns."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [alias.asname or alias.name.partition(".")[0] for alias in node.names if alias.name != "*"]
    if isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar):
        return [node.name] if node.name is not None else []
    if isinstance(node, ast.MatchMapping):
        return [node.rest] if node.rest is not None else []
    return []
