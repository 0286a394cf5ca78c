"""A curve as NumPy arrays."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from nbtrack.entities.columns import MetricCurve
from nbtrack.errors import MissingLibrary
from nbtrack.operations import Proxy
from nbtrack.store.points import Chunk

if TYPE_CHECKING:
    import numpy
    import numpy.typing


class Series:
    """The points of one metric of one run. Each column is unpacked when it is first asked for."""

    def __init__(self, proxy: Proxy, curve: MetricCurve) -> None:
        self.name = curve.name
        self._proxy = proxy
        self._run = curve.run
        self._chunks = [Chunk(content) for content in curve.chunks]

    @cached_property
    def values(self) -> numpy.typing.NDArray[numpy.float64]:
        """The values, shape (points,)."""
        numpy = _numpy()
        values: Any = numpy.empty(len(self), dtype="<f8")
        start = 0
        for chunk in self._chunks:
            part = values[start : start + chunk.count]
            narrow = part if chunk.width == 8 else numpy.empty(chunk.count, dtype="<f4")
            weights = narrow.view("uint8").reshape(chunk.count, chunk.width)
            for index, plane in enumerate(chunk.value_planes()):
                weights[:, index] = numpy.frombuffer(plane, dtype="uint8")
            part[:] = narrow
            start += chunk.count
        return values  # type: ignore[no-any-return]

    @cached_property
    def steps(self) -> numpy.typing.NDArray[numpy.int64]:
        """The steps, shape (points,)."""
        numpy = _numpy()
        parts = []
        for chunk in self._chunks:
            even = chunk.even_steps()
            if even is None:
                parts.append(numpy.frombuffer(chunk.steps(), dtype="int64"))
            else:
                parts.append(even[0] + even[1] * numpy.arange(chunk.count, dtype="int64"))
        return numpy.concatenate(parts)  # type: ignore[no-any-return]

    @cached_property
    def times(self) -> numpy.typing.NDArray[numpy.float64]:
        """When each was logged, Unix time in seconds (to the millisecond), shape (points,)."""
        numpy = _numpy()
        parts = [numpy.frombuffer(chunk.times(), dtype="int64") for chunk in self._chunks]
        return numpy.concatenate(parts) / 1e3  # type: ignore[no-any-return]

    def sample(
        self, limit: int = 2000
    ) -> tuple[numpy.typing.NDArray[numpy.int64], numpy.typing.NDArray[numpy.float64]]:
        """Steps and values of about `limit` points for the screen: the lowest and the highest of each stretch.

        No spike is lost. A series of fewer points is given as it is.
        """
        numpy = _numpy()
        found = self._proxy.ask("runs.metric", run=self._run, name=self.name, limit=limit)
        return numpy.array(found.steps, dtype="int64"), numpy.array(found.values, dtype="float64")

    def __len__(self) -> int:
        """The number of points."""
        return sum(chunk.count for chunk in self._chunks)

    def __repr__(self) -> str:
        """The name and the number of points."""
        return f"<metric {self.name}: {len(self)} points>"


def _numpy() -> Any:
    try:
        import numpy
    except ImportError:
        raise MissingLibrary("Metric values are NumPy arrays; pip install numpy.", library="numpy") from None
    return numpy
