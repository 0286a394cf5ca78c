"""Tables of made-up runs, as the server answers them."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any


def run(number: int, status: str = "finished", **fields: Any) -> dict[str, Any]:
    """A run with nothing in it but what `fields` say."""
    started = datetime.now(UTC) - timedelta(minutes=2.2 * 1.9 ** max(13 - number, 0))
    return {
        "id": f"id-{number}",
        "name": f"forest-{number}",
        "experiment": "forest",
        "status": status,
        "started": started.isoformat(),
        "duration": None if status == "running" else 0.21 * 2.3 ** min(number, 14),
        "params": {},
        "metrics": {},
        "tags": {},
        "notebook": "nb.ipynb",
        "cell_id": None,
        **fields,
    }


def table(runs: list[dict[str, Any]], version: int = 1) -> dict[str, Any]:
    """An answer that holds all of the given runs."""
    return {"store": "s", "version": version, "total": len(runs), "runs": runs}


def forests() -> dict[str, Any]:
    """A dozen runs as people have them: most finish, one is going on, some went wrong."""
    chance = random.Random(7)
    statuses = {12: "running", 9: "failed", 5: "interrupted", 4: "crashed"}
    runs = []
    for number in range(12, 0, -1):
        accuracy = 0.9 + 0.08 * chance.random()
        metrics: dict[str, Any] = {
            "accuracy": round(accuracy, 6),
            "log_loss": 0.4 - accuracy / 3 + chance.random() / 20,
        }
        if number == 7:
            metrics["log_loss"] = "NaN"
        params = {
            "n_estimators": chance.choice([50, 100, 300]),
            "max_depth": chance.choice([4, 8, None]),
            "learning_rate": chance.choice([0.1, 0.01, 0.003]),
            "criterion": chance.choice(["gini", "entropy"]),
            "random_state": 0,
            "n_jobs": -1,
        }
        status = statuses.get(number, "finished")
        failed = status in ("failed", "crashed")
        runs.append(run(number, status, params=params, metrics={} if failed else metrics))
    return table(runs)
