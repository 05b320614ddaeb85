"""Read entries from a cache directory that anything may have happened to."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from vibe_magic.errors import CorruptEntry
from vibe_magic.payload import Context, Unsealed, revive, unseal
from vibe_magic.store import layout
from vibe_magic.store.entry import Entry, Group, content_digest, decode, entry_of_meta, place
from vibe_magic.store.writing import read_outputs


def read_entry(directory: str, secret: bytes, *, pinned: bool) -> Entry | None:
    """Read one entry's metadata; None if there is no entry, or not any more.

    Raises
    ------
    CorruptEntry
        They are not what was written, or belong elsewhere.
    """
    try:
        data = _bytes(os.path.join(directory, layout.META))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CorruptEntry(f"cannot be read ({error.strerror})", directory) from error
    return parse_entry(data, directory, secret, pinned=pinned)


def parse_entry(data: bytes, directory: str, secret: bytes, *, pinned: bool) -> Entry:
    """Make an entry from the bytes of its metadata."""
    meta = decode(data, secret, directory)
    path = Path(directory)
    if path.name != layout.entry_name(meta["key"], meta["observed"]):
        raise CorruptEntry("stands under another key", directory)
    if path.parent.name != layout.asset_slug(meta["asset"]):
        raise CorruptEntry("stands under another asset", directory)
    return entry_of_meta(meta, path, pinned=pinned)


def entry_directories(directory: str, prefix: str = "") -> tuple[list[str], bool]:
    """List the entries in an asset's directory, and tell whether it is pinned."""
    try:
        found = os.listdir(directory)
    except OSError:
        return [], False
    names = [n for n in found if n.startswith(prefix) and layout.is_entry(n)]
    return [os.path.join(directory, name) for name in names], layout.PINNED in found


def asset_directories(root: Path) -> list[str]:
    """List the directories of all assets."""
    try:
        return sorted(item.path for item in os.scandir(root / layout.ASSETS) if item.is_dir())
    except OSError:
        return []


def all_entries(root: Path, secret: bytes, corrupt: Callable[[CorruptEntry], None]) -> Iterator[Entry]:
    """Yield all entries; those that cannot be trusted go to `corrupt`."""
    for directory in asset_directories(root):
        paths, pinned = entry_directories(directory)
        yield from read_entries(paths, secret, pinned, corrupt)


def read_entries(
    paths: list[str], secret: bytes, pinned: bool, corrupt: Callable[[CorruptEntry], None]
) -> Iterator[Entry]:
    """Yield the entries in these directories."""
    for path in paths:
        try:
            entry = read_entry(path, secret, pinned=pinned)
        except CorruptEntry as error:
            corrupt(error)
        else:
            if entry is not None:
                yield entry


def load_group(entry: Entry, label: str, context: Context, secret: bytes) -> dict[str, object]:
    """Load the variables of one group.

    Raises
    ------
    CorruptEntry
        They are not what was written, or cannot be read.
    """
    return open_group(entry, label, secret).values(context)


class Held(NamedTuple):
    """A group of an entry that was checked and not read: whatever becomes of its file, it can be.

    Parameters
    ----------
    entry : Entry
        Where it belongs.
    group : Group
        Which one.
    content : Unsealed
        Its bytes.
    """

    entry: Entry
    group: Group
    content: Unsealed

    def values(self, context: Context) -> dict[str, object]:
        """Read the variables.

        Raises
        ------
        CorruptEntry
            They need something that is not here.
        """
        return revive(self.content, context, self.group.names, str(self.entry.path / self.group.file))


def open_group(entry: Entry, label: str, secret: bytes) -> Held:
    """Check one group.

    Raises
    ------
    CorruptEntry
        It is not what was written, or cannot be read.
    """
    group, where = entry.groups[label], place(entry.asset, entry.key, entry.observed, label)
    path = os.path.join(entry.path, group.file)
    try:
        return Held(entry, group, unseal(path, secret, where, group.signature))
    except OSError as error:
        raise _gone(error, entry) from error


def load_outputs(entry: Entry) -> tuple[dict[str, Any], ...]:
    """Load what the cell displayed.

    Raises
    ------
    CorruptEntry
        It is not what was written, or cannot be read.
    """
    if not entry.outputs_file:
        return ()
    try:
        data = _bytes(os.path.join(entry.path, entry.outputs_file))
    except OSError as error:
        raise _gone(error, entry) from error
    if content_digest(data) != entry.outputs_digest:
        raise CorruptEntry("the digest of its outputs is wrong", str(entry.path))
    return read_outputs(data, entry.outputs_file.endswith(".z"))


def check_entry(entry: Entry, secret: bytes) -> None:
    """Check every byte of an entry without unpickling anything.

    Raises
    ------
    CorruptEntry
        Something is wrong.
    """
    load_outputs(entry)
    for label in entry.groups:
        open_group(entry, label, secret)


def _gone(error: OSError, entry: Entry) -> CorruptEntry:
    what = "was removed meanwhile" if isinstance(error, FileNotFoundError) else error.strerror
    return CorruptEntry(what or str(error), str(entry.path))


def _bytes(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:
        return file.readall()


def used_at(entry: Entry) -> float:
    """Return when an entry was last restored, or made."""
    try:
        return max(entry.created_at, float(_bytes(os.path.join(entry.path, layout.USED))))
    except (OSError, ValueError):
        return entry.created_at


def is_there(entry: Entry) -> bool:
    """Tell whether an entry that was read earlier has not been removed since."""
    return os.path.exists(os.path.join(entry.path, layout.META))
