"""The header of an asset cell."""

from __future__ import annotations

import pytest

from vibe_magic.errors import UsageError
from vibe_magic.session import OPTIONS, Spec, parse_header


@pytest.mark.parametrize(
    ("line", "spec"),
    [
        ("%%asset", Spec()),
        ("%%asset features", Spec("features")),
        ("%%asset f --ttl 1d", Spec("f", ttl_s=86400.0)),
        ("%%asset --ttl=90 f", Spec("f", ttl_s=90.0)),
        ("%%asset --out a,b --out c", Spec(out=("a", "b", "c"))),
        (
            "%%asset --deps a --ignore b --env HOME,PATH",
            Spec(deps=("a",), ignore=("b",), env=("HOME", "PATH")),
        ),
        ("%%asset --file 'my data/*.csv'", Spec(files=("my data/*.csv",))),
        ("%%asset --no-cache --force --quiet", Spec(no_cache=True, force=True, quiet=True)),
    ],
)
def test_what_a_header_asks_for(line: str, spec: Spec) -> None:
    assert parse_header(line) == spec


@pytest.mark.parametrize(
    "line",
    ["--nope", "a b", "--ttl", "--ttl abc", "--ttl -1", "--ttl --force", "--force=1", "'open", "a=b"],
)
def test_a_wrong_header_is_one_clear_line(line: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_header(f"%%asset {line}")
    assert "\n" not in str(caught.value)


def test_every_option_has_help() -> None:
    assert all(option.help for option in OPTIONS.values())
