"""Warnings that need a proof: rules that never apply or matter, conditions that others settle, and traps."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from durwan.compilation import compile_policy
from durwan.language.policy_set import read_directory
from durwan.language.stored.store import Store
from durwan.workshop.proof_lint import prove_lint
from durwan.workshop.verification import verify
from tests.unit.workshop.policies import NOW, compiled

HEAD = """\
actions { orders.create orders.cancel }
scopes { orders.read  orders.write includes orders.read }
context risk { score : int 0..100  limit : int  flagged : bool }
window mornings = mon..fri 08:00..12:00 "Europe/London"
window evenings = mon..fri 18:00..22:00 "Europe/London"
window weekend  = sat, sun "UTC"
"""
DOOR = """
allow trade
  on *
  when key.id is known
"""


def _found(policy: str, head: str = HEAD + DOOR) -> list[tuple[str, str]]:
    """The code of each warning, and what is underlined."""
    program = compiled(policy=head + policy).program
    assert program is not None
    found = prove_lint(program, near=NOW)
    assert found.undecided == ()
    return [(item.code, item.span.text) for item in found.diagnostics]


NEVER_APPLIES = {
    "two windows that never overlap": "allow both on * when now in mornings and now in evenings",
    "an order that runs in a circle": (
        "allow circle on * when request.quantity < request.notional and request.notional < request.price"
        " and request.price < request.quantity"
    ),
    "a scope that includes the other": (
        "allow odd on * when key.scopes has orders.write and not (key.scopes has orders.read)"
    ),
    "two patterns that no text is like": (
        'allow odd on * when request.symbol like "BTC*" and request.symbol like "ETH*"'
    ),
    "more members than are left": (
        'allow odd on * when approvals.by has at least 2 of { "a", "b" } and not (approvals.by has "a")'
    ),
    "an address in the one half and in the other": (
        "allow odd on * when client.ip in { 10.0.0.0/25 } and not (client.ip in { 10.0.0.0/24 })"
    ),
    "a deny that is disproved even where everything is unknown": ("deny both when now in mornings and now in evenings"),
    "a shadow rule": "shadow deny both when now in mornings and now in evenings",
    "a limit": "limit both on * when now in mornings and now in evenings to 5 per 1s per client.ip",
}


@pytest.mark.parametrize("policy", NEVER_APPLIES.values(), ids=NEVER_APPLIES.keys())
def test_what_never_applies_is_reported(policy: str) -> None:
    """A rule or limit whose conditions never hold together is reported once, by its name."""
    name = policy.removeprefix("shadow ").split()[1]
    assert _found(policy) == [("P0751", name)]


NEVER_MATTERS = {
    "denied by two others together": (
        """
deny low  when risk.score < 60 and risk.limit > 5
deny high when risk.score > 40 and risk.limit > 5
deny late when risk.limit > 6 respond 403 late
""",
        ["late"],
    ),
    "allowed by two others together": (
        """
allow first  on * when risk.score <= 50
allow second on * when risk.score > 50
allow third  on * when risk.score >= 20 and risk.score <= 80
""",
        ["third"],
    ),
    "asked for by two others together": (
        """
challenge first  on * when risk.flagged     require login
challenge second on * when not risk.flagged require login
challenge third  on * when risk.score >= 20 require login
""",
        ["third"],
    ),
}


@pytest.mark.parametrize(("policy", "names"), NEVER_MATTERS.values(), ids=NEVER_MATTERS.keys())
def test_what_never_matters_is_reported(policy: str, names: list[str]) -> None:
    """A rule without which all requests are answered alike is reported, where it takes several others to see it."""
    door = "" if "allow" in policy else DOOR
    assert _found(policy, HEAD + door) == [("P0752", name) for name in names]


SETTLED: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "implied by a sum": (
        "allow one on * when risk.score > 50 and risk.score + 10 > 55",
        [("P0753", "risk.score + 10 > 55")],
    ),
    "implied by an alternative": (
        "allow one on * when risk.score < 50 and (risk.score <= 60 or risk.flagged)",
        [("P0753", "risk.score <= 60 or risk.flagged")],
    ),
    "one of two that say the same": (
        "allow one on * when risk.score >= 50 and risk.limit < 5 and risk.score + 1 > 50",
        [("P0753", "risk.score >= 50")],
    ),
    "absorbed": (
        "allow one on * when risk.flagged or risk.flagged and risk.score > 50",
        [("P0753", "risk.flagged and risk.score > 50")],
    ),
    "in a let, as the linter sees by itself": (
        """
let calm = now in weekend or now in mornings or not (now in mornings)
allow one on * when calm and risk.flagged
""",
        [],
    ),
    "in a let, by what stands beside it": (
        "let calm = now in mornings and not (now in weekend)\nallow one on * when calm and risk.flagged",
        [("P0753", "now in weekend")],
    ),
}


@pytest.mark.parametrize(("policy", "expected"), SETTLED.values(), ids=SETTLED.keys())
def test_settled_conditions_are_reported(policy: str, expected: list[tuple[str, str]]) -> None:
    """A condition is reported that is never true, or never false, where the others leave its rule open."""
    assert _found(policy, HEAD) == expected


def test_what_a_condition_never_is_stands_in_the_message() -> None:
    """Never false and never true are told apart."""
    program = compiled(
        policy=HEAD
        + """
