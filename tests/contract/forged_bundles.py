"""Bundles that were changed by somebody who knows the format: every hash fits again, and the seal too."""

from __future__ import annotations

import hashlib
import io
import json
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nbtrack.store.bundle_writer import MANIFEST, SEAL, SEAL_SIZE

Members = dict[str, bytes]


def digest(content: bytes) -> str:
    return f"blake2b-256:{hashlib.blake2b(content, digest_size=32).hexdigest()}"


def members_of(bundle: Path) -> Members:
    """All members but the manifest."""
    with zipfile.ZipFile(bundle) as content:
        return {name: content.read(name) for name in content.namelist() if name != MANIFEST}


def manifest_of(bundle: Path) -> dict[str, Any]:
    with zipfile.ZipFile(bundle) as content:
        found: dict[str, Any] = json.loads(content.read(MANIFEST))
        return found


def info(name: str, **fields: Any) -> zipfile.ZipInfo:
    """A member as nbtrack writes it, but for `fields`."""
    made = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    made.external_attr = (stat.S_IFREG | 0o600) << 16
    for field, value in fields.items():
        setattr(made, field, value)
    return made


def packed(members: list[tuple[zipfile.ZipInfo, bytes]]) -> bytes:
    """A zip file with room for a seal."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as content:
        for item, data in members:
            content.writestr(item, data)
        content.comment = SEAL + b"0" * 64
    return file.getvalue()


def sealed(content: bytes) -> bytes:
    """The same with a seal that fits."""
    body = content[:-SEAL_SIZE]
    return body + SEAL + hashlib.blake2b(body, digest_size=32).hexdigest().encode()


def manifest_for(members: Members, like: dict[str, Any]) -> dict[str, Any]:
    """A manifest that promises what is there."""
    listed = [{"name": name, "size": len(data), "digest": digest(data)} for name, data in members.items()]
    return {**like, "members": listed}


def write(path: Path, members: Members, manifest: dict[str, Any]) -> Path:
    """A bundle of these members and this manifest, sealed."""
    listed = [(info(name), data) for name, data in members.items()]
    path.write_bytes(sealed(packed([*listed, (info(MANIFEST), json.dumps(manifest).encode())])))
    return path


def forge(bundle: Path, change: Callable[[Members], None]) -> Path:
    """The bundle with changed members, whose hashes and seal fit."""
    members = members_of(bundle)
    change(members)
    return write(bundle.with_suffix(".forged"), members, manifest_for(members, manifest_of(bundle)))


def edit(bundle: Path, prefix: str, change: Callable[[Any], None]) -> Path:
    """The bundle with one document changed: the first whose name begins with `prefix`."""

    def apply(members: Members) -> None:
        name = next(name for name in members if name.startswith(prefix))
        document = json.loads(members[name])
        change(document)
        members[name] = json.dumps(document).encode()

    return forge(bundle, apply)
