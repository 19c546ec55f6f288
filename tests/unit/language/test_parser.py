"""The syntax tree of well-formed text: every declaration, every expression, every literal."""

from __future__ import annotations

from decimal import Decimal

import pytest

from durwan.diagnostics import Source
from durwan.language import syntax
from durwan.language.parser import parse
from durwan.model.address import AddressRange, network_range
from tests.meaning import meaning


def declared(text: str) -> syntax.AnyDeclaration:
    """The one declaration of a text without mistakes."""
    module, mistakes = parse(Source("a.policy", text))
    assert [each.message for each in mistakes] == []
    (declaration,) = module.declarations
    return declaration


def value(text: str) -> syntax.Expression:
    """The expression that a `let` names."""
    declaration = declared(f"let x = {text}")
    assert isinstance(declaration, syntax.LetDeclaration)
    return declaration.value


def shape(node: object) -> str:
    """An expression with every grouping in brackets."""
    match node:
        case syntax.And(operands=operands):
            return f"[{' and '.join(map(shape, operands))}]"
        case syntax.Or(operands=operands):
            return f"[{' or '.join(map(shape, operands))}]"
        case syntax.Not(operand=operand):
            return f"[not {shape(operand)}]"
        case (
            syntax.Comparison(operator=operator, left=left, right=right)
            | syntax.Arithmetic(operator=operator, left=left, right=right)
        ):
            return f"[{shape(left)} {operator} {shape(right)}]"
        case syntax.In(operand=operand, negated=negated):
            return f"[{shape(operand)} {'not ' * negated}in _]"
        case syntax.Default(operand=operand, fallback=fallback):
            return f"[{shape(operand)} default {shape(fallback)}]"
        case syntax.Group(inner=inner):
            return f"({shape(inner)})"
        case syntax.Node(span=span):
            return span.text
        case _:
            raise AssertionError(node)


# ---------------------------------------------------------------- expressions


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a or b and c", "[a or [b and c]]"),
        ("a and b and c or d or e", "[[a and b and c] or d or e]"),
        ("not a and b", "[[not a] and b]"),
        ("not a == b", "[not [a == b]]"),
        ("not not a", "[not [not a]]"),
        ("a == b and c != d", "[[a == b] and [c != d]]"),
        ("a + b * c", "[a + [b * c]]"),
        ("a - b - c", "[[a - b] - c]"),
        ("a - b < c + d", "[[a - b] < [c + d]]"),
        ("a * b default 2", "[a * [b default 2]]"),
        ("a default 1 + b", "[[a default 1] + b]"),
        ("(a or b) and c", "[([a or b]) and c]"),
        ("a and (b and c)", "[a and ([b and c])]"),
        ("(a < b) == c", "[([a < b]) == c]"),
        ("a - -5", "[a - -5]"),
        ("a -5", "[a - 5]"),
        ("a-5m", "[a - 5m]"),
        ("a - b not in c or d", "[[[a - b] not in _] or d]"),
        ("now - a > 5m", "[[now - a] > 5m]"),
    ],
)
def test_precedence(text: str, expected: str) -> None:
    """From tightest: `default`, `*`, `+ -`, the tests, `not`, `and`, `or`; `and` and `or` are flat, signs go left."""
    assert shape(value(text)) == expected


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("true", syntax.Bool, True),
        ("false", syntax.Bool, False),
        ("0", syntax.Int, 0),
        ("100_000", syntax.Int, 100_000),
        ("-5", syntax.Int, -5),
        ("9223372036854775807", syntax.Int, 2**63 - 1),
        ("-9223372036854775808", syntax.Int, -(2**63)),
        ("0.25", syntax.Number, Decimal("0.25")),
        ("1_000.50", syntax.Number, Decimal("1000.50")),
        ("-0.000_001", syntax.Number, Decimal("-0.000001")),
        ("999999999999999999.999999999999999999", syntax.Number, Decimal("999999999999999999.999999999999999999")),
        ('""', syntax.String, ""),
        (r'"\"\\\n\t\u{1F600}é#"', syntax.String, '"\\\n\t😀é#'),
        (r'"\u{0}\u{10FFFF}"', syntax.String, "\0\U0010ffff"),
        ("250ms", syntax.Duration, 250),
        ("1h30m", syntax.Duration, 5_400_000),
        ("90d", syntax.Duration, 7_776_000_000),
        ("-5m", syntax.Duration, -300_000),
        ("1970-01-01T00:00:00Z", syntax.Instant, 0),
        ("1970-01-01T01:00+01:00", syntax.Instant, 0),
        ("1970-01-01T00:00:00.1239Z", syntax.Instant, 123),
        ("203.0.113.7", syntax.Address, bytes((203, 0, 113, 7))),
        ("::ffff:10.0.0.1", syntax.Address, bytes((10, 0, 0, 1))),
        ("fe80::1", syntax.Address, bytes.fromhex("fe80" + "00" * 13 + "01")),
        ("2001:DB8::", syntax.Address, bytes.fromhex("20010db8" + "00" * 12)),
        ("10.0.0.0/8", syntax.Network, network_range(bytes((10, 0, 0, 0)), 8)),
        ("::/0", syntax.Network, AddressRange(bytes(16), b"\xff" * 16)),
        ("abcd::/16", syntax.Network, network_range(bytes.fromhex("abcd" + "00" * 14), 16)),
    ],
)
def test_literals(text: str, kind: type[syntax.Node], expected: object) -> None:
    """A literal is read, and its span is its own text, sign included."""
    found = value(text)
    assert type(found) is kind
    assert getattr(found, "value", None) == expected
    assert found.span.text == text


