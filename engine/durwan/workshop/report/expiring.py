"""What ends some day: dated windows, comparisons of `now` with an instant, keys. What is kept quiet, or on trial."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Literal, NamedTuple

from durwan.diagnostics.codes import CODES
from durwan.language.lint.program_walk import expressions_of, parts_of
from durwan.language.lint.suppressions import read_suppressions
from durwan.model.types import TIME_MAX
from durwan.model.values import format_instant, read_time
from durwan.model.window import Window
from durwan.model.window_spans import DatesSpan, InstantSpan, membership
from durwan.program import nodes
from durwan.program.nodes import Expression
from durwan.program.operators import COMPARISONS
from durwan.program.program import Program
from durwan.program.wording import worded
from durwan.workshop.report.content import Exceptions, Expiry, Suppressed
from durwan.workshop.report.declared import place_of
from durwan.workshop.report.matrix import Matrix
from durwan.workshop.verification import Verification, texts_of

_DAY: Final = 86_400_000
# What ends within a quarter of a year has to be thought of at this review, not at the next.
SOON: Final = 90 * _DAY
_MOST: Final = 500


def exceptions_of(
    found: Verification, keys: Mapping[str, Mapping[str, object]], matrix: Matrix, now: int
) -> Exceptions:
    """The section of the report; `now` in milliseconds since the epoch.

    What is in the policies is listed however late it ends; of the keys those that ended or end soon.
    """
    program = found.compilation.finished().program
    moments = [*_of_windows(program), *_of_conditions(program)]
    expiries = [_expiry(each, now) for each in moments]
    expiries += [each for each in (_expiry(each, now) for each in _of_keys(keys, matrix)) if each.state != "later"]
    expiries.sort(key=lambda each: (each.at, each.kind, each.where, each.what))
    return Exceptions(
        expiries=tuple(expiries[:_MOST]),
        left_out=max(len(expiries) - _MOST, 0),
        suppressions=tuple(_suppressions(found)),
        trials=tuple(rule.name for rule in program.rules if rule.shadow),
    )


class _Moment(NamedTuple):
    """What ends or changes, where, and when, in milliseconds since the epoch."""

    kind: str
    what: str
    where: str
    anchor: str
    at: int


def _expiry(moment: _Moment, now: int) -> Expiry:
    kind, what, where, anchor, at = moment
    state: Literal["over", "soon", "later"] = "over" if at <= now else "soon" if at - now <= SOON else "later"
    days = (at - now) // _DAY if at > now else -((now - at) // _DAY)
    return Expiry(kind=kind, what=what, where=where, anchor=anchor, at=format_instant(at), days=days, state=state)


# --------------------------------------------------------------------------------------------------------- policies


def _of_windows(program: Program) -> Iterator[_Moment]:
    for name, window in program.windows.items():
        for kind, spans in (("span of a window", window.spans), ("exception of a window", window.exceptions)):
            for span in spans:
                end = _end_of(span, window) if isinstance(span, InstantSpan | DatesSpan) else None
                if end is not None:
                    yield _Moment(kind, _span_text(span), name, f"window-{name}", end)


def _end_of(span: InstantSpan | DatesSpan, window: Window) -> int | None:
    """The first instant after the span; None where it holds nothing, or lasts as long as time does."""
    member = membership(span, {each.name: each for each in window.calendars})
    if member.active is None:
        return None
    edges = (each for each in member.edges(*member.active) if each <= TIME_MAX)
    return max((each for each in edges if member.contains(each - 1) and not member.contains(each)), default=None)


def _span_text(span: object) -> str:
    match span:
        case InstantSpan(start=start, end=end):
            return f"{format_instant(start)}..{format_instant(end)}"
        case DatesSpan(first=first, last=last, zone=zone):
            return f'dates {first}..{last} "{zone}"'
        case _:
            return ""


def _of_conditions(program: Program) -> Iterator[_Moment]:
    owners: list[tuple[str, tuple[Expression, ...]]] = [
        *((f"let-{name}", (value,)) for name, value in program.lets.items()),
        *((f"rule-{rule.name}", expressions_of(rule)) for rule in program.rules),
        *((f"limit-{limit.name}", expressions_of(limit)) for limit in program.limits),
    ]
    for anchor, expressions in owners:
        for part in (part for each in expressions for part in parts_of(each)):
            match part:
                case nodes.Operation(operator=operator, operands=operands) if operator in COMPARISONS:
                    at = _compared_with_now(operands)
                    if at is not None:
                        yield _Moment("condition", worded(part), anchor.partition("-")[2], anchor, at)
                case _:
                    pass


def _compared_with_now(operands: tuple[Expression, ...]) -> int | None:
    match operands:
        case (nodes.Now(), nodes.InstantLiteral(value=value)) | (nodes.InstantLiteral(value=value), nodes.Now()):
            return value
        case _:
            return None


# ------------------------------------------------------------------------------------------------- keys and warnings


def _of_keys(keys: Mapping[str, Mapping[str, object]], matrix: Matrix) -> Iterator[_Moment]:
    for key, record in keys.items():
        expires = read_time(record.get("expires"))
        if expires is not None:
            yield _Moment("key", key, "", matrix.anchor_of(key) or "keys", expires)


def _suppressions(found: Verification) -> Iterator[Suppressed]:
    for each in read_suppressions(texts_of(found.compilation, found.suite)):
        yield Suppressed(code=each.code, title=CODES[each.code].name, reason=each.reason, place=place_of(each.span))
