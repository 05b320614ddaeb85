"""Digests of random plain data: equal exactly where type, content, order and sharing are."""

from __future__ import annotations

import copy
import pickle

from hypothesis import given, settings
from hypothesis import strategies as st

from vibe_magic.identity import digest

atoms = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.binary(max_size=5)
atoms |= st.floats(allow_nan=False)
hashables = st.recursive(atoms, lambda s: st.tuples(s, s) | st.frozensets(s, max_size=4), max_leaves=6)
data = st.recursive(
    atoms | st.frozensets(hashables, max_size=4),
    lambda s: st.lists(s, max_size=4) | st.dictionaries(atoms, s, max_size=4) | st.tuples(s, s),
    max_leaves=12,
)


def exact(value):
    """Put a value into a form in which ``==`` means equal in type, sign and order."""
    if isinstance(value, list | tuple):
        return type(value).__name__, [exact(part) for part in value]
    if isinstance(value, dict):
        return "dict", [(exact(key), exact(part)) for key, part in value.items()]
    if isinstance(value, frozenset):
        return "frozenset", sorted(repr(exact(part)) for part in value)
    return type(value).__name__, repr(value)


@given(data)
@settings(max_examples=200, deadline=None)
def test_copies_are_equal(value) -> None:
    assert digest(value).hex == digest(copy.deepcopy(value)).hex
    assert digest(value).hex == digest(pickle.loads(pickle.dumps(value))).hex


@given(data, data)
@settings(max_examples=300, deadline=None)
def test_equal_digests_mean_equal_values(one, other) -> None:
    assert (digest(one).hex == digest(other).hex) == (exact(one) == exact(other))


@given(data)
@settings(max_examples=100, deadline=None)
def test_wrapping_changes_the_digest(value) -> None:
    forms = [value, [value], (value,), {"a": value}, [[value]], [value, value]]
    assert len({digest(form).hex for form in forms}) == len(forms)
