"""What is proved of texts is so for all short ones: random patterns and words over two attributes, tried out."""

from __future__ import annotations

from collections import Counter
from itertools import product
from random import Random

import pytest

from durwan.compilation import compile_sources
from durwan.program import reference
from durwan.program.program import Program
from durwan.workshop.proving import prove

ATTRIBUTES = ("key.owner", "client.country")
# Over the characters of the patterns and one that none of them names.
WORDS = ["".join(letters) for length in range(4) for letters in product("abc", repeat=length)]
PARTS = 4
PROGRAMS = 15


def _test(random: Random) -> str:
    attribute = random.choice(ATTRIBUTES)
    pattern = "".join(random.choices("ab*", k=random.randrange(1, 5)))
    word = "".join(random.choices("abc", k=random.randrange(3)))
    found = random.choice(
        (
            *[f'{attribute} like "{pattern}"'] * 3,
            f'{attribute} == "{word}"',
            f'{attribute} in {{ "a", "ab", "aba" }}',
            f"{ATTRIBUTES[0]} != {ATTRIBUTES[1]}",
        )
    )
    return found if random.random() < 0.6 else f"not ({found})"


def _condition(random: Random, depth: int) -> str:
    if depth == 0:
        return _test(random)
    joined = random.choice((" and ", " and ", " or "))
    return f"({joined.join(_condition(random, depth - 1) for _ in range(random.randrange(2, 4)))})"


def _is_allowed(program: Program, owner: str, country: str) -> bool:
    request = {"action": "a.b", "key": {"owner": owner}, "client": {"country": country}}
    return reference.decide(program, request, clock=lambda: 0).allowed


@pytest.mark.parametrize("part", range(PARTS))
def test_what_is_proved_of_texts_is_so_for_short_ones(part: int) -> None:
    """No pair of short texts breaks what is proved, nothing is left undecided, and both verdicts occur."""
    verdicts: Counter[str] = Counter()
    for seed in range(part * PROGRAMS, (part + 1) * PROGRAMS):
        random = Random(seed)
        condition = f"{_condition(random, 2)} and {_condition(random, 1)}"
        text = f"actions {{ a.b }}\nallow x on a.b when {condition}\ninvariant none never allow on a.b\n"
        program = compile_sources({"a.policy": text}).program
        (proof,) = prove(program, deadline=60)
        verdicts[proof.verdict] += 1
        if proof.verdict == "proved":
            assert not any(_is_allowed(program, *pair) for pair in product(WORDS, repeat=2)), text
    assert set(verdicts) == {"proved", "refuted"}
