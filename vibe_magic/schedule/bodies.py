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
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from .spares import Spares, nothing
from .wire import Clear, Order, Watch, receive, send

__all__ = ["serve"]

_START_LIMIT_S = 60.0
_PARENT_POLL_MS = 500
_LULL_MS = 20
"""After so long without an event there is time for forking ahead."""
_INPUT = 0
"""The descriptor whose end means that nobody needs this process any more."""


@dataclass
class _Body:
    """A process that was ordered.

    Parameters
    ----------
    pid : int
        Its number.
    order : Order
        What it does.
    owner : socket
        The connection of whoever ordered it, who may learn of its end as long as this lasts.
    watchers : list of socket
        The connections of others who wait for its end.
    status : int or None
        How it has ended.
    lost : bool
        Whether it was ended since one who waited for it has gone, which says nothing about what it did.
    """

    pid: int
    order: Order
    owner: socket.socket
    watchers: list[socket.socket] = field(default_factory=list)
    status: int | None = None
    lost: bool = False

    @property
    def socks(self) -> tuple[socket.socket, ...]:
        """All connections."""
        return (self.owner, *self.watchers)

    def end(self, status: int) -> None:
        """Tell everybody how it has ended."""
        self.status = status
        for sock in self.socks:
            _tell(sock, status)
        for sock in self.watchers:
            sock.close()
        self.watchers.clear()


@dataclass
class _Bodies:
    """The bodies that live, and those that have ended as long as somebody may ask how."""

    found: list[_Body] = field(default_factory=list)

    @property
    def socks(self) -> list[socket.socket]:
        """The connections of all who wait for one."""
        return [sock for body in self.found for sock in body.socks]

    @property
    def polled(self) -> list[socket.socket]:
        """Those whose end would be news: a body that was killed for one of them is waited for first."""
        told = (body for body in self.found if not body.lost or body.status is not None)
        return [sock for body in told for sock in body.socks]

    def reap(self) -> None:
        """Tell of bodies that have ended how they did."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            for body in self.found:
                if body.pid == pid and body.status is None:
                    _kill(pid)  # what it has started and left behind
                    body.end(os.waitstatus_to_exitcode(status))

    def watch(self, wanted: Watch, sock: socket.socket) -> None:
        """Tell how a body ends, or has ended; hang up if there is none, or no longer."""
        for body in self.found:
            if not body.lost and (body.order.channel, body.order.token) == (wanted.channel, wanted.token):
                _tell(sock, body.pid)
                if body.status is None:
                    body.watchers.append(sock)
                    return
                _tell(sock, body.status)
        sock.close()

    def hung_up(self, fds: Collection[int]) -> None:
        """End the bodies in which somebody has lost interest, and forget those that nobody can ask for."""
        for body in list(self.found):
            gone = any(sock.fileno() in fds for sock in body.socks)
            if gone and body.status is None:
                body.lost = True
                _kill(body.pid)
            if body.owner.fileno() in fds and body.status is not None:
                body.owner.close()
                self.found.remove(body)

    def kill_all(self, channel: str = "") -> None:
        """End everything, or all that speaks to one channel."""
        for body in self.found:
            if body.status is None and channel in ("", body.order.channel):
                _kill(body.pid)


def _tell(sock: socket.socket, number: int) -> None:
    with contextlib.suppress(OSError):
        send(sock, number)


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
        waiting = {sock.fileno() for sock in bodies.polled}
        limit_ms = _LULL_MS if spares.lacking else _PARENT_POLL_MS
        ready = _ready((_INPUT, listener.fileno(), wake.fileno()), waiting, limit_ms)
        if _INPUT in ready:
            break
        if listener.fileno() in ready:
            _admit(listener, bodies, spares)
        if not ready and spares.lacking:
            spares.add(partial(_close, listener, *bodies.socks))
        bodies.hung_up(ready & waiting)
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
    match receive(sock):
        case Order() as order:
            _begin(order, sock, bodies, spares, partial(_close, listener, sock, *bodies.socks))
        case Watch() as wanted:
            bodies.watch(wanted, sock)
        case asked:
            if isinstance(asked, Clear):
                bodies.kill_all(asked.channel)
            sock.close()


def _begin(
    order: Order, sock: socket.socket, bodies: _Bodies, spares: Spares, close: Callable[[], None]
) -> None:
    if _warm(order.modules):
        spares.discard()
    pid = spares.give(order, close)
    with contextlib.suppress(OSError):
        os.setpgid(pid, pid)
    _tell(sock, pid)  # its time runs from now on
    bodies.found.append(_Body(pid, order, sock))


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
