"""``%%asset`` and ``%asset`` as IPython sees them: words to calls, results to displays."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from IPython.core.error import UsageError as ShellUsageError
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class, no_var_expand

from vibe_magic.config import parse_age
from vibe_magic.errors import UsageError
from vibe_magic.session import OPTIONS, Session, bring, survey
from vibe_magic.session.drawing import graph_svg
from vibe_magic.session.render import (
    graph_text,
    status_html,
    status_table,
    why_html,
    why_text,
)

__all__ = ["COMMANDS", "AssetMagics"]

_ARGUMENTS: Mapping[str, tuple[tuple[str, Mapping[str, Any]], ...]] = {
    "run": (
        ("names", {"nargs": "*"}),
        ("--force", {"action": "store_true"}),
        ("--keep-going", {"action": "store_true"}),
        ("-j", {"metavar": "N", "type": int, "dest": "n_jobs"}),
        ("--engine", {"metavar": "NAME", "default": ""}),
    ),
    "status": (("names", {"nargs": "*"}),),
    "why": (("name", {}),),
    "graph": (("names", {"nargs": "*"}),),
    "load": (("names", {"nargs": "+"}),),
    "clear": (
        ("names", {"nargs": "*"}),
        ("--stale", {"action": "store_true"}),
        ("--older", {"metavar": "AGE", "type": parse_age}),
        ("--all", {"action": "store_true", "dest": "everything"}),
    ),
    "accept": (("name", {}),),
    "pin": (("names", {"nargs": "+"}),),
    "unpin": (("names", {"nargs": "+"}),),
}
COMMANDS = tuple(_ARGUMENTS)
"""The words that may follow ``%asset``."""


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line."""

    def error(self, message: str) -> NoReturn:
        """Raise in place of leaving the process."""
        raise UsageError(message, self.prog, f"see {self.prog}?")


def _parsed(line: str) -> tuple[str, dict[str, Any]]:
    try:
        words = shlex.split(line) or ["status"]
    except ValueError as error:
        raise UsageError(f"cannot be read ({error})", "%asset", "check the quotes") from error
    command, *rest = words
    if command not in _ARGUMENTS:
        raise UsageError(f"no command {command!r}", "%asset", f"known are {', '.join(COMMANDS)}")
    parser = _Parser(prog="%asset", add_help=False)
    for name, options in _ARGUMENTS[command]:
        parser.add_argument(name, **options)
    return command, vars(parser.parse_args(rest))


