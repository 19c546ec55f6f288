"""Expressions read from plain data: every name looked up, every operand's kind checked, nothing evaluated."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any, Final

from durwan.diagnostics import Span
from durwan.model.address import NetworkSet
from durwan.model.schema import Schema
from durwan.model.window import Window
from durwan.program import nodes
from durwan.program.nodes import Expression
from durwan.program.plain import form
from durwan.program.plain.form import PlainProgramError, items, name
from durwan.program.plain.operands import RESULTS
from durwan.program.plain.type_forms import LITERALS, MEMBERS, SIMPLE, kind_of, read_networks

# An expression with all its lets written out is never deeper nor larger, on which evaluators may rely. The compiler's
# own bounds are lower, but count what is written: `is unknown` is a single step there, and two nodes here.
DEEPEST: Final = 280
LARGEST: Final = 1_000_000

Kinded = tuple[Expression, str]
_CONDITIONS = frozenset({"bool", "bool literal"})
_FALLBACKS = {("decimal", "int")} | {(kind, kind) for kind in LITERALS}
_LITERAL_KINDS = {kind: f"{kind} literal" for kind in LITERALS}


class ExpressionReader:
    """Reads the expressions of one program. Lets are told of, by `declare_let`, before what uses them."""

    def __init__(
        self,
        schema: Schema,
        sets: Mapping[str, frozenset[str] | frozenset[int]],
        networks: Mapping[str, NetworkSet],
        windows: Mapping[str, Window],
    ) -> None:
        self._schema = schema
        self._sets = sets
        self._networks = networks
        self._windows = windows
        self._attributes = {
            path: (nodes.Attribute(path=path, type=declared), kind_of(declared))
            for path, declared in schema.attributes.items()
        }
        self._lets: dict[str, tuple[nodes.LetReference, str, int, int]] = {}
        # The depth and size of the expression that is being read, lets written out.
        self._deep = self._size = 0
        self._readers: dict[str, Callable[[list[Any], int, Span | None], Kinded]] = {
            "now": self._now, "let": self._let, "set": self._set, "network": self._network, "window": self._window,
            "literals": self._literals, "networks": self._literal_networks, "default": self._default,
            "known": self._known, "and": self._junction, "or": self._junction, "not": self._not,
            **dict.fromkeys(LITERALS, self._literal),
            **dict.fromkeys((key[0] for key in RESULTS), self._operation),
        }  # fmt: skip

    # ------------------------------------------------------------------------------------------ whole expressions

    def value(self, plain: Any, span: Span | None = None) -> Kinded:
        """An expression, and the word for its kind.

        Raises:
            PlainProgramError: it is none, or does not fit the rest of the program.
        """
        self._deep = self._size = 0
        return self._read(plain, 1, span)

    def condition(self, plain: Any) -> Expression:
        """An expression that is true or false."""
        return self._truth(*self.value(plain))

    def spelled_condition(self, plain: Any, word: str, spans: list[Span]) -> Expression:
        """A condition whose operands, joined by `word`, were spelled in these places; or itself in the only one."""
        if len(spans) == 1 or not form.is_array(plain) or plain[:1] != [word] or len(plain) != len(spans) + 1:
            node = self.condition(plain)
            return replace(node, span=spans[0]) if len(spans) == 1 else node
        self._deep = self._size = 0
        operands = [self._truth(*self._read(each, 2, span)) for each, span in zip(plain[1:], spans, strict=True)]
        return (nodes.And if word == "and" else nodes.Or)(operands=tuple(operands))

    def declare_let(self, let: str, plain: Any) -> Expression:
        """The expression of a let, which all that is read later may refer to."""
        node, kind = self.value(plain)
        if kind.startswith(("literals", "literal ", "named", "window")):
            raise PlainProgramError(f"a let stands for one value, not for {kind}")
        reference = nodes.LetReference(name=let, type=nodes.type_of(node))
        self._lets[let] = reference, kind.removesuffix(" literal"), self._deep, self._size
        return node

    def attribute(self, path: str, what: str) -> Kinded:
        """A declared attribute."""
        found = self._attributes.get(path)
        if found is None:
            raise PlainProgramError(f"{what} is no declared attribute: `{path}`")
        return found

    # ------------------------------------------------------------------------------------------ their parts

    def _read(self, plain: Any, depth: int, span: Span | None = None) -> Kinded:
        self._grow(depth, 1)
        if type(plain) is str:
            found = self.attribute(plain, "an operand")
            return found if span is None else (replace(found[0], span=span), found[1])
        if not form.is_array(plain) or not plain or type(plain[0]) is not str:
            raise PlainProgramError(f"this is no expression: {form.shown(plain)}")
        reader = self._readers.get(plain[0])
        if reader is None:
            raise PlainProgramError(f"this version of durwan does not know expressions of the kind `{plain[0]}`")
        return reader(plain, depth, span)

    def _grow(self, depth: int, size: int) -> None:
        self._deep = max(self._deep, depth)
        self._size += size
        if depth > DEEPEST:
            raise PlainProgramError(f"an expression is nested deeper than {DEEPEST}, lets written out")
        if self._size > LARGEST:
            raise PlainProgramError(f"an expression has more than {LARGEST:,} parts, lets written out")

    @staticmethod
    def _truth(node: Expression, kind: str) -> Expression:
        if kind not in _CONDITIONS:
            raise PlainProgramError(f"{_a(kind)} stands where a condition belongs")
        return node

    def _literal(self, plain: list[Any], _depth: int, span: Span | None) -> Kinded:
        kind, value = items(plain, "a literal", 2)
        read, node = LITERALS[kind]
        found = read(value, f"a literal of the kind `{kind}`")
        if kind == "scope" and found not in self._schema.scopes:
            raise PlainProgramError(f"the scope `{found}` is not declared")
        return node(value=found, span=span), _LITERAL_KINDS[kind]

    def _now(self, plain: list[Any], _depth: int, span: Span | None) -> Kinded:
        items(plain, "`now`", 1)
        return nodes.Now(span=span), "time"

    def _let(self, plain: list[Any], depth: int, span: Span | None) -> Kinded:
        found = self._lets.get(name(items(plain, "a reference", 2)[1], "a let"))
        if found is None:
            raise PlainProgramError(f"the let `{plain[1]}` is not declared before it is used")
        node, kind, deep, size = found
        # Written out, the let's expression stands where the reference does.
        self._grow(depth + deep - 1, size)
        return (node if span is None else replace(node, span=span)), kind

    def _set(self, plain: list[Any], _depth: int, span: Span | None) -> Kinded:
        _, set_name, element = items(plain, "a reference to a set", 3)
        members = _declared(self._sets, set_name, "set")
        kinds = ("int",) if any(type(each) is int for each in members) else ("string", "scope")
        element = form.choice(element, f"the kind of the set `{set_name}`", kinds if members else ("int", *kinds))
        node = nodes.NamedSet(name=set_name, element=SIMPLE[element], span=span)  # type: ignore[arg-type]  # of these
        return node, f"named set of {element}"

    def _network(self, plain: list[Any], _depth: int, span: Span | None) -> Kinded:
        network = items(plain, "a reference to a network", 2)[1]
        _declared(self._networks, network, "network")
        return nodes.NamedNetwork(name=network, span=span), "named network"

    def _window(self, plain: list[Any], _depth: int, span: Span | None) -> Kinded:
        window = items(plain, "a reference to a window", 2)[1]
        _declared(self._windows, window, "window")
        return nodes.NamedWindow(name=window, span=span), "window"

    def _literals(self, plain: list[Any], _depth: int, span: Span | None) -> Kinded:
        _, kind, values = items(plain, "a set of literals", 3)
        form.choice(kind, "the kind of a set of literals", tuple(MEMBERS))
        found: list[Any] = form.each_of(values, "the literals", MEMBERS[kind])
        members = frozenset(form.ascending(found, "the literals"))
        if kind == "scope" and not members <= self._schema.scopes.keys():
            raise PlainProgramError("a set of literals holds a scope that is not declared")
        return nodes.LiteralSet(members=members, element=SIMPLE[kind], span=span), f"literals of {kind}"

    def _literal_networks(self, plain: list[Any], _depth: int, span: Span | None) -> Kinded:
        value = read_networks(plain[1:], "a literal network")
        return nodes.LiteralNetwork(value=value, span=span), "literal networks"

    def _default(self, plain: list[Any], depth: int, span: Span | None) -> Kinded:
        _, operand, fallback = items(plain, "a default", 3)
        node, kind = self._read(operand, depth + 1)
        other, other_kind = self._read(fallback, depth + 1)
        kind = kind.removesuffix(" literal")
        if not isinstance(other, nodes.Literal) or (kind, other_kind.removesuffix(" literal")) not in _FALLBACKS:
            raise PlainProgramError(f"{_a(other_kind)} is no default of {_a(kind)}")
        return nodes.Default(operand=node, fallback=other, span=span), kind

    def _known(self, plain: list[Any], _depth: int, span: Span | None) -> Kinded:
        path = name(items(plain, "`known`", 2)[1], "what is asked about")
        node = self.attribute(path, "what is asked about")[0]
        return nodes.IsKnown(operand=node, span=span), "bool"  # type: ignore[arg-type]  # it is an attribute

    # Loops rather than comprehensions: each of those would be one more frame of the stack for each level.

    def _junction(self, plain: list[Any], depth: int, span: Span | None) -> Kinded:
        if len(plain) < 3:
            raise PlainProgramError(f"`{plain[0]}` joins two conditions or more")
        operands: list[Expression] = []
        for each in plain[1:]:
            operands.append(self._truth(*self._read(each, depth + 1)))  # noqa: PERF401 - see above
        return (nodes.And if plain[0] == "and" else nodes.Or)(operands=tuple(operands), span=span), "bool"

    def _not(self, plain: list[Any], depth: int, span: Span | None) -> Kinded:
        operand = self._truth(*self._read(items(plain, "`not`", 2)[1], depth + 1))
        return nodes.Not(operand=operand, span=span), "bool"

    def _operation(self, plain: list[Any], depth: int, span: Span | None) -> Kinded:
        operator, *given = plain
        operands: list[Expression] = []
        kinds: list[str] = []
        for each in given:
            node, kind = self._read(each, depth + 1)
            operands.append(node)
            kinds.append(kind)
        result = RESULTS.get((operator, *kinds))
        if result is None:
            raise PlainProgramError(f"the operator `{operator}` does not take {', '.join(map(_a, kinds)) or 'nothing'}")
        made = nodes.Operation(operator=operator, operands=tuple(operands), type=result, span=span)
        return made, str(result)


def _a(kind: str) -> str:
    """`an int`, `a decimal`."""
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _declared(table: Mapping[str, Any], wanted: Any, what: str) -> Collection[Any]:
    if type(wanted) is not str or wanted not in table:
        raise PlainProgramError(f"the {what} {form.shown(wanted)} is not declared")
    found: Collection[Any] = table[wanted]
    return found
