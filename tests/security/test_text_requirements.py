"""R50, R51 and R53: text of any size, depth or shape is read within bounds, or refused by name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from durwan.workshop.request_text import RequestTextError, read_json, read_requests
from tests.security.policies import codes_of

ROOT = Path(__file__).parents[2]
_RULE = "actions { a }\nallow x on a\n"


def _manifest(**limits: int) -> str:
    return json.dumps({"limits": limits})


def _padded(size: int) -> str:
    """The small policy, made so many bytes long by a comment."""
    return f"{_RULE}# {'x' * (size - len(_RULE) - 3)}\n"


# ------------------------------------------------------------------------------------------------------------ R50, size


@pytest.mark.parametrize(("size", "codes"), [(-1, []), (0, []), (1, ["P0102"])])
def test_a_policy_file_has_a_size(size: int, codes: list[str]) -> None:
    """A policy file may have a megabyte, or what the manifest says, and not a byte more."""
    assert codes_of({"a.policy": _padded((1 << 20) + size)}) == codes
    assert codes_of({"policy.yaml": _manifest(file_bytes=2_000), "a.policy": _padded(2_000 + size)}) == codes


@pytest.mark.parametrize(("size", "codes"), [(-1, []), (0, []), (1, ["P0526"])])
def test_a_policy_set_has_a_size(size: int, codes: list[str]) -> None:
    """All files together may have what the manifest says, and not a byte more."""
    manifest = _manifest(set_bytes=5_000)
    files = {"policy.yaml": manifest, "a.policy": _RULE, "lists/b.txt": ""}
    room = 5_000 - sum(map(len, files.values()))
    assert codes_of({**files, "lists/b.txt": "#" * (room + size)}) == codes


@pytest.mark.parametrize(("more", "codes"), [(-1, []), (0, []), (1, ["P0411"])])
def test_a_policy_set_has_so_many_rules(more: int, codes: list[str]) -> None:
    """A policy set may have as many rules as the manifest says, in however many files."""
    rules = [f"allow r{number} on a\n" for number in range(20 + more)]
    files = {"policy.yaml": _manifest(rules=20), "a.policy": "actions { a }\n" + "".join(rules[:10])}
    assert codes_of({**files, "b.policy": "".join(rules[10:])}) == codes


@pytest.mark.parametrize(("more", "codes"), [(-1, []), (0, []), (1, ["P0562"])])
def test_a_list_has_so_many_entries(more: int, codes: list[str]) -> None:
    """A list file may have as many entries as the manifest says."""
    text = 'actions { a }\nset s from "s.txt"\nallow x on a when request.symbol in s\n'
    entries = "".join(f"entry {number}\n" for number in range(100 + more))
    assert codes_of({"policy.yaml": _manifest(list_entries=100), "a.policy": text, "s.txt": entries}) == codes


@pytest.mark.parametrize(("more", "codes"), [(-1, []), (0, []), (1, ["P0112"])])
@pytest.mark.parametrize("character", ["x", "\u00e9", "\U0001f600"])
def test_a_string_has_a_size(character: str, more: int, codes: list[str]) -> None:
    """A string may have 64 KiB of UTF-8, or what the manifest says, in a policy as in a list."""
    width = len(character.encode())
    for most, manifest in ((64 << 10, {}), (40, {"policy.yaml": _manifest(string_bytes=40)})):
        text = character * (most // width - 1)
        text += "x" * (most - len(text.encode()) + more)
        policy = f'actions {{ a }}\nallow x on a when request.symbol == "{text}"\n'
        assert codes_of({**manifest, "a.policy": policy}) == codes
        policy = 'actions { a }\nset s from "s.txt"\nallow x on a when request.symbol in s\n'
        assert codes_of({**manifest, "a.policy": policy, "s.txt": f"{text}\n"}) == codes


def test_limits_cannot_be_lifted_without_end() -> None:
    """A manifest cannot raise a limit beyond what memory should bear."""
    for limit in ("file_bytes", "set_bytes", "rules", "nesting", "list_entries", "string_bytes"):
        for value in (0, -1, 2**63, True, "1"):
            manifest = json.dumps({"limits": {limit: value}})
            assert codes_of({"policy.yaml": manifest, "a.policy": _RULE}) == ["P0522"], (limit, value)


# ----------------------------------------------------------------------------------------------------------- R51, depth


def _condition(text: str) -> dict[str, str]:
    return {"a.policy": f"actions {{ a }}\nallow x on a when {text}\n"}


@pytest.mark.parametrize(("opening", "closing"), [("(", ")"), ("not ", ""), ("not (", ")")])
def test_nesting_has_a_depth(opening: str, closing: str) -> None:
    """64 levels of nesting are read, and not one more, whatever nests."""
    levels = 64 // (2 if opening == "not (" else 1)
    assert codes_of(_condition(opening * (levels - 1) + "key.revoked" + closing * (levels - 1))) == []
    assert codes_of(_condition(opening * (levels + 1) + "key.revoked" + closing * (levels + 1))) == ["P0136"]


_BOMBS = {
    "brackets": "actions { a }\nallow x on a when " + "(" * 500_000,
    "closed brackets": "actions { a }\nallow x on a when " + "(" * 250_000 + "true" + ")" * 250_000,
    "negations": "actions { a }\nallow x on a when " + "not " * 125_000 + "true",
    "minus signs": "actions { a }\nallow x on a when request.weight > " + "-" * 100_000 + "1",
    "a long string": 'actions { a }\nallow x on a when request.symbol == "' + "x" * 1_000_000 + '"',
    "an open string": 'actions { a }\nallow x on a when request.symbol == "' + "x" * 1_000_000,
    "braces": "{" * 500_000,
    "braces after a set": "set s = " + "{" * 500_000,
    "a long sum": "actions { a }\nallow x on a when 0 < request.weight" + " + request.weight" * 30_000,
    "a long conjunction": "actions { a }\nallow x on a when key.revoked" + " and key.revoked" * 50_000,
    "a chain of comparisons": "actions { a }\nallow x on a when 1" + " < 1" * 100_000,
    "one long name": "actions { " + "a" * 1_000_000 + " }",
    "one long path": "actions { a" + ".a" * 400_000 + " }",
    "digits": "actions { a }\nallow x on a when request.weight > " + "9" * 1_000_000,
    "a long duration": "actions { a }\nallow x on a when now - key.created > " + "1h" * 400_000,
    "stars": 'actions { a }\nallow x on a when request.symbol like "' + "*" * 60_000 + '"',
    "escapes": 'actions { a }\nallow x on a when request.symbol == "' + "\\u{41}" * 150_000 + '"',
    "backslashes": 'actions { a }\nallow x on a when request.symbol == "' + "\\" * 500_000 + '"',
    "many declarations": "let a = 1\n" * 80_000,
    "many mistakes": "allow\n" * 150_000,
    "many bad characters": "@" * 500_000,
    "colons": "network n = { " + ":" * 500_000 + " }",
    "points": "actions { a" + "." * 500_000 + " }",
    "comments": "#" * 1_000_000,
    "empty lines": "\n" * 1_000_000,
    "nothing visible": "\u200b" * 300_000,
    "scopes in a row": "scopes { a" + " includes a" * 80_000 + " }",
}

_HARMLESS = {"comments", "empty lines", "a long conjunction", "stars", "one long name", "one long path"}

_CHILD = """
import resource, sys, time
resource.setrlimit(resource.RLIMIT_AS, (512 << 20, 512 << 20))
from tests.security.policies import codes_of
text = sys.stdin.buffer.read().decode()
codes_of({"warm.policy": "actions { a }\\nallow x on a\\n"})
start = time.process_time()
codes = codes_of({"a.policy": text})
sys.stdout.write(f"{time.process_time() - start:.3f} {' '.join(sorted(set(codes)))}")
"""
# Seconds for a whole megabyte of the worst text. On a quiet machine most are refused in a twentieth of this.
_LONGEST = 20.0


@pytest.mark.parametrize("name", _BOMBS)
def test_a_bomb_is_refused_or_read_within_bounds(name: str) -> None:
    """The worst megabyte of text ends in an answer, soon, in half a gigabyte of memory, and without an exception."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", _CHILD], input=_BOMBS[name].encode(), env=environment, capture_output=True, check=False,
        timeout=300,
    )  # fmt: skip
    assert (done.returncode, done.stderr.decode()[-500:]) == (0, "")
    seconds, *codes = done.stdout.decode().split()
    assert float(seconds) < _LONGEST
    assert codes or name in _HARMLESS


