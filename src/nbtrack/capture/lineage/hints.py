"""Hints of mutation in a syntax tree: what is stored into, which methods are called, what is passed on.

They are taken from the whole tree, functions included, without regard to scopes. So they name too much, and they only
count where the content of a value cannot be compared.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from nbtrack.capture.lineage.paths import path_expressions

if TYPE_CHECKING:
    from nbtrack.capture.lineage.shell_calls import ShellCall

_MAX_STRINGS: Final = 60
_MAX_TEXT: Final = 1_000
_READS_ALL: Final = frozenset({"eval", "exec", "globals", "locals", "compile"})
_FRAMES: Final = frozenset({"_getframe", "currentframe", "stack", "user_ns", "user_global_ns", "__globals__"})
_RANDOM_STATE: Final = {
    "getstate": "random:python",
    "get_state": "random:numpy",
    "get_rng_state": "random:torch",
}
WRITES_INTO: Final = frozenset(
    {
        *(
            "put",
            "place",
            "putmask",
            "copyto",
            "fill_diagonal",
            "shuffle",
            "at",
            "insort",
            "heappush",
            "heappop",
        ),
        *(
            "heapify",
            "setattr",
            "delattr",
            "setitem",
            "put_along_axis",
            "fill",
            "readinto",
            "recv_into",
            "insort_left",
        ),
        *("heapreplace", "heappushpop", "insort_right", "normal_", "zero_", "scale", "frombuffer"),
    }
)
"""Functions of libraries that change an argument, by name."""


@dataclass(frozen=True)
class Hints:
    """What the tree shows.

    Attributes
    ----------
    changed : frozenset of str
        Base names of what is stored into or deleted from: ``x`` of ``x.a["b"] = 1`` and of ``del x[0]``.
    stores_into_unknown : bool
        Whether something is stored into that has no base name: ``f(x)[0] = 1``.
    attributes : frozenset of (str, str)
        Base name and attribute of each ``x.a = …``.
    methods : dict
        The names of the methods that are called on each name.
    passed : frozenset of str
        Names that are arguments of calls.
    writers : frozenset of str
        Functions called that change an argument, and arguments by which a call does: ``out=``, ``inplace=True``.
    opaque : str or None
        Why any name may be read.
    texts : tuple of str
        Texts that may name files.
    mentioned : frozenset of str
        Names inside texts that libraries look up in the caller's namespace: formulas, queries, SQL.
    modules : frozenset of str
        Modules whose names are imported by ``*``.
    outs : tuple of int, or None
        The counts ``n`` of ``Out[n]``; None where a count is not known.
    random : frozenset of str
        Keys of random states that are read.
    paths : tuple of ast.expr
        Expressions that may be paths put together, see `nbtrack.capture.lineage.paths`.
    commands, effects : tuple of str
        Of the magics and commands in the cell.
    """

    changed: frozenset[str] = frozenset()
    stores_into_unknown: bool = False
    attributes: frozenset[tuple[str, str]] = frozenset()
    methods: dict[str, frozenset[str]] = field(default_factory=dict)
    passed: frozenset[str] = frozenset()
    writers: frozenset[str] = frozenset()
    opaque: str | None = None
    texts: tuple[str, ...] = ()
    mentioned: frozenset[str] = frozenset()
    outs: tuple[int, ...] | None = ()
    random: frozenset[str] = frozenset()
    paths: tuple[ast.expr, ...] = ()
    commands: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()


def base_name(node: ast.AST) -> str | None:
    """The name at the bottom of ``x.a[0].b``; also of ``x.loc()[…]``, whose method may give a part of ``x``."""
    while not isinstance(node, ast.Name):
        if isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
            node = node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            node = node.func
        else:
            return None
    return node.id


def hints_of(trees: Iterable[ast.AST], calls: Iterable[ShellCall]) -> Hints:
    """Gather the hints of a cell and of the Python inside its magics."""
    found = _Gathered()
    nodes = [node for tree in trees for node in ast.walk(tree)]
    for node in nodes:
        found.look(node)
    commands: list[str] = []
    effects = dict.fromkeys(found.effects)
    for call in calls:
        commands.extend(call.commands)
        effects.update(dict.fromkeys(call.effects))
        found.opaque = found.opaque or call.opaque
    return Hints(
        changed=frozenset(found.changed),
        stores_into_unknown=found.stores_into_unknown,
        attributes=frozenset(found.attributes),
        methods={name: frozenset(methods) for name, methods in found.methods.items()},
        passed=frozenset(found.passed),
        writers=frozenset(found.writers),
        opaque=found.opaque,
        texts=tuple(found.texts),
        mentioned=frozenset(found.mentioned),
        outs=tuple(found.outs) if found.outs is not None else None,
        random=frozenset(found.random),
        paths=path_expressions(nodes),
        commands=tuple(commands),
        effects=tuple(effects),
    )


class _Gathered:
    def __init__(self) -> None:
        self.changed: set[str] = set()
        self.stores_into_unknown = False
        self.attributes: set[tuple[str, str]] = set()
        self.methods: dict[str, set[str]] = {}
        self.passed: set[str] = set()
        self.writers: set[str] = set()
        self.opaque: str | None = None
        self.texts: dict[str, None] = {}
        self.mentioned: set[str] = set()
        self.outs: list[int] | None = []
        self.random: set[str] = set()
        self.effects: dict[str, None] = {}

    def look(self, node: ast.AST) -> None:
        if isinstance(node, ast.Call):
            self._call(node)
        elif isinstance(node, ast.Attribute | ast.Subscript):
            if not isinstance(node.ctx, ast.Load):
                self._changed(node)
            elif isinstance(node, ast.Attribute):
                self._attribute(node)
            elif isinstance(node.value, ast.Name) and node.value.id in ("Out", "_oh"):
                self._out(node.slice)
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            self.changed.add(node.target.id)
        elif isinstance(node, ast.Constant):
            if type(node.value) is str:
                self._text(node.value)
        elif isinstance(node, ast.Import):
            if any(alias.name == "__main__" for alias in node.names):
                self.opaque = "import __main__"
        elif isinstance(node, ast.Name) and node.id == "__builtins__":
            self.opaque = "__builtins__"

    def _changed(self, node: ast.Attribute | ast.Subscript) -> None:
        name = base_name(node)
        if name is None:
            self.stores_into_unknown = True
            return
        self.changed.add(name)
        if isinstance(node, ast.Attribute):
            self.attributes.add((name, node.attr))

    def _attribute(self, node: ast.Attribute) -> None:
        if node.attr in _FRAMES:
            self.opaque = node.attr
        elif node.attr in _RANDOM_STATE:
            self.random.add(_RANDOM_STATE[node.attr])

    def _out(self, index: ast.expr) -> None:
        if isinstance(index, ast.Constant) and type(index.value) is int and self.outs is not None:
            self.outs.append(index.value)
        else:
            self.outs = None

    def _text(self, text: str) -> None:
        if len(text) > _MAX_TEXT:
            return
        if len(self.texts) < _MAX_STRINGS and text and "\n" not in text:
            self.texts[text] = None
        if "~" in text or "@" in text:  # a formula of statsmodels, `df.query("a > @limit")`
            self.mentioned.update(re.findall(r"[A-Za-z_]\w*", text))
        elif re.search(r"\bfrom\b", text, re.IGNORECASE) and re.search(r"\bselect\b", text, re.IGNORECASE):
            self.mentioned.update(re.findall(r"\b(?:from|join)\s+([A-Za-z_]\w*)", text, re.IGNORECASE))

    def _call(self, node: ast.Call) -> None:
        function = node.func
        name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", None)
        if isinstance(function, ast.Name):
            if function.id in _READS_ALL or (function.id == "vars" and not node.args):
                self.opaque = function.id
            elif function.id in ("input", "getpass"):
                self.effects["input"] = None
        elif isinstance(function, ast.Attribute):
            base = base_name(function.value)
            if base is not None:
                self.methods.setdefault(base, set()).add(function.attr)
        if name in WRITES_INTO:
            self.writers.add(str(name))
        if name in ("setattr", "delattr") and node.args and (base := base_name(node.args[0])) is not None:
            self.changed.add(base)
            attribute = node.args[1] if len(node.args) > 1 else None
            known = isinstance(attribute, ast.Constant) and type(attribute.value) is str
            self.attributes.add((base, attribute.value if known else "?"))  # type: ignore[union-attr]
        for part in node.args:
            self._passed(part)
        for keyword in node.keywords:
            self._passed(keyword.value)
            if keyword.arg == "out" or (
                keyword.arg in ("inplace", "overwrite_input", "overwrite_a", "overwrite_b")
                and not (isinstance(keyword.value, ast.Constant) and keyword.value.value is False)
            ):
                self.writers.add(f"{keyword.arg}=")

    def _passed(self, node: ast.expr) -> None:
        if isinstance(node, ast.Tuple | ast.List):
            for part in node.elts:
                self._passed(part)
        elif (name := base_name(node)) is not None:
            self.passed.add(name)
