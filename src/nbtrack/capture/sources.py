"""Where a call read its data from: a file, an address, a database, or what a library brings along."""

from __future__ import annotations

import os
import re
from io import BufferedReader, FileIO, TextIOWrapper
from pathlib import PosixPath, WindowsPath
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from nbtrack.capture.constants import ABSENT
from nbtrack.capture.params import jsonable, loaded

if TYPE_CHECKING:
    from nbtrack.entities.datasets import DataSource
    from nbtrack.entities.values import JSONValue

_PLACES: Final = (
    "filepath_or_buffer",
    "path_or_buf",
    "path_or_buffer",
    "path",
    "io",
    "source",
    "file",
    "fname",
    "where",
    "filename",
    "filepath",
)
"""What libraries call the argument that says where to read."""

_MOST: Final = 4_000  # characters of a path or an address
_PARTS: Final = 200
_ADDRESS: Final = r"[A-Za-z][A-Za-z0-9+.-]+://"
_SECRET: Final = r"(?i)token|key|sig|secret|passw|auth|cred"
_NAMED_TYPES: Final = (str, int, float, bool)


def source_of(function: str, kind: str, args: tuple[Any, ...], named: dict[str, Any]) -> DataSource:
    """Describe the source of a call that has read data.

    Parameters
    ----------
    function
        Its full name: ``pandas.read_csv``.
    kind
        ``file`` (also of an address or of something in memory), ``sql`` or ``bundled``.
    """
    from nbtrack.entities.datasets import DataSource  # late: a notebook may never show any data

    if kind == "bundled":
        arguments = _arguments(args, named)
        return DataSource(kind=kind, function=function, arguments=arguments)
    key = next((name for name in _PLACES if name in named), None)
    given = args[0] if args else named.get(key or "")
    if kind == "sql":
        query = (
            given
            if args
            else next((named[name] for name in ("sql", "query", "table_name") if name in named), None)
        )
        connection = (
            args[1]
            if len(args) > 1
            else next(
                (named[name] for name in ("con", "connection", "uri", "connection_uri") if name in named),
                None,
            )
        )
        return DataSource(kind=kind, function=function, place=_database(connection), query=_query(query))
    place = place_of(given)
    if place is None:
        return DataSource(kind="memory", function=function)
    if re.match(_ADDRESS, place):
        return DataSource(kind="url", function=function, place=clean_address(place))
    try:
        path = os.path.abspath(place)  # noqa: PTH100 - as the library does; a path need not exist
    except OSError:  # the working folder was removed
        path = place
    rest = _arguments(args[1:], {name: value for name, value in named.items() if args or name != key})
    if type(given) is list or type(given) is tuple or not os.path.isfile(path):  # noqa: PTH113 - as above
        rest = None
    return DataSource(kind="file", function=function, place=path, stamp=stamp_of(path), arguments=rest)


def place_of(given: Any) -> str | None:
    """The path or address that an argument names; None where it is content, or an object of its own."""
    kind = type(given)
    if (kind is list or kind is tuple) and given:
        first = place_of(given[0])
        return first if len(given) == 1 or first is None else f"{first} (+{len(given) - 1})"
    if kind is str:
        is_content = len(given) > _MOST or "\n" in given or given.lstrip().startswith(("{", "[", "<"))
        return None if is_content else given
    if any(kind is path for path in (PosixPath, WindowsPath)):
        return str(given)
    if any(kind is file for file in (TextIOWrapper, BufferedReader, FileIO)):
        name = given.name
        return name if type(name) is str and not name.startswith("<") else None
    return None


def stamp_of(path: str) -> str | None:
    """Size and modification time of a file; None where there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - pathlib raises where it may not look
    except (OSError, ValueError):
        return None
    return f"{found.st_size}:{found.st_mtime_ns}"


def clean_address(address: str) -> str:
    """An address without user-info, and without the values of what looks like a key or a signature."""
    try:
        parts = urlsplit(address)
        host = parts.netloc.rpartition("@")[2]
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        hidden = [(name, "…" if re.search(_SECRET, name) else value) for name, value in pairs]
        query = parts.query if hidden == pairs else urlencode(hidden, safe="…/:,")
        return urlunsplit((parts.scheme, host, parts.path, query, ""))
    except ValueError:
        return address.partition("://")[0] + "://…"


def _database(connection: Any) -> str | None:
    """What a connection leads to, as far as that can be told without asking it."""
    kind = type(connection)
    if kind is str:
        return clean_address(connection) if re.match(_ADDRESS, connection) else connection[:_MOST]
    engine = loaded("sqlalchemy.engine.base", "Engine")
    if kind is loaded("sqlalchemy.engine.base", "Connection"):
        connection = connection.engine
        kind = type(connection)
    if engine is not None and kind is engine:
        return clean_address(connection.url.render_as_string(hide_password=True))
    if connection is None:
        return None
    name = type.__getattribute__(kind, "__module__")
    return f"{name}.{type.__getattribute__(kind, '__name__')}" if type(name) is str else None


def _query(query: Any) -> str | None:
    if type(query) is str:
        return query[:_MOST]
    text = loaded("sqlalchemy.sql.elements", "TextClause")
    if text is not None and type(query) is text:
        return str(query.text)[:_MOST]
    return None


def _arguments(args: tuple[Any, ...], named: dict[str, Any]) -> dict[str, JSONValue] | None:
    """The arguments of a call as plain values, so that it can be made again; None where one of them is none."""
    plain = jsonable(
        [[_plain(one) for one in args], {name: _plain(value) for name, value in named.items()}], _PARTS
    )
    return None if plain is ABSENT else {"place": plain[0], "name": plain[1]}


def _plain(value: Any) -> Any:
    """A value, or the name of one of Python's own types: ``dtype=str`` is ``dtype="str"`` to the libraries."""
    kind = type(value)
    if kind is type and any(value is known for known in _NAMED_TYPES):
        return value.__name__
    if kind is dict:
        if any(type(name) is not str for name in value):
            return ...  # JSON would make texts of the keys
        return {name: _plain(item) for name, item in value.items()}
    return value