@magics_class
class AssetMagics(Magics):
    """The magics of one shell.

    Parameters
    ----------
    shell : InteractiveShell
        Where they are typed.
    session : Session
        What they act on.
    """

    def __init__(self, shell: Any, session: Session) -> None:
        super().__init__(shell)
        self.session = session
        shell.set_hook("complete_command", self._complete, re_key=r"%%?asset\b")

    @no_var_expand
    @cell_magic("asset")  # type: ignore[arg-type]
    def cell(self, line: str, cell: str) -> None:
        """Make this cell an asset: computed once, restored until something it depends on changes.

        ``%%asset [NAME] [options]``; NAME defaults to the first name that the cell binds.

        --ttl AGE      expires this long after it was computed (90s, 30m, 2h, 1d); 0 always runs
        --out NAMES    keep only these of the names it binds
        --deps NAMES   depends on these assets too
        --ignore NAMES these inputs do not count
        --file PATHS   files or globs that count
        --env NAMES    environment variables that count
        --lazy         compute when a cell that reads its names runs
        --background   compute in a worker, and go on; readers wait
        --engine NAME  the joblib backend that runs it; local is the kernel
        --retry N      try again so often what fails, after a growing pause
        --timeout AGE  end a run that takes longer
        --no-cache     a node of the graph that is never stored
        --force        run it even if fresh
        --quiet        no status line
        """
        self.session.shell.run_cell(f"%%asset {line}\n{cell}")

    @line_magic("asset")  # type: ignore[arg-type]
    def line(self, line: str) -> None:
        """Look at the assets of this notebook, and bring them up to date.

        %asset status [NAMES]                       what is fresh, what is stale and why
        %asset run [NAMES] [-j N] [--engine NAME] [--force] [--keep-going]
                                                    run what is stale
        %asset why NAME                             why it is not fresh
        %asset graph [NAMES]                        what depends on what
        %asset load NAMES                           bind the stored values
        %asset clear [NAMES] [--stale] [--older AGE] [--all]
        %asset accept NAME                          declare a stale result right
        %asset pin NAMES, %asset unpin NAMES        never evict, evict again
        """
        self.session.reread_settings()
        try:
            command, arguments = _parsed(line)
            action: Callable[..., None] = getattr(self, f"_{command}")
            action(**arguments)
        except UsageError as error:
            raise ShellUsageError(str(error)) from None

    def _run(self, names: list[str], force: bool, keep_going: bool, n_jobs: int | None, engine: str) -> None:
        from .progress import Progress  # most kernels never ask for a run

        progress = Progress(self.session.shell, abs(n_jobs or self.session.settings.n_jobs))
        with self.session.events.heard_by(progress):
            found = bring(
                self.session, names, force=force, keep_going=keep_going, n_jobs=n_jobs, engine=engine
            )
            records = list(found)
        progress.end()
        failed = [record.name for record in records if record.action == "failed"]
        if not records:
            self._say("everything is fresh")
        if failed:
            raise UsageError(f"{', '.join(failed)} failed", "%asset run", "see the traceback above")

    def _status(self, names: list[str]) -> None:
        found = survey.status_of(self.session, names)
        now = self.session.clock()
        self._show(status_table(found, now), status_html(found, now))

    def _why(self, name: str) -> None:
        (found,) = survey.status_of(self.session, [name])
        self._show(why_text(found), why_html(found))

    def _graph(self, names: list[str]) -> None:
        survey.assets(self.session, names)
        graph = survey.graph_of(self.session)
        states = {status.name: status.state for status in survey.status_of(self.session)}
        if names:
            near = set(names) | graph.ancestors(names) | graph.descendants(names)
            graph = type(graph)(tuple(node for node in graph.nodes if node.name in near))
        self._show(graph_text(graph, states), graph_svg(graph, states))

    def _load(self, names: list[str]) -> None:
        self._say(f"bound {', '.join(survey.load_values(self.session, names)) or 'nothing'}")

    def _clear(self, names: list[str], stale: bool, older: float | None, everything: bool) -> None:
        removed = survey.clear(self.session, names, stale=stale, older_s=older, everything=everything)
        self._say(f"removed {removed} stored result{'s' * (removed != 1)}")

    def _accept(self, name: str) -> None:
        survey.accept(self.session, name)
        self._say(f"{name} is taken as right for the present inputs")

    def _pin(self, names: list[str]) -> None:
        for asset in survey.assets(self.session, names):
            self.session.store.pin(asset.name)
        self._say(f"{', '.join(names)}: never evicted")

    def _unpin(self, names: list[str]) -> None:
        for asset in survey.assets(self.session, names):
            self.session.store.unpin(asset.name)
        self._say(f"{', '.join(names)}: may be evicted")

    def _say(self, text: str) -> None:
        self.session.shell.display_pub.publish({"text/plain": text})

    def _show(self, text: str, html: str) -> None:
        self.session.shell.display_pub.publish({"text/plain": text, "text/html": html})

    def _complete(self, _shell: Any, event: Any) -> list[str]:
        """Complete commands, options and asset names."""
        words = event.line[: event.text_until_cursor and len(event.text_until_cursor)].split()
        names = [asset.name for asset in self.session.registry]
        if event.line.lstrip().startswith("%%"):
            return [*OPTIONS, *names]
        if len(words) < 2 or (len(words) == 2 and not event.line.endswith(" ")):
            return list(COMMANDS)
        options = [name for name, _ in _ARGUMENTS.get(words[1], ()) if name.startswith("-")]
        return [*options, *names]
