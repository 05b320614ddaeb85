"""Settings, durations and sizes, resolved once into one frozen value.

Later sources win over earlier ones: defaults, ``[tool.vibe_magic]`` in pyproject.toml, the IPython
profile, ``VIBE_MAGIC_*`` in the environment, ``%config VibeMagic``, options of a command. Nothing
here reads ``os.environ`` or the working directory: both are arguments.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, NamedTuple

from vibe_magic.errors import ConfigError

__all__ = [
    "ENV_PREFIX",
    "Settings",
    "format_age",
    "format_size",
    "parse_age",
    "parse_size",
    "project_root",
    "resolve",
]

ENV_PREFIX = "VIBE_MAGIC_"
"""What the environment variables that hold settings begin with."""

_NOT_SETTINGS = frozenset({"FORCE", "SECRET"})
"""Variables of ours that are no settings: what to run anyway, and the shared signing secret."""

_UNIT_S = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_AGE = "(?i)" + "".join(rf"(?:([0-9]+(?:\.[0-9]+)?){unit})?" for unit in _UNIT_S)
_NUMBER = r"[0-9]+(?:\.[0-9]+)?|\.[0-9]+"
_SIZE = r"(?i)([0-9]+(?:\.[0-9]+)?)\s*([kmgtp]?)(i?)b?"
_BOOLS = dict.fromkeys(("1", "true", "yes", "on"), True) | dict.fromkeys(("0", "false", "no", "off"), False)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set, as it stands.

    Parameters
    ----------
    cache_dir : Path
        Where results are kept; absolute.
    cache_size : int
        Bytes that the store may take before it evicts.
    ttl : float or None
        Seconds after which results expire where a cell says nothing; None is never.
    run_upstream : bool
        Whether running an asset first brings its stale upstream assets up to date.
    quiet : bool
        Whether the status line after a cell is left out.
    store : bool
        Whether results are kept and looked up at all; without it every cell runs.
    n_jobs : int
        How many workers bring assets up to date, as joblib counts: -1 is as many as there are cores.
    engine : str
        The joblib backend that has these workers; empty for loky, or what `joblib.parallel_config` selects.
    """

    cache_dir: Path
    cache_size: int = 10 * 10**9
    ttl: float | None = None
    run_upstream: bool = True
    quiet: bool = False
    store: bool = True
    n_jobs: int = 1
    engine: str = ""


class _Layer(NamedTuple):
    """Settings as one source spells them."""

    values: Mapping[str, Any]
    where: str  # in front of a key in messages
    base: Path  # what relative paths are relative to


def resolve(
    start: Path,
    environ: Mapping[str, str],
    profile: Mapping[str, Any] | None = None,
    *overrides: Mapping[str, Any],
) -> Settings:
    """Combine all sources of settings.

    Parameters
    ----------
    start : Path
        Directory of the notebook, or the working directory.
    environ : mapping of str to str
        The environment.
    profile : mapping, optional
        What the IPython profile sets.
    *overrides : mapping
        Further sources in rising precedence: ``%config``, then options. None is as if absent.

    Returns
    -------
    Settings

    Raises
    ------
    ConfigError
        For an unknown key or a value of the wrong form; says which, and where it stands.
    """
    root = project_root(start)
    layers = [
        _Layer(_pyproject(root / "pyproject.toml"), f"{root / 'pyproject.toml'}: ", root),
        _Layer(profile or {}, "VibeMagic.", start),
        _Layer(_environment(environ), ENV_PREFIX, start),
        *(_Layer(_given(values), "VibeMagic.", start) for values in overrides),
    ]
    settings = Settings(cache_dir=root / ".vibe_magic")
    for layer in layers:
        settings = replace(settings, **dict(_parsed(layer)))
    return settings


def project_root(start: Path) -> Path:
    """Return the nearest directory from `start` up with pyproject.toml or .git, else `start`."""
    start = start.absolute()
    for folder in (start, *start.parents):
        if (folder / "pyproject.toml").is_file() or (folder / ".git").exists():
            return folder
    return start


def parse_age(text: str | float) -> float:
    """Read a duration such as ``90s``, ``1d12h`` or ``60`` (seconds).

    Returns
    -------
    float
        Seconds, zero or more.

    Raises
    ------
    ConfigError
        If it is no duration.
    """
    written = str(text).strip()
    if re.fullmatch(_NUMBER, written):
        return float(written)
    match = re.fullmatch(_AGE, written)
    if not written or not match:
        raise ConfigError(
            f"{written!r} is not a duration", fix="write 90s, 30m, 2h, 1d12h or a number of seconds"
        )
    amounts = zip(match.groups(), _UNIT_S.values(), strict=True)
    return math.fsum(float(amount) * unit_s for amount, unit_s in amounts if amount)


