"""Options and settings that the commands share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from vibe_magic.config import Settings, parse_age, resolve
from vibe_magic.errors import VibeMagicError

__all__ = ["Age", "cache_option", "json_option", "settings_of"]


class Age(click.ParamType[float]):
    """A duration such as ``1h30m``."""

    name = "age"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Read a duration such as ``1h30m``."""
        try:
            return parse_age(value)
        except VibeMagicError as error:
            self.fail(str(error), param, ctx)


def cache_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Let a command take the place of the cache."""
    option = click.option("--cache-dir", default="", metavar="DIR", help="Where results are kept.")
    return option(command)


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Let a command write its answer for machines."""
    option = click.option(
        "--json",
        "json_path",
        default="",
        metavar="FILE",
        help="Write the answer as JSON; - is standard output.",
    )
    return option(command)


def settings_of(base: Path, cache_dir: str) -> Settings:
    """Return the settings that hold in a folder."""
    given = {"cache_dir": str(Path(cache_dir).absolute())} if cache_dir else {}
    return resolve(base, os.environ, None, given)