def test_minus_zero_is_zero() -> None:
    """There is one zero: `-0.0` is not another value."""
    assert str(getattr(value("-0.0"), "value", None)) == "0.0"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s has a", ("one", "a", None)),
        ("s has request.symbol", ("one", "request.symbol", None)),
        ("s has any of desk", ("any", "desk", None)),
        ('s has all of { "a", "b", }', ("all", '{ "a", "b", }', None)),
        ("s has at least 2 of desk", ("at_least", "desk", 2)),
    ],
)
def test_has(text: str, expected: tuple[str, str, int | None]) -> None:
    """The four quantifiers, of a literal list, a name, or one member."""
    found = value(text)
    assert isinstance(found, syntax.Has)
    count = found.count.value if found.count else None
    assert (found.quantifier, found.target.span.text, count) == expected


def test_other_tests() -> None:
    r"""`like`, `is known`, `is unknown`; in a pattern `\*` stays as written, other escapes are read."""
    like = value(r's like "a\*\u{62}\\c*"')
    assert isinstance(like, syntax.Like)
    assert like.pattern.value == r"a\*b\c*"
    known, unknown = value("x is known"), value("x is unknown")
    assert isinstance(known, syntax.Known)
    assert isinstance(unknown, syntax.Known)
    assert (known.negated, unknown.negated) == (False, True)


def test_braces_may_be_empty_in_an_expression() -> None:
    """Whether an empty list makes sense is for the checker to say."""
    found = value("x in { }")
    assert isinstance(found, syntax.In)
    assert isinstance(found.collection, syntax.Braces)
    assert found.collection.items == ()


# ---------------------------------------------------------------- vocabulary and definitions


def test_context() -> None:
    """Attributes may share a type, stand on one line, and be named like any word of the language."""
    context = declared(
        'context risk { a b c : string score : int 0..100 d : decimal -1.5..2 s : set of scope side : "buy" | "sell"\n'
        "  when scopes allow int : bool n : network }"
    )
    assert isinstance(context, syntax.ContextDeclaration)
    assert [[name.text for name in each.names] for each in context.attributes] == [
        ["a", "b", "c"],
        ["score"],
        ["d"],
        ["s"],
        ["side"],
        ["when", "scopes", "allow", "int"],
        ["n"],
    ]
    types = [each.type for each in context.attributes]
    assert [each.kind for each in types] == ["string", "int", "decimal", "set", "string", "bool", "network"]
    assert (types[1].low, types[1].high) != (None, None)
    assert types[3].element is not None
    assert types[3].element.kind == "scope"
    assert [choice.value for choice in types[4].choices] == ["buy", "sell"]


def test_actions_and_scopes() -> None:
    """Commas between entries may be left out; after `includes` they continue its list."""
    actions = declared("actions { orders.create orders.cancel, set.up\n withdrawals.create, }")
    assert isinstance(actions, syntax.ActionsDeclaration)
    assert [name.text for name in actions.names] == ["orders.create", "orders.cancel", "set.up", "withdrawals.create"]
    scopes = declared("scopes { a.read, a.write includes a.read, b.read c.all d }")
    assert isinstance(scopes, syntax.ScopesDeclaration)
    assert [(entry.name.text, [name.text for name in entry.includes]) for entry in scopes.entries] == [
        ("a.read", []),
        ("a.write", ["a.read", "b.read"]),
        ("c.all", []),
        ("d", []),
    ]


