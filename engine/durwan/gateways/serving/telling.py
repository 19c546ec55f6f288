"""What a server tells of itself: lines of its log, and numbers; of each answer both."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from durwan.gateways.answer import Answer
from durwan.gateways.logs import Log
from durwan.gateways.metrics import Metrics

# Whose lines are written as ours: those of the run-time, and of the server, which tells of connections.
_LOGGERS = ("durwan", "uvicorn.error")


@dataclass(frozen=True, slots=True)
class Telling:
    """Counts each answer, and notes those that are worth a line.

    Attributes:
        log: where lines go.
        metrics: what counts.
    """

    log: Log
    metrics: Metrics

    def answered(self, answer: Answer, seconds: float) -> None:
        """An answer was given, so many seconds after the request had come."""
        self.metrics.answered(answer, seconds)
        self.log.answered(answer, seconds)


def take_over(log: Log) -> None:
    """From now on, what others log by Python's own `logging` in this process is written as lines of this log."""
    handler = log.handler()
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(logging.WARNING)


__all__ = ["Telling", "take_over"]
