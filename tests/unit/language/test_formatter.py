"""The canonical layout, form by form."""

from __future__ import annotations

from pathlib import Path

import pytest

from durwan.diagnostics import Source
from durwan.language.formatter import format_text
from durwan.language.layout import WIDTH
from durwan.language.parser import parse
from tests.meaning import comments_of, meaning

ROOT = Path(__file__).parents[3]
POLICIES = [*sorted((ROOT / "policies").glob("*.policy")), ROOT / "engine/durwan/language/prelude.policy"]

TASTE = """\
# withdrawals.policy

context risk {
  score      : int 0..100
  as_of      : time
  new_device : bool
}

network office     = { 203.0.113.0/24, 2001:db8:10::/48 }
network tor_exits  from "lists/tor.txt"
set     sanctioned from "lists/sanctioned_addresses.txt"
set     treasury   = { "alice", "bob", "carol" }
window  desk_hours = mon..fri 08:00..18:00 "Europe/London"

let fresh_risk = now - risk.as_of <= 30s

deny sanctioned_address
  on withdrawals.create
  when request.address in sanctioned
  respond 403 address_sanctioned

deny risky
  on withdrawals.create, orders.create
  when risk.score >= 90 or not fresh_risk
  because "the account's risk score does not permit this now"
  respond 403 risk_block

challenge recent_mfa
  on withdrawals.*
  when now - session.mfa_at > 5m
  require mfa within 5m

challenge large_withdrawal
  on withdrawals.create
  when request.notional > 100_000
  unless approvals.by has at least 2 of treasury
  require approvals 2 of treasury

allow withdraw
  on withdrawals.create
  when key.scopes has withdrawals.write
   and client.ip in key.networks
   and key.environment == gateway.environment
   and now in desk_hours

limit order_rate
  on orders.create, orders.cancel
  to 100 per 10s
  cost request.weight default 1
  per key.account

invariant read_only_keys_never_withdraw
  never allow on withdrawals.create
  when not (key.scopes has withdrawals.write)
"""


def formatted(text: str) -> str:
    """The layout of a text, after the properties that every layout has."""
    before, mistakes = parse(Source("a.policy", text))
    assert mistakes == []
    once = format_text(Source("a.policy", text))
    after, mistakes = parse(Source("a.policy", once))
    assert mistakes == []
    assert meaning(after.declarations) == meaning(before.declarations)
    assert comments_of(once) == comments_of(text)
    assert format_text(Source("a.policy", once)) == once
    return once


def test_example_of_the_language_page_is_laid_out_already() -> None:
    """The taste of the language, section 2, is what the formatter makes of it."""
    assert formatted(TASTE) == TASTE


def test_layout_does_not_depend_on_line_breaks() -> None:
    """The same text on one line comes out the same, but for the blank lines, which are the author's."""
    rules = TASTE[TASTE.index("deny sanctioned") :]
    assert formatted(" ".join(rules.split())) == rules


@pytest.mark.parametrize("path", POLICIES, ids=[path.name for path in POLICIES])
def test_reference_policies(path: Path) -> None:
    """The reference policies keep their meaning and comments; code lines keep to the width."""
    for line in formatted(path.read_text(encoding="utf-8")).splitlines():
        code, _, _ = line.partition("#")
        assert len(code.rstrip()) <= WIDTH or '"' in code


LONG = "a_condition_with_a_rather_long_name"

