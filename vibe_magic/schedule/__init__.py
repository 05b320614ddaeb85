"""Run calls that depend on one another on joblib's backends, each the moment it can."""

from __future__ import annotations

from .channel import Channel
from .nursery import LIMITS, Nursery, nursery_of_this_process
from .ready import ReadyQueue
from .supervise import Call, Verdict, greet, supervise
from .wire import Order, hang_up, receive, remove_own, send
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
    "greet",
    "hang_up",
    "nursery_of_this_process",
    "receive",
    "remove_own",
    "send",
    "supervise",
]
