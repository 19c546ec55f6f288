"""Requests made easy to read."""

from __future__ import annotations

from typing import Any

from durwan.model import types
from durwan.model.schema import Schema
from durwan.workshop.shrinking import shrink

SCHEMA = Schema(
    actions=frozenset({"pay"}),
    attributes={
        "key.owner": types.String(),
        "key.networks": types.Network(),
        "key.labels": types.SetOf(types.String()),
        "client.ip": types.Address(),
        "request.notional": types.Number(),
        "session.mfa_at": types.Time(),
    },
)
REQUEST: dict[str, Any] = {
    "action": "pay",
    "now": "2026-03-02T09:00:00Z",
    "key": {"owner": "zyx", "networks": ["10.0.0.9", "10.0.0.10"], "labels": ["a", "b"]},
    "client": {"ip": "10.0.0.9"},
    "request": {"notional": "100000.000000000000000001"},
    "session": {"mfa_at": "0001-01-01T00:00:00Z"},
}


def test_what_does_not_matter_is_left_out() -> None:
    """Only the action and the instant are left where nothing else is asked."""
    assert shrink(REQUEST, SCHEMA, lambda _: True) == {"action": "pay", "now": "2026-03-02T09:00:00Z"}


def test_what_is_given_is_never_changed() -> None:
    """The request that was found stays as it is."""
    before = repr(REQUEST)
    shrink(REQUEST, SCHEMA, lambda _: True)
    assert repr(REQUEST) == before


def test_nothing_is_taken_that_is_needed() -> None:
    """A request of which every part is needed stays as it is."""
    assert shrink(REQUEST, SCHEMA, lambda request: request == REQUEST) == REQUEST


def test_members_go_one_by_one() -> None:
    """Of a set only those members stay that are needed."""
    found = shrink(REQUEST, SCHEMA, lambda request: "b" in request.get("key", {}).get("labels", ()))
    assert found["key"] == {"labels": ["b"]}


def test_a_value_that_stands_twice_is_made_plain_in_both_places() -> None:
    """An address that has to be in a list becomes one for documentation, in the list as well."""
    found = shrink(
        REQUEST,
        SCHEMA,
        lambda request: request.get("client", {}).get("ip", "") in request.get("key", {}).get("networks", ()),
    )
    assert found["client"]["ip"] == "198.51.100.7"
    assert found["key"]["networks"] == ["198.51.100.7"]


def test_values_are_plain_where_any_would_do() -> None:
    """Texts tell what they are, amounts are small, times are near the instant of the request."""
    names = ("owner", "notional", "mfa_at")
    found = shrink(REQUEST, SCHEMA, lambda request: all(name in repr(request) for name in names))
    assert found["key"]["owner"] == "some-owner"
    assert found["request"]["notional"] == "0"
    assert found["session"]["mfa_at"] == "2026-03-01T09:00:00Z"


def test_a_bound_is_kept() -> None:
    """A plain value is taken only where it does as well."""
    found = shrink(REQUEST, SCHEMA, lambda request: float(request.get("request", {}).get("notional", 0)) > 50)
    assert found["request"] == {"notional": "100"}
