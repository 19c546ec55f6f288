"""Coverage claims nothing that no evaluation shows, and leaves out nothing that one does."""

from __future__ import annotations

from random import Random

import pytest

from durwan.compilation import Compilation, compile_policy
from durwan.diagnostics import Source, Span
from durwan.language.policy_set import read_directory
from durwan.model.request import Attributes, instant_of
from durwan.program.program import Program
from durwan.program.reference import Evaluation
from durwan.workshop.coverage import Coverage, Target, anchored, measure, plan
from durwan.workshop.test_files import Case, read_suite
from tests.differential import KEYS
from tests.generators.policy_edits import POLICIES
from tests.generators.programs import NOW, generate_program
from tests.generators.requests import generate_request

_NOWHERE = Span(Source("tests/a.yaml", ""), 0, 0)


def _shows(program: Program, target: Target, case: Case, now: int) -> bool:
    """Whether a case shows a target: its goal's own words, evaluated with nothing remembered."""
    given = instant_of(case.request, lambda: now)
    if case.request.get("action") not in target.goal.actions or given is None:
        return False
    evaluation = Evaluation(program, Attributes(program.schema, case.request, KEYS.get), given)
    return evaluation.read(target.goal.expression).value in target.goal.outcomes


def _check(coverage: Coverage, cases: list[Case]) -> None:
    for target in coverage.targets:
        showing = [case.name for case in cases if _shows(coverage.program, target, case, NOW)]
        assert target.reached_by == (showing[0] if showing else None), target


@pytest.mark.parametrize("seed", range(40))
def test_exactly_what_evaluations_show(seed: int) -> None:
    """A target is reached if and only if the reference evaluator shows it of some request; the first one is named."""
    random = Random(seed)
    program = generate_program(seed)
    cases = [
        Case(title="", name=f"case {number}", span=_NOWHERE, request=generate_request(random), expected={})
        for number in range(25)
    ]
    cases = [case for case in cases if isinstance(case.request.get("action"), str)]
    coverage = measure(plan(program, ()), cases, lambda: NOW, KEYS.get)
    assert coverage.targets
    _check(coverage, cases)


@pytest.fixture(scope="module")
def reference_set() -> tuple[Compilation, list[Case]]:
    compilation = compile_policy(read_directory(POLICIES))
    return compilation, list(read_suite(compilation.policy_set, compilation.manifest).cases)


def test_every_goal_can_be_evaluated(reference_set: tuple[Compilation, list[Case]]) -> None:
    """Also with its windows' edges narrowed to one occurrence, which still is a way to reach the goal."""
    compilation, cases = reference_set
    assert compilation.program is not None
    planned = plan(compilation.program, compilation.modules)
    for target in planned.targets:
        narrowed = anchored(planned.program, target.goal, NOW)
        assert narrowed.edge is None
        for case in cases[:20]:
            evaluation = Evaluation(planned.program, Attributes(planned.program.schema, case.request, KEYS.get), NOW)
            if evaluation.read(narrowed.expression).value in narrowed.outcomes:
                assert evaluation.read(target.goal.expression).value in target.goal.outcomes


def test_fewer_cases_show_less(reference_set: tuple[Compilation, list[Case]]) -> None:
    """Of any part of the cases, what is shown is shown by all of them too."""
    compilation, cases = reference_set
    assert compilation.program is not None
    planned = plan(compilation.program, compilation.modules)
    every = measure(planned, cases, lambda: NOW, compilation.keys.get)
    reached = [target.reached for target in every.targets]
    for seed in range(5):
        some = measure(planned, Random(seed).sample(cases, 60), lambda: NOW, compilation.keys.get)
        assert all(after or not before.reached for before, after in zip(some.targets, reached, strict=True))
        assert some.figure.reached < every.figure.reached
