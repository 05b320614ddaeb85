"""Handles that are closed: files, connections and pools that carry nothing any more but their looks.

A name that ``with open(...) as f`` leaves behind is one. An equal one is made by opening the same kind of
handle on nothing at all, and closing that; what the handle was once opened on is not touched.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, NamedTuple

__all__ = ["KINDS", "Looks", "looks", "make"]


class Looks(NamedTuple):
    """What can still be told of a closed handle.

    Parameters
    ----------
    cls : type
        Its class.
    beneath : object
        The closed handle that it was put on, None if there is none.
    settings : tuple
        What it shows, apart from attributes.
    attributes : dict of str to object
        Those in its dict.
    """

    cls: Any
    beneath: Any
    settings: tuple[Any, ...]
    attributes: dict[str, Any]


class _Kind(NamedTuple):
    """How to tell that a handle of one class is closed, and how to open one on nothing.

    Parameters
    ----------
    is_closed : callable
        Of the handle.
    open : callable
        Initialises a handle: takes it, the handle that it is put on, what can be read, and its settings.
    settings : callable, optional
        From the handle to the settings.
    content : callable, optional
        From the settings to what is to be read before it is closed, since it shows later that it was.
    beneath : str, optional
        The attribute with the handle that it is put on.
    spared : frozenset of str, optional
        Attributes that only an open one uses: they are as opening and closing leaves them.
    close : str, optional
        The method that closes it.
    """

    is_closed: Callable[[Any], bool]
    open: Callable[..., None]
    settings: Callable[[Any], tuple[Any, ...]] = lambda handle: ()
    content: Callable[..., bytes] = lambda *settings: b""
    beneath: str = ""
    spared: frozenset[str] = frozenset()
    close: str = "close"


def looks(handle: Any) -> Looks | None:
    """Return what can be told of a handle if it is closed; None if it is open, or of no known class."""
    kind = _kind_of(type(handle))
    if kind is None or not kind.is_closed(handle):
        return None
    beneath = getattr(handle, kind.beneath) if kind.beneath else None
    attributes = {k: v for k, v in _attributes(handle).items() if k not in kind.spared}
    return Looks(type(handle), beneath, kind.settings(handle), attributes)


def make(cls: Any, beneath: Any, settings: tuple[Any, ...], attributes: dict[str, Any]) -> Any:
    """Make a closed handle of certain looks, as in `Looks`; streams call this."""
    handle = cls.__new__(cls)
    with _opened(handle, Looks(cls, beneath, settings, attributes)):
        return handle


@contextmanager
def _opened(handle: Any, shown: Looks, content: bytes = b"") -> Iterator[None]:
    """Open a handle, and those beneath it, for a moment; afterwards it looks as it should."""
    kind = KINDS[_full_name(shown.cls)]
    content = content or kind.content(*shown.settings)
    with nullcontext() if shown.beneath is None else _reopened(shown.beneath, content):
        _attributes(handle).clear()
        kind.open(handle, shown.beneath, content, *shown.settings)
        try:
            yield
        finally:
            getattr(handle, kind.close)()
            _attributes(handle).update(shown.attributes)


def _reopened(handle: Any, content: bytes) -> AbstractContextManager[None]:
    shown = looks(handle)
    if shown is None:
        raise TypeError(f"the {type(handle).__qualname__} beneath it cannot be opened again")
    return _opened(handle, shown, content)


def _attributes(handle: Any) -> dict[str, Any]:
    return getattr(handle, "__dict__", {})


def _kind_of(cls: type) -> _Kind | None:
    return KINDS.get(_full_name(cls))


def _full_name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _is_closed(handle: Any) -> bool:
    return bool(handle.closed)


def _is_closed_file(file: Any) -> bool:
    """Tell whether a file is closed, and was opened by a name: the system's numbers are not to be kept."""
    return bool(file.closed and file.closefd) and not isinstance(file.name, int)


def _open_file(file: Any, _: None, content: bytes, mode: str) -> None:
    """Open a file that is empty, or a pipe with something to read in it."""
    if content:
        fd, writing = os.pipe()
        os.write(writing, content)
        os.close(writing)
    else:
        fd = os.open(os.devnull, os.O_RDWR)
    file.__init__(fd, mode)