allow one   on * when risk.score > 50 and risk.score + 10 > 55
deny  three on orders.cancel when risk.score > 50 and risk.score + 10 < 40
"""
    ).program
    assert program is not None
    assert [item.message for item in prove_lint(program, near=NOW).diagnostics] == [
        "`risk.score + 10 > 55` is never false where `one` depends on it",
        "`risk.score > 50 and risk.score + 10 < 40` is never true where `three` depends on it",
    ]


MATTERS = {
    "a deny that applies for nothing but doubt": "deny odd when risk.score == 50 and not (risk.score in { 50, 60 })",
    "a guard": "allow two on * when risk.score is known and risk.score < 50 with { a: 1 }",
    "a guard of something else": "deny two when risk.limit is known and risk.score > risk.limit",
    "another text for the client": (
        'deny one when risk.score > 90 because "first"\ndeny two when risk.score > 50 because "second"'
    ),
    "another status": "deny one when risk.score > 90 respond 403 x\ndeny two when risk.score > 50 respond 503 x",
    "other obligations": (
        "allow one on orders.create when risk.score > 90 with { fast: true }\nallow two on * when risk.flagged"
    ),
    "another remedy": (
        "challenge one on * when risk.score > 90 require login\nchallenge two on * when risk.score > 50 require step x"
    ),
    "a shadow rule that repeats a deny": "deny one when risk.score > 50\nshadow deny two when risk.score > 50",
    "a limit that is stricter by its count": (
        "limit one on * to 5 per 1s per client.ip\nlimit two on * to 50 per 1s per client.ip"
    ),
    "a condition that two windows never settle": "deny one when now in weekend or now in mornings",
}


@pytest.mark.parametrize("policy", MATTERS.values(), ids=MATTERS.keys())
def test_what_matters_is_not_reported(policy: str) -> None:
    """Nothing is said of rules and conditions that make any difference, if only where something is unknown."""
    head = HEAD if "allow one" in policy else HEAD + DOOR
    assert [each for each in _found(policy, head) if each[0] != "P0753"] == []


def test_guards_are_not_settled() -> None:
    """A condition that keeps what stands beside it from being unknown makes a difference."""
    assert _found(MATTERS["a guard"]) == _found(MATTERS["a guard of something else"]) == []


def test_what_the_linter_knows_without_proof_is_not_told_again() -> None:
    """Of a rule with P0702 or P0703, or a condition with P0701, no proof is reported."""
    policy = """
allow never on * when risk.score > 50 and risk.score < 20
allow trade_too on orders.create when key.id is known and risk.flagged
deny  constant when risk.flagged and 5 > 6
"""
    assert _found(policy) == []


def test_what_takes_too_long_is_undecided() -> None:
    """With no time at all, what was not looked at is named, and the codes count as not judged."""
    program = compiled(policy=HEAD + DOOR + NEVER_APPLIES["two windows that never overlap"]).program
    assert program is not None
    found = prove_lint(program, deadline=0.0)
    assert found.undecided
    assert set(found.undecided) <= {"both", "trade"}
    assert found.unjudged == {"P0751", "P0752", "P0753"}


SUPPRESSED = f"""{HEAD}{DOOR}
# policy-check: ignore[P0751] kept for the day on which we open at noon
allow both on * when now in mornings and now in evenings
"""


def test_suppression() -> None:
    """A suppression keeps the warning quiet; an unused one is reported where proofs were made, and nowhere else."""

    def codes(policy: str, deadline: float | None) -> list[str]:
        prove = None if deadline is None else partial(prove_lint, deadline=deadline, near=NOW)
        found = verify(compiled(policy=policy), lambda: NOW, linted=True, prove=prove)
        return [item.code for item in found.diagnostics if item.code[:4] != "P070"]

    needless = SUPPRESSED.replace("now in mornings and", "")
    assert codes(SUPPRESSED, 30.0) == []
    assert codes(needless, 30.0) == ["P0714"]
    assert codes(needless, 0.0) == codes(needless, None) == []


def test_what_was_found_is_kept(tmp_path: Path) -> None:
    """With a store the second run says the same of the same revision, without asking anything of the solver."""
    program = compiled(policy=SUPPRESSED + SETTLED["implied by a sum"][0]).program
    assert program is not None
    store = Store(tmp_path / "store")
    first = prove_lint(program, near=NOW, store=store, revision="r1")
    asked: list[str] = []
    again = prove_lint(program, near=NOW, store=store, revision="r1", settled=asked.append)
    assert (again, asked) == (first, [])
    assert [item.code for item in first.diagnostics] == ["P0751", "P0753"]
    prove_lint(program, near=NOW, store=store, revision="r2", settled=asked.append)
    assert sorted(asked) == ["both", "one", "trade"]


def test_the_reference_set_is_clean() -> None:
    """No proof finds anything in the reference set."""
    compilation = compile_policy(read_directory(str(Path(__file__).parents[3] / "policies")))
    assert compilation.program is not None
    found = prove_lint(compilation.program, near=NOW)
    assert (found.diagnostics, found.undecided) == ((), ())