# ------------------------------------------------------------------------------------------------------------ R53, JSON

_ACCEPTED = (
    "{}", '{"action": "a"}', '[{"action": "a"}, {}]', ' \t\r\n{"a": null}\n', '{"a": -0}', '{"a": 1e5}',
    '{"a": 1.5E-3}',
    '{"a": 9223372036854775807}', '{"a": -9223372036854775808}', '{"a": "\\u0041\\ud83d\\ude00\\n\\/"}',
    '{"a": "\u00e9\U0001f600"}', '{"": {"": [[], {}]}}', '{"a": true, "b": false, "c": null}', '{"a": "\\u0000"}',
    '{"a": "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["}', "[" * 31 + "{}" + "]" * 31,
)  # fmt: skip
_REFUSED = (
    "", " ", "{", "}", "[", '{"a"}', '{"a":}', '{"a": 1,}', "[1,]", '{"a": 1 "b": 2}', "{'a': 1}", "{a: 1}",
    '{"a": 01}',
    '{"a": +1}', '{"a": .5}', '{"a": 1.}', '{"a": 0x10}', '{"a": 1_000}', '{"a": NaN}', '{"a": Infinity}',
    '{"a": -Infinity}', '{"a": nan}', '{"a": 1e309}', '{"a": -1e400}', '{"a": 12345678901234567890}',
    '{"a": -12345678901234567890}', '{"a": "\x01"}', '{"a": "\n"}', '{"a": "\\x41"}', '{"a": "\\ud800"}',
    '{"a": "\\udc00\\ud800"}', '{"\\ud800": 1}', '{"a": tru}', '{"a": True}', '{"a": None}', '{"a": undefined}',
    '{"a": 1} {"b": 2}', '{"a": 1}x', '{"a": 1} // comment', '{"a": /* */ 1}', '\ufeff{"a": 1}',
    '{"a": 1, "a": 1}', '{"a": 1, "a": 2}', '{"a": {"b": 1, "b": 2}}', '[{"a": 1, "\\u0061": 2}]', '{"a": \u0661}',
    '{"a": 1\u00a0}', "[" * 33 + "]" * 33, '{"a": ' * 33 + "1" + "}" * 33, "[" * 100_000, '{"a":' * 100_000,
    '{"a": "unterminated}', '{"a": "\\u00"}', '{"a": [1}', '{"a": {"b": 1]', "\x00", "{\x00}", "nul",
)  # fmt: skip


