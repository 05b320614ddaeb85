"""What a worker of a backend does: get a body, wait for its end, keep its time."""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from .nursery import Nursery, nursery_of_this_process
from .wire import Order, SocketFolder, receive, send

__all__ = ["Call", "Verdict", "end_with", "supervise"]

_PARENT_POLL_S = 0.5
_START_LIMIT_S = 120.0
"""How long a nursery may take to get ready, and to import what a body needs."""


@dataclass(frozen=True)
class Call:
    """A body to be run by whichever worker gets it.

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
    """

    order: Order
    nursery: str
    preload: str
    threads: int
    submitter: int
    timeout_s: float | None = None


class Verdict(NamedTuple):
    """How a body ended.

    Parameters
    ----------
    status : int or None
        Its exit status, negative for a signal; None if it was ended for taking too long.
    messages : tuple
        What it said, where its channel could not be reached.
    """

    status: int | None
    messages: tuple[Any, ...] = ()


def supervise(call: Call) -> Verdict:
    """Run a body and wait for its end."""
    end_with(call.submitter)
    near = os.path.exists(call.order.channel)
    if near:
        return Verdict(_wait(_asked(call, call.order), call.timeout_s))
    with _Collector() as collector:
        status = _wait(_asked(call, replace(call.order, channel=collector.address)), call.timeout_s)
        return Verdict(status, collector.messages())


def _asked(call: Call, order: Order) -> socket.socket:
    """Return a connection to a nursery that has taken the order."""
    sock = socket.socket(socket.AF_UNIX)
    try:
        _connect(sock, call)
        send(sock, order)
    except OSError:
        sock.close()
        raise
    return sock


def _connect(sock: socket.socket, call: Call) -> None:
    """Reach the nursery of the process that submits, or else this one's."""
    try:
        sock.connect(call.nursery)
    except OSError:
        own: Nursery = nursery_of_this_process(call.preload, call.threads)
        sock.connect(own.address)


def _wait(sock: socket.socket, timeout_s: float | None) -> int | None:
    """Return the exit status of a body; closing the connection ends one that takes too long.

    Raises
    ------
    RuntimeError
        It was never begun.
    """
    with sock:
        begun, _, _ = select.select([sock], [], [], _START_LIMIT_S)
        if not begun or receive(sock) is None:
            raise RuntimeError("no process could be started for it")
        ready, _, _ = select.select([sock], [], [], timeout_s)
        if not ready:
            return None
        status = receive(sock)
        return -9 if status is None else int(status)


class _Collector:
    """Takes what a body says where nobody listens."""

    def __init__(self) -> None:
        self._folder = SocketFolder()
        self.address = os.path.join(self._folder.name, "channel")
        self._listener = socket.socket(socket.AF_UNIX)
        self._messages: list[Any] = []

    def __enter__(self) -> _Collector:
        self._listener.bind(self.address)
        self._listener.listen(1)
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self._folder.cleanup()

    def _collect(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError:
            return
        with sock:
            while (message := receive(sock)) is not None:
                self._messages.append(message)

    def messages(self) -> tuple[Any, ...]:
        """Return everything that was said by a body that has ended."""
        self._listener.shutdown(socket.SHUT_RDWR)
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
