"""Commands on a notebook: run it, or say what is fresh, stale and why without a kernel."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vibe_magic.errors import UsageError
from vibe_magic.report import run_json, run_table, write_json

from .options import Age, cache_option, json_option, settings_of

if TYPE_CHECKING:
    from vibe_magic.notebook import Notebook, RunReport
    from vibe_magic.session.plan import Plan

__all__ = ["graph", "run", "status", "why"]

_CODES = {"ok": 0, "failed": 1, "timeout": 1, "died": 4, "interrupted": 130}


@click.command()
@click.argument("notebook")
@click.option("-o", "--output", default="", metavar="OUT", help="Write the notebook with outputs.")
@click.option("--inplace", is_flag=True, help="Write the outputs into the notebook itself.")
@click.option("--force", default="", metavar="NAMES", help="Run these even if fresh; * is all.")
@click.option("-j", "n_jobs", type=int, metavar="N", help="Workers for assets; -1 is all cores.")
@click.option("--engine", default="", metavar="NAME", help="The joblib backend that has them.")
@click.option("--timeout", type=Age(), metavar="AGE", help="Limit for each cell.")
@click.option("--kernel", default="", metavar="NAME", help="Kernel to run it in.")
@cache_option
@json_option
def run(
    notebook: str,
    output: str,
    inplace: bool,
    force: str,
    n_jobs: int | None,
    engine: str,
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
        n_jobs=n_jobs,
        engine=engine,
        progress=_progress(),
    )
    _write_notebook(report, str(book.path) if inplace else output)
    data = run_json(report.to_json(), _without_record(book, report, cache_dir))
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


def _without_record(book: Notebook, report: RunReport, cache_dir: str) -> dict[str, str]:
    """Return the actions of assets that the kernel could not tell of: the one it died in, and those after."""
    if report.status == "ok":
        return {}
    done = {record["name"] for record in report.assets}
    left = [status for status in _plan(book, cache_dir).assets if status.name not in done]
    return {s.name: "failed" if s.cell_id == report.stopped_in else "skipped" for s in left}


def _plan(book: Notebook, cache_dir: str) -> Plan:
    from vibe_magic.session.plan import plan_notebook

    sys.path.insert(0, str(book.folder))
    return plan_notebook(book.code_cells, book.folder, settings_of(book.folder, cache_dir), time.time())


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


@click.command()
@click.argument("notebook")
@cache_option
@json_option
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


@click.command()
@click.argument("notebook")
@click.argument("name")
@cache_option
@json_option
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


@click.command()
@click.argument("notebook")
@cache_option
@json_option
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
