"""The command line: arguments to calls, results to text, outcomes to exit codes.

Exit codes: 0 done, 1 a cell failed, 2 bad usage or input, 4 the kernel died.
"""

from __future__ import annotations

import sys

import click

from vibe_magic import __version__
from vibe_magic.errors import VibeMagicError

from .cache import cache
from .notebooks import graph, run, status, why

__all__ = ["main"]


def main() -> None:
    """Run the command line and leave the process with its exit code."""
    try:
        sys.exit(_commands(standalone_mode=False) or 0)
    except click.ClickException as error:
        click.echo(f"vibe-magic: {error.format_message()}", err=True)
        sys.exit(2)
    except click.exceptions.Exit as leave:
        sys.exit(leave.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("vibe-magic: interrupted", err=True)
        sys.exit(130)
    except VibeMagicError as error:
        click.echo(f"vibe-magic: {error}", err=True)
        sys.exit(2)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="vibe-magic")
def _commands() -> None:
    """Run notebooks whose cells are cached, and look at what is fresh, stale and why."""


for _command in (run, status, why, graph, cache):
    _commands.add_command(_command)
