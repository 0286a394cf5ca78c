"""The keeper: the one process that owns a store, and the way to it.

A surface calls `connect` and gets a proxy; the process is started when it is needed and leaves when it is idle.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbtrack.keeper.proxy import KeeperProxy


def connect(store: str | os.PathLike[str], *, patience: float | None = None) -> KeeperProxy:
    """A proxy for the store in the folder `store`. Nothing is started before the first call.

    Parameters
    ----------
    patience
        Seconds to wait for an answer; by default long enough for the slowest decision.
    """
    from nbtrack.keeper.proxy import ANSWER_TIMEOUT, KeeperProxy

    return KeeperProxy(store, patience=ANSWER_TIMEOUT if patience is None else patience)
