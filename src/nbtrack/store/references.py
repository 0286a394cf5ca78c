"""Who refers to a blob: the one list that the trash, collecting and the question what takes the space go by.

A column that names blobs and is missing here loses its content when the store is collected; a test looks into every
column of a filled store for what is missing.
"""

from __future__ import annotations

from dataclasses import dataclass

_RUN_DELETED = "(SELECT deleted FROM runs WHERE id = run_id)"
_CELL_OF_RUN = (
    "(SELECT (SELECT text FROM texts WHERE id = notebook) || char(31) ||"
    " coalesce((SELECT text FROM texts WHERE id = cell), '') FROM runs WHERE id = run_id)"
)
_CELL = "notebook || char(31) || coalesce(cell_id, '')"


@dataclass(frozen=True, slots=True)
class Reference:
    """A column that holds digests of blobs.

    ``kind``, ``run``, ``deleted`` and ``cell`` are SQL for a row of the table: the kind of the content, the id of the run
    that it is of, since when what refers is in the trash, and notebook and cell (joined by U+001F) that made it; NULL where
    there is none.
    """

    table: str
    column: str
    kind: str
    run: str = "run_id"
    deleted: str = _RUN_DELETED
    cell: str = _CELL_OF_RUN


REFERENCES = (
    Reference("model_versions", "digest", "'registered model'", deleted="deleted"),
    Reference("artifacts", "digest", "kind"),
    Reference("snapshots", "file", "'notebook'"),
    Reference("saves", "file", "'notebook'", run="NULL", deleted="NULL", cell="NULL"),
    Reference("blob_pieces", "piece", "'notebook'", run="NULL", deleted="NULL", cell="NULL"),
    Reference("review_events", "base", "'notebook'", run="NULL", deleted="NULL", cell="NULL"),
    Reference("review_events", "head", "'notebook'", run="NULL", deleted="NULL", cell="NULL"),
    Reference("executions", "outputs", "'outputs'", cell=_CELL),
    Reference("executions", "source", "'source'", cell=_CELL),
    Reference("facts", "digest", "kind", run="NULL", deleted="NULL", cell="NULL"),
    Reference("environments", "interpreter", "'environment'", run="NULL", deleted="NULL", cell="NULL"),
    Reference("environments", "packages", "'environment'", run="NULL", deleted="NULL", cell="NULL"),
)
"""In the order in which content that several refer to is called by its kind."""


def union(columns: str = "", where: str = "1") -> str:
    """SQL for all references, in parentheses: ``digest`` and `columns` of each.

    `columns` and the condition `where` may name ``{kind}``, ``{rank}`` (of the kind in `REFERENCES`), ``{run}``,
    ``{deleted}`` and ``{cell}``, `where` also ``{digest}``.
    """
    parts = []
    for rank, reference in enumerate(REFERENCES):
        words = {
            "kind": reference.kind,
            "rank": str(rank),
            "run": reference.run,
            "deleted": reference.deleted,
            "cell": reference.cell,
        }
        chosen = f", {columns.format(**words)}" if columns else ""
        condition = where.format(digest=reference.column, **words)
        parts.append(
            f"SELECT {reference.column} AS digest{chosen} FROM {reference.table}"
            f" WHERE {reference.column} IS NOT NULL AND ({condition})"
        )
    return f"({' UNION ALL '.join(parts)})"


def of_runs(runs: str) -> str:
    """SQL for the digests that runs refer to; `runs` is SQL for their ids."""
    tables = [
        reference for reference in REFERENCES if reference.table in ("artifacts", "snapshots", "executions")
    ]
    parts = [
        f"SELECT {reference.column} AS digest FROM {reference.table} WHERE run_id IN {runs}"
        f" AND {reference.column} IS NOT NULL"
        for reference in tables
    ]
    return f"({' UNION '.join(parts)})"
