"""What is written of a decision."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from hashlib import sha256
from typing import Any

import pytest

from durwan import Engine
from durwan.audit.entry import Chain, read_line
from durwan.audit.masking import Masking, MaskingError, read_masking_key
from durwan.audit.plain import MOST_BYTES, PlainForm
from durwan.credentials.secret import Secret
from durwan.credentials.secret_text import new_secret_text
from durwan.model.values import StringSet
from tests.audit_logs import CONTEXTS, NOW, record


def written(contexts: Mapping[str, Any], masking: Masking | None = None, **fields: Any) -> dict[str, Any]:
    """What a line holds of a record, after it was read again."""
    plain = PlainForm(masking or Masking()).of(record("x", contexts=contexts, **fields))
    entry = read_line(Chain().line("decision", plain, 0))
    assert entry is not None
    return entry.record


def value(given: object) -> Any:
    """What is written of one attribute."""
    return written({"request": {"it": given}})["contexts"]["request"]["it"]


def test_a_record_is_written_whole() -> None:
    """Every field, and every context."""
    assert written(CONTEXTS) == {
        "action": "orders.create", "address": "203.0.113.9", "because": ["risk.score"], "code": "risk_too_high",
        "contexts": CONTEXTS, "decision_id": "x", "effect": "deny", "key": "desk-7", "method": "POST",
        "path": "/v1/orders", "revision": "ab" * 32, "rule": "risky", "session": None, "shadows": [], "status": 403,
        "subject": None, "time": NOW, "unknowns": [],
    }  # fmt: skip


def test_what_a_request_has_beside_its_contexts_stands_once() -> None:
    """The action and the instant have fields of their own; a key may be an id."""
    found = written({"action": "orders.create", "now": NOW, "key": "desk-7"})
    assert found["contexts"] == {"key": "desk-7"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, None), (True, True), (0, 0), (-(2**63), -(2**63)), (2**63, str(2**63)), (1.5, 1.5), ("", ""), ("ä", "ä"),
        (Decimal("2500.00"), "2500.00"), (Decimal("1E+3"), "1000"), (Decimal("NaN"), "NaN"),
        ((1, "a"), [1, "a"]), ({"b", "a"}, ["a", "b"]), (StringSet({"b", "a"}), ["a", "b"]),
        ({"a": {"b": [1]}}, {"a": {"b": [1]}}),
        (datetime(2026, 3, 2, 9, tzinfo=UTC), "2026-03-02T09:00:00Z"),
        (datetime(2026, 3, 2, 9, tzinfo=timezone(timedelta(hours=1))), "2026-03-02T08:00:00Z"),
        (timedelta(minutes=90), "1h30m"),
        (float("nan"), {"$odd": "nan"}), (float("-inf"), {"$odd": "-inf"}), (10**200, {"$odd": "int"}),
        (datetime(2026, 3, 2, 9), {"$odd": "datetime"}), (timedelta(microseconds=1), {"$odd": "timedelta"}),  # noqa: DTZ001
        (b"abc", {"$odd": "bytes"}), (object(), {"$odd": "object"}), (Secret(b"canary"), {"$secret": True}),
        ({"$cut": "forged"}, {"$$cut": "forged"}), ({1: 2}, {"$name int": 2}),
        ("\ud83d\ude00", "😀"), ("\ud800", "\ud800"),
    ],
)  # fmt: skip
def test_values_are_written_so(given: object, expected: object) -> None:
    """What a policy would read is written as it would read it; the rest as what it finds unknown."""
    found = value(given)
    assert found == expected
    assert type(found) is type(expected)


def test_a_long_text_is_cut_and_can_be_recognised() -> None:
    """At a kilobyte, between characters; its length and hash tell which text it was."""
    text = "ä" * 600
    found = value(text)
    assert found == {"$cut": "ä" * 512, "length": 600, "sha256": sha256(text.encode()).hexdigest()}
    assert value("x" * MOST_BYTES) == "x" * MOST_BYTES
    assert value("x" * (MOST_BYTES + 1))["length"] == MOST_BYTES + 1
    assert value("\ud800" * 500)["$cut"] == "\ud800" * 341
    assert written({}, path="/" + "x" * 2000)["path"]["length"] == 2001


def test_what_is_deep_or_much_is_bounded() -> None:
    """However a request nests or repeats, a line stays within bounds."""
    nested: Any = "deep"
    for _ in range(10_000):
        nested = [nested]
    assert "$more" in json.dumps(value(nested))
    assert value(list(range(1000)))[256:] == [{"$more": 744}]
    assert len(value({f"n{each}": 1 for each in range(1000)})) == 257
    wide = {f"c{each}": {f"n{other}": "x" * 256 for other in range(300)} for each in range(100)}
    line = Chain().line("decision", PlainForm(Masking()).of(record("x", contexts=wide)), 0)
    assert len(line) < 1 << 20
    contexts: dict[str, Any] = written(wide)["contexts"]
    assert sum(len(each) for name, each in contexts.items() if name != "$more") < 2400


class _Hostile(dict[str, Any]):
    def items(self) -> Any:
        raise RuntimeError("not for you")

    def __str__(self) -> str:
        raise RuntimeError("nor this")

    __repr__ = __str__


class _Text(str):
    __slots__ = ()

    def __len__(self) -> int:
        raise RuntimeError


class _Foreign(Mapping[str, Any]):
    def __init__(self, problem: bool) -> None:
        self._problem = problem

    def __getitem__(self, name: str) -> Any:
        return 1

    def __iter__(self) -> Iterator[str]:
        if self._problem:
            raise RuntimeError
        return iter(["a", "b"])

    def __len__(self) -> int:
        return 2


def test_nothing_that_a_request_holds_raises() -> None:
    """Foreign classes are odd; a foreign mapping is read if it can be."""
    assert value(_Hostile(a=1)) == {"$odd": "_Hostile"}
    assert value(_Text("text")) == {"$odd": "_Text"}
    assert written({"request": _Foreign(False)})["contexts"]["request"] == {"a": 1, "b": 1}
    assert written({"request": _Foreign(True)})["contexts"]["request"] == {"$odd": "_Foreign"}
    assert written(_Foreign(True))["$odd"] == "RuntimeError"
    assert written(_Foreign(True))["decision_id"] == "x"


def test_a_value_that_cannot_be_written_leaves_a_line() -> None:
    """What should not come about is recorded as such."""
    entry = read_line(Chain().line("decision", {"it": object()}, 0))
    assert entry is not None
    assert entry.record == {"$odd": "TypeError"}


def test_a_record_shares_nothing_with_the_request() -> None:
    """What is changed after it was handed over is recorded as it was."""
    scopes = ["orders.read"]
    request = {"key": {"scopes": scopes}}
    plain = PlainForm(Masking()).of(record("x", contexts=request))
    scopes.append("orders.write")
    request["key"]["more"] = []
    assert plain["contexts"] == {"key": {"scopes": ["orders.read"]}}


def test_our_secrets_are_never_written() -> None:
    """A text that holds one, as a value, within one, as a name, or as a field."""
    secret = new_secret_text("dwk", "production")
    found = written(
        {"request": {"a": secret, "b": [f"Bearer {secret}"], secret: 1, "c": {secret: 2}}}, path=f"/{secret}"
    )
    assert secret not in json.dumps(found)
    assert found["path"] == {"$secret": True}
    assert found["contexts"]["request"]["b"] == [{"$secret": True}]
    assert value("dwarf") == "dwarf"


def test_what_is_called_a_secret_is_never_written() -> None:
    """Whatever is in it, and however deep it is."""
    names = ["password", "Password", "csrf_token", "totp", "secret", "api_key"]
    found = json.dumps(written({"request": {**dict.fromkeys(names, "canary"), "a": [{"b": {"pin": "canary"}}]}}))
    assert "canary" not in found
    kept = {"spinning": 1, "tokens": 2, "secret_rotated": 3}
    assert written({"request": kept})["contexts"]["request"] == kept


# -------------------------------------------------------------------------------------------------------------- masking

KEY = Secret(b"sixteen bytes or more")


def test_attributes_are_masked_or_hashed() -> None:
    """By name or by context; equal values have equal hashes, under one key."""
    masking = Masking(mask=["risk.*", "request.symbol"], hashed=["client.country"], key=KEY)
    contexts = written(CONTEXTS, masking)["contexts"]
    assert contexts["risk"] == {"score": {"$masked": ""}, "as_of": {"$masked": ""}}
    assert contexts["request"] == {"symbol": {"$masked": ""}, "notional": "2500.00"}
    (digest,) = contexts["client"]["country"].values()
    assert len(digest) == 32
    again = written({"client": {"country": "DE"}}, masking)["contexts"]["client"]["country"]
    other = Masking(hashed=["client.country"], key=Secret(b"another key of length"))
    assert again == {"$masked": digest}
    assert written(CONTEXTS, other)["contexts"]["client"]["country"] != again


@pytest.mark.parametrize("name", ["address", "client.ip", "client.*"])
def test_what_says_the_same_is_masked_with_it(name: str) -> None:
    """The field with the attribute, and the attribute with the field."""
    text = json.dumps(written(CONTEXTS, Masking(mask=[name])))
    assert "203.0.113.9" not in text
    text = json.dumps(written({"key": "desk-7"}, Masking(mask=["key.id"])))
    assert "desk-7" not in text
    found = written(CONTEXTS, Masking(hashed=[name], key=KEY))
    assert found["address"] == found["contexts"]["client"]["ip"]


def test_what_cannot_be_masked_is_said() -> None:
    """At the start, and not at the first request."""
    with pytest.raises(MaskingError, match="need a key"):
        Masking(hashed=["client.ip"])
    with pytest.raises(MaskingError, match="shorter than 16"):
        Masking(key=Secret(b"short"))
    for bad in ("", "a.b.c", "*", "client.", "a b"):
        with pytest.raises(MaskingError, match="names nothing to mask"):
            Masking(mask=[bad])


def test_the_key_is_in_a_file_of_its_owner(tmp_path: Any) -> None:
    """Read without the line break at its end."""
    path = tmp_path / "key"
    path.write_bytes(b"sixteen bytes or more\n")
    path.chmod(0o600)
    assert read_masking_key(path) == KEY
    path.write_bytes(b"short\n")
    with pytest.raises(MaskingError, match="shorter than 16"):
        read_masking_key(path)


def test_what_was_not_written_as_it_is_is_unknown_to_a_policy() -> None:
    """A recorded decision that is decided again never takes a mask for a value."""
    source = """
        actions { orders.create }
        context request { symbol: string }
        deny a on orders.create when request.symbol == "x"
        allow b on orders.create
    """
    engine = Engine.from_sources({"a.policy": source})
    for given in ("x" * 5000, Secret(b"x"), object()):
        contexts = written({"request": {"symbol": given}})["contexts"]
        assert engine.decide({"action": "orders.create", **contexts}).unknowns == ("request.symbol",)
