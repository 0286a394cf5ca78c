"""Models that a process holds, saved with a run so that they can be registered."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from nbtrack.capture.active_run import ActiveRun
from nbtrack.errors import InvalidInput
from nbtrack.session import Session


def keep(
    session: Session,
    model: object,
    name: str,
    *,
    form: str | None = None,
    rows: str | None = None,
    namespace: Mapping[str, Any],
    run: ActiveRun | None = None,
) -> tuple[str, str]:
    """Save a model as the artifact `name` of a run, with rows to verify it with.

    Parameters
    ----------
    form
        ``pickle`` where that was asked for.
    rows
        The variable with rows of input; else one is looked for that fits.
    namespace
        Variables among which the input is.
    run
        The run that made the model; without one, a run called after the variable begins and ends here.

    Returns
    -------
    tuple
        The run's id, and the artifact's name.

    Raises
    ------
    ModelError
        If the model has no form to be kept in.
    InvalidInput
        If `rows` names no table or array.
    """
    from nbtrack.capture.verification import named_rows, verification_rows
    from nbtrack.flavors.native import asked_form

    written = asked_form(model, form)
    count = int(session.settings["verification_rows"])
    if rows is None:
        content = verification_rows(model, namespace, namespace, session.recorder.data, count)
    elif (content := _rows_of_tensor(rows, namespace[rows], count)) is None:
        content = named_rows(model, rows, namespace[rows], count)
        if content is None:
            raise InvalidInput(f"The variable {rows}, which --rows names, is no table or array.")
    own = run is None
    target = run or session.start_run(name)
    try:
        session.recorder.model_object(target, model, name, written)
        if content is not None:
            session.recorder.verification(target, name, content)
    finally:
        if own:
            session.recorder.end_run(target)
    return target.id, name


def _rows_of_tensor(name: str, value: object, count: int) -> bytes | None:
    """The first rows of a tensor of torch as JSON; None of anything else."""
    torch: Any = sys.modules.get("torch")
    if torch is None or not isinstance(value, torch.Tensor):
        return None
    head = value[:count].detach().cpu()
    schema = {"values": str(head.dtype)}
    return json.dumps(
        {"input": name, "type": "torch.Tensor", "schema": schema, "rows": head.tolist()}
    ).encode()
