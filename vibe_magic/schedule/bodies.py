"""The inside of a nursery: fork a body for each order, tell how it ended, end those nobody waits for."""

from __future__ import annotations

import contextlib
import importlib
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from .spares import Spares, nothing
from .wire import Order, receive, send

__all__ = ["serve"]

_START_LIMIT_S = 60.0
_PARENT_POLL_MS = 500
_LULL_MS = 20
"""After so long without an event there is time for forking ahead."""
_INPUT = 0
"""The descriptor whose end means that nobody needs this process any more."""


@dataclass
class _Bodies:
    """The bodies that live, with the connections of those who wait for them."""

    by_pid: dict[int, socket.socket] = field(default_factory=dict)
    channels: dict[int, str] = field(default_factory=dict)

    def add(self, pid: int, sock: socket.socket, channel: str) -> None:
        """Take note of a body that has been started."""
        self.by_pid[pid] = sock
        self.channels[pid] = channel

    def reap(self) -> None:
        """Tell of bodies that have ended how they did."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            sock = self.by_pid.pop(pid, None)
            self.channels.pop(pid, None)
            if sock is not None:
                _kill(pid)  # what it has started and left behind
                with contextlib.suppress(OSError):
                    send(sock, os.waitstatus_to_exitcode(status))
                sock.close()

    def kill(self, sock: socket.socket) -> None:
        """End the body that somebody has lost interest in."""
        for pid, known in self.by_pid.items():
            if known is sock:
                _kill(pid)

    def kill_all(self, channel: str = "") -> None:
        """End everything, or all that speaks to one channel."""
        for pid in self.by_pid:
            if channel in ("", self.channels[pid]):
                _kill(pid)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def serve(listening: int, preload: str) -> None:
    """Fork bodies until standard input ends, or whoever started this process is gone.

    Parameters
    ----------
    listening : int
        Descriptor of the socket where orders come in.
    preload : str
        ``module:name`` of what is called first; what it returns, if anything, is called in each process that
        is forked ahead.
    """
    parent = os.getppid()
    listener = socket.socket(fileno=listening)
    with _watched(parent):
        ready = _function(preload)() or nothing
    wake = _woken_by_children()
    bodies, spares = _Bodies(), Spares(_run, ready)
    while os.getppid() == parent:  # a process that was forked may hold the other end of the input
        waiting = {sock.fileno(): sock for sock in bodies.by_pid.values()}
        limit_ms = _LULL_MS if spares.lacking else _PARENT_POLL_MS
        ready = _ready((_INPUT, listener.fileno(), wake.fileno()), waiting, limit_ms)
        if _INPUT in ready:
            break
        if listener.fileno() in ready:
            _admit(listener, bodies, spares)
        if not ready and spares.lacking:
            spares.add(partial(_close, listener, *bodies.by_pid.values()))
        for fd in ready & waiting.keys():
            bodies.kill(waiting[fd])
        with contextlib.suppress(BlockingIOError):
            wake.recv(4096)
        bodies.reap()
    bodies.kill_all()
    os._exit(0)


@contextlib.contextmanager
def _watched(parent: int) -> Iterator[None]:
    """End this process with its parent while it cannot look itself; no thread is left for bodies."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(_PARENT_POLL_MS / 1000):
            if os.getppid() != parent:
                os._exit(0)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _woken_by_children() -> socket.socket:
    """Return what can be read from when a child has ended."""
    wake, woken = socket.socketpair()
    woken.setblocking(False)
    wake.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(woken.detach(), warn_on_full_buffer=False)
    return wake


def _ready(readable: Iterable[int], waiting: Iterable[int], limit_ms: int) -> set[int]:
    """Return the descriptors from which something can be read, and those whose other end is gone."""
    poll = select.poll()
    for fd in readable:
        poll.register(fd, select.POLLIN)
    for fd in waiting:
        poll.register(fd, getattr(select, "POLLRDHUP", 0) | select.POLLHUP)
    return {fd for fd, _ in poll.poll(limit_ms)}


def _admit(listener: socket.socket, bodies: _Bodies, spares: Spares) -> None:
    sock, _ = listener.accept()
    sock.settimeout(_START_LIMIT_S)
    order = receive(sock)
    if order is None or not order.function:
        if order is not None:
            bodies.kill_all(order.channel)
        sock.close()
        return
    if _warm(order.modules):
        spares.discard()
    pid = spares.give(order, partial(_close, listener, sock, *bodies.by_pid.values()))
    with contextlib.suppress(OSError):
        os.setpgid(pid, pid)
        send(sock, pid)  # its time runs from now on
    bodies.add(pid, sock, order.channel)
    spares.need(len(bodies.by_pid))


def _close(*socks: socket.socket) -> None:
    for sock in socks:
        sock.close()


def _warm(modules: Iterable[str]) -> bool:
    """Import what is not imported yet; tell whether there was anything."""
    known = len(sys.modules)
    for name in modules:
        if name not in sys.modules:
            with contextlib.suppress(Exception):  # the body will meet the same fault, where it can be told
                importlib.import_module(name)
    return len(sys.modules) != known


def _run(order: Order) -> int:
    channel = socket.socket(socket.AF_UNIX)  # open until the process ends
    channel.connect(order.channel)
    result: int = _function(order.function)(order.argument, channel)
    return result


def _function(name: str) -> Any:
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)
