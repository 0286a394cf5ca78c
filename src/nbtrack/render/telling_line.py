"""The one line of a cell that tells what it is for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath

from nbtrack.render.characters import visible

_WIDEST = 76
_CLOSING = (")", "]", "}", "])", "})")
_BINDS_BY_WORD = r"^(?:import|from|def|async def|class|for|async for|with|async with)\b.*\b{0}\b"
_ASSIGNS = r"^[^=()#]*\b{0}\b[^=()#]*=(?!=)"
_USES = r"^{0}\s*[.\[(]"


def telling_line(source: str, keys: Sequence[str] = ()) -> str:
    """The line that makes one of some keys of a trace; else the last that does something: that is mostly what a cell is for.

    It is shortened, and ``…`` says that there is more.
    """
    given = [text for text in source.splitlines() if text.strip() and not text.lstrip().startswith("#")]
    outer = [text for text in given if not text[0].isspace() and text.strip() not in _CLOSING]
    python = [text for text in outer if text[0] not in "%!"]
    text = (_making(outer, keys) or (python or outer or given or [""])[-1]).strip()
    if len(text) > _WIDEST:
        return visible(text[: _WIDEST - 1]) + "…"
    return visible(text) + " …" * (len(given) > 1)


def _making(lines: Sequence[str], keys: Sequence[str]) -> str | None:
    """The last line that assigns a key; else imports or defines it; else begins with it, since it changes what is there."""
    for pattern in (_ASSIGNS, _BINDS_BY_WORD, _USES):
        for key in keys:
            for line in reversed(lines):
                if re.search(pattern.format(re.escape(key)), line):
                    return line
    files = [PurePath(key[5:]).name for key in keys if key.startswith("file:")]
    return next((line for line in reversed(lines) if any(name in line for name in files)), None)
