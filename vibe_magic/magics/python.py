"""The same words in Python: for code that would rather call than type a magic."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from functools import partial
from typing import Any, overload

from vibe_magic.config import parse_age
from vibe_magic.session import AssetFunction, AssetStatus, Record, Spec, current, present, steps, survey

__all__ = ["asset", "clear", "run", "status", "stream", "why"]


@overload
def asset(function: Callable[..., Any], /) -> AssetFunction: ...


@overload
def asset(
    *,
    name: str | None = None,
    ttl: str | float | None = None,
    deps: str | Iterable[str] = (),
    ignore: str | Iterable[str] = (),
    file: str | Iterable[str] = (),
    env: str | Iterable[str] = (),
    no_cache: bool = False,
    force: bool = False,
    quiet: bool = False,
) -> Callable[[Callable[..., Any]], AssetFunction]: ...


def asset(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Make a function an asset: a call is restored until its code or what it is given has changed.

    Its parameters name what it reads. A call may leave out those that have no default: they are taken from
    the notebook, or from the asset function of that name, which is brought up to date first. Without the
    extension the function is just called.

    Parameters
    ----------
    function : callable
        What is decorated.
    name : str, optional
        The name of the asset; the function's own by default.
    ttl : str or float, optional
        Results expire this long after they were computed: ``"1h"``, or seconds; 0 always runs.
    deps, ignore, file, env : str or iterable of str
        As with ``%%asset``: further assets, parameters that do not count, files or globs, and environment
        variables that count.
    no_cache, force, quiet : bool
        Never store; run even if fresh; show no status line.

    Raises
    ------
    UsageError
        The age cannot be read.

    Examples
    --------
    >>> @asset(ttl="1h")
    ... def features(raw):
    ...     return raw.groupby("user").mean()
    """
    if function is not None:
        return AssetFunction(function, Spec(), present)
    spec = _spec(**options)
    return lambda decorated: AssetFunction(decorated, spec, present)


def _spec(
    name: str | None = None,
    ttl: str | float | None = None,
    deps: str | Iterable[str] = (),
    ignore: str | Iterable[str] = (),
    file: str | Iterable[str] = (),
    env: str | Iterable[str] = (),
    no_cache: bool = False,
    force: bool = False,
    quiet: bool = False,
) -> Spec:
    return Spec(
        name=name,
        ttl_s=None if ttl is None else parse_age(str(ttl)),
        deps=_names(deps),
        ignore=_names(ignore),
        files=_names(file),
        env=_names(env),
        no_cache=no_cache,
        force=force,
        quiet=quiet,
    )


def _names(given: str | Iterable[str]) -> tuple[str, ...]:
    parts = given.split(",") if isinstance(given, str) else given
    return tuple(part.strip() for part in parts if part.strip())


def run(
    *names: str,
    force: bool = False,
    keep_going: bool = False,
    n_jobs: int | None = None,
    engine: str = "",
) -> list[Record]:
    """Bring assets of this notebook up to date, as ``%asset run`` does; return what became of each, in order.

    Parameters
    ----------
    *names : str
        Which; all by default.
    force : bool
        Run them even if they are fresh.
    keep_going : bool
        Go on with the others after a failure.
    n_jobs : int, optional
        How many workers, as joblib counts; as `joblib.parallel_config` or the settings say by default.
    engine : str
        The name of a joblib backend; as `joblib.parallel_config` or the settings say by default.

    Raises
    ------
    UsageError
        There is no such asset or engine, or the extension is not loaded.
    """
    done = stream(*names, force=force, keep_going=keep_going, n_jobs=n_jobs, engine=engine)
    places = {asset.name: place for place, asset in enumerate(current().registry)}
    return sorted(done, key=lambda record: places.get(record.name, len(places)))


class Stream:
    """What becomes of assets, one after another, to be iterated over once: ``for`` or ``async for``.

    Parameters
    ----------
    names : tuple of str
        Which assets.
    options : dict
        As for `run`.
    """

    def __init__(self, names: tuple[str, ...], options: dict[str, Any]) -> None:
        self._steps = partial(steps, current(), names, **options)

    def __iter__(self) -> Iterator[Record]:
        """Yield each record as soon as its result has been taken over."""
        return (record for record in self._steps() if record is not None)

    async def __aiter__(self) -> AsyncIterator[Record]:
        """Yield each record as soon as its result has been taken over; let other tasks run meanwhile."""
        import asyncio

        for record in self._steps(patience_s=0.0):
            await asyncio.sleep(0 if record else _PAUSE_S)
            if record is not None:
                yield record


_PAUSE_S = 0.01


def stream(
    *names: str,
    force: bool = False,
    keep_going: bool = False,
    n_jobs: int | None = None,
    engine: str = "",
) -> Stream:
    """Bring assets up to date as `run` does; hand out what became of each as they finish.

    An asset waits for those before it only where they could tell that it has run.

    Parameters
    ----------
    *names, force, keep_going, n_jobs, engine
        As for `run`.

    Returns
    -------
    Stream
        To be iterated over with ``for`` or ``async for``; nothing runs before that.
    """
    options = {"force": force, "keep_going": keep_going, "n_jobs": n_jobs, "engine": engine}
    return Stream(names, options)


def status(*names: str) -> tuple[AssetStatus, ...]:
    """Return the states of assets of this notebook, as ``%asset status`` shows them."""
    return survey.status_of(current(), names)


def why(name: str) -> AssetStatus:
    """Return the state of one asset with every cause, as ``%asset why`` shows it."""
    return survey.status_of(current(), [name])[0]


def clear(*names: str, stale: bool = False, older_s: float | None = None) -> int:
    """Remove stored results of assets of this notebook; return how many."""
    return survey.clear(current(), names, stale=stale, older_s=older_s)
