"""Random edits of a notebook and of the files beside it."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable
from dataclasses import replace

from .grammar import DATA, Notebook, changed, files
from .runner import Cell

__all__ = ["edited", "put_off"]


def edited(chance: random.Random, book: Notebook, earlier: list[Notebook]) -> Notebook:
    """Return the notebook after one random edit."""
    return chance.choice(_EDITS)(chance, book, earlier)


def _constant(chance: random.Random, book: Notebook, _: list[Notebook]) -> Notebook:
    place = chance.randrange(1, len(book.drafts))
    drafts = list(book.drafts)
    drafts[place] = changed(chance, drafts[place])
    return replace(book, drafts=tuple(drafts))


def _comment(chance: random.Random, book: Notebook, _: list[Notebook]) -> Notebook:
    place = chance.randrange(1, len(book.drafts))
    drafts = list(book.drafts)
    drafts[place] = replace(drafts[place], comment=chance.choice(("", "# a comment\n", "\n\n")))
    return replace(book, drafts=tuple(drafts))


def _delete(chance: random.Random, book: Notebook, _: list[Notebook]) -> Notebook:
    if len(book.drafts) < 3:
        return book  # something must be left
    place = chance.randrange(1, len(book.drafts))
    return replace(book, drafts=book.drafts[:place] + book.drafts[place + 1 :])


def _swap(chance: random.Random, book: Notebook, _: list[Notebook]) -> Notebook:
    drafts = list(book.drafts)
    one, two = chance.randrange(1, len(drafts)), chance.randrange(1, len(drafts))
    drafts[one], drafts[two] = drafts[two], drafts[one]
    return replace(book, drafts=tuple(drafts))


def _mark(chance: random.Random, book: Notebook, _: list[Notebook]) -> Notebook:
    place = chance.randrange(1, len(book.drafts))
    drafts = list(book.drafts)
    drafts[place] = replace(drafts[place], header="" if drafts[place].header else "%%asset")
    return replace(book, drafts=tuple(drafts))


def _data(chance: random.Random, book: Notebook, _: list[Notebook]) -> Notebook:
    return replace(book, files={**book.files, DATA: chance.choice(("one", "two", "three"))})


def _module(chance: random.Random, book: Notebook, _: list[Notebook]) -> Notebook:
    new = files(chance)
    name = chance.choice([name for name in new if name != DATA])
    return replace(book, files={**book.files, name: new[name]})


def _back(chance: random.Random, book: Notebook, earlier: list[Notebook]) -> Notebook:
    return chance.choice(earlier) if earlier else book


def _nothing(_chance: random.Random, book: Notebook, _: list[Notebook]) -> Notebook:
    return book


_EDITS: tuple[Callable[[random.Random, Notebook, list[Notebook]], Notebook], ...] = (
    _constant,
    _constant,
    _constant,
    _comment,
    _delete,
    _swap,
    _mark,
    _data,
    _module,
    _back,
    _nothing,
)


def put_off(cell: Cell) -> Cell:
    """Ask for most assets to be put off, the same ones each time."""
    header, newline, body = cell.text.partition("\n")
    if not header.startswith("%%asset"):
        return cell
    options = ("", " --lazy", " --lazy", " --background")
    option = options[zlib.crc32(cell.id.encode()) % 4]
    return Cell(cell.id, f"{header}{option}{newline}{body}\nNone")  # a value shown last is none of its cell's
