"""The only place where identity is computed: of values, of code, of modules and packages."""

from __future__ import annotations

from . import code as code
from .anchors import anchors, found_by
from .code import own_members
from .describe import describe, difference
from .explore import PACKAGED, Identity, Problem, Reach, explore
from .keys import combine, file_digest, fingerprint, text_digest
from .labels import labels, same_names
from .memo import Memo
from .parts import Parts, parts
from .relations import registered
from .statics import describe_source, effects_of, module_static, note_loaded, static_facts
from .values import Digest, digest

__all__ = [
    "PACKAGED",
    "Digest",
    "Identity",
    "Memo",
    "Parts",
    "Problem",
    "Reach",
    "anchors",
    "combine",
    "describe",
    "describe_source",
    "difference",
    "digest",
    "effects_of",
    "explore",
    "file_digest",
    "fingerprint",
    "found_by",
    "labels",
    "module_static",
    "note_loaded",
    "own_members",
    "parts",
    "registered",
    "same_names",
    "static_facts",
    "text_digest",
]
