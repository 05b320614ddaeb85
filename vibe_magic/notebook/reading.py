"""Read a notebook file and check that it is one that can run here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vibe_magic.errors import NotebookError

__all__ = ["Notebook", "read_notebook"]


@dataclass(frozen=True)
class Notebook:
    """A notebook as it lies on disk.

    Parameters
    ----------
    path : Path
        Absolute.
    content : dict
        The parsed JSON.
    """

    path: Path
    content: dict[str, Any]

    @property
    def folder(self) -> Path:
        """The directory that its kernel runs in."""
        return self.path.parent

    @property
    def code_cells(self) -> list[tuple[str, str]]:
        """Identity and source of each code cell, in order."""
        return [
            (str(cell.get("id", "")), _text(cell.get("source", "")))
            for cell in self.content["cells"]
            if cell.get("cell_type") == "code"
        ]


def read_notebook(path: str | Path) -> Notebook:
    """Read a notebook for Python.

    Raises
    ------
    NotebookError
        It is missing, unreadable, not JSON, not a notebook, too old, or of another language.
    """
    place = Path(path).absolute()
    content = _json(place)
    cells = content.get("cells") if isinstance(content, dict) else None
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        old = isinstance(content, dict) and "worksheets" in content
        fix = "convert it to format 4" if old else "give the path of an .ipynb file"
        raise NotebookError("is not a notebook of format 4", str(path), fix)
    language = _language(content)
    if language not in ("", "python", "python3", "ipython"):
        raise NotebookError(f"is a notebook for {language}", str(path), "only Python can be run")
    return Notebook(place, content)


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotebookError("does not exist", str(path), "check the path") from None
    except IsADirectoryError:
        raise NotebookError("is a directory", str(path), "name a notebook in it") from None
    except OSError as error:
        raise NotebookError(f"cannot be read ({error.strerror})", str(path)) from None
    except (ValueError, RecursionError):
        fix = "give the path of an .ipynb file"
        raise NotebookError("is not JSON, so not a notebook", str(path), fix) from None


def _language(content: dict[str, Any]) -> str:
    metadata = content.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    for part in ("kernelspec", "language_info"):
        found = metadata.get(part)
        name = found.get("language" if part == "kernelspec" else "name") if found else None
        if isinstance(name, str):
            return name.lower()
    return ""


def _text(source: Any) -> str:
    return "".join(source) if isinstance(source, list) else str(source)
