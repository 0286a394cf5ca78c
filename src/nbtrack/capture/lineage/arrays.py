"""Fingerprints of what lies in memory outside of Python's objects: arrays, tables, tensors, generators of random numbers.

Attributes are read of types that a library made itself, never of a person's subclass that might have redefined them: an
array is seen as a plain ``ndarray`` first.
"""

from __future__ import annotations

import _random
import zlib
from typing import TYPE_CHECKING, Any, Final

from nbtrack.capture.lineage.kinds import Kind, identity
from nbtrack.capture.lineage.paths import text_of
from nbtrack.capture.params import loaded

if TYPE_CHECKING:
    from nbtrack.capture.lineage.content import Walker

WHOLE: Final = 1_000_000
"""Bytes of one array that are read whole (a third of a millisecond); of larger ones a sample is read."""

_BLOCKS: Final = 256
_BLOCK: Final = 512  # bytes
_POSITIONS: Final = 2_048  # elements of an array that does not lie in one piece
_OBJECTS: Final = 1_000

python_state = _random.Random.getstate
"""The state of a generator of Python's; the C function, since a subclass may have replaced the method."""


def scalar_bytes(value: Any) -> bytes | None:
    """The bytes of one of numpy's scalars; None for a type of numpy's that is none, such as a dtype."""
    generic = loaded("numpy", "generic")
    if generic is None or type(value).__module__ != "numpy" or not issubclass(type(value), generic):
        return None
    found: bytes = value.tobytes()
    return found


def buffer(walker: Walker, view: memoryview) -> None:
    """Bytes in one piece."""
    flat = view.cast("B") if view.contiguous and view.nbytes else view
    walker.note(view.nbytes)
    if view.nbytes <= WHOLE:
        walker.note(zlib.crc32(flat))
        return
    walker.whole = False
    step = view.nbytes // _BLOCKS
    digest = zlib.crc32(flat[-_BLOCK:])
    for block in range(_BLOCKS):
        digest = zlib.crc32(flat[block * step : block * step + _BLOCK], digest)
    walker.note(digest)


def array(walker: Walker, value: Any, kind: Kind) -> None:
    """An array: its bytes, and the identity of the memory that it shares with its views."""
    numpy_array = loaded("numpy", "ndarray")
    plain = value if type(value) is numpy_array else numpy_array.view(value, numpy_array)
    owner = plain
    while type(base := owner.base) is numpy_array or (
        base is not None and issubclass(type(base), numpy_array)
    ):
        owner = base
    walker.part(identity(owner))
    walker.part(identity(value))
    walker.note(plain.dtype.str)
    walker.note(plain.shape)
    if base is not None:
        walker.part(identity(base))
        if type(base).__module__ == "mmap":  # reading a file that was cut short would end the process
            walker.whole = False
            if kind.library == "numpy" and kind.attributes is not None:
                own = kind.attributes.__get__(value)
                name = text_of(own.get("filename"))
                walker.handle((name, own.get("mode") not in ("r", "c")) if name else None)
            return
    if plain.dtype.hasobject:
        _objects(walker, plain)
    elif plain.size:
        _numbers(walker, plain)
    if type(value) is not numpy_array and kind.attributes is not None:  # a mask, a unit
        found = kind.attributes.__get__(value)
        for name in ("_mask", "_fill_value", "_unit"):
            if type(found) is dict and name in found:
                walker.see(found[name])


