"""Cells that the person deletes from the notebook: what they have bound stays, as in plain Jupyter."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from vibe_magic.session import current, foresee, report
from vibe_magic.session.saved import Saved

from .shell import Notebook


class File:
    """The notebook's file, as a front end saves it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        current().saved = Saved(str(path))

    def save(self, cells: Iterable[str], after_s: float = 60) -> None:
        self.path.write_text(json.dumps({"cells": [{"id": cell} for cell in cells]}))
        os.utime(self.path, (time.time() + after_s,) * 2)


@pytest.fixture
def file(notebook: Notebook, tmp_path: Path) -> File:
    (tmp_path / "data.txt").write_text("one")
    notebook.run("%%asset text\nfrom pathlib import Path; text = Path('data.txt').read_text()", "source")
    notebook.run("%%asset size\nsize = len(text)", "reader")
    (tmp_path / "data.txt").write_text("eleven")
    return File(tmp_path / "book.ipynb")


def names() -> set[str]:
    return set(current().registry.assets)


def reread(notebook: Notebook) -> object:
    notebook.run("%%asset size\nsize = len(text)", "reader")
    return notebook.shell.user_ns["size"]


def test_what_stands_in_the_notebook_is_brought_up_to_date(notebook: Notebook, file: File) -> None:
    file.save(["source", "reader"])
    assert reread(notebook) == 6


def test_what_was_deleted_stays_as_it_was(notebook: Notebook, file: File) -> None:
    file.save(["reader"])
    assert reread(notebook) == 3
    assert names() == {"size"}


def test_what_was_moved_below_its_reader_stays_as_it_was(notebook: Notebook, file: File) -> None:
    file.save(["reader", "source"])
    assert reread(notebook) == 3
    assert names() == {"text", "size"}


def test_a_cell_that_ran_after_the_file_was_saved_is_not_deleted(notebook: Notebook, file: File) -> None:
    file.save(["reader"], after_s=-60)
    assert reread(notebook) == 6


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"cells": 3}', '{"cells": [{"id": "of another"}]}'])
def test_a_file_that_tells_nothing_deletes_nothing(notebook: Notebook, file: File, content: str) -> None:
    file.save([])
    file.path.write_text(content)
    os.utime(file.path, (time.time() + 60,) * 2)
    assert reread(notebook) == 6


def test_the_name_of_a_deleted_cell_is_free(notebook: Notebook, file: File) -> None:
    file.save(["reader", "pasted"])
    notebook.run("%%asset text\nfrom pathlib import Path; text = Path('data.txt').read_text()", "pasted")
    assert "another cell" not in notebook.text
    assert report()[-1].name == "text"


def test_status_is_without_it(notebook: Notebook, file: File) -> None:
    file.save(["reader"])
    notebook.run("%asset status", "status")
    assert names() == {"size"}


def test_what_was_put_off_is_computed_all_the_same(notebook: Notebook, file: File) -> None:
    notebook.run("%%asset late --lazy\nlate = 7", "late")
    foresee(current(), [("reader", ""), ("last", "")])
    assert notebook.run("late", "last").result == 7
    assert names() == {"size", "late"}
