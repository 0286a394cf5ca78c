"""What keeps the store from taking in what is recorded, in one sentence for the person."""

from __future__ import annotations

import errno
import os

from nbtrack.session import Session

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class StorePlace:
    """The folder that the session writes into, as it was when the session began."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._place = self._look()

    def _look(self) -> tuple[int, int] | None:
        try:
            state = os.stat(self._session.store)  # noqa: PTH116 - a microsecond each cell, pathlib takes several
        except OSError:
            return None
        return state.st_dev, state.st_ino

    def trouble(self) -> str | None:
        """The sentence, or None where all is well."""
        session, now = self._session, self._look()
        if now is None:
            return (
                f"the store {session.store} was moved or removed, and what is recorded went with it; "
                "%reload_ext nbtrack begins a new one"
            )
        if self._place is not None and now != self._place:
            return (
                f"another folder stands at {session.store}, and what is recorded goes with the store that was there; "
                "%reload_ext nbtrack uses what is there now"
            )
        problem = session.what_hinders()
        if problem is None:
            return None
        if problem.errno in _FULL:
            return f"the disk of {session.store} is full: what is recorded is kept aside until there is room"
        return (
            f"the store {session.store} cannot be written ({problem.strerror}): "
            "what is recorded is kept aside until it can"
        )
