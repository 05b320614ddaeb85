"""Run one asset in a body: a process of its own, which a nursery has forked for it."""

from __future__ import annotations

import gc
import os
import pickle
import socket
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from vibe_magic.cell import analyse
from vibe_magic.config import Settings
from vibe_magic.errors import CorruptEntry
from vibe_magic.execute import Blocker, run_body
from vibe_magic.observe import Lookup, facets
from vibe_magic.payload import Context, unpack
from vibe_magic.schedule import LIMITS, receive, send
from vibe_magic.store import Parcel, Store
from vibe_magic.trace import Trace

from ..asset import Asset, Registry
from ..decision import blockers, decide
from ..hits import locked
from ..kernel import Session
from ..live import Live
from ..records import Record
from ..restore import define, referable
from ..spec import Spec
from .shell import BodyShell, make_shell
from .task import ENCLOSED, Ask, Given, Heard, Phase, Reply, Rest, Task

__all__ = ["body", "prepare"]


def prepare() -> Callable[[], None]:
    """Do once what every body needs, in the process that all are forked from.

    Returns
    -------
    callable
        What a process does that was forked ahead.
    """
    rehearse()
    gc.collect()
    gc.freeze()  # so that collections in bodies do not touch, and thereby copy, what all share
    return rehearse


def rehearse() -> None:
    """Run a task that does nothing.

    It makes a shell, imports all that tasks use and fills what they look up, so that a body starts within a
    few milliseconds. Once more, in a process that was just forked, it takes copies of the memory that tasks
    write to.
    """
    shell = make_shell()
    assert shell.display_formatter is not None
    here, streams, known = os.getcwd(), (sys.stdout, sys.stderr), set(shell.user_ns)
    with tempfile.TemporaryDirectory(prefix="vibe_magic_") as folder:
        os.chdir(folder)
        ours, theirs = socket.socketpair()
        with ours, theirs:
            theirs.shutdown(socket.SHUT_WR)  # so that nothing that is asked waits for an answer
            body(pickle.dumps(_rehearsal(Path(folder), shell.display_formatter.active_types)), ours)
        os.chdir(here)
    sys.stdout, sys.stderr = streams
    for name in set(shell.user_ns) - known:
        del shell.user_ns[name]


def _rehearsal(folder: Path, formats: list[str]) -> Task:
    facets.begin(folder)
    code = "import re\ndef f(x):\n    return x\na = f([1.5, 'text', f])\nprint(a)\na"
    return Task(
        token=0,
        name="a",
        spec=Spec(),
        source=code,
        python=code,
        cell_id="",
        folder=str(folder),
        settings=Settings(cache_dir=folder / "cache"),
        scratch=folder / "scratch",
        ground=facets.ground(),
        secret=b"rehearsal",
        formats=tuple(formats),
    )


def body(argument: bytes, channel: socket.socket) -> int:
    """Run a task and say over the channel what came of it.

    Returns
    -------
    int
        The exit status of the process; 0, since whatever happened has been said.
    """
    task: Task = pickle.loads(argument)
    send(channel, Heard(task.token, Phase.BEGUN))
    shown: list[dict[str, Any]] = []

    def tell(output: dict[str, Any]) -> None:
        shown.append(output)
        send(channel, Heard(task.token, output))

    shell = make_shell()
    try:
        reply = _reply(task, shell, channel, tell, shown)
    except _NotNow as effect:
        reply = Reply("refused", reason=str(effect))
    except CorruptEntry as error:
        reply = Reply("refused", reason=f"what it reads cannot be handed over ({error.what})")
    except Exception:  # noqa: BLE001 - a fault of ours must not cost the result: the kernel runs it
        reply = Reply("refused", reason=f"a worker failed at it:\n{traceback.format_exc()}")
    send(channel, Heard(task.token, reply))
    return 0


