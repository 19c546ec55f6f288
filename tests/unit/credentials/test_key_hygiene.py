"""Key hygiene: each habit is noticed one step past its edge, and not before."""

from __future__ import annotations

from typing import Any

import pytest

from durwan.credentials.key_hygiene import (
    LONGEST_IDLE,
    LONGEST_IDLE_WITHOUT_ALLOWLIST,
    LONGEST_UNTRIED,
    LONGEST_WITHOUT_ROTATION,
    OLDEST_WITHOUT_ALLOWLIST,
    SOON,
    key_findings,
    roles_by_name,
)
from durwan.model.values import format_instant

NOW = 1_772_442_000_000  # 2026-03-02T09:00:00Z
DAY = 86_400_000
SCOPES = {
    "orders.read": {"orders.read"},
    "orders.write": {"orders.write", "orders.read"},
    "withdrawals.read": {"withdrawals.read"},
    "withdrawals.write": {"withdrawals.write", "withdrawals.read"},
    "account.read": {"account.read"},
}
SOUND: dict[str, Any] = {
    "id": "k",
    "scopes": ["orders.write"],
    "networks": ["203.0.113.0/24"],
    "created": format_instant(NOW - 10 * DAY),
    "expires": format_instant(NOW + 90 * DAY),
    "last_used": format_instant(NOW - DAY),
    "revoked": False,
}


def codes(**changes: Any) -> set[str]:
    record = {name: value for name, value in {**SOUND, **changes}.items() if value is not None}
    return {each.code for each in key_findings([("k", record)], roles_by_name(SCOPES), NOW)}


def test_a_sound_key() -> None:
    """A key with an allowlist, one job, a young secret, in use and with an end: nothing is said of it."""
    assert codes() == set()


@pytest.mark.parametrize("networks", [None, [], ["0.0.0.0/0"], ["203.0.113.0/24", "::/0"]])
def test_no_allowlist(networks: list[str] | None) -> None:
    """No allowlist is one, and so is one that holds every address."""
    assert codes(networks=networks) == {"no_allowlist"}


@pytest.mark.parametrize("networks", [["203.0.113.7"], ["0.0.0.0/1", "128.0.0.0/2"]])
def test_an_allowlist(networks: list[str]) -> None:
    """One address is an allowlist, and so is one of almost all."""
    assert codes(networks=networks) == set()


@pytest.mark.parametrize(
    ("scopes", "severity"),
    [(["withdrawals.write"], "high"), (["orders.write"], "high"), (["account.read"], "medium"), (None, "medium")],
)
def test_how_bad_it_is(scopes: list[str] | None, severity: str) -> None:
    """A key that moves orders or money from anywhere is worse than one that reads."""
    found = key_findings([("k", {**SOUND, "networks": [], "scopes": scopes})], roles_by_name(SCOPES), NOW)
    assert [each.severity for each in found if each.code == "no_allowlist"] == [severity]


EDGES = [
    ("rotation_overdue", {"created": -LONGEST_WITHOUT_ROTATION}),
    ("idle", {"last_used": -LONGEST_IDLE, "created": -LONGEST_WITHOUT_ROTATION + DAY}),
    ("old_without_allowlist", {"created": -OLDEST_WITHOUT_ALLOWLIST, "networks": None}),
    ("idle_without_allowlist", {"last_used": -LONGEST_IDLE_WITHOUT_ALLOWLIST, "networks": None}),
    ("never_used", {"created": -LONGEST_UNTRIED, "last_used": None}),
]


@pytest.mark.parametrize(("code", "changes"), EDGES)
def test_edges_of_age(code: str, changes: dict[str, Any]) -> None:
    """At the threshold nothing is said; a millisecond later it is."""

    def at(offset: int) -> set[str]:
        moved = {
            name: format_instant(NOW + value - offset) if isinstance(value, int) else value
            for name, value in changes.items()
        }
        return codes(**moved)

    assert code not in at(0)
    assert code in at(1)


def test_a_rotated_secret_is_as_old_as_its_rotation() -> None:
    """An old key whose secret was changed lately is not overdue; one of unknown age is said to be so."""
    assert codes(created="2024-01-01T00:00:00Z", rotated="2026-02-01T00:00:00Z") == set()
    assert codes(created=None) == {"rotation_unknown"}


def test_the_end_of_a_key() -> None:
    """None, past, soon and later."""
    assert codes(expires=None) == {"no_expiry"}
    assert codes(expires=format_instant(NOW)) == {"expired_kept"}
    assert codes(expires=format_instant(NOW + SOON)) == {"expires_soon"}
    assert codes(expires=format_instant(NOW + SOON + 1)) == set()


def test_powers() -> None:
    """Withdrawal rights, two jobs, and scopes that nobody declared."""
    assert codes(scopes=["withdrawals.write"]) == {"withdraws"}
    assert codes(scopes=["withdrawals.read", "orders.read"]) == set()
    assert codes(scopes=["withdrawals.write", "orders.write"]) == {"withdraws", "several_roles"}
    assert codes(scopes=["orders.writ"]) == {"unknown_scopes"}


def test_a_revoked_key_is_only_to_be_put_away() -> None:
    """Whatever else could be said of it."""
    assert codes(revoked=True, networks=None, expires=None, scopes=["withdrawals.write"]) == {"revoked_kept"}


def test_the_gravest_comes_first() -> None:
    """The findings of a key by severity, the keys in their order; the words name the key's own figures."""
    records: list[tuple[str, dict[str, Any]]] = [
        ("b", {**SOUND, "expires": None, "networks": []}),
        ("a", {**SOUND, "created": "2025-03-02T09:00:00Z"}),
    ]
    found = key_findings(records, roles_by_name(SCOPES), NOW)
    assert [(each.key, each.severity) for each in found] == [("b", "high"), ("b", "medium"), ("a", "medium")]
    assert found[2].words == "its secret is 365 days old"


def test_roles_by_name() -> None:
    """Names of venues: what only reads is neither role."""
    roles = roles_by_name(dict.fromkeys(("withdraw", "trade", "orders.cancel", "orders_read", "view.withdrawals"), ()))
    assert roles.withdraw == {"withdraw"}
    assert roles.trade == {"trade", "orders.cancel"}
