"""Objects → pickle stream and buffers; or the reason why not."""

from __future__ import annotations

import re
import struct
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from vibe_magic.cell import unwarned
from vibe_magic.errors import Unpicklable
from vibe_magic.payload import loader
from vibe_magic.payload.context import Context
from vibe_magic.payload.packer import NanPacker, Packer, Witness, calm
from vibe_magic.payload.roundtrip import compare
from vibe_magic.payload.sealing import Sealed, seal

__all__ = ["Packed", "pack"]

_BY_NAME = b"\x8c\x08__main__"
"""How a stream spells a module that is not there when it is read: it may refer to a name in it."""

_PRECISE_BYTES = 1 << 16
"""Streams up to this size are read opcode by opcode to see what they refer to."""


class Packed(NamedTuple):
    """Objects as bytes that refer to their memory.

    Attributes
    ----------
    names : tuple of str
        The variables.
    externals : tuple of str
        Names of objects outside that are referred to and must be present when this is unpacked.
    stream : bytes
        The pickle stream.
    buffers : tuple of memoryview
        The out-of-band memory.
    nbytes : int
        Size, about what the file will take.
    inert : bool
        Whether they come back the same whenever they are read: nothing of the notebook is needed for it.
    """

    names: tuple[str, ...]
    externals: tuple[str, ...]
    stream: bytes
    buffers: tuple[memoryview, ...]
    nbytes: int
    inert: bool = False

    def seal(self, secret: bytes, place: str) -> Sealed:
        """Lay out, digest and sign for the one place where it may be read."""
        return seal(self.stream, self.buffers, secret, place)


@unwarned()
def pack(objects: Mapping[str, object], context: Context) -> Packed:
    """Pack variables that belong together into one piece; read it back if types in it may come back changed.

    What they share stays shared. Functions and classes of the notebook follow the rules of
    `Context`.

    Parameters
    ----------
    objects : mapping of str to object
        Variables by name.
    context : Context
        Where they live.

    Returns
    -------
    Packed

    Raises
    ------
    Unpicklable
        With the variable, the type of the object that is the cause, and the reason.
    """
    try:
        packed, doubtful = _packed(objects, context)
    except Exception as error:
        raise _diagnosis(objects, context, error) from error
    if doubtful or _BY_NAME in packed.stream:
        _try_back(packed, objects, context)
    return packed


_NAN = rb"G[\x7f\xff][\xf8-\xff]"


def _packed(objects: Mapping[str, object], context: Context) -> tuple[Packed, bool]:
    root = _root(objects)
    packer = _dumped(Packer, root, context, objects, frozenset())
    kind: type[Packer] = Packer
    if re.search(_NAN, packer.file.getbuffer()):
        kind = NanPacker
    keep = packer.views.shared()
    if keep or kind is not Packer:
        packer = _dumped(kind, root, context, objects, keep)
    return _finished(packer, tuple(objects)), packer.doubtful


def _root(objects: Mapping[str, object]) -> tuple[list[object], list[int]]:
    """Return the distinct objects, and each name's place among them; memo alone forgets numbers."""
    distinct: dict[int, tuple[int, object]] = {}
    places = [distinct.setdefault(id(o), (len(distinct), o))[0] for o in objects.values()]
    return [value for _, value in distinct.values()], places


def _dumped(
    kind: type[Packer],
    root: object,
    context: Context,
    objects: Mapping[str, object],
    keep: frozenset[int],
) -> Packer:
    packer = kind(context, objects, keep)
    with calm():
        packer.dump(root)
    return packer


def _finished(packer: Packer, names: tuple[str, ...]) -> Packed:
    body = packer.file.getbuffer()
    references = tuple(packer.references)
    used = _used(body, references)
    stream = b"".join([b"\x80\x05", *_prelude(references, used), body])
    nbytes = len(stream) + sum(buffer.nbytes for buffer in packer.buffers)
    externals = tuple(name for name in references if name in used)
    inert = packer.inert and not externals and _BY_NAME not in stream
    return Packed(names, externals, stream, tuple(packer.buffers), nbytes, inert)


def _prelude(references: Iterable[str], used: frozenset[str]) -> Iterator[bytes]:
    """Yield opcodes that fill the reader's memo as the packer's was: namespace, externals."""
    for name in ("", *references):
        if name and name not in used:
            yield b"N\x940"
        else:
            text = name.encode("utf-8", "surrogatepass")
            yield b"X" + struct.pack("<I", len(text)) + text + b"Q\x940"


def _used(body: memoryview, references: tuple[str, ...]) -> frozenset[str]:
    """Return the externals that the stream gets from the memo.

    A search for the opcode errs on the side of too many; short streams are read exactly.
    """
    maybe = {n: i for i, n in enumerate(references, 1) if re.search(_get(i), body)}
    if maybe and len(body) <= _PRECISE_BYTES:
        import pickletools

        gets = {arg for op, arg, _ in pickletools.genops(bytes(body)) if op.name.endswith("BINGET")}
        maybe = {name: index for name, index in maybe.items() if index in gets}
    return frozenset(maybe)


def _get(index: int) -> bytes:
    return re.escape(b"h" + bytes([index]) if index < 256 else b"j" + struct.pack("<I", index))


def _try_back(packed: Packed, objects: Mapping[str, object], context: Context) -> None:
    try:
        back = _read_back(packed, objects, context)
    except Exception as error:
        raise _refusal(objects, context, error) from error
    compare(objects, back)


def _read_back(packed: Packed, objects: Mapping[str, object], context: Context) -> dict[str, object]:
    """Unpack where the variables do not exist yet, as in the next session."""
    namespace = {name: v for name, v in context.namespace.items() if name not in objects}
    then = Context(namespace, context.externals)
    with _figures_untouched():
        return loader.load(packed.stream, packed.buffers, then, packed.names)


@contextmanager
def _figures_untouched() -> Iterator[None]:
    """Forget the windows that pyplot opens for figures that are read back."""
    pylab = sys.modules.get("matplotlib._pylab_helpers")
    before = None if pylab is None else pylab.Gcf.figs.copy()
    try:
        yield
    finally:
        if pylab is not None and before is not None:
            pylab.Gcf.figs.clear()
            pylab.Gcf.figs.update(before)


def _refusal(objects: Mapping[str, object], context: Context, error: BaseException) -> Unpicklable:
    for name, value in objects.items():
        try:
            packed, _ = _packed({name: value}, context)
            _read_back(packed, objects, context)
        except Exception as own:  # noqa: BLE001 - objects raise anything; it is returned
            return Unpicklable(name, type(value).__qualname__, f"cannot be read back: {_text(own)}")
    name, value = next(iter(objects.items()))
    return Unpicklable(name, type(value).__qualname__, f"cannot be read back: {_text(error)}")


def _diagnosis(objects: Mapping[str, object], context: Context, error: BaseException) -> Unpicklable:
    """Find the first variable that fails alone, and the object in it."""
    for name, value in objects.items():
        witness = Witness(context, objects)
        try:
            with calm():
                witness.dump(value)
        except Exception as own:  # noqa: BLE001 - objects raise anything; it is returned
            return Unpicklable(name, _culprit(witness.last, value, own), _text(own))
    name, value = next(iter(objects.items()))
    return Unpicklable(name, type(value).__qualname__, _text(error))


def _culprit(last: object, value: object, error: BaseException) -> str:
    guilty = value if last is None or isinstance(error, RecursionError) else last
    return type(guilty).__qualname__


def _text(error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    line = " ".join(str(error).split()) or type(error).__name__
    return line if len(line) <= 200 else line[:199] + "…"