def test_networks_and_sets() -> None:
    """Given in braces, with or without a comma at the end, or from a file."""
    office = declared("network office = { 203.0.113.0/24, ::1, }")
    assert isinstance(office, syntax.NetworkDeclaration)
    assert office.items is not None
    assert ([type(item) for item in office.items], office.file) == ([syntax.Network, syntax.Address], None)
    tor = declared('network tor from "lists/tor.txt"')
    assert isinstance(tor, syntax.NetworkDeclaration)
    assert tor.items is None
    assert tor.file is not None
    assert tor.file.value == "lists/tor.txt"
    desk = declared('set desk = { "alice", 5, orders.read }')
    assert isinstance(desk, syntax.SetDeclaration)
    assert desk.items is not None
    assert [type(item) for item in desk.items] == [syntax.String, syntax.Int, syntax.Name]


def test_windows() -> None:
    """All four kinds of span, and exceptions; days may pass the end of the week, clocks midnight."""
    window = declared(
        'window w = mon..wed, sun 08:00..24:00 "UTC", 22:00:30..06:00 "UTC", sat..mon "UTC", "UTC",\n'
        "  2026-12-24T00:00:00Z..2026-12-25T00:00:00Z\n"
        '  except dates 2026-12-24..2026-12-26 "UTC", calendar "XNYS" pre 30m post 15m, calendar "XLON" post 1h'
    )
    assert isinstance(window, syntax.WindowDeclaration)
    weekly = [span for span in window.spans if isinstance(span, syntax.WeeklySpan)]
    assert [(sorted(span.days), span.start, span.end) for span in weekly] == [
        ([0, 1, 2, 6], 28_800_000, 86_400_000),
        ([0, 1, 2, 3, 4, 5, 6], 79_230_000, 21_600_000),
        ([0, 5, 6], 0, 86_400_000),
        ([0, 1, 2, 3, 4, 5, 6], 0, 86_400_000),
    ]
    assert isinstance(window.spans[4], syntax.InstantSpan)
    dates, session, late = window.exceptions
    assert isinstance(dates, syntax.DatesSpan)
    assert (dates.first, dates.last, dates.zone.value) == ("2026-12-24", "2026-12-26", "UTC")
    assert isinstance(session, syntax.CalendarSpan)
    assert isinstance(late, syntax.CalendarSpan)
    assert [each.value if each else None for each in (session.pre, session.post, late.pre, late.post)] == [
        1_800_000,
        900_000,
        None,
        3_600_000,
    ]


# ---------------------------------------------------------------- rules


def test_rule_with_all_clauses() -> None:
    """An allow with its obligations; patterns of all three forms."""
    rule = declared(
        'shadow allow step on a.b, orders.*, * when x unless y or z because "why" with { limit: 5, evict: "no" }'
    )
    assert isinstance(rule, syntax.RuleDeclaration)
    assert (rule.effect, rule.name.text, rule.shadow, rule.remedy) == ("allow", "step", True, None)
    assert [pattern.text for pattern in rule.clauses.actions or ()] == ["a.b", "orders.*", "*"]
    assert [(name.text, literal.span.text) for name, literal in rule.obligations] == [("limit", "5"), ("evict", '"no"')]
    assert rule.clauses.because is not None
    assert rule.clauses.because.value == "why"


def test_rule_without_clauses() -> None:
    """A deny needs nothing but its name; what is not said is None, which is not an empty list."""
    rule = declared("deny everything")
    assert isinstance(rule, syntax.RuleDeclaration)
    assert rule.clauses == syntax.Clauses()
    assert rule.clauses.actions is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mfa", ("mfa", None, None, None, None)),
        ("mfa within 5m", ("mfa", 300_000, None, None, None)),
        ("approvals 2 of treasury", ("approvals", None, 2, "treasury", None)),
        ("login", ("login", None, None, None, None)),
        ("step mfa", ("step", None, None, None, "mfa")),
    ],
)
def test_remedies(text: str, expected: tuple[object, ...]) -> None:
    """The four remedies of a challenge."""
    rule = declared(f"challenge c on a respond 401 login require {text}")
    assert isinstance(rule, syntax.RuleDeclaration)
    remedy = rule.remedy
    assert remedy is not None
    within, count = remedy.within and remedy.within.value, remedy.count and remedy.count.value
    assert (remedy.kind, within, count, remedy.of and remedy.of.text, remedy.step and remedy.step.text) == expected


