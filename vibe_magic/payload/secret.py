"""The secret that signs what this user stores."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

__all__ = ["user_secret"]

_BYTES = 32
_process_secret = secrets.token_bytes(_BYTES)


def user_secret(
    environ: Mapping[str, str] = os.environ,
    directory: Path | None = None,
    warn: Callable[[str], None] | None = None,
) -> bytes:
    """Return the key with which entries are signed.

    ``VIBE_MAGIC_SECRET`` makes a cache shareable among all who know it. Without it, a random key is
    kept in a file that only this user may read. Where there can be no such file, the key lasts as
    long as the process, so that nothing which others may have written is ever trusted.

    Parameters
    ----------
    environ : mapping
        The environment.
    directory : Path, optional
        Where the key file is; the user's data directory by default.
    warn : callable, optional
        Told, in one line, why the key lasts only as long as the process.

    Returns
    -------
    bytes
        32 bytes.
    """
    shared = environ.get("VIBE_MAGIC_SECRET")
    if shared:
        return hashlib.blake2b(shared.encode("utf-8", "surrogateescape"), digest_size=32).digest()
    path = (directory or _data_directory()) / "secret"
    try:
        return _from_file(path)
    except OSError as error:
        if warn is not None:
            reason = error.strerror or error
            warn(f"{path}: no signing key ({reason}); results last as long as this process")
        return _process_secret


def _data_directory() -> Path:
    import platformdirs

    return Path(platformdirs.user_data_dir("vibe_magic", appauthor=False))


def _from_file(path: Path) -> bytes:
    try:
        return _read(path)
    except FileNotFoundError:
        _create(path)
        return _read(path)


def _read(path: Path) -> bytes:
    with open(path, "rb") as file:
        if os.name == "posix" and os.fstat(file.fileno()).st_mode & 0o077:
            raise OSError(errno.EPERM, "others may read it; delete it or chmod 600")
        secret = file.read(_BYTES + 1)
    if len(secret) != _BYTES:
        raise OSError(errno.EINVAL, f"it is not {_BYTES} bytes long; delete it")
    return secret


def _create(path: Path) -> None:
    """Write a new key; of several processes that do so at once, the first one wins."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f"secret.{secrets.token_hex(8)}")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    try:
        with open(fd, "wb") as file:
            file.write(secrets.token_bytes(_BYTES))
        with suppress(FileExistsError):
            _link(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _link(draft: Path, path: Path) -> None:
    try:
        os.link(draft, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if not path.exists():
            os.replace(draft, path)
