"""The command line: arguments to calls, results to text, outcomes to exit codes.

Exit codes: 0 done, 1 a cell failed, 2 bad usage or input, 4 the kernel died.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vibe_magic import __version__
from vibe_magic.config import Settings, format_age, format_size, parse_age, parse_size, resolve
from vibe_magic.errors import UsageError, VibeMagicError
from vibe_magic.report import run_json, run_table, write_json

if TYPE_CHECKING:
    from vibe_magic.notebook import Notebook, RunReport
    from vibe_magic.session.plan import Plan
    from vibe_magic.store import Entry, Store

__all__ = ["main"]

_CODES = {"ok": 0, "failed": 1, "timeout": 1, "died": 4, "interrupted": 130}


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


class _Age(click.ParamType[float]):
    name = "age"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Read a duration such as ``1h30m``."""
        try:
            return parse_age(value)
        except VibeMagicError as error:
            self.fail(str(error), param, ctx)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="vibe-magic")
def _commands() -> None:
    """Run notebooks whose cells are cached, and look at what is fresh, stale and why."""


def _cache_option(command: Callable[..., Any]) -> Callable[..., Any]:
    option = click.option("--cache-dir", default="", metavar="DIR", help="Where results are kept.")
    return option(command)


def _json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    option = click.option(
        "--json",
        "json_path",
        default="",
        metavar="FILE",
        help="Write the answer as JSON; - is standard output.",
    )
    return option(command)


# Notebooks


@_commands.command()
@click.argument("notebook")
@click.option("-o", "--output", default="", metavar="OUT", help="Write the notebook with outputs.")
@click.option("--inplace", is_flag=True, help="Write the outputs into the notebook itself.")
@click.option("--force", default="", metavar="NAMES", help="Run these even if fresh; * is all.")
@click.option("--timeout", type=_Age(), metavar="AGE", help="Limit for each cell.")
@click.option("--kernel", default="", metavar="NAME", help="Kernel to run it in.")
@_cache_option
@_json_option
def run(
    notebook: str,
    output: str,
    inplace: bool,
    force: str,
    timeout: float | None,
    kernel: str,
    cache_dir: str,
    json_path: str,
) -> int:
    """Run a notebook; only what is stale is computed."""
    if output and inplace:
        raise UsageError("-o and --inplace exclude each other", "run", "give one of them")
    from vibe_magic.notebook import run_notebook

    book = _read(notebook)
    report = run_notebook(
        book,
        force=[name.strip() for name in force.split(",") if name.strip()],
        timeout_s=timeout,
        kernel=kernel,
        cache_dir=cache_dir,
        progress=_progress(),
    )
    _write_notebook(report, str(book.path) if inplace else output)
    data = run_json(report.to_json(), _not_reached(book, report, cache_dir))
    if json_path:
        write_json(json_path, data)
    if json_path != "-":
        click.echo(run_table(data))
    if report.error:
        click.echo(report.error, err=True)
    return _CODES[report.status]


def _read(path: str) -> Notebook:
    from vibe_magic.notebook.reading import read_notebook

    return read_notebook(path)


def _progress() -> Callable[[int, int, str], None]:
    """Return what shows one calm line on a terminal, and nothing elsewhere."""
    if not sys.stderr.isatty():
        return lambda done, total, text: None

    def show(done: int, total: int, text: str) -> None:
        line = f"\r\x1b[K{done}/{total}  {text}" if text else "\r\x1b[K"
        sys.stderr.write(line)
        sys.stderr.flush()

    return show


def _write_notebook(report: RunReport, path: str) -> None:
    if not path:
        return
    target = Path(path)
    draft = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        draft.write_text(report.text(), encoding="utf-8")
        os.replace(draft, target)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise UsageError(f"cannot be written ({error.strerror})", path, "check the folder") from None


def _not_reached(book: Notebook, report: RunReport, cache_dir: str) -> list[str]:
    if report.status == "ok":
        return []
    done = {record["name"] for record in report.assets}
    return [s.name for s in _plan(book, cache_dir).assets if s.name not in done]


def _settings(base: Path, cache_dir: str) -> Settings:
    given = {"cache_dir": str(Path(cache_dir).absolute())} if cache_dir else {}
    return resolve(base, os.environ, None, given)