def format_age(seconds: float) -> str:
    """Write a duration for a person, such as ``3 ms``, ``4.2 s``, ``12 min``, ``2 h``, ``5 d``."""
    if seconds < 0.000_95:
        return "<1 ms" if seconds > 0 else "0 s"
    if seconds < 0.9995:
        return f"{seconds * 1e3:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    for unit_s, unit, limit in ((1, "s", 99.5), (60, "min", 99.5), (3600, "h", 47.5)):
        if seconds / unit_s < limit:
            return f"{seconds / unit_s:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"


def parse_size(text: str | int) -> int:
    """Read a size such as ``500MB``, ``10 GiB`` or ``1000`` (bytes).

    Returns
    -------
    int
        Bytes.

    Raises
    ------
    ConfigError
        If it is no size.
    """
    match = re.fullmatch(_SIZE, str(text).strip())
    if not match:
        raise ConfigError(f"{text!r} is not a size", fix="write 500MB, 10GB, 2GiB or bytes")
    amount, prefix, binary = match.groups()
    step = 1024 if binary else 1000
    power = " kmgtp".index(prefix.lower() or " ")
    return round(float(amount) * float(step) ** power)


def format_size(nbytes: int) -> str:
    """Write a size for a person, in powers of 1000: ``812 B``, ``4.2 kB``, ``41 MB``."""
    amount, unit = float(nbytes), "B"
    for larger in ("kB", "MB", "GB", "TB", "PB"):
        if amount < 999.5:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.1f} {unit}" if unit != "B" and amount < 9.95 else f"{amount:.0f} {unit}"


def _pyproject(path: Path) -> Mapping[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return {}
    if "vibe_magic" not in text:  # most projects: spares the parser's import
        return {}
    import tomllib

    try:
        table = tomllib.loads(text).get("tool", {}).get("vibe_magic", {})
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"is not valid TOML ({error})", str(path)) from None
    if not isinstance(table, dict):
        raise ConfigError("tool.vibe_magic is not a table", str(path))
    return table


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    names = {name.removeprefix(ENV_PREFIX): name for name in environ if name.startswith(ENV_PREFIX)}
    return {
        key.lower(): environ[name]
        for key, name in sorted(names.items())
        if key not in _NOT_SETTINGS and environ[name] != ""
    }


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _parsed(layer: _Layer) -> Iterator[tuple[str, Any]]:
    known = [field.name for field in fields(Settings)]
    for key, value in layer.values.items():
        where = layer.where + (key.upper() if layer.where == ENV_PREFIX else key)
        if key not in known:
            raise ConfigError("no such setting", where, f"known are {', '.join(known)}")
        try:
            parsed = _PARSERS[key](value)
        except ConfigError as error:
            raise ConfigError(error.what, where, error.fix) from None
        yield key, (layer.base / parsed).absolute() if isinstance(parsed, Path) else parsed


def _path(value: Any) -> Path:
    if not isinstance(value, (str, Path)) or not str(value).strip():
        raise ConfigError(f"{value!r} is not a path", fix="name a directory")
    return Path(value).expanduser()


def _ttl(value: Any) -> float | None:
    never = value is None or str(value).strip().lower() in ("", "never", "none")
    return None if never else parse_age(value)


def _bool(value: Any) -> bool:
    found = _BOOLS.get(str(value).strip().lower())
    if found is None:
        raise ConfigError(f"{value!r} is neither true nor false", fix="write true or false")
    return found


def _count(value: Any) -> int:
    written = str(value).strip()
    if not re.fullmatch(r"-?[0-9]+", written) or int(written) == 0:
        raise ConfigError(f"{value!r} is no number of workers", fix="write 4, or -1 for all cores")
    return int(written)


_PARSERS: Mapping[str, Callable[[Any], Any]] = {
    "cache_dir": _path,
    "cache_size": parse_size,
    "ttl": _ttl,
    "run_upstream": _bool,
    "quiet": _bool,
    "store": _bool,
    "n_jobs": _count,
    "engine": lambda value: str(value).strip(),
}
