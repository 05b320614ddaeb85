"""The report of a headless run, as data for machines and as lines for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vibe_magic.config import format_age
from vibe_magic.session.render import text_table

__all__ = ["run_json", "run_table", "write_json"]


def run_json(report: Mapping[str, Any], others: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return a run's report with one row an asset: its action, cause words, evidence and times.

    Parameters
    ----------
    report : mapping
        ``RunReport.to_json()``.
    others : dict of str to str, optional
        Actions of assets that the kernel could not tell of.
    """
    rows = [_row(record) for record in report["assets"]]
    rows += [
        {
            "name": name,
            "action": action,
            "causes": [],
            "evidence": [],
            "duration_s": 0.0,
            "saved_s": 0.0,
            "note": "",
            "stayed": "",
        }
        for name, action in (others or {}).items()
    ]
    return {**report, "assets": rows}


def _row(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": record["name"],
        "action": record["action"],
        "causes": list(dict.fromkeys(cause["kind"] for cause in record["causes"])),
        "evidence": list(record["causes"]),
        "duration_s": record["duration_s"],
        "saved_s": max(0.0, record["saved_s"] - record["duration_s"]),
        "note": record["note"],
        "stayed": record["stayed"],
    }


def write_json(path: str, data: Any) -> None:
    """Write data to a file, or to standard output for ``-``."""
    text = json.dumps(data, indent=2, ensure_ascii=False) + "\n"
    if path == "-":
        print(text, end="")  # noqa: T201
    else:
        Path(path).write_text(text, encoding="utf-8")


def run_table(report: Mapping[str, Any]) -> str:
    """Return the report as a table and one line that sums it up."""
    rows = [
        (row["name"], row["action"], format_age(row["duration_s"]), _saved(row), _why(row))
        for row in report["assets"]
    ]
    actions = [row["action"] for row in report["assets"]]
    counts = [f"{actions.count(a)} {a}" for a in ("ran", "restored", "failed", "skipped") if a in actions]
    saved_s = sum(row["saved_s"] for row in report["assets"])
    line = f"{', '.join(counts) or 'no assets'} in {format_age(report['wall_s'])}"
    line += f", {format_age(saved_s)} saved" if saved_s >= 1 else ""
    header = ("asset", "action", "time", "saved", "why")
    return f"{text_table(header, rows, {2, 3})}\n{line}" if rows else line


def _saved(row: Mapping[str, Any]) -> str:
    return format_age(row["saved_s"]) if row["saved_s"] >= 1e-3 else ""


def _why(row: Mapping[str, Any]) -> str:
    causes = [" ".join(filter(None, (c["kind"], c["subject"]))) for c in row["evidence"]]
    stayed = f"in the kernel: {row['stayed']}" if row["stayed"] else ""
    return "; ".join(filter(None, (row["note"] or ", ".join(causes), stayed)))[:100]