def _reply(
    task: Task,
    shell: BodyShell,
    channel: socket.socket,
    tell: Callable[[dict[str, Any]], None],
    shown: list[dict[str, Any]],
) -> Reply:
    """Run a task where the kernel's directories are, or with what has been sent of them."""
    if task.parcels is None:
        if not all(map(os.path.exists, task.signs)):
            return Reply("unseen")
        return _Body(task, shell, channel, tell).reply(shown)
    with tempfile.TemporaryDirectory(prefix="vibe_magic_") as folder:
        reply = _Body(_settled(task, task.parcels, Path(folder)), shell, channel, tell).reply(shown)
        return replace(reply, parcel=Parcel.of(reply.path)) if reply.path else reply


def _settled(task: Task, parcels: Mapping[str, Parcel], folder: Path) -> Task:
    """Unpack what has been sent, and point the task there."""
    paths = {path: parcel.put(folder / "given") for path, parcel in parcels.items()}
    here = task.folder if os.path.isdir(task.folder) else str(folder)
    return replace(
        task,
        settings=replace(task.settings, cache_dir=folder / "cache"),
        scratch=folder / "scratch",
        given=tuple(replace(given, path=paths.get(given.path, "")) for given in task.given),
        folder=here,
        ground=task.ground.moved(here),
    )


class _NotNow(BaseException):
    """Ends a body that has to run in the kernel, and says why; no code of the notebook catches it."""


