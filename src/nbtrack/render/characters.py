"""Names and values as a reader can trust them: nothing invisible, turned round or endless."""

from __future__ import annotations

import unicodedata

NAME_LIMIT = 60
_JOINERS = "\u200c\u200d"  # part of emoji and of several scripts
_ELLIPSIS = "…"


def visible(text: str, limit: int | None = None, keep: str = "") -> str:
    """`text` with control, bidi and unassigned characters written out, shortened to `limit` characters.

    Parameters
    ----------
    text
        Whatever a person or a library called something.
    limit
        The most characters of the result, None for all.
    keep
        Control characters to leave alone, such as a newline in source code.
    """
    if limit is not None and len(text) > limit:
        # Cut before the costly part; the end often tells names apart, so some of it stays.
        tail = limit // 4
        text = text[: limit - tail - 1] + _ELLIPSIS + text[len(text) - tail :]
    if text.isascii() and text.isprintable():
        return text
    shown = "".join(
        character
        if character in keep or character in _JOINERS or _is_plain(character)
        else _written(character)
        for character in text
    )
    return shown if limit is None or len(shown) <= 2 * limit else shown[: 2 * limit - 1] + _ELLIPSIS


def _is_plain(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] != "C" and category not in ("Zl", "Zp")


def _written(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)  # the picture of the control character, ␀ for NUL
    return "␡" if code == 0x7F else f"⟨U+{code:04X}⟩"
