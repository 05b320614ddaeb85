"""Where things are in a cache directory; the only place that knows.

::

    .vibe_magic/
        .gitignore  CACHEDIR.TAG
        assets/features-5f0c1a9e/        one asset; `pinned` is here if it is never evicted
            <key 16><observed 16>/       one entry: meta.json, g0.bin …, outputs.json, used
        locks/  tmp/

A directory under ``assets`` that holds a ``meta.json`` is an entry, whole. What is being written or
removed is under ``tmp``, in a name that tells whose it is.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import secrets
import shutil
import socket
import time
from contextlib import suppress
from pathlib import Path

ASSETS = "assets"
LOCKS = "locks"
TEMPORARY = "tmp"
META = "meta.json"
USED = "used"
PINNED = "pinned"
OUTPUT = "output.bin"

_SLUG_CHARS = 40
_CACHEDIR_TAG = """Signature: 8a477f597d28d172789f06886806bc55
# This directory is a cache made by vibe_magic. It can be deleted at any time.
# See https://bford.info/cachedir/
"""


def is_entry(name: str) -> bool:
    """Whether a directory of this name is an entry: 32 hexadecimal digits."""
    return re.fullmatch("[0-9a-f]{32}", name) is not None


@functools.lru_cache(maxsize=1024)
def asset_slug(asset: str) -> str:
    """Return a directory name: legible, legal everywhere, distinct even where case is not."""
    slug = re.sub(r"[^A-Za-z0-9_]+", "_", asset)[:_SLUG_CHARS].strip("_") or "asset"
    digest = hashlib.blake2b(asset.encode("utf-8", "surrogatepass"), digest_size=4)
    return f"{slug}-{digest.hexdigest()}"


def entry_name(key: str, observed: str) -> str:
    """Return the name of an entry's directory."""
    return key[:16] + observed[:16]


def prepare(root: Path) -> None:
    """Make the cache directory and mark it as one, for git and for backup programs.

    Raises
    ------
    OSError
        It cannot be made.
    """
    for part in (ASSETS, TEMPORARY):
        (root / part).mkdir(parents=True, exist_ok=True)
    for name, text in ((".gitignore", "*\n"), ("CACHEDIR.TAG", _CACHEDIR_TAG)):
        if not (root / name).exists():
            (root / name).write_text(text, encoding="utf-8")


def temporary(root: str | Path) -> str:
    """Return a new name under ``tmp`` that says which process on which machine it belongs to."""
    owner = f"{machine()}-{os.getpid()}-{_own_start(os.getpid())}"
    return os.path.join(root, TEMPORARY, f"{owner}-{secrets.token_hex(8)}")


@functools.lru_cache(maxsize=1)
def machine() -> str:
    """Return a digest of host, boot and process namespace: where a process id means something."""
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text())
    with suppress(OSError):
        parts.append(os.readlink("/proc/self/ns/pid"))
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=6).hexdigest()


@functools.lru_cache(maxsize=4)
def _own_start(pid: int) -> int:
    return process_start(pid) or 0


def process_start(pid: int) -> int | None:
    """Return a number that tells a process from a later one of its id; None if it is gone."""
    if os.path.exists("/proc/self/stat"):
        return _linux_start(pid)
    if os.name != "posix":
        return 0  # cannot be told without a library; then only age decides
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass  # alive, somebody else's
    return 0


def _linux_start(pid: int) -> int | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    state, *fields = stat.rpartition(")")[2].split()
    return None if state == "Z" else int(fields[18])


def discard(path: str | Path, root: Path) -> None:
    """Remove an entry so that it is there whole or not at all.

    Raises
    ------
    OSError
        It cannot be removed.
    """
    trash = temporary(root)
    try:
        os.makedirs(root / TEMPORARY, exist_ok=True)
        os.rename(path, trash)
    except FileNotFoundError:
        return
    except OSError:  # a file that is open on Windows; without its metadata an entry does not exist
        Path(path, META).unlink(missing_ok=True)
        trash = os.fspath(path)
    shutil.rmtree(trash, ignore_errors=True)


_FOREIGN_AGE_S = 86_400.0


def sweep(root: Path, now: float | None = None) -> int:
    """Remove what writers that died left behind; return how many pieces.

    Pieces of another machine, or of an earlier boot, go when they are a day old.
    """
    removed = 0
    try:
        left = list(os.scandir(root / TEMPORARY))
    except OSError:
        return 0
    for item in left:
        if _is_orphan(item, time.time() if now is None else now):
            _remove(item)
            removed += 1
    return removed


def _is_orphan(item: os.DirEntry[str], now: float) -> bool:
    where, _, rest = item.name.partition("-")
    pid, _, rest = rest.partition("-")
    start = rest.partition("-")[0]
    if where == machine() and pid.isdecimal() and start.isdecimal():
        if process_start(int(pid)) != int(start):
            return True
        if os.name == "posix":
            return False
    try:
        return now - item.stat(follow_symlinks=False).st_mtime > _FOREIGN_AGE_S
    except OSError:
        return False


def _remove(item: os.DirEntry[str]) -> None:
    if item.is_dir(follow_symlinks=False):
        shutil.rmtree(item.path, ignore_errors=True)
    else:
        with suppress(OSError):
            os.unlink(item.path)
