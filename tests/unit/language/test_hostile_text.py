"""Text made to hurt: each is refused by name, quickly, in little memory, without a traceback."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

_MEBIBYTE = 1 << 20

# An expression that makes the text, and the codes that it is refused with (none: it is fine).
HOSTILE: dict[str, tuple[str, list[str]]] = {
    "parentheses": ("'let a = ' + '(' * 65 + 'b' + ')' * 65", ["P0136"]),
    "nots": ("'let a = ' + 'not ' * 65 + 'b'", ["P0136"]),
    "nots in parentheses": ("'let a = ' + '(not ' * 33 + 'b' + ')' * 33", ["P0136"]),
    "signs": ("'let a = ' + '-' * 100_000", ["P0131"]),
    "signs after a name": ("'let a = b ' + '-' * 100_000", ["P0131"]),
    "sums": ("'let a = b' + ' + b' * 100_000", ["P0136"]),
    "braces": ("'let a = b in ' + '{' * (MEBIBYTE - 100)", ["P0131"]),
    "all parentheses": ("'let a = ' + '(' * (MEBIBYTE - 100)", ["P0136"]),
    "closing": ("')' * MEBIBYTE", ["P0131"]),
    "long string": ("'let a = \"' + 'x' * (MEBIBYTE - 20) + '\"'", ["P0112"]),
    "long string of escapes": ("'let a = \"' + '\\\\\\\\' * (MEBIBYTE // 2 - 20) + '\"'", ["P0112"]),
    "open string": ("'let a = \"' + 'x' * (MEBIBYTE - 20)", ["P0109"]),
    "quotes": ("'\"' * MEBIBYTE", ["P0131"]),
    "empty lines": ("'\\n' * MEBIBYTE", []),
    "white space": ("' ' * (MEBIBYTE - 1) + '\\t'", []),
    "comments": ("'#\\n' * (MEBIBYTE // 2)", []),
    "a million lines": ("'deny x\\n' * 1_000_000", ["P0102"]),
    "semicolons": ("';' * MEBIBYTE", ["P0105"]),
    "semicolons apart": ("'; ' * (MEBIBYTE // 2)", ["P0105"]),
    "words": ("'a ' * (MEBIBYTE // 2)", ["P0131"]),
    "one word": ("'a' * MEBIBYTE", ["P0131"]),
    "one path": ("'let a = ' + 'a.' * (MEBIBYTE // 2 - 20)", ["P0105"]),
    "digits": ("'let a = ' + '1' * (MEBIBYTE - 20)", ["P0114"]),
    "digits of another script": ("'let a = ' + '\\u0661' * 500_000", ["P0113"]),
    "negative digits": ("'let a = -' + '1' * (MEBIBYTE - 20)", ["P0114"]),
    "fraction": ("'let a = 0.' + '1' * (MEBIBYTE - 20)", ["P0115"]),
    "points": ("'let a = ' + '1.' * (MEBIBYTE // 2 - 20)", ["P0123"]),
    "colons": ("'let a = ' + ':' * (MEBIBYTE - 20)", ["P0123"]),
    "prefix": ("'network a = { 10.0.0.0/' + '1' * (MEBIBYTE - 40) + ' }'", ["P0124"]),
    "duration": ("'let a = ' + '1h' * (MEBIBYTE // 2 - 20)", ["P0117"]),
    "instant": ("'let a = now < 2026-12-24T00:00:00.' + '1' * (MEBIBYTE - 50) + 'Z'", ["P0118"]),
    "sets of sets": ("'context a { b : ' + 'set of ' * 140_000 + 'int }'", ["P0131"]),
    "slashes": ("'let a = ' + '/' * (MEBIBYTE - 20)", ["P0105"]),
    "carriage returns": ("'\\r' * 1_000", ["P0103"] * 1_000),
    "controls": ("'\\x01' * MEBIBYTE", ["P0103"] * 1_000 + ["P0104"]),
    "directions": ("'\\u202e' * 300_000", ["P0103"] * 1_000 + ["P0104"]),
    "open braces on lines": ("'context a {\\n' * 80_000", ["P0135"] * 1_000 + ["P0104"]),
    "bad networks": ("'network a = {' + '1.2.3.4/8,' * 100_000 + '}'", ["P0125"] * 1_000 + ["P0104"]),
    "includes": ("'scopes { a ' + 'includes b ' * 9_000 + '}'", ["P0147"] * 1_000 + ["P0104"]),
}

_CHILD = f"""
import json, resource, sys, time
resource.setrlimit(resource.RLIMIT_AS, (512 << 20, 512 << 20))
from durwan.diagnostics import Source
from durwan.language.parser import TextLimits, decode, parse
from durwan.language.grammar import tables
tables()
sys.setrecursionlimit(300)
MEBIBYTE = {_MEBIBYTE}
results = {{}}
for name, text in json.loads(sys.stdin.read()).items():
    content = eval(text).encode()
    began = time.process_time()
    source, mistakes = decode("a.policy", content, TextLimits())
    if source is not None:
        mistakes = parse(source)[1]
    results[name] = [time.process_time() - began, [each.code for each in mistakes]]
print(json.dumps(results))
"""


@pytest.fixture(scope="module")
def results() -> dict[str, tuple[float, list[str]]]:
    """All of them in one child process with 512 MiB of address space and few stack frames to spare."""
    texts = json.dumps({name: text for name, (text, _) in HOSTILE.items()})
    child = subprocess.run([sys.executable, "-c", _CHILD], input=texts, capture_output=True, text=True, check=False)
    assert child.returncode == 0, child.stderr
    return {name: (seconds, codes) for name, (seconds, codes) in json.loads(child.stdout).items()}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_refused_by_name(name: str, results: dict[str, tuple[float, list[str]]]) -> None:
    """Each has its named mistakes, in less than a second of processor time."""
    seconds, codes = results[name]
    assert codes == HOSTILE[name][1]
    assert seconds < 1
