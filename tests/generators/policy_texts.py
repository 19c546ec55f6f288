"""Random policy text that parses: tokens of random declarations, with random white space and comments between them."""

from __future__ import annotations

from hypothesis import strategies as st

Tokens = list[str]

_WORDS = ("a", "b", "risk", "score", "cost", "step", "within", "mon", "pre", "login", "long_name_of_something")
_REPEATED_TYPES = ("bool", "string", "ip", "network", "time", "duration", "scope")

names = st.sampled_from(_WORDS)
paths = st.sampled_from(("a", "key.scopes", "orders.create", "request.address", "scopes.when", "x.limit.on"))
patterns = st.sampled_from(("*", "orders.*", "orders.create", "a", "x.limit.*"))
strings = st.sampled_from(('"a"', '"BTC-PERP"', r'"\"\\\n\u{1F600}"', '"# no comment"', '"{ , }"', f'"{"x" * 60}"'))
ints = st.sampled_from(("0", "5", "100_000", "9223372036854775807", "-5"))
decimals = st.sampled_from(("0.25", "1_000.50", "-0.5"))
durations = st.sampled_from(("250ms", "1h30m", "90d", "-5m"))
instants = st.sampled_from(("2026-12-24T00:00:00Z", "2026-12-24T00:00+01:00"))
networks = st.sampled_from(("203.0.113.0/24", "2001:db8::/32", "203.0.113.7", "::1", "fe80::/10"))
plain_literals = st.one_of(strings, ints, decimals, durations, instants, networks, st.sampled_from(("true", "false")))


def one(tokens: st.SearchStrategy[str]) -> st.SearchStrategy[Tokens]:
    """A single token."""
    return tokens.map(lambda token: [token])


def joined(parts: st.SearchStrategy[Tokens], sign: str, least: int, most: int) -> st.SearchStrategy[Tokens]:
    """Parts with a sign between them."""
    return st.lists(parts, min_size=least, max_size=most).map(
        lambda found: [token for place, part in enumerate(found) for token in ([sign] * bool(place) + part)]
    )


@st.composite
def braces(draw: st.DrawFn, entries: st.SearchStrategy[Tokens], least: int = 0) -> Tokens:
    """A list in braces, with or without a comma at its end."""
    inner = draw(joined(entries, ",", least, 12))
    comma = bool(inner) and draw(st.booleans())
    return ["{", *inner, *([","] if comma else []), "}"]


def _collections() -> st.SearchStrategy[Tokens]:
    return st.one_of(one(paths), braces(one(st.one_of(plain_literals, paths))))


@st.composite
def _tests(draw: st.DrawFn, operand: st.SearchStrategy[Tokens]) -> Tokens:
    left = draw(operand)
    match draw(st.integers(0, 8)):
        case 0:
            return [*left, draw(st.sampled_from(("==", "!=", "<", "<=", ">", ">="))), *draw(operand)]
        case 1:
            return [*left, "in", *draw(_collections())]
        case 2:
            return [*left, "not", "in", *draw(_collections())]
        case 3:
            return [*left, "has", *draw(operand)]
        case 4:
            return [*left, "has", draw(st.sampled_from(("any", "all"))), "of", *draw(_collections())]
        case 5:
            return [*left, "has", "at", "least", "2", "of", *draw(_collections())]
        case 6:
            return [*left, "like", draw(st.sampled_from(('"BTC-*"', r'"a\*b"')))]
        case 7:
            return [*left, "is", draw(st.sampled_from(("known", "unknown")))]
        case _:
            return left


@st.composite
def _sums(draw: st.DrawFn, primary: st.SearchStrategy[Tokens]) -> Tokens:
    tokens = draw(primary)
    for _ in range(draw(st.integers(0, 2))):
        tokens = [*tokens, draw(st.sampled_from(("+", "-", "*"))), *draw(primary)]
    return tokens


