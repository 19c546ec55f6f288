"""Keys that stand still."""

from __future__ import annotations

from typing import Any

import pytest

from durwan.credentials.keys import KeySource, StaticKeys


def test_a_key_is_found_by_its_exact_id() -> None:
    """Another id, another case or an empty one has no attributes."""
    keys: KeySource = StaticKeys({"desk-7": {"scopes": ["orders.write"]}})
    assert keys.get("desk-7") == {"scopes": ("orders.write",)}
    assert [keys.get(key_id) for key_id in ("desk-8", "DESK-7", "", "desk-7 ")] == [None] * 4


def test_keys_are_a_copy_that_cannot_be_changed() -> None:
    """Neither what was given nor what is handed out changes a key."""
    scopes = ["orders.read"]
    given: dict[str, dict[str, object]] = {"k": {"scopes": scopes, "labels": {"a"}}}
    keys = StaticKeys(given)
    scopes.append("withdrawals.write")
    given["k"]["revoked"] = False
    given["other"] = {}
    found: Any = keys.get("k")
    assert found == {"scopes": ("orders.read",), "labels": frozenset({"a"})}
    with pytest.raises(TypeError):
        found["revoked"] = False
    with pytest.raises(AttributeError):
        found["scopes"].append("x")
    assert keys.get("other") is None


def test_all_keys_can_be_listed() -> None:
    """With their number; the text form names no key."""
    keys = StaticKeys({"a": {}, "b": {"owner": "bert"}})
    assert dict(keys.items()) == {"a": {}, "b": {"owner": "bert"}}
    assert len(keys) == 2
    assert repr(keys) == "<StaticKeys: 2 keys>"
    assert len(StaticKeys()) == 0
