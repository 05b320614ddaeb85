"""In JupyterLab: run all, restart the kernel, run all, and everything is back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

RUN_ALL = "() => { window.jupyterapp.commands.execute('notebook:run-all-cells') }"
RESTART = "() => { window.jupyterapp.commands.execute('kernelmenu:restart') }"
READY = """() => {
    const session = window.jupyterapp?.shell.currentWidget?.sessionContext?.session;
    return session?.kernel?.status === 'idle' && session.kernel.connectionStatus === 'connected'
}"""
CELLS = "() => window.jupyterapp.shell.currentWidget.content.model.toJSON().cells"
FINISHED = f"""() => {{
    const cells = ({CELLS})().filter(cell => cell.cell_type === 'code');
    return cells.every(cell => cell.execution_count !== null) && ({READY})()
}}"""
CLEARED = f"""() => ({CELLS})().every(
    cell => cell.cell_type !== 'code' || cell.execution_count === null)"""
CLEAR = "() => { window.jupyterapp.commands.execute('editmenu:clear-all') }"


def open_notebook(page: Page, lab: str, name: str) -> None:
    page.goto(f"{lab}/lab/tree/{name}")
    page.wait_for_function(READY)


def run_all(page: Page) -> list[dict[str, Any]]:
    page.evaluate(RUN_ALL)
    page.wait_for_function(FINISHED, timeout=180_000)
    return [cell for cell in page.evaluate(CELLS) if cell["cell_type"] == "code"]


def restart(page: Page) -> None:
    """Restart the kernel as a person does, and empty the page of all outputs."""
    page.evaluate(RESTART)
    page.click(".jp-Dialog button:has-text('Restart')")
    page.wait_for_selector(".jp-Dialog", state="detached")
    page.wait_for_function(READY)
    page.evaluate(CLEAR)
    page.wait_for_function(CLEARED)


def is_status_line(output: dict[str, Any]) -> bool:
    return bool(output.get("metadata", {}).get("vibe_magic"))


def source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def shown(cells: list[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return what each cell shows, without status lines and without what tells the time."""
    return [
        (source(cell), [output for output in cell["outputs"] if not is_status_line(output)])
        for cell in cells
        if not source(cell).startswith("%asset")
    ]


def status_lines(cells: list[dict[str, Any]]) -> list[str]:
    return [
        "".join(output["data"]["text/plain"])
        for cell in cells
        if source(cell).startswith("%%asset")
        for output in cell["outputs"]
        if is_status_line(output)
    ]


def screenshot(page: Page, path: Path) -> None:
    page.locator(".jp-Notebook img").first.scroll_into_view_if_needed()
    page.screenshot(path=path)


@pytest.mark.parametrize(("name", "count"), [("births", 8), ("digits", 13)])
def test_everything_is_back_after_a_restart(
    page: Page, lab: str, project: Path, screenshots: Path, name: str, count: int
) -> None:
    open_notebook(page, lab, f"{name}.ipynb")
    first = run_all(page)
    figures = page.locator(".jp-Notebook img").count()
    screenshot(page, screenshots / f"{name}-1-ran.png")

    restart(page)
    assert page.locator(".jp-Notebook img").count() == 0
    second = run_all(page)
    page.wait_for_function(f"() => document.querySelectorAll('.jp-Notebook img').length == {figures}")
    screenshot(page, screenshots / f"{name}-2-restored.png")
    page.locator(".jp-Notebook .jp-Cell").last.scroll_into_view_if_needed()
    page.screenshot(path=screenshots / f"{name}-3-end.png")

    assets = [cell for cell in first if source(cell).startswith("%%asset")]
    assert len(assets) == count
    assert figures >= 3
    assert len(status_lines(first)) == len(status_lines(second)) == len(assets)
    assert all(" ran in " in line for line in status_lines(first))
    assert all(" restored in " in line for line in status_lines(second))
    assert shown(first) == shown(second)
    (told,) = (str(cell["outputs"]) for cell in first if source(cell) == "%asset status")
    assert "fresh" in told
    assert "stale" not in told
    assert (project / ".vibe_magic").is_dir()


