"""What workers gain and cost, as ratios in one run.

``python -m tests.benchmarks.parallel_speed [engine ...]`` prints, for each engine: the ideal time of two
graphs against ours, warm and cold, and against bare `joblib.Parallel` level by level; what the ready queue
adds to the backend's own cost of 2,000 calls that do nothing; and the memory of ten assets that read one
array of 500 MB.

Warm is the best and the median of five runs with nothing stored, by workers that are there already. Cold is
the first parallel run of a kernel whose cells have run before, one after another, as a person has run them;
workers get ready in the background once that has taken some time. Unprepared is the first parallel run of a
kernel where nothing has taken any time, so that workers have yet to be started when it begins.
"""

from __future__ import annotations

import os
import queue
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager, suppress
from typing import Any

import joblib
import psutil
from joblib.parallel import BatchedCalls

JOBS = 4
EIGHT = {f"a{i}": ((), 0.5) for i in range(8)}
SKEWED: dict[str, tuple[tuple[str, ...], float]] = {
    **{f"k{i}": ((f"k{i - 1}",) if i else (), 0.5) for i in range(8)},
    **{f"s{i}": ((), 0.3) for i in range(24)},
}
GRAPHS = {"eight of 0.5 s": EIGHT, "a chain of 4 s beside 24 of 0.3 s": SKEWED}
IDEAL_S = {"eight of 0.5 s": 1.0, "a chain of 4 s beside 24 of 0.3 s": 4.0}


def nothing() -> None:
    """Do nothing."""


@contextmanager
def notebook() -> Iterator[Any]:
    """Give a shell with the extension, in a folder of its own."""
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    with (
        tempfile.TemporaryDirectory() as folder,
        chdir(folder),
    ):  # files that others make beside it would count
        shell.run_line_magic("load_ext", "vibe_magic")
        yield shell
        shell.run_line_magic("unload_ext", "vibe_magic")


def define(shell: Any, graph: Mapping[str, tuple[tuple[str, ...], float]], scale: float) -> None:
    """Run the cells of a graph once, one after another, then ask for sleep."""
    shell.run_cell(f"import time\nscale = {scale}\ndef nap(s): time.sleep(s * scale)", cell_id="0")
    for name, (needs, length_s) in graph.items():
        shell.run_cell(f"%%asset {name}\n{name} = [{', '.join((*needs, f'nap({length_s})'))}]", cell_id=name)
    shell.run_cell("scale = 1.0", cell_id="1")


def ours_s(title: str, engine: str, runs: int, scale: float) -> list[float]:
    """Return the time of a first parallel run, and of more, in a process of its own."""
    call = f"runs_s({title!r}, {engine!r}, {runs}, {scale})"
    text = f"from tests.benchmarks.parallel_speed import runs_s; print({call})"
    done = subprocess.run([sys.executable, "-c", text], check=True, stdout=subprocess.PIPE, text=True)
    return [float(took) for took in done.stdout.splitlines()[-1].strip("[]").split(",")]


def runs_s(title: str, engine: str, runs: int, scale: float) -> list[float]:
    """Return the time of a first parallel run in this process, and of more."""
    import vibe_magic

    took = []
    with notebook() as shell:
        define(shell, GRAPHS[title], scale)
        for _ in range(runs):
            vibe_magic.clear(*GRAPHS[title])  # so that all are to be computed
            start_s = time.perf_counter()
            records = vibe_magic.run(*GRAPHS[title], n_jobs=JOBS, engine=engine)
            took.append(time.perf_counter() - start_s)
            assert {(record.action, record.stayed) for record in records} == {("ran", "")}
    return took


def levels_s(graph: Mapping[str, tuple[tuple[str, ...], float]], engine: str) -> float:
    """Return the time of the graph in bare joblib with warm workers, one level after another."""
    done: set[str] = set()
    with joblib.parallel_config(backend=engine, n_jobs=JOBS), joblib.Parallel() as parallel:
        parallel(joblib.delayed(time.sleep)(0.01) for _ in range(JOBS))
        start_s = time.perf_counter()
        while len(done) < len(graph):
            level = [n for n, (needs, _) in graph.items() if n not in done and done.issuperset(needs)]
            parallel(joblib.delayed(time.sleep)(graph[name][1]) for name in level)
            done.update(level)
        return time.perf_counter() - start_s


