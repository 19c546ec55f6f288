"""From the productions of the grammar to declarations: one method for each, named as in `policy.lark`."""

from __future__ import annotations

from collections.abc import Container
from itertools import pairwise
from typing import Any, NamedTuple

from durwan.diagnostics import Source, Span
from durwan.language import literals, syntax
from durwan.language.clauses import SHAPES, Clause, arrange
from durwan.language.expression_builder import ExpressionBuilder, Symbols
from durwan.language.lexical import documentation
from durwan.language.literals import Clock, Report
from durwan.language.mistakes import text as mistakes
from durwan.model.address import parse_network

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WHOLE_DAY = 86_400_000
_TYPES = frozenset({"bool", "int", "decimal", "string", "ip", "network", "time", "duration", "scope", "set"})


class _Days(NamedTuple):
    """The days of a weekly span, 0 being Monday."""

    days: frozenset[int]


class TreeBuilder(ExpressionBuilder):
    """Makes declarations. `malformed` has the offset of each literal that could not be read."""

    def __init__(self, source: Source, report: Report, malformed: Container[int]) -> None:
        super().__init__(source, report)
        self._malformed = malformed

    def _above(self, start: int) -> str:
        return documentation(self.source.text, start)

    # ------------------------------------------------------------ vocabulary

    def context(self, symbols: Symbols, start: int, end: int) -> syntax.ContextDeclaration:
        """`context risk { ... }`."""
        _, name, _, *attributes, _ = symbols
        return syntax.ContextDeclaration(
            span=Span(self.source, start, end),
            documentation=self._above(start),
            name=name,
            attributes=tuple(attributes),
        )

    def attribute(self, symbols: Symbols, start: int, end: int) -> syntax.AttributeDeclaration:
        """`a b : string`."""
        *names, _, kind = symbols
        for name, following in pairwise(names[1:]):
            # `a bool` and then `b : time` on the next line would make three times of it.
            if name.text in _TYPES and "\n" in self.source.text[name.span.end : following.span.start]:
                self.report(mistakes.missing_punctuation(name.span, ":", f"`{name.text}`"))
        return syntax.AttributeDeclaration(
            span=Span(self.source, start, end), documentation=self._above(start), names=tuple(names), type=kind
        )

    def plain_type(self, symbols: Symbols, start: int, end: int) -> syntax.TypeName:
        """`bool`."""
        return syntax.TypeName(span=Span(self.source, start, end), kind=symbols[0])

    def ranged_type(self, symbols: Symbols, start: int, end: int) -> syntax.TypeName:
        """`int 0..100`."""
        kind, (low, high) = symbols
        return syntax.TypeName(span=Span(self.source, start, end), kind=kind, low=low, high=high)

    def range(self, symbols: Symbols, _start: int, _end: int) -> tuple[syntax.Node, syntax.Node]:
        """`0..100`."""
        return self._plain_number(symbols[0], "a range"), self._plain_number(symbols[2], "a range")

    def _plain_number(self, number: syntax.Int | syntax.Number | syntax.Duration, what: str) -> Any:
        if isinstance(number, syntax.Duration):
            self.report(mistakes.not_a_plain_number(number.span, what))
            return syntax.Int(span=number.span, value=0)
        return number

    def choice_type(self, symbols: Symbols, start: int, end: int) -> syntax.TypeName:
        """`"buy" | "sell"`."""
        return syntax.TypeName(span=Span(self.source, start, end), kind="string", choices=tuple(symbols[::2]))

    def set_type(self, symbols: Symbols, start: int, end: int) -> syntax.TypeName:
        """`set of string`."""
        return syntax.TypeName(span=Span(self.source, start, end), kind="set", element=symbols[2])

    def actions(self, symbols: Symbols, start: int, end: int) -> syntax.ActionsDeclaration:
        """`actions { orders.create }`."""
        names = tuple(symbol for symbol in symbols if isinstance(symbol, syntax.Name))
        return syntax.ActionsDeclaration(
            span=Span(self.source, start, end), documentation=self._above(start), names=names
        )

    def scopes(self, symbols: Symbols, start: int, end: int) -> syntax.ScopesDeclaration:
        """`scopes { orders.write includes orders.read }`."""
        return syntax.ScopesDeclaration(
            span=Span(self.source, start, end), documentation=self._above(start), entries=tuple(symbols[2:-1])
        )

    def scope_entry(self, symbols: Symbols, start: int, _end: int) -> syntax.ScopeEntry:
        """`orders.write includes orders.cancel, orders.read`; a comma may follow one that includes nothing."""
        name, *rest = symbols
        lists: list[tuple[syntax.Name, ...]] = [each for each in rest if each != ","]
        for before in lists[:-1]:
            self.report(mistakes.comma_after_includes(before[-1].span))
        last = lists[-1][-1] if lists else name
        included = tuple(name for each in lists for name in each)
        return syntax.ScopeEntry(span=Span(self.source, start, last.span.end), name=name, includes=included)

    def includes(self, symbols: Symbols, _start: int, _end: int) -> tuple[syntax.Name, ...]:
        """`includes a, b`."""
        return tuple(symbols[1::2])

    # ------------------------------------------------------------ named lists and expressions

    def network(self, symbols: Symbols, start: int, end: int) -> syntax.NetworkDeclaration:
        """`network office = { ... }`, `network office from "file"`."""
        _, name, _, given = symbols
        items = self._items(name, given, "network", _NETWORK_ITEMS)
        return syntax.NetworkDeclaration(
            span=Span(self.source, start, end),
            documentation=self._above(start),
            name=name,
            items=items,
            file=given if items is None else None,
        )

    def set(self, symbols: Symbols, start: int, end: int) -> syntax.SetDeclaration:
        """`set desk = { ... }`, `set desk from "file"`."""
        _, name, _, given = symbols
        items = self._items(name, given, "set", _SET_ITEMS)
        return syntax.SetDeclaration(
            span=Span(self.source, start, end),
            documentation=self._above(start),
            name=name,
            items=items,
            file=given if items is None else None,
        )

    def _items(self, name: syntax.Name, given: syntax.Braces | syntax.String, what: str, kinds: _Kinds) -> Any:
        if isinstance(given, syntax.String):
            return None
        if not given.items:
            self.report(mistakes.empty_list(name.span, what))
        classes, entries = kinds
        for item in given.items:
            if not isinstance(item, classes) and item.span.start not in self._malformed:
                right = _unquoted(item) if what == "network" else None
                self.report(mistakes.wrong_entry(item.span, what, entries, right))
        return given.items

    def let(self, symbols: Symbols, start: int, end: int) -> syntax.LetDeclaration:
        """`let fresh = now - risk.as_of <= 30s`."""
        return syntax.LetDeclaration(
            span=Span(self.source, start, end), documentation=self._above(start), name=symbols[1], value=symbols[3]
        )

    # ------------------------------------------------------------ windows

    def window(self, symbols: Symbols, start: int, end: int) -> syntax.WindowDeclaration:
        """`window desk_hours = SPAN, SPAN except SPAN`."""
        return syntax.WindowDeclaration(
            span=Span(self.source, start, end),
            documentation=self._above(start),
            name=symbols[1],
            spans=symbols[3],
            exceptions=symbols[5] if len(symbols) > 4 else (),
        )

    def spans(self, symbols: Symbols, _start: int, _end: int) -> tuple[syntax.WindowSpan, ...]:
        """Spans with commas between."""
        return tuple(symbols[::2])

    def weekly(self, symbols: Symbols, start: int, end: int) -> syntax.WeeklySpan:
        """`mon..fri 08:00..18:00 "Europe/London"`."""
        *given, zone = symbols
        days = frozenset(range(7))
        opening, closing = 0, _WHOLE_DAY
        for part in given:
            if isinstance(part, _Days):
                days = part.days
            else:
                opening, closing = part
        return syntax.WeeklySpan(span=Span(self.source, start, end), days=days, start=opening, end=closing, zone=zone)

    def days(self, symbols: Symbols, _start: int, _end: int) -> _Days:
        """`mon..fri, sun`."""
        return _Days(frozenset[int]().union(*symbols[::2]))

    def day_range(self, symbols: Symbols, _start: int, _end: int) -> frozenset[int]:
        """`mon..fri`; `sat..mon` goes on over the end of the week."""
        first, last = _DAYS.index(symbols[0]), _DAYS.index(symbols[-1])
        return frozenset((first + day) % 7 for day in range((last - first) % 7 + 1))

    def clocks(self, symbols: Symbols, _start: int, _end: int) -> tuple[int, int]:
        """`08:00..18:00`."""
        opening: Clock = symbols[0]
        if opening.span.text == "24:00":
            self.report(mistakes.end_of_day_as_start(opening.span))
        return opening.value, symbols[2].value

    def instants(self, symbols: Symbols, start: int, end: int) -> syntax.InstantSpan:
        """`INSTANT..INSTANT`."""
        return syntax.InstantSpan(span=Span(self.source, start, end), start=symbols[0], end=symbols[2])

    def dates(self, symbols: Symbols, start: int, end: int) -> syntax.DatesSpan:
        """`dates 2026-12-24..2026-12-26 "Europe/London"`."""
        _, first, _, last, zone = symbols
        return syntax.DatesSpan(span=Span(self.source, start, end), first=first.value, last=last.value, zone=zone)

    def calendar(self, symbols: Symbols, start: int, end: int) -> syntax.CalendarSpan:
        """`calendar "XNYS" pre 30m post 15m`."""
        given = dict(zip(symbols[2::2], symbols[3::2], strict=True))
        return syntax.CalendarSpan(
            span=Span(self.source, start, end), calendar=symbols[1], pre=given.get("pre"), post=given.get("post")
        )

    # ------------------------------------------------------------ rules, limits, invariants

    def rule(self, symbols: Symbols, start: int, end: int) -> syntax.RuleDeclaration:
        """`[shadow] allow NAME CLAUSES`."""
        shadow = symbols[0] == "shadow"
        effect, name, *clauses = symbols[1:] if shadow else symbols
        given = arrange(SHAPES[effect], clauses, name.span, self.report)
        return syntax.RuleDeclaration(
            span=Span(self.source, start, end),
            documentation=self._above(start),
            effect=effect,
            name=name,
            clauses=_clauses(given),
            shadow=shadow,
            obligations=given.get("with", ()),
            remedy=given.get("require"),
        )

    def limit(self, symbols: Symbols, start: int, end: int) -> syntax.LimitDeclaration:
        """`limit NAME CLAUSES`."""
        _, name, *clauses = symbols
        given = arrange(SHAPES["limit"], clauses, name.span, self.report)
        nothing = Span(self.source, end, end)
        count, period = given.get("to") or (
            syntax.Int(span=nothing, value=0),
            syntax.Duration(span=nothing, value=0),
        )
        return syntax.LimitDeclaration(
            span=Span(self.source, start, end),
            documentation=self._above(start),
            name=name,
            clauses=_clauses(given),
            count=count,
            period=period,
            cost=given.get("cost"),
            per=given.get("per", ()),
        )

    def invariant(self, symbols: Symbols, start: int, end: int) -> syntax.InvariantDeclaration:
        """`invariant NAME never allow CLAUSES`."""
        _, name, holds, _, *clauses = symbols
        given = arrange(SHAPES["invariant"], clauses, name.span, self.report)
        return syntax.InvariantDeclaration(
            span=Span(self.source, start, end),
            documentation=self._above(start),
            name=name,
            holds=holds,
            clauses=_clauses(given),
        )

    # ------------------------------------------------------------ clauses

    def _clause(self, keyword: str, start: int, value: Any) -> Clause:
        return Clause(keyword, Span(self.source, start, start + len(keyword)), value)

    def on(self, symbols: Symbols, start: int, _end: int) -> Clause:
        """`on orders.create, orders.*`."""
        return self._clause("on", start, tuple(symbols[1::2]))

    def pattern(self, _symbols: Symbols, start: int, end: int) -> syntax.Pattern:
        """`orders.*`."""
        span = Span(self.source, start, end)
        return syntax.Pattern(span=span, text=span.text)

    def when(self, symbols: Symbols, start: int, _end: int) -> Clause:
        """`when A`."""
        return self._clause("when", start, symbols[1])

    def unless(self, symbols: Symbols, start: int, _end: int) -> Clause:
        """`unless B`."""
        return self._clause("unless", start, symbols[1])

    def because(self, symbols: Symbols, start: int, _end: int) -> Clause:
        """`because "text"`."""
        return self._clause("because", start, symbols[1])

    def respond(self, symbols: Symbols, start: int, end: int) -> Clause:
        """`respond 403 code`."""
        _, status, code = symbols
        status = literals.bounded(status, self.report)
        response = syntax.Response(span=Span(self.source, start, end), status=status, code=code)
        return self._clause("respond", start, response)

    def with_(self, symbols: Symbols, start: int, _end: int) -> Clause:
        """`with { expires_in: 900 }`."""
        return self._clause("with", start, tuple(symbols[2:-1:2]))

    def obligation(self, symbols: Symbols, _start: int, _end: int) -> tuple[syntax.Name, syntax.Literal_]:
        """`expires_in: 900`."""
        return symbols[0], symbols[2]

    def require(self, symbols: Symbols, start: int, _end: int) -> Clause:
        """`require mfa within 5m`."""
        return self._clause("require", start, symbols[1])

    def remedy(self, symbols: Symbols, start: int, end: int) -> syntax.Remedy:
        """`mfa within 5m`, `approvals 2 of treasury`, `login`, `step kyc_refresh`."""
        span, kind = Span(self.source, start, end), symbols[0]
        match symbols:
            case ["mfa", "within", within]:
                return syntax.Remedy(span=span, kind="mfa", within=within)
            case ["approvals", count, "of", approvers]:
                count = literals.bounded(count, self.report)
                return syntax.Remedy(span=span, kind="approvals", count=count, of=approvers)
            case ["step", step]:
                return syntax.Remedy(span=span, kind="step", step=step)
            case _:
                return syntax.Remedy(span=span, kind=kind)

    def to(self, symbols: Symbols, start: int, _end: int) -> Clause:
        """`to 100 per 10s`."""
        _, count, _, period = symbols
        return self._clause("to", start, (self._plain_number(count, "the count of a limit"), period))

    def cost(self, symbols: Symbols, start: int, _end: int) -> Clause:
        """`cost request.weight default 1`."""
        return self._clause("cost", start, symbols[1])

    def per(self, symbols: Symbols, start: int, _end: int) -> Clause:
        """`per key.account, request.symbol`."""
        return self._clause("per", start, tuple(symbols[1::2]))


_Kinds = tuple[tuple[type[syntax.Node], ...], str]
_NETWORK_ITEMS: _Kinds = ((syntax.Network, syntax.Address), "networks and addresses")
_SET_ITEMS: _Kinds = ((syntax.String, syntax.Int, syntax.Name), "strings, whole numbers or scopes")


def _unquoted(item: syntax.Literal_ | syntax.Name) -> str | None:
    """The network that stands in quotes."""
    if isinstance(item, syntax.String) and (parse_network(item.value)) is not None:
        return item.value
    return None


def _clauses(given: dict[str, Any]) -> syntax.Clauses:
    return syntax.Clauses(
        actions=given.get("on"),
        when=given.get("when"),
        unless=given.get("unless"),
        because=given.get("because"),
        respond=given.get("respond"),
    )
