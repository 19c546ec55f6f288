"""What is left of rules once some contexts of a request are known: the rest is decided by what is still to come.

Everything that the fixed contexts settle is settled here, by the reference evaluator; what time can still change stays,
with the fixed values written into it. An attribute of a fixed context that is unknown stays unknown for good, so a
rule that allows is no longer asked what could only be true if it were known.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from durwan.model.request import Attributes
from durwan.program import nodes
from durwan.program.literals import literal_of
from durwan.program.nodes import Expression
from durwan.program.program import Program, Rule
from durwan.program.reference import Evaluation

_COLLECTIONS = (nodes.LiteralSet, nodes.LiteralNetwork, nodes.NamedSet, nodes.NamedNetwork, nodes.NamedWindow)
_LITERALS = (
    nodes.BoolLiteral,
    nodes.IntLiteral,
    nodes.DecimalLiteral,
    nodes.StringLiteral,
    nodes.AddressLiteral,
    nodes.InstantLiteral,
    nodes.DurationLiteral,
    nodes.ScopeLiteral,
)
_SETTLED = (*_COLLECTIONS, *_LITERALS)


@dataclass(frozen=True, slots=True)
class _Rest:
    """What is left of an expression; `unknown` where it is certainly unknown, whatever is still to come."""

    expression: Expression
    unknown: bool = False


class Specialization:
    """Rules of a program, for requests of which some contexts are fixed.

    Args:
        program: where the rules are from.
        attributes: the attributes of the fixed contexts.
        contexts: the names of the fixed contexts.
        paths: single attributes of other contexts that are fixed too.
        kept: fixed attributes that stay in the rules by name; only whether they are known is settled.
    """

    def __init__(
        self,
        program: Program,
        attributes: Attributes,
        contexts: Collection[str],
        *,
        paths: Collection[str] = (),
        kept: Collection[str] = (),
    ) -> None:
        self._program = program
        self._attributes = attributes
        self._contexts = frozenset(contexts)
        self._paths = frozenset(paths)
        self._kept = frozenset(kept)
        self._evaluation = Evaluation(program, attributes, 0)
        self._lets: dict[str, _Rest] = {}

    def rule(self, rule: Rule) -> Rule:
        """The rule with what is settled written into it."""
        when, unless = self._rest(rule.body.when), self._rest(rule.body.unless)
        body = nodes.And(operands=(when.expression, nodes.Not(operand=unless.expression)))
        rest = self._rest(body).expression
        if rule.effect == "allow":
            rest = self._certain(rest, wanted=True)
        return replace(rule, body=replace(rule.body, when=rest, unless=nodes.FALSE))

    def program(self, rules: Sequence[Rule]) -> Program:
        """The program with these rules, which this specialization made, and the lets that they name."""
        lets = {name: rest.expression for name, rest in self._lets.items()}
        return replace(self._program, rules=tuple(rules), lets={**self._program.lets, **lets})

    def is_unknown(self, expression: Expression) -> bool:
        """Whether an expression is unknown whatever is still to come."""
        return self._rest(expression).unknown

    def is_fixed(self, path: str) -> bool:
        """Whether an attribute is fixed, with its context or by itself."""
        return path.partition(".")[0] in self._contexts or path in self._paths

    def certain(self, expression: Expression) -> Expression:
        """What is true exactly where an expression of here is, without what is unknown for good."""
        return self._certain(expression, wanted=True)

    # --------------------------------------------------------------------------------------------------- settling

    def _rest(self, expression: Expression) -> _Rest:  # noqa: C901 - one line per kind of node
        match expression:
            case nodes.Attribute(path=path):
                return self._attribute(expression) if self.is_fixed(path) else _Rest(expression)
            case nodes.LetReference(name=name):
                return self._let(expression, name)
            case nodes.IsKnown(operand=operand):
                if not self.is_fixed(operand.path):
                    return _Rest(expression)
                return _Rest(nodes.BoolLiteral(value=self._attributes.read(operand.path) is not None))
            case nodes.Default(operand=operand, fallback=fallback):
                rest = self._rest(operand)
                if rest.unknown:
                    return _Rest(fallback)
                settled = isinstance(rest.expression, _SETTLED)
                return _Rest(rest.expression if settled else replace(expression, operand=rest.expression))
            case nodes.And(operands=operands):
                return _junction(nodes.And, [self._rest(operand) for operand in operands], decisive=False)
            case nodes.Or(operands=operands):
                return _junction(nodes.Or, [self._rest(operand) for operand in operands], decisive=True)
            case nodes.Not(operand=operand):
                rest = self._rest(operand)
                if isinstance(rest.expression, nodes.BoolLiteral):
                    return _Rest(nodes.BoolLiteral(value=not rest.expression.value))
                return _Rest(replace(expression, operand=rest.expression), unknown=rest.unknown)
            case nodes.Operation():
                return self._operation(expression)
            case _:
                return _Rest(expression)

    def _attribute(self, attribute: nodes.Attribute) -> _Rest:
        value = self._attributes.read(attribute.path)
        if value is None:
            return _Rest(attribute, unknown=True)
        return _Rest(attribute if attribute.path in self._kept else literal_of(value, attribute.type))

    def _let(self, reference: nodes.LetReference, name: str) -> _Rest:
        if name not in self._lets:
            self._lets[name] = self._rest(self._program.lets[name])
        rest = self._lets[name]
        if rest.unknown or isinstance(rest.expression, _SETTLED):
            return rest
        return _Rest(reference)

    def _operation(self, operation: nodes.Operation) -> _Rest:
        rests = [self._rest(operand) for operand in operation.operands]
        if any(rest.unknown for rest in rests):
            return _Rest(operation, unknown=True)
        operands = tuple(rest.expression for rest in rests)
        rest = replace(operation, operands=operands)
        if not all(isinstance(operand, _SETTLED) for operand in operands):
            return _Rest(rest)
        value = self._evaluation.read(rest).value
        return _Rest(operation, unknown=True) if value is None else _Rest(literal_of(value, operation.type))

    # ---------------------------------------------------------------------------------------------- what is certain

    def _certain(self, expression: Expression, *, wanted: bool) -> Expression:
        """The expression with what is unknown for good taken as what does not make the whole be the wanted truth."""
        match expression:
            case nodes.And(operands=operands):
                rests = [_Rest(self._certain(operand, wanted=wanted)) for operand in operands]
                return _junction(nodes.And, rests, decisive=False).expression
            case nodes.Or(operands=operands):
                rests = [_Rest(self._certain(operand, wanted=wanted)) for operand in operands]
                return _junction(nodes.Or, rests, decisive=True).expression
            case nodes.Not(operand=operand):
                rest = self._certain(operand, wanted=not wanted)
                if isinstance(rest, nodes.BoolLiteral):
                    return nodes.BoolLiteral(value=not rest.value)
                return replace(expression, operand=rest)
            case _:
                return nodes.BoolLiteral(value=not wanted) if self._rest(expression).unknown else expression


def _junction(kind: Callable[..., Expression], rests: Sequence[_Rest], *, decisive: bool) -> _Rest:
    """Kleene `and` and `or` of what is left."""
    if any(_is(rest.expression, decisive) for rest in rests):
        return _Rest(nodes.BoolLiteral(value=decisive))
    open_ = [rest for rest in rests if not _is(rest.expression, not decisive)]
    if not open_:
        return _Rest(nodes.BoolLiteral(value=not decisive))
    if len(open_) == 1:
        return open_[0]
    return _Rest(kind(operands=tuple(rest.expression for rest in open_)), unknown=all(rest.unknown for rest in open_))


def _is(expression: Expression, value: bool) -> bool:
    return isinstance(expression, nodes.BoolLiteral) and expression.value is value
