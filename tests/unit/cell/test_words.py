"""Words of texts that may be names."""

from __future__ import annotations

import pytest

from vibe_magic.cell import analyse, words_in


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("age > @limit", {"age", "limit"}),
        ("y ~ f(x) + C(z)", {"y", "f", "x", "C", "z"}),
        ("select a from t2", {"select", "a", "from", "t2"}),
        ("größe_1 = 3", {"größe_1"}),
        ("12 + 3", set()),
    ],
)
def test_identifiers(text: str, words: set[str]) -> None:
    assert words_in(text) == words


def test_a_cell_knows_the_words_of_its_texts_but_not_of_docstrings() -> None:
    facts = analyse("def f():\n    'doc'\n    return q('a > @b')\ny = f() or f'{z} c'").facts
    assert facts.words == {"a", "b", "c"}
