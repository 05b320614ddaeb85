"""A clean process that forks one body after another.

Whatever the backend, a cell body runs in a process of its own: what it does to process state ends with it,
and so do a crash, ``os._exit``, a timeout or an interrupt, without harm to the worker that waits for it.
Forking is safe here, since this process never runs code of the notebook: no threads, no pools of BLAS or
OpenMP. It has imported what bodies are going to need, so a body starts within milliseconds and shares that
memory with all others.

The process that starts a nursery holds its standard input; when that ends, however, the nursery ends its
bodies and itself. Each body has a connection with whoever ordered it and with those who watch it; when one of
these ends, the body is killed.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import weakref

from .wire import Clear, Order, SocketFolder, receive, send

__all__ = ["LIMITS", "Nursery", "nursery_of_this_process"]


class Nursery:
    """Starts the process and asks it for bodies.

    Parameters
    ----------
    preload : str
        ``module:name`` of what is called at once, to prepare what all bodies need; see `bodies.serve`.
    threads : int
        How many threads numeric libraries may use in each body.
    """

    def __init__(self, preload: str, threads: int) -> None:
        self.threads = threads
        self._folder = SocketFolder()
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
            cwd=self._folder.name,  # which lasts, unlike the directory that somebody is in
            env={**os.environ, **_limits(threads), "PYTHONPATH": _path()},
        )
        listener.close()
        self._end = weakref.finalize(self, _end, self.process, os.getpid())

    @property
    def alive(self) -> bool:
        """Whether it still answers; directories for temporary files are swept by some systems."""
        return self.process.poll() is None and os.path.exists(self.address)

    def order(self, order: Order) -> socket.socket:
        """Have a body begin; it ends with the connection that this returns, on which its end is told.

        Raises
        ------
        OSError
            The process does not answer.
        """
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.connect(self.address)
            send(sock, order)
        except OSError:
            sock.close()
            raise
        return sock

    def clear(self, channel: str) -> None:
        """End all bodies that speak to a channel."""
        with socket.socket(socket.AF_UNIX) as sock, contextlib.suppress(OSError):
            sock.connect(self.address)
            send(sock, Clear(channel))
            receive(sock)

    def close(self) -> None:
        """End it and all its bodies."""
        self._end()
        self._folder.cleanup()


def _end(process: subprocess.Popen[bytes], owner: int) -> None:
    """End a process that ends with its input, unless this is another process than the one that started it."""
    if os.getpid() != owner:
        return
    assert process.stdin is not None
    process.stdin.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(2)
    process.kill()
    process.wait()


_MAIN = "import sys; from vibe_magic.schedule.bodies import serve; serve(int(sys.argv[1]), sys.argv[2])"

_POOLS = ("OMP", "OPENBLAS", "MKL", "BLIS", "VECLIB_MAXIMUM", "NUMBA", "NUMEXPR")
LIMITS = (*(f"{name}_NUM_THREADS" for name in _POOLS), "LOKY_MAX_CPU_COUNT")
"""The variables that keep bodies side by side from taking all cores each."""


def _path() -> str:
    return os.pathsep.join(os.path.abspath(entry) for entry in sys.path if entry)


def _limits(threads: int) -> dict[str, str]:
    return {name: str(threads) for name in LIMITS if name not in os.environ}


_own: list[tuple[int, Nursery]] = []
_lock = threading.Lock()


def nursery_of_this_process(preload: str, threads: int) -> Nursery:
    """Return the nursery of this process that limits threads like this; a new one if none lives.

    The others stay: bodies may be running there.
    """
    with _lock:
        mine = [nursery for pid, nursery in _own if pid == os.getpid() and nursery.threads == threads]
        if mine and mine[0].alive:
            return mine[0]
        for former in mine:
            former.close()
        others = [(pid, nursery) for pid, nursery in _own if pid == os.getpid() and nursery not in mine]
        _own[:] = [(os.getpid(), Nursery(preload, threads)), *others]
        return _own[0][1]
