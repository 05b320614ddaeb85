"""A real JupyterLab, and a real Chromium that looks at it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

EXAMPLES = Path(__file__).parents[2] / "examples"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none"},  # draw every cell, not only visible ones
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}
PORT = 18_888


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--screenshots", type=Path, help="keep screenshots in this directory")


@pytest.fixture(scope="session")
def screenshots(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = request.config.getoption("--screenshots") or tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a fresh copy of the examples, with a cache of its own."""
    shutil.copytree(EXAMPLES, tmp_path / "work", ignore=shutil.ignore_patterns(".*", "__pycache__"))
    (tmp_path / "work" / "pyproject.toml").touch()
    return tmp_path / "work"


@pytest.fixture
def lab(project: Path, tmp_path: Path) -> Iterator[str]:
    """Start JupyterLab on the project and yield its address."""
    for name, values in SETTINGS.items():
        path = tmp_path / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values), encoding="utf-8")
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += [f"--ServerApp.port={PORT}", "--ServerApp.port_retries=0", "--IdentityProvider.token="]
    command += ["--LabApp.expose_app_in_browser=True", "--ServerApp.ip=127.0.0.1"]
    with (tmp_path / "lab.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=project, env=environment(tmp_path), stdout=log, stderr=log)
        try:
            address = f"http://127.0.0.1:{PORT}"
            await_answer(f"{address}/api/status", server, tmp_path / "lab.log")
            yield address
        finally:
            server.terminate()
            server.wait(timeout=30)


def environment(home: Path) -> dict[str, str]:
    """Keep the person's own settings, history and kernels out of the test."""
    own = {
        "JUPYTERLAB_SETTINGS_DIR": home / "settings",
        "JUPYTERLAB_WORKSPACES_DIR": home / "workspaces",
        "JUPYTER_CONFIG_DIR": home / "config",
        "JUPYTER_RUNTIME_DIR": home / "runtime",
        "IPYTHONDIR": home / "ipython",
    }
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("VIBE_MAGIC_")}
    return inherited | {name: str(path) for name, path in own.items()}


def await_answer(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        assert server.poll() is None, log.read_text(encoding="utf-8")
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.2)
        else:
            return
    raise AssertionError(f"no answer: {log.read_text(encoding='utf-8')}")


@pytest.fixture
def page() -> Iterator[Page]:
    found = [path for path in map(shutil.which, BROWSERS) if path]
    assert found, f"install one of {', '.join(BROWSERS)}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found[0], args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1200, "height": 1000})
        page.set_default_timeout(60_000)
        yield page
        browser.close()
