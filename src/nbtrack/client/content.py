"""Stored content, read from where the keeper says it is."""

from __future__ import annotations

import base64
import zlib
from pathlib import Path

from nbtrack.errors import StoreCorrupt
from nbtrack.operations import Proxy
from nbtrack.store.blobs import digest_of


def read_content(proxy: Proxy, digest: str) -> bytes:
    """The content of a digest, checked against it.

    Raises
    ------
    StoreCorrupt
        If it cannot be read or is not what was stored.
    """
    place = proxy.call("models.content", digest=digest)
    try:
        stored = base64.b64decode(place["base64"]) if "base64" in place else Path(place["path"]).read_bytes()
        content = zlib.decompress(stored) if place["codec"] == "zlib" else stored
    except (OSError, zlib.error) as problem:
        raise StoreCorrupt(f"The content {digest} cannot be read: {problem}.", digest=digest) from problem
    if digest_of(content) != digest:
        raise StoreCorrupt(f"The content {digest} is not what was stored.", digest=digest)
    return content
