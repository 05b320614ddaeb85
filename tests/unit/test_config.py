"""Settings: where they come from, which wins, and how durations and sizes are written."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vibe_magic.config import (
    Settings,
    format_age,
    format_size,
    parse_age,
    parse_size,
    project_root,
    resolve,
)
from vibe_magic.errors import ConfigError


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n", encoding="utf-8")
    (tmp_path / "notebooks").mkdir()
    return tmp_path


def configure(project: Path, text: str) -> None:
    (project / "pyproject.toml").write_text(f"[tool.vibe_magic]\n{text}\n", encoding="utf-8")


class TestPrecedence:
    LAYERS = ("pyproject", "profile", "environment", "%config", "option")

    def test_defaults(self, project: Path) -> None:
        settings = resolve(project / "notebooks", {})
        assert settings == Settings(cache_dir=project / ".vibe_magic")
        assert settings.ttl is None
        assert settings.run_upstream
        assert not settings.quiet
        assert settings.store

    @pytest.mark.parametrize("highest", range(5))
    def test_later_layer_wins(self, project: Path, highest: int) -> None:
        given_ = {layer: f"{i + 1}m" for i, layer in enumerate(self.LAYERS[: highest + 1])}
        configure(project, f"ttl = '{given_['pyproject']}'")
        environ = {"VIBE_MAGIC_TTL": given_["environment"]} if highest >= 2 else {}
        settings = resolve(
            project,
            environ,
            {"ttl": given_["profile"]} if highest >= 1 else {},
            {"ttl": given_.get("%config")},
            {"ttl": given_.get("option")},
        )
        assert settings.ttl == 60 * (highest + 1)

    def test_a_layer_changes_only_what_it_names(self, project: Path) -> None:
        configure(project, "ttl = '1h'\nquiet = true")
        settings = resolve(project, {"VIBE_MAGIC_TTL": "2h"})
        assert (settings.ttl, settings.quiet) == (7200, True)

    def test_never_lifts_a_lower_layer(self, project: Path) -> None:
        configure(project, "ttl = '1h'")
        assert resolve(project, {"VIBE_MAGIC_TTL": "never"}).ttl is None

    def test_an_empty_variable_is_as_if_unset(self, project: Path) -> None:
        assert resolve(project, {"VIBE_MAGIC_TTL": "", "VIBE_MAGIC_CACHE_DIR": ""}) == resolve(project, {})

    def test_settings_are_frozen(self, project: Path) -> None:
        with pytest.raises(AttributeError):
            resolve(project, {}).quiet = True  # type: ignore[misc]


class TestCacheDir:
    def test_lies_at_the_project_root(self, project: Path) -> None:
        assert resolve(project / "notebooks", {}).cache_dir == project / ".vibe_magic"

    def test_root_is_the_nearest_parent(self, project: Path) -> None:
        (project / "notebooks" / ".git").mkdir()
        assert project_root(project / "notebooks" / "deep") == project / "notebooks"

    def test_root_may_be_a_worktree_file(self, tmp_path: Path) -> None:
        (tmp_path / ".git").write_text("gitdir: elsewhere\n", encoding="utf-8")
        (tmp_path / "a").mkdir()
        assert project_root(tmp_path / "a") == tmp_path

    def test_in_pyproject_is_relative_to_it(self, project: Path) -> None:
        configure(project, "cache_dir = 'cache'")
        assert resolve(project / "notebooks", {}).cache_dir == project / "cache"

    def test_elsewhere_is_relative_to_the_start(self, project: Path) -> None:
        settings = resolve(project / "notebooks", {"VIBE_MAGIC_CACHE_DIR": "cache"})
        assert settings.cache_dir == project / "notebooks" / "cache"

    def test_home_is_expanded(self, project: Path) -> None:
        settings = resolve(project, {}, {}, {"cache_dir": "~/cache"})
        assert settings.cache_dir == Path.home() / "cache"


class TestMistakes:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("tll = '1d'", "pyproject.toml: tll: no such setting"),
            ("ttl = 'soon'", "'soon' is not a duration"),
            ("ttl = -1", "'-1' is not a duration"),
            ("cache_size = 'big'", "'big' is not a size"),
            ("quiet = 'maybe'", "'maybe' is neither true nor false"),
            ("cache_dir = 3", "3 is not a path"),
            ("ttl = ", "is not valid TOML"),
        ],
    )
    def test_in_pyproject(self, project: Path, text: str, said: str) -> None:
        configure(project, text)
        with pytest.raises(ConfigError) as caught:
            resolve(project, {})
        line = str(caught.value)
        assert said in line
        assert "pyproject.toml" in line
        assert "\n" not in line

    def test_not_a_table(self, project: Path) -> None:
        (project / "pyproject.toml").write_text("[tool]\nvibe_magic = 1\n", encoding="utf-8")
        with pytest.raises(ConfigError, match="not a table"):
            resolve(project, {})

    def test_in_the_environment(self, project: Path) -> None:
        with pytest.raises(ConfigError, match=r"^VIBE_MAGIC_TLL: no such setting; known are"):
            resolve(project, {"VIBE_MAGIC_TLL": "1d"})
        with pytest.raises(ConfigError, match=r"^VIBE_MAGIC_TTL: 'x' is not a duration; write 90s"):
            resolve(project, {"VIBE_MAGIC_TTL": "x"})

    def test_in_options(self, project: Path) -> None:
        with pytest.raises(ConfigError, match=r"VibeMagic\.ttl: 'x' is not a duration"):
            resolve(project, {}, {}, {"ttl": "x"})

    def test_broken_pyproject_of_others_is_not_our_concern(self, project: Path) -> None:
        (project / "pyproject.toml").write_text("[project\n", encoding="utf-8")
        assert resolve(project, {}).ttl is None

    def test_variables_that_are_no_settings_pass(self, project: Path) -> None:
        assert resolve(project, {"VIBE_MAGIC_FORCE": "a,b"}) == resolve(project, {})


class TestAges:
    @pytest.mark.parametrize(
        ("text", "seconds"),
        [
            ("90s", 90),
            ("30m", 1800),
            ("2h", 7200),
            ("1d", 86_400),
            ("1d12h", 129_600),
            ("1d2h3m4s", 93_784),
            ("1.5h", 5400),
            ("60", 60),
            ("0", 0),
            ("0.5", 0.5),
            (" 1D ", 86_400),
            (60, 60),
            (0.25, 0.25),
        ],
    )
    def test_parse(self, text: str | float, seconds: float) -> None:
        assert parse_age(text) == seconds

    @pytest.mark.parametrize(
        "text", ["", "abc", "-1", "-1d", "1x", "12h1d", "1h1h", "1e3", "nan", "inf", "1 d 2", "٣s"]
    )
    def test_refuse(self, text: str) -> None:
        with pytest.raises(ConfigError, match="not a duration"):
            parse_age(text)

    @pytest.mark.parametrize(
        ("seconds", "text"),
        [
            (0, "0 s"),
            (0.0001, "<1 ms"),
            (0.003, "3 ms"),
            (0.9996, "1.0 s"),
            (4.21, "4.2 s"),
            (41.2, "41 s"),
            (720, "12 min"),
            (7200, "2 h"),
            (36 * 3600, "36 h"),
            (5 * 86_400, "5 d"),
        ],
    )
    def test_format(self, seconds: float, text: str) -> None:
        assert format_age(seconds) == text

    @given(*[st.integers(0, 400)] * 4)
    def test_parts_add_up(self, d: int, h: int, m: int, s: int) -> None:
        assert parse_age(f"{d}d{h}h{m}m{s}s") == d * 86_400 + h * 3_600 + m * 60 + s

    @given(st.floats(0.001, 1e8))
    def test_what_is_shown_is_near(self, seconds: float) -> None:
        amount, unit = format_age(seconds).replace("<", "").split()
        unit_s = {"ms": 0.001, "s": 1, "min": 60, "h": 3600, "d": 86_400}[unit]
        assert float(amount) * unit_s == pytest.approx(seconds, rel=0.5)


class TestSizes:
    @pytest.mark.parametrize(
        ("text", "nbytes"),
        [
            ("10GB", 10**10),
            ("10 gb", 10**10),
            ("2GiB", 2 * 1024**3),
            ("500M", 5 * 10**8),
            ("1.5k", 1500),
            ("0", 0),
            ("12B", 12),
            (12, 12),
        ],
    )
    def test_parse(self, text: str | int, nbytes: int) -> None:
        assert parse_size(text) == nbytes

    @pytest.mark.parametrize("text", ["", "GB", "-1", "10XB", "1e9", "ten"])
    def test_refuse(self, text: str) -> None:
        with pytest.raises(ConfigError, match="not a size"):
            parse_size(text)

    @pytest.mark.parametrize(
        ("nbytes", "text"),
        [(0, "0 B"), (999, "999 B"), (4200, "4.2 kB"), (41 * 10**6, "41 MB"), (10**10, "10 GB")],
    )
    def test_format(self, nbytes: int, text: str) -> None:
        assert format_size(nbytes) == text

    @given(st.integers(0, 10**17))
    def test_round_trip_is_near(self, nbytes: int) -> None:
        assert parse_size(format_size(nbytes)) == pytest.approx(nbytes, rel=0.051)
