"""Regions of values, against trying every value."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from durwan.language.lint.claims import claims_of
from durwan.language.lint.conditions import Truths
from durwan.language.lint.regions import claim_of, is_within, meet
from durwan.model import types
from durwan.program import nodes
from durwan.program.nodes import Expression
from durwan.program.operators import OPERATORS
from durwan.program.program import Body

LOW, HIGH = 0, 6
SCORE = nodes.Attribute(path="x.score", type=types.Int(LOW, HIGH))
RATIO = nodes.Attribute(path="x.ratio", type=types.Number(Decimal(LOW), Decimal(HIGH)))
MODE = nodes.Attribute(path="x.mode", type=types.String(("a", "b", "c")))
NAME = nodes.Attribute(path="x.name", type=types.String())
FLAG = nodes.Attribute(path="x.flag", type=types.Bool())

INTS = list(range(LOW, HIGH + 1))
VALUES: dict[str, list[object]] = {
    "x.score": list(INTS),
    "x.ratio": [Decimal(number) / 4 for number in range(LOW * 4, HIGH * 4 + 1)],
    "x.mode": ["a", "b", "c"],
    "x.name": ["a", "b", "z"],
    "x.flag": [True, False],
}


def _comparison(operator: str, left: Expression, right: Expression) -> Expression:
    return nodes.Operation(operator=operator, operands=(left, right), type=types.Bool())


def _membership(members: frozenset[int]) -> Expression:
    literals = nodes.LiteralSet(members=members, element=types.Int())
    return nodes.Operation(operator="in_set", operands=(SCORE, literals), type=types.Bool())


_INT = st.integers(LOW - 1, HIGH + 1).map(lambda value: nodes.IntLiteral(value=value))
_TEXT = st.sampled_from("abz").map(lambda value: nodes.StringLiteral(value=value))
_TESTS = st.one_of(
    st.builds(_comparison, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), st.just(SCORE), _INT),
    st.builds(_comparison, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), _INT, st.just(RATIO)),
    st.builds(_comparison, st.sampled_from(["==", "!="]), st.sampled_from([MODE, NAME]), _TEXT),
    st.builds(_membership, st.frozensets(st.integers(LOW - 1, HIGH + 1))),
    st.sampled_from([FLAG, nodes.TRUE, nodes.FALSE]),
)
_CONDITIONS = st.recursive(
    _TESTS,
    lambda inner: st.one_of(
        inner.map(lambda operand: nodes.Not(operand=operand)),
        st.lists(inner, min_size=2, max_size=3).map(lambda operands: nodes.And(operands=tuple(operands))),
        st.lists(inner, min_size=2, max_size=3).map(lambda operands: nodes.Or(operands=tuple(operands))),
    ),
    max_leaves=6,
)


def _evaluate(expression: Expression, request: dict[str, object]) -> object:
    match expression:
        case nodes.Attribute(path=path):
            return request[path]
        case nodes.And(operands=operands):
            return all(_evaluate(operand, request) for operand in operands)
        case nodes.Or(operands=operands):
            return any(_evaluate(operand, request) for operand in operands)
        case nodes.Not(operand=operand):
            return not _evaluate(operand, request)
        case nodes.Operation(operator=operator, operands=operands):
            return OPERATORS[operator].meaning(*(_evaluate(operand, request) for operand in operands))
        case nodes.LiteralSet(members=members):
            return members
        case nodes.IntLiteral(value=value) | nodes.StringLiteral(value=value) | nodes.BoolLiteral(value=value):
            return value
        case _:
            raise AssertionError(expression)


_REQUESTS: st.SearchStrategy[dict[str, object]] = st.fixed_dictionaries(
    {path: st.sampled_from(values) for path, values in VALUES.items()}
)


def _values_of(path: str) -> list[dict[str, object]]:
    first: dict[str, object] = {each: values[0] for each, values in VALUES.items()}
    return [first | {path: value} for value in VALUES[path]]


@given(_TESTS, _TESTS)
def test_claims_agree_with_every_value(left: Expression, right: Expression) -> None:
    """A region is empty, and lies in another one, exactly where no value and every value says so."""
    first, second = claim_of(left), claim_of(right)
    if not isinstance(first.subject, nodes.Attribute) or first.subject != second.subject:
        return
    # A string that is not one of a closed set has endless values, of which three are tried here.
    requests = _values_of(first.subject.path)
    both = [request for request in requests if _evaluate(left, request) and _evaluate(right, request)]
    if both:
        assert not meet(first.region, second.region).is_empty()
    elif first.subject != RATIO:
        assert meet(first.region, second.region).is_empty()
    implied = all(_evaluate(right, request) for request in requests if _evaluate(left, request))
    if is_within(first.region, second.region):
        assert implied


@given(_CONDITIONS, _REQUESTS)
def test_truths_hold(condition: Expression, request: dict[str, object]) -> None:
    """What is said to be always or never true is, for every request."""
    truth = Truths({}).of(condition)
    if truth is not None:
        assert _evaluate(condition, request) is truth


@given(_CONDITIONS, _CONDITIONS, _CONDITIONS, _REQUESTS)
def test_claims_of_bodies(when: Expression, unless: Expression, other: Expression, request: dict[str, object]) -> None:
    """A body whose claims contradict is never true; one whose claims imply another's is never true alone."""
    claims, others = claims_of(Body(when=when, unless=unless), {}), claims_of(Body(when=other), {})
    assert claims is not None
    assert others is not None
    holds = _evaluate(when, request) and not _evaluate(unless, request)
    if claims.is_contradiction():
        assert not holds
    elif claims.implies(others) and holds:
        assert _evaluate(other, request)


def test_whole_numbers_have_no_gaps() -> None:
    """Up to 2 or from 3 on is everything for an int, and not for a decimal."""
    for subject, everything in ((SCORE, True), (RATIO, False)):
        low = _comparison("<=", subject, nodes.IntLiteral(value=2))
        high = _comparison(">=", subject, nodes.IntLiteral(value=3))
        assert Truths({}).of(nodes.Or(operands=(low, high))) is (True if everything else None)
