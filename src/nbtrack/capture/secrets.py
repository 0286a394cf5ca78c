"""Secrets in what is about to be recorded: found and replaced before anything is written.

Three ways, each over decoded text: the known forms of keys and tokens (`secret_kinds`), what is given to a name that says
"password" or "token", and the values of such variables of this process wherever they stand. User-info in the address of a
server goes too. What is replaced leaves a mark, ``‹redacted: kind›``; the value is not kept, not even as a hash, since a
password could be guessed from that.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from nbtrack.capture.secret_kinds import KINDS
from nbtrack.capture.secret_names import (
    PLACEHOLDER,
    SHORT_WORD,
    SHORTEST,
    WORDS,
    compiled,
    is_given,
    is_searchable,
    is_sensitive,
)

SHORTEST_FORM: Final = 12
"""Characters of the shortest text that gives a name a secret: ``pwd="a1b2c3"``."""

BEFORE: Final = 32
"""Characters of a known form before its anchor at most."""

MARK: Final = "‹redacted: {}›"

_GIVEN: Final = r"""(?ix)
    (?P<name>[a-z_][\w.-]{0,60}?)
    (?: ["'] \s{0,4} ,
      | (?: ["'] \]? )? \s{0,4} (?: (?::\s{0,4}[a-z][\w\[\], |.]{0,40})? = | := | : | => )
    )
    \s{0,4} (?:[rbuf]{0,2})
    (?P<quote>\\?["']{1,3}) (?P<value>[^"'\n\\]{6,400}) (?P=quote)
    """
"""``name = "value"``, ``"name": "value"``, ``f(name="value")``, ``setdefault("name", "value")``."""

_UNQUOTED: Final = (
    r"(?P<name>[A-Za-z_][\w-]{0,60})(?:=|[ ]+)"
    r"(?P<value>[^\s\"'$<>{}()\[\],;=-][^\s\"'$<>{}()\[\],;]{5,400})(?=\s|;|$)"
)
"""``export NAME=value``, ``--password value`` and the lines of an .env file: without quotes, where a shell would read it."""

_SHELL: Final = r"(?:^|[\s;!%])(?:export |set |setx |env |-e |--env )[ ]*$|(?:^|\s)--?$"
_LINE: Final = r"[ \t]*$"

_USER_INFO: Final = (
    r"://(?:[^\s/@:\"'<>]{0,200}:(?P<secret>[^\s/@\"'<>]{1,500})|(?P<token>[\w~.-]{20,500}))@(?=[\w\[.-])"
)
"""A password in the address of a server, or a token that stands where a user's name would."""

_QUERY: Final = r"[?&](?P<name>[A-Za-z][\w.-]{0,40})=(?P<value>[^\s&#\"'<>]{6,500})"
"""A value in the query of an address."""

_OFF: Final = r"(?m)^[ \t]*#[ \t]*nbtrack:[ \t]*off\b"
KEPT_OUT: Final = "# nbtrack: off"

_PICTURES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "application/pdf"})

_APART: Final = tuple(row for row in KINDS if " " in row[1] or row[1] == "uthorization")
_TOGETHER: Final = tuple(row for row in KINDS if row not in _APART)
_WITH_SPACES: Final = ("://", *(anchor for _, anchor, _ in _APART))
_WITHOUT: Final = tuple(dict.fromkeys(anchor for _, anchor, _ in _TOGETHER))
_NUMBERS: Final = r"\[[-+0-9.,eE]*\]"
"""A list of numbers in JSON, in which there is no secret."""

_LONG: Final = 20
"""Characters without a space or a quote that are enough for a key."""


class Redactor:
    """Replaces secrets in texts and counts what it replaced.

    Parameters
    ----------
    environment
        The variables of the process; those with a secret's name are looked for in every text.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = os.environ if environment is None else environment
        self._raw: dict[object, object] | None = None
        self._seen: dict[str, str] = {}
        self._learnt: dict[str, str] = {}
        self._values: re.Pattern[str] | None = None
        self._forms: tuple[str, ...] = ()
        self._forms_in_json: tuple[str, ...] = ()
        self._compiled_for = 0
        self.found: Counter[str] = Counter()
        """How often each kind was replaced."""
        self.refresh()

    def twin(self) -> Redactor:
        """One that looks for the same values and counts by itself: for another thread."""
        twin = Redactor(self._environment)
        twin._learnt = self._learnt  # what is learnt later counts there too
        return twin

    def learn(self, name: str, value: object) -> None:
        """Look for a variable's value from now on, if the name says that it is a secret."""
        if (
            isinstance(value, str)
            and is_sensitive(name)
            and is_searchable(value)
            and value not in self._learnt
        ):
            self._learnt[value] = name

    @property
    def known(self) -> int:
        """How many values it looks for; it only grows."""
        return len(self._seen) + len(self._learnt)

    def suspects(self, document: str) -> bool:
        """Whether a JSON document (of ASCII) may hold a secret: False needs no closer look, and most are False.

        One look at a whole document takes a tenth of the time that one at each of its texts does. JSON writes each sign by
        itself, so that what stands in a text stands in the document.
        """
        if self._pattern() is not None and any(form in document for form in self._forms_in_json):
            return True
        document = compiled(_NUMBERS).sub("", document)
        lowered = document.lower()
        for word in WORDS:
            if word in lowered:
                return True
        if "pat" in lowered and compiled(SHORT_WORD).search(lowered):
            return True
        long = _long_parts(document)
        return any(anchor in document for anchor in _WITH_SPACES) or any(
            anchor in long for anchor in _WITHOUT
        )

    def text(self, text: str) -> str:
        """`text` without secrets; the very same object where there are none."""
        cleaned = self._without_values(text)
        if len(cleaned) < SHORTEST_FORM:
            return cleaned
        long = _long_parts(cleaned)
        for forms, place in ((_APART, cleaned), (_TOGETHER, long)):
            for kind, anchor, form in forms:
                if anchor in place:
                    cleaned = self._replaced(cleaned, _of_form(cleaned, kind, anchor, compiled(form)))
        cleaned = self._replaced(cleaned, _of_addresses(cleaned))
        cleaned = self._replaced(cleaned, _of_queries(cleaned))
        return self._replaced(cleaned, _given(cleaned))

    def value(self, value: Any, name: str = "") -> Any:
        """A JSON value without secrets in its texts; what is called by a secret's name is replaced as a whole."""
        if isinstance(value, str):
            if name and is_given(name, value):
                return self._count("value of " + _short(name))
            return self.text(value)
        if isinstance(value, dict):
            return {
                key if len(key) < SHORTEST else self.text(key): item
                if key in _PICTURES
                else self.value(item, key)
                for key, item in value.items()
            }
        if isinstance(value, (list, tuple)):
            return [self.value(item, name) for item in value]
        return value

    def notebook(self, content: bytes) -> bytes:
        """A notebook's file without secrets; the very same object where there are none, or where it is no notebook."""
        try:
            document = json.loads(content)
        except ValueError:
            cleaned = self.text(text := content.decode("utf-8", "replace"))
            return content if cleaned is text else cleaned.encode()
        before = self.found.total()
        cells = document.get("cells") if isinstance(document, dict) else None
        emptied = [_emptied(cell) for cell in cells] if isinstance(cells, list) else []
        cleaned = self._document({**document, "cells": emptied} if emptied else document)
        if self.found.total() == before and emptied == (cells or []):
            return content
        return json.dumps(cleaned, ensure_ascii=False, indent=1).encode()

    def _document(self, value: Any) -> Any:
        """As `value`, with texts that stand as lists of lines looked through as one."""
        if isinstance(value, dict):
            return {key: item if key in _PICTURES else self._document(item) for key, item in value.items()}
        if not isinstance(value, list):
            return self.text(value) if isinstance(value, str) else value
        if value and all(isinstance(item, str) for item in value):
            text = "".join(value)
            cleaned = self.text(text)
            return value if cleaned is text else cleaned.splitlines(keepends=True)
        return [self._document(item) for item in value]

    def _count(self, kind: str) -> str:
        self.found[kind] += 1
        return MARK.format(kind)

    def _replaced(self, text: str, found: Iterable[tuple[int, int, str]]) -> str:
        """`text` with a mark for each stretch that was found: its beginning, its end, and its kind."""
        parts: list[str] = []
        end = 0
        for start, stop, kind in found:
            if start >= end:
                parts += [text[end:start], self._count(kind)]
                end = stop
        return "".join([*parts, text[end:]]) if parts else text

    def _without_values(self, text: str) -> str:
        values = self._pattern()
        # To look for each by itself is a hundred times as quick as to look for one of them by a regular expression.
        if values is None or not any(form in text for form in self._forms):
            return text
        return values.sub(lambda match: self._count("value of " + _short(self._name_of(match[0]))), text)

    def _name_of(self, value: str) -> str:
        for known in (self._learnt, self._seen):
            for secret, name in list(known.items()):
                if value in _written(secret):
                    return name
        return "a variable"

    def refresh(self) -> None:
        """Look at the variables of the process again; one that was unset since may still stand in a later output."""
        raw = getattr(
            self._environment, "_data", None
        )  # os.environ decodes each name and value again when it is asked
        if raw is not None and raw == self._raw:
            return
        self._raw = None if raw is None else dict(raw)
        for name, value in self._environment.items():
            if is_sensitive(name) and value not in self._seen and is_searchable(value):
                self._seen[value] = name

    def _pattern(self) -> re.Pattern[str] | None:
        """What finds the values of sensitive variables."""
        if self.known != self._compiled_for:
            self._compiled_for = self.known
            forms = {form for value in (*self._seen, *self._learnt) for form in _written(value)}
            self._forms = tuple(sorted(forms, key=len, reverse=True))
            self._forms_in_json = tuple({json.dumps(form)[1:-1] for form in forms})
            self._values = re.compile("|".join(map(re.escape, self._forms)))
        return self._values


def _long_parts(text: str) -> str:
    """What is long enough to be a key: looking through these alone makes a text of plain words ten times as quick."""
    parts = text.replace('"', " ").replace("'", " ").split()
    return "\n".join([part for part in parts if len(part) >= _LONG])


def _of_form(text: str, kind: str, anchor: str, form: re.Pattern[str]) -> Iterator[tuple[int, int, str]]:
    """What has a form; only where its anchor stands is it tried."""
    end, place = 0, text.find(anchor)
    while place != -1:
        for start in range(max(end, place - BEFORE), place + len(anchor) + 1):
            match = form.match(text, start)
            if match is not None and "‹redacted" not in match[0]:
                end = match.end()
                yield start, end, kind
                break
        place = text.find(anchor, max(end, place + len(anchor)))


def _of_addresses(text: str) -> Iterator[tuple[int, int, str]]:
    """The passwords and tokens in addresses of servers."""
    place = text.find("://")
    while place != -1:
        match = compiled(_USER_INFO).match(text, place)
        if match is not None and not compiled(PLACEHOLDER).match(match["secret"] or match["token"]):
            group, kind = ("secret", "password") if match["secret"] else ("token", "token")
            yield *match.span(group), f"{kind} of an address"
        place = text.find("://", place + 3)


def _of_queries(text: str) -> Iterator[tuple[int, int, str]]:
    """What the query of an address gives to the name of a secret: ``https://host/data.csv?token=…``."""
    if "://" not in text:
        return
    for match in compiled(_QUERY).finditer(text):
        if is_given(match["name"], match["value"]):
            yield *match.span("value"), "value of " + _short(match["name"])


def _given(text: str) -> Iterator[tuple[int, int, str]]:
    """What is given to the name of a secret."""
    end = 0
    for place in sorted(set(_places(text))):
        if place < end:
            continue
        match = compiled(_GIVEN).match(text, place) or _unquoted(text, place)
        if match is not None and is_given(match["name"], match["value"]):
            start, end = match.span("value")
            yield start, end, "value of " + _short(match["name"])


def is_kept_out(source: str) -> bool:
    """Whether a cell asks not to be recorded, by a line ``# nbtrack: off``."""
    return "nbtrack" in source and bool(compiled(_OFF).search(source))


def _emptied(cell: Any) -> Any:
    """A notebook's cell, without what it holds if it asks for that."""
    source = cell.get("source") if isinstance(cell, dict) else None
    text = "".join(map(str, source)) if isinstance(source, list) else source
    if not isinstance(text, str) or not is_kept_out(text):
        return cell
    return {**cell, "source": KEPT_OUT, **({"outputs": []} if "outputs" in cell else {})}


def _written(value: str) -> tuple[str, ...]:
    """The forms in which a value stands in texts: as it is, in an address, and with its line ends escaped."""
    return value, quote(value, safe=""), value.replace("\\", "\\\\").replace("\n", "\\n")


def _short(name: str) -> str:
    return name if len(name) <= 40 else name[:39] + "…"


def _places(text: str) -> Iterator[int]:
    """Where names begin that have one of the words of a secret's name, by what is much quicker than a regular expression."""
    lowered = text.lower()
    if len(lowered) != len(text):  # a few letters of other scripts grow
        lowered = "".join(char if len(char.lower()) != 1 else char.lower() for char in text)
    for word in WORDS:
        found = lowered.find(word)
        while found != -1:
            yield _start_of_name(text, found)
            found = lowered.find(word, found + len(word))


def _unquoted(text: str, place: int) -> re.Match[str] | None:
    """What a shell or an .env file gives to the name at `place`; an expression of Python's is none of it."""
    match = compiled(_UNQUOTED).match(text, place)
    if match is None:
        return None
    before = text[max(0, place - 60) : place]
    line = before[before.rfind("\n") + 1 :]
    if compiled(_SHELL).search(line):
        return match
    upper = match["name"] == match["name"].upper() and text[match.end("name")] == "="
    return match if upper and compiled(_LINE).match(line) and len(line) < 60 else None


def _start_of_name(text: str, place: int) -> int:
    lowest = max(0, place - 60)
    while place > lowest and (text[place - 1].isalnum() or text[place - 1] in "_-."):
        place -= 1
    while text[place] == "-":  # the dashes of an option
        place += 1
    return place
