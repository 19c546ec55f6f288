"""Recompiling what changed gives what compiling everything gives, to the last span."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from durwan.compilation import Compilation, compile_policy
from durwan.compiler import Compiler
from durwan.diagnostics import Span
from durwan.language.policy_set import read_mapping
from durwan.language.stored.store import Store
from tests.generators.policy_edits import EditedSet

STEPS = 40


def _spelled(value: Any) -> Any:
    """A value with all that takes no part in equality, as plain data."""
    if isinstance(value, Span):
        return value.source.path, value.source.text, value.start, value.end
    if is_dataclass(value):
        return type(value).__name__, *(_spelled(getattr(value, each.name)) for each in fields(value))
    members: Any = value
    if isinstance(value, (list, tuple)):
        return [_spelled(each) for each in members]
    if isinstance(value, Mapping):
        return {key: _spelled(members[key]) for key in members}
    return value


def _outcome(compilation: Compilation) -> dict[str, Any]:
    return {
        "revision": compilation.revision,
        "program": _spelled(compilation.program),
        "diagnostics": _spelled(compilation.diagnostics),
        "modules": [_spelled(module.declarations) for module in compilation.modules],
        "names": [module.names for module in compilation.modules],
    }


@pytest.mark.parametrize("seed", range(12))
def test_a_kept_compiler_agrees_with_a_new_one(seed: int, tmp_path: Path) -> None:
    """After any edits, kept compilers, with a store or without, say what a compilation from nothing says."""
    random = Random(seed)
    edited = EditedSet(random)
    kept, kept_with_store = Compiler(), Compiler(Store(tmp_path))
    sound, compiled = edited.saved(), 0
    for _ in range(STEPS):
        policy_set = read_mapping(edited.files)
        wanted = _outcome(compile_policy(policy_set))
        if wanted["program"] is not None:
            sound, compiled = edited.saved(), compiled + 1
        assert _outcome(kept.compile(policy_set)) == wanted
        assert _outcome(kept_with_store.compile(policy_set)) == wanted
        assert _outcome(Compiler(Store(tmp_path)).compile(policy_set)) == wanted
        if wanted["program"] is None and random.random() < 0.6:
            edited.restore(sound)
        edited.edit()
    assert compiled > STEPS / 5