def makespans(engine: str) -> None:
    """Compare the time of two graphs with the ideal."""
    for title, graph in GRAPHS.items():
        ideal_s = IDEAL_S[title]
        cold_s, *warm = ours_s(title, engine, 6, scale=1.0)
        (unprepared_s,) = ours_s(title, engine, 1, scale=0.0)
        bare_s = levels_s(graph, engine)
        print(
            f"{engine}, {title}: {ideal_s / min(warm):.0%} of the ideal warm"
            f" (median {ideal_s / statistics.median(warm):.0%}), {ideal_s / cold_s:.0%} cold,"
            f" {ideal_s / unprepared_s:.0%} unprepared; bare joblib by levels {ideal_s / bare_s:.0%}"
        )


def overhead(engine: str, calls: int = 2000) -> None:
    """Compare calls through the ready queue with calls straight to the backend."""
    from vibe_magic.schedule import ReadyQueue, Workers

    workers = Workers(JOBS, engine)
    backend = workers._parallel._backend
    ends: queue.SimpleQueue[Any] = queue.SimpleQueue()
    nested = backend.get_nested_backend()
    best_s = {"bare": float("inf"), "ours": float("inf")}
    for _ in range(3):
        start_s = time.perf_counter()
        for begun in range(calls):
            if begun >= JOBS:
                ends.get()
            backend.submit(BatchedCalls([(nothing, (), {})], nested), ends.put)
        for _ in range(JOBS):
            ends.get()
        best_s["bare"] = min(best_s["bare"], time.perf_counter() - start_s)
        ready = ReadyQueue({str(number): () for number in range(calls)})
        start_s = time.perf_counter()
        while ready:
            while workers.busy < JOBS and (name := ready.take()) is not None:
                workers.submit(name, nothing)
            ready.done(workers.next().token)
        best_s["ours"] = min(best_s["ours"], time.perf_counter() - start_s)
    workers.close()
    bare_ms, ours_ms = (best_s[name] / calls * 1e3 for name in ("bare", "ours"))
    print(f"{engine}, {calls} calls: {ours_ms:.3f} ms each, the backend alone {bare_ms:.3f}")


def long_graph(nodes: int = 10_000) -> None:
    """Time a chain through the ready queue."""
    from vibe_magic.schedule import ReadyQueue

    start_s = time.perf_counter()
    ready = ReadyQueue({str(number): (str(number - 1),) if number else () for number in range(nodes)})
    while ready:
        ready.done(ready.take() or "")
    print(f"a chain of {nodes}: {(time.perf_counter() - start_s) / nodes * 1e3:.4f} ms each")


def memory(engine: str) -> None:
    """Measure the proportional memory while ten assets read one array."""
    import threading

    import vibe_magic

    peak = [0]
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.02):
            with suppress(psutil.Error):  # one of them has ended meanwhile
                peak[0] = max(peak[0], proportional_bytes())

    with notebook() as shell:
        shell.run_cell("import numpy as np, time\nscale = 0", cell_id="0")
        shell.run_cell(
            "%%asset big --engine threading\nbig = np.random.default_rng(0).random(62_500_000)", cell_id="big"
        )
        for number in range(10):
            text = (
                f"%%asset r{number}\ntime.sleep(scale); r{number} = big[::{number + 1}].sum() if scale else 0"
            )
            shell.run_cell(text, cell_id=f"r{number}")
        shell.run_cell("scale = 0.5", cell_id="1")
        thread = threading.Thread(target=watch)
        thread.start()
        records = vibe_magic.run(*(f"r{number}" for number in range(10)), n_jobs=JOBS, engine=engine)
        stop.set()
        thread.join()
        assert {record.action for record in records} == {"ran"}
        assert not any(record.stayed for record in records)
    print(
        f"{engine}, ten readers of a 500 MB array: kernel and workers peak at {peak[0] / 1e6:,.0f} MB (PSS)"
    )


def proportional_bytes() -> int:
    """Return the memory of this process and all below, what they share counted once.

    They are looked at one after another; where one of them has grown or gone meanwhile, what it shares with
    others would be counted twice, so that nothing is known of that moment: 0.
    """
    before = resident_bytes()
    total = sum(process.memory_full_info().pss for process in before)
    after = resident_bytes()
    is_calm = all(abs(after.get(one, 0) - size) < _CALM_BYTES for one, size in before.items())
    return total if is_calm and before.keys() == after.keys() else 0


_CALM_BYTES = 2**20


def resident_bytes() -> dict[psutil.Process, int]:
    """Return the resident memory of this process and all below."""
    own = psutil.Process()
    return {process: process.memory_info().rss for process in (own, *own.children(recursive=True))}


def main(*engines: str) -> None:
    """Measure everything."""
    os.environ["VIBE_MAGIC_QUIET"] = "1"
    long_graph()
    for engine in engines or ("loky", "threading"):
        makespans(engine)
        overhead(engine)
        memory(engine)


if __name__ == "__main__":
    main(*sys.argv[1:])
