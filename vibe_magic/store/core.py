"""The store: entries of assets in a directory."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from vibe_magic.errors import CorruptEntry
from vibe_magic.payload import Context
from vibe_magic.store import layout, reading
from vibe_magic.store.entry import Draft, Entry, entry_of_meta
from vibe_magic.store.locking import Hold, hold, sweep_locks
from vibe_magic.store.reading import Held
from vibe_magic.store.writing import write_accepted

__all__ = ["Store"]

_SWEEP_S = 3600.0
_TOUCH_S = 60.0


class Store:
    """Results on disk, found by asset and key.

    Nothing that may be wrong with the directory raises: what cannot be read is a miss, what cannot
    be written is not kept, and `warn` is told once.

    Parameters
    ----------
    root : Path
        The cache directory; made when something is first stored.
    secret : bytes
        Key of the signatures; nothing else is trusted.
    clock : callable, optional
        Seconds since the epoch.
    size_limit : int, optional
        Bytes that all entries together may take; None for no limit.
    warn : callable, optional
        Takes one line for the person.

    Attributes
    ----------
    tends : bool
        Whether it keeps the size, for which it has to look at all entries once, and removes what dead writers
        have left; else another process does.
    """

    def __init__(
        self,
        root: Path,
        *,
        secret: bytes,
        clock: Callable[[], float] = time.time,
        size_limit: int | None = None,
        warn: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self.root = Path(root)
        self.size_limit = size_limit
        self.tends = True
        self._secret = secret
        self._clock = clock
        self._warn = warn
        self._warned: set[str] = set()
        self._touched: dict[str, float] = {}
        self._swept_at = float("-inf")
        self._size: int | None = None
        self._memory: Any = None

    # Finding and loading

    def find(self, asset: str, key: str) -> tuple[Entry, ...]:
        """Return the entries of an asset under a key, newest first."""
        paths, pinned = reading.entry_directories(self._asset_directory(asset), key[:16])
        found = reading.read_entries(paths, self._secret, pinned, self._corrupt)
        return _newest_first(e for e in found if e.key == key and e.asset == asset and e.kind == "asset")

    def entries(self, asset: str | None = None) -> tuple[Entry, ...]:
        """Return all entries, or those of one asset, newest first."""
        if asset is None:
            return _newest_first(reading.all_entries(self.root, self._secret, self._corrupt_some))
        paths, pinned = reading.entry_directories(self._asset_directory(asset))
        found = reading.read_entries(paths, self._secret, pinned, self._corrupt)
        return _newest_first(e for e in found if e.asset == asset)

    def results(self, asset: str) -> tuple[Entry, ...]:
        """Return the results of an asset, newest first, without what plain cells of its name have left."""
        return tuple(entry for entry in self.entries(asset) if entry.kind == "asset")

    def sign(self) -> str:
        """Make a file by whose presence other processes can tell that they see this directory."""
        path = layout.temporary(self.root)
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            Path(path).touch()
        except OSError as error:
            self._not_stored(error)
        return path

    def at(self, path: str) -> Entry | None:
        """Return the entry in a directory, or None if there is none that can be trusted."""
        return next(reading.read_entries([path], self._secret, False, self._corrupt), None)

    def used_at(self, entry: Entry) -> float:
        """Return when an entry was last restored, or made, in seconds since the epoch."""
        return reading.used_at(entry)

    def holds(self, entry: Entry) -> bool:
        """Tell whether an entry that was found earlier has not been removed since."""
        return reading.is_there(entry)

    def assets(self) -> tuple[str, ...]:
        """Return the names of the assets that have entries, sorted."""
        return tuple(sorted({entry.asset for entry in self.entries()}))

    def load(self, entry: Entry, context: Context, names: Iterable[str] | None = None) -> dict[str, object]:
        """Load variables of an entry, and with each those that share objects with it.

        Parameters
        ----------
        entry : Entry
            Where they are.
        context : Context
            Where they go.
        names : iterable of str, optional
            Which; all by default.

        Returns
        -------
        dict of str to object
            The variables asked for.

        Raises
        ------
        CorruptEntry
            The entry cannot be used, or is gone; count it as missing.
        """
        wanted = set(entry.names if names is None else names)
        loaded: dict[str, object] = {}
        for label, group in entry.groups.items():
            if not wanted.isdisjoint(group.names):
                loaded |= reading.load_group(entry, label, context, self._secret)
        return {name: value for name, value in loaded.items() if name in wanted}

    def hold(self, entry: Entry, label: str) -> Held:
        """Check a group of an entry, to be read whenever it is wanted.

        Raises
        ------
        CorruptEntry
            The entry cannot be used, or is gone; count it as missing.
        """
        held = reading.open_group(entry, label, self._secret)
        held.content.release()
        return held

    def outputs(self, entry: Entry) -> tuple[dict[str, Any], ...]:
        """Load what the cell displayed.

        Raises
        ------
        CorruptEntry
            The entry cannot be used, or is gone.
        """
        return reading.load_outputs(entry)

    def touch(self, entry: Entry) -> None:
        """Note that an entry was used now."""
        now, path = self._clock(), str(entry.path)
        if now - self._touched.get(path, float("-inf")) < _TOUCH_S:
            return
        self._touched[path] = now
        try:
            with open(os.path.join(path, layout.USED), "wb", buffering=0) as file:
                file.write(b"%.3f" % now)
        except OSError:
            return  # read-only or gone: then it counts as used when it was made

    # Storing and removing

    def save(self, draft: Draft) -> Entry | None:
        """Store a result; None, after a warning, if that cannot be done."""
        if self.size_limit is not None and draft.nbytes > self.size_limit:
            size, limit = _megabytes(draft.nbytes), _megabytes(self.size_limit)
            self._once(
                f"too large {draft.asset}",
                f"{draft.asset}: {size} is not kept, the cache may take {limit}; raise cache_size",
            )
            return None
        slug = layout.asset_slug(draft.asset)
        call_id = (layout.ASSETS, slug, layout.entry_name(draft.key, draft.observed))
        try:
            meta = self._backend().dump_item(call_id, draft)
        except OSError as error:
            self._not_stored(error)
            return None
        self.grow(draft.nbytes)
        pinned = self._is_pinned(draft.asset)
        return entry_of_meta(meta, self.root.joinpath(*call_id), pinned=pinned)

    def grow(self, nbytes: int) -> None:
        """Count what was stored, here or by a process that does not tend it; past the limit, evict."""
        if self.size_limit is None or not self.tends:
            return
        self._size = self._measure() if self._size is None else self._size + nbytes
        if self._size > self.size_limit:
            self.prune()
            self._size = None

    def accept(self, entry: Entry, *, key: str, observed: str, trace: Mapping[str, Any]) -> Entry | None:
        """Declare a result right under another key; both entries stay.

        Raises
        ------
        CorruptEntry
            The entry cannot be used, or is gone.
        """
        path = entry.path.parent / layout.entry_name(key, observed)
        changes = {"key": key, "observed": observed, "trace": trace, "accepted_at": self._clock()}
        try:
            meta = write_accepted(self.root, str(path), entry, changes, self._secret)
        except FileNotFoundError:
            raise CorruptEntry("was removed meanwhile", str(entry.path)) from None
        except OSError as error:
            self._not_stored(error)
            return None
        return entry_of_meta(meta, path, pinned=entry.pinned)

    def remove(self, entries: Iterable[Entry]) -> int:
        """Remove entries, in use or not; return how many are gone."""
        removed = 0
        for entry in entries:
            try:
                layout.discard(entry.path, self.root)
                removed += 1
            except OSError as error:
                self._once("remove", f"{entry.path}: cannot be removed ({error.strerror})")
        self._size = None
        return removed

    def clear(self, asset: str | None = None, *, older_s: float | None = None) -> int:
        """Remove the entries of an asset, or all, also damaged ones; return how many.

        Parameters
        ----------
        asset : str, optional
            Only of this asset.
        older_s : float, optional
            Only those computed longer ago than this many seconds.
        """
        if older_s is not None:
            limit = self._clock() - older_s
            return self.remove(e for e in self.entries(asset) if e.created_at < limit)
        known = self._asset_directory(asset) if asset is not None else None
        directories = reading.asset_directories(self.root) if known is None else [known]
        removed = 0
        for directory in directories:
            for path in reading.entry_directories(directory)[0]:
                removed += self._discard(Path(path))
        self._size = None
        return removed

    def prune(self, limit: int | None = None) -> int:
        """Evict what is worth least until at most `limit` bytes are taken; return bytes freed."""
        limit = self.size_limit if limit is None else limit
        if limit is None or not self.root.is_dir():
            return 0
        try:
            before = self._measure()
            self._backend().enforce_store_limits(limit)
        except OSError as error:
            self._not_stored(error)
            return 0
        return before - self._measure()

    def pin(self, asset: str) -> None:
        """Never evict an asset's entries."""
        directory = Path(self._asset_directory(asset))
        try:
            directory.mkdir(parents=True, exist_ok=True)
            (directory / layout.PINNED).touch()
        except OSError as error:
            self._not_stored(error)

    def unpin(self, asset: str) -> None:
        """Let an asset's entries be evicted again."""
        try:
            Path(self._asset_directory(asset), layout.PINNED).unlink(missing_ok=True)
        except OSError as error:
            self._not_stored(error)

    # Care

    def verify(self) -> tuple[tuple[Path, str], ...]:
        """Check every byte of every entry; return directories and what is wrong with them."""
        problems: list[CorruptEntry] = []
        for entry in reading.all_entries(self.root, self._secret, problems.append):
            try:
                reading.check_entry(entry, self._secret)
            except CorruptEntry as error:
                problems.append(CorruptEntry(error.what, str(entry.path)))
        return tuple((Path(problem.where), problem.what) for problem in problems)

    def stats(self) -> dict[str, int | float | None]:
        """Return counts and sizes; ``saved_s`` is the computing time that the results took."""
        entries = self.entries()
        return {
            "entries": len(entries),
            "assets": len({entry.asset for entry in entries}),
            "nbytes": sum(entry.nbytes for entry in entries),
            "limit_bytes": self.size_limit,
            "saved_s": sum(entry.duration_s for entry in entries),
        }

    def sweep(self) -> int:
        """Remove what dead writers left; return how many pieces."""
        self._swept_at = time.monotonic()
        sweep_locks(self.root / layout.LOCKS, time.time())
        return layout.sweep(self.root)

    def lock(
        self,
        asset: str,
        key: str,
        patience_s: float,
        waiting: Callable[[str], None] | None = None,
    ) -> AbstractContextManager[Hold]:
        """Hold the right to compute a key; see `locking.hold`."""
        name = hashlib.blake2b(f"{asset}\0{key}".encode("utf-8", "surrogatepass"), digest_size=16)
        return hold(self.root / layout.LOCKS / f"{name.hexdigest()}.lock", patience_s, waiting)

    # Inside

    def _asset_directory(self, asset: str) -> str:
        return os.path.join(self.root, layout.ASSETS, layout.asset_slug(asset))

    def _is_pinned(self, asset: str) -> bool:
        return os.path.exists(os.path.join(self._asset_directory(asset), layout.PINNED))

    def _backend(self) -> Any:
        """Return joblib's store backend of ours, importing joblib at the first use."""
        if self._memory is None:
            import joblib

            from vibe_magic.store import backend

            self._memory = joblib.Memory(self.root, backend="vibe_magic", verbose=0)
            assert isinstance(self._memory.store_backend, backend.VibeMagicBackend)
            self._memory.store_backend.secret = self._secret
        if self.tends and time.monotonic() - self._swept_at > _SWEEP_S:
            self.sweep()
        return self._memory.store_backend

    def _measure(self) -> int:
        return sum(item.size for item in self._backend().get_items())

    def _discard(self, path: Path) -> bool:
        try:
            layout.discard(path, self.root)
        except OSError as error:
            self._once("remove", f"{path}: cannot be removed ({error.strerror})")
            return False
        return True

    def _not_stored(self, error: OSError) -> None:
        reason = error.strerror or str(error)
        self._once(
            "not stored",
            f"{self.root}: results are not kept ({reason}); free space there, or set cache_dir",
        )

    def _corrupt(self, error: CorruptEntry) -> None:
        self._once(error.where, f"{error}; it counts as missing")

    def _corrupt_some(self, error: CorruptEntry) -> None:
        self._once(
            "some corrupt",
            f"{error}; entries like this count as missing, `vibe-magic cache verify` lists them",
        )

    def _once(self, subject: str, line: str) -> None:
        if subject not in self._warned:
            self._warned.add(subject)
            self._warn(line)


def _newest_first(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    return tuple(sorted(entries, key=lambda entry: entry.created_at, reverse=True))


def _megabytes(nbytes: int) -> str:
    return f"{nbytes / 1e6:,.1f} MB"
