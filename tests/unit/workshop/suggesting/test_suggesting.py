"""Suggested cases: they reach what was missing, start from what is there, and would notice a change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from durwan.compilation import Compilation, compile_policy
from durwan.language.policy_set import read_directory
from durwan.model.values import parse_instant
from durwan.workshop.coverage import Coverage, measure, plan
from durwan.workshop.suggesting import Suggestions, suggest
from durwan.workshop.suggesting.variants import DECISIVE, NOTICED
from durwan.workshop.suggesting.writing import case_name, expected, suggested_file
from durwan.workshop.test_files import Case, Suite, read_suite
from durwan.workshop.verification import verify
from tests.unit.workshop.policies import NOW, TRADER, compiled

POLICIES = Path(__file__).parents[4] / "policies"
FIXTURES = TRADER.partition("fixtures:")[2]
FILES = {
    "tests/fixtures.yaml": f"fixtures:{FIXTURES}",
    "tests/cases.yaml": (
        "now: 2026-03-02T09:00:00Z\ncases:\n  - name: a trader trades\n    with: [trader]\n    expect: allow\n"
    ),
}


def _measured(compilation: Compilation, cases: Iterable[Case]) -> Coverage:
    assert compilation.program is not None
    return measure(plan(compilation.program, compilation.modules), cases, lambda: NOW, compilation.keys.get)


def _suggested(compilation: Compilation, kept: Iterable[Case] | None = None) -> tuple[Suite, Suggestions]:
    suite = read_suite(compilation.policy_set, compilation.manifest)
    coverage = _measured(compilation, suite.cases if kept is None else kept)
    return suite, suggest(compilation, coverage, suite, near=NOW)


def _with_file(compilation: Compilation, path: str, text: str) -> Compilation:
    files = {**compilation.policy_set.files, path: text.encode()}
    return compile_policy(replace(compilation.policy_set, files=files))


def test_all_is_covered_afterwards_and_the_file_passes() -> None:
    """From one case to full coverage: the suggested file has no mistakes, passes, and leaves nothing out of reach."""
    compilation = compiled(FILES)
    _, suggestions = _suggested(compilation)
    assert (suggestions.unreachable, suggestions.undecided) == ((), ())
    again = _with_file(compilation, "tests/suggested.yaml", suggested_file(suggestions, "desk"))
    found = verify(again, lambda: NOW, linted=False)
    assert [item.message for item in found.diagnostics] == []
    assert found.results is not None
    assert {result.verdict for result in found.results} == {"passed"}
    assert len(found.results) == 1 + len(suggestions.cases)
    assert _measured(again, found.suite.cases).missing == ()


def test_cases_start_from_fixtures_and_change_little() -> None:
    """A case names the fixtures that it starts from, and says only what differs."""
    compilation = compiled(FILES)
    text = suggested_file(_suggested(compilation)[1], "desk")
    assert 'now: "2026-03-02T09:00:00Z"\n' in text
    assert "  # desk/desk.policy:8:8 deny risky: risk.score >= 90: no case in which `risk.score` is `90`\n" in text
    assert (
        '  - name: "deny risky: `risk.score` is `90`"\n'
        "    with: [trader]\n"
        "    request: { risk: { score: 90 } }\n"
        "    expect: { effect: deny, rule: risky, shadows: [tighter_risk] }  # is this what you want?\n"
    ) in text


def test_cases_are_decided_by_what_they_show() -> None:
    """At an edge a case is allowed on the one side and refused on the other wherever that can be."""
    _, suggestions = _suggested(compiled(FILES))
    by_name = {case_name(each.targets[0]): each for each in suggestions.cases}
    high = by_name["deny risky: `risk.score` is `90`"]
    # Below 90 a second factor would still be asked for.
    assert (high.strength, high.decision.rule) == (NOTICED, "risky")
    fresh = by_name["deny stale: `now - risk.as_of` is `30s`"]
    assert (fresh.strength, fresh.decision.allowed) == (DECISIVE, True)
    stale = by_name["deny stale: `now - risk.as_of` is `30s1ms`"]
    assert (stale.strength, stale.decision.rule) == (DECISIVE, "stale")
    # That somebody is patient matters only where the score is stale.
    [patient] = [each for each in suggestions.cases if each.request["key"]["labels"] == ["patient"]]
    assert (patient.strength, patient.decision.allowed) == (DECISIVE, True)


def test_a_case_is_not_suggested_twice() -> None:
    """What an earlier suggestion shows as well has no case of its own, and every target is shown once."""
    compilation = compiled(FILES)
    suite, suggestions = _suggested(compilation)
    missing = _measured(compilation, suite.cases).missing
    shown = [target for each in suggestions.cases for target in each.targets]
    assert sorted(map(id, shown)) == sorted(set(map(id, shown)))
    assert len(shown) == len(missing) > len(suggestions.cases)


def test_the_same_every_time() -> None:
    """Nothing depends on chance."""
    first, second = (suggested_file(_suggested(compiled(FILES))[1], "") for _ in range(2))
    assert first == second


def test_from_nothing() -> None:
    """Without a single case the requests are made from nothing, and cover all the same."""
    compilation = compiled({})
    _, suggestions = _suggested(compilation)
    assert {each.start for each in suggestions.cases} == {None}
    again = _with_file(compilation, "tests/suggested.yaml", suggested_file(suggestions, ""))
    found = verify(again, lambda: NOW, linted=False)
    assert found.results is not None
    assert {result.verdict for result in found.results} == {"passed"}
    assert _measured(again, found.suite.cases).missing == ()


def test_what_no_request_can_reach_is_named() -> None:
    """A condition that can never be true is listed as proved out of reach, not as a case."""
    policy = """
