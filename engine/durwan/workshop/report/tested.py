"""Tests and proofs in the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from durwan.workshop.coverage.target import Coverage, Figure
from durwan.workshop.failures import reasons
from durwan.workshop.proofs import Proof
from durwan.workshop.report.content import CaseEntry, FileCases, FileFigure, InvariantEntry, Tests
from durwan.workshop.report.declared import Declared, place_of
from durwan.workshop.runner import CaseResult

_MOST_CASES: Final = 200
# How long a proof took is told in steps that the same proof hardly ever crosses: reports of the same must be the same.
_STEPS: Final = (1, 10, 60, 600)


def tests_of(results: Sequence[CaseResult], coverage: Coverage) -> Tests:
    """The section of the report."""
    failed = [_failed(each) for each in results if each.verdict == "failed"]
    skipped = _skipped(each for each in results if each.verdict == "skipped")
    return Tests(
        files=tuple(_files(results)),
        failed=tuple(failed[:_MOST_CASES]),
        skipped=tuple(skipped[:_MOST_CASES]),
        left_out=sum(each.count for each in (*failed[_MOST_CASES:], *skipped[_MOST_CASES:])),
        kinds=tuple(_figure(f"{kind}s", each) for kind, each in coverage.by_kind().items() if each.total),
        coverage=tuple(_figure(file, each) for file, each in coverage.file_figures().items()),
        all=_figure("all", coverage.figure),
    )


def _files(results: Iterable[CaseResult]) -> Iterable[FileCases]:
    by_file: dict[str, Counter[str]] = {}
    for each in results:
        by_file.setdefault(each.case.span.source.path, Counter())[each.verdict] += 1
    for file, counts in by_file.items():
        yield FileCases(file=file, passed=counts["passed"], failed=counts["failed"], skipped=counts["skipped"])


def _failed(result: CaseResult) -> CaseEntry:
    case = result.case
    return CaseEntry(name=case.name, count=1, place=place_of(case.span), because=tuple(reasons(result)))


def _skipped(results: Iterable[CaseResult]) -> list[CaseEntry]:
    """An entry for each case as it is written: all that its matrix makes of it are skipped for the same reason."""
    counts = Counter((each.case.title, place_of(each.case.span), each.case.skip or "") for each in results)
    return [
        CaseEntry(name=title, count=count, place=place, because=(reason,))
        for (title, place, reason), count in counts.items()
    ]


def _figure(name: str, figure: Figure) -> FileFigure:
    return FileFigure(file=name, reached=figure.reached, total=figure.total, percent=figure.percent)


def invariants_of(proofs: Iterable[Proof], declared: Declared) -> tuple[InvariantEntry, ...]:
    """The invariants with their proofs, in source order."""
    return tuple(_invariant(proof, declared) for proof in sorted(proofs, key=lambda each: each.invariant.order))


def _invariant(proof: Proof, declared: Declared) -> InvariantEntry:
    invariant = proof.invariant
    declaration = declared.at(f"invariant-{invariant.name}")
    return InvariantEntry(
        name=invariant.name,
        documentation=invariant.documentation,
        text="" if declaration is None else declaration.span.text,
        place=place_of(invariant.span),
        verdict=proof.verdict,
        took=_took(proof.seconds),
        because=proof.because,
        request=proof.request,
        decision=None if proof.decision is None else proof.decision.as_dict(),
    )


def _took(seconds: float) -> str:
    step = next((each for each in _STEPS if seconds < each), None)
    return f"over {_STEPS[-1]} s" if step is None else f"under {step} s"
