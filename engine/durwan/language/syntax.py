"""The syntax tree: what was written, before any name is looked up.

The parser makes these nodes and nothing else does; the resolver and the checker read them. Every node has the span of
its own text. Literals are already read (escapes, units, addresses), since a malformed one is a mistake of the text.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from durwan.diagnostics import Source, Span
from durwan.model.address import AddressRange


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """What all nodes share."""

    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Name(Node):
    """One declared or used name, or a path such as `orders.create` or `key.scopes`: parts joined by `.`."""

    text: str

    @property
    def parts(self) -> tuple[str, ...]:
        """The names between the dots."""
        return tuple(self.text.split("."))


# ---------------------------------------------------------------- expressions


@dataclass(frozen=True, slots=True, kw_only=True)
class Bool(Node):
    """`true`, `false`."""

    value: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Int(Node):
    """`100_000`, `-5`."""

    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Number(Node):
    """A decimal: `0.25`, `-1_000.50`."""

    value: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class String(Node):
    r"""`"..."`, escapes read. In a `like` pattern `\*` is kept as the two characters backslash, star."""

    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Duration(Node):
    """`1h30m`, in milliseconds."""

    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Instant(Node):
    """`2026-12-24T00:00:00Z`, in milliseconds since the epoch."""

    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Address(Node):
    """`203.0.113.7`, packed."""

    value: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Network(Node):
    """`203.0.113.0/24`."""

    value: AddressRange


Literal_ = Bool | Int | Number | String | Duration | Instant | Address | Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Braces(Node):
    """`{ a, b }`: literals, or names (scopes are written as names). May be empty."""

    items: tuple[Literal_ | Name, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class And(Node):
    """`A and B and C`: two or more operands, nested only where parentheses were written."""

    operands: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Or(Node):
    """`A or B or C`, likewise."""

    operands: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Not(Node):
    """`not A`."""

    operand: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison(Node):
    """`A == B` and its like."""

    operator: Literal["==", "!=", "<", "<=", ">", ">="]
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Arithmetic(Node):
    """`A + B`, `A - B`, `A * LITERAL`."""

    operator: Literal["+", "-", "*"]
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class In(Node):
    """`A in X`, `A not in X`; X is a name (set, network, window, attribute) or braces."""

    operand: Expression
    collection: Name | Braces
    negated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Has(Node):
    """`S has a` (`one`), `S has any of X`, `S has all of X`, `S has at least N of X` (`count` is N's literal)."""

    operand: Expression
    quantifier: Literal["one", "any", "all", "at_least"]
    target: Expression | Braces
    count: Int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Like(Node):
    """`s like "BTC-*"`."""

    operand: Expression
    pattern: String


@dataclass(frozen=True, slots=True, kw_only=True)
class Known(Node):
    """`x is known`, and with `negated` `x is unknown`."""

    operand: Expression
    negated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Default(Node):
    """`x default LITERAL` (a Name only where it is a scope)."""

    operand: Expression
    fallback: Literal_ | Name


@dataclass(frozen=True, slots=True, kw_only=True)
class Group(Node):
    """`( A )`. Kept, so that the formatter and the spans can tell it."""

    inner: Expression


Expression = Literal_ | Name | And | Or | Not | Comparison | Arithmetic | In | Has | Like | Known | Default | Group


# ---------------------------------------------------------------- declarations


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeName(Node):
    """A type as written.

    `kind` is `bool int decimal string ip network time duration scope set`; for a closed set of strings `kind` is
    `string` with `choices`; for `set of T`, `element` is T; `low..high` is the range of an int or decimal.
    """

    kind: str
    choices: tuple[String, ...] = ()
    element: TypeName | None = None
    low: Int | Number | None = None
    high: Int | Number | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration(Node):
    """What all declarations share; `documentation` is the text of the comments right above, without the `#`."""

    documentation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeDeclaration(Declaration):
    """`score : int 0..100` inside a context. `names` has several where one type was given to a list of them."""

    names: tuple[Name, ...]
    type: TypeName


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextDeclaration(Declaration):
    """`context risk { ... }`."""

    name: Name
    attributes: tuple[AttributeDeclaration, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionsDeclaration(Declaration):
    """`actions { orders.create orders.cancel }`."""

    names: tuple[Name, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeEntry(Node):
    """`orders.write includes orders.read, orders.cancel` inside `scopes`."""

    name: Name
    includes: tuple[Name, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopesDeclaration(Declaration):
    """`scopes { ... }`."""

    entries: tuple[ScopeEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkDeclaration(Declaration):
    """`network NAME = { ... }` or `network NAME from "file"`; exactly one of `items` and `file` is given."""

    name: Name
    items: tuple[Network | Address, ...] | None
    file: String | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetDeclaration(Declaration):
    """`set NAME = { ... }` or `set NAME from "file"`; items are strings, ints or scope names."""

    name: Name
    items: tuple[String | Int | Name, ...] | None
    file: String | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LetDeclaration(Declaration):
    """`let NAME = expression`."""

    name: Name
    value: Expression


# Windows. Clocks are milliseconds since midnight, 24:00 being 86_400_000; days are 0 (Monday) to 6.


@dataclass(frozen=True, slots=True, kw_only=True)
class WeeklySpan(Node):
    """`mon..fri 08:00..18:00 "Europe/London"`. Without days, every day; without clocks, the whole day."""

    days: frozenset[int]
    start: int
    end: int
    zone: String


@dataclass(frozen=True, slots=True, kw_only=True)
class InstantSpan(Node):
    """`INSTANT..INSTANT`, half-open."""

    start: Instant
    end: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class DatesSpan(Node):
    """`dates 2026-12-24..2026-12-26 "Area/City"`: ISO dates, both included."""

    first: str
    last: str
    zone: String


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarSpan(Node):
    """`calendar "XNYS" pre 30m post 15m`."""

    calendar: String
    pre: Duration | None = None
    post: Duration | None = None


WindowSpan = WeeklySpan | InstantSpan | DatesSpan | CalendarSpan


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowDeclaration(Declaration):
    """`window NAME = SPAN, SPAN except SPAN, SPAN`."""

    name: Name
    spans: tuple[WindowSpan, ...]
    exceptions: tuple[WindowSpan, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern(Node):
    """`orders.create`, `orders.*` or `*` after `on`."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Response(Node):
    """`respond 403 risk_block`."""

    status: Int
    code: Name


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy(Node):
    """`mfa within 5m`, `approvals 2 of treasury`, `login`, `step kyc_refresh`."""

    kind: Literal["mfa", "approvals", "login", "step"]
    within: Duration | None = None
    count: Int | None = None
    of: Name | None = None
    step: Name | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Clauses:
    """The clauses that rules, limits and invariants draw from, each at most once, in the order of the grammar."""

    actions: tuple[Pattern, ...] | None = None
    when: Expression | None = None
    unless: Expression | None = None
    because: String | None = None
    respond: Response | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleDeclaration(Declaration):
    """`[shadow] allow|deny|challenge NAME ...`."""

    effect: Literal["allow", "deny", "challenge"]
    name: Name
    clauses: Clauses
    shadow: bool = False
    obligations: tuple[tuple[Name, Literal_], ...] = ()
    remedy: Remedy | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitDeclaration(Declaration):
    """`limit NAME on ACTIONS ... to N per DURATION [cost EXPR] per PATH, PATH`."""

    name: Name
    clauses: Clauses
    count: Int | Number
    period: Duration
    cost: Expression | None
    per: tuple[Name, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InvariantDeclaration(Declaration):
    """`invariant NAME never|always allow on ACTIONS [when C]`."""

    name: Name
    holds: Literal["never", "always"]
    clauses: Clauses


AnyDeclaration = (
    ContextDeclaration
    | ActionsDeclaration
    | ScopesDeclaration
    | NetworkDeclaration
    | SetDeclaration
    | LetDeclaration
    | WindowDeclaration
    | RuleDeclaration
    | LimitDeclaration
    | InvariantDeclaration
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Module:
    """One file: its declarations in the order they stand in; `names` are all names, paths and patterns in its text."""

    source: Source
    declarations: tuple[AnyDeclaration, ...]
    names: frozenset[str]
