from __future__ import annotations

import linecache
from collections.abc import Iterator
from typing import Any

import pytest

from vibe_magic.payload import Context, Packed, pack, unpack

SECRET = b"s" * 32


class Notebook:
    """A namespace that cells run in, and a way to the store's bytes and back."""

    def __init__(self) -> None:
        self.namespace: dict[str, Any] = {"__name__": "__main__"}
        self.cells: list[str] = []

    def run(self, source: str) -> None:
        filename = f"<test cell {id(self)} {len(self.cells)}>"
        self.cells.append(filename)
        lines = source.splitlines(keepends=True)
        linecache.cache[filename] = (len(source), None, lines, filename)
        exec(compile(source, filename, "exec"), self.namespace)

    def context(self, *externals: str) -> Context:
        return Context(self.namespace, {name: self.namespace[name] for name in externals})

    def pack(self, *names: str, externals: tuple[str, ...] = ()) -> Packed:
        return pack({name: self.namespace[name] for name in names}, self.context(*externals))

    def bytes(self, *names: str, externals: tuple[str, ...] = ()) -> tuple[bytes, Packed]:
        packed = self.pack(*names, externals=externals)
        return b"".join(packed.seal(SECRET, "place").pieces), packed

    def unpack(self, data: bytes, packed: Packed) -> dict[str, Any]:
        context = self.context(*packed.externals)
        return unpack(data, context, names=packed.names, secret=SECRET, place="place")

    def back(self, *names: str, externals: tuple[str, ...] = ()) -> dict[str, Any]:
        return self.unpack(*self.bytes(*names, externals=externals))

    def value(self, value: object) -> Any:
        self.namespace["value"] = value
        return self.back("value")["value"]


@pytest.fixture
def notebook() -> Iterator[Notebook]:
    made = Notebook()
    yield made
    for filename in made.cells:
        linecache.cache.pop(filename, None)
