"""All that is asked of a policy set before it may be merged: it compiles, its lint is read, its tests pass."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from durwan.compilation import Compilation
from durwan.diagnostics import Diagnostic, Source
from durwan.language.lint import apply_suppressions, lint
from durwan.language.mistakes.proved import PROVED
from durwan.model.request import Attributes
from durwan.program.explanation import read_by
from durwan.program.program import Limit, Program, Rule
from durwan.workshop.must_pass import check_must_pass
from durwan.workshop.proof_lint import ProofLint
from durwan.workshop.route_checks import check_routes
from durwan.workshop.runner import CaseResult, run_cases
from durwan.workshop.suite_checks import check_suite
from durwan.workshop.test_files import Case, Suite, read_suite


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was found out about a policy set.

    `diagnostics` are those of the compilation, of the lint where it was asked for, and of the test files, in source
    order. `results` are None where the tests could not be run, because the set does not compile.
    """

    compilation: Compilation
    suite: Suite
    diagnostics: tuple[Diagnostic, ...]
    results: tuple[CaseResult, ...] | None


Follow = Callable[[Iterator[CaseResult], int], Iterable[CaseResult]]


def _unfollowed(results: Iterator[CaseResult], _count: int) -> Iterable[CaseResult]:
    return results


def verify(  # noqa: PLR0913 - each of them is a choice of its own
    compilation: Compilation,
    clock: Callable[[], int],
    *,
    linted: bool,
    pattern: re.Pattern[str] | None = None,
    follow: Follow = _unfollowed,
    prove: Callable[[Program], ProofLint] | None = None,
) -> Verification:
    """Reads and runs the tests of a compiled policy set.

    Args:
        compilation: the policy set; with errors, its test files are read, but not run.
        clock: the instant of cases that bring none, and of the lint, in milliseconds since the epoch.
        linted: whether to look for warnings too.
        pattern: where given, only cases are run in whose name it is found.
        follow: passes on the results, each as soon as its case was run; it is told how many there will be.
        prove: finds the warnings that need a proof, such as `durwan.workshop.proof_lint.prove_lint`; None leaves them
            out.
    """
    suite = read_suite(compilation.policy_set, compilation.manifest)
    found = [*compilation.diagnostics, *suite.diagnostics]
    program = compilation.program
    results: tuple[CaseResult, ...] | None = None
    unjudged = PROVED
    if program is not None:
        found += check_suite(suite, program)
        found += check_must_pass(compilation, suite)
        cases = [case for case in suite.cases if pattern is None or pattern.search(case.name)]
        results = tuple(follow(run_cases(compilation.finished(), cases, clock), len(cases)))
        if linted:
            found += check_routes(compilation, program)
            found += _lint(compilation, program, suite, clock)
        if prove is not None:
            proved = prove(program)
            found += proved.diagnostics
            unjudged = proved.unjudged
    diagnostics = apply_suppressions(texts_of(compilation, suite), found, unjudged)
    return Verification(compilation=compilation, suite=suite, diagnostics=tuple(diagnostics), results=results)


def texts_of(compilation: Compilation, suite: Suite) -> list[Source]:
    """All texts that may hold suppressions."""
    texts = [module.source for module in compilation.modules]
    texts += [file.document.source for file in suite.files.values()]
    if compilation.routes is not None:
        texts.append(compilation.routes.document.source)
    return [*texts, *_lists(compilation)]


def _lint(compilation: Compilation, program: Program, suite: Suite, clock: Callable[[], int]) -> list[Diagnostic]:
    unknown = unknown_in_tests(compilation, program, suite.cases) if suite.cases else None
    files = compilation.policy_set.files
    return lint(compilation.modules, files, program, now=clock(), unknown_in_tests=unknown)


def _lists(compilation: Compilation) -> Iterable[Source]:
    for path, content in compilation.policy_set.files.items():
        if path.endswith(".txt"):
            yield Source(path, content.decode("utf-8", "replace").replace("\r\n", "\n"))


def unknown_in_tests(compilation: Compilation, program: Program, cases: Sequence[Case]) -> frozenset[str]:
    """The attributes that are unknown in some case whose action has a rule or limit that reads them."""
    read = {action: _read_about(program, action) for action in program.schema.actions}
    found: set[str] = set()
    for case in cases:
        action = case.request.get("action")
        missing = (read.get(action, frozenset()) if isinstance(action, str) else frozenset[str]()) - found
        attributes = Attributes(program.schema, case.request, compilation.keys.get)
        found.update(path for path in missing if attributes.read(path) is None)
    return frozenset(found)


def _read_about(program: Program, action: str) -> frozenset[str]:
    about: list[Rule | Limit] = [*program.rules, *program.limits]
    paths: set[str] = set()
    for each in about:
        if action not in each.actions:
            continue
        expressions = [each.body.when, each.body.unless]
        if isinstance(each, Limit):
            expressions.append(each.cost)
            paths.update(each.per)
        for expression in expressions:
            paths.update(read_by(expression, program))
    return frozenset(paths - {"now"})
