"""Policy sets as one text, and decisions that all evaluators have to agree upon."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from durwan.backends.bytecode import Decide, Evaluator
from durwan.compilation import compile_sources
from durwan.errors import PolicyError
from durwan.model.decision import Decision
from durwan.model.types import TIME_MAX, TIME_MIN
from durwan.runtime.engine import Engine
from durwan.runtime.key_lookup import prepared
from durwan.runtime.policy import Compiled
from tests.conformance.evaluators import NOW, PlainMapping, by_reference, engine_of


@lru_cache(maxsize=32)
def compiled(text: str) -> Compiled:
    """The policy set that is one file with this text."""
    return compile_sources({"case.policy": text})


class StrictFunctions:
    """What an engine does with a plain dict, except that the strict function never rests after it gave up."""

    def __init__(self, policy: Compiled) -> None:
        keys = prepared(policy.keys, policy.program.schema)
        self.evaluator = Evaluator(policy.program, clock=lambda: NOW, keys=keys, revision=policy.revision)
        self._functions: dict[str, Decide] = {}

    def decide(self, request: Mapping[str, Any]) -> Decision:
        """The strict function's decision, and where it gives up, the careful one's."""
        try:
            action, now = request["action"], request.get("now", NOW)
            if isinstance(request, dict) and type(action) is str and type(now) is int and TIME_MIN <= now <= TIME_MAX:
                return self.function(action)(request, now)
        except Exception:  # noqa: BLE001, S110 - as the engine does: whatever it was, it is decided again, carefully
            pass
        return self.evaluator.decide_carefully(request)

    def function(self, action: str) -> Decide:
        """The strict function of an action: what stands there right after it was written."""
        if action not in self._functions:
            self.evaluator.decide_carefully({"action": action})
            self._functions[action] = self.evaluator.functions[action]
        return self._functions[action]


@lru_cache(maxsize=32)
def _evaluators(text: str) -> tuple[Compiled, StrictFunctions, Engine]:
    policy = compiled(text)
    return policy, StrictFunctions(policy), engine_of(policy)


def decide(text: str, request: Mapping[str, Any]) -> Decision:
    """The decision on which all evaluators agree, deadline apart."""
    policy, strict, engine = _evaluators(text)
    found = {
        "reference": by_reference(policy, request),
        "strict": strict.decide(request),
        "engine": engine.decide(request),
        "careful": engine.decide(PlainMapping(request)),
    }
    outcomes = {name: decision.outcome for name, decision in found.items()}
    assert all(outcome == outcomes["reference"] for outcome in outcomes.values()), outcomes
    return found["engine"]


def codes_of(files: Mapping[str, str]) -> list[str]:
    """The codes of the errors for which a policy set is refused; none where it compiles."""
    try:
        compile_sources(files)
    except PolicyError as refused:
        return [item.code for item in refused.diagnostics if item.severity == "error"]
    return []
