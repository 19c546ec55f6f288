"""One refused request: what it says, what of that may change, and whether it would be allowed after a change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from durwan.backends.solver.question import Question
from durwan.model import types
from durwan.model.address import NetworkSet, format_address
from durwan.model.types import Type
from durwan.model.values import Value, format_instant, read_value
from durwan.program.changeable import Sort, sort_of
from durwan.program.charges import settle
from durwan.program.explanation import read_by
from durwan.program.nodes import Attribute, Expression
from durwan.program.program import Program

NOW = "now"
Values = Mapping[str, Value | None]


@dataclass(frozen=True, slots=True)
class Way:
    """Attributes whose change would help, with values that do; `carried` are instants that move along with `now`."""

    changes: dict[str, Value | None]
    carried: dict[str, Value | None]

    @property
    def values(self) -> dict[str, Value | None]:
        """All that is other than in the request."""
        return {**self.carried, **self.changes}


class Situation:
    """A request about an action of a program, attribute by attribute.

    Args:
        program: the checked program.
        action: what is asked for.
        values: all attributes as they were read, None for those that are unknown; and `now`.
        may_change: see `durwan.program.changeable.sort_of`.
    """

    def __init__(self, program: Program, action: str, values: Values, may_change: tuple[str, ...] = ()) -> None:
        self.action = action
        self.program = about(program, action)
        self.values = dict(values)
        self.expressions = tuple(_expressions(self.program))
        self.types = self._types()
        self.sorts: dict[str, Sort] = {
            path: sort for path, declared in self.types.items() if (sort := sort_of(path, declared, may_change))
        }
        self._request = self._whole()

    @property
    def now(self) -> int:
        """The instant of the request, in milliseconds since the epoch."""
        now = self.values[NOW]
        assert isinstance(now, int)  # noqa: S101 - a request without a readable instant has no situation
        return now

    def allowed(self, changes: Values) -> bool:
        """Whether the reference evaluator allows the request with these attributes instead; limits may count it."""
        return settle(self.program, self.request(changes), clock=lambda: self.now).allowed

    def request(self, changes: Values) -> dict[str, Any]:
        """The request with these attributes instead."""
        request = {**self._request}
        for path, value in changes.items():
            raw = plain(value, self.types.get(path))
            if path == NOW:
                request[NOW] = raw
                continue
            context, _, name = path.partition(".")
            request[context] = {**request.get(context, {}), name: raw}
        return request

    def question(self, changes: Values, free: frozenset[str]) -> Question:
        """What the solver can be asked about the request with these changes and some attributes set free."""
        given = {**self.values, **changes}
        attributes = self.program.schema.attributes
        fixed = {path: given[path] for path in attributes if path not in free}
        now = given[NOW]
        assert isinstance(now, int)  # noqa: S101 - likewise
        question = Question([self.program], fixed=fixed, named=given.values(), near=now, milliseconds=2_000)
        if NOW not in free:
            question.tell(question.variables.now == now)
        return question

    def read(self, path: str, raw: object) -> Value | None:
        """A value as the policy set declares it; scopes with all that they include."""
        declared = self.types[path]
        value = read_value(declared, raw)
        if declared == types.SetOf(types.Scope()) and value is not None:
            return self.program.schema.held(value)  # type: ignore[arg-type]  # a set of texts
        return value

    def _types(self) -> dict[str, Type]:
        """The attributes that are read about the action, with their types; `now` among them."""
        found: dict[str, Type] = {NOW: types.Time()}
        for expression in self.expressions:
            found.update(read_by(expression, self.program))
        for limit in self.program.limits:
            found.update({path: self.program.schema.attributes[path] for path in limit.per})
        return found

    def _whole(self) -> dict[str, Any]:
        """The request in the plainest form in which it means the same."""
        request: dict[str, Any] = {"action": self.action}
        for path, value in self.values.items():
            raw = plain(value, self.program.schema.attributes.get(path, types.Time()))
            context, _, name = path.partition(".")
            if path == NOW:
                request[NOW] = raw
            elif raw is not None:
                request.setdefault(context, {})[name] = raw
        return request


def about(program: Program, action: str) -> Program:
    """What of a program decides about an action."""
    rules = tuple(rule for rule in program.rules if action in rule.actions and not rule.shadow)
    limits = tuple(limit for limit in program.limits if action in limit.actions)
    return replace(program, rules=rules, limits=limits, invariants=())


def _expressions(program: Program) -> Iterator[Expression]:
    bodies = [*(rule.body for rule in program.rules), *(limit.body for limit in program.limits)]
    for body in bodies:
        yield from (body.when, body.unless)
    for limit in program.limits:
        yield limit.cost
        yield from (Attribute(path=path, type=program.schema.attributes[path]) for path in limit.per)


def plain(value: Any, declared: Type | None) -> Any:
    """A value as it stands in a request of JSON."""
    match value:
        case int() if declared == types.Time():
            return format_instant(value)
        case Decimal():
            return f"{value:f}"
        case bytes():
            return format_address(value)
        case frozenset():
            return sorted(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]  # of one kind
        case NetworkSet():
            return value.networks()
        case _:
            return value
