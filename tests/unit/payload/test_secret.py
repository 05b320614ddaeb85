from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from vibe_magic.payload import user_secret


def test_the_environment_names_a_shared_secret(tmp_path):
    one = user_secret({"VIBE_MAGIC_SECRET": "team"}, tmp_path)
    assert one == user_secret({"VIBE_MAGIC_SECRET": "team"}, tmp_path / "other")
    assert one != user_secret({"VIBE_MAGIC_SECRET": "Team"}, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_key_file_is_made_once_for_this_user_alone(tmp_path):
    one = user_secret({}, tmp_path / "data")
    assert user_secret({}, tmp_path / "data") == one
    (file,) = (tmp_path / "data").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(one) == 32


def test_the_key_file_is_in_the_users_data_directory(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert user_secret({}) == user_secret({}, tmp_path / "vibe_magic")


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 33])
def test_a_damaged_key_file_is_not_used(tmp_path, content):
    (tmp_path / "secret").write_bytes(content)
    (tmp_path / "secret").chmod(0o600)
    lines = []
    secret = user_secret({}, tmp_path, lines.append)
    assert len(secret) == 32
    assert secret == user_secret({}, tmp_path)
    assert "32 bytes" in lines[0]
    assert "as long as this process" in lines[0]


@pytest.mark.parametrize("mode", [0o644, 0o622, 0o660])
def test_a_key_file_that_is_open_to_others_is_not_used(tmp_path, mode):
    (tmp_path / "secret").write_bytes(b"k" * 32)
    (tmp_path / "secret").chmod(mode)
    lines = []
    assert user_secret({}, tmp_path, lines.append) != b"k" * 32
    assert "chmod 600" in lines[0]


def test_where_there_can_be_no_file_the_key_lasts_as_long_as_the_process(tmp_path):
    (tmp_path / "file").write_text("")
    lines = []
    one = user_secret({}, tmp_path / "file", lines.append)
    assert one == user_secret({}, tmp_path / "file")
    assert len(lines) == 1
    code = (
        "import sys, pathlib; from vibe_magic.payload import user_secret;"
        "sys.stdout.buffer.write(user_secret({}, pathlib.Path(sys.argv[1])))"
    )
    other = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "file")], capture_output=True, check=True
    )
    assert len(other.stdout) == 32
    assert other.stdout != one


def test_processes_that_start_together_agree(tmp_path):
    code = (
        "import sys, pathlib; from vibe_magic.payload import user_secret;"
        "sys.stdin.readline(); print(user_secret({}, pathlib.Path(sys.argv[1])).hex())"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "data")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    racers = [subprocess.Popen(command, **pipes) for _ in range(6)]
    keys = {racer.communicate("go\n")[0] for racer in racers}
    assert len(keys) == 1
    assert [p.name for p in Path(tmp_path / "data").iterdir()] == ["secret"]


def test_a_file_system_without_hard_links(tmp_path, monkeypatch):
    def no_links(*args):
        raise OSError(1, "not permitted")

    monkeypatch.setattr(os, "link", no_links)
    assert user_secret({}, tmp_path) == user_secret({}, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["secret"]
