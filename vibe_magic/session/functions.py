"""Functions as assets: a call is restored until its code or what it is given has changed."""

from __future__ import annotations

import functools
import inspect
import os
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import cached_property
from typing import TYPE_CHECKING, Any

from vibe_magic.capture import replay
from vibe_magic.cell import Facts, analyse
from vibe_magic.errors import CorruptEntry, UsageError
from vibe_magic.execute import STATE, Bindings, Blocker, Outcome, Run
from vibe_magic.identity import Memo
from vibe_magic.observe import facets, note_touched
from vibe_magic.payload import Context
from vibe_magic.store import Entry
from vibe_magic.trace import UNKNOWN, Cause, Fact, Trace

from .asset import Asset
from .decision import PATIENCE_S, blockers, decide
from .hits import discard, waiting
from .live import Live, Surroundings
from .records import Record
from .restore import referable
from .spec import Spec
from .telling import age_of
from .work import draft_of, job_of

if TYPE_CHECKING:
    from .kernel import Session

__all__ = ["AssetFunction"]


class AssetFunction:
    """A function whose results are kept.

    A parameter that a call leaves out is taken from the notebook: the value of that name, or the result of
    the asset function of that name.

    Parameters
    ----------
    function : callable
        What is called when there is no result that stands.
    spec : Spec
        Name and options.
    session : callable
        Returns the session of this process, or None; without one the function is just called.
    """

    def __init__(
        self, function: Callable[..., Any], spec: Spec, session: Callable[[], Session | None]
    ) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.spec = spec
        self._session = session
        self.name = spec.name or function.__name__
        self.signature = inspect.signature(function)
        if self.name in self.signature.parameters:
            raise UsageError(f"{self.name!r} is its own parameter", "@asset", "rename one of them")
        live = session()
        if live is not None:
            live.registry = live.registry.with_asset(self.asset)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the result for these arguments, restored if one stands."""
        session = self._session()
        if session is None:
            return self.function(*args, **kwargs)
        return _Call(session, self, self._bound(session, args, kwargs)).result()

    def call(self, *, force: bool) -> Any:
        """Bring the result for the notebook's own values up to date.

        Returns
        -------
        object
            The result.
        """
        session = self._session()
        if session is None:
            return self.function()
        return _Call(session, self, self._bound(session, (), {}), force).result()

    def _bound(
        self, session: Session, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> inspect.BoundArguments:
        session.unread.load(self.names)
        given = self.signature.bind_partial(*args, **kwargs).arguments
        for name in self.names - given.keys():
            if name in session.namespace:
                value = session.namespace[name]
                given[name] = value() if isinstance(value, AssetFunction) else value
        bound = inspect.BoundArguments(self.signature, given)
        self.signature.bind(*bound.args, **bound.kwargs)  # complains of what is missing, as a call would
        bound.apply_defaults()
        return bound

    def __reduce__(self) -> Any:
        """Pickle the function and its options; whoever loads it has a session of their own."""
        return AssetFunction, (self.function, self.spec, self._session)

    @cached_property
    def names(self) -> frozenset[str]:
        """The parameters that may be taken from the notebook."""
        parameters = self.signature.parameters.values()
        variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        return frozenset(p.name for p in parameters if p.default is p.empty and p.kind not in variadic)

    @property
    def __facts__(self) -> Facts:
        """What a cell that mentions the function may read through it."""
        return Facts(reads=self.names)

    @cached_property
    def asset(self) -> Asset:
        """The node of the graph."""
        cell = analyse(f"{self.name} = {self.name}({', '.join(self.signature.parameters)})")
        return Asset(self.name, self.spec, cell, function=self)

    def live(self, session: Session, arguments: Mapping[str, Any] | None = None) -> Live:
        """Return the present as a call with these arguments sees it; as one without any, by default."""
        own: dict[str, Fact] = {}
        if arguments is None:
            arguments, own = self._offered(session)
        space = {**arguments, self.name: self}
        around = Surroundings(space, session.files, os.environ, Memo(), session.patches)
        return Live(self.asset, around, own)

    def _offered(self, session: Session) -> tuple[dict[str, Any], dict[str, Fact]]:
        """Return what the notebook offers as arguments, and what is known of other functions' results."""
        session.unread.load(self.names)
        bound = self.signature.bind_partial()
        bound.apply_defaults()
        found: dict[str, Any] = dict(bound.arguments)
        known: dict[str, Fact] = {}
        for name in self.names & session.namespace.keys():
            value = session.namespace[name]
            if not isinstance(value, AssetFunction):
                found[name] = value
                continue
            ran = session.journal.runs.get(value.asset.label)
            known[name] = ran.trace.outputs.get(value.name, UNKNOWN) if ran else UNKNOWN
        return found, known