LAYOUTS = {
    "spaces": ("let   a=b+-5*(c  -d)", "let a = b + -5 * (c - d)\n"),
    "ranges": (
        'context a{b:int 0 .. 5 c:decimal -1.5 .. 2}window w=mon .. fri 08:00 .. 09:00 "x"'.replace("'", '"'),
        'context a {\n  b : int 0..5\n  c : decimal -1.5..2\n}\n\nwindow w = mon..fri 08:00..09:00 "x"\n',
    ),
    "empty blocks": ("context a {\n}\nactions{\n\n}scopes{}", "context a { }\n\nactions { }\n\nscopes { }\n"),
    "empty braces": ("let a = b in {}", "let a = b in { }\n"),
    "names that share a type": (
        "context a { b c d:string\n\n\ne:bool }",
        "context a {\n  b c d : string\n\n  e     : bool\n}\n",
    ),
    "comments behind attributes": (
        "context a { b : string # one\nlonger : int # two\n}",
        "context a {\n  b      : string  # one\n  longer : int     # two\n}\n",
    ),
    "comments inside a block": (
        "context a { # first\n\n# above b\nb : int\n\n# alone\n\n# last\n}",
        "context a {  # first\n  # above b\n  b : int\n\n  # alone\n\n  # last\n}\n",
    ),
    "actions on one line": ("actions { a.b, c.d\te }", "actions { a.b c.d e }\n"),
    "actions on lines": (
        "actions { a.b, c.d\n\n# more\ne f\n}",
        "actions {\n  a.b  c.d\n\n  # more\n  e  f\n}\n",
    ),
    "scopes": (
        "scopes { a, b includes a c.long includes a,b\n}",
        "scopes {\n  a\n  b       includes a\n  c.long  includes a, b\n}\n",
    ),
    "scopes on one line": ("scopes { a  b includes a }", "scopes { a  b includes a }\n"),
    "definitions in columns": (
        'set a = { "x" }\nnetwork bcd from "f"\nlet e = f\n\nlet ghi = j\nwindow k = "UTC"',
        'set     a   = { "x" }\nnetwork bcd from "f"\nlet     e   = f\n\nlet    ghi = j\nwindow k   = "UTC"\n',
    ),
    "vertical where it is too long": (
        "set a = { " + ", ".join(f'"{"x" * 30}{at}"' for at in range(4)) + " }",
        "set a = {\n" + "".join(f'  "{"x" * 30}{at}",\n' for at in range(4)) + "}\n",
    ),
    "vertical where a comma ends the list": ('set a = { "x", "y", }', 'set a = {\n  "x",\n  "y",\n}\n'),
    "comments in a list": (
        'set a = { "x" # one\n, # two\n"y" # three\n# four\n}',
        'set a = {\n  "x",  # one\n  # two\n  "y",  # three\n  # four\n}\n',
    ),
    "and, or": (
        f"deny a when {LONG} and {LONG} and {LONG} unless {LONG} or {LONG} or {LONG}",
        f"deny a\n  when {LONG}\n   and {LONG}\n   and {LONG}\n  unless {LONG}\n      or {LONG}\n      or {LONG}\n",
    ),
    "and in or": (
        f"deny a when {LONG} and b or {LONG} and {LONG} and {LONG}",
        f"deny a\n  when {LONG} and b\n    or {LONG}\n       and {LONG}\n       and {LONG}\n",
    ),
    "in parentheses": (
        f"deny a when b and not ({LONG} or {LONG} or {LONG})",
        f"deny a\n  when b\n   and not ({LONG}\n            or {LONG}\n            or {LONG})\n",
    ),
    "let": (
        f"let a = {LONG} or {LONG} and {LONG}",
        f"let a =\n  {LONG}\n  or {LONG} and {LONG}\n",
    ),
    "list in a condition": (
        f'deny a when b in {{ "{LONG}", "{LONG}", "{LONG}" }} and c',
        f'deny a\n  when b in {{\n    "{LONG}",\n    "{LONG}",\n    "{LONG}",\n  }}\n   and c\n',
    ),
    "actions of a rule": (
        f"allow a on {LONG}.a, {LONG}.b, {LONG}.c",
        f"allow a\n  on {LONG}.a, {LONG}.b,\n     {LONG}.c\n",
    ),
    "window": (
        (
            'window a = mon,tue 08:00..18:00 "Europe/London", sat "UTC", calendar "XNYS" pre 30m except '
            'dates 2030-12-24..2030-12-26 "UTC", sun "UTC"'
        ),
        (
            'window a =\n  mon, tue 08:00..18:00 "Europe/London",\n  sat "UTC",\n  calendar "XNYS" pre 30m\n'
            '  except dates 2030-12-24..2030-12-26 "UTC",\n         sun "UTC"\n'
        ),
    ),
    "obligations": (
        f'allow a on b with {{ c : 1,{LONG}: "{LONG}", {LONG}_2: true }}',
        f'allow a\n  on b\n  with {{\n    c: 1,\n    {LONG}: "{LONG}",\n    {LONG}_2: true,\n  }}\n',
    ),
    "comments between words": (
        "deny # one\na # two\non b, # three\nc when d # four\n# five\nand e",
        "deny  # one\n    a  # two\n  on b,  # three\n     c\n  when d  # four\n   # five\n   and e\n",
    ),
    "comments around declarations": (
        "\n\n# head\n\n\n\n# above a\nlet a = b # behind a\n# above c\ndeny c\n# above d\ndeny d\n\n\n# foot\n\n",
        "# head\n\n# above a\nlet a = b  # behind a\n\n# above c\ndeny c\n\n# above d\ndeny d\n\n# foot\n",
    ),
    "only comments": ("# a  \n\n\n#b", "# a\n\n#b\n"),
    "nothing": (" \n\n", ""),
    "line ends of windows": ("# a\r\nlet b = c # d\r\n", "# a\nlet b = c  # d\n"),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layout(name: str) -> None:
    """Each form has one layout."""
    text, expected = LAYOUTS[name]
    assert formatted(text) == expected


def test_text_with_a_mistake_is_not_formatted() -> None:
    """The formatter never guesses: text that does not parse is refused."""
    for text in ("let a =", "let a = b c", "deny {"):
        with pytest.raises(ValueError, match="cannot be formatted"):
            format_text(Source("a.policy", text))
