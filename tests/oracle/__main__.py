"""``python -m tests.oracle --notebooks N --seed S``: how many wrong hits, how many needless runs."""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from .compare import differences, until_failure
from .edits import edited, put_off
from .grammar import TEMPLATES, Notebook, notebook
from .runner import Observed, Pass, run

__all__ = ["Tally", "check", "main"]


@dataclass
class Tally:
    """Counts over notebooks, and what went wrong."""

    edits: int = 0
    runs: int = 0
    needless: int = 0
    wrong: dict[int, list[str]] = field(default_factory=dict)
    idle: list[str] = field(default_factory=list)

    def line(self) -> str:
        """Return the counts as the one line that people look for."""
        return f"edits {self.edits}, wrong {len(self.wrong)}, needless {self.needless} of {self.runs} runs"


def check(
    seed: int,
    tally: Tally,
    jobs: int = 1,
    lazy: bool = False,
    templates: Sequence[str] = TEMPLATES,
) -> None:
    """Make one notebook, edit it 1 to 5 times, and compare every state warm and cold."""
    sessions = _sessions(random.Random(seed), templates)
    if lazy:
        sessions = [
            [replace(each, cells=[*map(put_off, each.cells)]) for each in passes] for passes in sessions
        ]
    place = Path(tempfile.mkdtemp(prefix="oracle"))
    warm_folder, cold_folder = place / "warm", place / "cold"
    warm_folder.mkdir()
    cold_folder.mkdir()
    known: dict[tuple[str, str], bool] = {}
    try:
        for passes in sessions:
            cache, unread = place / "cache", seed % 2 == 0
            warm = run(passes, warm_folder, cache, jobs=jobs, lazy=lazy, unread=unread)
            cold = run(passes, cold_folder, None)
            for one, two, each in zip(warm, cold, passes, strict=False):
                found = differences(*(until_failure(one, two) if lazy else (one, two)), each.cells)
                if found or len(warm) != len(cold):
                    tally.wrong.setdefault(seed, []).extend(found or ["a pass is missing"])
                _count(one, two, each, known, tally)
                tally.edits += 1
                if (
                    lazy and two.failed
                ):  # a cell put off goes on where that has stopped: other ground from here on
                    break
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _sessions(chance: random.Random, templates: Sequence[str] = TEMPLATES) -> list[list[Pass]]:
    """Return processes, each with the states of the notebook that it runs one after another."""
    book = notebook(chance, templates)
    earlier: list[Notebook] = []
    sessions = [[Pass(book.cells(), book.files)]]
    for _ in range(chance.randint(1, 5)):
        earlier.append(book)
        book = edited(chance, book, earlier)
        state = Pass(book.cells(), book.files)
        if chance.random() < 0.4:
            sessions[-1].append(state)
        else:
            sessions.append([state])
    return sessions


def _count(
    warm: Observed, cold: Observed, each: Pass, known: dict[tuple[str, str], bool], tally: Tally
) -> None:
    """Count runs of cells that had run on exactly the same ground before and could be kept."""
    for cell, actions, before in zip(each.cells, warm.actions, cold.before, strict=False):
        if not cell.text.startswith("%%asset") or not actions:
            continue
        _, action, why, refused = actions[-1]
        tally.runs += 1
        ground = ("\n".join(cell.text.splitlines()[1:]), before)
        if action == "ran" and known.get(ground):
            tally.needless += 1
            tally.idle.append(f"{cell.text!r}: {why}")
        if action in ("ran", "restored"):
            known[ground] = not refused


def main() -> None:
    """Read the arguments, check notebooks, print the counts and the seeds of failures."""
    parser = argparse.ArgumentParser(prog="python -m tests.oracle")
    parser.add_argument("--notebooks", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=0.0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--lazy", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    tally = Tally()
    end = time.monotonic() + options.minutes * 60 if options.minutes else float("inf")
    for seed in range(options.seed, options.seed + options.notebooks):
        if time.monotonic() > end:
            break
        check(seed, tally, options.jobs, options.lazy)
    print(tally.line())
    for seed, found in tally.wrong.items():
        jobs = f" --jobs {options.jobs}" if options.jobs > 1 else ""
        jobs += " --lazy" if options.lazy else ""
        print(f"seed {seed}: python -m tests.oracle --notebooks 1 --seed {seed}{jobs}")
        for line in found[: 5 if options.verbose else 1]:
            print(f"  {line[:600]}")
    if options.verbose:
        print("\n".join(f"needless {line[:200]}" for line in tally.idle[:40]))
    raise SystemExit(1 if tally.wrong else 0)


if __name__ == "__main__":
    main()
