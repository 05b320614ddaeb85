"""Commands on a cache: look at what is stored, and tidy it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vibe_magic.config import format_age, format_size, parse_size
from vibe_magic.errors import UsageError
from vibe_magic.report import write_json

from .options import Age, cache_option, json_option, settings_of

if TYPE_CHECKING:
    from vibe_magic.store import Entry, Store

__all__ = ["cache"]


@click.group()
def cache() -> None:
    """Look at what is stored here, and tidy it."""


def _store(cache_dir: str) -> Store:
    from vibe_magic.payload import user_secret
    from vibe_magic.store import Store

    settings = settings_of(Path.cwd(), cache_dir)
    return Store(
        settings.cache_dir,
        secret=user_secret(),
        size_limit=settings.cache_size,
        warn=lambda line: click.echo(f"vibe-magic: {line}", err=True),
    )


def _results(cache_dir: str, names: tuple[str, ...] = ()) -> list[Entry]:
    store = _store(cache_dir)
    return [e for e in store.entries() if e.kind == "asset" and (not names or e.asset in names)]


def _entry_row(entry: Entry) -> dict[str, Any]:
    return {
        "asset": entry.asset,
        "created_at": entry.created_at,
        "duration_s": entry.duration_s,
        "nbytes": entry.nbytes,
        "names": list(entry.names),
        "pinned": entry.pinned,
        "path": str(entry.path),
    }


@cache.command("list")
@click.argument("names", nargs=-1)
@cache_option
@json_option
def cache_list(names: tuple[str, ...], cache_dir: str, json_path: str) -> None:
    """List stored results, newest first."""
    from vibe_magic.session.render import text_table

    entries = _results(cache_dir, names)
    if json_path:
        write_json(json_path, [_entry_row(entry) for entry in entries])
    if json_path != "-":
        now = time.time()
        rows = [
            (
                e.asset,
                f"{format_age(max(0.0, now - e.created_at))} ago",
                format_age(e.duration_s),
                format_size(e.nbytes),
                ", ".join(n for n in e.names if n.isidentifier())[:60],
            )
            for e in entries
        ]
        header = ("asset", "computed", "took", "size", "names")
        click.echo(text_table(header, rows, {2, 3}) if rows else "nothing is stored here")


@cache.command("show")
@click.argument("name")
@cache_option
@json_option
def cache_show(name: str, cache_dir: str, json_path: str) -> None:
    """Show what is known of an asset's newest result."""
    entries = _results(cache_dir, (name,))
    if not entries:
        raise UsageError(f"nothing is stored of {name!r}", "cache show", "see cache list")
    entry = entries[0]
    if json_path:
        write_json(json_path, {**_entry_row(entry), "trace": entry.trace})
    if json_path != "-":
        click.echo(_described(entry))


def _described(entry: Entry) -> str:
    trace = entry.trace
    versions = [f"{name} {version}" for name, version in trace["packages"].items()]
    rows = {
        "asset": entry.asset,
        "computed": time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.created_at)),
        "took": format_age(entry.duration_s),
        "size": format_size(entry.nbytes),
        "binds": ", ".join(n for n in entry.names if n.isidentifier()),
        "inputs": ", ".join(sorted(trace["inputs"])),
        "files": ", ".join([*trace["files"], *trace["written"]]),
        "environment": ", ".join(trace["env"]),
        "packages": ", ".join([trace["python"], *versions]),
        "stored in": str(entry.path),
    }
    lines = [f"{key:12} {value}" for key, value in rows.items() if value]
    return "\n".join([*lines, "", trace["source"].rstrip()])


@cache.command("clear")
@click.argument("names", nargs=-1)
@click.option("--older", type=Age(), metavar="AGE", help="Only results older than this.")
@click.option("--all", "everything", is_flag=True, help="All results.")
@cache_option
def cache_clear(names: tuple[str, ...], older: float | None, everything: bool, cache_dir: str) -> None:
    """Remove stored results."""
    if not names and not everything and older is None:
        raise UsageError("nothing to remove is named", "cache clear", "give names, --older or --all")
    store = _store(cache_dir)
    removed = sum(store.clear(name, older_s=older) for name in names or (None,))
    click.echo(f"removed {removed} stored result{'s' * (removed != 1)}")


@cache.command("prune")
@click.argument("size", required=False, default="")
@cache_option
def cache_prune(size: str, cache_dir: str) -> None:
    """Evict what is cheapest to compute again until the cache is within SIZE, such as 5GB."""
    freed = _store(cache_dir).prune(parse_size(size) if size else None)
    click.echo(f"freed {format_size(freed)}")


@cache.command("verify")
@cache_option
def cache_verify(cache_dir: str) -> int:
    """Check every byte that is stored."""
    problems = _store(cache_dir).verify()
    for path, what in problems:
        click.echo(f"{path}: {what}")
    click.echo("all results are sound" if not problems else f"{len(problems)} damaged")
    return 1 if problems else 0


@cache.command("stats")
@cache_option
@json_option
def cache_stats(cache_dir: str, json_path: str) -> None:
    """Say how much is stored and what it took to compute."""
    stats = _store(cache_dir).stats()
    if json_path:
        write_json(json_path, stats)
    if json_path != "-":
        limit = stats["limit_bytes"]
        click.echo(
            f"{stats['entries']} results of {stats['assets']} cells, "
            f"{format_size(int(stats['nbytes'] or 0))}"
            + (f" of {format_size(int(limit))}" if limit else "")
            + f", {format_age(float(stats['saved_s'] or 0))} of computing"
        )
