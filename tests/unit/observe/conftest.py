"""A directory to work in, and a watch on it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from vibe_magic.observe import Files, Observed, Watch, named_files

Watched = Callable[..., AbstractContextManager[list[Observed]]]


def digest_of(path: str) -> str:
    """Digest a file."""
    return hashlib.md5(Path(path).read_bytes()).hexdigest()


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project's directory, which is the current one."""
    directory = tmp_path / "project"
    directory.mkdir()
    monkeypatch.chdir(directory)
    return directory


@pytest.fixture
def files(base: Path) -> Files:
    """Return the files of the project."""
    return Files(str(base), digest_of)


@pytest.fixture
def watched(files: Files, base: Path) -> Iterator[Watched]:
    """Return a context in which everything is watched; its list has the outcome afterwards."""
    watches = []

    @contextmanager
    def watching(*strings: str, native: bool = True, skip: tuple[str, ...] = ()):
        watch = Watch(files, skip, see_native=native)
        watches.append(watch)
        outcome: list[Observed] = []
        watch.start(named_files(strings, str(base)))
        try:
            yield outcome
        finally:
            outcome.append(watch.stop())

    yield watching
    for watch in watches:
        watch.close()
