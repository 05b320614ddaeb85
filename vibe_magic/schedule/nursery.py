"""A clean process that forks one body after another.

Whatever the backend, a cell body runs in a process of its own: what it does to process state ends with it,
and so do a crash, ``os._exit``, a timeout or an interrupt, without harm to the worker that waits for it.
Forking is safe here, since this process never runs code of the notebook: no threads, no pools of BLAS or
OpenMP. It has imported what bodies are going to need, so a body starts within milliseconds and shares that
memory with all others.

The process that starts a nursery holds its standard input; when that ends, however, the nursery ends its
bodies and itself. Each body has a connection with whoever asked for it; when that ends, the body is killed.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pickle
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["LIMITS", "Nursery", "Order", "nursery_of_this_process", "receive", "send"]

_LENGTH = struct.Struct("<Q")
_START_LIMIT_S = 60.0
_PARENT_POLL_MS = 500


@dataclass(frozen=True)
class Order:
    """What a body is to do.

    Parameters
    ----------
    function : str
        ``module:name`` of what is called with `argument` and `channel`; empty to end all bodies.
    argument : bytes
        Handed over as it is.
    channel : str
        Path of the socket where the body sends what it has to say.
    modules : tuple of str
        What to import before, for this body and all later ones.
    """

    function: str
    argument: bytes
    channel: str
    modules: tuple[str, ...] = ()


def send(sock: socket.socket, message: object) -> None:
    """Send an object with its length in front."""
    data = pickle.dumps(message)
    sock.sendall(_LENGTH.pack(len(data)) + data)


def receive(sock: socket.socket) -> Any:
    """Return the next object; None at the end of the connection."""
    head = _exactly(sock, _LENGTH.size)
    if head is None:
        return None
    data = _exactly(sock, _LENGTH.unpack(head)[0])
    return None if data is None else pickle.loads(data)


def _exactly(sock: socket.socket, count: int) -> bytes | None:
    data = bytearray()
    while len(data) < count:
        try:
            part = sock.recv(min(count - len(data), 1 << 20))
        except OSError:
            part = b""
        if not part:
            return None
        data += part
    return bytes(data)


class Nursery:
    """Starts the process and asks it for bodies.

    Parameters
    ----------
    preload : str
        ``module:name`` of what is called at once, to prepare what all bodies need.
    threads : int
        How many threads numeric libraries may use in each body.
    """

    def __init__(self, preload: str, threads: int) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="vibe_magic_", ignore_cleanup_errors=True)
        self.address = os.path.join(self._folder.name, "nursery")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.address)
        listener.listen(128)
        command = [sys.executable, "-c", _MAIN, str(listener.fileno()), preload]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=[listener.fileno()],
            start_new_session=True,
            env={**os.environ, **_limits(threads), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        listener.close()

    @property
    def alive(self) -> bool:
        """Whether it still answers."""
        return self.process.poll() is None

    def clear(self) -> None:
        """End all bodies."""
        with socket.socket(socket.AF_UNIX) as sock, contextlib.suppress(OSError):
            sock.connect(self.address)
            send(sock, Order("", b"", ""))
            receive(sock)

    def close(self) -> None:
        """End it and all its bodies."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(2)
        self.process.kill()
        self.process.wait()
        self._folder.cleanup()


_MAIN = "import sys; from vibe_magic.schedule.nursery import serve; serve(int(sys.argv[1]), sys.argv[2])"

_POOLS = ("OMP", "OPENBLAS", "MKL", "BLIS", "VECLIB_MAXIMUM", "NUMBA", "NUMEXPR")
LIMITS = (*(f"{name}_NUM_THREADS" for name in _POOLS), "LOKY_MAX_CPU_COUNT")
"""The variables that keep bodies side by side from taking all cores each."""


def _limits(threads: int) -> dict[str, str]:
    return {name: str(threads) for name in LIMITS if name not in os.environ}


_own: list[tuple[int, Nursery]] = []
_lock = threading.Lock()


def nursery_of_this_process(preload: str, threads: int) -> Nursery:
    """Return the nursery of this process, starting one if there is none that lives."""
    with _lock:
        if not _own or _own[0][0] != os.getpid() or not _own[0][1].alive:
            _own[:] = [(os.getpid(), Nursery(preload, threads))]
        return _own[0][1]


# Inside the process


@dataclass
class _Bodies:
    """The bodies that live, with the connections of those who wait for them."""

    by_pid: dict[int, socket.socket] = field(default_factory=dict)

    def reap(self) -> None:
        """Tell of bodies that have ended how they did."""
        while self.by_pid:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            sock = self.by_pid.pop(pid, None)
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

    def kill_all(self) -> None:
        """End everything."""
        for pid in self.by_pid:
            _kill(pid)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def serve(listening: int, preload: str) -> None:
    """Fork bodies until standard input ends."""
    listener = socket.socket(fileno=listening)
    _function(preload)()
    wake, woken = socket.socketpair()
    woken.setblocking(False)
    wake.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
    bodies, parent = _Bodies(), os.getppid()
    while True:
        poll = select.poll()
        for fd in (0, listener.fileno(), wake.fileno()):
            poll.register(fd, select.POLLIN)
        waiting = {sock.fileno(): sock for sock in bodies.by_pid.values()}
        for fd in waiting:
            poll.register(fd, select.POLLRDHUP | select.POLLHUP)
        if os.getppid() != parent:  # a process that was forked may hold the other end of standard input
            bodies.kill_all()
            os._exit(0)
        for fd, _ in poll.poll(_PARENT_POLL_MS):
            if fd == 0:
                bodies.kill_all()
                os._exit(0)
            elif fd == wake.fileno():
                with contextlib.suppress(BlockingIOError):
                    wake.recv(4096)
            elif fd == listener.fileno():
                _admit(listener, bodies)
            else:
                bodies.kill(waiting[fd])
                poll.unregister(fd)
        bodies.reap()


def _admit(listener: socket.socket, bodies: _Bodies) -> None:
    sock, _ = listener.accept()
    sock.settimeout(_START_LIMIT_S)
    order = receive(sock)
    if order is None or not order.function:
        if order is not None:
            bodies.kill_all()
        sock.close()
        return
    _warm(order.modules)
    pid = os.fork()
    if pid:
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)
        bodies.by_pid[pid] = sock
        return
    status = 1
    try:
        os.setpgid(0, 0)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        listener.close()
        for other in bodies.by_pid.values():
            other.close()
        sock.close()
        status = _run(order)
    finally:
        os._exit(status)


def _warm(modules: Iterable[str]) -> None:
    for name in modules:
        if name not in sys.modules:
            with contextlib.suppress(Exception):  # the body will meet the same fault, where it can be told
                importlib.import_module(name)


def _run(order: Order) -> int:
    channel = socket.socket(socket.AF_UNIX)
    channel.connect(order.channel)
    result: int = _function(order.function)(order.argument, channel)
    return result


def _function(name: str) -> Any:
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)
