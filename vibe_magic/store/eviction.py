"""What goes when the store is too large: what is cheapest to have again, and longest unused."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from vibe_magic.store import layout

HALF_LIFE_S = 86_400.0
"""A day unused halves what an entry is worth."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One directory that could go.

    Attributes
    ----------
    path : Path
    nbytes : int
        Size of all files in it.
    duration_s : float
        What it took to compute.
    last_used_at : float
    pinned : bool
    """

    path: Path
    nbytes: int
    duration_s: float
    last_used_at: float
    pinned: bool

    def worth(self, now: float) -> float:
        """Return the logarithm of computing time per byte, less one for each half-life unused.

        The idea of GreedyDual-Size (Cao and Irani, 1997), with age in place of its running
        inflation, so that nothing needs to be remembered between processes.
        """
        density = max(self.duration_s, 1e-6) / max(self.nbytes, 1)
        return math.log2(density) - max(0.0, now - self.last_used_at) / HALF_LIFE_S


def candidates(root: Path) -> Iterator[Candidate]:
    """Yield all items under a directory, ours and those of a plain `joblib.Memory`."""
    for directory, subdirectories, files in os.walk(root):
        if layout.is_entry(os.path.basename(directory)):
            subdirectories.clear()
            with suppress(OSError):
                yield _candidate(Path(directory), files)
        elif directory == str(root) and layout.TEMPORARY in subdirectories:
            subdirectories.remove(layout.TEMPORARY)


def evict(
    found: Iterable[Candidate],
    root: Path,
    now: float,
    *,
    bytes_limit: int | None = None,
    items_limit: int | None = None,
    age_limit_s: float | None = None,
) -> list[Candidate]:
    """Remove the least worthy until the rest is within the limits; return what went.

    What is pinned, or mapped by a live process, stays.
    """
    order = sorted(found, key=lambda item: (item.worth(now), item.last_used_at))
    too_many = len(order) - (len(order) if items_limit is None else items_limit)
    too_large = 0 if bytes_limit is None else sum(item.nbytes for item in order) - bytes_limit
    gone: list[Candidate] = []
    for item in order:
        old = age_limit_s is not None and now - item.last_used_at > age_limit_s
        if not (old or too_many > 0 or too_large > 0):
            if age_limit_s is None:
                break
            continue
        if item.pinned or in_use(item.path) or not _discarded(item, root):
            continue
        gone.append(item)
        too_many, too_large = too_many - 1, too_large - item.nbytes
    return gone


def in_use(directory: Path) -> bool:
    """Tell whether a live process has values mapped; `payload.sealing` sets the mark."""
    if sys.platform == "win32":
        return False
    try:
        files = [item.path for item in os.scandir(directory) if item.name.endswith(".bin")]
    except OSError:
        return False
    return any(_is_locked(path) for path in files)


def _is_locked(path: str) -> bool:
    import fcntl

    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # no locks here
        return False
    finally:
        os.close(fd)
    return False


def _candidate(path: Path, files: list[str]) -> Candidate:
    stats = {name: os.stat(path / name) for name in files}
    nbytes = sum(stat.st_size for stat in stats.values())
    own = layout.META in stats
    meta = _json(path / (layout.META if own else "metadata.json"))
    duration = meta.get("duration_s" if own else "duration")
    made = meta.get("created_at" if own else "time")
    used = _number(path / layout.USED) if layout.USED in stats else None
    pinned = own and (path.parent / layout.PINNED).exists()
    return Candidate(path, nbytes, _float(duration), max(used or 0.0, _float(made)), pinned)


def _float(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _json(path: Path) -> dict[str, object]:
    """Read metadata unchecked: whatever they say, an entry can only be removed for it."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _number(path: Path) -> float | None:
    try:
        return float(path.read_bytes())
    except (OSError, ValueError):
        return None


def _discarded(item: Candidate, root: Path) -> bool:
    try:
        layout.discard(item.path, root)
    except OSError:
        return False
    return True