_primaries = st.one_of(
    one(plain_literals),
    one(paths),
    st.just(["now"]),
    st.tuples(paths, st.one_of(plain_literals, paths)).map(lambda pair: [pair[0], "default", pair[1]]),
)


def _conditions(inner: st.SearchStrategy[Tokens]) -> st.SearchStrategy[Tokens]:
    return st.one_of(
        joined(inner, "and", 2, 5),
        joined(inner, "or", 2, 5),
        inner.map(lambda tokens: ["not", "(", *tokens, ")"]),
        inner.map(lambda tokens: ["(", *tokens, ")"]),
        _tests(inner.map(lambda tokens: ["(", *tokens, ")"])),
    )


expressions = st.recursive(_tests(_sums(_primaries)), _conditions, max_leaves=12)


# ---------------------------------------------------------------- declarations


@st.composite
def _types(draw: st.DrawFn) -> Tokens:
    plain = one(st.sampled_from((*_REPEATED_TYPES, "int", "decimal")))
    ranged = st.tuples(st.sampled_from(("int", "decimal")), ints, decimals).map(lambda t: [t[0], t[1], "..", t[2]])
    scalar = draw(st.one_of(plain, ranged, joined(one(strings), "|", 1, 4)))
    return ["set", "of", *scalar] if draw(st.booleans()) else scalar


attribute_names = st.sampled_from((*_WORDS, "when", "allow", "limit"))


@st.composite
def _attributes(draw: st.DrawFn) -> Tokens:
    listed = draw(st.lists(attribute_names, min_size=1, max_size=3))
    return [*listed, ":", *draw(_types())]


@st.composite
def contexts(draw: st.DrawFn) -> Tokens:
    """A context."""
    attributes = draw(st.lists(_attributes(), max_size=4))
    return ["context", draw(names), "{", *(token for each in attributes for token in each), "}"]


@st.composite
def actions(draw: st.DrawFn) -> Tokens:
    """Actions, with commas or without."""
    entries = [[path, *([","] if draw(st.booleans()) else [])] for path in draw(st.lists(paths, max_size=9))]
    return ["actions", "{", *(token for each in entries for token in each), "}"]


@st.composite
def scopes(draw: st.DrawFn) -> Tokens:
    """Scopes and what they include."""
    entries: list[Tokens] = []
    for path in draw(st.lists(paths, max_size=5)):
        if draw(st.booleans()):
            entries.append([path, "includes", *draw(joined(one(paths), ",", 1, 4))])
        else:
            entries.append([path, *([","] if draw(st.booleans()) else [])])
    return ["scopes", "{", *(token for each in entries for token in each), "}"]


@st.composite
def definitions(draw: st.DrawFn) -> Tokens:
    """A network, set or let."""
    kind = draw(st.sampled_from(("network", "set", "let")))
    name = draw(names)
    if kind == "let":
        return ["let", name, "=", *draw(expressions)]
    if draw(st.booleans()):
        return [kind, name, "from", draw(strings)]
    entries = networks if kind == "network" else st.one_of(strings, ints, paths)
    return [kind, name, "=", *draw(braces(one(entries), least=1))]


_day_ranges = st.sampled_from((["mon"], ["mon", "..", "fri"], ["sat", "..", "mon"]))
_weekly = st.tuples(
    st.one_of(st.just([]), joined(_day_ranges, ",", 1, 3)), st.sampled_from(([], ["08:00", "..", "24:00"])), strings
).map(lambda parts: [*parts[0], *parts[1], parts[2]])
_spans = st.one_of(
    _weekly,
    st.just(["2026-12-24T00:00:00Z", "..", "2026-12-25T00:00:00Z"]),
    strings.map(lambda zone: ["dates", "2026-12-24", "..", "2026-12-26", zone]),
    st.sampled_from((["calendar", '"XNYS"'], ["calendar", '"XNYS"', "pre", "30m", "post", "15m"])),
)


