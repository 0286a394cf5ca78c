"""Joining stores: what another store has of runs and models comes in, once however often it is merged.

Three steps, so that nothing is written unless everything holds: all of it is read and checked
(`nbtrack.service.merge_checks`); its bulk is put into ``blobs/``, where no row names it yet; then one transaction adds the
rows (`nbtrack.service.arrivals`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import apsw

from nbtrack.entities.bundles import Merge
from nbtrack.entities.runs import RunStatus
from nbtrack.errors import InvalidInput, NbtrackError, NotFound, UnsafeBundle
from nbtrack.service import Deferred
from nbtrack.service.arrivals import Arrivals
from nbtrack.service.merge_checks import Refusal, check
from nbtrack.store.blobs import INLINE_LIMIT, Packed
from nbtrack.store.bundle_contents import Contents, StoreContents
from nbtrack.store.bundle_reader import open_bundle
from nbtrack.store.database import Store
from nbtrack.store.location import is_store, named_place
from nbtrack.store.other_store import other_store


@dataclass(frozen=True, slots=True)
class _Opened:
    """What is merged in: its contents, the runs that had not ended there, whether its journals hold more."""

    contents: Contents
    running: list[str]
    waiting: bool


class Merger:
    """Merges into one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def merge(self, path: str, dry_run: bool = False) -> Deferred:
        """Take in the bundle, or the store, at `path`; others are answered while it is read and checked.

        Parameters
        ----------
        path
            A bundle, a store's folder or the folder around it; absolute.
        dry_run
            Only say what would come in.

        Raises
        ------
        NotFound
            If there is nothing.
        BundleError
            If it is no bundle, is damaged, or was made to do harm. Nothing was written then.
        StoreTooNew
            If a newer nbtrack wrote the store.
        """
        source = Path(path)
        if not source.is_absolute():
            raise InvalidInput(f"What is merged must be named by an absolute path, not {path}.")
        if not source.exists():
            raise NotFound(f"There is no bundle and no store at {path}.", path=path)
        place = named_place(source)
        if place.is_dir() and place.resolve() == self._store.folder.resolve():
            raise InvalidInput(f"{path} is this very store; name another one, or a bundle.")
        release = self._store.hold("merge")

        def work() -> tuple[contextlib.ExitStack, _Opened, dict[str, Packed]]:
            with _refused(path), contextlib.ExitStack() as stack:
                stack.callback(release)
                opened = stack.enter_context(self._open(place))
                for _ in check(opened.contents):
                    pass
                packed = {} if dry_run else self._packed(opened.contents)
                return stack.pop_all(), opened, packed

        def finish(found: tuple[contextlib.ExitStack, _Opened, dict[str, Packed]]) -> Merge:
            stack, opened, packed = found
            with _refused(path), stack:
                try:
                    return self._take(opened, packed, dry_run)
                except BaseException:
                    self._remove(packed)
                    raise

        return Deferred(work, finish)

    @contextlib.contextmanager
    def _open(self, place: Path) -> Iterator[_Opened]:
        if not place.is_dir():
            with open_bundle(place) as bundle:
                yield _Opened(bundle, [], False)
            return
        if not is_store(place):
            raise NotFound(f"{place} is neither a store nor a bundle.", path=str(place))
        with other_store(place, self._store.incoming) as other:
            rows: list[tuple[str, str]] = list(
                other.connection.execute("SELECT id, status FROM runs WHERE deleted IS NULL")
            )
            ended = [run for run, status in rows if status != RunStatus.RUNNING]
            running = other.trash.running([run for run, status in rows if status == RunStatus.RUNNING])
            yield _Opened(StoreContents(other, ended), running, other.journals.waiting() > 0)

    def _packed(self, contents: Contents) -> dict[str, Packed]:
        """Put the bulk of what is new where it will be. No row names it yet: if the merge ends here, gc removes it."""
        with self._store.snapshot() as snapshot:
            new = [
                (digest, size)
                for digest, size in contents.sizes.items()
                if size > INLINE_LIMIT and not snapshot.blobs.has(digest)
            ]
        return {
            digest: self._store.blobs.pack(digest, size, contents.content(digest)) for digest, size in new
        }

    def _remove(self, packed: dict[str, Packed]) -> None:
        """Remove the bulk of a merge that failed; gc does it later where something else is under way that may need it."""
        if len(self._store.held) == 1:
            for digest, blob in packed.items():
                if blob.content is None and not self._store.blobs.has(digest):
                    self._store.blobs.path(digest).unlink(missing_ok=True)

    def _take(self, opened: _Opened, packed: dict[str, Packed], dry_run: bool) -> Merge:
        arrivals = Arrivals(self._store, opened.contents)
        with contextlib.suppress(_TakenBack), self._store.transaction():
            arrivals.take()
            if dry_run:
                raise _TakenBack
            self._add_content(opened.contents, packed, arrivals.needed)
        return replace(arrivals.told(), dry_run=dry_run, running=opened.running, waiting=opened.waiting)

    def _add_content(self, contents: Contents, packed: dict[str, Packed], needed: set[str]) -> None:
        blobs = self._store.blobs
        for digest in sorted(needed):
            if not blobs.has(digest):
                found = packed.get(digest) or blobs.pack(
                    digest, contents.sizes[digest], contents.content(digest)
                )
                blobs.insert(found)


class _TakenBack(Exception):
    """Ends the transaction of a dry run."""


@contextlib.contextmanager
def _refused(path: str) -> Iterator[None]:
    """Say of what cannot be a store's that it was refused; whatever slipped through the checks too."""
    try:
        yield
    except NbtrackError:
        raise
    except (
        Refusal,
        ValueError,
        TypeError,
        LookupError,
        OverflowError,
        RecursionError,
        apsw.ConstraintError,
    ) as problem:
        what = str(problem) if isinstance(problem, Refusal) else f"its parts do not fit together ({problem})"
        raise UnsafeBundle(f"{path} was refused: {what}. Nothing was taken from it.", path=path) from problem
