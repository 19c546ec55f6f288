"""Pairs of policy sets whose differences were derived by hand from the language page.

A case is a directory: two policy sets, `old/` and `new/`, and `expected.yaml` with

    about: what was changed, one sentence
    definitions: declarations that the witnesses' conditions may use, in the language; optional
    witness: a condition of the language that every differing request fulfils, under `old`; optional
    differences:
      - action: ...
        before: { effect: ..., rule: ... }
        after: { effect: ..., rule: ... }
        witness: a condition that every request of this group fulfils; optional
        request: one request of this group, written by hand

Two rules of the same group are two differences in one; a pair without differences decides every request alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from durwan.compilation import compile_directory, compile_policy
from durwan.language.policy_set import PolicySet, read_directory
from durwan.program.program import Program
from durwan.workshop.difference import compare
from tests.outcomes import Group, decided_differently, evaluation_of

HERE = Path(__file__).parents[1] / "differences"
CASES = sorted(path.parent.name for path in HERE.glob("*/expected.yaml"))
# Far more than any of them takes.
DEADLINE = 60.0


@cache
def expected(case: str) -> dict[str, Any]:
    """What the case's `expected.yaml` says."""
    found: dict[str, Any] = yaml.safe_load((HERE / case / "expected.yaml").read_text("utf-8"))
    return found


@cache
def pair(case: str) -> tuple[Program, Program]:
    """The programs of both sets."""
    old, new = (compile_directory(str(HERE / case / side)).program for side in ("old", "new"))
    return old, new


def written_group(difference: Mapping[str, Any]) -> Group:
    """The group that is written down."""
    before, after = difference["before"], difference["after"]
    return Group(difference["action"], before["effect"], before["rule"], after["effect"], after["rule"])


@cache
def conditions(case: str) -> Program:
    """The old set with the case's conditions on witnesses in it, as lets."""
    written = expected(case)
    lets = {"witness": written.get("witness", "true")}
    lets |= {f"witness_{number}": each.get("witness", "true") for number, each in enumerate(written["differences"])}
    text = written.get("definitions", "") + "\n".join(f"let {name} = {condition}" for name, condition in lets.items())
    old = read_directory(str(HERE / case / "old"))
    program = compile_policy(PolicySet(old.name, {**old.files, "witnesses.policy": text.encode()})).finished().program
    assert set(lets) <= set(program.lets)
    return program


def is_witness(case: str, number: int, request: Mapping[str, Any]) -> bool:
    """Whether a request fulfils what is said of all differing ones, and of those of one group."""
    program = conditions(case)
    evaluation, _ = evaluation_of(program, request)
    return all(evaluation.read(program.lets[name]).value is True for name in ("witness", f"witness_{number}"))


DIFFERENCES = [
    pytest.param(case, number, id=f"{case}: {number}")
    for case in CASES
    for number in range(len(expected(case)["differences"]))
]


def test_there_are_twelve_pairs() -> None:
    """The twelve changes of the issue, each by itself."""
    assert len(CASES) == 12


@pytest.mark.parametrize(("case", "number"), DIFFERENCES)
def test_a_request_written_by_hand_is_of_its_group(case: str, number: int) -> None:
    """What was derived by hand is what the reference evaluator decides before and after."""
    difference = expected(case)["differences"][number]
    assert decided_differently(*pair(case), difference["request"]) == written_group(difference)
    assert is_witness(case, number, difference["request"])


@pytest.mark.parametrize("case", CASES)
def test_every_difference_is_found_and_nothing_else(case: str) -> None:
    """The comparison reports the groups that were derived by hand, no more and no fewer, each with a real request."""
    written = [written_group(each) for each in expected(case)["differences"]]
    comparison = compare(*pair(case), deadline=DEADLINE)
    assert comparison.same is (not written)
    found = [
        Group(each.action, each.before.effect, each.before.rule, each.after.effect, each.after.rule)
        for each in comparison.differences
    ]
    assert sorted(found, key=str) == sorted(written, key=str)
    for difference, group in zip(comparison.differences, found, strict=True):
        assert decided_differently(*pair(case), difference.request) == group
        assert is_witness(case, written.index(group), difference.request)


@pytest.mark.parametrize("case", CASES)
def test_the_way_back_is_the_mirror_image(case: str) -> None:
    """Compared the other way round, every difference is there with before and after exchanged."""
    written = {written_group(each) for each in expected(case)["differences"]}
    old, new = pair(case)
    comparison = compare(new, old, deadline=DEADLINE)
    assert {
        Group(each.action, each.after.effect, each.after.rule, each.before.effect, each.before.rule)
        for each in comparison.differences
    } == written
