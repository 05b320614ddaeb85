"""States of files: content decides, the stat of a file only saves reading it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vibe_magic.observe import Files, FileState, Scope, named_files, resolve

LATER_NS = 10**10


class Counting:
    """Digests files and counts how often."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, path: str) -> str:
        self.count += 1
        return str(Path(path).read_bytes())


@pytest.fixture
def digest() -> Counting:
    return Counting()


@pytest.fixture
def later(base: Path, digest: Counting) -> Files:
    """Files whose clock is far from any change of a file."""
    import time

    return Files(str(base), digest, lambda: time.time_ns() + LATER_NS)


def test_an_untouched_file_is_read_once(base: Path, later: Files, digest: Counting) -> None:
    Path("a").write_text("1")
    state = later.state("a")
    assert later.compare("a", state) is None
    assert later.compare("a", state) is None
    assert digest.count == 1


def test_a_file_that_was_just_changed_is_read_again(
    base: Path, files: Files, later: Files, digest: Counting
) -> None:
    Path("a").write_text("1")
    state = files.state("a")
    Path("a").write_text("2")
    status = os.stat("a")
    forged = FileState(
        "file",
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_ino,
        state.digest,
        status.st_mtime_ns,
    )
    assert files.compare("a", forged) is not None


def test_touched_only(base: Path, later: Files, digest: Counting) -> None:
    Path("a").write_text("1")
    state = later.state("a")
    os.utime("a", (1, 1))
    assert later.compare("a", state) is None
    assert digest.count == 2


def test_new_content_with_the_old_size_and_time(base: Path, later: Files) -> None:
    Path("a").write_text("1")
    status = os.stat("a")
    state = later.state("a")
    with open("a", "r+") as file:
        file.write("2")
    os.utime("a", ns=(status.st_atime_ns, status.st_mtime_ns))
    present = later.compare("a", state)
    assert present is not None
    assert (present.size, present.mtime_ns) == (state.size, state.mtime_ns)


def test_a_copied_project_is_the_same(base: Path, later: Files, digest: Counting) -> None:
    Path("sub").mkdir()
    Path("sub/a").write_text("1")
    state = FileState.from_json(later.state("sub/a").to_json())
    shutil.copytree(base, base.parent / "copy", copy_function=shutil.copyfile)
    elsewhere = Files(str(base.parent / "copy"), digest)
    assert elsewhere.compare("sub/a", state) is None
    Path(base.parent / "copy/sub/a").write_text("2")
    assert elsewhere.compare("sub/a", state) is not None


def test_deleted_and_appeared(base: Path, later: Files) -> None:
    absent = later.state("a")
    assert absent.kind == "absent"
    assert later.compare("a", absent) is None
    Path("a").write_text("1")
    assert later.compare("a", absent).kind == "file"  # type: ignore[union-attr]
    present = later.state("a")
    os.remove("a")
    assert later.compare("a", present).kind == "absent"  # type: ignore[union-attr]


def test_a_link_that_points_elsewhere(base: Path, later: Files) -> None:
    Path("v1").write_text("1")
    Path("v2").write_text("2")
    os.symlink("v1", "now")
    state = later.state("now")
    os.remove("now")
    os.symlink("v2", "now")
    assert later.compare("now", state) is not None


def test_a_directory_is_its_names(base: Path, later: Files) -> None:
    Path("d").mkdir()
    Path("d/a").write_text("1")
    state = later.state("d")
    Path("d/a").write_text("2")
    Path("d/.ipynb_checkpoints").mkdir()
    assert later.compare("d", state) is None
    Path("d/b").write_text("1")
    assert later.compare("d", state) is not None


def test_a_folder_only_has_to_be_there(base: Path, later: Files) -> None:
    Path("d").mkdir()
    state = later.state("d", "folder")
    Path("d/a").write_text("1")
    assert later.compare("d", state) is None
    shutil.rmtree("d")
    assert later.compare("d", state) is not None


def test_a_pattern_is_what_it_matches(base: Path, later: Files) -> None:
    Path("a.csv").write_text("1")
    state = later.state("*.csv", "glob")
    Path("a.txt").write_text("1")
    assert later.compare("*.csv", state) is None
    Path("b.csv").write_text("1")
    assert later.compare("*.csv", state) is not None


def test_what_is_not_a_file_is_not_read(base: Path, later: Files, digest: Counting) -> None:
    os.mkfifo("pipe")
    state = later.state("pipe")
    assert state.kind == "special"
    assert later.compare("pipe", state) is None
    assert digest.count == 0


def test_a_file_that_cannot_be_read(base: Path) -> None:
    def refuse(path: str) -> str:
        raise PermissionError(path)

    Path("a").write_text("1")
    assert Files(str(base), refuse).state("a").kind == "special"


def test_states_survive_json(base: Path, later: Files) -> None:
    Path("a").write_text("1")
    state = later.state("a")
    assert FileState.from_json({**state.to_json(), "unknown": 1}) == state


@pytest.mark.parametrize(
    ("literal", "expected"),
    [
        ("a.csv", {"a.csv": ""}),
        ("data/a.csv", {"data/a.csv": ""}),
        ("data/", {"data": ""}),
        ("./data", {"data": ""}),
        ("data", {}),
        ("noext", {"noext": ""}),
        ("data/*.csv", {"data/*.csv": "glob"}),
        ("none/*.csv", {}),
        ("missing.csv", {"missing.csv": ""}),
        ("some/where", {"some/where": ""}),
        ("https://host/a.csv", {}),
        ("s3://bucket/a.csv", {}),
        ("a sentence. And more", {}),
        ("x" * 2000, {}),
        ("", {}),
        ("\0", {}),
        (".", {}),
    ],
)
def test_literals_that_name_files(base: Path, literal: str, expected: dict[str, str]) -> None:
    Path("data").mkdir()
    for name in ("a.csv", "data/a.csv", "noext"):
        Path(name).write_text("1")
    assert named_files([literal], str(base)) == expected


def test_literals_refer_to_the_current_directory(base: Path) -> None:
    Path("data").mkdir()
    Path("data/a.csv").write_text("1")
    os.chdir("data")
    assert named_files(["a.csv"], str(base)) == {"data/a.csv": ""}
    assert named_files(["a.csv"], str(base), str(base)) == {"a.csv": ""}


@given(st.lists(st.text(max_size=40), max_size=4))
def test_any_literal_is_accepted(strings: list[str]) -> None:
    for name, kind in named_files(strings, "/").items():
        assert kind in {"", "glob"}
        assert resolve(name, "/").startswith("/")


def test_names_are_relative_to_the_base_through_links(base: Path, tmp_path: Path) -> None:
    os.symlink(base, tmp_path / "link")
    scope = Scope(str(tmp_path / "link"))
    assert scope.name(str(base / "d" / "a")) == "d/a"
    assert scope.name(str(tmp_path / "link" / "a")) == "a"
    assert scope.name(str(base)) == "."
    assert scope.name(str(tmp_path / "other")) == str(tmp_path / "other")
    assert resolve("d/a", "/b") == "/b/d/a"
    assert resolve("/x", "/b") == "/x"
