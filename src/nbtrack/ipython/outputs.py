"""The outputs of a cell, gathered inside the kernel, and how it ended."""

from __future__ import annotations

from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from nbtrack.capture.cells import CellEnd
from nbtrack.capture.ends import format_traceback, speaks_plainly


class OutputCollector:
    """Gathers what a cell shows.

    Streams and results stand in IPython's history of outputs (IPython 9; earlier versions keep no streams).
    Displayed data passes the publisher's hook in ipykernel, of which each thread has its own.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell
        self._displayed: list[dict[str, Any]] = []
        self._counts: dict[int, int] = {}

    def start(self) -> None:
        """Begin; to be called before the cell runs, in its thread."""
        self._displayed = []
        # Versions of IPython differ in when they count on, and an execution without history repeats the last count.
        now = self._shell.execution_count
        self._counts = {count: len(self._history(count)) for count in (now - 1, now, now + 1)}
        if hasattr(self._shell.display_pub, "register_hook"):
            self._shell.display_pub.register_hook(self._on_message)

    def stop(self, execution_count: int | None) -> list[dict[str, Any]]:
        """End, and give the outputs as nbformat 4 has them."""
        self.close()
        count = self._shell.execution_count if execution_count is None else execution_count
        outputs: list[dict[str, Any]] = []
        displayed = iter(self._displayed)
        for item in self._history(count)[self._counts.get(count, 0) :]:
            if item.output_type == "display_data":
                outputs.append(next(displayed, _display(item.bundle, {})))
            elif output := self._from_history(item, count):
                outputs.append(output)
        return [*outputs, *displayed]

    def close(self) -> None:
        """Gather no more; a second time does nothing."""
        if hasattr(self._shell.display_pub, "unregister_hook"):
            self._shell.display_pub.unregister_hook(self._on_message)

    def said(self, execution_count: int | None) -> str | None:
        """The text of the exception that ended the cell, as the shell has shown it."""
        told = getattr(self._shell.history_manager, "exceptions", None) or {}
        said = told.get(execution_count, {}).get("evalue")
        return said if type(said) is str else None

    def _history(self, count: int) -> list[Any]:
        outputs = getattr(self._shell.history_manager, "outputs", None)
        return outputs[count] if outputs is not None and count in outputs else []

    def _on_message(self, message: dict[str, Any]) -> dict[str, Any]:
        """Note a message on its way to the front end; it always goes on, since this runs inside the person's ``display``."""
        try:
            if message.get("header", {}).get("msg_type") == "display_data":
                content = message.get("content", {})
                self._displayed.append(_display(content.get("data", {}), content.get("metadata", {})))
            return message
        except BaseException:  # noqa: BLE001 - see above
            return message

    def _from_history(self, item: Any, count: int) -> dict[str, Any] | None:
        if item.output_type in ("out_stream", "err_stream"):
            name = "stdout" if item.output_type == "out_stream" else "stderr"
            return {"output_type": "stream", "name": name, "text": "".join(item.bundle.get("stream", []))}
        if item.output_type == "execute_result":
            data = {
                kind: value for kind, value in item.bundle.items() if isinstance(value, (str, dict, list))
            }
            return {
                "output_type": "execute_result",
                "data": data,
                "metadata": {},
                "execution_count": count,
            }
        return None


def _display(data: dict[str, Any], metadata: dict[str, Any]) -> dict[str, Any]:
    return {"output_type": "display_data", "data": dict(data), "metadata": dict(metadata)}


def error_output(error: BaseException, traceback: str, said: str | None) -> dict[str, Any]:
    """The output that an exception leaves."""
    if said is None and speaks_plainly(error):
        said = str(error)
    return {
        "output_type": "error",
        "ename": type(error).__name__,
        "evalue": said or "",
        "traceback": traceback.splitlines(),
    }


def cell_error(result: Any) -> Any:
    """The exception that ended an execution, or None."""
    return getattr(result, "error_before_exec", None) or getattr(result, "error_in_exec", None)


def cell_end(result: Any, duration: float, outputs: list[dict[str, Any]], said: str | None = None) -> CellEnd:
    """How an execution ended, from IPython's result (None where there is none) and the text that its exception `said`."""
    error = cell_error(result)
    count = getattr(result, "execution_count", None)
    if error is None:
        return CellEnd(outcome="ok", duration=duration, execution_count=count, outputs=outputs)
    interrupted = isinstance(error, KeyboardInterrupt) or error is KeyboardInterrupt
    traceback = format_traceback(error, said) if isinstance(error, BaseException) else str(error)
    if isinstance(error, BaseException):
        outputs = [*outputs, error_output(error, traceback, said)]
    return CellEnd(
        outcome="interrupted" if interrupted else "error",
        duration=duration,
        execution_count=count,
        traceback=traceback,
        outputs=outputs,
    )
