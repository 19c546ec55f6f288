"""Simplified expressions are as true as they were for every request; what is made for truth alone is as often true."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from random import Random

import pytest

from durwan.model.request import Attributes, instant_of, no_keys
from durwan.program import nodes
from durwan.program.nodes import Expression
from durwan.program.program import Program
from durwan.program.reference import Evaluation
from durwan.program.simplify import conjuncts, exclude, for_truth, joined, negation, simplified
from tests.generators.programs import NOW, generate_program
from tests.generators.requests import generate_request

PARTS = 8
PROGRAMS = 40
REQUESTS = 25


def bodies(program: Program) -> list[Expression]:
    """The bodies of all rules and all lets, and what comes of putting them together."""
    own = [each for rule in program.rules for each in (rule.body.when, rule.body.unless)]
    own += [value for value in program.lets.values() if nodes.type_of(value) == nodes.type_of(nodes.TRUE)]
    pairs = list(pairwise(own))
    own += [nodes.And(operands=(nodes.Or(operands=(a, b)), a, nodes.Not(operand=b))) for a, b in pairs]
    own += [nodes.Or(operands=(nodes.And(operands=(a, b)), nodes.And(operands=(a, nodes.Not(operand=b)))))
            for a, b in pairs]  # fmt: skip
    return own


def evaluations(program: Program, random: Random) -> Iterator[Evaluation]:
    for _ in range(REQUESTS):
        request = generate_request(random)
        now = instant_of(request, lambda: NOW)
        if now is not None:
            yield Evaluation(program, Attributes(program.schema, request, no_keys), now)


@pytest.mark.parametrize("part", range(PARTS))
def test_simpler_means_the_same(part: int) -> None:
    """The truth stays true, false or unknown; the negation is its opposite; for truth alone, true stays true."""
    truths = {True: 0, False: 0, None: 0}
    shorter = 0
    for seed in range(part * PROGRAMS, (part + 1) * PROGRAMS):
        program, random = generate_program(50_000 + seed), Random(seed)
        made = [(each, simplified(each), negation(each), for_truth(each)) for each in bodies(program)]
        shorter += sum(len(repr(simple)) < len(repr(each)) for each, simple, _, _ in made)
        for evaluation in evaluations(program, random):
            for each, simple, opposite, true in made:
                truth = evaluation.read(each).value
                truths[truth] += 1
                assert evaluation.read(simple).value is truth, (seed, each, simple)
                assert evaluation.read(opposite).value is (None if truth is None else not truth), (seed, each, opposite)
                assert (evaluation.read(true).value is True) == (truth is True), (seed, each, true)
    assert min(truths.values()) > 2_000
    assert shorter > 100


def test_simple_is_not_made_simpler_again() -> None:
    """What was simplified stays as it is."""
    for seed in range(150):
        for each in bodies(generate_program(60_000 + seed)):
            once = simplified(each)
            assert simplified(once) == once


def test_excluding_tests_are_never_both_true() -> None:
    """Two tests that are said to exclude each other are true for no request together; some are said to."""
    found = 0
    for seed in range(300):
        program, random = generate_program(70_000 + seed), Random(seed)
        tests = [test for each in bodies(program) for test in conjuncts(simplified(each))]
        pairs = [(a, b) for a in tests for b in tests if exclude(a, b)]
        found += bool(pairs)
        for evaluation in evaluations(program, random) if pairs else ():
            for a, b in pairs:
                assert not (evaluation.read(a).value is True and evaluation.read(b).value is True), (a, b)
    assert found > 20


def test_nothing_joined_is_what_changes_nothing() -> None:
    """`and` of nothing is true, `or` of nothing is false."""
    assert joined(nodes.And, []) == nodes.TRUE
    assert joined(nodes.Or, []) == nodes.FALSE
