"""A notebook in a shell, without a kernel."""

from __future__ import annotations

import contextlib
import io
from typing import Any

from vibe_magic.session import report


class Notebook:
    """A shell with the extension, and what its last cell wrote."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.text = ""

    def run(self, text: str, cell_id: str | None = None) -> Any:
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            result = self.shell.run_cell(text, store_history=True, cell_id=cell_id)
        self.text = out.getvalue()
        return result

    @property
    def last(self) -> Any:
        return report()[-1]

    def __getitem__(self, name: str) -> Any:
        return self.shell.user_ns[name]
