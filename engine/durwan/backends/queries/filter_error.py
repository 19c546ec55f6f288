"""What a filter cannot be made of."""

from __future__ import annotations

from durwan.errors import DurwanError


class FilterError(DurwanError):
    """A filter that cannot be made: of what was asked for, or of a condition that has no form as a query."""


class NoFormError(Exception):
    """Why a part of a condition has no form; whoever knows the part makes a `FilterError` of it."""
