"""The one mutable object: this kernel's assets, namespace and store, and what happens to a cell that runs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from vibe_magic.capture import here
from vibe_magic.cell import Cell, analyse, split_header
from vibe_magic.config import Settings
from vibe_magic.execute import Blocker, Outcome, Run, in_force
from vibe_magic.identity import Memo, file_digest, fingerprint
from vibe_magic.observe import Additions, Files, Lookup, Watch, facets
from vibe_magic.payload import user_secret
from vibe_magic.store import Entry, Store
from vibe_magic.trace import Cause, Trace

from . import hits, upstream
from .asset import Asset, Registry
from .current import Current
from .decision import blockers, decide
from .deferred import Deferred
from .events import Events
from .imported import Imported
from .journal import Journal
from .live import Live, Surroundings
from .patches import Patch, Registration, add, note_imported, patched
from .records import Record
from .saved import Saved, forget_deleted
from .spec import Spec, parse_header
from .telling import Telling
from .unread import Unread
from .warming import Warming
from .work import draft_of, first_line, is_control, job_of, plain_name, trace_of

__all__ = ["Session"]


class Session:
    """What one kernel knows.

    Parameters
    ----------
    shell : InteractiveShell
        Runs the cells.
    settings : callable
        Returns the settings as they are now.
    notify : callable
        Takes a name and one line for the person.
    clock : callable, optional
        Seconds since the epoch.
    secret : bytes, optional
        Key of the store's signatures; this user's own by default.
    """

    def __init__(
        self,
        shell: Any,
        settings: Callable[[], Settings],
        notify: Callable[[str, str], None],
        clock: Callable[[], float] = time.time,
        secret: bytes | None = None,
    ) -> None:
        self._secret = secret
        self.shell = shell
        self.namespace: dict[str, Any] = shell.user_ns
        self.clock = clock
        self.registry, self.journal = Registry(), Journal()
        self.telling = Telling(notify)
        self.records = self.telling.records
        self.folder = os.getcwd()
        self.saved = Saved()
        self._stores: dict[Path, Store] = {}
        self.result: object = None
        facets.begin(self.folder)
        self.at_start = dict(in_force(shell))
        self._settings = settings
        self._held: Settings | None = None
        self.additions = Additions(shell)
        self.patches: dict[str, Patch | Registration] = {}
        self.spare: list[Watch] = []
        self.imported, self.memo = Imported(), Memo()
        self.seeded: frozenset[str] = frozenset()
        self._current: Current | None = None
        self._traced: dict[str, tuple[Trace, Entry]] = {}
        self.locks = ExitStack()
        self.scratch: Store | None = None
        self.events = Events()
        self.places: dict[str, Any] = {}
        self.crew: Any = None
        self.ahead: Any = None
        self.deferred, self.warming = Deferred(self), Warming(self)
        self.gate: Callable[[str], None] = self.deferred.before_effect
        self.unread = Unread(self)
        self.on_lookup: Callable[[Lookup], None] = self.unread.on_lookup

    @property
    def settings(self) -> Settings:
        """The settings as they were when the present cell began."""
        if self._held is None:
            self._held = self._settings()
        return self._held

    @property
    def runs_now(self) -> str:
        """The label of the cell that runs; empty if none does."""
        return "" if self._current is None else self._current.label

    def reread_settings(self) -> None:
        """Take note that the settings may have changed."""
        self._held = None

    @cached_property
    def files(self) -> Files:
        """Compares files with the present."""
        return Files(self.folder, file_digest)

    @cached_property
    def watch(self) -> Watch:
        """Sees which files a run touches."""
        return self.new_watch()

    def new_watch(self) -> Watch:
        """Return something that sees which files a run touches; runs within runs need one each."""
        skip = (str(self.settings.cache_dir),)
        return Watch(self.files, skip, gate=self.gate, on_lookup=self.on_lookup)

    @cached_property
    def secret(self) -> bytes:
        """The key of the store's signatures."""
        return self._secret or user_secret(warn=lambda line: self.telling.notify("cache", line))

    @property
    def store(self) -> Store:
        """The store at the configured place."""
        settings = self.settings
        if settings.cache_dir not in self._stores:
            self._stores[settings.cache_dir] = Store(
                settings.cache_dir,
                secret=self.secret,
                clock=self.clock,
                size_limit=settings.cache_size,
                warn=lambda line: self.telling.notify("cache", line),
            )
        return self._stores[settings.cache_dir]

    @property
    def around(self) -> Surroundings:
        """What all assets see at this moment, which lasts until code runs."""
        notes = self.memo.notes
        if "<around>" not in notes:
            note_imported(self)
            seen = self.files, os.environ, self.memo, self.patches, self.unread.identities
            notes["<around>"] = Surroundings(self.namespace, *seen)
        return cast(Surroundings, notes["<around>"])

    # A cell that the person runs

    def enter(self, raw: str, python: str, cell_id: str) -> bool:
        """Meet a cell about to run; restore its result if that stands.

        Parameters
        ----------
        raw, python : str
            The cell as typed, and after IPython's transforms.
        cell_id : str
            The front end's identity of the cell; empty if it sends none.

        Returns
        -------
        bool
            Whether the result was restored, so that the body must not run.
        """
        self.drop()
        self.result = None
        facets.learn(())
        add(self)
        header, body = split_header(raw)
        cell = analyse(body, python)
        if header is None:
            self._begin_plain(cell, cell_id)
            return False
        spec = parse_header(header)
        default = cell.first_name or plain_name(cell)
        asset, holder = self.registry.claim(spec, cell, cell_id, default)
        if holder is not None and forget_deleted(self):
            asset, holder = self.registry.claim(spec, cell, cell_id, default)
        if holder is not None:
            self.tell(
                asset.name,
                f"is the name of another cell already ({first_line(holder)}),"
                f" so this one ({first_line(asset)}) runs uncached; rename one of them",
            )
            self._begin_plain(cell, cell_id)
            return False
        self.registry = self.registry.with_asset(asset)
        self.places[asset.label] = here(self.shell)
        self.warming.meet(asset)
        if self.deferred.put_off(asset):
            return True
        self.deferred.before(asset)
        if self.ahead is not None and self.ahead.serve(asset):
            return True
        upstream.refresh(self, asset)
        return upstream.apart(self, asset) is not None or self.serve(asset)

    def leave(self, failed: bool, results: tuple[object, ...] = ()) -> Record | None:
        """Meet the end of a body that `enter` or `serve` let run; store its result if that can come back.

        Parameters
        ----------
        failed : bool
            Whether it raised.
        results : tuple of object, optional
            What it displayed as results without ``Out``, outside its own cell.

        Returns
        -------
        Record or None
            What happened, if it was an asset.
        """
        current, self._current = self._current, None
        self.reread_settings()
        if current is None:
            return None
        with self.locks.pop_all():
            return self._settle(current, current.run.finish(failed, results))

    def pass_on(self, cell_id: str, failed: bool) -> None:
        """Meet the end of a cell that the person has run; what waits for it can run ahead of its turn."""
        self.leave(failed)
        if self.ahead is not None:
            self.ahead.leave(cell_id, failed)

    def drop(self) -> None:
        """Forget a cell that was entered but never left."""
        self.reread_settings()
        current, self._current = self._current, None
        if current is not None:
            current.run.abandon()
        self.locks.close()

    def dismiss(self) -> None:
        """Let the workers go, if there are any."""
        self.deferred.stop()
        crew, self.crew = self.crew, None
        if crew is not None:
            crew.close()

    def tell(self, name: str, line: str) -> None:
        """Tell the person something about an asset, once."""
        self.telling.once(name, line)

    def record(self, record: Record, detail: str = "") -> None:
        """Keep what happened to an asset, and show it unless the person wants none of that."""
        self.telling.record(record, detail, self.is_quiet(self.registry.assets.get(record.name)))
        self.warming.heed(record)

    def is_quiet(self, asset: Asset | None) -> bool:
        """Tell whether the person wants no status lines of an asset."""
        return self.settings.quiet or (asset is not None and asset.spec.quiet)

    # An asset that runs for whatever reason

    def look(self, asset: Asset, own: bool = False) -> Live:
        """Return the present as an asset sees it.

        Parameters
        ----------
        asset : Asset
            The cell that looks.
        own : bool, optional
            Whether what it has changed itself counts as it was before.
        """
        if asset.function is not None:
            live: Live = asset.function.live(self)
            return live
        facts = self.journal.own(asset.label) if own else {}
        return Live(asset, self.around, facts)

    def ttl_s(self, spec: Spec) -> float | None:
        """Return the age at which an asset's results expire."""
        return self.settings.ttl if spec.ttl_s is None else spec.ttl_s

    def serve(self, asset: Asset, *, force: bool = False, direct: bool = True) -> bool:
        """Restore an asset's result if one stands, else begin to run it.

        Returns
        -------
        bool
            Whether it was restored.
        """
        started_s = time.perf_counter()
        live = self.look(asset)
        against = blockers(self, asset, live)
        if against:
            self.begin(asset, live, (), against, direct)
            return False
        verdict = decide(self, asset, live, force)
        if verdict.entry is None:
            verdict = hits.locked(self, asset, live, verdict)
        causes = verdict.causes
        if verdict.entry is not None:
            causes = hits.restored(self, asset, verdict, started_s, direct=direct)
            if not causes:
                return True
        self.begin(asset, live, causes, (), direct)
        return False

    def forget_digests(self) -> None:
        """Drop what was known of values, since they may have changed."""
        self.memo.clear()

    def _begin_plain(self, cell: Cell, cell_id: str) -> None:
        if is_control(cell):
            self.unread.expect(cell.python)
            self.memo.clear()
            return
        label = cell_id or f"cell:{fingerprint(cell)[:12]}"
        asset = Asset(plain_name(cell), Spec(), cell, label)
        self.deferred.before(asset)
        self.unread.before(Live(asset, self.around))
        live = Live(asset, self.around)
        run = Run(job_of(asset, live, self.seeded, stored=False), self.shell, self.watch)
        self._current = Current(run, label, None)
        run.start()

    def begin(
        self,
        asset: Asset,
        live: Live,
        causes: tuple[Cause, ...],
        blockers: tuple[Blocker, ...],
        direct: bool,
    ) -> None:
        """Meet an asset that runs, since no result stands or some reason not to keep any does."""
        if self.unread.before(live):
            live = self.look(asset)
        if self.journal.consumed(asset.label) & set(live.reach.inputs):
            self.tell(asset.name, "changes its own input, so running it again applies it again")
        run = Run(job_of(asset, live, self.seeded, stored=not blockers), self.shell, self.watch)
        self._current = Current(run, asset.label, asset, live.key, causes, blockers, direct)
        run.start()

    def _settle(self, current: Current, outcome: Outcome) -> Record | None:
        if current.run.job.reach.facts.seeds:
            self.seeded |= outcome.drawn
        outcome = patched(self, current.run.job, outcome)
        entry = None if outcome.failed else self._saved(current, outcome)
        self.journal.note(
            current.label,
            outcome.trace,
            self.clock(),
            direct=current.direct,
            failed=outcome.failed,
            entry=entry,
            changed=outcome.changed,
        )
        self.deferred.passed_by(current.label, outcome.trace.written)
        if current.asset is None:
            return None
        note = "; ".join(map(str, current.blockers + outcome.blockers))
        record = Record(
            current.asset.name,
            "failed" if outcome.failed else "ran",
            current.causes,
            outcome.duration_s,
            0.0,
            current.asset.cell_id,
            note,
        )
        self.record(record)
        return record

    def _saved(self, current: Current, outcome: Outcome) -> Entry | None:
        """Store a result, or of what is no result that can be kept at least the trace."""
        if not self.settings.store:
            return None
        refused = tuple(map(str, current.blockers + outcome.blockers))
        if current.asset is not None and not refused:
            ttl_s = self.ttl_s(current.asset.spec)
            return self.store.save(draft_of(current.asset, current.key, outcome, ttl_s, self.clock()))
        if current.asset is not None and outcome.groups and self.scratch is not None:
            return self.scratch.save(draft_of(current.asset, current.key, outcome, None, self.clock()))
        known = self._traced.get(current.label)
        trace = replace(outcome.trace, name=plain_name(current.run.job.cell), refused=refused)
        if known is None or known[0] != trace or not known[1].path.exists():
            entry = self.store.save(trace_of(trace, outcome.duration_s, self.clock()))
            if entry is not None:
                self._traced[current.label] = trace, entry
        return None
