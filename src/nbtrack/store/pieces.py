"""A notebook's file in pieces that the next version of it shares: a save costs the cells that changed.

The cuts depend on the content alone, and stand where a cell or an output begins on a line of its own, as every front end
writes them. So what is put in, taken out or changed moves no cut but those beside it.
"""

from __future__ import annotations

import re
import zlib
from typing import Final

WORTH = 256 * 1024
"""Files below this many bytes are kept whole: they shrink to less than a list of pieces saves."""

_USUAL, _LONGEST = 32 * 1024, 8
"""The usual size of a piece, and how many times that it may be where a cut is possible."""

_MOST_PIECES = 200

_PLACE = re.compile(rb"\n[ \t]*\{\r?\n")

PIECES: Final = """
CREATE TABLE blob_pieces (              -- of a blob whose codec is pieces: what it is made of, for whoever collects
    digest TEXT NOT NULL REFERENCES blobs ON DELETE CASCADE, piece TEXT NOT NULL,
    PRIMARY KEY (digest, piece)
) WITHOUT ROWID;
CREATE INDEX blob_pieces_by_piece ON blob_pieces (piece);
"""


def cut(content: bytes) -> list[bytes]:
    """The pieces of a file, which joined are the file; one where it is small or no place for a cut is found."""
    if len(content) < WORTH:
        return [content]
    usual = max(_USUAL, 2 * len(content) // _MOST_PIECES)
    pieces = []
    start = before = 0
    for match in _PLACE.finditer(content):
        place = match.start() + 1
        # Whether a cut is here is the word of what stands before it, from the last place on: of one cell or output. The
        # longer that is the likelier, so that pieces have about the usual size whatever cells are like.
        word = zlib.crc32(content[before:place]) * usual
        if word < (place - before) << 32 or place - start >= _LONGEST * usual:
            pieces.append(content[start:place])
            start = place
        before = place
    return [*pieces, content[start:]]
