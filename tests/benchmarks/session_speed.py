"""What the extension costs a kernel, as ratios in one run.

``python -m tests.benchmarks.session_speed [assets]`` prints: a hit against a cell with an empty magic, the
digest of a 1 GB array against bare xxh3 and `joblib.hash`, the status of many registered assets, and loading
the extension. Times are medians or the best of several; what counts are the ratios.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import joblib
import numpy as np
import xxhash

from vibe_magic.identity import digest

LOAD = """
import time
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
start = time.perf_counter()
shell.run_line_magic("load_ext", "vibe_magic")
print(time.perf_counter() - start)
"""


_HISTORY_S = 0.005


def cell_ms(shell: Any, text: str, cell_id: str, times: int = 400) -> float:
    """Return the median time of running a cell, none of which waits for the history of the one before.

    IPython writes that in a thread of its own; a cell that comes before it is done waits for its lock.
    """
    took = []
    for _ in range(times):
        time.sleep(_HISTORY_S)
        start = time.perf_counter()
        shell.run_cell(text, store_history=True, cell_id=cell_id)
        took.append(time.perf_counter() - start)
    return statistics.median(took) * 1e3


def hits(shell: Any) -> None:
    """Compare a hit with an empty magic, with and without the extension."""
    shell.register_magic_function(lambda line, cell: None, "cell", "empty")
    shell.run_cell("x = 1\ndef f(a): return a + 1", cell_id="c0")
    bare = cell_ms(shell, "%%empty\ny = f(x)", "c1")
    plain = cell_ms(shell, "y = f(x)", "c2")
    shell.run_line_magic("load_ext", "vibe_magic")
    shell.run_cell("x = 1\ndef f(a): return a + 1", cell_id="c0")
    shell.run_cell("%%asset y\ny = f(x)", cell_id="c3")
    hit = cell_ms(shell, "%%asset y\ny = f(x)", "c3")
    from vibe_magic.session import report

    assert {record.action for record in report()[1:]} == {"restored"}
    traced = cell_ms(shell, "%%empty\ny = f(x)", "c4")
    with_us = cell_ms(shell, "y = f(x)", "c5")
    print(
        f"hit {hit:.2f} ms; empty magic {bare:.2f} ms ({hit - bare:+.2f}), in the same kernel {traced:.2f} ms"
    )
    print(f"plain cell {with_us:.2f} ms with the extension, {plain:.2f} ms without")


def best_s(call: Callable[[], object], times: int) -> float:
    """Return the best time of several calls."""
    took = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        took.append(time.perf_counter() - start)
    return min(took)


def digests() -> None:
    """Compare the digest of a large array with its peers."""
    array = np.random.default_rng(0).random(125_000_000)
    ours = best_s(lambda: digest(array), 3)
    bare = best_s(lambda: xxhash.xxh3_128(array.view("u1")).digest(), 3)
    theirs = best_s(lambda: joblib.hash(array), 1)
    print(f"1 GB digest {ours * 1e3:.0f} ms: {bare / ours:.0%} of bare xxh3, {theirs / ours:.0f} × joblib")


def statuses(shell: Any, assets: int) -> None:
    """Measure the status of many fresh assets."""
    import vibe_magic

    shell.run_cell("v0 = 0", cell_id="s")
    for number in range(assets):
        shell.run_cell(f"%%asset v{number + 1}\nv{number + 1} = f(v{number})", cell_id=f"s{number}")
    took = []
    for _ in range(3):
        start = time.perf_counter()
        states = {found.state for found in vibe_magic.status()}
        took.append(time.perf_counter() - start)
        assert states == {"fresh"}
    each = ", ".join(f"{seconds / (assets + 1) * 1e3:.3f}" for seconds in took)
    print(f"status of {assets + 1:,} assets: {each} ms each, one call after the other")


def loading() -> None:
    """Measure ``%load_ext`` in processes of their own; byte code is kept, as it is for everybody."""
    environ = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", LOAD]
    runs = [subprocess.run(command, env=environ, capture_output=True, check=True) for _ in range(7)]
    took = [float(run.stdout) for run in runs]
    print(f"%load_ext: median of 7 {statistics.median(took) * 1e3:.0f} ms, best {min(took) * 1e3:.0f} ms")


def main(assets: int = 10_000) -> None:
    """Measure everything."""
    from IPython.core.interactiveshell import InteractiveShell

    digests()
    loading()
    os.chdir(tempfile.mkdtemp())
    os.environ["VIBE_MAGIC_QUIET"] = "1"
    shell = InteractiveShell.instance()
    hits(shell)
    statuses(shell, assets)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