def test_a_changed_constant_runs_only_what_uses_it(page: Page, lab: str, project: Path) -> None:
    open_notebook(page, lab, "births.ipynb")
    run_all(page)
    page.evaluate(
        """() => {
            const cells = window.jupyterapp.shell.currentWidget.content.model.cells;
            for (const cell of cells) {
                const text = cell.sharedModel.getSource();
                if (text.startsWith('WAVES = 6'))
                    cell.sharedModel.setSource(text.replace('WAVES = 6', 'WAVES = 5'));
            }
        }"""
    )
    restart(page)
    lines = status_lines(run_all(page))
    ran = {line.split()[0] for line in lines if " ran in " in line}
    assert ran == {"fit", "peaks", "residuals"}


WORKERS = (
    "%load_ext vibe_magic",
    "import time\npace = 0",
    "%%asset one\nfor i in range(3):\n    print('tick', i)\n    time.sleep(pace)\none = 1",
    "%%asset two\nimport matplotlib.pyplot as plt\ntime.sleep(pace)\nplt.plot([1, 2, 1])\ntwo = 2\ntwo",
    "%%asset three\ntime.sleep(pace)\nthree = one + two\nprint('sum', three)",
    "pace = 1",
    "%asset run -j 2",
)


def write_notebook(path: Path, texts: tuple[str, ...]) -> None:
    cells = [
        {"cell_type": "code", "id": f"c{number}", "source": text, "metadata": {}, "outputs": []}
        | {"execution_count": None}
        for number, text in enumerate(texts)
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path.write_text(json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))


def test_workers_show_what_they_do_in_the_cells_they_run(
    page: Page, lab: str, project: Path, screenshots: Path
) -> None:
    write_notebook(project / "workers.ipynb", WORKERS)
    open_notebook(page, lab, "workers.ipynb")
    page.evaluate(RUN_ALL)
    page.wait_for_selector("text=/running .*one/", timeout=60_000)
    page.wait_for_function(f"() => JSON.stringify(({CELLS})()[2].outputs).includes('tick 1')")
    page.screenshot(path=screenshots / "workers-1-running.png")
    page.wait_for_selector("text=/3 of 3 done/", timeout=60_000)
    page.wait_for_function(FINISHED, timeout=60_000)
    page.screenshot(path=screenshots / "workers-2-done.png")

    cells = page.evaluate(CELLS)
    texts = ["".join(output["text"]) for cell in cells for output in cell["outputs"] if "text" in output]
    assert texts == ["tick 0\ntick 1\ntick 2\n", "sum 3\n"]
    assert ["image/png" in output.get("data", {}) for output in cells[3]["outputs"]].count(True) == 1
    shown_last = [output for output in cells[-1]["outputs"] if is_status_line(output)]
    assert any("3 of 3 done" in "".join(output["data"]["text/plain"]) for output in shown_last)


DELETION = (
    "%load_ext vibe_magic",
    "%%asset keep\nkeep = 1",
    "%%asset gone\ngone = 2",
    "%asset status",
)
DELETE = """() => {
    const model = window.jupyterapp.shell.currentWidget.content.model.sharedModel;
    model.deleteCell(model.cells.findIndex(cell => cell.getSource().startsWith('%%asset gone')));
}"""
SAVE = "() => window.jupyterapp.commands.execute('docmanager:save')"


def test_a_deleted_cell_is_no_asset_any_more(page: Page, lab: str, project: Path, screenshots: Path) -> None:
    write_notebook(project / "deletion.ipynb", DELETION)
    open_notebook(page, lab, "deletion.ipynb")
    before = json.dumps(run_all(page)[-1]["outputs"])
    assert "keep" in before
    assert "gone" in before
    page.wait_for_timeout(6000)  # the file tells of cells that ran some time before it was saved
    page.evaluate(DELETE)
    page.evaluate(SAVE)
    page.evaluate(CLEAR)
    page.wait_for_function(CLEARED)
    page.evaluate(
        """() => {
            const notebook = window.jupyterapp.shell.currentWidget.content;
            notebook.activeCellIndex = notebook.widgets.length - 1;
            window.jupyterapp.commands.execute('notebook:run-cell');
        }"""
    )
    last = f"({CELLS})().at(-1).outputs.length > 0"
    page.wait_for_function(f"() => {last}")
    page.screenshot(path=screenshots / "deletion.png")
    after = json.dumps(page.evaluate(CELLS)[-1]["outputs"])
    assert "keep" in after
    assert "gone" not in after
