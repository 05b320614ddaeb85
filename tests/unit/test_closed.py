"""Closed handles come back with the looks they had, and nothing is opened for it but nothing."""

from __future__ import annotations

import bz2
import gzip
import io
import os
import sqlite3
import zipfile
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from vibe_magic import closed


def again(handle: Any) -> Any:
    looks = closed.looks(handle)
    assert looks is not None
    return closed.make(*looks)


@pytest.mark.parametrize("mode", ["r", "w", "a", "r+", "w+", "a+", "rb", "wb", "ab", "rb+"])
def test_a_closed_file_comes_back_as_it_looked(mode: str, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("kept")
    with open(path, mode) as file:
        pass
    os.remove(path)
    back = again(file)
    assert (repr(back), back.name, back.closed) == (repr(file), file.name, True)
    assert vars(back) == vars(file)
    with pytest.raises(ValueError, match="closed file"):
        back.seek(0)
    assert not path.exists()


@pytest.mark.parametrize("mode", ["xb", "wb", "rb+"])
def test_a_file_without_a_buffer_comes_back(mode: str, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"")
    if mode == "xb":
        os.remove(path)
    with open(path, mode, buffering=0) as file:
        pass
    back = again(file)
    assert (type(back), repr(back), back.mode, back.closed) == (io.FileIO, repr(file), file.mode, True)


@pytest.mark.parametrize("text", ["", "a", "a\n", "a\r\nb\n", "a\rb\r\nc\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "latin-1"])
def test_a_text_file_knows_which_lines_it_has_read(text: str, encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(text.encode(encoding))
    with open(path, encoding=encoding) as file:
        file.read()
    back = again(file)
    assert (back.newlines, back.encoding, back.errors) == (file.newlines, encoding, "strict")


def test_a_text_file_that_has_read_nothing_may_be_written_to(tmp_path: Path) -> None:
    with open(tmp_path / "a.txt", "w+", encoding="utf-16") as file:
        file.write("a")
    assert repr(again(file)) == repr(file)


def test_what_is_beneath_a_file_is_closed_again(tmp_path: Path) -> None:
    path = tmp_path / "a.txt.gz"
    with gzip.open(path, "wt") as file:
        file.write("abc")
    beneath = file.buffer
    back = again(file)
    assert back.buffer is beneath
    assert beneath.closed
    assert beneath.name == str(path)


def test_a_compressed_file_knows_when_it_was_made(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"abc", mtime=7))
    with gzip.open(path) as file:
        file.read()
    assert (again(file).mtime, again(file).name, again(file).mode) == (7, str(path), file.mode)


def test_an_archive_knows_what_is_in_it(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("b", "c")
    back = again(archive)
    assert (back.namelist(), back.filename, back.fp) == (["b"], archive.filename, None)
    assert repr(back) == repr(archive)


def test_connections_and_pools() -> None:
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    assert closed.looks(connection) is None
    connection.close()
    assert again(connection).row_factory is sqlite3.Row
    for cls in (ThreadPoolExecutor, ProcessPoolExecutor):
        with cls(2) as pool:
            assert closed.looks(pool) is None
        with pytest.raises(RuntimeError, match="after shutdown"):
            again(pool).submit(abs, 1)


def test_what_is_open_or_unknown_has_no_looks(tmp_path: Path) -> None:
    class Text(io.StringIO):
        pass

    unknown = Text()
    unknown.close()
    with open(tmp_path / "a", "w") as file:
        assert closed.looks(file) is None
        numbered = open(file.fileno(), closefd=False)  # noqa: SIM115 - it is what is tested
        numbered.close()
    assert closed.looks(unknown) is None
    assert closed.looks(numbered.buffer) is not None
    with pytest.raises(TypeError, match="beneath"):
        again(numbered)


def test_a_file_on_one_of_no_known_class(tmp_path: Path) -> None:
    with bz2.open(tmp_path / "a.bz2", "wt") as file:
        pass
    with pytest.raises(TypeError, match="beneath"):
        again(file)
