"""The tests that a policy has to pass before it may decide: its authors named them, whoever loads it runs them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from durwan.backends.bytecode import Evaluator
from durwan.errors import DurwanError
from durwan.model.decision import Decision
from durwan.runtime.expectation import differing_fields
from durwan.runtime.key_lookup import prepared
from durwan.runtime.limits import Counting, UntouchedCounter
from durwan.runtime.policy import Compiled, SelfTest


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A test that failed: the fields that differ, as they should be and as they are."""

    name: str
    expected: Mapping[str, Any]
    got: Mapping[str, Any]

    def __str__(self) -> str:
        differences = [f"{field} {self.got[field]!r} instead of {wanted!r}" for field, wanted in self.expected.items()]
        return f"{self.name}: {', '.join(differences)}"


class SelfTestError(DurwanError):
    """A policy that fails a test which it must pass; it may not decide.

    Attributes:
        failures: each test that failed, in their order.
    """

    def __init__(self, failures: Sequence[Failure], count: int) -> None:
        self.failures = tuple(failures)
        lines = [f"the policy set fails {len(failures)} of the {count} tests that it must pass"]
        super().__init__("\n".join([*lines, *map(str, failures)]))


def run_self_tests(compiled: Compiled, clock: Callable[[], int], tested: Evaluator | None = None) -> None:
    """Runs the tests of a policy with the keys of its own set, whatever keys the engine will use.

    Args:
        compiled: the policy; one without tests passes, and costs nothing.
        clock: the instant of tests that bring none, in milliseconds since the epoch.
        tested: what will decide, if that uses the keys of the set; else a new evaluator is tested.

    Raises:
        SelfTestError: one of them fails.
    """
    if not compiled.self_tests:
        return
    evaluator = tested or _evaluator_of(compiled, clock)
    keys = prepared(compiled.keys, compiled.program.schema)
    counting = Counting(compiled.program, keys, clock, UntouchedCounter(), compiled.revision)
    found = (_failure(test, evaluator, counting) for test in compiled.self_tests)
    failures = [failure for failure in found if failure is not None]
    if failures:
        raise SelfTestError(failures, len(compiled.self_tests))


def _evaluator_of(compiled: Compiled, clock: Callable[[], int]) -> Evaluator:
    keys = prepared(compiled.keys, compiled.program.schema)
    return Evaluator(compiled.program, clock=clock, keys=keys, revision=compiled.revision)


def _failure(test: SelfTest, evaluator: Evaluator, counting: Counting) -> Failure | None:
    """The first decision that is not as expected, neither by the rules alone nor with untouched limits counted."""
    for decision in _decisions(test.request, evaluator):
        counted = counting.counted(decision, test.request)
        if differing_fields(test.expected, decision) and differing_fields(test.expected, counted):
            differing = differing_fields(test.expected, counted)
            got = counted.as_dict()
            return Failure(
                name=test.name,
                expected={field: test.expected[field] for field in differing},
                got={field: got.get(field) for field in differing},
            )
    return None


def _decisions(request: Mapping[str, Any], evaluator: Evaluator) -> Iterator[Decision]:
    """By the careful function, and by the strict one if it does not give up: a gateway is answered by either."""
    decision = evaluator.decide_carefully(request)
    yield decision
    try:
        yield evaluator.functions[request["action"]](dict(request), request["now"])
    except Exception:  # noqa: BLE001 - to give up is its right, and an instant given as text is not for it
        return
