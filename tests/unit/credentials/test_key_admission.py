"""Which keys are refused when they are to be made, and with which reason."""

from __future__ import annotations

from typing import Any

import pytest

from durwan.credentials.key_admission import KeyDemands, objections_to
from durwan.credentials.key_hygiene import ScopeRoles, roles_by_name
from durwan.credentials.key_rules import KeyRules
from tests.key_rings import NOW, SCOPES

ROLES = roles_by_name(SCOPES)
DAY = 86_400_000


def codes(demands: KeyDemands | None = None, roles: ScopeRoles = ROLES, **attributes: Any) -> list[str]:
    """The codes of all that is against a key with these attributes."""
    rules = KeyRules(("tier",), SCOPES if roles.includes is not None else None)
    record = {"id": "desk-7", **attributes}
    return [each.code for each in objections_to(record, rules, roles, demands or KeyDemands(), NOW)]


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"scopes": ["orders.write"], "networks": ["203.0.113.0/24", "2001:db8::/32"], "tier": 2},
        {"scopes": ["withdrawals.write"], "networks": ["203.0.113.77"]},
        {"networks": [f"203.0.113.{number}" for number in range(20)]},
        {"not_before": "2026-03-03T00:00:00Z", "expires": "2026-03-03T00:00:00.001Z"},
        {"expires": "2026-03-02T09:00:00.001Z"},
        {"networks": ["10.0.0.0/8"]},
    ],
)
def test_good_keys_are_made(attributes: dict[str, Any]) -> None:
    """Nothing is against them."""
    assert codes(**attributes) == []


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"scopes": ["withdrawals.write"]}, ["ip_binding_required"]),
        ({"scopes": ["withdrawals.write"], "networks": []}, ["ip_binding_required"]),
        ({"scopes": ["withdrawals.write", "orders.write"], "networks": ["203.0.113.7"]}, ["key_not_segregated"]),
        ({"scopes": ["orders.wirte"]}, ["scope_unknown"]),
        ({"scopes": ["orders.write", "orders.write"]}, ["scope_repeated"]),
        ({"expires": "2026-03-02T09:00:00Z"}, ["already_expired"]),
        ({"expires": "2026-03-04T00:00:00Z", "not_before": "2026-03-04T00:00:00Z"}, ["never_valid"]),
        ({"expires": "tomorrow"}, ["time_invalid"]),
        ({"created": "2026-03-02T09:00:00.001Z"}, ["created_ahead"]),
        ({"networks": ["203.0.113.7/24"]}, ["network_host_bits"]),
        ({"networks": ["203.0.113"]}, ["network_invalid"]),
        ({"networks": ["example.com"]}, ["network_invalid"]),
        ({"networks": ["0.0.0.0/0"]}, ["network_too_wide"]),
        ({"networks": ["0.0.0.0/1", "128.0.0.0/1"], "scopes": ["withdrawals.write"]}, ["network_too_wide"] * 2),
        ({"networks": ["::/0"]}, ["network_too_wide"]),
        ({"networks": ["203.0.113.7", "203.0.113.7"]}, ["network_repeated"]),
        ({"networks": ["203.0.113.7", "203.0.113.0/24"]}, ["network_repeated"]),
        ({"networks": [f"203.0.113.{number}" for number in range(21)]}, ["too_many_networks"]),
        ({"secret": "hunter2"}, ["secret_misplaced"]),
        ({"colour": "red"}, ["attribute_unknown"]),
        ({"revoked": "no"}, ["value_invalid"]),
        ({"id": ""}, ["value_invalid"]),
        ({"id": "desk 7"}, ["key_id_invalid"]),
        ({"id": "désk"}, ["key_id_invalid"]),
        ({"id": "x" * 65}, ["key_id_invalid"]),
        ({"id": "desk-7\n"}, ["key_id_invalid"]),
    ],
)
def test_bad_keys_are_refused(attributes: dict[str, Any], expected: list[str]) -> None:
    """Each with the code of what is against it."""
    assert codes(**attributes) == expected


def test_a_venue_may_demand_more() -> None:
    """Addresses alone, of IPv4 alone, fewer of them, and a shorter life."""
    strict = KeyDemands(most_networks=1, ranges=False, ipv6=False, longest_life=90 * DAY)
    assert codes(strict, networks=["203.0.113.7"], expires="2026-05-31T09:00:00Z") == []
    assert codes(strict, expires="2026-05-31T09:00:00.001Z") == ["life_too_long"]
    assert codes(strict) == ["life_too_long"]
    wrong = codes(strict, networks=["203.0.113.0/24", "2001:db8::1"], expires="2026-03-03T00:00:00Z")
    assert sorted(wrong) == ["cidr_not_supported", "ipv6_not_supported", "too_many_networks"]


def test_scopes_tell_by_their_names_where_no_policy_declares_them() -> None:
    """Without declared scopes, what withdraws and what trades is told by its name."""
    unknown = ScopeRoles()
    assert codes(roles=unknown, scopes=["withdraw"]) == ["ip_binding_required"]
    assert codes(roles=unknown, scopes=["withdraw", "spot.trade"], networks=["203.0.113.7"]) == ["key_not_segregated"]
    assert codes(roles=unknown, scopes=["withdrawals.read", "spot.trade"]) == []


def test_no_secret_is_repeated() -> None:
    """The words about a misplaced secret, or a wrong value, do not hold it."""
    for record in ({"id": "a", "secret": "canary"}, {"id": "a", "expires": "canary"}, {"id": "a", "owner": ["canary"]}):
        found = objections_to(record, KeyRules(), ROLES, KeyDemands(), NOW)
        assert found
        assert "canary" not in str(found)
