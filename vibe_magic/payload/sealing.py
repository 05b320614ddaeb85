"""Bytes on disk: one file per group of objects, signed and digested in every byte.

Layout, little-endian, every part padded with zeros to a multiple of 64 bytes::

    fixed part   magic, version, number of buffers, length of the stream, total length, signature
    table        per buffer: length, flags (1 = read-only), xxh3_128 of the buffer with its padding
    stream       pickle, protocol 5
    buffers      what the pickle keeps out of band, aligned for SIMD and for mapping

The signature is keyed BLAKE2b over everything but the buffers' contents, and over the name of the
place that the file belongs to, so that a signed file does not serve anywhere else. It is checked
before anything is unpickled. The digests in the table cover the rest.
"""

from __future__ import annotations

import hashlib
import hmac
import mmap
import os
import struct
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from vibe_magic.errors import CorruptEntry

__all__ = ["Sealed", "Unsealed", "reseal", "seal", "unseal"]

MAGIC = b"VIBEMAG\x01"
VERSION = 1
ALIGN = 64
READ_ONLY = 1
SMALL_BYTES = 1 << 20
"""Files up to this size are read, larger ones are mapped."""

_FIXED = struct.Struct("<8sHHIQQ32s")
_ROW = struct.Struct("<QQ16s")
_SIGNATURE_AT = _FIXED.size - 32


class Sealed(NamedTuple):
    """A file's content before it is written.

    Attributes
    ----------
    pieces : tuple
        The parts in order; the arrays' memory is referred to, not copied.
    nbytes : int
        Total length.
    signature : str
        The signature in hexadecimal; it identifies this very content.
    """

    pieces: tuple[bytes | memoryview, ...]
    nbytes: int
    signature: str


