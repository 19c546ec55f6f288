"""Every single mutation of a checked program, in a fixed order: what a slip of the pen would have made of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from durwan.model.decision import Remedy
from durwan.model.window import Window
from durwan.model.window_spans import CalendarSpan, DatesSpan, InstantSpan, Span, WeeklySpan
from durwan.model.zone import DAY
from durwan.program import nodes
from durwan.program.program import Body, Limit, Program, Rule
from tests.generators.expression_mutations import Changed, changes, network_changes

_MINUTE = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """A program with one thing other than before; `place` and `detail` say what, `kind` of which kind that is."""

    kind: str
    place: str
    detail: str
    program: Program


def mutations(program: Program) -> Iterator[Mutation]:
    """All of them: of rules and limits, of what they name, and of scopes."""
    for field in ("rules", "limits"):
        every: tuple[Any, ...] = getattr(program, field)
        for index, found in enumerate(every):
            place = f"{found.effect if isinstance(found, Rule) else 'limit'} {found.name}"
            yield Mutation(
                kind="rule dropped", place=place, detail="dropped",
                program=_with(program, field, (*every[:index], *every[index + 1 :])),
            )  # fmt: skip
            for each in _of_rule(found, program) if isinstance(found, Rule) else _of_limit(found, program):
                changed = _with(program, field, (*every[:index], each.value, *every[index + 1 :]))
                yield Mutation(kind=each.kind, place=place, detail=each.detail, program=changed)
    yield from _named(program, "lets", {name: changes(it, program.schema) for name, it in program.lets.items()})
    yield from _named(program, "networks", {name: network_changes(it) for name, it in program.networks.items()})
    yield from _named(program, "sets", {name: _of_set(it) for name, it in program.sets.items()})
    yield from _named(program, "windows", {name: _of_window(it) for name, it in program.windows.items()})
    yield from _of_scopes(program)


def _with(program: Program, field: str, value: Any) -> Program:
    changed: Any = {field: value}
    return replace(program, **changed)


def _named(program: Program, field: str, found: Mapping[str, Iterator[Changed]]) -> Iterator[Mutation]:
    for name, every in found.items():
        for each in every:
            named = {**getattr(program, field), name: each.value}
            changed = _with(program, field, named)
            yield Mutation(kind=each.kind, place=f"{field[:-1]} {name}", detail=each.detail, program=changed)


# ---------------------------------------------------------------- rules and limits


def _of_rule(rule: Rule, program: Program) -> Iterator[Changed]:
    yield from _of_actions(rule, program)
    for each in _of_body(rule.body, program):
        yield each._replace(value=replace(rule, body=each.value))
    if rule.effect != "allow":
        other = 403 if rule.status != 403 else 401
        yield Changed("answer", f"status {rule.status} becomes {other}", replace(rule, status=other))
    for name, _ in rule.obligations:
        left = tuple(pair for pair in rule.obligations if pair[0] != name)
        yield Changed("answer", f"the obligation `{name}` is dropped", replace(rule, obligations=left))
    if rule.remedy is not None:
        for remedy in _of_remedy(rule.remedy):
            yield Changed("answer", f"the remedy becomes {remedy.as_dict()}", replace(rule, remedy=remedy))


def _of_remedy(remedy: Remedy) -> Iterator[Remedy]:
    if remedy.within is not None:
        yield replace(remedy, within=remedy.within * 2)
    if remedy.count is not None:
        yield replace(remedy, count=remedy.count + 1)
    if remedy.name is not None:
        yield replace(remedy, name=f"{remedy.name}_more")


def _of_limit(limit: Limit, program: Program) -> Iterator[Changed]:
    yield from _of_actions(limit, program)
    for each in _of_body(limit.body, program):
        yield each._replace(value=replace(limit, body=each.value))
    for each in changes(limit.cost, program.schema):
        yield each._replace(value=replace(limit, cost=each.value))
    yield Changed("constant", "the count is one more", replace(limit, count=limit.count + 1))
    yield Changed("constant", "the period is a millisecond longer", replace(limit, period=limit.period + 1))
    if len(limit.per) > 1:
        yield Changed("limit", f"no longer per `{limit.per[-1]}`", replace(limit, per=limit.per[:-1]))


def _of_actions(rule: Rule | Limit, program: Program) -> Iterator[Changed]:
    for action in rule.actions:
        if len(rule.actions) > 1:
            left = tuple(each for each in rule.actions if each != action)
            yield Changed("on narrowed", f"no longer on `{action}`", replace(rule, actions=left))
    for action in sorted(program.schema.actions.difference(rule.actions)):
        more = tuple(sorted((*rule.actions, action)))
        yield Changed("on widened", f"also on `{action}`", replace(rule, actions=more))


def _of_body(body: Body, program: Program) -> Iterator[Changed]:
    if body.when != nodes.TRUE:
        yield Changed("when dropped", "`when` is dropped", replace(body, when=nodes.TRUE))
        for each in changes(body.when, program.schema):
            yield each._replace(value=replace(body, when=each.value))
    if body.unless != nodes.FALSE:
        yield Changed("unless dropped", "`unless` is dropped", replace(body, unless=nodes.FALSE))
        both = nodes.And(operands=(body.when, body.unless))
        yield Changed("when for unless", "`unless` becomes `and`", Body(when=both))
        for each in changes(body.unless, program.schema):
            yield each._replace(value=replace(body, unless=each.value))


# ---------------------------------------------------------------- what rules name


def _of_set(members: frozenset[Any]) -> Iterator[Changed]:
    for member in sorted(members):
        yield Changed("set", f"{member!r} is dropped", members - {member})
    more = "mallory" if all(isinstance(member, str) for member in members) else 12_345
    yield Changed("set", f"{more!r} is added", members | {more})


def _of_window(window: Window) -> Iterator[Changed]:
    spans, exceptions = window.spans, window.exceptions
    for index, span in enumerate(spans):
        for detail, changed in _of_span(span):
            yield Changed("window", detail, _window(window, (*spans[:index], changed, *spans[index + 1 :]), exceptions))
        if len(spans) > 1:
            yield Changed(
                "window", f"{span} is dropped", _window(window, (*spans[:index], *spans[index + 1 :]), exceptions)
            )
    for index, span in enumerate(exceptions):
        for detail, changed in _of_span(span):
            moved = (*exceptions[:index], changed, *exceptions[index + 1 :])
            yield Changed("window", f"except: {detail}", _window(window, spans, moved))
        left = (*exceptions[:index], *exceptions[index + 1 :])
        yield Changed("window", f"the exception {span} is dropped", _window(window, spans, left))


def _window(window: Window, spans: tuple[Span, ...], exceptions: tuple[Span, ...]) -> Window:
    return Window(spans, exceptions, window.calendars)


def _of_span(span: Span) -> Iterator[tuple[str, Span]]:
    match span:
        case WeeklySpan(days=days, start=start, end=end, zone=zone):
            for step in (_MINUTE, -_MINUTE):
                if 0 <= start + step < DAY:
                    yield f"start moved by {step} ms", replace(span, start=start + step)
                if 0 < end + step <= DAY:
                    yield f"end moved by {step} ms", replace(span, end=end + step)
            if days:
                yield "the last day is dropped", replace(span, days=days - {max(days)})
            other = "America/New_York" if zone != "America/New_York" else "Europe/London"
            yield f"the zone becomes {other}", replace(span, zone=other)
        case InstantSpan(start=start, end=end):
            yield "start moved by 1 ms", replace(span, start=start + 1)
            yield "end moved by 1 ms", replace(span, end=end + 1)
        case DatesSpan(first=first, last=last):
            yield "a day later", replace(span, first=first + timedelta(days=1))
            yield "a day more", replace(span, last=last + timedelta(days=1))
        case CalendarSpan(pre=pre, post=post):
            yield "a minute earlier", replace(span, pre=pre + _MINUTE)
            yield "a minute longer", replace(span, post=post + _MINUTE)


def _of_scopes(program: Program) -> Iterator[Mutation]:
    scopes = program.schema.scopes
    for scope, held in scopes.items():
        for other in sorted(scopes):
            if other == scope:
                continue
            kind = "no longer includes" if other in held else "also includes"
            changed = {**scopes, scope: held ^ {other} if other in held else held | scopes[other]}
            yield Mutation(
                kind="scope included", place=f"scope {scope}", detail=f"{kind} `{other}`",
                program=replace(program, schema=replace(program.schema, scopes=changed)),
            )  # fmt: skip
