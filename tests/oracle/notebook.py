"""A notebook as the oracle sees it: cells, and the files that lie beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

__all__ = ["Notebook", "Text"]


@dataclass(frozen=True, slots=True)
class Text:
    """One cell.

    Parameters
    ----------
    cell_id : str
        Stays with the cell when it is moved or edited.
    body : str
        Its source without the header.
    header : str or None
        The ``%%asset`` line; None for a plain cell.
    """

    cell_id: str
    body: str
    header: str | None = None

    @property
    def warm(self) -> str:
        """The source as the person types it."""
        return self.body if self.header is None else f"{self.header}\n{self.body}"

    @property
    def cold(self) -> str:
        """The source for plain IPython, with the same line numbers."""
        return self.body if self.header is None else f"#{self.header}\n{self.body}"


@dataclass(frozen=True, slots=True)
class Notebook:
    """Cells and given files.

    Parameters
    ----------
    cells : tuple of Text
        In order.
    files : mapping of str to str
        Contents by path relative to the notebook, of files that no cell makes.
    flags : frozenset of str
        ``random``: some values differ from run to run; ``ordered``: only a run from top to bottom
        says anything (a cell appends to a file that another one makes).
    """

    cells: tuple[Text, ...]
    files: Mapping[str, str] = field(default_factory=dict)
    flags: frozenset[str] = frozenset()

    def with_cells(self, cells: Iterable[Text]) -> Notebook:
        """Return the notebook with other cells."""
        return replace(self, cells=tuple(cells))

    def with_cell(self, index: int, **changes: str | None) -> Notebook:
        """Return the notebook with one cell changed."""
        cells = list(self.cells)
        cells[index] = replace(cells[index], **changes)  # type: ignore[arg-type]
        return self.with_cells(cells)

    def with_file(self, path: str, content: str | None) -> Notebook:
        """Return the notebook with another file content, or without the file."""
        files = {name: text for name, text in self.files.items() if name != path}
        return replace(self, files=files if content is None else {**files, path: content})

    def __str__(self) -> str:
        """Show cells and files as a person would paste them."""
        cells = [f"# --- [{i}] {c.cell_id}\n{c.warm}" for i, c in enumerate(self.cells)]
        files = [f"# --- file {path}\n{text}" for path, text in self.files.items()]
        return "\n".join(cells + files)
