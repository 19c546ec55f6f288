"""What changed between two sets and decides nothing."""

from __future__ import annotations

from durwan.compilation import compile_sources
from durwan.program.program import Program
from durwan.workshop.difference import Comparison, compare

POLICY = """
actions { pay }
deny risky when key.account == "x" because "no"
shadow deny trial when key.account == "y"
allow pay on pay
limit rate on pay to 10 per 1s per key.account
"""


def _program(text: str) -> Program:
    return compile_sources({"a.policy": text}).program


def _compared(old: str, new: str) -> Comparison:
    return compare(_program(POLICY), _program(POLICY.replace(old, new)))


def test_a_text_is_a_note() -> None:
    """What a refusal says is no difference, and is told."""
    found = _compared('"no"', '"not now"')
    assert found.same is True
    assert found.notes == ("`risky` says otherwise why it refuses",)


def test_a_trial_is_a_note() -> None:
    """A shadow rule decides nothing; that it was changed, and that it went, is told."""
    assert _compared('"y"', '"z"').notes == ("the shadow rule `trial` was changed",)
    assert _compared('shadow deny trial when key.account == "y"\n', "").notes == (
        "the shadow rule `trial` is no longer on trial",
    )


def test_a_trial_that_becomes_a_rule_is_a_difference() -> None:
    """From then on it decides."""
    found = _compared("shadow deny", "deny")
    assert found.same is False
    assert {(each.before.rule, each.after.rule) for each in found.differences} == {("pay", "trial")}


def test_a_renamed_rule_and_limit_are_the_same() -> None:
    """Also where the code of the refusal follows the name; the old names are told."""
    renamed = POLICY.replace("risky", "dangerous").replace("limit rate", "limit pace")
    found = compare(_program(POLICY), _program(renamed))
    assert found.same is True
    assert found.renamed == {"dangerous": "risky", "pace": "rate"}


def test_a_renamed_rule_that_also_changes_is_a_difference() -> None:
    """It is another rule then."""
    found = compare(_program(POLICY), _program(POLICY.replace('risky when key.account == "x"', "dangerous")))
    assert found.same is False
    assert found.renamed == {}
