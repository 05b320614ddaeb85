"""Storing and restoring against `joblib.Memory`'s default, side by side in one run.

``python -m tests.benchmarks.store_speed [repeats]`` prints one line per kind of value: our time
and joblib's for storing and for restoring with verified digests, and the ratios. Repeats alternate
between the two and the best of each counts; both write to the same file system.
"""

from __future__ import annotations

import gc
import os
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd

from vibe_magic.payload import Context, pack
from vibe_magic.store import Draft, Store

OBSERVED = "b" * 32
CONTEXT = Context({"__name__": "__main__"})


def arrays() -> object:
    return np.random.default_rng(0).random(12_500_000)


def frame() -> object:
    rng = np.random.default_rng(0)
    rows = 1_400_000
    numbers = {f"x{i}": rng.random(rows) for i in range(6)}
    words = [f"word {i}" for i in rng.integers(0, 10**6, rows)]
    return pd.DataFrame({**numbers, "s": words, "n": rng.integers(0, 100, rows)})


def dicts() -> object:
    return [{"id": i, "name": f"name {i}", "score": i * 0.5} for i in range(200_000)]


def small() -> object:
    return {"alpha": 1, "beta": [1, 2, 3]}


VALUES: dict[str, Callable[[], object]] = {
    "100 MB float array": arrays,
    "100 MB frame": frame,
    "200,000 small dicts": dicts,
    "small result": small,
}


class Ours:
    def __init__(self, root: Path) -> None:
        self.store = Store(root / "ours", secret=b"k" * 32)
        self.key = ""

    def save(self, value: object) -> None:
        self.key = secrets.token_hex(16)
        groups = {"value": pack({"value": value}, CONTEXT)}
        draft = Draft("asset", self.key, OBSERVED, groups, created_at=time.time())
        assert self.store.save(draft) is not None

    def load(self) -> object:
        (entry,) = self.store.find("asset", self.key)
        return self.store.load(entry, CONTEXT)["value"]


CURRENT: dict[str, object] = {}


def current(key: str) -> object:
    return CURRENT.pop(key)  # a second call for one key fails, so a restore is one


class Joblib:
    """A memoised function that returns the value."""

    def __init__(self, root: Path) -> None:
        self.key = ""
        self.current = joblib.Memory(root / "joblib", verbose=0).cache(current)

    def save(self, value: object) -> None:
        self.key = secrets.token_hex(16)
        CURRENT[self.key] = value
        self.current(self.key)

    def load(self) -> object:
        return self.current(self.key)


def clocked(call: Callable[..., object], *args: object) -> float:
    gc.collect()
    start = time.perf_counter()
    result = call(*args)
    took = time.perf_counter() - start
    del result
    return took


def measure(value: object, repeats: int) -> dict[str, float]:
    root = Path(tempfile.mkdtemp())
    peers: dict[str, Any] = {"ours": Ours(root), "joblib": Joblib(root)}
    best: dict[str, float] = {}
    try:
        for peer in peers.values():  # imports, directories
            peer.save(0)
        for _ in range(repeats):
            for action, args in (("save", (value,)), ("load", ())):
                for name, peer in peers.items():
                    took = clocked(getattr(peer, action), *args)
                    best[f"{action} {name}"] = min(took, best.get(f"{action} {name}", took))
                    os.sync()
    finally:
        shutil.rmtree(root)
    return best


def main(repeats: int = 5) -> None:
    print(
        f"{'best of ' + str(repeats) + ', ms':22}{'store':>9}{'joblib':>9}{'ratio':>7}"
        f"{'restore':>11}{'joblib':>9}{'ratio':>7}"
    )
    for label, make in VALUES.items():
        best = measure(make(), repeats)
        cells = []
        for action, width in (("save", 9), ("load", 11)):
            ours, theirs = best[f"{action} ours"], best[f"{action} joblib"]
            cells += [f"{ours * 1e3:{width}.2f}", f"{theirs * 1e3:9.2f}", f"{ours / theirs:7.2f}"]
        print(f"{label:22}{''.join(cells)}", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