def test_limit() -> None:
    """A limit's cost is an expression; it may count per several attributes."""
    limit = declared(
        "limit cost on a, b when to unless per to 0.5 per 10s"
        ' cost request.weight default 1 + x per key.id, y because "z"'
    )
    assert isinstance(limit, syntax.LimitDeclaration)
    assert isinstance(limit.count, syntax.Number)
    assert (limit.name.text, limit.period.value) == ("cost", 10_000)
    assert shape(limit.cost) == "[[request.weight default 1] + x]"
    assert [name.text for name in limit.per] == ["key.id", "y"]
    assert (shape(limit.clauses.when), shape(limit.clauses.unless)) == ("to", "per")


@pytest.mark.parametrize("holds", ["never", "always"])
def test_invariant(holds: str) -> None:
    """An invariant says never or always."""
    invariant = declared(f"invariant never {holds} allow on *\n  when a")
    assert isinstance(invariant, syntax.InvariantDeclaration)
    assert (invariant.name.text, invariant.holds) == ("never", holds)


# ---------------------------------------------------------------- names, comments, spans


@pytest.mark.parametrize(
    "word",
    [
        *("mfa", "approvals", "login", "step", "within", "pre", "post", "dates", "calendar", "mon", "cost", "to"),
        *("per", "never", "always", "except", "from", "includes", "int", "string", "time", "at", "least", "ip"),
    ],
)
def test_keywords_that_are_names_elsewhere(word: str) -> None:
    """A word that is not reserved is a keyword only where it stands as one."""
    for text in (f"let {word} = {word}", f"deny {word} when {word} or {word}", f"set {word} = {{ {word} }}"):
        declared(text)


def test_reserved_words_may_be_parts_of_a_path() -> None:
    """After a point any name is a name."""
    assert shape(value("key.scopes has request.limit.when")) == "key.scopes has request.limit.when"


def test_documentation_is_the_comment_right_above() -> None:
    """Lines of comments that touch what they are above; a blank line or code between parts them."""
    module, mistakes = parse(
        Source(
            "a.policy",
            "# of the file\n\n#first\n#  second\n# \nlet a = b # behind\nlet c = d let e = f\n\n# away\n\n"
            "let g = h\n  # of the context\ncontext i { # not\n  # of j\n  j : int # nor\n  k : int\n}\n",
        )
    )
    assert mistakes == []
    documented = [each.documentation for each in module.declarations]
    assert documented == ["first\n second\n", "", "", "", "of the context"]
    context = module.declarations[-1]
    assert isinstance(context, syntax.ContextDeclaration)
    assert [each.documentation for each in context.attributes] == ["of j", ""]


def test_spans_are_the_text_of_their_nodes() -> None:
    """From the first to the last token, and nothing of what stands around."""
    text = '# c\ndeny a\n  on b.* # d\n  when ( x default 5 ) in { "y" } # e\n\nlet f = g'
    module, _ = parse(Source("a.policy", text))
    rule, let = module.declarations
    assert rule.span.text == 'deny a\n  on b.* # d\n  when ( x default 5 ) in { "y" }'
    assert let.span.text == "let f = g"
    assert isinstance(rule, syntax.RuleDeclaration)
    condition = rule.clauses.when
    assert isinstance(condition, syntax.In)
    assert (condition.operand.span.text, condition.collection.span.text) == ("( x default 5 )", '{ "y" }')


def test_line_breaks_mean_nothing() -> None:
    """The same tokens on one line and on a line each are the same policy."""
    text = 'context a { b c : int 0..5 d : bool } deny e on f.g , h when i == 5m - j and k not in { "l" , m } require'
    text = text.removesuffix(" require")
    one, mistakes = parse(Source("a.policy", text))
    many, _ = parse(Source("a.policy", text.replace(" ", "\n")))
    assert mistakes == []
    assert meaning(one.declarations) == meaning(many.declarations)


def test_empty_texts() -> None:
    """Nothing, white space and comments alone are a file without declarations."""
    for text in ("", "\n", " \t\r\n", "# a comment", "# one\n\n# two\n"):
        module, mistakes = parse(Source("a.policy", text))
        assert (module.declarations, mistakes) == ((), [])
