"""The source of classes and functions that were defined in a notebook, and a module made of it again.

A class of a notebook is in no module that another process could import. Its source is found by its code, which knows the
cell that it was compiled from, and what it refers to is taken along: other definitions of the notebook with their source,
what is imported with an import, plain constants with their values.
"""

from __future__ import annotations

import ast
import builtins
import hashlib
import inspect
import linecache
import sys
import types
from collections.abc import Iterable, Mapping
from typing import Any, Final

from nbtrack.errors import ModelError
from nbtrack.flavors.content import sentence

_MOST: Final = 500
"""Definitions that are followed."""
_PLAIN: Final = (bool, int, float, complex, str, bytes, type(None))


def sources_of(kinds: Iterable[object], namespace: Mapping[str, object]) -> str:
    """One module with the definitions of classes and functions of the notebook, and of what they refer to there.

    Raises
    ------
    ModelError
        If the source of one is not known, such as of a class made by a call.
    """
    imports: dict[str, None] = {}
    constants: dict[str, None] = {}
    done: dict[str, str] = {}
    waiting = [(getattr(kind, "__name__", ""), kind) for kind in kinds]
    order: list[str] = []
    while waiting:
        name, value = waiting.pop()
        if name in done or len(done) > _MOST:
            continue
        node, text = _definition(name, value)
        done[name] = text
        order.append(name)
        for used in _names(node):
            if used in done or used not in namespace or hasattr(builtins, used):
                continue
            found = namespace[used]
            if isinstance(found, types.ModuleType):
                imports[f"import {found.__name__} as {used}"] = None
            elif getattr(found, "__module__", None) == "__main__" and isinstance(
                found, type | types.FunctionType
            ):
                waiting.append((used, found))
            elif (line := _import(used, found)) is not None:
                imports[line] = None
            elif _is_plain(found):
                constants[f"{used} = {found!r}"] = None
    ordered = sorted(order, key=lambda name: _place(name, done, order))
    future = ["from __future__ import annotations"]
    return "\n\n".join(["\n".join([*future, *imports, *constants]), *(done[name] for name in ordered)]) + "\n"


def module_of(source: str, content: bytes) -> types.ModuleType:
    """Run a model's source as a module of its own. Only for what the person trusts.

    Raises
    ------
    ModelError
        If the source cannot be run here.
    """
    module = types.ModuleType(f"nbtrack_model_{hashlib.blake2b(content, digest_size=6).hexdigest()}")
    sys.modules[module.__name__] = module  # dataclasses and pickles of its classes look there
    try:
        exec(compile(source, f"<source of {module.__name__}>", "exec"), vars(module))
    except Exception as problem:
        del sys.modules[module.__name__]
        raise ModelError(
            f"The source that came with the model cannot be run here: {sentence(problem)}"
        ) from problem
    return module


def _definition(name: str, value: object) -> tuple[ast.AST, str]:
    for code in _codes(value):
        text = "".join(linecache.getlines(code.co_filename))
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError):
            continue
        for node in reversed(tree.body):
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
                lines = text.splitlines()
                first = min([node.lineno, *(item.lineno for item in node.decorator_list)])
                return node, "\n".join(lines[first - 1 : node.end_lineno])
    raise ModelError(
        f"The source of {name or 'a class of the notebook'} is not known, so no other process could load it."
    )


def _codes(value: object) -> Iterable[types.CodeType]:
    if isinstance(value, types.FunctionType):
        yield value.__code__
    elif isinstance(value, type):
        for member in vars(value).values():
            function = getattr(member, "__func__", getattr(member, "fget", member))
            function = inspect.unwrap(
                function
            )  # a method that is watched stands for the one that the cell defined
            if isinstance(function, types.FunctionType):
                yield function.__code__


def _names(node: ast.AST) -> list[str]:
    return list(
        dict.fromkeys(
            item.id
            for item in ast.walk(node)
            if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Load)
        )
    )


def _import(name: str, value: object) -> str | None:
    module, known = getattr(value, "__module__", None), getattr(value, "__name__", None)
    if not (isinstance(module, str) and isinstance(known, str) and known.isidentifier()):
        return None
    if getattr(sys.modules.get(module), known, None) is not value or module == "__main__":
        return None
    return f"from {module} import {known} as {name}"


def _is_plain(value: Any) -> bool:
    if type(value) in _PLAIN:
        return True
    if type(value) in (list, tuple, set, frozenset):
        return len(value) < 1000 and all(_is_plain(item) for item in value)
    return type(value) is dict and len(value) < 1000 and all(map(_is_plain, [*value, *value.values()]))


def _place(name: str, done: Mapping[str, str], order: list[str]) -> int:
    """Definitions that others are made from (bases, decorators) come first."""
    seen: set[str] = set()

    def depth(name: str) -> int:
        if name in seen:
            return 0
        seen.add(name)
        node = ast.parse(done[name]).body[0]
        bases = [*getattr(node, "bases", []), *getattr(node, "decorator_list", [])]
        needed = {used for base in bases for used in _names(base) if used in done and used != name}
        return 1 + max((depth(used) for used in needed), default=0)

    return depth(name) * (len(order) + 1) + order.index(name)
