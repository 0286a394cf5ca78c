"""The bits of floating-point numbers that tell values apart, without those that do not."""

from __future__ import annotations

from typing import Any, Final

from nbtrack.capture.params import loaded

# by bytes: the bits of -0.0, and of infinity, above which is NaN
_FLOATS: Final = {2: (1 << 15, 0x7C00), 4: (1 << 31, 0x7F80 << 16), 8: (1 << 63, 0x7FF0 << 48)}


def plain_bytes(block: Any) -> Any:
    """Return the bytes of a one-dimensional array, with one NaN and one zero.

    0 / 0 gives another NaN than ``numpy.nan`` is. Done on the bits, since arithmetic with a signalling NaN
    raises or warns as the person's ``numpy.seterr`` says.
    """
    numpy_uint8 = loaded("numpy", "uint8")
    if block.dtype.kind not in "fc":
        return block.view(numpy_uint8)
    width = block.dtype.itemsize // (2 if block.dtype.kind == "c" else 1)
    sign, infinity = _FLOATS[width]
    bits = block.view(f"{block.dtype.str[0]}u{width}")
    magnitude = bits & (sign - 1)
    nan, zero = magnitude > infinity, bits == sign
    if nan.any() or zero.any():
        bits = bits.copy()
        bits[nan], bits[zero] = infinity + 1, 0
    return bits.view(numpy_uint8)
