"""Pickle stream and buffers → objects."""

from __future__ import annotations

import io
import math
import os
import pickle
import struct
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from vibe_magic.collector import paused
from vibe_magic.errors import CorruptEntry
from vibe_magic.payload.context import Context
from vibe_magic.payload.sealing import Unsealed, unseal

__all__ = ["known_nan", "load", "revive", "unpack"]


def unpack(
    source: str | os.PathLike[str] | bytes,
    context: Context,
    *,
    names: Sequence[str],
    secret: bytes,
    place: str,
    signature: str | None = None,
) -> dict[str, object]:
    """Read variables back.

    Parameters
    ----------
    source : path or bytes
        A sealed file, or its content.
    context : Context
        Where they go.
    names : sequence of str
        The variables in it, in the order in which they were packed.
    secret, place, signature
        As for `sealing.unseal`.

    Returns
    -------
    dict of str to object

    Raises
    ------
    CorruptEntry
        The content is not what was written, or needs something that is not here (any more).
    OSError
        The file is gone or cannot be read.
    """
    where = place if isinstance(source, bytes) else os.fspath(source)
    return revive(unseal(source, secret, place, signature), context, names, where)


def revive(unsealed: Unsealed, context: Context, names: Sequence[str], where: str) -> dict[str, object]:
    """Read variables out of a file that has been checked; `where` names it in errors.

    Raises
    ------
    CorruptEntry
        It needs something that is not here (any more).
    """
    try:
        return load(unsealed.stream, unsealed.buffers, context, names)
    except CorruptEntry:
        raise
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise CorruptEntry(f"cannot be read back ({reason})", where) from error


def load(
    stream: bytes | memoryview,
    buffers: Iterable[memoryview],
    context: Context,
    names: Sequence[str],
) -> dict[str, object]:
    """Unpickle a trusted stream; any exception may come out of it."""
    with paused():
        values, places = _Loader(io.BytesIO(stream), context, buffers).load()
    return {name: values[place] for name, place in zip(names, places, strict=True)}


def known_nan(value: float) -> int | None:
    """Return the negative number of a nan that lives in a module, None for any other."""
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None and value is numpy.nan:
        return -2
    return -1 if value is math.nan else None


class _Loader(pickle.Unpickler):
    """Unpickler that finds the notebook's names in the notebook."""

    def __init__(self, file: io.BytesIO, context: Context, buffers: Iterable[memoryview]) -> None:
        super().__init__(file, buffers=buffers)
        self._context = context
        self._nans: dict[int, float] = {}

    def find_class(self, module: str, name: str) -> Any:
        """Resolve a global name."""
        if module != "__main__":
            return super().find_class(module, name)
        try:
            return self._context.named(name)
        except LookupError:
            raise CorruptEntry(f"needs {name!r}, which the notebook does not define") from None

    def persistent_load(self, pid: str | bytes) -> Any:
        """Return the namespace, an external, or a nan."""
        if isinstance(pid, bytes):
            return self._nan(*struct.unpack("<dq", pid))
        if not pid:
            return self._context.namespace
        for present in (self._context.externals, self._context.namespace):
            if pid in present:
                return present[pid]
        raise CorruptEntry(f"needs {pid!r}, which the notebook does not define")

    def _nan(self, value: float, number: int) -> float:
        if number == -2:
            import numpy as np

            return np.nan
        return math.nan if number == -1 else self._nans.setdefault(number, value)
