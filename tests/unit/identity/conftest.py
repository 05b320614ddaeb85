"""Notebooks without IPython: cells run in a dict, with their source where tracebacks find it."""

from __future__ import annotations

import importlib
import linecache
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from vibe_magic.cell import analyse
from vibe_magic.identity import Reach, explore

Namespace = dict[str, Any]
_NUMBER = count()


def _run(source: str, namespace: Namespace) -> None:
    filename = f"/tmp/ipykernel_0/identity_{next(_NUMBER)}.py"
    lines = [f"{line}\n" for line in source.splitlines()]
    linecache.cache[filename] = (len(source), None, lines, filename)
    exec(compile(source, filename, "exec", dont_inherit=True), namespace)


@pytest.fixture
def notebook() -> Callable[..., Namespace]:
    """Return a function that runs cells and gives their namespace."""

    def made(*cells: str) -> Namespace:
        namespace: Namespace = {"__name__": "__main__"}
        for source in cells:
            _run(source, namespace)
        return namespace

    return made


@pytest.fixture
def reach(notebook: Callable[..., Namespace]) -> Callable[..., Reach]:
    """Return a function from a cell body and the cells before it to what the body reaches."""

    def made(body: str, *cells: str, **options: Any) -> Reach:
        return explore(analyse(body).facts, notebook(*cells), **options)

    return made


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """Return a function that writes local modules beside the notebook and gives their directory."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(**sources: str) -> str:
        for name, source in sources.items():
            path = tmp_path / (name.replace("__in__", "/") + ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source, encoding="utf-8")
        importlib.invalidate_caches()
        return str(tmp_path)

    yield write
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None) or ""
        if file.startswith(str(tmp_path)):
            del sys.modules[name]
