"""Text as the search sees it: out of outputs, into words, and back into lines with marks.

An identifier is found by its parts and as a whole: ``FocalLoss`` and ``focal_loss`` both hold the words "focal loss".
SQLite's tokenizer parts words at everything that is no letter or digit, so ``_`` and ``.`` need nothing; a hump gets an
invisible separator, and the lines that have humps follow once more at the end of the text as they are.
"""

from __future__ import annotations

import re
from typing import Any

import apsw

from nbtrack.entities.search import FoundLine, Passage, Place
from nbtrack.store.search_schema import COLUMNS, TOKENIZER

LONGEST = 200_000
"""Characters of a text that are indexed: a log of hours would otherwise outweigh everything else."""

_HUMP, _END, _OPEN, _CLOSE = "\x1f", "\x1e", "\x02", "\x03"
_OURS = str.maketrans("", "", _HUMP + _END + _OPEN + _CLOSE + "\0")
_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z][A-Za-z])|(?<=[A-Z])(?=[A-Z][a-z])")  # NaN has none
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_ENCODED = re.compile(r"[A-Za-z0-9+/=]{200,}")  # a picture inside a text is no word
_TERM = re.compile(r'"([^"]*)"?(\*?)|(\S+)')
_LETTER = re.compile(r"[^\W_]")
_MOST_TERMS = 32
_MOST_LINES = 3
_WIDEST = 160


def texts_of_outputs(outputs: list[dict[str, Any]]) -> tuple[str, str]:
    """What a cell printed and showed as text, and its errors with their tracebacks; no HTML, no pictures."""
    shown: list[str] = []
    errors: list[str] = []
    for output in outputs:
        if output.get("output_type") == "error":
            trace = output.get("traceback") or [f"{output.get('ename')}: {output.get('evalue')}"]
            errors.append("\n".join(map(str, trace)))
            continue
        data = output.get("data") or {}
        parts = [output.get("text"), data.get("text/plain"), data.get("text/markdown")]
        shown += ["".join(part) if isinstance(part, list) else str(part) for part in parts if part]
    return without_colours("\n".join(shown)), without_colours("\n".join(errors))


def without_colours(text: str) -> str:
    """Text without a terminal's colours; each state of a line that was written over is a line of its own."""
    return _COLOURS.sub("", text).replace("\r\n", "\n").replace("\r", "\n")


def prepared(text: str) -> str:
    """Text for the index: with humps parted, and behind it the lines that have some, whole."""
    text = _ENCODED.sub(" ", text.translate(_OURS)[:LONGEST])
    whole = [line for line in text.split("\n") if _HUMPS.search(line)]
    return "\n".join([_HUMPS.sub(_HUMP, text), *(_END + line for line in whole)])


def match_of(text: str, place: Place | None) -> str:
    """The FTS5 expression for what a person typed, every term quoted: none of it is syntax. Empty: no words in it.

    All words must be in one text. ``"focal loss"`` in quotes is a phrase, ``foc*`` the beginning of a word.
    """
    terms = []
    for quoted, star, word in _TERM.findall(text.translate(_OURS)[:LONGEST])[:_MOST_TERMS]:
        term = (quoted or word).replace('"', " ")
        prefix = "*" if star or (not quoted and term.endswith("*")) else ""
        if not _LETTER.search(term):
            continue
        forms = dict.fromkeys((_HUMPS.sub(" ", term), term))
        terms.append("(" + " OR ".join(f'"{form}"{prefix}' for form in forms) + ")")
    expression = " AND ".join(terms)
    return f"{{{place.value}}} : ({expression})" if place and expression else expression


def passages(texts: dict[str, str], match: str) -> list[Passage]:
    """The lines of some texts (by their place) in which `match` finds something, as the index itself would see them."""
    connection = apsw.Connection(":memory:")
    connection.execute(f"CREATE VIRTUAL TABLE t USING fts5({', '.join(COLUMNS)}, tokenize='{TOKENIZER}')")
    connection.execute(
        f"INSERT INTO t VALUES ({', '.join('?' * len(COLUMNS))})",
        [prepared(texts.get(column, "")) for column in COLUMNS],
    )
    marked = ", ".join(f"highlight(t, {index}, ?, ?)" for index in range(len(COLUMNS)))
    row = next(
        connection.execute(
            f"SELECT {marked} FROM t WHERE t MATCH ?", [_OPEN, _CLOSE] * len(COLUMNS) + [match]
        ),
        ("",) * len(COLUMNS),
    )
    connection.close()
    found = []
    for column, text in zip(COLUMNS, row, strict=True):
        if _OPEN in text:
            found.append(_passage(Place(column), text))
    return found


def _passage(place: Place, marked: str) -> Passage:
    body, *whole = marked.split(f"\n{_END}")
    numbered = _open_lines(body)
    humped = [number for number, line in numbered if _HUMP in line]
    for number, line in zip(humped, whole, strict=False):
        if _OPEN not in numbered[number - 1][1]:  # the identifier as a whole was meant
            numbered[number - 1] = (number, line)
    lines = [(number, line.replace(_HUMP, "")) for number, line in numbered if _OPEN in line]
    shown = [_line(number, line) for number, line in lines[:_MOST_LINES]]
    return Passage(place=place, lines=shown, more=len(lines) - len(shown))


def _open_lines(body: str) -> list[tuple[int, str]]:
    """The numbered lines; a mark that goes over a line's end is closed there and opened anew in the next."""
    lines, is_open = [], False
    for number, line in enumerate(body.split("\n"), 1):
        whole = (_OPEN if is_open else "") + line
        is_open = whole.rfind(_OPEN) > whole.rfind(_CLOSE)
        lines.append((number, whole + (_CLOSE if is_open else "")))
    return lines


def _line(number: int, marked: str) -> FoundLine:
    """One line with its marks as positions; of a long line the part around the first one."""
    plain, marks = "", []
    for before, word in re.findall(f"([^{_OPEN}]*)(?:{_OPEN}([^{_CLOSE}]*){_CLOSE})?", marked):
        plain += before
        if word:
            marks.append([len(plain), len(plain) + len(word)])
            plain += word
    start = max(0, marks[0][0] - _WIDEST // 4) if marks and len(plain) > _WIDEST else 0
    lead = "…" if start else ""
    text = plain[start : start + _WIDEST]
    tail = "…" if start + _WIDEST < len(plain) else ""
    moved = [[first - start + len(lead), last - start + len(lead)] for first, last in marks]
    inside = [[first, min(last, len(lead + text))] for first, last in moved if first < len(lead + text)]
    return FoundLine(number=number, text=lead + text + tail, marks=inside)
