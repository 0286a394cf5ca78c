"""The code inside magics that run their body as the cell itself would run: ``%%time``, ``%%capture``, ``%%track``.

IPython has turned them into ``get_ipython().run_cell_magic("time", "", "body")`` by the time that a cell is read.
"""

from __future__ import annotations

import ast
import functools
import re
import warnings
from typing import Any, Final

TRANSPARENT_MAGICS: Final = frozenset({"time", "capture", "track"})
"""Cell magics whose body is the cell."""

_LINE: Final = r"(?m)^(\s*)(?:[\w.,\s]+=\s*)?[%!].*$"
# What the parser itself may warn of: "\d" in a text, "1if x else 2", and since 3.14 a return in `finally`
_MAY_WARN: Final = re.compile(r"\\|[0-9a-fA-FjJ_.](?:and|else|for|if|in|is|not|or)\b|\bfinally\b")


@functools.lru_cache(maxsize=4)
def parsed(source: str) -> ast.Module:
    """Parse without repeating the warnings that IPython shows for the same source; a tree that nobody may change.

    Several parts of the capture read the same cell.
    """
    if _MAY_WARN.search(source) is None:
        return ast.parse(source)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source)


def last_name(function: ast.expr) -> str:
    """What is called, without what it is of: ``read_csv`` of ``pd.read_csv``; empty where it has no name."""
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def magic_body(node: ast.expr) -> tuple[list[ast.stmt], list[str]] | None:
    """Return the statements of a transparent magic and the names that the magic itself stores.

    None for anything else. Lines of the body that are magics or shell commands are passed over.

    Raises
    ------
    SyntaxError
        If the body is not Python.
    """
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return None
    arguments: list[Any] = [part.value if isinstance(part, ast.Constant) else None for part in node.args]
    if any(type(argument) is not str for argument in arguments):
        return None
    if node.func.attr == "run_cell_magic" and len(arguments) == 3:
        return _body(*arguments)
    if node.func.attr == "run_line_magic" and len(arguments) == 2 and arguments[0] == "time":
        return _body("time", "", arguments[1])
    return None


def _body(name: str, line: str, body: str) -> tuple[list[ast.stmt], list[str]] | None:
    if name not in TRANSPARENT_MAGICS:
        return None
    first, _, rest = body.lstrip().partition("\n")
    statements: list[ast.stmt] = []
    stored: list[str] = []
    if first.startswith("%%"):
        inner_name, _, inner_line = first[2:].partition(" ")
        statements, stored = _body(inner_name, inner_line, rest) or ([], [])
    else:
        try:
            statements = parsed(body).body
        except SyntaxError:
            statements = parsed(re.sub(_LINE, r"\1pass", body)).body
    output = line.split()[-1:]
    if name == "capture" and output and output[0].isidentifier():
        stored = [*stored, output[0]]
    return statements, stored
