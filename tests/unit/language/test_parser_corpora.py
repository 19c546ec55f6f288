"""Networks as others write them: what the corpus wants refused is refused, by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from durwan.diagnostics import Source
from durwan.language.parser import parse

ROWS = json.loads((Path(__file__).parents[2] / "corpora" / "cidrs.json").read_text(encoding="utf-8"))

# An address alone is allowed in a list of networks: it is explicit, since a network is written with its prefix.
# White space around an entry is layout of the policy here, never part of the entry.
ALLOWED_HERE = {"10.0.0.0", "10.0.0.0/8 "}

REFUSED = {
    "10.0.0.1/8": ("P0125", "write `10.0.0.0/8`"),
    "10.0.0.0/255.0.0.0": ("P0126", "write `10.0.0.0/8`"),
    "10.0.0.0/0.255.255.255": ("P0126", "write `10.0.0.0/8`"),
    "::ffff:10.0.0.0/104": ("P0127", "write `10.0.0.0/8`"),
    "10/8": ("P0124", "write `10.0.0.0/8`"),
    "10.0.0.0/33": ("P0124", "networks are written as `203.0.113.0/24` or `2001:db8::/32`"),
    "10.0.0.0/-1": ("P0124", "networks are written as `203.0.113.0/24` or `2001:db8::/32`"),
    "10.0.0.0/08": ("P0124", "write `10.0.0.0/8`"),
    "fe80::%eth0/10": ("P0128", "write `fe80::/10`"),
    "": ("P0143", "leave it out, or fill it"),
}


@pytest.mark.parametrize("row", ROWS, ids=[repr(row["input"]) for row in ROWS])
def test_network_of_the_corpus(row: dict[str, str]) -> None:
    """Written in a list of networks, a row compiles or is refused as the corpus says, with the form it should have."""
    text = row["input"]
    module, mistakes = parse(Source("a.policy", f"network n = {{ {text} }}"))
    found = [(each.code, each.help) for each in mistakes]
    if row["expected"].startswith("ok") or text in ALLOWED_HERE:
        assert found == []
        assert len(module.declarations) == 1
    else:
        assert found == [REFUSED[text]]
