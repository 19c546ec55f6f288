"""What bounds the work of the checker: large sets are linear, deep and doubling ones are refused."""

from __future__ import annotations

import sys

import pytest

from durwan.diagnostics import Source
from durwan.language.check import check
from durwan.language.lint import lint
from durwan.language.manifest import Manifest
from durwan.language.parser import parse
from tests.language.literate import NOW, check_files


def _cost(rules: int) -> int:
    """How many calls of Python functions it takes to check and lint a set of so many rules."""
    lines = ["actions { a b }", "context x { n : int }"]
    for number in range(rules):
        lines.append(f"network net_{number} = {{ 10.{number // 250}.{number % 250}.0/24 }}")
        lines.append(f'allow r{number} on a, b when key.id == "k{number}" and client.ip in net_{number} and x.n > 5')
    module, mistakes = parse(Source("a.policy", "\n".join(lines)))
    assert mistakes == []
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    sys.setprofile(count)
    try:
        program, errors = check([module], {}, Manifest())
        assert program is not None
        warnings = lint([module], {}, program, now=NOW)
    finally:
        sys.setprofile(None)
    assert errors == warnings == []
    return calls


def test_rules_cost_linearly() -> None:
    """Four times the rules take no more than some four times the work, lint included."""
    _cost(10)
    small, large = _cost(100), _cost(400)
    assert large < small * 5


def test_many_unknown_names() -> None:
    """Thousands of unknown names beside thousands of declared ones are each told of; suggestions stop at some point."""
    lets = "\n".join(f"let name_{number} = key.id is known" for number in range(3_000))
    uses = "\n".join(f"let other_{number} = nane_{number}" for number in range(3_000))
    found = check_files({"a.policy": f"{lets}\n{uses}"})
    assert len(found.errors) == 3_000
    assert found.errors[0].help == "did you mean `name_0`?"
    assert found.errors[-1].help == "declare it: `let nane_2999 = …`"


def test_a_long_chain_of_lets_is_refused() -> None:
    """A chain of thousands of lets is a mistake, not a crash; it is told once."""
    chain = "\n".join(f"let a{number} = not a{number + 1}" for number in range(5_000))
    found = check_files({"a.policy": f"{chain}\nlet a5000 = key.id is known\nactions {{ a }} deny d when a0"})
    assert {item.code for item in found.errors} == {"P0216"}
    assert len(found.errors) < 5_000 / 100


def test_a_raised_limit_of_nesting_counts() -> None:
    """A text that its own limit of nesting allows is not too deep."""
    condition = "not (" * 60 + "key.id is known" + ")" * 60
    files = {"a.policy": f"actions {{ a }} deny d when {condition}"}
    assert [item.code for item in check_files(files).errors] == ["P0136"]
    assert check_files(files | {"policy.yaml": "limits:\n  nesting: 128\n"}).errors == []


def test_a_large_list() -> None:
    """A list of a hundred thousand networks is read, merged and linted."""
    entries = [f"{11 + number // 65_536}.{number // 256 % 256}.{number % 256}.0/24" for number in range(100_000)]
    found = check_files(
        {"a.policy": 'actions { a } network n from "n.txt" deny d when client.ip in n', "n.txt": "\n".join(entries)}
    )
    assert found.program is not None
    assert len(found.program.networks["n"].breaks4) == 2
    assert [item.code for item in found.warnings] == ["P0707"]


@pytest.mark.parametrize("content", [b"\xff\xfe", b"10.0.0.0/8\n\x80"])
def test_a_list_that_is_not_text(content: bytes) -> None:
    """Bytes that are not UTF-8 are told of at their place in the list."""
    module, _ = parse(Source("a.policy", 'network n from "n.txt"\nset s from "n.txt"'))
    program, errors = check([module], {"n.txt": content}, Manifest())
    assert program is None
    assert [(item.code, item.span.source.path) for item in errors] == [("P0101", "n.txt")]


def test_hidden_characters_in_a_list() -> None:
    """A character that a reviewer cannot see is a mistake in a list as in a policy."""
    found = check_files({"a.policy": 'set s from "s.txt"', "s.txt": "alice\nb\u200bob\n"})
    assert [(item.code, item.span.start) for item in found.errors] == [("P0103", 7)]


def test_a_long_entry_of_a_list() -> None:
    """An entry longer than a string may be is a mistake."""
    files = {"a.policy": 'set s from "s.txt"', "s.txt": "é" * 10 + "\nshort\n"}
    found = check_files(files | {"policy.yaml": "limits:\n  string_bytes: 19\n"})
    assert [item.code for item in found.errors] == ["P0112"]


def test_lists_with_windows_line_ends() -> None:
    """A carriage return before a line feed is no part of an entry."""
    found = check_files({"a.policy": 'set s from "s.txt"', "s.txt": "alice\r\nbob\r\n"})
    assert found.program is not None
    assert found.program.sets["s"] == frozenset({"alice", "bob"})
