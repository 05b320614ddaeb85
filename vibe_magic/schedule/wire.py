"""What goes over the sockets between kernel, workers and bodies: objects with their length in front."""

from __future__ import annotations

import contextlib
import os
import pickle
import shutil
import socket
import struct
import tempfile
import weakref
from dataclasses import dataclass
from typing import Any

__all__ = ["Clear", "Order", "SocketFolder", "Watch", "hang_up", "receive", "remove_own", "send"]

_LENGTH = struct.Struct("<Q")


@dataclass(frozen=True)
class Order:
    """What a body is to do; it lives as long as the connection on which it was ordered.

    Parameters
    ----------
    function : str
        ``module:name`` of what is called with `argument` and `channel`.
    argument : bytes
        Handed over as it is.
    channel : str
        Path of the socket where the body sends what it has to say.
    modules : tuple of str
        What to import before, for this body and all later ones.
    token : int
        Tells the bodies of one channel apart, for those who want to watch one.
    has_time : bool
        Whether a process that was not forked ahead gets ready first like one that was.
    """

    function: str
    argument: bytes
    channel: str
    modules: tuple[str, ...] = ()
    token: int = 0
    has_time: bool = False


@dataclass(frozen=True)
class Watch:
    """Asks to be told how a body ends that somebody else has ordered; it ends with this connection, too.

    Parameters
    ----------
    channel : str
        The channel of its order.
    token : int
        The token of its order.
    """

    channel: str
    token: int


@dataclass(frozen=True)
class Clear:
    """Asks for the end of all bodies of a channel.

    Parameters
    ----------
    channel : str
        Which.
    """

    channel: str


_PATH_LENGTH = 60
"""Of a directory for sockets, whose whole paths may be a hundred characters long."""


class SocketFolder:
    """A new directory for sockets that only this user can reach; it goes with the object.

    A process that was forked has the object, too: that one's end removes nothing.
    """

    def __init__(self) -> None:
        usual = tempfile.gettempdir()
        where = usual if len(usual) <= _PATH_LENGTH else "/tmp"
        self.name = tempfile.mkdtemp(prefix="vibe_magic_", dir=where)
        self.cleanup = weakref.finalize(self, remove_own, self.name, os.getpid())


def remove_own(folder: str | os.PathLike[str], owner: int) -> None:
    """Remove a directory, unless this is another process than its owner."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


def send(sock: socket.socket, message: object) -> None:
    """Send an object with its length in front."""
    data = pickle.dumps(message)
    sock.sendall(_LENGTH.pack(len(data)) + data)


def hang_up(sock: socket.socket) -> None:
    """End a connection, whichever other process has inherited it."""
    with sock, contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


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
