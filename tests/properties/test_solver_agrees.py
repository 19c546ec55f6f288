"""Formulas mean what the reference evaluator means, on generated programs."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from durwan.backends.solver.question import Question
from durwan.backends.solver.values import Truth
from durwan.backends.solver.z3_interface import both, negated
from durwan.model.request import Attributes, instant_of
from durwan.program import reference
from durwan.program.program import Program, Rule
from tests.differential import KEYS
from tests.generators.programs import NOW, generate_program
from tests.generators.requests import generate_request

PROGRAMS = 60
REQUESTS = 20


def _truth_of(program: Program, rule: Rule, request: Any, now: int) -> bool | None:
    evaluation = reference.Evaluation(program, Attributes(program.schema, request, KEYS.get), now)
    value: bool | None = evaluation.body(rule.body).value
    return value


def _is(truth: Truth, value: bool | None) -> Any:
    if value is None:
        return both(negated(truth.true), negated(truth.false))
    return truth.true if value else truth.false


@pytest.mark.parametrize("seed", range(PROGRAMS))
def test_formulas_of_a_given_request_are_what_the_reference_says(seed: int) -> None:
    """With every attribute and the instant given, each rule's formula has the reference's truth and no other."""
    program = generate_program(seed)
    random = Random(seed)
    for _ in range(REQUESTS):
        request = generate_request(random)
        now = instant_of(request, lambda: NOW)
        if now is None:
            continue
        attributes = Attributes(program.schema, request, KEYS.get)
        fixed = {path: attributes.read(path) for path in program.schema.attributes}
        question = Question([program], fixed=fixed, near=now)
        question.tell(question.variables.now == now)
        for rule in program.rules:
            truth = question.encodings[0].body(rule.body)
            question.check()
            for application in question.variables.applications:
                model = question.check()
                number = model.eval(application.term, model_completion=True).as_long()
                question.tell(application.around(number))
            expected = _truth_of(program, rule, request, now)
            assert question.is_possible(_is(truth, expected)), (rule, request, expected)
            for other in {True, False, None} - {expected}:
                assert not question.is_possible(_is(truth, other)), (rule, request, expected, other)


@pytest.mark.parametrize("seed", range(PROGRAMS))
def test_what_no_request_can_do_none_does(seed: int) -> None:
    """A truth that the solver rules out for a rule is never seen; one that it finds is confirmed by its request."""
    program = generate_program(seed)
    random = Random(seed)
    question = Question([program], near=NOW)
    requests = [generate_request(random) for _ in range(60)]
    for rule in program.rules[:8]:
        truth = question.encodings[0].body(rule.body)
        seen = {
            _truth_of(program, rule, request, now)
            for request in requests
            if (now := instant_of(request, lambda: NOW)) is not None
        }
        for value in (True, False, None):
            found = question.find(
                rule.actions[0],
                _is(truth, value),
                lambda request, rule=rule, value=value: (  # type: ignore[misc]
                    request
                    if _truth_of(program, rule, request, instant_of(request, lambda: NOW) or 0) is value
                    else None
                ),
            )
            assert found is not None or value not in seen, (rule, value)
