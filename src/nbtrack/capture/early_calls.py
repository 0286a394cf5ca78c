"""What functions gave that the person had imported by name before they could be watched.

Such names are never bound to something else. A call is seen in the cell's source, and its result where the cell left it: in
the name that it was assigned to, or as the value of the cell's last line.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any

from nbtrack.capture.constants import ABSENT
from nbtrack.capture.fits import Fit, Unseen
from nbtrack.capture.frameworks.patches import Opening
from nbtrack.capture.magics import last_name, parsed
from nbtrack.capture.metrics import exact_float
from nbtrack.capture.training import CellTraining, Training


def add_early_calls(
    training: Training, cell: CellTraining, code: str, namespace: Mapping[str, object], shown: object
) -> None:
    """Note what early names measured and trained in a cell that has run.

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
        early = training.early.get(name)
        if early is None or value is ABSENT:
            continue
        if early.opening is not None:
            _tell_training(early.opening, cell, call, value, namespace)
        elif (number := exact_float(value)) is not None:
            arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
            things = [_thing(argument, namespace) for argument in arguments]
            model = next((model for model in map(_maker(namespace), arguments) if model is not None), None)
            training.measured(
                cell, early.name, number, [thing for thing in things if thing is not ABSENT], model
            )


def _tell_training(
    opening: Opening, cell: CellTraining, call: ast.Call, value: object, namespace: Mapping[str, object]
) -> None:
    """Tell of a training when it has happened."""
    if any(isinstance(part, ast.Starred) for part in call.args):
        return
    args = tuple(_given(part, namespace) for part in call.args)
    named = {word.arg: _given(word.value, namespace) for word in call.keywords if word.arg is not None}
    before = len(cell.fits)
    closing = opening(args, named)
    if closing is not None:
        closing(value, None)
    for fit in cell.fits[before:]:
        fit.seconds = None
        _take_folds(cell, fit)


def _take_folds(cell: CellTraining, whole: Fit) -> None:
    """The fits and scores of a cross-validation's folds were told as the person's own, since the whole was not."""
    folds = [
        fit
        for fit in cell.fits
        if fit is not whole and fit.kind == whole.kind and fit.model is not None and fit.model() is None
    ][: len(whole.candidates)]
    cell.fits = [fit for fit in cell.fits if not any(fit is fold for fold in folds)]
    columns = {name for row in whole.candidates for name in row} - {"fold"}
    scores = [[row.get(name) for row in whole.candidates] for name in columns]
    cell.measures = {
        key: measured
        for key, measured in cell.measures.items()
        if measured.name != "score" or measured.values not in scores
    }


def _given(node: ast.expr, namespace: Mapping[str, object]) -> object:
    """An argument, as far as its source tells it."""
    if isinstance(node, ast.Name) and node.id in namespace:
        return namespace[node.id]
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return Unseen.made_by((isinstance(node, ast.Call) and last_name(node.func)) or "Unseen")


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