def _plan(book: Notebook, cache_dir: str) -> Plan:
    from vibe_magic.session.plan import plan_notebook

    sys.path.insert(0, str(book.folder))
    return plan_notebook(book.code_cells, book.folder, _settings(book.folder, cache_dir), time.time())


def _status_row(status: Any) -> dict[str, Any]:
    return {
        "name": status.name,
        "state": status.state,
        "causes": list(dict.fromkeys(cause.kind for cause in status.causes)),
        "evidence": [
            {"kind": c.kind, "subject": c.subject, "detail": c.detail, "diff": c.diff} for c in status.causes
        ],
        "created_at": status.created_at,
        "duration_s": status.duration_s,
        "nbytes": status.nbytes,
        "note": status.note,
    }


@_commands.command()
@click.argument("notebook")
@_cache_option
@_json_option
def status(notebook: str, cache_dir: str, json_path: str) -> None:
    """Say which assets are fresh, and why the others are not; starts no kernel."""
    from vibe_magic.session.render import status_table

    plan = _plan(_read(notebook), cache_dir)
    if json_path:
        rows = [_status_row(found) for found in plan.assets]
        write_json(json_path, {"notebook": notebook, "assets": rows, "notes": plan.notes})
    if json_path != "-":
        click.echo(status_table(plan.assets, time.time()))
        for note in plan.notes:
            click.echo(f"note: {note}")


@_commands.command()
@click.argument("notebook")
@click.argument("name")
@_cache_option
@_json_option
def why(notebook: str, name: str, cache_dir: str, json_path: str) -> None:
    """Say why an asset is not fresh, with what changed; starts no kernel."""
    from vibe_magic.session.render import why_text

    plan = _plan(_read(notebook), cache_dir)
    found = next((s for s in plan.assets if s.name == name), None)
    if found is None:
        known = ", ".join(s.name for s in plan.assets) or "none"
        raise UsageError(f"no asset {name!r}", notebook, f"it has {known}")
    if json_path:
        write_json(json_path, _status_row(found))
    if json_path != "-":
        click.echo(why_text(found))


@_commands.command()
@click.argument("notebook")
@_cache_option
@_json_option
def graph(notebook: str, cache_dir: str, json_path: str) -> None:
    """Show what depends on what; starts no kernel."""
    from vibe_magic.session.render import graph_text

    plan = _plan(_read(notebook), cache_dir)
    states = {found.name: found.state for found in plan.assets}
    if json_path:
        upstream = {name: list(needs) for name, needs in plan.graph.upstream.items()}
        write_json(json_path, {"states": states, "upstream": upstream})
    if json_path != "-":
        click.echo(graph_text(plan.graph, states))


# The cache


@_commands.group()
def cache() -> None:
    """Look at what is stored here, and tidy it."""


def _store(cache_dir: str) -> Store:
    from vibe_magic.payload import user_secret
    from vibe_magic.store import Store

    settings = _settings(Path.cwd(), cache_dir)
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
@_cache_option
@_json_option
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
@_cache_option
@_json_option
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
@click.option("--older", type=_Age(), metavar="AGE", help="Only results older than this.")
@click.option("--all", "everything", is_flag=True, help="All results.")
@_cache_option
def cache_clear(names: tuple[str, ...], older: float | None, everything: bool, cache_dir: str) -> None:
    """Remove stored results."""
    if not names and not everything and older is None:
        raise UsageError("nothing to remove is named", "cache clear", "give names, --older or --all")
    store = _store(cache_dir)
    removed = sum(store.clear(name, older_s=older) for name in names or (None,))
    click.echo(f"removed {removed} stored result{'s' * (removed != 1)}")


@cache.command("prune")
@click.argument("size", required=False, default="")
@_cache_option
def cache_prune(size: str, cache_dir: str) -> None:
    """Evict what is cheapest to compute again until the cache is within SIZE, such as 5GB."""
    freed = _store(cache_dir).prune(parse_size(size) if size else None)
    click.echo(f"freed {format_size(freed)}")


@cache.command("verify")
@_cache_option
def cache_verify(cache_dir: str) -> int:
    """Check every byte that is stored."""
    problems = _store(cache_dir).verify()
    for path, what in problems:
        click.echo(f"{path}: {what}")
    click.echo("all results are sound" if not problems else f"{len(problems)} damaged")
    return 1 if problems else 0


@cache.command("stats")
@_cache_option
@_json_option
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
