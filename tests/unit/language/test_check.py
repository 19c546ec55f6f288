"""What `check` makes of policy sets without mistakes: the program, node by node."""

from __future__ import annotations

from decimal import Decimal

from durwan.language.answers import ALLOWED
from durwan.model import types
from durwan.model.address import NetworkSet, parse_address, parse_network
from durwan.model.decision import Remedy
from durwan.program import nodes
from durwan.program.nodes import (
    And,
    Attribute,
    Default,
    DurationLiteral,
    Expression,
    IntLiteral,
    IsKnown,
    LetReference,
    LiteralNetwork,
    LiteralSet,
    NamedNetwork,
    NamedSet,
    NamedWindow,
    Not,
    Now,
    Operation,
    Or,
    ScopeLiteral,
    StringLiteral,
)
from durwan.program.program import Program, Rule
from tests.language.literate import check_files

BOOL = types.Bool()
VOCABULARY = """
actions { orders.create orders.cancel account.read }
context risk { score : int 0..100   ratio : decimal   mode : "a" | "b"   flagged : bool   ports : set of int }
scopes { orders.read  orders.write includes orders.read }
network office = { 203.0.113.0/24, 203.0.113.7 }
set treasury = { "alice", "bob", "carol" }
set writing = { orders.write }
window desk = mon..fri 08:00..18:00 "UTC"
let calm = risk.score < 30
"""
SCORE = Attribute(path="risk.score", type=types.Int(0, 100))
RATIO = Attribute(path="risk.ratio", type=types.Number())
SCOPES = Attribute(path="key.scopes", type=types.SetOf(types.Scope()))
OWNER = Attribute(path="key.owner", type=types.String())
IP = Attribute(path="client.ip", type=types.Address())
NETWORKS = Attribute(path="key.networks", type=types.Network())
CREATED = Attribute(path="key.created", type=types.Time())


def program_of(*texts: str) -> Program:
    """The program of a policy set, each text a file."""
    found = check_files({f"{number}.policy": text for number, text in enumerate(texts)})
    assert found.errors == []
    assert found.program is not None
    return found.program


def condition_of(text: str) -> Expression:
    """What a condition is lowered to."""
    return program_of(VOCABULARY, f"deny tested when {text}").rules[0].body.when


def test(operator: str, *operands: Expression) -> Operation:
    """A test: an operation whose result is bool."""
    return Operation(operator=operator, operands=operands, type=BOOL)


test.__test__ = False  # type: ignore[attr-defined]


def test_comparisons() -> None:
    """A comparison is an operation of its two sides as written."""
    assert condition_of("risk.score >= 90") == test(">=", SCORE, IntLiteral(value=90))
    assert condition_of('"x" != key.owner') == test("!=", StringLiteral(value="x"), OWNER)
    assert condition_of("risk.ratio < risk.score") == test("<", RATIO, SCORE)


def test_bool_attributes_and_lets_stand_as_themselves() -> None:
    """Where a condition is asked for, a bool needs no comparison."""
    flagged = Attribute(path="risk.flagged", type=BOOL)
    calm = LetReference(name="calm", type=BOOL)
    assert condition_of("risk.flagged and not calm") == And(operands=(flagged, Not(operand=calm)))


def test_lets_are_kept() -> None:
    """A let is lowered once; a use refers to it, with the type of what it stands for."""
    program = program_of(VOCABULARY, 'let mode = risk.mode\nlet age = now - key.created\ndeny d when mode == "a"')
    assert program.lets["calm"] == test("<", SCORE, IntLiteral(value=30))
    difference = Operation(operator="-", operands=(Now(), CREATED), type=types.Duration())
    assert program.lets["age"] == difference
    mode = LetReference(name="mode", type=types.String(("a", "b")))
    assert program.rules[0].body.when == test("==", mode, StringLiteral(value="a"))


def test_junctions_are_flat() -> None:
    """Nested `and` and `or` of one kind become one; groups vanish."""
    a, b, c = (IsKnown(operand=each) for each in (SCORE, OWNER, IP))
    left = "(risk.score is known and (key.owner is known and client.ip is known))"
    text = f"{left} or (client.ip is known or key.owner is known)"
    assert condition_of(text) == Or(operands=(And(operands=(a, b, c)), c, b))


def test_known_and_default() -> None:
    """`is unknown` is `not is known`; a default keeps its literal's class."""
    assert condition_of("risk.score is unknown") == Not(operand=IsKnown(operand=SCORE))
    assert condition_of("(risk.ratio default 1) > 0.5") == test(
        ">", Default(operand=RATIO, fallback=IntLiteral(value=1)), nodes.DecimalLiteral(value=Decimal("0.5"))
    )


