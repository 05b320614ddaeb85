from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vibe_magic.payload import Context, pack
from vibe_magic.store import Draft, Entry, Store

SECRET = b"s" * 32
KEY, OBSERVED = "0123456789abcdef" * 2, "fedcba9876543210" * 2


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


class Desk:
    """A store with its directory, clock and warnings."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = Clock()
        self.lines: list[str] = []
        self.context = Context({"__name__": "__main__"})
        self.store = self.open()

    def open(self, **options: Any) -> Store:
        settings: dict[str, Any] = {
            "secret": SECRET,
            "clock": self.clock,
            "warn": self.lines.append,
        }
        return Store(self.root, **(settings | options))

    def draft(self, asset: str = "a", *, values: Any = None, **fields: Any) -> Draft:
        groups = {"g": {"x": [1], "y": "text"}} if values is None else values
        packed = {label: pack(objects, self.context) for label, objects in groups.items()}
        settings = {"key": KEY, "observed": OBSERVED, "created_at": self.clock(), "duration_s": 2.0}
        return Draft(asset, groups=packed, **(settings | fields))

    def save(self, asset: str = "a", **fields: Any) -> Entry:
        entry = self.store.save(self.draft(asset, **fields))
        assert entry is not None
        return entry

    def load(self, entry: Entry, names: Any = None) -> dict[str, Any]:
        return self.store.load(entry, self.context, names)

    def leftovers(self) -> list[Path]:
        return list((self.root / "tmp").iterdir())


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "cache")
