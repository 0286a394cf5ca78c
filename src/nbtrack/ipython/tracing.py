"""Whether and how the cells of one shell are traced."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from IPython.core.interactiveshell import InteractiveShell

from nbtrack.capture.cells import CellCapture
from nbtrack.session import Session

if TYPE_CHECKING:
    from nbtrack.capture.lineage.tracer import Tracer


class Tracing:
    """Traces cells while the setting ``lineage`` is on. The tracer is loaded with the first of them."""

    def __init__(
        self, shell: InteractiveShell, session: Session, failed: Callable[[str, BaseException], None]
    ) -> None:
        self._shell = shell
        self._session = session
        self._failed = failed
        self._tracer: Tracer | None = None

    def begin(self, capture: CellCapture, notebook: str | None) -> None:
        """Have the cell traced that is about to run; what fails costs the trace and not the cell's record."""
        try:
            self._begin(capture, notebook)
        except BaseException as problem:  # noqa: BLE001 - see above
            self.forget(inside=False)
            self._failed("trace", problem)

    def _begin(self, capture: CellCapture, notebook: str | None) -> None:
        if not self._session.settings["lineage"]:
            self._tracer = None
            return
        if self._tracer is None or self._tracer.namespace is not self._shell.user_ns:
            from nbtrack.capture.lineage.places import Places
            from nbtrack.capture.lineage.tracer import Tracer

            folder = Path(notebook).parent if notebook else self._session.folder
            self._tracer = Tracer(self._shell.user_ns, Places(str(folder), [str(self._session.store)]))
        capture.trace(self._tracer, self._failed)

    def forget(self, *, inside: bool) -> None:
        """A cell runs that is not traced; what one ``inside`` another does is the other's."""
        if self._tracer is not None and not inside:
            self._tracer.forget()