def test_arithmetic_has_the_kind_of_its_result() -> None:
    """The result of arithmetic has a plain type, whatever ranges its operands have."""
    total = Operation(operator="+", operands=(SCORE, IntLiteral(value=5)), type=types.Int())
    assert condition_of("risk.score + 5 > 50") == test(">", total, IntLiteral(value=50))
    product = Operation(operator="*", operands=(nodes.DecimalLiteral(value=Decimal("1.5")), SCORE), type=types.Number())
    assert condition_of("1.5 * risk.score > 50") == test(">", product, IntLiteral(value=50))
    later = Operation(operator="+", operands=(CREATED, DurationLiteral(value=5000)), type=types.Time())
    assert condition_of("key.created + 5s < now") == test("<", later, Now())


def test_literal_sets() -> None:
    """A literal set holds plain values and the kind of its members; of addresses it is a network."""
    assert condition_of("risk.score in { 1, 2 }") == test(
        "in_set", SCORE, LiteralSet(members=frozenset({1, 2}), element=types.Int())
    )
    assert condition_of('risk.mode not in { "a" }') == Not(
        operand=test(
            "in_set",
            Attribute(path="risk.mode", type=types.String(("a", "b"))),
            LiteralSet(members=frozenset({"a"}), element=types.String()),
        )
    )
    networks = [network for text in ("10.0.0.0/8", "203.0.113.7") if (network := parse_network(text))]
    assert condition_of("client.ip in { 10.0.0.0/8, 203.0.113.7 }") == test(
        "in_network", IP, LiteralNetwork(value=NetworkSet(networks))
    )


def test_named_collections() -> None:
    """Named sets, networks and windows are kept by name."""
    assert condition_of("key.owner in treasury") == test(
        "in_set", OWNER, NamedSet(name="treasury", element=types.String())
    )
    assert condition_of("client.ip in office") == test("in_network", IP, NamedNetwork(name="office"))
    assert condition_of("client.ip in key.networks") == test("in_network", IP, NETWORKS)
    assert condition_of("now in desk") == test("in_window", Now(), NamedWindow(name="desk"))


def test_has() -> None:
    """Scopes are literals of their own; the count of `at least` is the last operand."""
    read = ScopeLiteral(value="orders.read")
    assert condition_of("key.scopes has orders.read") == test("has", SCOPES, read)
    assert condition_of("key.scopes has any of writing") == test(
        "has_any", SCOPES, NamedSet(name="writing", element=types.Scope())
    )
    assert condition_of("key.scopes has all of { orders.read }") == test(
        "has_all", SCOPES, LiteralSet(members=frozenset({"orders.read"}), element=types.Scope())
    )
    assert condition_of("approvals.by has at least 2 of treasury") == test(
        "has_at_least",
        Attribute(path="approvals.by", type=types.SetOf(types.String())),
        NamedSet(name="treasury", element=types.String()),
        IntLiteral(value=2),
    )


def test_like_keeps_the_raw_pattern() -> None:
    """The pattern reaches the operator with its escapes."""
    symbol = Attribute(path="request.symbol", type=types.String())
    assert condition_of(r'request.symbol like "BTC\*-*"') == test("like", symbol, StringLiteral(value=r"BTC\*-*"))


def test_addresses_are_packed() -> None:
    """An address literal is its bytes."""
    packed = parse_address("203.0.113.7")
    assert packed is not None
    assert condition_of("client.ip == 203.0.113.7") == test("==", IP, nodes.AddressLiteral(value=packed))


def test_vocabulary() -> None:
    """The program has all that is declared, the prelude included."""
    program = program_of(VOCABULARY, "deny d")
    assert program.schema.actions == {"orders.create", "orders.cancel", "account.read"}
    assert program.schema.scopes["orders.write"] == {"orders.read", "orders.write"}
    assert program.schema.attributes["risk.mode"] == types.String(("a", "b"))
    assert program.schema.attributes["key.revoked"] == BOOL
    assert program.sets == {
        "treasury": frozenset({"alice", "bob", "carol"}),
        "writing": frozenset({"orders.write"}),
    }
    assert program.networks["office"].ranges() == [parse_network("203.0.113.0/24")]
    assert set(program.windows) == {"desk"}
    assert set(program.environment) == {"zone UTC"}


def test_narrowed_prelude() -> None:
    """A restated attribute has the narrower type."""
    program = program_of('actions { a } context gateway { environment : "production" | "sandbox" }')
    assert program.schema.attributes["gateway.environment"] == types.String(("production", "sandbox"))


def test_rules_in_source_order() -> None:
    """Rules are numbered through all files, whatever else stands between them."""
    program = program_of(
        VOCABULARY, "deny b deny a limit l on * to 1 per 1s per key.id", "allow c on orders.* when calm"
    )
    assert [(rule.order, rule.name) for rule in program.rules] == [(0, "b"), (1, "a"), (2, "c")]
    assert program.rules[0].actions == ("account.read", "orders.cancel", "orders.create")
    assert program.rules[2].actions == ("orders.cancel", "orders.create")


