"""Our own tokens: made, verified, narrowed, revoked."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from durwan.credentials.secret_text import LEAK_PATTERN, is_secret_text, new_secret_text
from durwan.credentials.tokens.opaque import Grant, InvalidGrantError, IssuedToken, OpaqueTokens
from durwan.credentials.tokens.scopes import check_not_exceeded, narrowed
from tests.tokens import NOW, Records, Revoked, accepted, code

SECRET = b"h" * 32
GRANT = Grant(
    subject="trader-9", scopes=frozenset({"orders.read", "orders.write"}), lifetime=60_000, client_id="terminal"
)
INCLUDES = {"wallet.write": ("wallet.write", "wallet.read"), "trade.write": ("trade.write", "trade.read")}


class Bench:
    """Tokens of our own in a memory of their own, and a clock."""

    def __init__(self, **options: Any) -> None:
        self.now = NOW
        self.records = Records()
        self.revoked = Revoked()
        settings: dict[str, Any] = {
            "issuer": "durwan",
            "audience": "gateway",
            "hashing_secret": SECRET,
            "clock": lambda: self.now,
            "revoked": self.revoked,
            **options,
        }
        self.tokens = OpaqueTokens(
            self.records,
            **settings,
        )

    def code(self, text: str | bytes) -> str:
        return code(self.tokens.verify(text))


def test_a_token_is_what_was_granted() -> None:
    """What was granted is what is verified, until the very millisecond at which it ends."""
    bench = Bench()
    issued = bench.tokens.issue(GRANT)
    assert accepted(bench.tokens.verify(issued.text)) == issued.token
    assert issued.token.context() == {
        "issuer": "durwan",
        "subject": "trader-9",
        "kind": "bearer",
        "audience": ["gateway"],
        "scopes": ["orders.read", "orders.write"],
        "issued": NOW,
        "expires": NOW + 60_000,
    }
    bench.now += 59_999
    assert bench.code(issued.text.encode()) == "accepted"
    bench.now += 1
    assert bench.code(issued.text) in ("token_invalid", "token_expired")


def test_a_record_that_is_kept_too_long_is_no_token() -> None:
    """The end of a token does not depend on when the store forgets it."""
    bench = Bench()
    issued = bench.tokens.issue(GRANT)
    value, _ = bench.records.kept.popitem()[1]
    bench.records.kept[issued.token.revocation_ids[0]] = (value, NOW * 2)
    bench.now += 60_000
    assert bench.code(issued.text) == "token_expired"


def test_the_store_holds_no_token() -> None:
    """What is kept is found by a keyed hash: the store alone is of no use, nor is another secret."""
    bench = Bench()
    issued = bench.tokens.issue(GRANT)
    assert issued.text not in repr(bench.records.kept)
    assert issued.text[9:] not in repr(bench.records.kept)
    other = Bench(hashing_secret=b"i" * 32)
    other.records.kept = bench.records.kept
    assert other.code(issued.text) == "token_invalid"


def test_the_text_of_a_token() -> None:
    """It says what it is and for which world, is never the same twice, and has a check that finds slips."""
    texts = {new_secret_text("dwt", "production") for _ in range(2000)}
    assert len(texts) == 2000
    assert all(is_secret_text(text, "dwt") and text.startswith("dwt_live_") and len(text) == 58 for text in texts)
    assert new_secret_text("dwt", "sandbox").startswith("dwt_test_")
    text = texts.pop()
    assert re.search(LEAK_PATTERN, f"token={text};")
    for spoilt in (
        text[:-1],
        text + "a",
        text.replace("live", "test"),
        text[:20] + ("b" if text[20] == "a" else "a") + text[21:],
        "",
        "é",
    ):
        assert not is_secret_text(spoilt, "dwt")
        assert Bench().code(spoilt) == "token_malformed"


def test_what_was_never_a_token_costs_no_question() -> None:
    """A text without the right check does not reach the store; one with it that nobody made is unknown."""
    bench = Bench()
    bench.records.broken = True
    assert bench.code("dwt_live_" + "a" * 49) == "token_malformed"
    bench.records.broken = False
    assert bench.code(new_secret_text("dwt", "production")) == "token_invalid"


def test_a_revoked_token_is_none_and_neither_is_what_came_of_it() -> None:
    """Revoking a token ends those made from it, at every depth, and leaves the one that it was made from."""
    bench = Bench()
    texts = [bench.tokens.issue(GRANT).text]
    for _ in range(3):
        child = bench.tokens.narrow(texts[-1], {"orders.read"}, lifetime=60_000)
        assert isinstance(child, IssuedToken)
        texts.append(child.text)
    assert [bench.code(each) for each in texts] == ["accepted"] * 4
    bench.tokens.revoke(texts[1])
    assert [bench.code(each) for each in texts] == ["accepted", "token_invalid", "token_invalid", "token_invalid"]
    bench.tokens.revoke(texts[1])
    bench.tokens.revoke("no token of ours")


def test_a_revocation_told_elsewhere_counts() -> None:
    """A token is revoked by its own id or by that of one it was made from; where nobody can say, it is refused."""
    bench = Bench()
    parent = bench.tokens.issue(GRANT)
    child = bench.tokens.narrow(parent.text, {"orders.read"}, lifetime=60_000)
    assert isinstance(child, IssuedToken)
    bench.revoked.ids.add(parent.token.revocation_ids[0])
    assert [bench.code(each.text) for each in (parent, child)] == ["token_revoked", "token_revoked"]
    assert code(bench.tokens.narrow(parent.text, {"orders.read"}, lifetime=60_000)) == "token_revoked"
    bench.revoked.broken = True
    assert bench.code(parent.text) == "state_unavailable"


def test_a_token_made_from_another_is_never_more() -> None:
    """It has no more scopes, no later end, the same key; a chain of them has an end."""
    bench = Bench()
    parent = bench.tokens.issue(
        Grant(subject="s", scopes=frozenset({"wallet.write"}), lifetime=60_000, thumbprint="A" * 43)
    )
    child = bench.tokens.narrow(parent.text, {"wallet.read"}, lifetime=90_000, includes=INCLUDES)
    assert isinstance(child, IssuedToken)
    assert child.token.scopes == {"wallet.read"}
    assert child.token.expires == parent.token.expires
    assert (child.token.kind, child.token.thumbprint) == ("dpop", "A" * 43)
    assert code(bench.tokens.narrow(child.text, {"wallet.write"}, lifetime=1, includes=INCLUDES)) == "scope_exceeded"
    assert code(bench.tokens.narrow(parent.text, {"orders.read"}, lifetime=1)) == "scope_exceeded"
    assert code(bench.tokens.narrow(parent.text, {"wallet.write"}, lifetime=0)) == "scope_exceeded"
    assert code(bench.tokens.narrow("x", set(), lifetime=1)) == "token_malformed"
    text = parent.text
    made = 0
    while isinstance(found := bench.tokens.narrow(text, {"wallet.write"}, lifetime=1000), IssuedToken):
        text, made = found.text, made + 1
    assert made == 4


def test_a_store_that_fails_denies() -> None:
    """Whatever the store raises, and whatever it holds, is no token."""
    bench = Bench()
    issued = bench.tokens.issue(GRANT)
    for value in (b"", b"[]", b"{}", b'{"ancestors": []}', b"\xff"):
        bench.records.kept[issued.token.revocation_ids[0]] = (value, NOW * 2)
        assert bench.code(issued.text) == "state_unavailable"
    bench.records.broken = True
    assert bench.code(issued.text) == "state_unavailable"
    assert code(asyncio.run(bench.tokens.verify_async(issued.text))) == "state_unavailable"
    assert code(bench.tokens.narrow(issued.text, {"orders.read"}, lifetime=1)) == "state_unavailable"
    with pytest.raises(OSError, match="gone"):
        bench.tokens.issue(GRANT)
    with pytest.raises(OSError, match="gone"):
        bench.tokens.revoke(issued.text)


def test_what_makes_no_sense_is_refused() -> None:
    """A short secret, no issuer, and lives that are too long or none."""
    for options in ({"hashing_secret": b"h" * 31}, {"issuer": ""}, {"audience": ""}):
        with pytest.raises(InvalidGrantError):
            Bench(**options)
    for lifetime in (0, -1, 24 * 3_600_000 + 1):
        with pytest.raises(InvalidGrantError):
            Bench().tokens.issue(Grant(subject="s", scopes=frozenset(), lifetime=lifetime))


# -------------------------------------------------------------------------------------------------------------- scopes


def test_a_key_that_may_read_narrows_a_token_that_would_write() -> None:
    """AS-32: who asks for `wallet.write` and may have `wallet.read` gets just that, as at Deribit."""
    assert narrowed({"wallet.write"}, {"wallet.read"}, INCLUDES) == {"wallet.read"}
    assert narrowed({"wallet.read"}, {"wallet.write"}, INCLUDES) == {"wallet.read"}
    assert narrowed({"wallet.write"}, {"trade.write"}, INCLUDES) == frozenset()
    assert narrowed({"wallet.write"}, {"wallet.read"}) == frozenset()


def test_nobody_hands_on_more_than_they_have() -> None:
    """AS-33: a token for `account.read` and `trade.read` makes no key for `trade.write`; one for `trade.write` does."""
    asked = {"trade.write"}
    refusal = check_not_exceeded(asked, {"account.read", "trade.read"}, INCLUDES)
    assert refusal is not None
    assert (refusal.status, refusal.code) == (403, "scope_exceeded")
    assert check_not_exceeded({"trade.read"}, asked, INCLUDES) is None
    assert check_not_exceeded(set(), set()) is None