class _Body:
    """The session of one body."""

    def __init__(
        self,
        task: Task,
        shell: BodyShell,
        channel: socket.socket,
        tell: Callable[[dict[str, Any]], None],
    ) -> None:
        os.chdir(task.folder)
        type(shell).__name__ = task.shell or type(shell).__name__
        assert shell.display_formatter is not None
        if set(shell.display_formatter.active_types) != set(task.formats):  # setting them takes a while
            shell.display_formatter.active_types = list(task.formats)
        shell.execution_count = task.count
        shell.colors = task.colors
        self.task = task
        self.shell = shell
        self._channel, self._tell = channel, tell
        self._key = ""
        self._lost: set[str] = set()
        self._granted: bool | None = None
        self._denied = ""
        self.session = Session(shell, lambda: task.settings, lambda name, line: None, secret=task.secret)
        self.session.scratch = Store(task.scratch, secret=task.secret)
        self.session.store.tends = self.session.scratch.tends = False
        self.session.imported.pass_over()
        self.session.seeded = task.seeded
        self.session.gate = self._ask
        self.session.on_lookup = self._look
        task.ground.take(hidden=LIMITS)
        facets.renew()  # of those that are seeded, the state follows
        facets.apply(facets.difference(facets.snapshot(task.folder), task.state))
        self._take(task.given)

    def _ask(self, what: str) -> None:
        """Wait for the turn of this asset before anything is changed that others see."""
        if self._granted is None:
            send(self._channel, Heard(self.task.token, Ask(what, self._key)))
            self._granted = bool(receive(self._channel))
        if not self._granted:
            self._denied = self._denied or f"it changes {what}, which is for its turn"
            raise _NotNow(self._denied)

    def _look(self, found: Lookup) -> None:
        """End the body before a library looks for what is in the kernel only."""
        missing = sorted(found.words & (self.task.withheld | self._lost)) if found.in_notebook else []
        if missing and not self._granted and not self._denied:  # once: what shows the traceback looks, too
            self._denied = f"it reads {missing[0]} by its name in a text"
            raise _NotNow(self._denied)

    def _say(self, phase: Phase) -> None:
        send(self._channel, Heard(self.task.token, phase))

    def _take(self, given: Iterable[Given]) -> None:
        """Bind what is read, and undo what loading that has changed of the process."""
        for one in given:
            try:
                self._load(one)
            except CorruptEntry:
                if not one.spare:
                    raise
                self._lost.update(one.names)
        self.task.ground.settle()
        facets.apply(facets.difference(facets.snapshot(self.task.folder), self.task.state))

    def _load(self, given: Given) -> None:
        namespace = self.session.namespace
        if given.content:
            context, secret = Context(namespace, namespace), self.task.secret
            found = unpack(given.content, context, names=given.names, secret=secret, place=ENCLOSED)
        else:
            found = self._stored(given, namespace)
        namespace.update(found)

    def _stored(self, given: Given, namespace: dict[str, Any]) -> dict[str, object]:
        entry = self.session.store.at(given.path)
        if entry is None:
            raise CorruptEntry("was removed meanwhile", given.path)
        mutated = Trace.from_json(entry.trace).mutated if entry.trace else ()
        if given.source:
            define(analyse(given.source, given.python), namespace, self.shell)
        present = {**namespace, **referable(entry, namespace, mutated)}
        return self.session.store.load(entry, Context(namespace, present), given.names)

    def reply(self, shown: list[dict[str, Any]]) -> Reply:
        """Run the asset unless a result stands; what this process does afterwards is not watched."""
        try:
            return self._reply(shown)
        finally:
            self.session.drop()

    def _reply(self, shown: list[dict[str, Any]]) -> Reply:
        task, session = self.task, self.session
        asset = Asset(task.name, task.spec, analyse(task.source, task.python), task.cell_id)
        session.registry = Registry({asset.name: asset})
        live, against = self._seen(asset)
        if task.held and self._wait(asset, live, against):
            live, against = self._seen(asset)
        self.shell.listen(self._tell)
        if against:
            run_body(asset.cell, session.namespace, self.shell)  # which may end this process, not the kernel
            return Reply("refused", reason="; ".join(map(str, against)))
        verdict = decide(session, asset, live, task.force)
        if verdict.entry is None:
            verdict = locked(session, asset, live, verdict)
        if verdict.entry is not None:
            return Reply("restored", str(verdict.entry.path), duration_s=verdict.entry.duration_s)
        session.begin(asset, live, verdict.causes, (), direct=False)
        self._key = live.key
        self._say(Phase.READY)
        failed, results = run_body(asset.cell, session.namespace, self.shell)
        sys.stdout.flush()
        sys.stderr.flush()
        self._say(Phase.COMPUTED)
        os.nice(_YIELDS)  # to those that begin
        if self._denied:
            raise _NotNow(self._denied)
        record = session.leave(failed, results)
        assert record is not None
        return self._ended(asset, record, shown)

    def _seen(self, asset: Asset) -> tuple[Live, tuple[Blocker, ...]]:
        """Return the present as the asset sees it, and what stands against keeping any result of that."""
        live = self.session.look(asset)
        return live, blockers(self.session, asset, live)

    def _wait(self, asset: Asset, live: Live, against: tuple[Blocker, ...]) -> bool:
        """Get ready as far as that is possible; wait for the rest of what is read, and tell if any came."""
        if not against:
            decide(self.session, asset, live)  # what this looks up is known afterwards
        _ = self.session.watch  # made now, since that takes a while
        self._say(Phase.READY)
        rest: Rest | None = receive(self._channel)
        if rest is None:
            raise _NotNow("the kernel is gone")
        if rest.withheld is not None:
            self.task = replace(self.task, withheld=rest.withheld)
        if rest.given:
            self._take(rest.given)
            self.session.forget_digests()
        return bool(rest.given)

    def _ended(self, asset: Asset, record: Record, shown: list[dict[str, Any]]) -> Reply:
        """Say what came of a run: a result that can be taken over, a failure, or neither."""
        ran, told = self.session.journal.runs[asset.label], partial(Reply, duration_s=record.duration_s)
        if ran.failed:
            trace, error = ran.trace.to_json(), self.shell.error
            return told("failed", trace=trace, error=error, outputs=tuple(shown), causes=record.causes)
        if ran.entry is not None:
            return told("ran", str(ran.entry.path), reason=record.note, causes=record.causes)
        reason = record.note or "its result could not be stored"
        if self._granted:
            return told("spent", reason=_TOO_LATE.format(reason=reason))
        return told("refused", reason=reason)


_YIELDS = 10
_TOO_LATE = (
    "its result cannot leave the worker ({reason}), but it has changed files, so it is not run again;"
    " give it --engine local"
)