class _Call:
    """One call."""

    def __init__(
        self,
        session: Session,
        function: AssetFunction,
        bound: inspect.BoundArguments,
        force: bool = False,
    ) -> None:
        self.session = session
        self.force = force
        self.function = function
        self.asset = function.asset
        self.bound = bound
        self.live = function.live(session, bound.arguments)
        self.started_s = time.perf_counter()

    def result(self) -> Any:
        """Restore or run."""
        against = blockers(self.session, self.asset, self.live)
        if against:
            return self._run((), against)
        with ExitStack() as locks:
            verdict = decide(self.session, self.asset, self.live, self.force)
            if verdict.entry is None:
                wait = waiting(self.session, self.asset.name)
                locks.enter_context(self.session.store.lock(self.asset.name, self.live.key, PATIENCE_S, wait))
                if not any(cause.kind == "forced" for cause in verdict.causes):
                    verdict = decide(self.session, self.asset, self.live, self.force)
            if verdict.entry is not None:
                try:
                    return self._restored(
                        verdict.entry, verdict.trace or Trace.from_json(verdict.entry.trace)
                    )
                except CorruptEntry as error:
                    discard(self.session, self.asset.name, verdict.entry, error)
            return self._run(verdict.causes, ())

    def _restored(self, entry: Entry, trace: Trace) -> Any:
        session, name = self.session, self.asset.name
        space = self.live.around.namespace
        outputs = session.store.outputs(entry)
        present = {**referable(entry, space), **space}
        values = session.store.load(entry, Context(space, present), [name, STATE])
        state = values.get(STATE)
        if isinstance(state, Mapping):
            facets.apply(state)
        replay(outputs, session.shell)
        note_touched(trace.files, trace.written, session.folder)
        session.store.touch(entry)
        session.journal.note(self.asset.label, trace, session.clock(), entry=entry, changed=frozenset())
        took_s = time.perf_counter() - self.started_s
        session.record(Record(name, "restored", (), took_s, entry.duration_s), age_of(entry, session.clock()))
        return values[name]

    def _run(self, causes: tuple[Cause, ...], against: tuple[Blocker, ...]) -> Any:
        session, space = self.session, self.live.around.namespace
        job = job_of(self.asset, self.live, session.seeded, stored=not against)
        watch = session.spare.pop() if session.spare else session.new_watch()
        before = Bindings.of(session.namespace, ())
        run = Run(job, session.shell, watch)
        run.start()
        try:
            value = self.function.function(*self.bound.args, **self.bound.kwargs)
        except BaseException:
            self._settle(run.finish(True), causes, against)
            raise
        finally:
            session.spare.append(watch)
        space[self.asset.name] = value
        outcome = run.finish(False)
        changes = before.changes(session.namespace, frozenset())
        rebound = sorted(changes.bound | changes.deleted)
        against += tuple(Blocker(name, "is bound by this function") for name in rebound)
        self._settle(outcome, causes, against)
        return value

    def _settle(self, outcome: Outcome, causes: tuple[Cause, ...], against: tuple[Blocker, ...]) -> None:
        session, asset = self.session, self.asset
        changed = [Blocker(name, "is changed in place by this function") for name in outcome.trace.mutated]
        against = (*against, *outcome.blockers, *changed)
        entry = None
        if not against and not outcome.failed:
            ttl_s = session.ttl_s(asset.spec)
            draft = draft_of(asset, self.live.key, outcome, ttl_s, session.clock())
            entry = session.store.save(draft)
        session.journal.note(
            asset.label,
            outcome.trace,
            session.clock(),
            failed=outcome.failed,
            entry=entry,
            changed=frozenset(),
        )
        action = "failed" if outcome.failed else "ran"
        note = "; ".join(map(str, against))
        session.record(Record(asset.name, action, causes, outcome.duration_s, 0.0, "", note))
