"""From the files of a policy set to what an engine may load: compiled, with the tests that it has to pass first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from durwan.compilation import Compilation, compile_policy
from durwan.errors import PolicyError
from durwan.language.memory import Memory
from durwan.language.policy_set import PolicySet
from durwan.runtime.policy import Compiled, SelfTest


def release(policy_set: PolicySet, memory: Memory | None = None) -> Compiled:
    """Compiles a policy set, and attaches the cases that its manifest names under `must_pass`.

    A set that names none costs no more than its compilation: its test files are not read.

    Args:
        policy_set: what to compile.
        memory: what is remembered of an earlier compilation of the set.

    Raises:
        PolicyError: the set has mistakes, its test files too where it names cases; or one of the cases that it names
            is not there, or is skipped.
    """
    compilation = compile_policy(policy_set, memory)
    compiled = compilation.finished()
    if not compilation.manifest.must_pass:
        return compiled
    return replace(compiled, self_tests=tuple(_self_tests(compilation)))


def _self_tests(compilation: Compilation) -> Iterator[SelfTest]:
    # A set that names no case never needs what reads test files.
    from durwan.workshop.must_pass import check_must_pass  # noqa: PLC0415
    from durwan.workshop.test_files import read_suite  # noqa: PLC0415

    suite = read_suite(compilation.policy_set, compilation.manifest)
    found = [*compilation.diagnostics, *suite.diagnostics, *check_must_pass(compilation, suite)]
    if any(item.severity == "error" for item in found):
        raise PolicyError(sorted(found, key=lambda item: item.order))
    wanted = frozenset(compilation.manifest.must_pass)
    for case in suite.cases:
        if case.title in wanted and case.skip is None:
            yield SelfTest(name=case.name, request=case.request, expected=case.expected)
