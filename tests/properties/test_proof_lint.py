"""What is warned of by proof is so on every request, on generated programs."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from random import Random
from typing import Any

import pytest

from durwan.diagnostics import Source, Span
from durwan.model.request import Attributes, instant_of
from durwan.program import nodes, reference
from durwan.program.charges import settle
from durwan.program.nodes import Expression
from durwan.program.program import Program, Rule
from durwan.workshop.junctions import operands_of, with_part
from durwan.workshop.proof_lint import prove_lint
from durwan.workshop.renames import Renames
from tests.differential import KEYS
from tests.generators.programs import NOW, generate_program
from tests.generators.requests import generate_request

PROGRAMS = 30
REQUESTS = 300

_SAME_NAMES = Renames({})


class _Placed:
    """A generated program, as if it had been written: every rule and every part of a body has a place of its own."""

    def __init__(self, program: Program) -> None:
        self._source = Source("generated.policy", "?" * 100_000)
        self._places = count(0, 2)
        self.rules: dict[int, Rule] = {}
        self.parts: dict[int, tuple[Expression, Expression]] = {}
        self.program = replace(program, rules=tuple(self._rule(rule) for rule in program.rules))

    def _span(self) -> Span:
        start = next(self._places)
        return Span(self._source, start, start + 1)

    def _rule(self, rule: Rule) -> Rule:
        body = replace(rule.body, when=self._part(rule.body.when), unless=self._part(rule.body.unless))
        # With the same answers, so that some of them never matter.
        placed = replace(rule, body=body, code="same", obligations=(), span=self._span())
        assert placed.span is not None
        self.rules[placed.span.start] = placed
        whole = nodes.And(operands=(body.when, nodes.Not(operand=body.unless)))
        self._note(whole, whole)
        return placed

    def _part(self, part: Expression) -> Expression:
        match part:
            case nodes.And(operands=operands) | nodes.Or(operands=operands):
                part = replace(part, operands=tuple(self._part(operand) for operand in operands))
            case nodes.Not(operand=operand):
                part = replace(part, operand=self._part(operand))
            case _:
                pass
        return replace(part, span=self._span())

    def _note(self, part: Expression, whole: Expression) -> None:
        if part.span is not None:
            self.parts[part.span.start] = part, whole
        for operand in operands_of(part):
            self._note(operand, whole)


def _requests(seed: int) -> list[dict[str, Any]]:
    random = Random(seed)
    found = [generate_request(random) for _ in range(REQUESTS)]
    return [each for each in found if isinstance(each["action"], str) and instant_of(each, lambda: NOW) is not None]


def _evaluation(program: Program, request: dict[str, Any]) -> reference.Evaluation:
    now = instant_of(request, lambda: NOW)
    assert now is not None
    return reference.Evaluation(program, Attributes(program.schema, request, KEYS.get), now)


def _settled(program: Program, request: dict[str, Any]) -> Any:
    return settle(program, request, clock=lambda: NOW, keys=KEYS.get)


@pytest.mark.parametrize("seed", range(PROGRAMS))
def test_what_is_warned_of_is_so(seed: int) -> None:
    """No request makes a rule apply that never applies, or matter that never matters, or a part be what it never is."""
    placed = _Placed(generate_program(seed))
    program = placed.program
    requests = _requests(seed)
    for item in prove_lint(program, near=NOW).diagnostics:
        if item.code == "P0753":
            part, whole = placed.parts[item.span.start]
            variants = [with_part(whole, part, nodes.BoolLiteral(value=value)) for value in (True, False)]
            never = "never true" in item.message
            for request in requests:
                evaluation = _evaluation(program, request)
                first, second = (evaluation.read(each).value for each in variants)
                assert first is second or evaluation.read(part).value is not never, (request, part)
            continue
        rule = placed.rules[item.span.start]
        rest = replace(program, rules=tuple(each for each in program.rules if each is not rule))
        for request in requests:
            if item.code == "P0751":
                assert not reference.applies(rule, _evaluation(program, request).body(rule.body)), (request, rule)
            assert not _SAME_NAMES.differ(_settled(program, request), _settled(rest, request)), (request, rule)


def test_something_is_warned_of() -> None:
    """The programs of this test have what it is about, of each kind."""
    codes = {
        item.code
        for seed in range(PROGRAMS)
        for item in prove_lint(_Placed(generate_program(seed)).program, near=NOW).diagnostics
    }
    assert codes == {"P0751", "P0752", "P0753"}
