"""Mutations of the reference policy set: does anything notice, its own tests or its invariants?

Run as a program for the whole of it: `python -m tests.mutation.reference_set --mutants 200`. The bounded version is a
test. Each mutant is the compiled set with one thing other than before; the list is the same for the same seed. What
decides every request as before, as the comparison proves, is no mistake: such mutants are counted apart. Mutants of
limits are left out, since nothing counts yet.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import zip_longest
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Literal, NamedTuple

from durwan.compilation import Compilation, compile_policy
from durwan.language.policy_set import read_directory
from durwan.program.program import Program
from durwan.runtime.engine import Engine
from durwan.runtime.expectation import differing_fields
from durwan.runtime.limits import UntouchedCounter
from durwan.runtime.policy import Compiled
from durwan.workshop.test_files import Case, read_suite
from tests.generators.mutations import Mutation, mutations
from tests.outcomes import NOW

POLICIES = Path(__file__).parents[2] / "policies"
SEED = 4
# Seconds for the solver, for each of the two questions that it is asked about a mutant.
DEADLINE = 60.0

Fate = Literal["tests", "invariants", "equivalent", "undecided", "survived"]


class Verdict(NamedTuple):
    """What became of a mutant, and by what: a case, an invariant, or a request that is decided otherwise."""

    fate: Fate
    by: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """The set, and the cases of its test files that are run."""

    compiled: Compiled
    cases: tuple[Case, ...]


@cache
def subject() -> Subject:
    """The reference set, compiled once."""
    compilation: Compilation = compile_policy(read_directory(POLICIES))
    suite = read_suite(compilation.policy_set, compilation.manifest)
    return Subject(compilation.finished(), tuple(case for case in suite.cases if case.skip is None))


@cache
def drawn(seed: int) -> tuple[Mutation, ...]:
    """All mutants, each kind in an order of chance, and the kinds taken in turns: a prefix has some of each kind."""
    by_kind: dict[str, list[Mutation]] = defaultdict(list)
    for mutation in mutations(subject().compiled.program):
        if not mutation.place.startswith("limit "):
            by_kind[mutation.kind].append(mutation)
    random = Random(seed)
    shuffled = [random.sample(each, len(each)) for _, each in sorted(by_kind.items())]
    return tuple(each for turn in zip_longest(*shuffled) for each in turn if each is not None)


def caught_by_tests(program: Program) -> str | None:
    """The first case that the mutant fails."""
    compiled = Compiled(program=program, revision="", keys=subject().compiled.keys)
    engine = Engine(lambda: compiled, clock=lambda: NOW, cache=None, limits=UntouchedCounter())
    failing = (case for case in subject().cases if differing_fields(case.expected, engine.decide(case.request)))
    return next((case.name for case in failing), None)


def caught_by_invariants(program: Program) -> str | None:
    """An invariant that the mutant breaks."""
    from durwan.workshop.proving import prove

    return next((it.invariant.name for it in prove(program, deadline=DEADLINE) if it.verdict == "refuted"), None)


def compared(program: Program) -> Verdict:
    """Whether a mutant that nothing catches decides anything otherwise."""
    from durwan.workshop.difference import compare

    found = compare(subject().compiled.program, program, deadline=DEADLINE)
    if found.same is None:
        return Verdict("undecided")
    return Verdict("equivalent") if found.same else Verdict("survived", repr(dict(found.differences[0].request)))


def judge(mutation: Mutation, *, solver: bool = True) -> Verdict:
    """What becomes of a mutant; without the solver, what its tests do not catch survives."""
    if (case := caught_by_tests(mutation.program)) is not None:
        return Verdict("tests", case)
    if not solver:
        return Verdict("survived")
    if (invariant := caught_by_invariants(mutation.program)) is not None:
        return Verdict("invariants", invariant)
    return compared(mutation.program)


def caught_share(verdicts: Sequence[Verdict]) -> float:
    """The share of the mutants that are caught; those that decide all as before are none."""
    fates = Counter(verdict.fate for verdict in verdicts)
    return (fates["tests"] + fates["invariants"]) / max(1, len(verdicts) - fates["equivalent"])


# ---------------------------------------------------------------- the program


def _judge_one(job: tuple[int, int, bool]) -> tuple[int, Verdict]:
    seed, number, solver = job
    return number, judge(drawn(seed)[number], solver=solver)


def judged(seed: int, numbers: Sequence[int], processes: int, *, solver: bool) -> Iterator[tuple[int, Verdict]]:
    """The verdicts, in no order where there is more than one process."""
    jobs = [(seed, number, solver) for number in numbers]
    if processes == 1:
        yield from map(_judge_one, jobs)
        return
    with get_context("spawn").Pool(processes) as pool:
        yield from pool.imap_unordered(_judge_one, jobs)


def table(mutants: Sequence[Mutation], verdicts: Sequence[Verdict]) -> str:
    """One line for each kind of mutation, and one for all."""
    rows: dict[str, list[Verdict]] = defaultdict(list)
    for mutant, verdict in zip(mutants, verdicts, strict=True):
        rows[mutant.kind].append(verdict)
    lines = [f"{'kind':<18}{'mutants':>8}{'tests':>7}{'invar.':>7}{'same':>6}{'undec.':>7}{'alive':>6}"]
    for kind, found in [*sorted(rows.items()), ("all", list(verdicts))]:
        fates = Counter(verdict.fate for verdict in found)
        lines.append(
            f"{kind:<18}{len(found):>8}{fates['tests']:>7}{fates['invariants']:>7}"
            f"{fates['equivalent']:>6}{fates['undecided']:>7}{fates['survived']:>6}"
        )
    return "\n".join(lines)


def main() -> int:
    """The long version."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutants", type=int, default=200)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--processes", type=int, default=1, choices=(1, 2))
    parser.add_argument("--no-solver", action="store_true", help="the set's tests alone")
    arguments = parser.parse_args()
    mutants = drawn(arguments.seed)[: arguments.mutants]
    verdicts = [Verdict("undecided")] * len(mutants)
    solver = not arguments.no_solver
    for number, verdict in judged(arguments.seed, range(len(mutants)), arguments.processes, solver=solver):
        verdicts[number] = verdict
        if verdict.fate not in {"tests", "equivalent"}:
            mutant = mutants[number]
            print(
                f"{number:>4} {verdict.fate:<11}{mutant.place}: {mutant.detail} ({mutant.kind}) {verdict.by}",
                flush=True,
            )
    print(
        f"\n{table(mutants, verdicts)}\n\ncaught: {caught_share(verdicts):.1%} of those that decide anything otherwise"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