class Unsealed(NamedTuple):
    """A file whose signature and digests hold: the pickle stream and its buffers."""

    stream: memoryview
    buffers: tuple[memoryview, ...]

    def release(self) -> None:
        """Let the system take back the memory into which a mapped file has been read to check it."""
        mapped = self.stream.obj
        if isinstance(mapped, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            mapped.madvise(mmap.MADV_DONTNEED)


def seal(stream: bytes | memoryview, buffers: Sequence[memoryview], secret: bytes, place: str) -> Sealed:
    """Lay out, digest and sign a pickle stream with its buffers.

    Parameters
    ----------
    stream : bytes or memoryview
        The pickle stream.
    buffers : sequence of memoryview
        Contiguous, of unsigned bytes, in the order in which the pickle wants them.
    secret : bytes
        The key.
    place : str
        Name of the only place where the file may be read.

    Returns
    -------
    Sealed
    """
    body = [piece for buffer in buffers for piece in (buffer, _padding(buffer.nbytes)) if piece]
    rows = b"".join(_row(buffer) for buffer in buffers)
    table = rows + _padding(len(rows))
    head = [table, stream, _padding(len(stream))]
    nbytes = _FIXED.size + sum(len(p) for p in head) + sum(len(p) for p in body)
    fixed = _FIXED.pack(MAGIC, VERSION, 0, len(buffers), len(stream), nbytes, bytes(32))
    signature = _sign(secret, place, [fixed[:_SIGNATURE_AT], *head])
    pieces = (fixed[:_SIGNATURE_AT] + signature, *(piece for piece in head if piece), *body)
    return Sealed(pieces, nbytes, signature.hex())


def unseal(
    source: str | os.PathLike[str] | bytes, secret: bytes, place: str, signature: str | None = None
) -> Unsealed:
    """Read, check and take apart what `seal` made.

    Parameters
    ----------
    source : path or bytes
        A file, mapped copy on write if it is large, or its content.
    secret : bytes
        The key.
    place : str
        Where it was found.
    signature : str, optional
        The one signature expected, in hexadecimal.

    Raises
    ------
    CorruptEntry
        Anything at all differs from what was written under this secret for this place.
    FileNotFoundError, OSError
        The file is gone or cannot be read.
    """
    data = memoryview(bytearray(source)) if isinstance(source, bytes) else _content(source)
    where = place if isinstance(source, bytes) else os.fspath(source)
    try:
        return _checked(data, secret, place, signature)
    except _FormError as wrong:
        raise CorruptEntry(str(wrong), where) from None


def reseal(source: str | os.PathLike[str], secret: bytes, place: str, new_place: str) -> Sealed:
    """Sign a checked file anew for another place, without unpickling it."""
    found = unseal(source, secret, place)
    buffers = [part.toreadonly() if part.readonly else part for part in found.buffers]
    return seal(found.stream, buffers, secret, new_place)


class _FormError(Exception):
    """What does not hold."""


def _checked(data: memoryview, secret: bytes, place: str, signature: str | None) -> Unsealed:
    count, stream_bytes, given = _fixed(data)
    table_end = _FIXED.size + _aligned(count * _ROW.size)
    stream_end = table_end + _aligned(stream_bytes)
    if stream_end > len(data):
        raise _FormError("truncated")
    signed = [data[:_SIGNATURE_AT], data[_FIXED.size : stream_end]]
    if not hmac.compare_digest(given, _sign(secret, place, signed)):
        raise _FormError("the signature is not ours")
    if signature is not None and given.hex() != signature:
        raise _FormError("belongs to another run")
    rows = [_ROW.unpack_from(data, _FIXED.size + i * _ROW.size) for i in range(count)]
    return Unsealed(data[table_end : table_end + stream_bytes], tuple(_buffers(data, rows, stream_end)))


def _fixed(data: memoryview) -> tuple[int, int, bytes]:
    if len(data) < _FIXED.size:
        raise _FormError("truncated")
    magic, version, flags, count, stream_bytes, nbytes, given = _FIXED.unpack_from(data)
    if magic != MAGIC:
        raise _FormError("not a payload")
    if version != VERSION or flags:
        raise _FormError(f"format {version} is not known to this version")
    if nbytes != len(data) or stream_bytes > nbytes or count * _ROW.size > nbytes:
        raise _FormError("its length is wrong")
    return count, stream_bytes, given


def _buffers(data: memoryview, rows: Sequence[tuple[int, int, bytes]], at: int) -> Iterator[memoryview]:
    digest = _xxh3()
    for nbytes, flags, expected in rows:
        end = at + _aligned(nbytes)
        if end > len(data) or digest(data[at:end]) != expected:
            raise _FormError("the digest of a buffer is wrong")
        part = data[at : at + nbytes]
        yield part.toreadonly() if flags & READ_ONLY else part
        at = end
    if at != len(data):
        raise _FormError("its length is wrong")


def _content(path: str | os.PathLike[str]) -> memoryview:
    fd = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        nbytes = os.fstat(fd).st_size
        if nbytes > SMALL_BYTES:
            return _mapped(fd)
        with open(fd, "rb", buffering=0, closefd=False) as file:
            data = bytearray(nbytes)
            return memoryview(data)[: file.readinto(data)]
    finally:
        os.close(fd)


def _mapped(fd: int) -> memoryview:
    """Map a file copy on write.

    The shared lock tells eviction in other processes that the entry is in use. It belongs to the
    open file, of which the mapping keeps a duplicate, so it ends with the mapping or with the
    process, however that dies.
    """
    if sys.platform != "win32":
        import fcntl

        with suppress(OSError):  # no locks here, or just being evicted: it stays readable all the same
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    return memoryview(mmap.mmap(fd, 0, access=mmap.ACCESS_COPY))


def _row(buffer: memoryview) -> bytes:
    import xxhash

    state = xxhash.xxh3_128(buffer)
    state.update(_padding(buffer.nbytes))
    return _ROW.pack(buffer.nbytes, READ_ONLY if buffer.readonly else 0, state.digest())


def _sign(secret: bytes, place: str, parts: Sequence[bytes | memoryview]) -> bytes:
    key = secret if len(secret) <= 64 else hashlib.blake2b(secret).digest()
    state = hashlib.blake2b(digest_size=32, key=key, person=b"vibe_magic.data")
    name = place.encode("utf-8", "surrogatepass")
    state.update(struct.pack("<Q", len(name)) + name)
    for part in parts:
        state.update(part)
    return state.digest()


def _xxh3() -> Callable[[memoryview], bytes]:
    import xxhash

    return xxhash.xxh3_128_digest


def _aligned(nbytes: int) -> int:
    return -(-nbytes // ALIGN) * ALIGN


def _padding(nbytes: int) -> bytes:
    return bytes(_aligned(nbytes) - nbytes)
