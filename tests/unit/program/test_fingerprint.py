"""The revision: the same for the same meaning, however it is divided, and another one for any other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest

from durwan.compilation import compile_sources
from durwan.program.fingerprint import digest_part, fingerprint
from durwan.program.program import Program
from tests.generators.programs import generate_program

HEAD = "actions { orders.create }\n"
RULES = (
    'deny blocked when key.id == "a"\n',
    "allow trade on orders.create when key.scopes has trade\n",
    "limit rate on orders.create to 5 per 10s per key.id\n",
    "invariant sane never allow on * when key.revoked\n",
)


def _revision(*files: str) -> str:
    return compile_sources({f"{number}.policy": text for number, text in enumerate(files)}).revision


def test_layout_and_files_do_not_count() -> None:
    """The same rules in the same order have one revision, in one file or in several, with comments or without."""
    scopes = "scopes { trade }\n"
    one = _revision(HEAD + scopes + "".join(RULES))
    assert _revision(HEAD, RULES[0], scopes, *RULES[1:]) == one
    assert _revision("# Who may what.\n" + HEAD + scopes, *(rule.replace(" ", "\n  ") for rule in RULES)) == one


@pytest.mark.parametrize("first", range(3))
def test_order_counts(first: int) -> None:
    """Two rules that change places make another revision, since another one is named as the reason."""
    rules = [f"deny d{number} when key.revoked\n" for number in range(4)]
    swapped = list(rules)
    swapped[first], swapped[first + 1] = rules[first + 1], rules[first]
    assert _revision(HEAD, *swapped) != _revision(HEAD, *rules)


def _variants(program: Program) -> Iterator[Program]:
    rule = program.rules[0]
    others = program.rules[1:]
    for changed in (
        replace(rule, name=rule.name + "x"),
        replace(rule, status=rule.status + 1),
        replace(rule, code=rule.code + "x"),
        replace(rule, reason=rule.code + "x"),
        replace(rule, shadow=not rule.shadow),
        replace(rule, actions=(*rule.actions, "another")),
        replace(rule, obligations=(("a", 1),)),
        replace(rule, obligations=(("a", "1"),)),
        replace(rule, obligations=(("a", True),)),
        replace(rule, order=rule.order + 1_000),
    ):
        yield replace(program, rules=(changed, *others))
    yield replace(program, rules=others)
    yield replace(program, name=program.name + "x")
    yield replace(program, environment={"zone": "1"})
    yield replace(program, environment={"zone1": ""})


def test_whatever_counts_changes_the_revision() -> None:
    """No two programs that differ in anything but documentation and places share a revision."""
    program = generate_program(3)
    programs = [program, *_variants(program)]
    assert len({fingerprint(each) for each in programs}) == len(programs)
    assert fingerprint(replace(program, rules=(replace(program.rules[0], documentation="x"), *program.rules[1:]))) == (
        fingerprint(program)
    )


@pytest.mark.parametrize("seed", range(5))
def test_known_digests_of_parts_give_the_same(seed: int) -> None:
    """However a program is divided into parts, their digests together make its revision."""
    random = Random(seed)
    program = generate_program(seed)
    at = random.randint(0, len(program.rules))
    parts = [digest_part(program.rules[:at], (), ()), digest_part(program.rules[at:], program.limits, ())]
    assert fingerprint(program, [*parts, digest_part((), (), program.invariants)]) == fingerprint(program)
