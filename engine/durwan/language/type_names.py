"""Types as written to types as meant."""

from __future__ import annotations

from decimal import Decimal

from durwan.diagnostics import Diagnostic
from durwan.language.mistakes import kinds
from durwan.language.syntax import Int, Number, TypeName
from durwan.model import types
from durwan.model.types import Type

_PLAIN: dict[str, Type] = {
    "bool": types.Bool(),
    "ip": types.Address(),
    "network": types.Network(),
    "time": types.Time(),
    "duration": types.Duration(),
    "scope": types.Scope(),
}


def read_type(written: TypeName, report: list[Diagnostic]) -> Type | None:
    """The type that is written, or None where it is a mistake, which is reported."""
    match written.kind:
        case "int":
            return _read_int(written, report)
        case "decimal":
            return _read_decimal(written, report)
        case "string":
            return _read_string(written, report)
        case "set":
            return _read_set(written, report)
        case kind:
            return _PLAIN[kind]


def _read_int(written: TypeName, report: list[Diagnostic]) -> Type | None:
    low, high = written.low, written.high
    if low is None or high is None:
        return types.Int()
    wrong = [bound for bound in (low, high) if not isinstance(bound, Int)]
    report.extend(kinds.wrong_bound(bound.span, "int") for bound in wrong)
    if wrong or _is_empty(written, low, high, report):
        return None
    return types.Int(int(low.value), int(high.value))


def _read_decimal(written: TypeName, report: list[Diagnostic]) -> Type | None:
    low, high = written.low, written.high
    if low is None or high is None:
        return types.Number()
    if _is_empty(written, low, high, report):
        return None
    return types.Number(Decimal(low.value), Decimal(high.value))


def _is_empty(written: TypeName, low: Int | Number, high: Int | Number, report: list[Diagnostic]) -> bool:
    if low.value <= high.value:
        return False
    report.append(kinds.empty_range(low.span.to(high.span) if written.low else written.span))
    return True


def _read_string(written: TypeName, report: list[Diagnostic]) -> Type:
    if not written.choices:
        return types.String()
    seen: dict[str, int] = {}
    for index, choice in enumerate(written.choices):
        first = seen.setdefault(choice.value, index)
        if first != index:
            report.append(kinds.duplicate_choice(choice, written.choices[first]))
    return types.String(tuple(seen))


def _read_set(written: TypeName, report: list[Diagnostic]) -> Type | None:
    element = None if written.element is None else read_type(written.element, report)
    if isinstance(element, types.String | types.Scope | types.Int):
        return types.SetOf(element)
    if element is not None and written.element is not None:
        report.append(kinds.wrong_element(written.element.span))
    return None


def is_narrower(restated: Type, prelude: Type) -> bool:
    """Whether every value of `restated` is one of `prelude`."""
    match restated, prelude:
        case (types.Int() | types.Number(), types.Int() | types.Number()) if type(restated) is type(prelude):
            return _range_within(restated, prelude)
        case types.String(choices), types.String(wider):
            return wider is None or (choices is not None and set(choices) <= set(wider))
        case types.SetOf(element), types.SetOf(wider_element):
            return is_narrower(element, wider_element)
        case _:
            return restated == prelude


def _range_within(restated: types.Int | types.Number, prelude: types.Int | types.Number) -> bool:
    if prelude.low is None or prelude.high is None:
        return True
    if restated.low is None or restated.high is None:
        return False
    return prelude.low <= restated.low and restated.high <= prelude.high
