"""Window edges: which instants stand right at an edge of a window, and right before it.

Each span of a window, exceptions included, begins and ends; a case is wanted at an instant at which it does, and one a
millisecond before. Any occurrence will do of an edge that recurs: any week, any trading session. But membership has
to change there: an edge that another span always covers is no edge, and on an excepted day there is nothing to see.

Dates and instants that are excepted usually begin and end while the window is closed anyway. Then cases are wanted in
the first and the last opening that the exception takes away, and in those right before and after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from durwan.diagnostics import Span
from durwan.language import syntax
from durwan.model import types
from durwan.model.calendar import Calendar, Session
from durwan.model.request import Attributes, no_keys
from durwan.model.types import TIME_MIN
from durwan.model.values import format_instant
from durwan.model.window import CalendarSpan, DatesSpan, InstantSpan, WeeklySpan, Window, build_window
from durwan.model.window import Span as WindowSpan
from durwan.model.window_spans import membership
from durwan.model.zone import DAY
from durwan.program import nodes
from durwan.program.nodes import Expression
from durwan.program.program import Program
from durwan.program.reference import Evaluation
from durwan.workshop.coverage.target import Edge, Goal
from durwan.workshop.coverage.thresholds import text_of

# Where the search for an occurrence of a weekly edge begins, 2026-01-01T00:00:00Z, and how far it goes: every week and
# every change of the clocks of a year are in it. A fixed instant, so that coverage does not depend on the day.
_SEARCHED_FROM: Final = 1_767_225_600_000
_SEARCHED_FOR: Final = 400 * DAY
_NEAR: Final = 8 * DAY
_BOOL: Final = types.Bool()

_Moments = Window | int


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowGoal:
    """What is wanted of one edge: the words, where the span stands, the condition."""

    wanted: str
    span: Span
    expression: Expression
    edge: Edge | None = None


@dataclass(frozen=True, slots=True)
class WindowEdges:
    """Collects what is wanted of windows.

    `named` holds the windows of recurring instants that the conditions name, beside those of the program.
    """

    program: Program
    named: dict[str, Window] = field(default_factory=dict[str, Window])

    def goals(self, declaration: syntax.WindowDeclaration, operand: Expression) -> Iterator[WindowGoal]:
        """What is wanted of a window about which it is asked whether the operand, an instant, lies in it."""
        name = declaration.name.text
        window = self.program.windows[name]
        asked = _Asked(name, window, operand)
        written = [*declaration.spans, *declaration.exceptions]
        for position, (span, text) in enumerate(zip((*window.spans, *window.exceptions), written, strict=True)):
            for word, moments in _edges(span, window):
                if isinstance(moments, int):
                    excepts = span if position >= len(window.spans) else None
                    yield from asked.single(moments, word, text.span, excepts)
                else:
                    yield from self._recurring(asked, moments, word, text.span)

    def _recurring(self, asked: _Asked, moments: Window, word: str, span: Span) -> Iterator[WindowGoal]:
        first = TIME_MIN if moments.calendars else _SEARCHED_FROM
        if not any(_changes(asked.window, instant) for instant in _occurrences(moments, first)):
            return
        name = f"{asked.name}@{len(self.named)}"
        self.named[name] = moments
        for before in (False, True):
            edge = Edge(operand=asked.operand, window=asked.name, moments=name, before=before)
            yield WindowGoal(
                wanted=asked.words(word, span, before=before),
                span=span,
                expression=_at_edge(edge, asked.operand),
                edge=edge,
            )


def anchored(program: Program, goal: Goal, after: int) -> Goal:
    """The goal with its first occurrence from the instant `after` on in place of any: a plain comparison.

    A goal that is about no recurring edge, or of whose edge there is no occurrence any more, is returned as it is.
    `program` is that of the coverage.
    """
    edge = goal.edge
    if edge is None:
        return goal
    evaluation = Evaluation(program, Attributes(program.schema, {}, no_keys), after)
    for instant in _occurrences(program.windows[edge.moments], after):
        literal = nodes.InstantLiteral(value=instant - edge.before)
        if evaluation.read(_at_edge(edge, literal)).value is True:
            return replace(goal, expression=_compared("==", edge.operand, literal), edge=None)
    return goal


@dataclass(frozen=True, slots=True)
class _Asked:
    """A window, and the instant that is asked about."""

    name: str
    window: Window
    operand: Expression

    def words(self, word: str, span: Span, *, before: bool) -> str:
        place = "1ms before" if before else "the instant at which"
        return f"in which {text_of(self.operand)} is {place} {_text(span)} {word}"

    def single(self, instant: int, word: str, span: Span, excepts: WindowSpan | None) -> Iterator[WindowGoal]:
        """An edge that does not recur."""
        if _changes(self.window, instant):
            for before in (False, True):
                literal = nodes.InstantLiteral(value=instant - before)
                words = self.words(word, span, before=before)
                yield WindowGoal(wanted=words, span=span, expression=_compared("==", self.operand, literal))
        elif excepts is not None:
            yield from self._openings_around(instant, word, span, excepts)

    def _openings_around(self, instant: int, word: str, span: Span, excepts: WindowSpan) -> Iterator[WindowGoal]:
        """The last opening before an edge of an exception, and the first one after it."""
        spans = build_window(self.window.spans, (), _named(self.window.calendars))
        excepted = membership(excepts, _named(self.window.calendars))
        before = list(_openings(spans, instant - _NEAR, instant))[-1:]
        after = list(_openings(spans, instant, instant + _NEAR))[:1]
        for side, place in ((before, "last opening before"), (after, "first opening after")):
            for opened, closed in side:
                is_excepted = excepted.contains(opened)
                if self.window.contains(opened) is is_excepted:
                    continue  # another exception takes the same opening away
                words = f"in which {text_of(self.operand)} is in the {place} {_text(span)} {word}"
                between = f"from {format_instant(opened)} to {format_instant(closed)}"
                yield WindowGoal(wanted=f"{words}, {between}", span=span, expression=self._within(opened, closed))

    def _within(self, opened: int, closed: int) -> Expression:
        first = _compared(">=", self.operand, nodes.InstantLiteral(value=opened))
        return nodes.And(operands=(first, _compared("<", self.operand, nodes.InstantLiteral(value=closed))))


# --------------------------------------------------------------------------------------------------- edges of spans


def _edges(span: WindowSpan, window: Window) -> Iterator[tuple[str, _Moments]]:
    """The edges of a span: the instants at which it begins, or ends, or the window of all of them."""
    match span:
        case WeeklySpan():
            later = 1 if span.end == DAY or span.start >= span.end else 0
            days = frozenset((day + later) % 7 for day in span.days)
            yield "begins", _moment(span, span.days, span.start)
            yield "ends", _moment(span, days, span.end % DAY)
        case CalendarSpan(name=name):
            calendar = _named(window.calendars)[name]
            parts = [_widened(session, span) for session in calendar.sessions]
            yield "begins", _sessions(calendar, (session[0][0] for session in parts))
            yield "ends", _sessions(calendar, (session[-1][1] for session in parts))
            yield "breaks off", _sessions(calendar, (part[1] for session in parts for part in session[:-1]))
            yield "goes on", _sessions(calendar, (part[0] for session in parts for part in session[1:]))
        case DatesSpan() | InstantSpan():
            member = membership(span, {})
            first, last = member.active or (0, 0)
            edges = sorted(set(member.edges(first, last)))
            for edge in edges:
                if member.contains(edge) is not member.contains(edge - 1):
                    yield ("begins" if member.contains(edge) else "ends"), edge


def _moment(span: WeeklySpan, days: frozenset[int], clock: int) -> Window:
    return build_window([WeeklySpan(days, clock, clock + 1, span.zone)])


def _widened(session: Session, span: CalendarSpan) -> Session:
    edges = [list(part) for part in session]
    edges[0][0] -= span.pre
    edges[-1][1] += span.post
    return tuple((opened, closed) for opened, closed in edges)


def _sessions(calendar: Calendar, instants: Iterable[int]) -> Window:
    """The window of certain instants of a calendar, which are known as far as its data reaches."""
    known = [instant for instant in instants if calendar.first <= instant < calendar.last]
    sessions = tuple(((instant, instant + 1),) for instant in sorted(set(known)))
    name = calendar.name
    return build_window([CalendarSpan(name)], (), {name: replace(calendar, sessions=sessions)})


def _named(calendars: Sequence[Calendar]) -> Mapping[str, Calendar]:
    return {calendar.name: calendar for calendar in calendars}


# ------------------------------------------------------------------------------------------------ instants of edges


def _at_edge(edge: Edge, operand: Expression) -> Expression:
    """Whether an instant is at the edge, or right before it, where membership changes."""
    earlier, later = (operand, _moved(operand, 1)) if edge.before else (_moved(operand, -1), operand)
    window = nodes.NamedWindow(name=edge.window)
    changes = _compared("!=", _in_window(earlier, window), _in_window(later, window))
    return nodes.And(operands=(_in_window(later, nodes.NamedWindow(name=edge.moments)), changes))


def _moved(operand: Expression, distance: int) -> Expression:
    step = nodes.DurationLiteral(value=distance)
    return nodes.Operation(operator="+", operands=(operand, step), type=types.Time())


def _in_window(operand: Expression, window: nodes.NamedWindow) -> Expression:
    return _compared("in_window", operand, window)


def _compared(operator: str, left: Expression, right: Expression) -> nodes.Operation:
    return nodes.Operation(operator=operator, operands=(left, right), type=_BOOL)


def _changes(window: Window, instant: int) -> bool:
    """Whether membership, known on both sides, changes at an instant."""
    return {window.contains(instant - 1), window.contains(instant)} == {True, False}


def _occurrences(moments: Window, after: int) -> Iterator[int]:
    """The instants of such a window from `after` on: of a calendar all, of weeks those of the next year."""
    if moments.calendars:
        opened = (session[0][0] for session in moments.calendars[0].sessions)
        return (instant for instant in opened if instant >= after)
    return (instant for instant, _ in _openings(moments, after, after + _SEARCHED_FOR))


def _openings(window: Window, first: int, last: int) -> Iterator[tuple[int, int]]:
    """The stretches of `[first, last)` in which a window is open, as pairs of beginning and end."""
    instant = first
    while instant < last:
        is_open, change = window.at(instant)
        end = last if change is None else min(change, last)
        if is_open:
            yield instant, end
        instant = end


def _text(span: Span) -> str:
    return f"`{' '.join(span.text.split())}`"
