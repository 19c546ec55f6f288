"""Random checked programs: every node, every operator, every type; constants from small pools, so that tests meet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random

from durwan.model import types
from durwan.model.address import NetworkSet, parse_address, parse_network
from durwan.model.decision import Remedy
from durwan.model.schema import Schema
from durwan.model.types import INT64_MAX, INT64_MIN, Type
from durwan.model.window import InstantSpan, WeeklySpan, Window, build_window
from durwan.program import nodes
from durwan.program.nodes import Expression
from durwan.program.program import Body, Program, Rule

NOW = 1_772_442_000_000  # 2026-03-02T09:00:00Z, a Monday
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000

STRINGS = ("", "a", "BTC-PERP", "BTC-", "ETH*", "sandbox", "production", "é")
CHOICES = ("buy", "sell", "hold")
SCOPES = {
    "read": frozenset({"read"}),
    "write": frozenset({"write", "read"}),
    "admin": frozenset({"admin", "write", "read"}),
    "stream": frozenset({"stream"}),
}
INTS = (0, 1, -1, 2, 50, 90, 100, INT64_MAX, INT64_MIN, INT64_MAX - 1)
DECIMALS = tuple(
    Decimal(text) for text in ("0", "0.5", "-0.5", "1", "2.50", "100000", "999999999999999999.999999999999999999")
)
ADDRESSES = ("10.0.0.1", "10.0.0.255", "10.0.1.0", "203.0.113.7", "2001:db8::1", "2001:db8:1::", "255.255.255.255")
NETWORK_TEXTS = ("10.0.0.0/24", "203.0.113.0/24", "2001:db8::/48", "10.0.0.1/32", "0.0.0.0/0", "255.0.0.0/8", "::/0")
TIMES = (NOW, NOW - 5 * MINUTE, NOW + 1, NOW - 1, NOW + HOUR, NOW - DAY, NOW + 90 * DAY)
DURATIONS = (0, 1, 5 * MINUTE, HOUR, DAY, 90 * DAY, -HOUR, INT64_MAX)
PATTERNS = ("BTC-*", "*", "*-PERP", "B*P", "BTC-PERP", r"ETH\*", "*C*", "**")

ATTRIBUTES: dict[str, Type] = {
    "key.id": types.String(),
    "key.environment": types.String(),
    "key.scopes": types.SetOf(types.Scope()),
    "key.networks": types.Network(),
    "key.symbols": types.SetOf(types.String()),
    "key.created": types.Time(),
    "key.revoked": types.Bool(),
    "client.ip": types.Address(),
    "client.country": types.String(),
    "session.mfa_at": types.Time(),
    "session.lifetime": types.Duration(),
    "request.side": types.String(("buy", "sell", "hold")),
    "request.symbol": types.String(),
    "request.notional": types.Number(),
    "request.price": types.Number(Decimal(0), Decimal(1_000_000)),
    "request.weight": types.Int(),
    "request.lots": types.SetOf(types.Int()),
    "request.scope": types.Scope(),
    "risk.score": types.Int(0, 100),
    "risk.new_device": types.Bool(),
}
ACTIONS = ("orders.create", "orders.cancel", "withdrawals.create")
# What many rules compare with, one value each.
FAMILIES = tuple(
    nodes.Attribute(path=path, type=ATTRIBUTES[path])
    for path in ("key.id", "request.symbol", "client.country", "request.weight")
)


@dataclass
class Generator:
    """Generates one program from a seeded source of chance."""

    random: Random
    depth: int = 3
    networks: dict[str, NetworkSet] = field(default_factory=dict[str, NetworkSet])
    sets: dict[str, frozenset[str] | frozenset[int]] = field(default_factory=dict[str, frozenset[str] | frozenset[int]])
    windows: dict[str, Window] = field(default_factory=dict[str, Window])
    lets: dict[str, Expression] = field(default_factory=dict[str, Expression])

    def program(self) -> Program:
        """A program of a few lets and up to a dozen rules, sometimes with many rules that differ in one value."""
        random = self.random
        self.networks = {f"n{i}": self._network() for i in range(3)}
        self.sets = {"s0": frozenset(random.sample(STRINGS, 3)), "s1": frozenset(random.sample(INTS, 3))}
        self.windows = {f"w{i}": self._window() for i in range(2)}
        for index in range(random.randrange(4)):
            make: Callable[[int], Expression] = random.choice(
                (self.condition, self.condition, self.moment, self.span, self.number)
            )
            self.lets[f"l{index}"] = make(2)
        rules = [self._rule(order) for order in range(random.randrange(1, 9))]
        if random.random() < 0.15:
            rules.extend(self._family(len(rules)))
        return Program(
            name="generated",
            schema=Schema(actions=frozenset(ACTIONS), scopes=SCOPES, attributes=ATTRIBUTES),
            rules=tuple(rules),
            lets=self.lets,
            networks=self.networks,
            sets=self.sets,
            windows=self.windows,
        )

    # ------------------------------------------------------------------------------------------------- rules

    def _rule(self, order: int, when: Expression | None = None) -> Rule:
        random = self.random
        effect = random.choice(("allow", "allow", "deny", "challenge"))
        actions = tuple(sorted(random.sample(ACTIONS, random.randrange(1, 4))))
        remedy = None
        if effect == "challenge":
            remedy = random.choice(
                (Remedy(kind="login"), Remedy(kind="mfa", within=300_000), Remedy(kind="step", name="x"))
            )
        body = Body(
            when=when if when is not None else self.condition(self.depth),
            unless=self.condition(1) if random.random() < 0.3 else nodes.FALSE,
        )
        return Rule(
            effect=effect,  # type: ignore[arg-type]
            name=f"rule{order}",
            actions=actions,
            body=body,
            order=order,
            status=200 if effect == "allow" else 403,
            code="allowed" if effect == "allow" else f"code{order}",
            reason="",
            shadow=random.random() < 0.1,
            obligations=(("post_only", True),) if effect == "allow" and random.random() < 0.2 else (),
            remedy=remedy,
        )

    def _family(self, order: int) -> list[Rule]:
        """Enough rules that differ in one literal for an index to be made of them, by one attribute or by several."""
        attributes = self.random.sample(FAMILIES, self.random.choice((1, 1, 2, 3)))
        rules: list[Rule] = []
        for _ in range(10 * len(attributes)):
            test = self._equality(self.random.choice(attributes))
            when = self.random.choice((nodes.And(operands=(test, self.condition(1))), test))
            rules.append(self._rule(order + len(rules), self._in_let(when)))
        return rules

    def _equality(self, attribute: nodes.Attribute) -> Expression:
        """The attribute compared with one value or with a few, in one of the forms in which people write that."""
        random = self.random
        is_text = attribute.type == types.String()
        values: tuple[str | int, ...] = (*STRINGS, "k1", "k2") if is_text else INTS
        literals = [_literal(value) for value in random.sample(values, 2)]
        either = [self._operation("==", attribute, literal) for literal in literals]
        kind = random.randrange(8)
        if kind == 0:
            return self._operation("==", literals[0], attribute)
        if kind == 1:
            return nodes.Or(operands=tuple(either))
        if kind == 2 and is_text:
            members = nodes.LiteralSet(members=frozenset(random.sample(STRINGS, 2)), element=types.String())
            return self._operation("in_set", attribute, members)
        if kind == 3:
            held: types.String | types.Int = types.String() if is_text else types.Int()
            return self._operation("in_set", attribute, nodes.NamedSet(name="s0" if is_text else "s1", element=held))
        return either[0]

    def _in_let(self, condition: Expression) -> Expression:
        """The condition, sometimes under a name."""
        if self.random.random() < 0.8:
            return condition
        name = f"f{len(self.lets)}"
        self.lets[name] = condition
        return nodes.LetReference(name=name, type=types.Bool())

    def _network(self) -> NetworkSet:
        chosen = self.random.sample(NETWORK_TEXTS, self.random.randrange(1, 4))
        return NetworkSet([found for text in chosen if (found := parse_network(text)) is not None])

    def _window(self) -> Window:
        random = self.random
        if random.random() < 0.3:
            start = NOW + random.choice((-HOUR, -1, 0, 1, HOUR))
            return build_window([InstantSpan(start, start + random.choice((1, HOUR, DAY)))], [], {})
        start, end = random.choice(((8, 18), (9, 17), (22, 6), (0, 24), (9, 9)))
        days = frozenset(random.sample(range(7), random.randrange(1, 8)))
        zone = random.choice(("UTC", "Europe/London", "America/New_York"))
        return build_window([WeeklySpan(days, start * HOUR, end * HOUR, zone)], [], {})

    # -------------------------------------------------------------------------------------------- conditions

    def condition(self, depth: int) -> Expression:
        """An expression of type bool."""
        random = self.random
        if depth <= 0 or random.random() < 0.3:
            return self._atom()
        kind = random.randrange(8)
        if kind < 3:
            return nodes.And(operands=self._several(depth))
        if kind < 6:
            return nodes.Or(operands=self._several(depth))
        if kind == 6:
            return nodes.Not(operand=self.condition(depth - 1))
        return nodes.Default(operand=self.condition(depth - 1), fallback=nodes.BoolLiteral(value=random.random() < 0.5))

    def _several(self, depth: int) -> tuple[Expression, ...]:
        return tuple(self.condition(depth - 1) for _ in range(self.random.randrange(2, 4)))

    def _atom(self) -> Expression:
        makers: Sequence[Callable[[], Expression]] = (
            self._bool, self._compare_numbers, self._compare_times, self._compare_spans, self._equal, self._in_set,
            self._in_network, self._in_window, self._has, self._like, self._known, self._let_condition,
            self._compare_times, self._in_network,
        )  # fmt: skip
        return self.random.choice(makers)()

    def _attribute(self, *wanted: type) -> nodes.Attribute:
        paths = [path for path, declared in ATTRIBUTES.items() if isinstance(declared, wanted)]
        path = self.random.choice(paths)
        return nodes.Attribute(path=path, type=ATTRIBUTES[path])

    def _bool(self) -> Expression:
        if self.random.random() < 0.1:
            return nodes.BoolLiteral(value=self.random.random() < 0.5)
        attribute = self._attribute(types.Bool)
        if self.random.random() < 0.3:
            fallback = nodes.BoolLiteral(value=self.random.random() < 0.5)
            return nodes.Default(operand=attribute, fallback=fallback)
        return attribute

    def _known(self) -> Expression:
        path = self.random.choice(list(ATTRIBUTES))
        return nodes.IsKnown(operand=nodes.Attribute(path=path, type=ATTRIBUTES[path]))

    def _let_condition(self) -> Expression:
        names = [name for name, value in self.lets.items() if nodes.type_of(value) == types.Bool()]
        return nodes.LetReference(name=self.random.choice(names), type=types.Bool()) if names else self._bool()

    def _operation(self, operator: str, *operands: Expression, result: Type | None = None) -> nodes.Operation:
        return nodes.Operation(operator=operator, operands=operands, type=result or types.Bool())

    def _ordering(self) -> str:
        return self.random.choice(("<", "<=", ">", ">=", "<", ">=", "==", "!="))

    def _compare_numbers(self) -> Expression:
        return self._operation(self._ordering(), self.number(2), self.number(1))

    def _compare_times(self) -> Expression:
        return self._operation(self._ordering(), self.moment(2), self.moment(1))

    def _compare_spans(self) -> Expression:
        return self._operation(self._ordering(), self.span(2), self.span(1))

    def _equal(self) -> Expression:
        random, operator = self.random, self.random.choice(("==", "!="))
        kind = random.randrange(5)
        if kind == 0:
            return self._operation(operator, self._attribute(types.String), self._attribute(types.String))
        if kind == 1:
            address = parse_address(random.choice(ADDRESSES))
            assert address is not None
            return self._operation(operator, self._attribute(types.Address), nodes.AddressLiteral(value=address))
        if kind == 2:
            scope = nodes.ScopeLiteral(value=random.choice(list(SCOPES)))
            return self._operation(operator, self._attribute(types.Scope), scope)
        if kind == 3:
            return self._operation(operator, self.condition(1), self._bool())
        literal = nodes.StringLiteral(value=random.choice(STRINGS + CHOICES))
        return self._operation(operator, self._string(), literal)

    def _string(self) -> Expression:
        attribute = self._attribute(types.String)
        if self.random.random() < 0.2:
            return nodes.Default(operand=attribute, fallback=nodes.StringLiteral(value="a"))
        return attribute

    def _in_set(self) -> Expression:
        random = self.random
        kind = random.randrange(5)
        if kind == 0:
            return self._operation("in_set", self._string(), nodes.NamedSet(name="s0", element=types.String()))
        if kind == 1:
            numbers = frozenset[int | Decimal]((*random.sample(INTS, 2), *random.sample(DECIMALS, 2)))
            return self._operation("in_set", self.number(1), nodes.LiteralSet(members=numbers, element=types.Number()))
        if kind == 2:
            members = nodes.LiteralSet(members=frozenset(random.sample(TIMES, 2)), element=types.Time())
            return self._operation("in_set", self.moment(1), members)
        if kind == 3:
            addresses = [packed for text in random.sample(ADDRESSES, 2) if (packed := parse_address(text))]
            literals = nodes.LiteralSet(members=frozenset(addresses), element=types.Address())
            return self._operation("in_set", self._attribute(types.Address), literals)
        texts = nodes.LiteralSet(members=frozenset(random.sample(STRINGS + CHOICES, 3)), element=types.String())
        return self._operation("in_set", self._string(), texts)

    def _in_network(self) -> Expression:
        random = self.random
        address = self._attribute(types.Address)
        if random.random() < 0.3:
            return self._operation("in_network", address, self._attribute(types.Network))
        if random.random() < 0.3:
            return self._operation("in_network", address, nodes.LiteralNetwork(value=self._network()))
        return self._operation("in_network", address, nodes.NamedNetwork(name=random.choice(list(self.networks))))

    def _in_window(self) -> Expression:
        instant = nodes.Now() if self.random.random() < 0.6 else self.moment(1)
        return self._operation("in_window", instant, nodes.NamedWindow(name=self.random.choice(list(self.windows))))

    def _has(self) -> Expression:
        random = self.random
        kind = random.choice(("string", "scope", "int"))
        pool: Sequence[str] | Sequence[int]
        named: str | None
        if kind == "string":
            held, pool, named = "key.symbols", STRINGS, "s0"
            one: Expression = random.choice(
                (nodes.StringLiteral(value=random.choice(STRINGS)), self._attribute(types.String))
            )
        elif kind == "scope":
            held, pool, named = "key.scopes", tuple(SCOPES), None
            one = random.choice((nodes.ScopeLiteral(value=random.choice(list(SCOPES))), self._attribute(types.Scope)))
        else:
            held, pool, named = "request.lots", INTS, "s1"
            one = random.choice((nodes.IntLiteral(value=random.choice(INTS)), self._attribute(types.Int)))
        declared = ATTRIBUTES[held]
        assert isinstance(declared, types.SetOf)
        attribute = nodes.Attribute(path=held, type=declared)
        wanted: Expression = nodes.LiteralSet(members=frozenset(random.sample(pool, 2)), element=declared.element)  # type: ignore[arg-type]
        if named is not None and random.random() < 0.4:
            wanted = nodes.NamedSet(name=named, element=declared.element)
        operator = random.choice(("has", "has", "has_any", "has_all", "has_at_least"))
        if operator == "has":
            return self._operation("has", attribute, one)
        if operator == "has_at_least":
            return self._operation("has_at_least", attribute, wanted, nodes.IntLiteral(value=random.randrange(4)))
        return self._operation(operator, attribute, wanted)

    def _like(self) -> Expression:
        return self._operation("like", self._string(), nodes.StringLiteral(value=self.random.choice(PATTERNS)))

    # ------------------------------------------------------------------------------------------------ values

    def _let(self, wanted: Type) -> Expression | None:
        names = [name for name, value in self.lets.items() if type(nodes.type_of(value)) is type(wanted)]
        if not names or self.random.random() < 0.7:
            return None
        name = self.random.choice(names)
        return nodes.LetReference(name=name, type=nodes.type_of(self.lets[name]))

    def number(self, depth: int) -> Expression:
        """An expression of type int or decimal."""
        random = self.random
        named = self._let(types.Int()) or self._let(types.Number())
        if named is not None:
            return named
        kind = random.randrange(6 if depth > 0 else 3)
        if kind == 0:
            return nodes.IntLiteral(value=random.choice(INTS))
        if kind == 1:
            return nodes.DecimalLiteral(value=random.choice(DECIMALS))
        if kind == 2:
            return self._attribute(types.Int, types.Number)
        if kind == 3:
            operand = self.number(depth - 1)
            exact = isinstance(nodes.type_of(operand), types.Int)
            fallback = nodes.IntLiteral(value=0) if exact else nodes.DecimalLiteral(value=Decimal("0.5"))
            return nodes.Default(operand=operand, fallback=fallback)
        left = self.number(depth - 1)
        if kind == 4:
            right: Expression = random.choice((nodes.IntLiteral(value=3), nodes.DecimalLiteral(value=Decimal("0.1"))))
            operator = "*"
        else:
            right, operator = self.number(depth - 1), random.choice(("+", "-"))
        whole = all(isinstance(nodes.type_of(each), types.Int) for each in (left, right))
        return self._operation(operator, left, right, result=types.Int() if whole else types.Number())

    def moment(self, depth: int) -> Expression:
        """An expression of type time."""
        random = self.random
        named = self._let(types.Time())
        if named is not None:
            return named
        kind = random.randrange(8 if depth > 0 else 5)
        if kind < 2:
            return nodes.Now()
        if kind == 2:
            return nodes.InstantLiteral(value=random.choice(TIMES))
        if kind < 5:
            return self._attribute(types.Time)
        if kind == 5:
            fallback = nodes.InstantLiteral(value=random.choice(TIMES))
            return nodes.Default(operand=self.moment(depth - 1), fallback=fallback)
        if random.random() < 0.2:
            return self._operation("+", self.span(depth - 1), self.moment(depth - 1), result=types.Time())
        operands = (self.moment(depth - 1), self.span(depth - 1))
        return self._operation(random.choice(("+", "-")), *operands, result=types.Time())

    def span(self, depth: int) -> Expression:
        """An expression of type duration."""
        random = self.random
        named = self._let(types.Duration())
        if named is not None:
            return named
        kind = random.randrange(8 if depth > 0 else 3)
        if kind < 2:
            return nodes.DurationLiteral(value=random.choice(DURATIONS))
        if kind == 2:
            return self._attribute(types.Duration)
        if kind == 3:
            fallback = nodes.DurationLiteral(value=random.choice(DURATIONS))
            return nodes.Default(operand=self.span(depth - 1), fallback=fallback)
        if kind == 4:
            factor = nodes.IntLiteral(value=random.choice((2, -1, 0, 1_000_000)))
            return self._operation("*", self.span(depth - 1), factor, result=types.Duration())
        if kind == 5:
            operands = (self.span(depth - 1), self.span(depth - 1))
            return self._operation(random.choice(("+", "-")), *operands, result=types.Duration())
        return self._operation("-", self.moment(depth - 1), self.moment(depth - 1), result=types.Duration())


def _literal(value: str | int) -> Expression:
    return nodes.StringLiteral(value=value) if isinstance(value, str) else nodes.IntLiteral(value=value)


def generate_program(seed: int) -> Program:
    """The program of this seed."""
    return Generator(Random(seed)).program()