def _numbers(walker: Walker, plain: Any) -> None:
    if not plain.flags.c_contiguous and plain.flags.f_contiguous:
        plain = plain.T
    if plain.flags.c_contiguous:
        flat = plain.reshape(-1).view("u1")
        if flat.size <= WHOLE:
            walker.note(zlib.crc32(flat))
            return
        walker.whole = False
        width = flat.size // _BLOCKS
        sample = flat[: width * _BLOCKS].reshape(_BLOCKS, width)[:, :_BLOCK].tobytes()
        walker.note(zlib.crc32(flat[-_BLOCK:], zlib.crc32(sample)))
    elif plain.size * plain.itemsize <= WHOLE:
        walker.note(zlib.crc32(plain.tobytes()))
    else:
        walker.whole = False
        step = max(1, plain.size // _POSITIONS)
        walker.note(zlib.crc32(plain.flat[::step].tobytes()))


def _objects(walker: Walker, plain: Any) -> None:
    if plain.dtype.names is not None:
        for name in plain.dtype.names:
            walker.see(plain[name])
        return
    flat = plain.reshape(-1) if plain.flags.c_contiguous else plain.flat
    if plain.size > _OBJECTS:
        walker.whole = False
        step = plain.size // _OBJECTS
        elements = [*flat[: step * _OBJECTS : step].tolist(), *flat[-10:].tolist()]
    else:
        elements = flat[:].tolist() if plain.flags.c_contiguous else plain.tolist()
    for element in elements:
        walker.see(element)


def random_state(walker: Walker, value: Any, kind: Kind) -> None:
    """A generator of numpy's by its state; a person's subclass of one by the generator of bits inside."""
    walker.part(identity(value))
    if kind.library != "numpy":
        walker.whole = False
        return
    bits = value
    if kind.name == "Generator":
        bits = value.bit_generator
    elif kind.name == "RandomState":
        _state(walker, value.get_state(legacy=False))
        return
    walker.part(identity(bits))
    _state(walker, bits.state)


def _state(walker: Walker, state: Any) -> None:
    for name, part in state.items():
        if type(part) is dict:
            _state(walker, part)
        else:
            walker.note(name)
            walker.see(part.tobytes() if type(part) is loaded("numpy", "ndarray") else part)


def frame(walker: Walker, value: Any, kind: Kind) -> None:
    """A pandas table or column: its axes and its blocks. What it has cached is no content."""
    walker.part(identity(value))
    own = kind.attributes.__get__(value) if kind.attributes is not None else None
    manager = own.get("_mgr") if type(own) is dict else None
    if type(own) is not dict or manager is None or not type(manager).__module__.startswith("pandas."):
        walker.whole = False
        return
    walker.see(own.get("_name"))
    for axis in manager.axes:
        walker.see(axis)
    for block in manager.blocks:
        walker.see(block.values)
    walker.see(own.get("_attrs") or None)


def index(walker: Walker, value: Any, kind: Kind) -> None:
    """A pandas index: its labels and names."""
    if kind.library != "pandas":
        walker.whole = False
        return
    if kind.name == "MultiIndex":
        for part in (*value._codes, *value._levels, *value._names):
            walker.see(part)
        return
    walker.see(value._name)
    if kind.name == "RangeIndex":
        walker.note((value._range.start, value._range.stop, value._range.step))
    else:
        walker.see(value._data)


def extension(walker: Walker, value: Any, kind: Kind) -> None:
    """A pandas array of a type that is not numpy's."""
    if kind.library != "pandas":
        walker.part(identity(value))
        walker.whole = False
        return
    table = getattr(value, "_pa_array", None)
    if table is not None:
        walker.part(identity(value))
        walker.note(identity(table))
        walker.note(len(table))
        return
    found = False
    for name in ("_ndarray", "_data", "_mask", "_left", "_right"):
        part = getattr(value, name, None)
        if part is not None:
            found = True
            walker.see(part)
    if kind.name == "Categorical":
        walker.see(value._dtype.categories)
    if not found:
        walker.part(identity(value))
        walker.whole = False


def tensor(walker: Walker, value: Any, kind: Kind) -> None:
    """A tensor of torch by the counter that each change in place moves, and the memory that it shares with its views."""
    walker.part(identity(value))
    if kind.library != "torch":
        walker.whole = False
        return
    try:
        walker.note(value._version)
        walker.note(tuple(value.shape))
        address = value.untyped_storage().data_ptr()
        walker.note(address)
        walker.part(-1 - address)
        if value.is_leaf:
            walker.see(value.grad)
    except RuntimeError:  # a tensor without storage, or made in inference mode
        walker.whole = False
