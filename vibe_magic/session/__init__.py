"""The assets of this kernel: decide, restore or run, record."""

from __future__ import annotations

from .active import activate, current, deactivate, report, report_json
from .kernel import Session
from .records import AssetStatus, Record
from .spec import OPTIONS, Spec, parse_header

__all__ = [
    "OPTIONS",
    "AssetStatus",
    "Record",
    "Session",
    "Spec",
    "activate",
    "current",
    "deactivate",
    "parse_header",
    "report",
    "report_json",
]
