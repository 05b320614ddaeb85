"""Make an asset cell run as a plain one: its header becomes a comment before IPython sees it.

A cell magic would run the body through a second ``run_cell``, which shifts line numbers, adds history and
forbids top-level ``await``. A comment changes nothing. The transform is pure, since IPython transforms a
cell more than once.
"""

from __future__ import annotations

__all__ = ["HEADER", "comment_header"]

HEADER = "%%asset"


def comment_header(lines: list[str]) -> list[str]:
    """Turn the ``%%asset`` line of a cell into a comment.

    A cell magic right below it becomes the first line, as it would be without the header.

    Parameters
    ----------
    lines : list of str
        The cell, each line with its end.
    """
    if not lines or lines[0].split(maxsplit=1)[:1] != [HEADER]:
        return lines
    body = lines[1:]
    first = next((i for i, line in enumerate(body) if line.strip()), 0)
    if body and body[first].startswith("%%"):
        return body[first:]
    return ["#" + lines[0], *body]
