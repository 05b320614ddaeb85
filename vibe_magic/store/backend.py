"""The store backend that joblib knows as ``vibe_magic``; imports joblib, so import it late."""

from __future__ import annotations

import datetime as dt
import os
import sys
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from joblib import register_store_backend
from joblib._store_backends import CacheItemInfo, CacheWarning, FileSystemStoreBackend
from joblib.disk import memstr_to_bytes

from vibe_magic.errors import CorruptEntry, Unpicklable
from vibe_magic.payload import Context, pack, unpack, user_secret
from vibe_magic.store import layout
from vibe_magic.store.entry import Draft
from vibe_magic.store.eviction import candidates, evict
from vibe_magic.store.reading import load_group, read_entry
from vibe_magic.store.writing import write_draft

__all__ = ["VibeMagicBackend"]


class VibeMagicBackend(FileSystemStoreBackend):  # type: ignore[misc]
    """Items as signed, digested, memory-mapped files; evicted by cost and last use.

    Works under any ``joblib.Memory(location, backend="vibe_magic")``. An item is either a whole
    entry of this package (a `Draft`), or the value of a function that joblib caches.
    """

    _secret: bytes | None = None

    @property
    def secret(self) -> bytes:
        """The key of the signatures: this user's, unless set to another.

        No option, since `joblib.Memory` keeps and pickles its options.
        """
        if self._secret is None:
            self._secret = user_secret()
        return self._secret

    @secret.setter
    def secret(self, secret: bytes) -> None:
        self._secret = secret

    def configure(
        self,
        location: str,
        verbose: int = 1,
        backend_options: Mapping[str, Any] | None = None,  # noqa: ARG002
    ) -> None:
        """Open the directory; joblib's own options do nothing here."""
        self.location = location
        self.verbose = verbose
        self.compress = False
        self.mmap_mode = None
        layout.prepare(Path(location))

    def __getstate__(self) -> dict[str, Any]:
        """Leave the secret behind: a pickled `Memory` may be written anywhere."""
        return {name: value for name, value in vars(self).items() if name != "_secret"}

    def dump_item(
        self,
        call_id: tuple[str, ...],
        item: Any,
        verbose: int = 1,  # noqa: ARG002
    ) -> Any:
        """Store a draft, raising `OSError`; or a function's value, warning if that fails.

        Returns
        -------
        dict or None
            A draft's metadata.
        """
        path = self._path(call_id)
        if isinstance(item, Draft):
            return write_draft(Path(self.location), str(path), item, self.secret)
        try:
            self._dump_value(path, call_id, item)
        except (OSError, Unpicklable) as error:
            warnings.warn(f"not stored: {error}", CacheWarning, stacklevel=2)
        return None

    def load_item(self, call_id: tuple[str, ...], *_: Any, **__: Any) -> Any:
        """Return a function's value, or an entry's variables."""
        path = self._path(call_id)
        entry = read_entry(str(path), self.secret, pinned=False)
        if entry is not None:
            groups = [load_group(entry, g, _main(), self.secret) for g in entry.groups]
            return {name: value for group in groups for name, value in group.items()}
        file = path / layout.OUTPUT
        if not file.exists():
            raise KeyError(f"nothing is stored at {path}")
        place = "\0".join(call_id)
        return unpack(file, _main(), names=("output",), secret=self.secret, place=place)["output"]

    def contains_item(self, call_id: tuple[str, ...]) -> bool:
        """Tell whether there is an item."""
        path = self._path(call_id)
        return (path / layout.META).exists() or (path / layout.OUTPUT).exists()

    def clear_item(self, call_id: tuple[str, ...]) -> None:
        """Remove an item at once."""
        layout.discard(self._path(call_id), Path(self.location))

    def get_metadata(self, call_id: tuple[str, ...]) -> dict[str, Any]:
        """Return what joblib's validation callbacks want to know."""
        try:
            entry = read_entry(str(self._path(call_id)), self.secret, pinned=False)
        except CorruptEntry:
            return {}
        if entry is not None:
            return {"duration": entry.duration_s, "time": entry.created_at, "input_args": {}}
        found: dict[str, Any] = super().get_metadata(call_id)
        # Killed before it was written: with the value's own time, expires_after does not fail.
        file = self._path(call_id) / layout.OUTPUT
        return found or ({"time": file.stat().st_mtime} if file.exists() else {})

    def get_items(self) -> list[Any]:
        """Return all items with size and last use."""
        return [
            CacheItemInfo(str(c.path), c.nbytes, dt.datetime.fromtimestamp(c.last_used_at))
            for c in candidates(Path(self.location))
        ]

    def enforce_store_limits(
        self, bytes_limit: Any, items_limit: int | None = None, age_limit: Any = None
    ) -> None:
        """Evict what is worth least."""
        limit = memstr_to_bytes(bytes_limit) if isinstance(bytes_limit, str) else bytes_limit
        age_s = None if age_limit is None else age_limit.total_seconds()
        if age_s is not None and age_s < 0:
            raise ValueError("age_limit has to be a positive timedelta")
        root = Path(self.location)
        evict(
            candidates(root),
            root,
            time.time(),
            bytes_limit=limit,
            items_limit=items_limit,
            age_limit_s=age_s,
        )

    def _path(self, call_id: tuple[str, ...]) -> Path:
        return Path(self.location, *call_id)

    def _dump_value(self, path: Path, call_id: tuple[str, ...], item: Any) -> None:
        sealed = pack({"output": item}, _main()).seal(self.secret, "\0".join(call_id))
        draft = layout.temporary(Path(self.location))
        try:
            with open(draft, "xb") as file:
                file.writelines(sealed.pieces)
            path.mkdir(parents=True, exist_ok=True)
            os.replace(draft, path / layout.OUTPUT)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise


def _main() -> Context:
    return Context(vars(sys.modules["__main__"]))


register_store_backend("vibe_magic", VibeMagicBackend)
