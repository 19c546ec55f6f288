"""From what was found out about a policy set to the report of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Final

from durwan.model.values import format_instant
from durwan.workshop.access import Assumptions
from durwan.workshop.coverage.target import Coverage
from durwan.workshop.key_hygiene import hygiene
from durwan.workshop.proofs import Proof
from durwan.workshop.report.attention import remarks_of
from durwan.workshop.report.content import (
    Exceptions,
    HygieneSection,
    InvariantEntry,
    Origin,
    Report,
    Summary,
    Tests,
    Warned,
)
from durwan.workshop.report.declared import Declared, place_of
from durwan.workshop.report.expiring import exceptions_of
from durwan.workshop.report.keys import SEVERITIES, exposures_of, hygiene_of
from durwan.workshop.report.matrix import Keys, Matrix
from durwan.workshop.report.tested import invariants_of, tests_of
from durwan.workshop.verification import Verification

_EFFECTS: Final = ("allow", "deny", "challenge")
_RESULTS: Final = ("passed", "failed", "skipped")
_VERDICTS: Final = ("proved", "refuted", "undecided")


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a report is made of.

    Attributes:
        verification: a policy set that compiles, with its lint and the results of its tests.
        coverage: what the tests have shown.
        proofs: what became of each invariant.
        keys: the keys to report on, with their attributes.
        now: the instant of the report, in milliseconds since the epoch.
        tool: the name and version of what makes it.
        assumed: what every request is taken to say, for the matrix of keys and actions.
        exposures: what thieves of the `exposed_keys` could do, as JSON; None where nobody looked.
        origin: where the policies come from.
    """

    verification: Verification
    coverage: Coverage
    proofs: Sequence[Proof]
    keys: Keys
    now: int
    tool: str
    assumed: Assumptions = field(default_factory=Assumptions)
    exposures: Sequence[Mapping[str, Any]] | None = None
    origin: Origin = field(default_factory=Origin)

    @cached_property
    def declared(self) -> Declared:
        """The declarations of the policy set."""
        return Declared(self.verification.compilation)

    @cached_property
    def matrix(self) -> Matrix:
        """The keys by what they can do."""
        return Matrix(self.declared.program, self.keys, self.assumed)

    @cached_property
    def invariants(self) -> tuple[InvariantEntry, ...]:
        """The invariants with their proofs."""
        return invariants_of(self.proofs, self.declared)

    @cached_property
    def tests(self) -> Tests:
        """What the tests have shown."""
        return tests_of(self.verification.results or (), self.coverage)

    @cached_property
    def exceptions(self) -> Exceptions:
        """What ends some day, what is kept quiet, what is on trial."""
        return exceptions_of(self.verification, dict(self.keys), self.matrix, self.now)

    @cached_property
    def hygiene(self) -> tuple[HygieneSection, ...]:
        """What is to be said about the keys."""
        return hygiene_of(hygiene(self.declared.program, self.keys, self.now), self.matrix)

    @cached_property
    def warnings(self) -> tuple[Warned, ...]:
        """What the linter warns of."""
        return tuple(
            Warned(
                code=each.code,
                severity=each.severity,
                message=each.message,
                place=place_of(each.span),
                anchor=self.declared.around(each.span),
            )
            for each in self.verification.diagnostics
        )


def make_report(evidence: Evidence) -> Report:
    """The report: the same of the same evidence."""
    found, declared, matrix = evidence.verification, evidence.declared, evidence.matrix
    access, exposures = matrix.section(), evidence.exposures
    return Report(
        name=declared.program.name,
        revision=found.compilation.revision or "",
        origin=evidence.origin,
        tool=evidence.tool,
        made=format_instant(evidence.now),
        summary=_summary(evidence),
        access=access,
        exposures=None if exposures is None else exposures_of(exposures, matrix, access.actions),
        invariants=evidence.invariants,
        rules=declared.rules(),
        limits=declared.limits(),
        windows=declared.windows(evidence.now),
        names=declared.names(),
        exceptions=evidence.exceptions,
        hygiene=evidence.hygiene,
        tests=evidence.tests,
        warnings=evidence.warnings,
    )


def _summary(evidence: Evidence) -> Summary:
    program, tests, sections = evidence.declared.program, evidence.tests, evidence.hygiene
    remarks = remarks_of(evidence.invariants, tests, evidence.exceptions, sections, evidence.warnings)
    return Summary(
        actions=len(program.schema.actions),
        rules=_counted((rule.effect for rule in program.rules if not rule.shadow), _EFFECTS),
        limits=len(program.limits),
        invariants=_counted((each.verdict for each in evidence.invariants), _VERDICTS),
        tests=_counted((each.verdict for each in evidence.verification.results or ()), _RESULTS),
        coverage=tests.all.percent,
        keys=len(evidence.keys),
        findings={name: sum(each.total for each in sections if each.severity == name) for name in SEVERITIES},
        remarks=tuple(remarks),
    )


def report_form(report: Report) -> dict[str, Any]:
    """The report as JSON; its revision stands in the document around it."""
    form = asdict(report)
    del form["revision"]
    return form


def _counted(items: Iterable[str], known: Sequence[str]) -> dict[str, int]:
    counts = Counter(items)
    return {name: counts[name] for name in known}
