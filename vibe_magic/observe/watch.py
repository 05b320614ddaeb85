"""Watch one cell run: which files it read and wrote, and what else it reached for."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from . import audit, native, questions, records
from .files import Files, FileState
from .frames import Lookup
from .log import APPEND, CREATE, EXCLUSIVE, MODIFY, READ, Log, muted
from .ongoing import Ongoing
from .paths import Scope, resolve

__all__ = ["Observed", "Watch"]

_IMPORTED = (".py", ".pyc", ".so", ".pyd")


@dataclass(frozen=True, slots=True)
class Observed:
    """What a run was seen to touch. Files are named as `Scope.name` says.

    Parameters
    ----------
    read : dict of str to FileState
        Files, listings and patterns that the run depended on, those that its source names included.
    written : dict of str to FileState
        What it left behind: files, new folders, and the absence of files that it removed.
    appended : frozenset of str
        Those of `written` to which it only appended.
    updated : frozenset of str
        Those of `written` whose former content mattered: read first, or changed in part.
    programs : tuple of str
        Programs it started.
    network, stdin : bool
        It used the network; it asked for input.
    threads : tuple of str
        Threads, asyncio tasks and callbacks of the event loop that it started and that go on.
    asked : bool
        It asked what files are like, without opening them.
    env : dict of str to str or None
        Environment variables that it asked for, as they were then.
    unseen : tuple of str
        What it asked in ways that cannot be followed.
    lookups : tuple of Lookup
        What it, or a library for it, may have looked up in callers' frames.
    gaps : tuple of str
        Why something may have been missed.
    handlers : tuple of str
        Classes of the handlers that got a log record from it, other than those that only show it.
    """

    read: Mapping[str, FileState] = field(default_factory=dict)
    written: Mapping[str, FileState] = field(default_factory=dict)
    appended: frozenset[str] = frozenset()
    updated: frozenset[str] = frozenset()
    programs: tuple[str, ...] = ()
    network: bool = False
    stdin: bool = False
    threads: tuple[str, ...] = ()
    asked: bool = False
    env: Mapping[str, str | None] = field(default_factory=dict)
    unseen: tuple[str, ...] = ()
    lookups: tuple[Lookup, ...] = ()
    gaps: tuple[str, ...] = ()
    handlers: tuple[str, ...] = ()


@dataclass(slots=True)
class _Fate:
    """What happened to one file during a run."""

    read_first: bool = False
    written: bool = False
    created: bool = False
    appended_only: bool = True
    partly: bool = False
    in_part: bool = True  # nothing but appending to it and changing parts of it


class Watch:
    """Watches one run at a time.

    Parameters
    ----------
    files : Files
        Takes the states of the files.
    skip : iterable of str, optional
        Directories that never count, such as the cache.
    gate : callable, optional
        Asked, by name, before a file that counts is changed or a program is started; what it raises, other
        than an `Exception`, ends the run before that happens.
    on_lookup : callable, optional
        Told of each look for names in the callers' frames before it happens; it may raise likewise.
    see_native : bool, optional
        Whether to watch the base directory for files opened without Python's knowledge. inotify
        does not tell processes apart: leave it off where others work in the directory meanwhile.
    """

    def __init__(
        self,
        files: Files,
        skip: Iterable[str] = (),
        *,
        see_native: bool = True,
        gate: Callable[[str], None] | None = None,
        on_lookup: Callable[[Lookup], None] | None = None,
    ) -> None:
        self._gate = gate
        self._on_lookup = on_lookup
        self._files = files
        self._skip = tuple(skip)
        self._scope = Scope(files.base, self._skip)
        self._inotify = native.Inotify() if see_native else None
        if self._inotify is not None:
            with muted():
                self._inotify.watch_tree(files.base, self._skip)
        self._named: Mapping[str, str] = {}
        self._log: Log | None = None
        self._records: dict[str, None] = {}
        self._ongoing = Ongoing()

    def start(self, named: Mapping[str, str] | None = None) -> None:
        """Begin; what happened before does not count.

        Parameters
        ----------
        named : dict of str to str, optional
            What `named_files` found in the source; counts as read unless the run writes it first.
        """
        if self._log is not None:
            audit.unlisten(self._log)
            records.unlisten(self._records)
        self._named = dict(named or {})
        self._ongoing = Ongoing()
        if self._inotify is not None:
            for path in filter(self._scope.counts, map(self._path, self._named)):
                self._inotify.watch(os.path.dirname(os.path.realpath(path)))
            with muted():
                self._inotify.settle(self._files.base, self._skip)
        gate = None if self._gate is None else self._asked
        self._log = Log(gate=gate, on_lookup=self._on_lookup)
        audit.listen(self._log)
        questions.attend()
        self._records = records.listen()

    def stop(self) -> Observed:
        """End, and return what was seen since `start`; empty if never begun."""
        log, self._log = self._log, None
        if log is None:
            return Observed()
        audit.unlisten(log)
        questions.leave()
        records.unlisten(self._records)
        with muted():
            events = self._inotify.drain() if self._inotify is not None else []
        fates = self._fates(log, events)
        written = self._written(log, fates)
        return Observed(
            read=self._read(log, fates, events),
            written=written,
            appended=frozenset(
                name
                for path, fate in fates.items()
                if fate.appended_only and (name := self._scope.name(path)) in written
            ),
            updated=frozenset(
                name
                for path, fate in fates.items()
                if (fate.read_first or fate.partly) and (name := self._scope.name(path)) in written
            ),
            programs=tuple(dict.fromkeys(log.programs)),
            network=log.network,
            stdin=log.stdin,
            threads=self._ongoing.since(),
            asked=any(map(self._counts, log.asked)),
            env=log.env,
            unseen=tuple(log.unseen),
            lookups=tuple(log.lookups.values()),
            gaps=self._gaps(log),
            handlers=tuple(self._records),
        )

    def close(self) -> None:
        """Release the directories watched."""
        if self._inotify is not None:
            self._inotify.close()

    def _asked(self, what: str) -> None:
        """Pass on what counts to the gate: programs, and files other than those of no consequence.

        Threads that the gate starts are none of the run's.
        """
        assert self._gate is not None
        if not os.path.isabs(what) or self._counts(what):
            with self._ongoing.expected():
                self._gate(what)

    def _path(self, name: str) -> str:
        return resolve(name, self._files.base)

    def _fates(self, log: Log, events: list[native.Event]) -> dict[str, _Fate]:
        """Put together what both sources tell about each file."""
        fates: dict[str, _Fate] = {}
        for action, path in log.touches:
            if self._scope.counts(path) and (action != READ or path not in log.folders):
                _tell(fates.setdefault(path, _Fate()), action)
        native_changes = {e.path for e in events if e.mask & native.CHANGES}
        for path, fate in fates.items():
            if fate.in_part and self._is_unchanged(log, path, native_changes):
                fate.written, fate.read_first = False, True
        seen = {os.path.realpath(path): path for path in fates}
        for path, masks in _by_path(events).items():
            known = seen.get(path, path)
            if self._counts(path) and (known in fates or not _is_of_others(path, masks, log)):
                _tell_native(fates.setdefault(known, _Fate()), masks, known not in seen.values())
        return fates

    def _is_unchanged(self, log: Log, path: str, native_changes: set[str]) -> bool:
        """Tell whether a file opened for changing in part was only read."""
        if self._inotify is not None and self._inotify.covers(path):
            return os.path.realpath(path) not in native_changes
        return audit.is_unchanged(log, path)

    def _counts(self, path: str) -> bool:
        """Tell whether a file counts of which it is not known who has touched it; that may be an import."""
        return self._scope.counts(path) and path not in _module_files(path)

    def _written(self, log: Log, fates: dict[str, _Fate]) -> dict[str, FileState]:
        written = {}
        for path, fate in fates.items():
            if not fate.written:
                continue
            state = self._files.state(self._scope.name(path), "folder")
            if state.kind != "absent" or not (fate.created or _is_below(path, log.folders)):
                written[self._scope.name(path)] = state
        for path in log.folders:
            if self._scope.counts(path) and os.path.isdir(path):
                written[self._scope.name(path)] = self._files.state(path, "folder")
        return written

    def _read(self, log: Log, fates: dict[str, _Fate], events: list[native.Event]) -> dict[str, FileState]:
        outputs = {self._scope.name(path) for path, fate in fates.items() if fate.written}
        kinds = {self._scope.name(path): "" for path, fate in fates.items() if fate.read_first}
        kinds |= {self._scope.name(path): "" for path in self._listed(log, fates, events)}
        kinds |= {self._scope.name(p): "glob" for p in log.globs if self._scope.counts(p)}
        for path in filter(self._counts, log.asked.keys() - log.folders.keys()):
            kinds.setdefault(self._scope.name(path), "folder")
        for name, kind in self._named.items():
            path = self._path(name)
            if self._scope.counts(path):
                kinds.setdefault(self._scope.name(path), kind)
        return {name: self._files.state(name, kind) for name, kind in kinds.items() if name not in outputs}

    def _listed(self, log: Log, fates: dict[str, _Fate], events: list[native.Event]) -> list[str]:
        """Return the directories whose names the run saw.

        Front ends and file browsers open directories all the time; so an opened directory counts
        only if the run read a file in it that Python does not know of, as data set readers do.
        """
        listed = [path for path in log.listed if self._scope.counts(path)]
        opened = {path for action, path in log.touches}
        around = {os.path.dirname(p) for p, f in fates.items() if f.read_first and p not in opened}
        listing = native.IS_DIRECTORY | native.OPEN
        seen = {event.path.rstrip(os.sep) for event in events if event.mask & listing == listing}
        return listed + sorted((seen & around) - set(listed))

    def _gaps(self, log: Log) -> tuple[str, ...]:
        if self._inotify is not None and not self._inotify.complete:
            return (*log.faults, "not all directories could be watched")
        return tuple(log.faults)


def _tell(fate: _Fate, action: str) -> None:
    """Add what Python did to a file."""
    if action == READ:
        fate.read_first |= not fate.written
        return
    if not fate.written:
        fate.created = action in {CREATE, EXCLUSIVE}
        fate.partly = action in {MODIFY, EXCLUSIVE}  # to run twice is another thing
    fate.appended_only &= action == APPEND
    fate.in_part &= action in {APPEND, MODIFY}
    fate.written = True


def _tell_native(fate: _Fate, masks: list[int], alone: bool) -> None:
    """Add what the system saw happen to a file; `alone` if Python knows nothing of it."""
    changes = native.CHANGES
    reads = native.ACCESS | native.CLOSE_NOWRITE
    first = next((mask for mask in masks if mask & (changes | reads)), 0)
    changed = any(mask & changes for mask in masks)
    only_opened = not first and not any(mask & native.CLOSE_WRITE for mask in masks)
    fate.read_first |= bool(first & reads) or (alone and only_opened)
    if changed and not fate.written:
        fate.created = bool(first & (native.CREATE | native.MOVED_TO))
        fate.appended_only = False
    fate.written |= changed


def _is_below(path: str, folders: Iterable[str]) -> bool:
    """Tell whether a path is one of some directories or in one of them."""
    return any(path == folder or path.startswith(folder + os.sep) for folder in folders)


def _by_path(events: list[native.Event]) -> dict[str, list[int]]:
    """Return the masks of the events about files, by path and in order."""
    found: dict[str, list[int]] = {}
    for event in events:
        if not event.mask & native.IS_DIRECTORY and not event.path.endswith(os.sep):
            found.setdefault(event.path, []).append(event.mask)
    return found


def _is_of_others(path: str, masks: list[int], log: Log) -> bool:
    """Tell whether somebody else must have touched a file that Python knows nothing of.

    Front ends read and save notebooks. What reads a module's source is an editor, or another worker that
    imports it, unless the run has started programs.
    """
    is_changed = any(mask & native.CHANGES for mask in masks)
    return path.endswith(".ipynb") or (path.endswith(_IMPORTED) and not is_changed and not log.programs)


def _module_files(path: str) -> frozenset[str]:
    """Return the sources of loaded modules, if the path could be one of them."""
    if not path.endswith(_IMPORTED):
        return frozenset()
    modules = list(sys.modules.values())
    return frozenset(str(getattr(module, "__file__", None)) for module in modules)
