"""Run calls that depend on one another on joblib's backends, each the moment it can."""

from __future__ import annotations

from .channel import Channel
from .nursery import LIMITS, Nursery, Order, nursery_of_this_process, receive, send
from .ready import ReadyQueue
from .supervise import Call, Verdict, supervise
from .workers import Ended, Workers

__all__ = [
    "LIMITS",
    "Call",
    "Channel",
    "Ended",
    "Nursery",
    "Order",
    "ReadyQueue",
    "Verdict",
    "Workers",
    "nursery_of_this_process",
    "receive",
    "send",
    "supervise",
]
