"""Which log records leave a run by other ways than the streams that are shown."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator

import pytest

from vibe_magic.observe import records


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    yield logging.Logger("vm.records")
    records.accept(())


@pytest.mark.parametrize(
    ("made", "found"),
    [
        (lambda: logging.StreamHandler(sys.stderr), []),
        (lambda: logging.StreamHandler(sys.stdout), []),
        (lambda: logging.StreamHandler(io.StringIO()), ["StreamHandler"]),
        (logging.NullHandler, []),
    ],
)
def test_what_gets_a_record(logger: logging.Logger, made: type[logging.Handler], found: list[str]) -> None:
    logger.addHandler(made())
    seen = records.listen()
    logger.error("e")
    records.unlisten(seen)
    logger.error("later")
    assert list(seen) == found
    assert "filter" not in vars(logging.Handler)


def test_a_record_that_is_filtered_out_reaches_nothing(logger: logging.Logger) -> None:
    handler = logging.StreamHandler(io.StringIO())
    handler.addFilter(lambda record: False)
    logger.addHandler(handler)
    seen = records.listen()
    logger.error("e")
    records.unlisten(seen)
    assert not seen


def test_handlers_of_the_program_around_do_not_count(logger: logging.Logger) -> None:
    handler = logging.StreamHandler(io.StringIO())
    logger.addHandler(handler)
    records.accept([handler])
    seen, other = records.listen(), records.listen()
    logger.error("e")
    records.unlisten(seen)
    records.unlisten(other)
    assert not seen
    assert not other
