"""``python -m tests.oracle.published FILE...``: notebooks that other people wrote, every cell an asset.

Each is run, run again, edited at random and taken back; every state is run warm, if wanted by workers
(``--jobs``) or with most cells put off (``--lazy``), and compared with plain IPython. What differs between
two plain runs (clocks, unseeded randomness) says nothing and is left out.
"""

from __future__ import annotations

import argparse
import collections
import io
import json
import os
import random
import re
import shutil
import tempfile
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .compare import differences, until_failure
from .edits import put_off
from .runner import Cell, Observed, Pass, run

__all__ = ["check", "main"]

_MAGICS = "debug|pdb|run|load|lprun|mprun|pylab|conda|pip|timeit|%timeit"
_WAITS = re.compile(rf"^\s*(%({_MAGICS})|!|%%bash|.*\b(input|urlopen)\()", re.MULTILINE)
"""Cells that take long on purpose, install something, or wait for a person or the network."""


def cells_of(path: Path) -> list[Cell]:
    """Return the code cells as assets, without those that would wait for a person or install something."""
    book = json.loads(path.read_text(encoding="utf-8"))
    listed = book["cells"] if "cells" in book else book["worksheets"][0]["cells"]
    texts = ["".join(c.get("source", c.get("input", ""))) for c in listed if c["cell_type"] == "code"]
    return [
        Cell(f"c{place}", text if text.lstrip().startswith("%%") else f"%%asset n{place}\n{text}")
        for place, text in enumerate(texts)
        if text.strip() and not _WAITS.search(text)
    ]


def edited(chance: random.Random, cells: Sequence[Cell]) -> list[Cell]:
    """Change one number in one cell, or leave a cell out."""
    places = [p for p, cell in enumerate(cells) if list(_numbers(cell.text))]
    found = list(cells)
    if not found:
        return []
    if not places or chance.random() < 0.2:
        del found[chance.randrange(len(found))]
        return found
    place = chance.choice(places)
    start, end, number = chance.choice(list(_numbers(cells[place].text)))
    text = cells[place].text
    found[place] = Cell(cells[place].id, text[:start] + str(int(number) + 1) + text[end:])
    return found


def _numbers(text: str) -> Iterator[tuple[int, int, str]]:
    lines = text.splitlines(keepends=True)
    starts = [sum(map(len, lines[:n])) for n in range(len(lines) + 1)]
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.NUMBER and token.string.isdecimal() and len(token.string) < 4:
                (row, column), (_, end) = token.start, token.end
                if row > 1:
                    yield starts[row - 1] + column, starts[row - 1] + end, token.string
    except (tokenize.TokenError, SyntaxError):
        return


@dataclass(frozen=True)
class Way:
    """How long a process may take, and what runs the cells of the warm one."""

    limit_s: int
    jobs: int = 1
    lazy: bool = False


def check(path: Path, edits: int, seed: int, way: Way) -> tuple[list[str], collections.Counter[str]]:
    """Compare every state of one notebook; return the differences and counts of what happened."""
    chance = random.Random(f"{seed}{path.name}")
    cells = cells_of(path)
    states = [[*map(put_off, cells)] if way.lazy else cells] * 2
    for _ in range(edits):
        states.append(edited(chance, chance.choice((states[0], states[-1]))))
    states.append(states[0])
    found: list[str] = []
    counts: collections.Counter[str] = collections.Counter()
    place = Path(tempfile.mkdtemp(prefix="published"))
    try:
        for number, state in enumerate(states):
            found += _state(path, place, state, number, counts, way)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return found, counts


def _state(
    path: Path, place: Path, cells: Sequence[Cell], number: int, counts: collections.Counter[str], way: Way
) -> list[str]:
    each = Pass(cells, goes_on=not way.lazy)
    (warm,) = run([each], _folder(path, place / "at"), place / "cache", way.limit_s, way.jobs, way.lazy)
    cold = _cold(each, path, place, way)
    if cold.fault:
        counts[f"again: not run without us, either: {cold.fault[-200:]}"] += 1
        return []
    wrong = _apart(warm, cold, cells, way)
    if wrong:
        again = _cold(each, path, place, way)
        noise = {_gist(line) for line in _apart(again, cold, cells, way)}
        wrong = [line for line in wrong if _gist(line) not in noise]
    for actions in warm.actions:
        for _, action, why, refused in actions[-1:]:
            counts[action] += 1
            if number == 1 and action == "ran":
                counts[f"again: {'refused ' if refused else ''}{why}"] += 1
    return [f"state {number}: {line}" for line in wrong]


def _cold(each: Pass, path: Path, place: Path, way: Way) -> Observed:
    random.seed()  # as every new kernel does, and unlike processes that are forked from one another
    np.random.seed()
    (found,) = run([each], _folder(path, place / "at"), None, way.limit_s)
    return found


def _apart(one: Observed, two: Observed, cells: Sequence[Cell], way: Way) -> list[str]:
    return differences(*(until_failure(one, two) if way.lazy else (one, two)), cells)


def _gist(line: str) -> str:
    return line.split(" shows ")[0].split(" is ")[0][:80]


def _folder(path: Path, place: Path) -> Path:
    """Lay a fresh copy of the notebook's folder, without notebooks, always at the same place."""
    shutil.rmtree(place, ignore_errors=True)
    skipped = shutil.ignore_patterns("*.ipynb", ".git")
    shutil.copytree(path.parent, place, ignore=skipped, copy_function=os.link, symlinks=True)
    return place


def main() -> None:
    """Check the notebooks that are named and print what differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.oracle.published")
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--edits", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, default=120, metavar="SECONDS")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--lazy", action="store_true")
    options = parser.parse_args()
    way = Way(options.limit, options.jobs, options.lazy)
    failed = 0
    for path in options.files:
        wrong, counts = check(path.resolve(), options.edits, options.seed, way)
        failed += bool(wrong)
        print(f"{path.name}: wrong {len(wrong)}, {_line(counts)}", flush=True)
        for line in wrong[:8]:
            print(f"  {line[:700]}")
        for why, count in counts.items():
            if why.startswith("again"):
                print(f"  {count} × {why[:300]}")
    raise SystemExit(1 if failed else 0)


def _line(counts: collections.Counter[str]) -> str:
    return ", ".join(f"{count} {what}" for what, count in counts.items() if not what.startswith("again"))


if __name__ == "__main__":
    main()
