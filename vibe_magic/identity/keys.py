"""Digests of texts, files and tuples of parts: what keys and fingerprints are built from."""

from __future__ import annotations

import os
import stat
from functools import lru_cache
from pathlib import Path

import xxhash

from vibe_magic.cell import Cell, encode, parse

__all__ = ["combine", "file_digest", "fingerprint", "text_digest"]

_CHUNK_BYTES = 1 << 20


def text_digest(text: str) -> str:
    """Digest of a text: 32 hexadecimal digits, equal in every process.

    Parameters
    ----------
    text : str
        Any text; lone surrogates are allowed.
    """
    return xxhash.xxh3_128_hexdigest(text.encode("utf-8", "surrogatepass"))


def combine(*parts: str | bytes | int | bool | None) -> str:
    """Digest of several parts in order; each counts with its type and its length.

    Parameters
    ----------
    *parts : str, bytes, int, bool or None
        ``combine("ab", "c")``, ``combine("a", "bc")`` and ``combine(b"ab", "c")`` all differ.
    """
    state = xxhash.xxh3_128()
    for part in parts:
        tag, raw = _part(part)
        state.update(b"%c%d:" % (tag, len(raw)))
        state.update(raw)
    return state.hexdigest()


def _part(part: str | bytes | int | bool | None) -> tuple[bytes, bytes]:
    if isinstance(part, str):
        return b"s", part.encode("utf-8", "surrogatepass")
    if isinstance(part, bytes):
        return b"b", part
    return (b"i" if type(part) is int else b"c"), repr(part).encode()


def file_digest(path: str | os.PathLike[str]) -> str:
    """Digest of a file's content, or of a directory's sorted names.

    Parameters
    ----------
    path : path
        A file or a directory.

    Raises
    ------
    OSError
        If it cannot be read. A pipe or a device is refused, for reading it could wait for ever.
    """
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        return combine("directory", *sorted(os.listdir(path)))
    if not stat.S_ISREG(mode):
        raise OSError(f"{os.fspath(path)} is neither a file nor a directory")
    state = xxhash.xxh3_128()
    with Path(path).open("rb", buffering=0) as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            state.update(chunk)
    return state.hexdigest()


def fingerprint(cell: Cell, docs: bool = False) -> str:
    """Digest of a cell body by meaning.

    Comments, formatting and docstrings do not count, but whether its last value is shown does.

    Parameters
    ----------
    cell : Cell
        The analysed body.
    docs : bool
        Count docstrings and the raw text too: for code that looks at its own source.
    """
    return _fingerprint(cell.python, cell.displays, cell.source if docs else "", docs)


@lru_cache(maxsize=1 << 16)
def _fingerprint(python: str, displays: bool, source: str, docs: bool) -> str:
    return combine("cell", encode(parse(python), docs=docs), displays, source)