@pytest.mark.parametrize("text", _ACCEPTED)
def test_strict_json_is_read(text: str) -> None:
    """What RFC 8259 calls JSON, and all readers understand alike, is read as everybody reads it."""
    assert read_json(text.encode()) == json.loads(text)


@pytest.mark.parametrize("text", _REFUSED, ids=[ascii(text)[:40] for text in _REFUSED])
def test_other_json_is_refused(text: str) -> None:
    """Duplicate keys, numbers that are none, half surrogates, depth and every laxity are refused by name."""
    with pytest.raises(RequestTextError):
        read_json(text.encode())


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "utf-8-sig"])
def test_json_is_utf8(encoding: str) -> None:
    """A request in another encoding, or with a byte order mark, is refused."""
    with pytest.raises(RequestTextError):
        read_json('{"action": "a"}'.encode(encoding))


@pytest.mark.parametrize(
    "data", [b'{"a": "\xff"}', b'{"a": "\xc0\x80"}', b'{"a": "\xed\xa0\x80"}', b'{"a": "\xf4\x90\x80\x80"}']
)
def test_malformed_utf8_is_refused(data: bytes) -> None:
    """Bytes that are no UTF-8 are refused."""
    with pytest.raises(RequestTextError):
        read_json(data)


@pytest.mark.parametrize("text", ["1", "null", "true", '"a"', "[]", "[1]", '[{"a": 1}, null]', "[[{}]]"])
def test_a_request_is_an_object(text: str) -> None:
    """JSON of another shape than a request, or a list of them, is refused."""
    with pytest.raises(RequestTextError):
        read_requests(text.encode())
