"""What differs between an expectation and a decision, field by field, down to the item."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from durwan.model.decision import Decision, Remedy
from durwan.model.values import format_duration, format_instant
from durwan.runtime.expectation import fulfils_remedy, same_obligation


def shown_fields(decision: Decision) -> dict[str, Any]:
    """The fields of a decision as a test file writes them: instants and durations as text."""
    fields = decision.as_dict() | {"remedies": [_shown_remedy(each) for each in decision.remedies]}
    if decision.valid_until is not None:
        fields["valid_until"] = format_instant(decision.valid_until)
    return fields


def mismatches(expected: Mapping[str, Any], differing: Sequence[str], decision: Decision) -> Iterator[str]:
    """One line for each of the differing fields, such as `status: expected 403, got 401`."""
    got = shown_fields(decision)
    for field in differing:
        wanted = expected[field]
        match field:
            case "obligations":
                parts = _of_obligations(wanted, decision.obligations)
            case "remedies":
                parts = _of_remedies(wanted, decision.remedies)
            case "unknowns" | "shadows":
                parts = _of_sets(wanted, got[field])
            case _:
                parts = iter([_unequal(plain(wanted), plain(got.get(field)))])
        yield f"{field}: {'; '.join(parts)}"


def plain(value: object) -> str:
    """A value as JSON, text as it is."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _shown_remedy(remedy: Remedy) -> dict[str, str | int]:
    fields = remedy.as_dict()
    return fields if remedy.within is None else fields | {"within": format_duration(remedy.within)}


def _unequal(wanted: str | None, got: str | None) -> str:
    """What is said of two unequal values, of which one may not be there at all."""
    if wanted is None:
        return f"got {got}, which is not expected"
    return f"expected {wanted}, got {'nothing' if got is None else got}"


def _of_sets(wanted: Sequence[str], got: Sequence[str]) -> Iterator[str]:
    missing = [each for each in wanted if each not in got]
    further = [each for each in got if each not in wanted]
    if missing:
        yield f"{', '.join(missing)} is missing"
    if further:
        yield _unequal(None, ", ".join(further))
    if not missing and not further:
        yield "a name is expected twice"


def _of_obligations(wanted: Mapping[str, Any], got: Mapping[str, bool | int | Decimal | str]) -> Iterator[str]:
    for name in dict.fromkeys((*wanted, *got)):
        if name not in wanted or name not in got:
            pair = [plain(fields[name]) if name in fields else None for fields in (wanted, got)]
            yield f"{name} {_unequal(*pair)}"
        elif not same_obligation(wanted[name], got[name]):
            yield f"{name} {_unequal(_exact(wanted[name]), _exact(got[name]))}"


def _exact(value: object) -> str:
    """The value so that text and a number that look alike can be told from each other."""
    return str(value) if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False, default=str)


def _of_remedies(wanted: Sequence[Mapping[str, Any]], got: Sequence[Remedy]) -> Iterator[str]:
    """By place, since remedies come in source order."""
    for place in range(max(len(wanted), len(got))):
        expected = wanted[place] if place < len(wanted) else None
        remedy = got[place] if place < len(got) else None
        if expected is None or remedy is None or not fulfils_remedy(expected, remedy):
            pair = (
                None if expected is None else plain(expected),
                None if remedy is None else plain(_shown_remedy(remedy)),
            )
            yield f"number {place + 1}: {_unequal(*pair)}"