actions { orders.create }
context risk { score : int 0..100 }
window mornings = mon..fri 08:00..12:00 "UTC"
window evenings = mon..fri 18:00..22:00 "UTC"

allow trade
  on orders.create
  when now in mornings and now in evenings or key.id is known
"""
    compilation = compiled({}, policy)
    _, suggestions = _suggested(compilation)
    assert suggestions.undecided == ()
    assert suggestions.unreachable == ()
    never = policy.replace("or key.id is known", "")
    _, suggestions = _suggested(compiled({}, never))
    assert [case_name(target) for target in suggestions.unreachable] == ["allow trade: applies"]
    assert "# no request can reach these, as was proved:\n#   desk.policy:7:7 allow trade" in suggested_file(
        suggestions, ""
    )


def test_what_takes_too_long_is_undecided() -> None:
    """With no time at all targets are undecided, and the file says so; none is said to be out of reach."""
    compilation = compiled(FILES)
    suite = read_suite(compilation.policy_set, compilation.manifest)
    coverage = _measured(compilation, suite.cases)
    found = suggest(compilation, coverage, suite, 0.0, near=NOW)
    assert found.undecided
    assert found.unreachable == ()
    assert "whether a request can reach these is not known" in suggested_file(found, "")


def test_keys_by_their_id() -> None:
    """A case that names its key by id is changed in other things by that id, in the key's own by its attributes."""
    policy = """
actions { orders.create }
context risk { score : int 0..100 }

allow trade
  on orders.create
  when key.labels has "a" and risk.score < 50
"""
    files = {
        "keys/desk.yaml": "keys:\n  - id: desk-7\n    labels: [a]\n",
        "tests/cases.yaml": (
            "now: 2026-03-02T09:00:00Z\ncases:\n  - name: one\n    request:"
            " { action: orders.create, key: desk-7, risk: { score: 1 } }\n    expect: allow\n"
        ),
    }
    _, suggestions = _suggested(compiled(files, policy))
    keys = {case_name(each.targets[0]): each.request["key"] for each in suggestions.cases}
    assert keys["allow trade: `risk.score` is `50`"] == "desk-7"
    assert keys['allow trade: key.labels has "a" is false'] == {"id": "desk-7", "labels": []}


@pytest.mark.parametrize("seed", [1])
def test_half_of_the_reference_sets_cases(seed: int) -> None:
    """With half of its cases and what is suggested, everything that can be reached is covered; most is decisive."""
    compilation = compile_policy(read_directory(str(POLICIES)))
    suite = read_suite(compilation.policy_set, compilation.manifest)
    kept = Random(seed).sample(suite.cases, len(suite.cases) // 2)
    near = parse_instant("2026-03-02T09:00:00Z")
    assert near is not None
    coverage = _measured(compilation, kept)
    suggestions = suggest(compilation, coverage, suite, 300.0, near=near)
    assert (suggestions.undecided, suggestions.unreachable) == ((), ())
    made = [Case(title="", name="", span=kept[0].span, request=each.request, expected={}) for each in suggestions.cases]
    assert len(coverage.missing) > 50
    assert _measured(compilation, [*kept, *made]).missing == ()
    decisive = [each for each in suggestions.cases if each.strength == DECISIVE]
    assert len(decisive) > 0.75 * len(made)
    assert all(expected(each)["effect"] == each.decision.effect for each in suggestions.cases)
