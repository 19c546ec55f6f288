"""Rules, limits, windows and names of a policy set as entries of the report, and where each of them stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from durwan.compilation import Compilation
from durwan.diagnostics import Span
from durwan.language.syntax import (
    AnyDeclaration,
    InvariantDeclaration,
    LetDeclaration,
    LimitDeclaration,
    NetworkDeclaration,
    RuleDeclaration,
    SetDeclaration,
    WindowDeclaration,
)
from durwan.model.address import prefixes
from durwan.model.types import TIME_MAX, String
from durwan.model.values import format_duration, format_instant, sorted_values
from durwan.model.window import Window
from durwan.program import nodes
from durwan.program.nodes import FALSE, TRUE, Expression
from durwan.program.program import Body, Limit, Program, Rule
from durwan.program.wording import worded, worded_remedy, worded_value
from durwan.workshop.report.content import Edge, LimitEntry, NameEntry, Place, RuleEntry, WindowEntry

_MOST_MEMBERS: Final = 40
_MOST_EDGES: Final = 4
# How many instants at which a window might change are asked about: beyond that nothing is said of its future.
_MOST_MOMENTS: Final = 400

_Named = (
    RuleDeclaration
    | LimitDeclaration
    | InvariantDeclaration
    | WindowDeclaration
    | LetDeclaration
    | SetDeclaration
    | NetworkDeclaration
)
# The anchors of the declarations that have an entry of their own begin with these words.
KINDS: Final = {
    RuleDeclaration: "rule",
    LimitDeclaration: "limit",
    InvariantDeclaration: "invariant",
    WindowDeclaration: "window",
    LetDeclaration: "let",
    SetDeclaration: "set",
    NetworkDeclaration: "network",
}


class Declared:
    """The declarations of a policy set, by their anchors in the report: `rule-risky`, `window-desk_hours`."""

    def __init__(self, compilation: Compilation) -> None:
        self.program: Program = compilation.finished().program
        self._by_anchor = {
            anchor_of(each): each
            for module in compilation.modules
            for each in module.declarations
            if isinstance(each, _Named)
        }

    def at(self, anchor: str) -> AnyDeclaration | None:
        """The declaration with this anchor."""
        return self._by_anchor.get(anchor)

    def around(self, span: Span) -> str | None:
        """The anchor of the declaration in which a span lies."""
        for anchor, each in self._by_anchor.items():
            if each.span.source is span.source and each.span.start <= span.start < each.span.end:
                return anchor
        return None

    def rules(self) -> tuple[RuleEntry, ...]:
        """Every rule, in source order."""
        return tuple(self._rule(rule) for rule in self.program.rules)

    def limits(self) -> tuple[LimitEntry, ...]:
        """Every limit, in source order."""
        return tuple(self._limit(limit) for limit in self.program.limits)

    def windows(self, now: int) -> tuple[WindowEntry, ...]:
        """Every window, with what happens next after `now`, in milliseconds since the epoch."""
        return tuple(
            _window(each, self.program.windows[each.name.text], now)
            for each in self._by_anchor.values()
            if isinstance(each, WindowDeclaration)
        )

    def names(self) -> tuple[NameEntry, ...]:
        """Every let, set and network, in source order."""
        return tuple(
            self._name(each)
            for each in self._by_anchor.values()
            if isinstance(each, LetDeclaration | SetDeclaration | NetworkDeclaration)
        )

    def _actions(self, actions: tuple[str, ...]) -> tuple[str, ...]:
        return () if len(actions) == len(self.program.schema.actions) else actions

    def _rule(self, rule: Rule) -> RuleEntry:
        return RuleEntry(
            name=rule.name,
            effect=rule.effect,
            shadow=rule.shadow,
            documentation=rule.documentation,
            place=place_of(rule.span),
            actions=self._actions(rule.actions),
            when=when_of(rule.body),
            unless=unless_of(rule.body),
            status=rule.status,
            code=rule.code,
            reason=rule.reason,
            remedy=None if rule.remedy is None else worded_remedy(rule.remedy),
            obligations=tuple(f"{name}: {worded_value(value, String())}" for name, value in rule.obligations),
        )

    def _limit(self, limit: Limit) -> LimitEntry:
        return LimitEntry(
            name=limit.name,
            documentation=limit.documentation,
            place=place_of(limit.span),
            actions=self._actions(limit.actions),
            when=when_of(limit.body),
            unless=unless_of(limit.body),
            count=f"{limit.count:,f}",
            period=format_duration(limit.period),
            cost=worded(limit.cost),
            per=limit.per,
            status=limit.status,
            code=limit.code,
        )

    def _name(self, declaration: LetDeclaration | SetDeclaration | NetworkDeclaration) -> NameEntry:
        name = declaration.name.text
        kind, text, left_out = "let", "", 0
        match declaration:
            case LetDeclaration():
                text = worded(self.program.lets[name])
            case SetDeclaration():
                kind, (text, left_out) = "set", _members(map(_member, sorted_values(self.program.sets[name])))
            case NetworkDeclaration():
                ranges = self.program.networks[name].ranges()
                kind, (text, left_out) = "network", _members(each for span in ranges for each in prefixes(span))
        return NameEntry(
            name=name,
            kind=kind,
            documentation=declaration.documentation,
            text=text,
            left_out=left_out,
            place=place_of(declaration.span),
        )


def anchor_of(declaration: _Named) -> str:
    """Where the report says more about a declaration."""
    return f"{KINDS[type(declaration)]}-{declaration.name.text}"


def place_of(span: Span | None) -> Place:
    """Where a span begins."""
    assert span is not None  # noqa: S101 - everything that was declared stands somewhere
    return Place(file=span.source.path, line=span.source.position(span.start)[0])


def when_of(body: Body) -> tuple[str, ...]:
    """What must all be true, each in the language's words; nothing where anything goes."""
    return () if body.when == TRUE else _split(body.when, nodes.And)


def unless_of(body: Body) -> tuple[str, ...]:
    """Of what nothing may be true."""
    return () if body.unless == FALSE else _split(body.unless, nodes.Or)


def _split(expression: Expression, junction: type[nodes.And | nodes.Or]) -> tuple[str, ...]:
    parts = expression.operands if isinstance(expression, junction) else (expression,)
    return tuple(map(worded, parts))


def _member(value: object) -> str:
    return worded_value(value, String())


def _members(members: Iterable[str]) -> tuple[str, int]:
    """The first members with commas between them, and how many others there are."""
    listed = list(members)
    return ", ".join(listed[:_MOST_MEMBERS]), max(len(listed) - _MOST_MEMBERS, 0)


def _window(declaration: WindowDeclaration, window: Window, now: int) -> WindowEntry:
    return WindowEntry(
        name=declaration.name.text,
        documentation=declaration.documentation,
        text=declaration.span.text,
        place=place_of(declaration.span),
        inside=window.contains(now),
        edges=tuple(_edges(window, now)),
    )


def _edges(window: Window, now: int) -> Iterator[Edge]:
    state, moment = window.at(now)
    found = 0
    for _ in range(_MOST_MOMENTS):
        if moment is None or moment > TIME_MAX or found == _MOST_EDGES:
            return
        before = state
        instant = moment
        state, moment = window.at(instant)
        if state is not before:
            found += 1
            yield Edge(at=format_instant(instant), inside=state)
