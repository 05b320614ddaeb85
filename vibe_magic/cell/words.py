"""What may be a name in a text that code holds: a query, a formula, SQL."""

from __future__ import annotations

import re

__all__ = ["words_in"]

_WORD = r"[^\W\d]\w*"
_TEXT_CHARS = 100_000
"""Longer texts are data."""


def words_in(text: str) -> frozenset[str]:
    """Return the identifiers that occur in a text; of a very long one, in its beginning."""
    return frozenset(re.findall(_WORD, text[:_TEXT_CHARS]))
