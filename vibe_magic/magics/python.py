"""The same words in Python: for code that would rather call than type a magic."""

from __future__ import annotations

from vibe_magic.session import AssetStatus, Record, current, survey

__all__ = ["clear", "run", "status", "why"]


def run(*names: str, force: bool = False, keep_going: bool = False) -> list[Record]:
    """Bring assets of this notebook up to date, as ``%asset run`` does.

    Parameters
    ----------
    *names : str
        Which; all by default.
    force : bool
        Run them even if they are fresh.
    keep_going : bool
        Go on with the others after a failure.

    Raises
    ------
    UsageError
        There is no such asset, or the extension is not loaded.
    """
    return survey.bring(current(), names, force=force, keep_going=keep_going)


def status(*names: str) -> tuple[AssetStatus, ...]:
    """Return the states of assets of this notebook, as ``%asset status`` shows them."""
    return survey.status_of(current(), names)


def why(name: str) -> AssetStatus:
    """Return the state of one asset with every cause, as ``%asset why`` shows it."""
    return survey.status_of(current(), [name])[0]


def clear(*names: str, stale: bool = False, older_s: float | None = None) -> int:
    """Remove stored results of assets of this notebook; return how many."""
    return survey.clear(current(), names, stale=stale, older_s=older_s)
