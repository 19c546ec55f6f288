"""How a command ends: its exit codes, and the exception of a wrong call."""

from __future__ import annotations

from typing import Final

from durwan.errors import DurwanError

GOOD: Final = 0
FINDINGS: Final = 1
USAGE: Final = 2
BROKEN: Final = 3
UNDECIDED: Final = 4
UNCOVERED: Final = 5
OUR_FAULT: Final = 10
# What a shell reports for a program that SIGINT, or SIGPIPE, ended.
INTERRUPTED: Final = 130
NOT_HEARD: Final = 141


class UsageError(DurwanError):
    """A command was called in a way that it cannot follow; the text says what to write instead."""
