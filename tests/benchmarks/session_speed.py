"""What the extension costs a kernel, as ratios in one run.

``python -m tests.benchmarks.session_speed [assets]`` prints: a hit against a cell with an empty magic, the
digest of a 1 GB array against bare xxh3 and `joblib.hash`, the status of many registered assets, and loading
the extension into a kernel. Times are medians or the best of several; what counts are the ratios.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import joblib
import numpy as np
import xxhash
from jupyter_client.manager import start_new_kernel

from vibe_magic.identity import digest

LOAD = """
import time
start = time.perf_counter()
get_ipython().run_line_magic("load_ext", "vibe_magic")
print(time.perf_counter() - start)
"""


_FIRST = "x = 1\ndef f(a): return a + 1"
_TEXT = "y = f(x)"
_IN_A_ROW = 10


def _kernel(pipe: Any, has_us: bool) -> None:
    """Run the cells that come through a pipe, and send back how many seconds each has taken."""
    from IPython.core.interactiveshell import InteractiveShell

    os.chdir(tempfile.mkdtemp())
    shell = InteractiveShell.instance()
    shell.register_magic_function(lambda line, cell: None, "cell", "empty")
    if has_us:
        shell.run_line_magic("load_ext", "vibe_magic")
    for text, cell_id in iter(pipe.recv, None):
        shell.history_manager.writeout_cache()  # a thread does that, and cells wait for it, which is noise
        start = time.perf_counter()
        shell.run_cell(text, store_history=True, cell_id=cell_id)
        pipe.send(time.perf_counter() - start)
    from vibe_magic.session import report

    pipe.send([record.action for record in report()] if has_us else [])


def hits(times: int = 400) -> None:
    """Compare a hit with an empty magic, in kernels with and without the extension, turn by turn."""
    context = multiprocessing.get_context("spawn")
    with Kernel(context, has_us=False) as bare, Kernel(context, has_us=True) as ours:
        for kernel in (bare, ours):
            kernel.run(_FIRST, "first")
        ours.run(f"%%asset y\n{_TEXT}", "asset")
        cells = {
            "hit": (ours, f"%%asset y\n{_TEXT}", "asset"),
            "bare": (bare, f"%%empty\n{_TEXT}", "empty"),
            "traced": (ours, f"%%empty\n{_TEXT}", "empty"),
            "with us": (ours, _TEXT, "plain"),
            "plain": (bare, _TEXT, "plain"),
        }
        took: dict[str, list[float]] = {name: [] for name in cells}
        for _ in range(times // _IN_A_ROW):
            for name, (kernel, text, cell_id) in cells.items():
                took[name] += [kernel.run(text, cell_id) for _ in range(_IN_A_ROW)]
        assert set(ours.actions()[1:]) == {"restored"}
    ms = {name: statistics.median(each) * 1e3 for name, each in took.items()}
    print(
        f"hit {ms['hit']:.2f} ms; empty magic {ms['bare']:.2f} ms ({ms['hit'] - ms['bare']:+.2f}),"
        f" in the same kernel {ms['traced']:.2f} ms"
    )
    print(f"plain cell {ms['with us']:.2f} ms with the extension, {ms['plain']:.2f} ms without")


class Kernel:
    """A process with a shell in it."""

    def __init__(self, context: Any, has_us: bool) -> None:
        self._pipe, there = context.Pipe()
        self._process = context.Process(target=_kernel, args=(there, has_us), daemon=True)

    def __enter__(self) -> Kernel:
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join()

    def run(self, text: str, cell_id: str) -> float:
        """Run a cell; return the seconds it took."""
        self._pipe.send((text, cell_id))
        return float(self._pipe.recv())

    def actions(self) -> list[str]:
        """End it; return what became of its assets."""
        self._pipe.send(None)
        return list(self._pipe.recv())


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

    shell.run_cell(f"{_FIRST}\nv0 = 0", cell_id="s")
    for number in range(assets):
        shell.run_cell(f"%%asset v{number + 1}\nv{number + 1} = f(v{number})", cell_id=f"s{number}")
    took = []
    for _ in range(9):
        start = time.perf_counter()
        states = {found.state for found in vibe_magic.status()}
        took.append((time.perf_counter() - start) / (assets + 1) * 1e3)
        assert states == {"fresh"}
    print(
        f"status of {assets + 1:,} assets: median of {len(took)} calls {statistics.median(took):.3f} ms each"
        f" ({min(took):.3f} to {max(took):.3f})"
    )


def loading() -> None:
    """Measure ``%load_ext`` in new kernels; byte code is kept, as it is for everybody."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    took = [_load_in_a_kernel() * 1e3 for _ in range(7)]
    print(f"%load_ext: median of 7 kernels {statistics.median(took):.0f} ms, best {min(took):.0f} ms")


def _load_in_a_kernel() -> float:
    manager, client = start_new_kernel()
    texts: list[str] = []

    def show(message: dict[str, Any]) -> None:
        texts.append(message["content"].get("text", ""))

    try:
        client.execute_interactive(LOAD, output_hook=show, timeout=60)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    return float("".join(texts))


def main(assets: int = 10_000) -> None:
    """Measure everything."""
    from IPython.core.interactiveshell import InteractiveShell

    digests()
    loading()
    os.environ["VIBE_MAGIC_QUIET"] = "1"
    hits()
    os.chdir(tempfile.mkdtemp())
    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "vibe_magic")
    statuses(shell, assets)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
