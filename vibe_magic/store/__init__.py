"""Entries on `joblib.Memory` and a store backend of ours: save, find, load, evict, verify."""

from __future__ import annotations

from vibe_magic.store.core import Store
from vibe_magic.store.entry import Draft, Entry, Group
from vibe_magic.store.locking import Hold
from vibe_magic.store.parcels import Parcel
from vibe_magic.store.reading import Held

__all__ = ["Draft", "Entry", "Group", "Held", "Hold", "Parcel", "Store"]
