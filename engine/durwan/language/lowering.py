"""Rules, limits and invariants to the program: every default filled in, every pattern expanded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from durwan.diagnostics import Diagnostic
from durwan.language.answers import ALLOWED, Answer, challenge_answer, deny_answer, limit_answer
from durwan.language.checker import Checker
from durwan.language.lets import Lets
from durwan.language.members import literal
from durwan.language.mistakes import rules as mistakes
from durwan.language.part import Part, Place
from durwan.language.patterns import Patterns
from durwan.language.syntax import (
    Clauses,
    Expression,
    InvariantDeclaration,
    LimitDeclaration,
    Literal_,
    Module,
    Name,
    RuleDeclaration,
)
from durwan.language.syntax import Remedy as WrittenRemedy
from durwan.language.typed import NUMERIC, Typed
from durwan.language.vocabulary import Vocabulary
from durwan.model import types
from durwan.model.address import format_address
from durwan.model.decision import Remedy
from durwan.model.values import format_duration, format_instant
from durwan.program import nodes
from durwan.program.program import Body, Invariant, Limit, Rule, Scalar

_ONE = nodes.IntLiteral(value=1)
_NOT_SINGLE = (types.SetOf, types.Network)


class Lowering:
    """Makes rules, limits and invariants of their declarations; what is wrong goes to `report`."""

    def __init__(self, vocabulary: Vocabulary, checker: Checker, lets: Lets, report: list[Diagnostic]) -> None:
        self._vocabulary = vocabulary
        self._checker = checker
        self._lets = lets
        self._report = report
        self._patterns = Patterns(vocabulary, report)

    def lower(self, module: Module, start: Place) -> Part:
        """Lower the declarations of a file; `start` is how many rules, limits and invariants stand before it."""
        rules: list[Rule] = []
        limits: list[Limit] = []
        invariants: list[Invariant] = []
        for declaration in module.declarations:
            match declaration:
                case RuleDeclaration():
                    rules.extend(self._rule(declaration, start.rules + len(rules)))
                case LimitDeclaration():
                    limits.extend(self._limit(declaration, start.limits + len(limits)))
                case InvariantDeclaration():
                    invariants.extend(self._invariant(declaration, start.invariants + len(invariants)))
                case _:
                    pass
        return Part(start, tuple(rules), tuple(limits), tuple(invariants))

    # ------------------------------------------------------------------------------------------ rules

    def _rule(self, written: RuleDeclaration, order: int) -> Iterator[Rule]:
        actions = self._actions(written.clauses)
        body = self._body(written.clauses)
        remedy = None if written.remedy is None else self._remedy(written.remedy)
        obligations = self._obligations(written.obligations)
        self._check_status(written.clauses)
        if actions is None or body is None or (remedy is None and written.effect == "challenge"):
            return
        answer = _given(written.clauses, _default_answer(written, remedy))
        yield Rule(
            effect=written.effect,
            name=written.name.text,
            actions=actions,
            body=body,
            order=order,
            status=answer.status,
            code=answer.code,
            reason=answer.reason,
            shadow=written.shadow,
            obligations=obligations,
            remedy=remedy,
            documentation=written.documentation,
            span=written.name.span,
        )

    def _actions(self, clauses: Clauses) -> tuple[str, ...] | None:
        """The actions a rule is about; without `on`, all of them."""
        return self._patterns.all if clauses.actions is None else self._patterns.expand(clauses.actions)

    def _body(self, clauses: Clauses) -> Body | None:
        when = nodes.TRUE if clauses.when is None else self._condition(clauses.when)
        unless = nodes.FALSE if clauses.unless is None else self._condition(clauses.unless)
        return None if when is None or unless is None else Body(when=when, unless=unless)

    def _condition(self, written: Expression) -> nodes.Expression | None:
        return self._checker.condition(written) if self._lets.fits(written) else None

    def _check_status(self, clauses: Clauses) -> None:
        if clauses.respond is not None and clauses.respond.status.value not in mistakes.STATUSES:
            self._report.append(mistakes.status_not_allowed(clauses.respond.status))

    def _obligations(self, written: Sequence[tuple[Name, Literal_]]) -> tuple[tuple[str, Scalar], ...]:
        first: dict[str, Name] = {}
        found: list[tuple[str, Scalar]] = []
        for name, value in written:
            if first.setdefault(name.text, name) is not name:
                self._report.append(mistakes.duplicate_obligation(name, first[name.text]))
            found.append((name.text, _scalar(value)))
        return tuple(found)

    def _remedy(self, written: WrittenRemedy) -> Remedy | None:
        if written.within is not None and written.within.value <= 0:
            self._report.append(mistakes.remedy_not_positive(written.within.span))
            return None
        if written.kind == "approvals" and not self._approvals(written):
            return None
        return Remedy(
            kind=written.kind,
            within=None if written.within is None else written.within.value,
            count=None if written.count is None else written.count.value,
            of=None if written.of is None else written.of.text,
            name=None if written.step is None else written.step.text,
        )

    def _approvals(self, written: WrittenRemedy) -> bool:
        """Whether so many approvals can be given by the members of the set."""
        if written.of is None or written.count is None:
            return False
        named = self._checker.named_set(written.of)
        if named is None or named.members is None:
            return False
        if named.element is not None and not isinstance(named.element, types.String):
            self._report.append(mistakes.approvers_not_strings(written.of, named.element))
            return False
        if not 1 <= written.count.value <= len(named.members):
            self._report.append(mistakes.approvals_out_of_reach(written.count, written.of, len(named.members)))
            return False
        return True

    # ------------------------------------------------------------------------------------------ limits

    def _limit(self, written: LimitDeclaration, order: int) -> Iterator[Limit]:
        actions = self._actions(written.clauses)
        body = self._body(written.clauses)
        for part in (written.count, written.period):
            if part.value <= 0:
                self._report.append(mistakes.limit_not_positive(part.span))
        cost = self._cost(written)
        per = self._per(written.per)
        self._check_status(written.clauses)
        if actions is None or body is None or cost is None:
            return
        answer = _given(written.clauses, limit_answer(written.name.text))
        yield Limit(
            name=written.name.text,
            actions=actions,
            body=body,
            order=order,
            count=Decimal(written.count.value),
            period=written.period.value,
            cost=cost,
            per=per,
            status=answer.status,
            code=answer.code,
            reason=answer.reason,
            documentation=written.documentation,
            span=written.name.span,
        )

    def _cost(self, written: LimitDeclaration) -> nodes.Expression | None:
        if written.cost is None:
            return _ONE
        found = self._checker.value(written.cost) if self._lets.fits(written.cost) else None
        if found is None:
            return None
        if not isinstance(found.type, NUMERIC):
            self._report.append(mistakes.cost_not_a_number(found.span, found.type))
            return None
        self._check_cost(written, found)
        return found.node

    def _check_cost(self, written: LimitDeclaration, cost: Typed) -> None:
        low, high = cost.interval
        if high is not None and high <= 0:
            self._report.append(
                mistakes.cost_out_of_reach(cost.span, "is never above zero", "such a limit never counts anything")
            )
        elif low is not None and low > written.count.value > 0:
            advice = "no request would ever pass: raise the count, or write a `deny`"
            self._report.append(
                mistakes.cost_out_of_reach(cost.span, f"is always above the limit of {written.count.span.text}", advice)
            )

    def _per(self, written: Sequence[Name]) -> tuple[str, ...]:
        first: dict[str, Name] = {}
        for name in written:
            if first.setdefault(name.text, name) is not name:
                self._report.append(mistakes.duplicate_per(name, first[name.text]))
                continue
            found = self._checker.value(name)
            if found is None:
                continue
            if not isinstance(found.node, nodes.Attribute):
                kind = "let" if isinstance(found.node, nodes.LetReference) else "value that is no attribute"
                self._report.append(mistakes.per_not_attribute(name, kind))
            elif isinstance(found.type, _NOT_SINGLE):
                self._report.append(mistakes.per_not_single(name, found.type))
        return tuple(first)

    # ------------------------------------------------------------------------------------------ invariants

    def _invariant(self, written: InvariantDeclaration, order: int) -> Iterator[Invariant]:
        actions = self._actions(written.clauses)
        body = self._body(written.clauses)
        if actions is None or body is None:
            return
        yield Invariant(
            name=written.name.text,
            holds=written.holds,
            actions=actions,
            condition=body.when,
            order=order,
            documentation=written.documentation,
            span=written.name.span,
        )


def _default_answer(written: RuleDeclaration, remedy: Remedy | None) -> Answer:
    if written.effect == "allow":
        return ALLOWED
    return deny_answer(written.name.text) if remedy is None else challenge_answer(remedy)


def _given(clauses: Clauses, default: Answer) -> Answer:
    """The answer as the rule gives it, the default for what it leaves out."""
    status, code = default.status, default.code
    if clauses.respond is not None:
        status, code = clauses.respond.status.value, clauses.respond.code.text
    return Answer(status, code, default.reason if clauses.because is None else clauses.because.value)


def _scalar(written: Literal_) -> Scalar:
    """An obligation's value as plain data; what JSON has no type for becomes the text of the language."""
    found = literal(written)
    match found.node if found is not None else None:
        case nodes.DurationLiteral(value=milliseconds):
            return format_duration(milliseconds)
        case nodes.InstantLiteral(value=milliseconds):
            return format_instant(milliseconds)
        case nodes.AddressLiteral(value=packed):
            return format_address(packed)
        case (
            nodes.BoolLiteral(value=value)
            | nodes.IntLiteral(value=value)
            | nodes.DecimalLiteral(value=value)
            | nodes.StringLiteral(value=value)
        ):
            return value
        case _:
            return written.span.text
