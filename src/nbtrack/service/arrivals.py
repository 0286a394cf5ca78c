"""What comes in by a merge, document by document, inside of its one transaction.

The rules: a run is known by its id. What was recorded here is never changed by others, except that tags and notes are
joined. Of a run from elsewhere the document that has more of it counts. What is deleted here, for good or in the trash,
stays so; what is deleted elsewhere stays here.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import asdict, dataclass, field

from nbtrack.entities.bundles import Merge, ProcessDocument, RunDocument
from nbtrack.entities.reviews import ReviewEvent, ReviewEventKind
from nbtrack.service.merge_checks import Refusal
from nbtrack.store.bundle_contents import Contents, content_of_event, content_of_run
from nbtrack.store.database import Store
from nbtrack.store.documents import to_json
from nbtrack.store.processes import user_name
from nbtrack.store.registry_documents import RegistryDocuments
from nbtrack.store.run_documents import RunDocuments, extent

_AUDITED = 100
"""Names in a line of the audit log at most."""


@dataclass(slots=True)
class _Tally:
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    versions: int = 0
    aliases: int = 0
    reviews: int = 0
    renamed: dict[str, str] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)


class Arrivals:
    """Takes contents into a store. To be used once, inside a transaction."""

    def __init__(self, store: Store, contents: Contents) -> None:
        self._store = store
        self._contents = contents
        self._own = store.identity
        self._documents = RunDocuments(store)
        self._registry = RegistryDocuments(store.connection)
        self._tally = _Tally()
        self._here: set[str] = set()
        self._processes: set[str] = set()
        self.needed: set[str] = set()
        """The digests of all content that the new rows name."""

    def take(self) -> None:
        """Take in everything.

        Raises
        ------
        Refusal
            If a run has the id of another one here.
        """
        for origin in self._contents.origins:
            self._store.origins.add(origin)
        for chain in self._contents.chains():
            self._store.origins.add_chain(chain)
        for run in self._contents.runs:
            self._take_run(self._contents.run(run))
        for process in self._contents.processes():
            self._take_process(process)
        self._take_registry()
        self._take_reviews()
        self._tell_kept()
        self._audit()

    def told(self) -> Merge:
        """What was done."""
        return Merge(store=self._contents.source.name, **asdict(self._tally))

    def _take_run(self, document: RunDocument) -> None:
        run = document.id
        if self._store.trash.is_entombed("run", run):
            self._tally.deleted += 1
            return
        new = not self._store.runs.has(run)
        if not new:
            self._compare(document)
            if self._store.trash.is_trashed(run):
                self._tally.deleted += 1
                return
        self._here.add(run)
        self._processes |= {document.process, *(snapshot.process for snapshot in document.snapshots)}
        merged = self._store.origins.merged(run)
        source = self._contents.source.id
        digest = hashlib.blake2b(to_json(document), digest_size=32).hexdigest()
        before = merged.get(source)
        if before is not None and before[0] == digest:
            self._tally.unchanged += 1
            return
        changed = self._add(document) if new else self._update(document)
        said = list(merged.values())
        changed |= self._join_tags(document, before[1] if before else {}, [tags for _, tags, _ in said])
        changed |= self._join_notes(document, [notes for _, _, notes in said])
        self._store.origins.set_merged(run, source, digest, document.tags, document.notes)
        if not new:
            self._tally.updated += changed
            self._tally.unchanged += not changed

    def _compare(self, document: RunDocument) -> None:
        """A document may only speak of the run that it means."""
        record = self._store.runs.record(document.id)
        known = self._store.origins.of_run(document.id)
        origin = known[0] if known else self._own
        if (origin, record.started) != (document.origin, document.started):
            raise Refusal(
                f"its run {document.experiment}/{document.name}-{document.number} has the id of the run "
                f"{record.experiment}/{record.name}-{record.number} of this store, which is another one"
            )

    def _add(self, document: RunDocument) -> bool:
        mark = self._store.origins.mark(document.origin)
        self._documents.add(document, mark)
        self._fill(document)
        here = self._store.runs.rows([document.id])[0]
        there = f"{document.name}-{document.number}"
        if here.name != there:
            self._tally.renamed[f"{document.experiment}/{there}"] = f"{here.experiment}/{here.name}"
        self._tally.added += 1
        return True

    def _update(self, document: RunDocument) -> bool:
        known = self._store.origins.of_run(document.id)
        if known is None:
            return False  # recorded here: this store knows it best
        if self._contents.source.id == document.origin:  # it may have been renamed there
            self._store.origins.set_run(
                document.id, document.origin, document.experiment, document.name, document.number
            )
        if extent(document) <= extent(self._documents.read(document.id)):
            return False
        self._fill(document)
        return True

    def _fill(self, document: RunDocument) -> None:
        self._documents.update(document, self._contents.points(document.id))
        self.needed.update(content_of_run(document))

    def _join_tags(self, document: RunDocument, before: dict[str, str], said: list[dict[str, str]]) -> bool:
        """Add the tags that are new; what was removed or changed here since it came stays as it is here."""
        here = self._store.runs.rows([document.id])[0].tags
        known = {name for tags in said for name in tags}
        new = {
            name: value
            for name, value in document.tags.items()
            if (name not in here and name not in known)
            or (name in here and here[name] != value and before.get(name) == here[name])
        }
        if new:
            self._store.runs.set_tags(document.id, new)
        return bool(new)

    def _join_notes(self, document: RunDocument, said: list[list[str]]) -> bool:
        """Add the notes that are new, in their order; what was removed here since it came stays away."""
        known = {note for notes in said for note in notes} | set(self._store.runs.notes(document.id))
        new = [note for note in dict.fromkeys(document.notes) if note not in known]
        for note in new:
            self._store.runs.add_note(document.id, note)
        return bool(new)

    def _take_process(self, process: ProcessDocument) -> None:
        """Add what a process executed, as far as runs that are here now are made of it."""
        wanted = process.process in self._processes or any(
            item.run in self._here for item in process.executions
        )
        if not wanted or self._documents.records_here(process.process):
            return  # whose journal was read here is known here best, and nobody else's word counts
        is_entombed = self._store.trash.is_entombed
        chosen = [
            item
            for item in process.executions
            if not is_entombed("execution", item.id)
            and (item.run in self._here or item.run is None or not is_entombed("run", item.run))
        ]
        for item in self._documents.add_executions(process.process, chosen):
            self.needed.update(filter(None, (item.source, item.outputs)))

    def _take_registry(self) -> None:
        places: dict[int, tuple[int, int]] = {}
        registry = self._contents.registry
        for place, document in enumerate(registry.versions):
            found = self._registry.find(self._own, document)
            if found is None:
                identity = f"{document.origin}/{document.given}/{document.number}"
                if document.run not in self._here or self._store.trash.is_entombed("model_version", identity):
                    self._tally.deleted += 1
                    continue
                found = self._registry.add(self._own, document)
                self.needed.add(document.digest)
                self._tally.versions += 1
                name = self._registry.name(found[0])
                if (name, found[1]) != (document.model, document.number):
                    self._tally.renamed[f"{document.model}/{document.number}"] = f"{name}/{found[1]}"
            places[place] = found
        for alias in registry.aliases:
            if alias.version not in places or alias.origin == self._own:
                continue  # where an alias of this store points is decided here
            mark = self._store.origins.mark(alias.origin)
            here = self._registry.put_alias(alias, *places[alias.version], mark)
            if here is not None:
                self._tally.aliases += 1
            if here not in (None, alias.alias):
                name = self._registry.name(places[alias.version][0])
                self._tally.renamed[f"{name}@{alias.alias}"] = f"{name}@{here}"

    def _take_reviews(self) -> None:
        """Add what happened in reviews and is not known here; what is known is never changed."""
        for document in self._contents.reviews():
            event = ReviewEvent(**{**asdict(document), "kind": ReviewEventKind(document.kind)})
            if self._store.reviews.add(event):
                self._tally.reviews += 1
                self.needed.update(content_of_event(document))

    def _tell_kept(self) -> None:
        gone = [tombstone.id for tombstone in self._contents.tombstones() if tombstone.kind == "run"]
        self._tally.kept = self._store.trash.living(gone)

    def _audit(self) -> None:
        tally, source = self._tally, self._contents.source
        if not (tally.added or tally.updated or tally.versions or tally.aliases or tally.reviews):
            return
        detail = {
            "store": source.id, "name": source.name, "runs": tally.added, "updated": tally.updated,
            "versions": tally.versions, "aliases": tally.aliases, "reviews": tally.reviews,
            "renamed": dict(list(tally.renamed.items())[:_AUDITED]),
        }  # fmt: skip
        self._store.audit.append(time.time_ns(), user_name(), "store.merged", detail)
