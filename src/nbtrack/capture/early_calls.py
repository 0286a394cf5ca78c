"""What functions gave that the person had imported by name before they could be watched.

Such names are never bound to something else. A call is seen in the cell's source, and its result where the cell left it: in
the name that it was assigned to, or as the value of the cell's last line.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any

from nbtrack.capture.constants import ABSENT
from nbtrack.capture.magics import parsed
from nbtrack.capture.metrics import exact_float
from nbtrack.capture.training import CellTraining, Training


def add_early_calls(
    training: Training, cell: CellTraining, code: str, namespace: Mapping[str, object], shown: object
) -> None:
    """Note what early names measured in a cell that has run.

    Parameters
    ----------
    shown
        The value of the cell's last line.
    """
    if not any(name in code for name in training.early):
        return
    try:
        statements = parsed(code).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for name, call, value in _results(statements, namespace, shown):
        function = training.early.get(name)
        number = exact_float(value)
        if function is not None and number is not None:
            arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
            things = [_thing(argument, namespace) for argument in arguments]
            model = next((model for model in map(_maker(namespace), arguments) if model is not None), None)
            training.measured(
                cell, function, number, [thing for thing in things if thing is not ABSENT], model
            )


def _results(
    statements: list[ast.stmt], namespace: Mapping[str, object], shown: object
) -> Iterator[tuple[str, ast.Call, object]]:
    for statement in statements:
        value: object = ABSENT
        if isinstance(statement, ast.Assign) and isinstance(target := statement.targets[-1], ast.Name):
            value = namespace.get(target.id, ABSENT)
        elif isinstance(statement, ast.Expr) and statement is statements[-1]:
            value = shown
        else:
            continue
        call = statement.value
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
            yield call.func.id, call, value


def _thing(node: ast.expr, namespace: Mapping[str, object]) -> object:
    return namespace.get(node.id, ABSENT) if isinstance(node, ast.Name) else ABSENT


def _maker(namespace: Mapping[str, object]) -> Any:
    """For ``model.predict(X)``, or a part of it, the model."""

    def maker(node: ast.AST) -> object | None:
        while isinstance(node, ast.Subscript):
            node = node.value
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            if node.func.attr.startswith("predict") and isinstance(owner, ast.Name):
                return namespace.get(owner.id)
        return None

    return maker
