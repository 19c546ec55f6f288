"""Invariants of which it was worked out by hand whether they hold.

A set is a directory: the policies in `policy/`, and `expected.yaml` with

    about: what the set is about, one sentence
    holds: for each invariant that holds, why
    fails: for each that does not, why, and a request that breaks it, written by hand
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from durwan.compilation import compile_directory
from durwan.program.program import Program
from durwan.workshop.proving import Proof, prove
from tests.outcomes import breaks

HERE = Path(__file__).parents[1] / "invariants"
SETS = sorted(path.parent.name for path in HERE.glob("*/expected.yaml"))
# Far more than any of them takes.
DEADLINE = 60.0


@cache
def expected(name: str) -> dict[str, Any]:
    """What the set's `expected.yaml` says."""
    found: dict[str, Any] = yaml.safe_load((HERE / name / "expected.yaml").read_text("utf-8"))
    return found


@cache
def program_of(name: str) -> Program:
    """The set's program."""
    return compile_directory(str(HERE / name / "policy")).program


@cache
def proofs(name: str) -> dict[str, Proof]:
    """What the prover says of the set, by invariant."""
    return {proof.invariant.name: proof for proof in prove(program_of(name), deadline=DEADLINE)}


HOLD = [pytest.param(name, invariant, id=invariant) for name in SETS for invariant in expected(name)["holds"]]
FAIL = [pytest.param(name, invariant, id=invariant) for name in SETS for invariant in expected(name)["fails"]]


def test_there_are_enough() -> None:
    """At least twenty hold and twenty fail, and no invariant of a set is left out."""
    assert len(HOLD) >= 20
    assert len(FAIL) >= 20
    for name in SETS:
        written = {*expected(name)["holds"], *expected(name)["fails"]}
        assert written == {invariant.name for invariant in program_of(name).invariants}


@pytest.mark.parametrize(("name", "invariant"), FAIL)
def test_a_request_written_by_hand_breaks_it(name: str, invariant: str) -> None:
    """The edge by which the invariant fails is one by the reference evaluator, too."""
    assert breaks(program_of(name), invariant, expected(name)["fails"][invariant]["request"])


@pytest.mark.parametrize(("name", "invariant"), HOLD)
def test_what_holds_is_proved(name: str, invariant: str) -> None:
    """An invariant that holds for every request is proved."""
    proof = proofs(name)[invariant]
    assert (proof.verdict, proof.request) == ("proved", None)


@pytest.mark.parametrize(("name", "invariant"), FAIL)
def test_what_fails_is_refuted(name: str, invariant: str) -> None:
    """An invariant that one edge breaks is refuted, by a request that really breaks it."""
    proof = proofs(name)[invariant]
    assert proof.verdict == "refuted"
    assert proof.request is not None
    assert breaks(program_of(name), invariant, proof.request)
