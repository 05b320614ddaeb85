"""Entries that travel as bytes, to machines that do not see the directory and back."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vibe_magic.store import layout
from vibe_magic.store.writing import appearing

__all__ = ["Parcel"]


@dataclass(frozen=True)
class Parcel:
    """The files of one entry.

    Signatures stay with the bytes, so that whoever takes a parcel in trusts it no more than any other entry.

    Parameters
    ----------
    place : tuple of str
        The asset's directory and the entry's, below the root.
    files : dict of str to bytes
        By name.
    """

    place: tuple[str, str]
    files: Mapping[str, bytes] = field(repr=False)

    @classmethod
    def of(cls, path: str) -> Parcel:
        """Take the files of an entry.

        Raises
        ------
        OSError
            It cannot be read.
        """
        directory = Path(path)
        files = {item.name: item.read_bytes() for item in directory.iterdir() if item.name != layout.USED}
        return cls((directory.parent.name, directory.name), files)

    def put(self, root: Path) -> str:
        """Make it an entry of the store at `root`; return its directory.

        Raises
        ------
        OSError
            It cannot be written.
        """
        path = os.path.join(root, layout.ASSETS, *self.place)
        with appearing(root, path) as draft:
            for name, data in self.files.items():
                Path(draft, os.path.basename(name)).write_bytes(data)
        return path
