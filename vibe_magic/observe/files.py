"""The state of files, and whether it is still the same."""

from __future__ import annotations

import glob
import hashlib
import os
import re
import stat as stat_module
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from .log import muted
from .paths import relative, resolve

__all__ = ["FileState", "Files", "named_files"]

RACY_NS = 2_000_000_000
"""A file changed this shortly before it was digested may change again without a trace.

Clocks of file systems are coarse: up to 2 s on FAT, 1 s on old NFS, a timer tick on ext4.
"""

_UNLISTED = frozenset({".ipynb_checkpoints", "__pycache__", ".vibe_magic", ".DS_Store"})


@dataclass(frozen=True, slots=True)
class FileState:
    """What a file, a directory listing or a pattern was like.

    Parameters
    ----------
    kind : str
        ``file``, ``directory`` (its names count), ``folder`` (only that it is there), ``glob``,
        ``absent`` or ``special`` (neither file nor directory, or not readable).
    size : int
        Bytes, or the number of names.
    mtime_ns, ctime_ns, inode : int
        What `os.stat` said; a shortcut only. The change time gives away a file whose modification
        time was set back.
    digest : str
        Of the content or of the sorted names; empty if there is none.
    taken_ns : int
        When this was noted.
    """

    kind: str
    size: int = 0
    mtime_ns: int = 0
    ctime_ns: int = 0
    inode: int = 0
    digest: str = ""
    taken_ns: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the state that `to_json` described."""
        return cls(**{key: data[key] for key in cls.__dataclass_fields__ if key in data})

    def same_content(self, other: FileState) -> bool:
        """Tell whether two states mean the same to a cell."""
        return (self.kind, self.digest) == (other.kind, other.digest)


class Files:
    """Takes states of files below one base directory, and compares them with the present.

    Digests are kept for as long as the stat of a file says that it is the same, so that verifying
    many assets reads each file at most once.

    Parameters
    ----------
    base : str
        The directory that relative names refer to.
    digest_of : callable
        Path to content digest; raises `OSError` if the file cannot be read.
    clock_ns : callable, optional
        The time, for tests.
    """

    def __init__(
        self,
        base: str,
        digest_of: Callable[[str], str],
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.base = base
        self._digest_of = digest_of
        self._clock_ns = clock_ns
        self._known: dict[str, FileState] = {}

    def state(self, name: str, kind: str = "") -> FileState:
        """Return the present state of a recorded name.

        Parameters
        ----------
        name : str
            Relative to the base, or absolute.
        kind : str, optional
            ``folder`` to note of a directory only that it is there; ``glob`` for a pattern.
        """
        path = resolve(name, self.base)
        with muted():
            if kind == "glob":
                return self._names("glob", _matches(path, self.base))
            try:
                status = os.stat(path)
            except OSError:
                return FileState("absent", taken_ns=self._clock_ns())
            if stat_module.S_ISDIR(status.st_mode):
                return self._directory(path, status, kind)
            return self._file(path, status)

    def compare(self, name: str, recorded: FileState) -> FileState | None:
        """Return the present state of a recorded name, or None if it is as recorded."""
        if recorded.kind == "file" and self._is_untouched(name, recorded):
            return None
        present = self.state(name, recorded.kind if recorded.kind in {"glob", "folder"} else "")
        return None if present.same_content(recorded) else present

    def _is_untouched(self, name: str, recorded: FileState) -> bool:
        try:
            status = os.stat(resolve(name, self.base))
        except OSError:
            return False
        return _same_stat(status, recorded) and not _is_racy(recorded)

    def _directory(self, path: str, status: os.stat_result, kind: str) -> FileState:
        if kind == "folder":
            return FileState("folder", taken_ns=self._clock_ns())
        try:
            names = [name for name in os.listdir(path) if name not in _UNLISTED]
        except OSError:
            return FileState("special", inode=status.st_ino, taken_ns=self._clock_ns())
        return self._names("directory", names)

    def _names(self, kind: str, names: Iterable[str]) -> FileState:
        ordered = sorted(names)
        text = "\0".join(ordered).encode("utf-8", "surrogateescape")
        digest = hashlib.blake2b(text, digest_size=16).hexdigest()
        return FileState(kind, len(ordered), digest=digest, taken_ns=self._clock_ns())

    def _file(self, path: str, status: os.stat_result) -> FileState:
        known = self._known.get(path)
        if known is not None and _same_stat(status, known) and not _is_racy(known):
            return known
        taken_ns = self._clock_ns()
        digest = ""
        if stat_module.S_ISREG(status.st_mode):
            try:
                digest = self._digest_of(path)
            except OSError:  # no permission: all that can be told is that it is there
                digest = ""
        state = FileState(
            "file" if digest else "special",
            status.st_size,
            status.st_mtime_ns,
            status.st_ctime_ns,
            status.st_ino,
            digest,
            taken_ns,
        )
        self._known[path] = state
        return state


def _same_stat(status: os.stat_result, state: FileState) -> bool:
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino) == (
        state.size,
        state.mtime_ns,
        state.ctime_ns,
        state.inode,
    )


def _is_racy(state: FileState) -> bool:
    """Tell whether a file may have changed after it was digested, within one tick of its clock."""
    return state.taken_ns - max(state.mtime_ns, state.ctime_ns) < RACY_NS


def _matches(pattern: str, base: str) -> list[str]:
    """Return what a pattern matches, in a form that does not depend on where the base is."""
    found = glob.glob(pattern, recursive=True)
    prefix = os.path.join(base, "")
    return [path.removeprefix(prefix).replace(os.sep, "/") for path in found]


_LIKE_A_PATH = r"[^\s<>|\"'{}]*(?:[/\\][^\s<>|\"'{}]*|\.[A-Za-z][A-Za-z0-9]{0,7})\Z"
_URL = r"[A-Za-z][A-Za-z0-9+.-]+://|mailto:|data:"
MAX_LITERAL = 1024


def named_files(
    strings: Iterable[str], base: str, cwd: str | None = None, *, asks: bool = False
) -> dict[str, str]:
    """Find the files that string literals of a cell name.

    Native readers open files that no audit event tells of, and a file that is absent when the cell
    runs may decide what it does; so the names themselves count.

    Parameters
    ----------
    strings : iterable of str
        The literals.
    base : str
        The directory that recorded names are relative to.
    cwd : str, optional
        The directory that the literals refer to: the current one if not given.
    asks : bool
        Whether the cell asks if files are there, so that any word may name one that is not.

    Returns
    -------
    dict of str to str
        Names as they are recorded, and the kind to pass to `Files.state`: ``glob`` for patterns,
        ``folder`` for directories that a cell may only ask for, otherwise empty.
    """
    found: dict[str, str] = {}
    start = os.getcwd() if cwd is None else cwd
    with muted():
        for text in sorted(set(strings)):
            kind = _named_kind(text, start, asks)
            if kind is not None:
                found[relative(resolve(os.path.expanduser(text), start), base)] = kind
    return found


def _named_kind(text: str, start: str, asks: bool) -> str | None:
    """Return the kind of what a literal names, see `named_files`; None if it names nothing."""
    if not text or len(text) > MAX_LITERAL or "\0" in text or "\n" in text or re.match(_URL, text):
        return None
    name = os.path.expanduser(text)
    path = resolve(name, start)
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return _absent_kind(text, name, path, asks)
    if stat_module.S_ISREG(status.st_mode) or _is_named_directory(text, status):
        return ""
    return "folder" if asks and stat_module.S_ISDIR(status.st_mode) else None


def _absent_kind(text: str, name: str, path: str, asks: bool) -> str | None:
    """Return what a literal names that is no file: a pattern, or a file that may yet appear."""
    if not re.match(_LIKE_A_PATH, text) and not (asks and re.fullmatch(r"[\w.-]+", text)):
        return None
    if not glob.has_magic(name):
        return ""
    return "glob" if glob.glob(path, recursive=True) else None


def _is_named_directory(text: str, status: os.stat_result) -> bool:
    """Tell the name of a directory from a word, such as a column's, that is also one."""
    return stat_module.S_ISDIR(status.st_mode) and "/" in text and text.strip("./") != ""
