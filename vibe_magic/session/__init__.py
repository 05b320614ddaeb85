"""The assets of this kernel: decide, restore or run, record."""

from __future__ import annotations

from .active import activate, current, deactivate, finish, foresee_json, present, report, report_json
from .bring import bring, foresee, steps
from .events import Event
from .functions import AssetFunction
from .kernel import Session
from .records import AssetStatus, Record
from .spec import OPTIONS, Spec, parse_header

__all__ = [
    "OPTIONS",
    "AssetFunction",
    "AssetStatus",
    "Event",
    "Record",
    "Session",
    "Spec",
    "activate",
    "bring",
    "current",
    "deactivate",
    "finish",
    "foresee",
    "foresee_json",
    "parse_header",
    "present",
    "report",
    "report_json",
    "steps",
]
