"""Write an entry beside the others, then move it among them: it is there whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import shutil
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vibe_magic.payload import Packed, reseal
from vibe_magic.store import layout
from vibe_magic.store.entry import Draft, Entry, content_digest, encode, meta_of_draft, place

_COMPRESS_BYTES = 1 << 16
_JOINED_BYTES = 1 << 20
_ATTEMPTS = 100
_TAKEN = (errno.ENOTEMPTY, errno.EEXIST, errno.EACCES if os.name == "nt" else errno.EEXIST)


@contextmanager
def appearing(root: Path, path: str) -> Iterator[str]:
    """Give a new directory to fill; then it becomes `path`, in place of what was there.

    Raises
    ------
    OSError
        It cannot be made or moved; nothing is left behind.
    """
    draft = layout.temporary(root)
    try:
        _make(draft, root)
        yield draft
        _move(draft, path, root)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _make(draft: str, root: Path) -> None:
    try:
        os.mkdir(draft)
    except FileNotFoundError:
        layout.prepare(root)
        os.mkdir(draft)


def _move(draft: str, path: str, root: Path) -> None:
    """Rename; of several writers of one entry, each replaces what the one before it wrote."""
    for attempt in range(_ATTEMPTS):
        try:
            os.rename(draft, path)
            return
        except FileNotFoundError:  # the asset's first entry, or all was just removed
            os.makedirs(os.path.dirname(path), exist_ok=True)
        except OSError as error:
            if attempt == _ATTEMPTS - 1 or error.errno not in _TAKEN:
                raise
            layout.discard(path, root)
            time.sleep(_jitter() * attempt * 1e-4)
    raise FileNotFoundError(path)


def _jitter() -> float:
    """Return a number from 0 to 1 without touching the generator that notebooks draw from."""
    return os.urandom(1)[0] / 255


def write_draft(root: Path, path: str, draft: Draft, secret: bytes) -> dict[str, Any]:
    """Store a draft as the entry at `path`; return its metadata."""
    with appearing(root, path) as directory:
        meta = meta_of_draft(draft)
        meta["groups"] = {
            label: _write_group(directory, f"g{number}.bin", _place(draft, label), packed, secret)
            for number, (label, packed) in enumerate(draft.groups.items())
        }
        meta["outputs"] = _write_outputs(directory, draft.outputs)
        return _write_meta(directory, meta, secret)


def write_accepted(
    root: Path, path: str, entry: Entry, changes: Mapping[str, Any], secret: bytes
) -> dict[str, Any]:
    """Store a copy of an entry under another key, values and outputs as they are."""
    meta = {**_meta_of_entry(entry), **changes}
    with appearing(root, path) as directory:
        for label, group in entry.groups.items():
            old = place(entry.asset, entry.key, entry.observed, label)
            new = place(meta["asset"], meta["key"], meta["observed"], label)
            sealed = reseal(entry.path / group.file, secret, old, new)
            _write(os.path.join(directory, group.file), sealed.pieces)
            meta["groups"][label]["signature"] = sealed.signature
        if entry.outputs_file:
            shutil.copyfile(entry.path / entry.outputs_file, os.path.join(directory, entry.outputs_file))
        return _write_meta(directory, meta, secret)


def read_outputs(data: bytes, compressed: bool) -> tuple[dict[str, Any], ...]:
    """Read outputs back."""
    text = (zlib.decompress(data) if compressed else data).decode("utf-8", "surrogatepass")
    return tuple(json.loads(text))


def _write_group(directory: str, file: str, place: str, packed: Packed, secret: bytes) -> dict[str, Any]:
    sealed = packed.seal(secret, place)
    _write(os.path.join(directory, file), sealed.pieces)
    return {
        "file": file,
        "names": packed.names,
        "externals": packed.externals,
        "nbytes": sealed.nbytes,
        "signature": sealed.signature,
        "inert": packed.inert,
    }


def _place(draft: Draft, label: str) -> str:
    return place(draft.asset, draft.key, draft.observed, label)


def _write(path: str, pieces: Sequence[bytes | memoryview]) -> None:
    with open(path, "xb", buffering=0) as file:
        if sum(len(piece) for piece in pieces) <= _JOINED_BYTES:
            pieces = [b"".join(pieces)]
        for piece in pieces:
            left = memoryview(piece)
            while left:  # a raw file may take less than all, at most 2 GB on Linux
                left = left[file.write(left) :]


def _write_outputs(directory: str, outputs: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    if not outputs:
        return {"file": "", "digest": "", "nbytes": 0}
    data = json.dumps(outputs, ensure_ascii=False).encode("utf-8", "surrogatepass")
    name = "outputs.json"
    if len(data) > _COMPRESS_BYTES:
        data, name = zlib.compress(data, 1), "outputs.json.z"
    _write(os.path.join(directory, name), [data])
    return {"file": name, "digest": content_digest(data), "nbytes": len(data)}


def _write_meta(directory: str, meta: dict[str, Any], secret: bytes) -> dict[str, Any]:
    files = [*meta["groups"].values(), meta["outputs"]]
    meta["nbytes"] = sum(file["nbytes"] for file in files)
    meta["trace"] = meta.pop("trace")  # last, being long
    _write(os.path.join(directory, layout.META), [encode(meta, secret)])
    return meta


def _meta_of_entry(entry: Entry) -> dict[str, Any]:
    draft = Draft(
        entry.asset,
        entry.key,
        entry.observed,
        {},
        (),
        entry.trace,
        entry.created_at,
        entry.duration_s,
        entry.kind,
        entry.notebook,
        entry.ttl_s,
    )
    sizes = sum(group.nbytes for group in entry.groups.values())
    return meta_of_draft(draft) | {
        "groups": {
            label: {name: getattr(group, name) for name in group.__slots__}
            for label, group in entry.groups.items()
        },
        "outputs": {
            "file": entry.outputs_file,
            "digest": entry.outputs_digest,
            "nbytes": entry.nbytes - sizes,
        },
    }