def _rule(text: str) -> Rule:
    return program_of(VOCABULARY, text).rules[0]


def test_an_allow() -> None:
    """An allow answers 200; its obligations are plain data, what JSON has no type for being text."""
    rule = _rule(
        """
        # Who may trade.
        allow trade
          on orders.create
          when calm
          unless risk.flagged
          with { lane: "fast", age: 1h30m, ratio: 0.5, on: true, n: -5, until: 2030-01-01T00:00:00Z, from: 203.0.113.7 }
        """
    )
    assert (rule.status, rule.code, rule.reason) == (ALLOWED.status, ALLOWED.code, ALLOWED.reason)
    assert rule.documentation == "Who may trade."
    assert rule.body.unless == Attribute(path="risk.flagged", type=BOOL)
    assert dict(rule.obligations) == {
        "lane": "fast",
        "age": "1h30m",
        "ratio": Decimal("0.5"),
        "on": True,
        "n": -5,
        "until": "2030-01-01T00:00:00Z",
        "from": "203.0.113.7",
    }


def test_default_reasons() -> None:
    """Without `because`, the client is told something that gives nothing away."""
    assert _rule("deny d").reason == "this request is not permitted"
    assert _rule('deny d because "no"').reason == "no"
    assert _rule("challenge c on * require mfa").reason == "a second factor is required"
    assert _rule("challenge c on * require mfa within 5m").reason == "a second factor no older than 5m is required"
    assert _rule("challenge c on * require login").reason == "a fresh login is required"
    assert _rule("challenge c on * require approvals 1 of treasury").reason == "1 approval required"
    assert _rule("challenge c on * require approvals 2 of treasury").reason == "2 approvals required"
    assert _rule("challenge c on * require step new_terms").reason == "a further step is required: new terms"


def test_remedies() -> None:
    """A challenge carries what it asks for."""
    assert _rule("challenge c on * require mfa within 5m").remedy == Remedy(kind="mfa", within=300_000)
    assert _rule("challenge c on * require approvals 2 of treasury").remedy == Remedy(
        kind="approvals", count=2, of="treasury"
    )
    assert _rule("challenge c on * require step kyc").remedy == Remedy(kind="step", name="kyc")


def test_a_limit() -> None:
    """A limit has its count, its period in milliseconds, its cost (1 unless given) and what it counts per."""
    limit, plain = program_of(
        VOCABULARY,
        'limit a on orders.* to 0.5 per 10s cost risk.score default 1 per key.id, client.ip because "slow" '
        "respond 503 slow "
        "limit b on * to 5 per 1m per key.id",
    ).limits
    assert (limit.count, limit.period, limit.per) == (Decimal("0.5"), 10_000, ("key.id", "client.ip"))
    assert limit.cost == Default(operand=SCORE, fallback=IntLiteral(value=1))
    assert (limit.status, limit.code, limit.reason) == (503, "slow", "slow")
    assert plain.cost == IntLiteral(value=1)
    assert (plain.status, plain.code, plain.reason) == (429, "b", "too many requests")
    assert (limit.order, plain.order) == (0, 1)


def test_an_invariant() -> None:
    """An invariant has the actions it is about and its condition, true where there is none."""
    never, always = program_of(
        VOCABULARY, "invariant a never allow on orders.* when calm invariant b always allow on account.read"
    ).invariants
    assert (never.holds, never.actions) == ("never", ("orders.cancel", "orders.create"))
    assert never.condition == LetReference(name="calm", type=BOOL)
    assert (always.holds, always.condition) == ("always", nodes.TRUE)


def test_order_of_files_is_bytewise() -> None:
    """Files are sorted by the bytes of their path, and not by the order in which they are handed over."""
    found = check_files({"b.policy": "deny b", "a/z.policy": "deny a", "C.policy": "actions { x } deny c"})
    assert found.program is not None
    assert [rule.name for rule in found.program.rules] == ["c", "a", "b"]


def test_an_empty_set_is_a_program() -> None:
    """A policy set without any rules denies everything, and is no mistake."""
    assert program_of("").rules == ()


def test_every_diagnostic_in_source_order() -> None:
    """Mistakes of all stages are told in the order of the text."""
    found = check_files(
        {
            "a.policy": "deny a when undefined_name\nactions { x x }\nlet l = undefined_too\n",
            "b.policy": "deny b on y\nscopes { s s }",
        }
    )
    places = [(item.span.source.path, item.span.start) for item in found.errors]
    assert len(places) == 5
    assert places == sorted(places)