def _open_buffer(buffer: Any, raw: Any, _: bytes) -> None:
    buffer.__init__(raw)


def _open_text(
    text: Any, buffer: Any, content: bytes, encoding: str, errors: str, settings: tuple[bool, bool], _: Any
) -> None:
    text.__init__(buffer, encoding, errors, None, *settings)
    if content:
        text.read()


def _text_settings(text: Any) -> tuple[Any, ...]:
    return text.encoding, text.errors, (text.line_buffering, text.write_through), text.newlines


def _line_ends(encoding: str, _errors: str, _settings: Any, newlines: str | tuple[str, ...] | None) -> bytes:
    """Return lines that end as those did that have been read: a text file knows of them ever after."""
    if newlines is None:
        return b""
    ends = (newlines,) if isinstance(newlines, str) else newlines
    return " ".join(ends).encode(encoding)


def _open_memory(file: Any, _: None, _content: bytes) -> None:
    file.__init__()


def _open_gzip(file: Any, _: None, content: bytes, writes: bool, time: int | None) -> None:
    import gzip

    memory = io.BytesIO(b"" if writes else gzip.compress(content, mtime=time or 0))
    file.__init__("", "wb" if writes else "rb", fileobj=memory)
    if not writes and time is not None:
        file._buffer.raw._last_mtime = time


def _gzip_settings(file: Any) -> tuple[Any, ...]:
    writes = file.mode in (2, "wb")
    return writes, None if writes else file.mtime


def _open_zip(file: Any, _: None, _content: bytes) -> None:
    file.__init__(io.BytesIO(), "w")


def _is_disconnected(connection: Any) -> bool:
    try:
        connection.total_changes  # noqa: B018 - the only question without effect that a closed one refuses
    except sys.modules["sqlite3"].ProgrammingError:
        return True
    return False


def _open_connection(connection: Any, _: None, _content: bytes, rows: Any, text: Any) -> None:
    connection.__init__(":memory:")
    connection.row_factory, connection.text_factory = rows, text


def _connection_settings(connection: Any) -> tuple[Any, ...]:
    return connection.row_factory, connection.text_factory


def _has_ended(pool: Any) -> bool:
    return bool(pool._shutdown) and not any(thread.is_alive() for thread in pool._threads)


def _have_ended(pool: Any) -> bool:
    return bool(pool._shutdown_thread) and pool._executor_manager_thread is None


def _open_pool(pool: Any, _: None, _content: bytes) -> None:
    pool.__init__(1)


_BUFFER = _Kind(_is_closed, _open_buffer, beneath="raw")
_MEMORY = _Kind(_is_closed, _open_memory)

KINDS: dict[str, _Kind] = {
    "_io.FileIO": _Kind(_is_closed_file, _open_file, lambda file: (file.mode,)),
    "_io.BufferedReader": _BUFFER,
    "_io.BufferedWriter": _BUFFER,
    "_io.BufferedRandom": _BUFFER,
    "_io.TextIOWrapper": _Kind(_is_closed, _open_text, _text_settings, _line_ends, "buffer"),
    "_io.BytesIO": _MEMORY,
    "_io.StringIO": _MEMORY,
    "gzip.GzipFile": _Kind(
        _is_closed,
        _open_gzip,
        _gzip_settings,
        spared=frozenset({"_buffer", "fileobj", "myfileobj"}),
    ),
    "zipfile.ZipFile": _Kind(lambda file: file.fp is None, _open_zip, spared=frozenset({"fp", "_lock"})),
    "sqlite3.Connection": _Kind(_is_disconnected, _open_connection, _connection_settings),
    "concurrent.futures.thread.ThreadPoolExecutor": _Kind(
        _has_ended,
        _open_pool,
        spared=frozenset({"_work_queue", "_idle_semaphore", "_threads", "_shutdown_lock"}),
        close="shutdown",
    ),
    "concurrent.futures.process.ProcessPoolExecutor": _Kind(
        _have_ended,
        _open_pool,
        spared=frozenset({"_mp_context", "_shutdown_lock", "_idle_worker_semaphore", "_work_ids"}),
        close="shutdown",
    ),
}
"""By the full name of exactly this class, so that none has to be loaded."""
