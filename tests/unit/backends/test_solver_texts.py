"""Texts that have to be like some patterns and unlike others: what the solver may take for impossible, and what not."""

from __future__ import annotations

import pytest

from durwan.compilation import compile_sources
from durwan.workshop.proving import Proof, prove

# A text with both ends ABA that has no room for both of them is ABA or ABABA.
OVERLAP = '{0} like "ABA*" and {0} like "*ABA" and not ({0} like "ABA*ABA")'


def proof_of(condition: str, declarations: str = "") -> Proof:
    """Whether nothing can be allowed under a condition."""
    text = f"actions {{ a.b }}\n{declarations}\nallow x on a.b when {condition}\ninvariant none never allow on a.b\n"
    (found,) = prove(compile_sources({"a.policy": text}).program, deadline=60)
    return found


def test_patterns_that_cannot_be_searched_prove_nothing() -> None:
    """Patterns that are too many to be searched together leave an invariant undecided, since a text may be like all."""
    patterns = ("abc", "def", "ghi", "jkl", "mno", "pqr", "stu", "vwx")
    found = proof_of(" and ".join(f'request.symbol like "*{each}*"' for each in patterns))
    assert found.verdict == "undecided"
    assert "patterns" in found.because


def test_many_named_words_are_not_all_words() -> None:
    """That the first few hundred texts of a kind are named by the policy does not mean that there is no other."""
    letters = "xA0123456789B"
    words = ["A", *(f"A{each}" for each in letters), *(f"A{one}{other}" for one in letters for other in letters)]
    declarations = "set named = { " + ", ".join(f'"{each}"' for each in words) + " }"
    condition = 'request.symbol like "A*" and not (request.symbol in named)'
    found = proof_of(f'{condition} and not (request.symbol like "*0*1*2*3*4*5*6*7*8*9*B*")', declarations)
    assert found.verdict == "refuted"


@pytest.mark.parametrize("third", ["request.weight == 1", "request.weight < 0", "now > key.created"])
def test_two_texts_for_three_are_enough_for_one(third: str) -> None:
    """That three different texts cannot all be of a kind that has two does not rule out that one of them is."""
    apart = "client.country != key.owner and client.asn != key.owner and client.asn != client.country"
    others = f"{OVERLAP.format('client.asn')} and {OVERLAP.format('client.country')}"
    assert proof_of(f"{OVERLAP.format('key.owner')} and {apart} and ({others} or {third})").verdict == "refuted"
    assert proof_of(f"{OVERLAP.format('key.owner')} and {apart} and {others}").verdict == "proved"
    assert proof_of(f"{OVERLAP.format('key.owner')} and client.asn != key.owner and {others}").verdict == "refuted"


def test_many_patterns_that_exclude_each_other_are_soon_ruled_out() -> None:
    """Twenty patterns of which no two go together are no more than as many facts."""
    either = " or ".join(
        f'request.symbol like "{one}*" and request.symbol like "{other}*"'
        for one, other in zip("abcdefghijklmnopqrs", "bcdefghijklmnopqrst", strict=True)
    )
    assert proof_of(either).verdict == "proved"
