"""The header of an asset cell: a name and options, as typed, resolved into one frozen value."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from vibe_magic.config import parse_age
from vibe_magic.errors import UsageError

__all__ = ["OPTIONS", "Option", "Spec", "parse_header"]


@dataclass(frozen=True, slots=True)
class Spec:
    """What a cell's ``%%asset`` line asks for.

    Parameters
    ----------
    name : str or None
        The name given; None leaves it to the first name that the cell binds.
    ttl_s : float or None
        Seconds after which a result expires; None never (or as configured), 0 always runs.
    out : tuple of str or None
        Only these of the names that the cell binds are kept.
    deps, ignore, files, env : tuple of str
        Further assets, discounted inputs, files or globs, environment variables.
    no_cache, force, quiet : bool
        Never store; run even if fresh; show no status line.
    lazy, background : bool
        Run when a cell reads what it binds; run in a worker while the kernel goes on.
    engine : str
        The joblib backend that runs it, even alone; ``local`` is the kernel, empty as configured.
    retry : int
        How often to try again what failed.
    timeout_s : float or None
        Seconds after which a run is ended; None for no limit.
    """

    name: str | None = None
    ttl_s: float | None = None
    out: tuple[str, ...] | None = None
    deps: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    no_cache: bool = False
    force: bool = False
    quiet: bool = False
    lazy: bool = False
    background: bool = False
    engine: str = ""
    retry: int = 0
    timeout_s: float | None = None

    @property
    def deferred(self) -> bool:
        """Whether its cell is to be passed without waiting for the result."""
        return self.lazy or self.background

    @property
    def apart(self) -> bool:
        """Whether it asks for what only a process of its own can give, even when it runs alone."""
        limited = self.retry > 0 or self.timeout_s is not None
        return limited or self.engine not in ("", "local")

    @property
    def params(self) -> Mapping[str, str]:
        """The options that shape the stored result, so that they are part of its identity."""
        shaping = {"out": self.out, "ignore": self.ignore, "deps": self.deps}
        return {key: ",".join(value) for key, value in shaping.items() if value}


class Option(NamedTuple):
    """One option of the header: its field in :class:`Spec`, its form, and its one-line help."""

    field: str
    metavar: str
    help: str
    parse: Callable[[str], Any] | None = None


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _age(text: str) -> float:
    return parse_age(text)


def _count(text: str) -> int:
    if not text.isdecimal():
        raise UsageError(f"{text!r} is no number of attempts", "%%asset", "write --retry 3")
    return int(text)


OPTIONS: Mapping[str, Option] = {
    "--ttl": Option("ttl_s", "AGE", "expires this long after it was computed; 0 always runs", _age),
    "--out": Option("out", "NAMES", "keep only these of the names it binds", _names),
    "--deps": Option("deps", "NAMES", "depends on these assets too", _names),
    "--ignore": Option("ignore", "NAMES", "these inputs do not count", _names),
    "--file": Option("files", "PATHS", "files or globs that count", _names),
    "--env": Option("env", "NAMES", "environment variables that count", _names),
    "--engine": Option("engine", "NAME", "the joblib backend that runs it; local is the kernel", str),
    "--retry": Option("retry", "N", "try again so often what fails, after a growing pause", _count),
    "--timeout": Option("timeout_s", "AGE", "end a run that takes longer", _age),
    "--no-cache": Option("no_cache", "", "a node of the graph that is never stored"),
    "--force": Option("force", "", "run it even if fresh"),
    "--lazy": Option("lazy", "", "compute when a cell that reads its names runs"),
    "--background": Option("background", "", "compute in a worker, and go on; readers wait"),
    "--quiet": Option("quiet", "", "no status line"),
}


@lru_cache(maxsize=512)
def parse_header(line: str) -> Spec:
    """Read the line ``%%asset [NAME] [options]``.

    Parameters
    ----------
    line : str
        The header, with or without the leading ``%%asset``.

    Raises
    ------
    UsageError
        For an unknown option, a missing or malformed value, or a second name.
    """
    words = _words(line.strip().removeprefix("%%asset"))
    fields: dict[str, Any] = {}
    while words:
        word = words.pop(0)
        if word.startswith("-"):
            _take_option(word, words, fields)
        elif "name" in fields:
            raise UsageError(f"a second name, {word!r}", "%%asset", "give one name, then options")
        else:
            fields["name"] = _asset_name(word)
    if fields.get("lazy") and fields.get("background"):
        raise UsageError("--lazy and --background exclude each other", "%%asset", "give one of them")
    return Spec(**fields)


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise UsageError(f"cannot be read ({error})", "%%asset", "check the quotes") from error


def _take_option(word: str, words: list[str], fields: dict[str, Any]) -> None:
    flag, equals, inline = word.partition("=")
    option = OPTIONS.get(flag)
    if option is None:
        raise UsageError(f"no option {flag}", "%%asset", f"known are {', '.join(OPTIONS)}")
    if option.parse is None:
        if equals:
            raise UsageError(f"{flag} takes no value", "%%asset", f"write {flag} alone")
        fields[option.field] = True
        return
    if not equals and (not words or words[0] in OPTIONS):
        raise UsageError(f"{flag} needs a value", "%%asset", f"write {flag} {option.metavar}")
    value = option.parse(inline if equals else words.pop(0))
    repeated = isinstance(value, tuple) and isinstance(fields.get(option.field), tuple)
    fields[option.field] = fields[option.field] + value if repeated else value


def _asset_name(word: str) -> str:
    if not word.isprintable() or any(sign in word for sign in ",=*<>"):
        raise UsageError(f"{word!r} cannot name an asset", "%%asset", "use letters and digits")
    return word
