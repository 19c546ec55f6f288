"""The one place where polars is imported, so that a missing one is told with the command that installs it."""

from __future__ import annotations

from durwan.errors import DurwanError


class ColumnsNotInstalledError(DurwanError):
    """What decides columns is not installed."""

    def __init__(self) -> None:
        super().__init__("replaying recorded requests needs polars: pip install 'durwan[replay]'")


try:
    import polars as pl
except ImportError as error:  # pragma: no cover - the development environment has it
    raise ColumnsNotInstalledError from error

__all__ = ["ColumnsNotInstalledError", "pl"]
