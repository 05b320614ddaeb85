"""A shell with the extension, and a folder of its own."""

from __future__ import annotations

import atexit
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

import vibe_magic
from vibe_magic.observe import facets
from vibe_magic.session import current

from .processes import children, is_body
from .shell import Notebook


@pytest.fixture
def notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Notebook]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("VIBE_MAGIC_CACHE_DIR", str(tmp_path / "cache"))
    shell = InteractiveShell()
    shell.colors = "nocolor"
    main = sys.modules["__main__"]
    vibe_magic.load_ipython_extension(shell)
    facets.apply(facets.difference(facets.snapshot(tmp_path), {}))  # what tests before this one have set
    current().imported.news()  # the tests' own modules are none of the notebook's
    current().patches.clear()
    yield Notebook(shell)
    vibe_magic.unload_ipython_extension(shell)
    atexit.unregister(shell.atexit_operations)
    shell.history_manager.close()
    sys.modules["__main__"] = main


@pytest.fixture
def quiet(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    """No status lines; streams may be replaced, to see what cells write."""
    monkeypatch.setenv("VIBE_MAGIC_QUIET", "1")
    for name in ("sys.stdout", "sys.stderr"):
        current().at_start.pop(name, None)


@pytest.fixture
def bodies() -> Iterator[None]:
    """Nothing that was started for a test runs on after it, but the processes that wait for the next."""
    yield
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and any(map(is_body, children())):
        time.sleep(0.05)
    assert not list(filter(is_body, children()))
