"""What a test expects of a decision: only the fields that it names are compared.

The tests of a policy set are compared so by its authors, and those that it must pass again before it may decide.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any, Final

from durwan.model.decision import Decision, Remedy
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
    return wanted.keys() == got.keys() and all(same_obligation(wanted[name], got[name]) for name in wanted)


def same_obligation(wanted: object, got: bool | int | Decimal | str) -> bool:
    """Whether an obligation has the expected value: true is not 1, a decimal may be given as a number or as text."""
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
    return all(fulfils_remedy(fields, remedy) for fields, remedy in zip(wanted, decision.remedies, strict=True))


def fulfils_remedy(wanted: Mapping[str, Any], remedy: Remedy) -> bool:
    """Whether a remedy has the fields that are expected of it, each with the expected value."""
    got = remedy.as_dict()
    return all(_same_remedy_field(field, value, got.get(field)) for field, value in wanted.items())


def _same_remedy_field(field: str, wanted: object, got: object) -> bool:
    return (read_duration(wanted) if field == "within" else wanted) == got


def _retry_after(wanted: object, decision: Decision) -> bool:
    """Seconds as a number, or a duration as text."""
    if isinstance(wanted, str):
        milliseconds = read_duration(wanted)
        return milliseconds is not None and decision.retry_after == milliseconds / 1000
    return wanted == decision.retry_after


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
        "retry_after": _retry_after,
        "valid_until": _valid_until,
        "revision": _plain("revision"),
    }
)
