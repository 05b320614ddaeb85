"""Run a notebook in a kernel of its own, with the extension, and keep what it shows."""

from __future__ import annotations

import ast
import asyncio
import copy
import json
import os
import signal
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import (
    CellExecutionComplete,
    CellExecutionError,
    CellTimeoutError,
    DeadKernelError,
)
from nbclient.util import ensure_async

from vibe_magic.errors import NotebookError

from .reading import Notebook

__all__ = ["RunReport", "run_notebook"]

_LOAD = "__import__('vibe_magic').load_ipython_extension(get_ipython())"
_FORESEE = "__import__('vibe_magic.session').session.foresee_json({cells!r})"
_FINISH = "__import__('vibe_magic.session').session.finish()"
_REPORT = "__import__('vibe_magic.session').session.report_json({since})"

_QUIET = ["--log-level=CRITICAL"]

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class RunReport:
    """What a headless run did.

    Parameters
    ----------
    notebook : str
        Its path.
    status : str
        ``ok``, ``failed``, ``timeout``, ``interrupted`` or ``died``.
    wall_s : float
        Time it took.
    kernel_started : bool
        Whether a kernel ran.
    assets : tuple of dict
        What happened to each asset.
    error : str
        The traceback of the cell that failed.
    stopped_in : str
        The identity of the cell that ran last, if the run did not come to its end.
    content : NotebookNode
        The notebook with its outputs, also those before a failure.
    """

    notebook: str
    status: str
    wall_s: float
    kernel_started: bool
    assets: tuple[Mapping[str, Any], ...] = ()
    error: str = ""
    stopped_in: str = ""
    content: Any = field(default=None, repr=False)

    def text(self) -> str:
        """Return the notebook with its outputs as the text of a file."""
        return str(nbformat.writes(self.content))  # type: ignore[no-untyped-call]

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain data."""
        names = ("notebook", "status", "wall_s", "kernel_started", "assets", "error")
        return {name: getattr(self, name) for name in names}


def run_notebook(
    notebook: Notebook,
    *,
    force: Collection[str] = (),
    timeout_s: float | None = None,
    kernel: str = "",
    cache_dir: str = "",
    n_jobs: int | None = None,
    engine: str = "",
    progress: Progress = lambda done, total, text: None,
) -> RunReport:
    """Run every cell in order; stop at the first that fails.

    Parameters
    ----------
    notebook : Notebook
        What to run; its kernel starts in its directory.
    force : collection of str
        Assets to run even if they are fresh; ``*`` is all.
    timeout_s : float, optional
        Limit for each cell.
    kernel : str
        Name of a kernelspec; the notebook's own, or Python's, by default.
    cache_dir : str
        Where results are kept; as configured by default.
    n_jobs : int, optional
        How many workers run assets ahead of their turn; as configured by default.
    engine : str
        The joblib backend that has them; as configured by default.
    progress : callable
        Told the cells that are done, all of them, and what runs.

    Raises
    ------
    NotebookError
        The notebook is not valid, or there is no such kernel.
    """
    started_s = time.perf_counter()
    client = _Client(_node(notebook), notebook, timeout_s, kernel, progress)
    environ = {**os.environ, "VIBE_MAGIC_QUIET": "1"}
    environ |= {"VIBE_MAGIC_FORCE": ",".join(force)} if force else {}
    environ |= {"VIBE_MAGIC_CACHE_DIR": str(Path(cache_dir).absolute())} if cache_dir else {}
    environ |= {"VIBE_MAGIC_N_JOBS": str(n_jobs)} if n_jobs else {}
    environ |= {"VIBE_MAGIC_ENGINE": engine} if engine else {}
    status, error = asyncio.run(client.run_all(environ))
    return RunReport(
        str(notebook.path),
        status,
        time.perf_counter() - started_s,
        True,
        tuple(client.records),
        error,
        "" if status == "ok" else client.running,
        client.nb,
    )


def _node(notebook: Notebook) -> Any:
    content = _completed(notebook.content)
    if "nbformat" not in content:
        raise NotebookError("lacks its format version", str(notebook.path), "save it again in Jupyter")
    try:
        node = nbformat.reads(json.dumps(content), as_version=4)  # type: ignore[no-untyped-call]
        nbformat.validate(node)
    except nbformat.ValidationError as error:
        line = str(error).splitlines()[0]
        raise NotebookError(f"is not valid ({line})", str(notebook.path)) from None
    return node


def _completed(content: Mapping[str, Any]) -> dict[str, Any]:
    """Add what the format demands and Jupyter does without."""
    found = {"metadata": {}, "nbformat_minor": 4, **copy.deepcopy(dict(content))}
    spec = found["metadata"].get("kernelspec")
    if spec is not None:
        spec.setdefault("name", "python3")
        spec.setdefault("display_name", spec["name"])
    for cell in found["cells"]:
        cell.setdefault("metadata", {})
        if cell.get("cell_type") == "code":
            cell.setdefault("outputs", [])
            cell.setdefault("execution_count", None)
    return found


class _Client(NotebookClient):
    """nbclient, with cell identities in its requests and the extension in its kernel."""

    def __init__(
        self,
        node: Any,
        notebook: Notebook,
        timeout_s: float | None,
        kernel: str,
        progress: Progress,
    ) -> None:
        spec = node.metadata.get("kernelspec", {}).get("name", "python3")
        super().__init__(
            node,
            timeout=None if timeout_s is None else max(1, round(timeout_s)),
            kernel_name=kernel or spec or "python3",
            resources={"metadata": {"path": str(notebook.folder)}},
            extra_arguments=_QUIET,
            record_timing=False,
        )
        self.records: list[Mapping[str, Any]] = []
        self._progress = progress
        self.running = ""
        self._cell_id = ""
        self._asked = ""
        self._interrupts = 0
        self._cells: dict[str, tuple[Any, int]] = {}

    async def run_all(self, environ: Mapping[str, str]) -> tuple[str, str]:
        """Run the notebook; return the status and a traceback."""
        self.reset_execution_trackers()
        try:
            async with self.async_setup_kernel(env=dict(environ)):
                return await self._run_cells()
        except DeadKernelError:
            killed = self._interrupts > 1
            return ("interrupted", "interrupted") if killed else ("died", "the kernel died")
        except _no_such_kernel() as error:
            raise NotebookError(f"needs a kernel that is not installed ({error})", "run") from None

    async def _run_cells(self) -> tuple[str, str]:
        self._listen_for_interrupts()
        self._extend_requests()
        await self._ask(_LOAD)
        cells = [(c.get("id", ""), c["source"]) for c in self.nb.cells if c["cell_type"] == "code"]
        await self._ask(_FORESEE.format(cells=json.dumps(cells)))
        total = len(self.nb.cells)
        status, error = "ok", ""
        try:
            for index, cell in enumerate(self.nb.cells):
                self._progress(index, total, _title(cell))
                self._cell_id = self.running = cell.get("id", "")
                await self.async_execute_cell(cell, index, execution_count=None)
                if self._interrupts:
                    return "interrupted", "interrupted"
        except CellExecutionError as failure:
            status, error = "interrupted" if self._interrupts else "failed", str(failure)
        except CellTimeoutError as failure:
            status, error = "timeout", str(failure)
        self._progress(total, total, "")
        if status == "timeout":
            return status, error
        await self._finish(wait=status == "ok")
        lost = [row for row in self.records if row["action"] == "failed"]
        if lost and status == "ok":
            self.running = lost[0]["cell_id"]
            return "failed", f"{lost[0]['name']} failed in the background"
        return status, error

    async def _finish(self, wait: bool) -> None:
        """Hear of all assets, after the end of those that run in the background."""
        if wait:
            await self._ask(_FINISH, timeout_s=None)
            nowhere = nbformat.v4.new_code_cell()  # type: ignore[no-untyped-call]
            await self._async_poll_output_msg(self._asked, nowhere, 0)
        self._keep(await self._ask(_REPORT.format(since=len(self.records))))

    async def _async_poll_output_msg(self, parent_msg_id: str, cell: Any, cell_index: int) -> None:
        """Take what is shown in whichever cell it belongs to: a command may run the assets of earlier ones.

        As in nbclient, except that messages for cells that are done are not dropped.
        """
        client: Any = self.kc
        self._cells[parent_msg_id] = cell, cell_index
        while True:
            message = await ensure_async(client.iopub_channel.get_msg(timeout=None))
            request = message["parent_header"].get("msg_id")
            if request not in self._cells:
                continue
            try:
                self.process_message(message, *self._cells[request])
            except CellExecutionComplete:
                if request == parent_msg_id:
                    return

    def _listen_for_interrupts(self) -> None:
        """Pass a first Ctrl-C on to the cell that runs, as in a front end; a second one ends the kernel."""
        kernel: Any = self.km

        def interrupt() -> None:
            self._interrupts += 1
            ending = kernel.shutdown_kernel(now=True) if self._interrupts > 1 else None
            self._interrupting = asyncio.ensure_future(ending or kernel.interrupt_kernel())

        with suppress(NotImplementedError, RuntimeError):  # no such signals here, or not the main thread
            asyncio.get_running_loop().add_signal_handler(signal.SIGINT, interrupt)

    def _keep(self, found: str) -> None:
        self.records += json.loads(found) if found else []

    def _extend_requests(self) -> None:
        """Name each cell in its request, as JupyterLab does, and ask it what became of it.

        What is asked along with a cell is known even if the kernel dies in a later one.
        """
        client: Any = self.kc
        session = client.session
        make = session.msg

        def msg(msg_type: str, *args: Any, **kwargs: Any) -> Any:
            message = make(msg_type, *args, **kwargs)
            if msg_type == "execute_request" and self._cell_id:
                message["metadata"]["cellId"] = self._cell_id
                message["content"]["user_expressions"] = {"it": _REPORT.format(since=len(self.records))}
            return message

        session.msg = msg
        self.on_cell_executed = self._hear

    def _hear(self, *, execute_reply: Mapping[str, Any], **_: Any) -> None:
        found = execute_reply["content"].get("user_expressions", {}).get("it", {})
        if found.get("status") == "ok":
            self._keep(_literal(found))

    async def _ask(self, expression: str, timeout_s: float | None = 60) -> str:
        """Evaluate an expression silently in the kernel and return its text."""
        self._cell_id = ""  # not a cell's request
        client: Any = self.kc
        asked = {"it": expression}
        self._asked = client.execute("", silent=True, store_history=False, user_expressions=asked)
        while True:
            reply = await client.get_shell_msg(timeout=timeout_s)
            if reply["parent_header"].get("msg_id") == self._asked:
                break
        found = reply["content"].get("user_expressions", {}).get("it", {})
        if found.get("status") != "ok":
            raise NotebookError(
                f"vibe_magic cannot be loaded in its kernel ({found.get('evalue', 'no answer')})",
                "run",
                "install vibe-magic where the kernel runs",
            )
        return _literal(found)


def _literal(found: Mapping[str, Any]) -> str:
    value = ast.literal_eval(found["data"].get("text/plain", "''"))
    return value if isinstance(value, str) else ""


def _no_such_kernel() -> type[Exception]:
    from jupyter_client.kernelspec import NoSuchKernel

    error: type[Exception] = NoSuchKernel
    return error


def _title(cell: Any) -> str:
    lines = [line for line in str(cell.get("source", "")).splitlines() if line.strip()]
    return lines[0][:60] if lines else ""