@st.composite
def windows(draw: st.DrawFn) -> Tokens:
    """A window."""
    exceptions = draw(joined(_spans, ",", 0, 3))
    return [
        "window",
        draw(names),
        "=",
        *draw(joined(_spans, ",", 1, 3)),
        *(["except", *exceptions] if exceptions else []),
    ]


@st.composite
def _body(draw: st.DrawFn, *, needs_actions: bool) -> Tokens:
    tokens: Tokens = []
    if needs_actions or draw(st.booleans()):
        tokens += ["on", *draw(joined(one(patterns), ",", 1, 9))]
    for keyword in ("when", "unless"):
        if draw(st.booleans()):
            tokens += [keyword, *draw(expressions)]
    return tokens


def _maybe(draw: st.DrawFn, tokens: st.SearchStrategy[Tokens]) -> Tokens:
    return draw(st.one_of(st.just([]), tokens))


_because = strings.map(lambda text: ["because", text])
_respond = attribute_names.map(lambda code: ["respond", "403", code])
_obligations = st.tuples(attribute_names, plain_literals).map(lambda pair: [pair[0], ":", pair[1]])
_remedies = st.sampled_from((["mfa"], ["mfa", "within", "5m"], ["approvals", "2", "of", "a"], ["login"], ["step", "b"]))


@st.composite
def rules(draw: st.DrawFn) -> Tokens:
    """An allow, deny or challenge."""
    effect = draw(st.sampled_from(("allow", "deny", "challenge")))
    tokens = [*(["shadow"] if draw(st.booleans()) else []), effect, draw(names)]
    tokens += draw(_body(needs_actions=effect != "deny"))
    tokens += _maybe(draw, _because)
    if effect == "allow":
        return tokens + _maybe(draw, braces(_obligations).map(lambda inner: ["with", *inner]))
    tokens += _maybe(draw, _respond)
    return tokens + (["require", *draw(_remedies)] if effect == "challenge" else [])


@st.composite
def limits(draw: st.DrawFn) -> Tokens:
    """A limit."""
    tokens = ["limit", draw(names), *draw(_body(needs_actions=True)), "to", "100", "per", "10s"]
    tokens += _maybe(draw, _sums(_primaries).map(lambda cost: ["cost", *cost]))
    tokens += ["per", *draw(joined(one(paths), ",", 1, 3))]
    return tokens + _maybe(draw, _because) + _maybe(draw, _respond)


@st.composite
def invariants(draw: st.DrawFn) -> Tokens:
    """An invariant."""
    holds = draw(st.sampled_from(("never", "always")))
    tokens = ["invariant", draw(names), holds, "allow", "on", *draw(joined(one(patterns), ",", 1, 5))]
    return tokens + _maybe(draw, expressions.map(lambda condition: ["when", *condition]))


declarations = st.one_of(
    contexts(), actions(), scopes(), definitions(), definitions(), windows(), rules(), limits(), invariants()
)

_gaps = st.sampled_from((" ", " ", " ", "  ", "\n", "\n  ", "\n\n", "\n\n\n", "\t", "\r\n"))
_comments = st.sampled_from(("#", "# words", "#words", '# "quoted', "#  deny x", "# a { b"))


@st.composite
def gaps(draw: st.DrawFn) -> str:
    """White space, and sometimes comments, between two tokens."""
    gap = draw(_gaps)
    for _ in range(draw(st.sampled_from((0, 0, 0, 0, 0, 1, 1, 2)))):
        gap += draw(_comments) + "\n" + draw(st.sampled_from(("", "  ", "\n", "\n\n ")))
    return gap


_ALONE = frozenset("(){},")


@st.composite
def policy_texts(draw: st.DrawFn) -> str:
    """The text of a file."""
    tokens = [token for each in draw(st.lists(declarations, max_size=4)) for token in each]
    text = draw(gaps())
    for token in tokens:
        text += token
        text += "" if token in _ALONE and draw(st.booleans()) else draw(gaps())
    return text
