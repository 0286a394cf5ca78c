"""A store in Python: ``nbtrack.open().runs.get("forest-3")``. Objects here ask operations and show what they are told."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nbtrack.config import Settings
from nbtrack.entities.stores import Backup
from nbtrack.keeper.proxy import KeeperProxy
from nbtrack.session import current_session
from nbtrack.store.location import is_store, resolve_store

if TYPE_CHECKING:
    from nbtrack.client.lineage import Lineage, Slice, StaleCells
    from nbtrack.client.models import Models
    from nbtrack.client.reviews import Reviews
    from nbtrack.client.runs import Runs
    from nbtrack.client.search import Found
    from nbtrack.entities.bundles import Export, Merge
    from nbtrack.entities.ownership import Collection, Curated, Deletion, Trash, Usage
    from nbtrack.entities.snapshots import History, HistoryEntry, NotebookDiff


class Client:
    """A store.

    Attributes
    ----------
    runs
        Its runs.
    models
        Its registered models.
    reviews
        Its reviews of changes between notebooks.
    """

    def __init__(self, proxy: KeeperProxy, experiment: str | None = None) -> None:
        from nbtrack.client.models import Models
        from nbtrack.client.reviews import Reviews
        from nbtrack.client.runs import Runs

        self._proxy = proxy
        self._experiment = experiment
        self.runs: Runs = Runs(proxy, experiment)
        self.models: Models = Models(proxy, experiment)
        self.reviews: Reviews = Reviews(proxy, experiment)

    @property
    def path(self) -> Path:
        """The store's folder."""
        return self._proxy.store

    def search(
        self, text: str, *, within: str | None = None, limit: int = 20, experiment: str | None = None
    ) -> Found:
        """Find cells by words in their source, output, traceback or notes, best first.

        Parameters
        ----------
        text
            Words that must all be in one text; ``'"focal loss"'`` is a phrase, ``'foc*'`` the beginning of a word.
        within
            Look only there: ``source``, ``output``, ``error`` or ``note``.
        limit
            Hits at most, 500 in all.
        experiment
            Only runs of this experiment.
        """
        from nbtrack.client.search import Found

        return Found(
            self._proxy.ask("search.cells", text=text, within=within, limit=limit, experiment=experiment)
        )

    def history(
        self, notebook: str | os.PathLike[str] | None = None, *, limit: int = 100
    ) -> list[HistoryEntry]:
        """The snapshots of a notebook, newest first; of this one, or of the one with the newest snapshot.

        Raises
        ------
        NotFound
            If there is none.
        """
        session = current_session()
        process = session.process if notebook is None and session and session.proxy is self._proxy else None
        place = None if notebook is None else os.fspath(notebook)
        found: History = self._proxy.ask("snapshots.history", notebook=place, session=process, limit=limit)
        return found.entries

    def diff(self, base: str, head: str) -> NotebookDiff:
        """How the notebook differs between two runs or snapshots; of runs with their params, metrics, data and packages.

        Raises
        ------
        NotFound
            If there is none of one of these names.
        """
        found: NotebookDiff = self._proxy.ask(
            "snapshots.diff", base=base, head=head, experiment=self._experiment
        )
        return found

    def lineage(self, target: str, *, within: str | os.PathLike[str] | None = None) -> Lineage:
        """Where a variable or a run came from.

        Parameters
        ----------
        target
            A variable of this notebook, or a run.
        within
            A run or a notebook (``.ipynb``), in whose session the variable is looked for instead.

        Raises
        ------
        NotFound
            If there is none of that name.
        """
        from nbtrack.client.lineage import Lineage, asked

        return Lineage(self._proxy.ask("lineage.graph", **asked(target, within, self._experiment)))

    def slice(self, target: str, *, within: str | os.PathLike[str] | None = None) -> Slice:
        """The fewest executions that make a variable or a run; `within` as for `lineage`."""
        from nbtrack.client.lineage import Slice, asked

        return Slice(self._proxy.ask("lineage.slice", **asked(target, within, self._experiment)))

    def stale(self, notebook: str | os.PathLike[str] | None = None) -> StaleCells:
        """The cells of this notebook, or of another, whose inputs have changed since they last ran."""
        from nbtrack.client.lineage import stale

        return stale(self._proxy, notebook)

    def rename_experiment(self, experiment: str, name: str) -> Curated:
        """Call an experiment by a name that none has; its runs keep their numbers, and old names still find them.

        Raises
        ------
        Conflict
            If there is one of the new name.
        """
        done: Curated = self._proxy.ask("curation.rename_experiment", experiment=experiment, name=name)
        return done

    def trash(self) -> Trash:
        """What was deleted and may still be taken back, newest first."""
        content: Trash = self._proxy.ask("trash.content")
        return content

    def undo(self) -> Deletion:
        """Take back the last deletion, all of it.

        Raises
        ------
        NotFound
            If the trash is empty.
        """
        deletion: Deletion = self._proxy.ask("trash.undo")
        return deletion

    def backup(self, folder: str | os.PathLike[str], *, link: bool = False) -> Backup:
        """Copy the whole store into a new folder, which is a store itself, while it is in use.

        Parameters
        ----------
        link
            Whether blobs may be hard links to this store's files: quick, but damage to one file is damage to both.

        Raises
        ------
        Conflict
            If there is something at `folder`.
        StoreCorrupt
            If content of this store is damaged; no backup is left then.
        """
        place = str(Path(folder).expanduser().absolute())
        made: Backup = self._proxy.ask("backups.make", path=place, link=link)
        return made

    def export(
        self,
        file: str | os.PathLike[str],
        runs: Sequence[str] = (),
        *,
        filter: str | None = None,
        experiment: str | None = None,
        model: str | None = None,
        name: str | None = None,
        force: bool = False,
        rows: bool = False,
    ) -> Export:
        """Write runs with all that they need into one file; all runs, unless some are chosen.

        Parameters
        ----------
        runs
            Names or ids.
        filter
            All runs that fit.
        experiment
            All runs of it; with `runs` or `filter`: look in it.
        model
            A registered model (``churn``, ``churn/3`` or ``churn@champion``) with the runs that it came from.
        name
            What this store calls itself from now on towards others; at first it is the host's name.
        force
            Whether a file of this name is replaced.
        rows
            Whether the rows of input that were kept with models are written too.

        Raises
        ------
        Conflict
            If there is a file of this name, or a run that is named has not ended.
        NotFound
            If there is none of these.
        """
        written: Export = self._proxy.ask(
            "bundles.write",
            path=str(Path(file).expanduser().absolute()),
            runs=list(runs),
            filter=filter,
            everything=not runs and filter is None and model is None,
            model=model,
            experiment=experiment,
            name=name,
            force=force,
            rows=rows,
        )
        return written

    def merge(self, source: str | os.PathLike[str], *, dry_run: bool = False) -> Merge:
        """Take in what a bundle or another store has. Twice is the same as once.

        Parameters
        ----------
        dry_run
            Check everything, and only say what would come in.

        Raises
        ------
        BundleError
            If it is no bundle, is damaged, or has what no bundle has; nothing was taken from it then.
        StoreTooNew
            If a newer nbtrack wrote the store.
        """
        place = str(Path(source).expanduser().absolute())
        merged: Merge = self._proxy.ask("merging.merge", path=place, dry_run=dry_run)
        return merged

    def gc(
        self,
        *,
        dry_run: bool = False,
        trash_days: int | None = None,
        keep_models: int | None = None,
        best: str | None = None,
        compact: bool = False,
    ) -> Collection:
        """Delete for good what is old enough, and free its space. Never what a registered model's lineage needs.

        Parameters
        ----------
        dry_run
            Only say what would go.
        trash_days
            How long the trash is kept; by default the setting ``trash_days``, 0 empties it.
        keep_models
            Let go of the model files of all but this many of the newest runs of each experiment. Pinned runs keep theirs.
        best
            A metric: as many runs with the best values keep theirs too.
        compact
            Give the room inside the database back to the disk.
        """
        settings = Settings()
        collection: Collection = self._proxy.ask(
            "retention.collect",
            dry_run=dry_run,
            trash_days=int(settings["trash_days"]) if trash_days is None else trash_days,
            grace_days=int(settings["gc_grace"]),
            executions_days=int(settings["keep_executions_days"]),
            keep_models=keep_models,
            best=best,
            compact=compact,
        )
        return collection

    def usage(self, by: str = "kind", *, limit: int = 100) -> Usage:
        """What takes the space, largest first.

        Parameters
        ----------
        by
            ``kind``, ``run`` or ``cell``.
        limit
            Rows at most.
        """
        settings = Settings()
        usage: Usage = self._proxy.ask(
            "space.measure",
            by=by,
            limit=limit,
            trash_days=int(settings["trash_days"]),
            grace_days=int(settings["gc_grace"]),
            executions_days=int(settings["keep_executions_days"]),
        )
        return usage

    def __repr__(self) -> str:
        """Where the store is."""
        return f"nbtrack.open({str(self.path)!r})"


def open(path_or_url: str | os.PathLike[str] | None = None) -> Client:
    """Open a store.

    Parameters
    ----------
    path_or_url
        The store's folder or one that has it. None: the store of this notebook or script, else that of the
        setting ``store`` (``NBTRACK_STORE``), else the one found upward from the working directory.

    Raises
    ------
    NotAStore
        If there is none.
    InvalidInput
        If it is a URL; this version opens folders only.
    """
    session = current_session()
    if path_or_url is None and session is not None and is_store(session.store):
        return Client(session.proxy, session.experiment)
    here = Path.cwd()
    chosen = path_or_url if path_or_url is not None else Settings(here)["store"] or None
    return Client(KeeperProxy(resolve_store(chosen, here)))
