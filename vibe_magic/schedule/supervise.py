"""What a worker of a backend does: get a body, wait for its end, keep its time."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from .nursery import nursery_of_this_process
from .wire import Order, SocketFolder, Watch, hang_up, receive, send

__all__ = ["Call", "Verdict", "end_with", "greet", "supervise"]

_PARENT_POLL_S = 0.5
_ACCEPT_S = 0.05
_START_LIMIT_S = 120.0
"""How long a nursery may take to get ready, and to import what a body needs."""


@dataclass(frozen=True)
class Call:
    """A body to be waited for, or to be begun, by whichever worker gets it.

    Parameters
    ----------
    order : Order
        What the body does. Its channel is that of the process that submits.
    nursery : str
        The address of that process's nursery; another machine has one of its own.
    preload : str
        What a nursery does at once.
    threads : int
        How many threads numeric libraries may use in each body.
    submitter : int
        Process that submits, in case the worker is its child and should end with it.
    timeout_s : float or None
        After which the body is ended.
    begun : bool
        Whether the body has begun in that process's nursery, so that there must not be another one.
    greeting : object
        What the worker says on the channel when it has got such a call; None for nothing.
    """

    order: Order
    nursery: str
    preload: str
    threads: int
    submitter: int
    timeout_s: float | None = None
    begun: bool = False
    greeting: object = None


class Verdict(NamedTuple):
    """How a body ended.

    Parameters
    ----------
    status : int or None
        Its exit status, negative for a signal; None if it was ended for taking too long.
    messages : tuple
        What it said, where its channel could not be reached.
    is_far : bool
        Whether nothing is known of it, since it has begun where the worker cannot see it.
    """

    status: int | None
    messages: tuple[Any, ...] = ()
    is_far: bool = False


def supervise(call: Call) -> Verdict:
    """Wait for the end of a body; begin it first, unless it has begun."""
    end_with(call.submitter)
    heard = os.path.exists(call.order.channel)
    near = heard and os.path.exists(call.nursery)
    if call.begun and not near:
        return Verdict(None, is_far=True)
    if call.begun:
        with _connected(call.nursery, Watch(call.order.channel, call.order.token)) as sock:
            greet(call.order.channel, call.greeting)
            return Verdict(_wait(sock, call.timeout_s))
    address = call.nursery if near else nursery_of_this_process(call.preload, call.threads).address
    if heard:
        with _connected(address, call.order) as sock:
            return Verdict(_wait(sock, call.timeout_s))
    with (
        _Collector() as collector,
        _connected(address, replace(call.order, channel=collector.address)) as sock,
    ):
        return Verdict(_wait(sock, call.timeout_s), collector.messages())


def greet(channel: str, greeting: object) -> None:
    """Say something on a channel, if this is where that is."""
    if greeting is not None and os.path.exists(channel):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(channel)
            send(sock, greeting)


@contextlib.contextmanager
def _connected(address: str, message: Order | Watch) -> Iterator[socket.socket]:
    """Give a connection to a nursery that has got a message."""
    sock = socket.socket(socket.AF_UNIX)
    try:
        sock.connect(address)
        send(sock, message)
        yield sock
    finally:
        hang_up(sock)


def _wait(sock: socket.socket, timeout_s: float | None) -> int | None:
    """Return the exit status of a body; closing the connection ends one that takes too long.

    Raises
    ------
    RuntimeError
        It was never begun, or the process that has forked it is gone.
    """
    begun, _, _ = select.select([sock], [], [], _START_LIMIT_S)
    if not begun or receive(sock) is None:
        raise RuntimeError("no process could be started for it")
    ready, _, _ = select.select([sock], [], [], timeout_s)
    if not ready:
        return None
    status = receive(sock)
    if status is None:
        raise RuntimeError("the process that it was forked from is gone")
    return int(status)


class _Collector:
    """Takes what a body says where nobody listens."""

    def __init__(self) -> None:
        self._folder = SocketFolder()
        self.address = os.path.join(self._folder.name, "channel")
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.settimeout(_ACCEPT_S)
        self._ended = threading.Event()
        self._messages: list[Any] = []

    def __enter__(self) -> _Collector:
        self._listener.bind(self.address)
        self._listener.listen(1)
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._listener.close()
        self._folder.cleanup()

    def _collect(self) -> None:
        sock = None
        while sock is None:
            ended = self._ended.is_set()  # before looking: who has called by now is still in line
            try:
                sock, _ = self._listener.accept()
            except OSError:
                if ended:
                    return
        with sock:
            while (message := receive(sock)) is not None:
                self._messages.append(message)

    def messages(self) -> tuple[Any, ...]:
        """Return everything that was said by a body that has ended."""
        self._ended.set()
        self._thread.join(5)
        return tuple(self._messages)


_watching: list[int] = []


def end_with(submitter: int) -> None:
    """Let this process end with the one that submits, if that started it.

    Backends that know what an initializer is have their workers do this before the first call, since a worker
    that never gets one would wait on for minutes; the others do it with the first call.
    """
    if os.getppid() != submitter or os.getpid() in _watching:
        return
    _watching[:] = [os.getpid()]

    def watch() -> None:
        while os.getppid() == submitter:
            time.sleep(_PARENT_POLL_S)
        os._exit(1)

    threading.Thread(target=watch, name="vibe_magic parent", daemon=True).start()
