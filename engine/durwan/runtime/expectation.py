"""What a test expects of a decision: only the fields that it names are compared.

The tests of a policy set are compared so by its authors, and those that it must pass again before it may decide.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any, Final

from durwan.model.decision import Decision
from durwan.model.values import read_duration, read_time


def differing_fields(expected: Mapping[str, Any], decision: Decision) -> tuple[str, ...]:
    """The expected fields that the decision does not fulfil, in the order in which they are expected.

    A field that no decision has is never fulfilled.
    """
    return tuple(field for field, wanted in expected.items() if not _COMPARE.get(field, _never)(wanted, decision))


def _never(_wanted: Any, _decision: Decision) -> bool:
    return False


def _plain(field: str) -> Callable[[Any, Decision], bool]:
    return lambda wanted, decision: bool(wanted == getattr(decision, field))


def _as_set(field: str) -> Callable[[Any, Decision], bool]:
    return lambda wanted, decision: sorted(wanted) == sorted(getattr(decision, field))


def _obligations(wanted: Mapping[str, Any], decision: Decision) -> bool:
    got = decision.obligations
    return wanted.keys() == got.keys() and all(_same_scalar(wanted[name], got[name]) for name in wanted)


def _same_scalar(wanted: object, got: bool | int | Decimal | str) -> bool:
    """Equal, where true is not 1, and a decimal may be written as a number or as text."""
    if isinstance(wanted, bool) or isinstance(got, bool):
        return wanted is got
    if isinstance(got, Decimal):
        try:
            return Decimal(str(wanted)) == got
        except InvalidOperation:
            return False
    return wanted == got


def _remedies(wanted: Sequence[Mapping[str, Any]], decision: Decision) -> bool:
    """The remedies in source order; of each, only the fields that are given."""
    if len(wanted) != len(decision.remedies):
        return False
    return all(
        all(_same_remedy_field(field, value, got.get(field)) for field, value in fields.items())
        for fields, got in zip(wanted, (remedy.as_dict() for remedy in decision.remedies), strict=True)
    )


def _same_remedy_field(field: str, wanted: object, got: object) -> bool:
    return (read_duration(wanted) if field == "within" else wanted) == got


def _valid_until(wanted: object, decision: Decision) -> bool:
    return (None if wanted is None else read_time(wanted)) == decision.valid_until


_COMPARE: Final[Mapping[str, Callable[[Any, Decision], bool]]] = MappingProxyType(
    {
        "effect": _plain("effect"),
        "allowed": _plain("allowed"),
        "rule": _plain("rule"),
        "status": _plain("status"),
        "code": _plain("code"),
        "reason": _plain("reason"),
        "obligations": _obligations,
        "remedies": _remedies,
        "unknowns": _as_set("unknowns"),
        "shadows": _as_set("shadows"),
        "valid_until": _valid_until,
    }
)
