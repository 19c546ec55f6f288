"""The reference policy set, and the requests of its own tests."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from durwan.compilation import Compilation, compile_policy
from durwan.language.policy_set import read_directory
from durwan.program.program import Program
from durwan.workshop.test_files import Case, read_suite

ROOT = Path(__file__).parents[1] / "policies"


@cache
def reference_set() -> Compilation:
    """The set, compiled."""
    return compile_policy(read_directory(ROOT))


def reference_program() -> Program:
    """Its program."""
    program = reference_set().program
    assert program is not None
    return program


@cache
def reference_cases() -> tuple[Case, ...]:
    """The cases of its tests."""
    compilation = reference_set()
    return read_suite(compilation.policy_set, compilation.manifest).cases


def case_named(name: str) -> dict[str, Any]:
    """The request of the case of this name."""
    (request,) = (case.request for case in reference_cases() if case.name == name)
    return dict(request)


def altered(request: Mapping[str, Any], /, **contexts: Any) -> dict[str, Any]:
    """A request with some attributes otherwise; `now` is one of them."""
    changed = dict(request)
    for context, said in contexts.items():
        changed[context] = {**changed.get(context, {}), **said} if isinstance(said, dict) else said
    return changed
