"""What a gate asks of whatever records decisions."""

from __future__ import annotations

from typing import Protocol

from durwan.audit.record import DecisionRecord
from durwan.errors import DurwanError


class AuditUnavailableError(DurwanError):
    """A decision could not be recorded: the disk is full, or the log cannot be written."""


class Receipt(Protocol):
    """A record that was handed over."""

    def wait(self) -> None:
        """Returns when the record is durable, or at once where the log is relaxed.

        Raises:
            AuditUnavailableError: it will not be.
        """
        ...

    async def wait_async(self) -> None:
        """As `wait`, without holding up the event loop."""
        ...


class Recorder(Protocol):
    """Records decisions. Safe from any thread."""

    @property
    def strict(self) -> bool:
        """Whether an answer has to wait for its record; otherwise a record that is lost is an alarm and no more."""
        ...

    def append(self, record: DecisionRecord) -> Receipt:
        """Hands a record over, without waiting for the disk.

        Raises:
            AuditUnavailableError: the log takes no records.
        """
        ...


class AuditSetupError(DurwanError):
    """A log that must not be used as it is set up; the text says what to change."""


class AuditDamagedError(AuditSetupError):
    """A log in which something stands, or is missing, that no crash explains; it is left as it is."""
