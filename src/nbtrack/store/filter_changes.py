"""SQL of ``changed(lr)``: whether a value differs from that of the previous run of the same cell, else of the same name.

The runs are lined up once (`lag` over the cell, and over the name), not looked up one by one: a look-up per run costs
the square of the runs where many have one name.
"""

from __future__ import annotations

_CODE = "(SELECT group_concat(source, ' ') FROM (SELECT source FROM executions WHERE run_id = runs.id ORDER BY started, id))"


def changed(value: str | None) -> str:
    """The condition that the SQL expression `value` changed in the current row of ``runs``; None is the code.

    A run that has no previous one has changed nothing.
    """
    return (
        "runs.key IN (SELECT key FROM (SELECT key, value, lag(key) OVER by_cell AS cell_before,"
        " lag(value) OVER by_cell AS cell_value, lag(key) OVER by_name AS name_before, lag(value) OVER by_name AS name_value"
        f" FROM (SELECT runs.key AS key, {value or _CODE} AS value, runs.name AS name, runs.cell AS cell,"
        " run_names.experiment AS experiment, runs.started AS started"
        " FROM runs JOIN run_names ON run_names.id = runs.name WHERE runs.deleted IS NULL)"
        # a run without a cell is alone in its place
        " WINDOW by_cell AS (PARTITION BY experiment, ifnull(cell, -key) ORDER BY started, key),"
        " by_name AS (PARTITION BY name ORDER BY started, key))"
        " WHERE CASE WHEN cell_before IS NOT NULL THEN value IS NOT cell_value"
        " WHEN name_before IS NOT NULL THEN value IS NOT name_value ELSE 0 END)"
    )
