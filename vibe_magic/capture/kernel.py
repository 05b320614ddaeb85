"""Listen to what a kernel sends to its front ends.

Streams, displays, updates, results and comms of all threads leave through one place, the ``send``
of the kernel's session, after all hooks that other extensions may have registered. Listening there
records precisely the messages that the front ends get, in their order, including text that came
from file descriptors (``os.write``, child processes), which the streams' own threads turn into
messages. The hooks of the display publisher and of the display hook are thread-local and see only
what their own thread publishes.

Forked children hand their messages, ready to be sent, to the kernel's IOPub thread; these are
heard there.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from vibe_magic.methods import Patches

from .transcript import Output, Transcript, settled

__all__ = ["KernelTap"]

DRAIN_LIMIT_S = 0.5
"""How long to wait for text that is on its way through a pipe."""
QUIET_S = 0.03
"""Forked children have delivered when nothing came from them for this long."""


class KernelTap:
    """Writes the messages of the current request to a transcript.

    Parameters
    ----------
    shell : InteractiveShell
        The shell of an ipykernel.
    transcript : Transcript
        Where to write.
    """

    def __init__(self, shell: Any, transcript: Transcript) -> None:
        self._shell = shell
        self._transcript = transcript
        self._patches = Patches()
        self._listening = False
        self._parent: str | None = None
        self._sending = threading.local()
        self._forks = 0
        self._heard_s = 0.0
        self._streams = tuple(stream for stream in (sys.stdout, sys.stderr) if hasattr(stream, "pub_thread"))
        self.gaps: tuple[str, ...] = ()

    def open(self) -> None:
        """Start to listen; text that was written before does not count."""
        self._parent = _message_id(self._shell.display_pub)
        for stream in self._streams:
            if getattr(stream, "_flush_pending", True):
                stream.flush()
        for session in self._sessions():
            self._patches.put(session, "send", self._send)
        self._forks = _forks()
        publisher = getattr(self._shell.kernel, "iopub_thread", None)
        if publisher is not None:
            self._patches.put(publisher, "send_multipart", self._forward)
        self._patches.put(self._shell.displayhook, "update_user_ns", self._update_user_ns)
        self._listening = True

    def close(self) -> tuple[Output, ...]:
        """Stop listening once everything written so far has been sent."""
        for stream in self._streams:
            _drain(stream)
        self._flush()
        if _forks() != self._forks:
            self._await_children()
        self._listening = False
        self._patches.undo()
        return settled(self._transcript.outputs())

    def _flush(self) -> None:
        """Have everything sent. One flush waits for all that the sending thread is busy with."""
        for number, stream in enumerate(self._streams):
            if number == 0 or getattr(stream, "_flush_pending", True):
                stream.flush()

    def _sessions(self) -> list[Any]:
        """Return the session of the kernel and, should they differ, those of its streams."""
        owners = (self._shell.kernel, self._shell.display_pub, *self._streams)
        found = {id(owner.session): owner.session for owner in owners if hasattr(owner, "session")}
        return [session for session in found.values() if session is not None]

    def _send(self, send: Callable[..., Any]) -> Callable[..., Any]:
        def send_and_note(*args: Any, **kwargs: Any) -> Any:
            self._sending.now = True
            try:
                message = send(*args, **kwargs)
            finally:
                self._sending.now = False
            if self._listening and isinstance(message, dict):
                self._note(message)
            return message

        return send_and_note

    def _forward(self, forward: Callable[..., Any]) -> Callable[..., Any]:
        def forward_and_note(frames: Any, *args: Any, **kwargs: Any) -> Any:
            if self._listening and not getattr(self._sending, "now", False):
                self._heard_s = time.monotonic()
                self._note(_unpacked(self._shell.kernel.session, frames))
            return forward(frames, *args, **kwargs)

        return forward_and_note

    def _await_children(self) -> None:
        """Wait until forked children have delivered; they do so through a socket of their own."""
        start_s = time.monotonic()
        while (now_s := time.monotonic()) - start_s < DRAIN_LIMIT_S:
            if now_s - max(start_s, self._heard_s) > QUIET_S:
                return
            time.sleep(QUIET_S / 10)

    def _note(self, message: dict[str, Any]) -> None:
        """Write down a message if it belongs to the request that is being recorded."""
        write = _WRITERS.get(message["header"]["msg_type"])
        if write is None or message.get("parent_header", {}).get("msg_id") != self._parent:
            return
        write(self._transcript, message["content"])

    def _update_user_ns(self, update: Callable[[object], None]) -> Callable[[object], None]:
        def update_and_note(result: object) -> None:
            update(result)
            if self._listening:
                self._transcript.results.append(result)

        return update_and_note


def _unpacked(session: Any, frames: list[bytes]) -> dict[str, Any]:
    """Read a message from its frames: identities, delimiter, signature, four dicts, buffers."""
    at = frames.index(b"<IDS|MSG>")
    header, parent, metadata, content = (session.unpack(part) for part in frames[at + 2 : at + 6])
    return {
        "header": header,
        "parent_header": parent,
        "metadata": metadata,
        "content": content,
    }


_fork_count: list[int] = []


def _forks() -> int:
    """Return how often this process has forked since the first call."""
    if not _fork_count:
        _fork_count.append(0)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_parent=lambda: _fork_count.append(0))
    return len(_fork_count)


def _message_id(publisher: Any) -> str | None:
    """Return the id of the request that output published now belongs to."""
    header = getattr(publisher, "parent_header", None) or {}
    found = header.get("msg_id") or header.get("header", {}).get("msg_id")
    return None if found is None else str(found)


def _note_stream(transcript: Transcript, content: dict[str, Any]) -> None:
    transcript.stream(content["name"], content["text"])


def _note_bundle(kind: str) -> Callable[[Transcript, dict[str, Any]], None]:
    def note(transcript: Transcript, content: dict[str, Any]) -> None:
        transcript.bundle(kind, content["data"], content["metadata"], content.get("transient"))

    return note


def _note_clear(transcript: Transcript, content: dict[str, Any]) -> None:
    transcript.clear(content["wait"])


def _note_comm(transcript: Transcript, _content: dict[str, Any]) -> None:
    transcript.widgets = True


def _note_error(transcript: Transcript, _content: dict[str, Any]) -> None:
    transcript.error = True


def _note_question(transcript: Transcript, _content: dict[str, Any]) -> None:
    transcript.asked = True


_WRITERS: dict[str, Callable[[Transcript, dict[str, Any]], None]] = {
    "stream": _note_stream,
    "display_data": _note_bundle("display_data"),
    "update_display_data": _note_bundle("update_display_data"),
    "execute_result": _note_bundle("execute_result"),
    "clear_output": _note_clear,
    "comm_open": _note_comm,
    "comm_msg": _note_comm,
    "error": _note_error,
    "input_request": _note_question,
}


def _drain(stream: Any) -> None:
    """Wait until a stream's thread has taken over all text written to the file descriptor.

    ipykernel reads descriptors 1 and 2 through a pipe, in a thread; nothing says when it is done,
    so the pipe is asked how much it holds, and the system whether the thread reads again.
    """
    pipe = getattr(stream, "_fid", None)
    reader = getattr(stream, "watch_fd_thread", None)
    if pipe is None or not isinstance(reader, threading.Thread):
        return
    deadline = time.monotonic() + DRAIN_LIMIT_S
    while _bytes_waiting(pipe) or not _is_reading(reader):
        if time.monotonic() > deadline:
            return
        time.sleep(0.0002)


def _bytes_waiting(pipe: int) -> int:
    """Return how many bytes a pipe holds."""
    import fcntl
    import termios

    buffer = bytearray(4)
    fcntl.ioctl(pipe, termios.FIONREAD, buffer)
    return int.from_bytes(buffer, sys.byteorder)


def _is_reading(reader: threading.Thread) -> bool:
    """Tell whether a thread is blocked outside Python: asleep, and not for want of the GIL."""
    try:
        with open(f"/proc/self/task/{reader.native_id}/syscall") as file:
            call = file.read().split(maxsplit=1)[0]
    except OSError:  # not Linux, or not permitted: give the thread one turn
        time.sleep(0.001)
        return True
    return call not in {"running", _FUTEX}


def _futex_number() -> str:
    """Return the number of the system call in which a thread waits for the GIL."""
    machine = os.uname().machine if hasattr(os, "uname") else ""
    return "202" if machine == "x86_64" else "98"


_FUTEX = _futex_number()
