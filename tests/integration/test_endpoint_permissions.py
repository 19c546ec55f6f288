"""The published endpoints of three exchanges, each decided against every permission that a key can have.

The map from endpoints to permissions lies beside the project, not in it: `../shared/vectors/endpoint_permissions.json`.
From it a policy set is made as somebody would write it, one rule for each permission; what is right is computed from
the map alone.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from durwan import Engine
from tests.conformance.evaluators import NOW, PlainMapping

_MAP = Path(__file__).parents[3] / "shared" / "vectors" / "endpoint_permissions.json"
pytestmark = pytest.mark.skipif(
    not _MAP.exists(), reason="the published endpoints lie outside of this repository, in ../shared/vectors"
)

ENDPOINTS = {"deribit": 173, "kucoin": 250, "binance_spot": 48}


@dataclass(frozen=True)
class Endpoint:
    """One endpoint.

    `needed` is None where anybody may call it, "" where any key may, else the permission that a key needs;
    `when_block_rfq` is the permission it needs instead where the parameter of this name is true.
    """

    action: str
    needed: str | None
    when_block_rfq: str | None = None
    second_factor: bool = False


def _name(text: str) -> str:
    """A name of the language from a path or a permission: `/api/v1/orders/{orderId}` is `api_v1_orders_orderid`."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def _read_deribit(entry: Mapping[str, Any]) -> Endpoint:
    # Two transfer methods are documented with `wallets:`, which is no scope of Deribit's; `wallet:` is meant.
    scopes = [scope.replace("wallets:", "wallet:").replace(":", ".") for scope in entry["scopes"]]
    permissions = [f"deribit.{scope}" for scope in scopes]
    action = f"deribit.{_name(entry['path'])}"
    if "block_rfq` = `true`" in (entry["scope_text"] or ""):
        usual, other = permissions
        return Endpoint(action, usual, when_block_rfq=other)
    # Whatever is public by its path and still names a scope is held to the scope.
    needed = permissions[0] if permissions else "" if entry["private"] else None
    return Endpoint(action, needed, second_factor=entry["tfa_required"])


def _read_kucoin(entry: Mapping[str, Any]) -> Endpoint:
    # Spot and futures have the same paths on different hosts: the name of the interface is part of the action.
    interface = _name(entry["file"].removesuffix(".json"))
    action = f"kucoin.{interface}.{entry['method'].lower()}_{_name(entry['path'])}"
    if entry["permission"] == "NULL":
        return Endpoint(action, "" if entry["channel"] == "Private" else None)
    return Endpoint(action, f"kucoin.{_name(entry['permission'])}")


def _read_binance(entry: Mapping[str, Any]) -> Endpoint:
    action = f"binance_spot.{entry['method'].lower()}_{_name(entry['path'])}"
    return Endpoint(action, None if entry["security"] == "NONE" else f"binance_spot.{_name(entry['security'])}")


_READERS = {"deribit": _read_deribit, "kucoin": _read_kucoin, "binance_spot": _read_binance}


@cache
def endpoints() -> tuple[Endpoint, ...]:
    """All endpoints of the map."""
    written = json.loads(_MAP.read_text(encoding="utf-8"))
    return tuple(read(entry) for exchange, read in _READERS.items() for entry in written[exchange]["endpoints"])


@cache
def permissions() -> tuple[str, ...]:
    """Every permission that some endpoint needs."""
    needed = {each for endpoint in endpoints() for each in (endpoint.needed, endpoint.when_block_rfq) if each}
    return tuple(sorted(needed))


def _includes(permission: str) -> str | None:
    """What a permission to write includes: the one to read."""
    reading = permission.removesuffix("_write")
    return reading if permission != reading and reading in permissions() else None


def policy() -> dict[str, str]:
    """The policy set: one rule for each permission, and one for each thing that is out of the ordinary."""
    allowed: dict[str, list[str]] = defaultdict(list)
    for endpoint in endpoints():
        if endpoint.when_block_rfq is not None:
            allowed[f"key.scopes has {endpoint.needed} and not request.block_rfq"].append(endpoint.action)
            allowed[f"key.scopes has {endpoint.when_block_rfq} and request.block_rfq"].append(endpoint.action)
        elif endpoint.needed is None:
            allowed["true"].append(endpoint.action)
        else:
            condition = f"key.scopes has {endpoint.needed}" if endpoint.needed else "key.id is known"
            allowed[condition].append(endpoint.action)
    scopes = (f"{each} includes {_includes(each)}" if _includes(each) else each for each in permissions())
    rules = (
        f"allow rule_{number}\n  on {', '.join(sorted(actions))}\n  when {condition}\n"
        for number, (condition, actions) in enumerate(sorted(allowed.items()))
    )
    guarded = ", ".join(sorted(each.action for each in endpoints() if each.second_factor))
    return {
        "vocabulary.policy": (
            "context request { block_rfq : bool }\n"
            f"actions {{ {' '.join(sorted({each.action for each in endpoints()}))} }}\n"
            f"scopes {{\n  {chr(10).join(scopes)}\n}}\n"
        ),
        "rules.policy": "\n".join(rules),
        "second_factor.policy": f"challenge second_factor\n  on {guarded}\n  unless session.mfa_methods has any of "
        '{ "tfa", "security_key" }\n  require mfa\n',
    }


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.from_sources(policy(), clock=lambda: NOW)


def _held(permission: str) -> set[str]:
    included = _includes(permission)
    return {permission} | ({included} if included else set())


def _grants() -> Iterator[tuple[dict[str, Any] | None, set[str]]]:
    """Every key that is asked about, with all that it may do: none, one without permissions, one for each, odd ones."""
    yield None, set()
    yield {"id": "k", "scopes": []}, {""}
    for permission in permissions():
        yield {"id": "k", "scopes": [permission]}, {"", *_held(permission)}
    yield {"id": "k", "scopes": list(permissions())}, {"", *permissions()}
    yield {"id": "k", "scopes": ["deribit.wallets.read_write", "admin", "*", "deribit"]}, {""}
    yield {"id": "k"}, {""}


def _expected(endpoint: Endpoint, held: set[str], *, block_rfq: bool | None, second_factor: bool) -> str:
    if endpoint.when_block_rfq is not None and block_rfq is None:
        return "deny"
    needed = endpoint.when_block_rfq if endpoint.when_block_rfq is not None and block_rfq else endpoint.needed
    if needed is not None and needed not in held:
        return "deny"
    return "challenge" if endpoint.second_factor and not second_factor else "allow"


def test_the_map_is_the_one_that_was_published() -> None:
    """The map has the endpoints of three exchanges, those with two traps and those with a second factor among them."""
    by_exchange = {name: sum(each.action.startswith(f"{name}.") for each in endpoints()) for name in ENDPOINTS}
    assert by_exchange == ENDPOINTS
    assert len({each.action for each in endpoints()}) == sum(ENDPOINTS.values()) == 471
    assert sum(each.when_block_rfq is not None for each in endpoints()) == 4
    assert sum(each.second_factor for each in endpoints()) == 10
    assert not any("wallets" in each for each in permissions())


@pytest.mark.parametrize("exchange", ENDPOINTS)
def test_every_endpoint_against_every_permission(engine: Engine, exchange: str) -> None:
    """No endpoint is allowed without its permission, and none is refused with it, whatever the parameter says."""
    decided = 0
    for endpoint in endpoints():
        if not endpoint.action.startswith(f"{exchange}."):
            continue
        for key, held in _grants():
            for block_rfq in (None, False, True):
                request: dict[str, Any] = {"action": endpoint.action, "session": {"mfa_methods": ["tfa"]}}
                if block_rfq is not None:
                    request["request"] = {"block_rfq": block_rfq}
                if key is not None:
                    request["key"] = key
                expected = _expected(endpoint, held, block_rfq=block_rfq, second_factor=True)
                for given in (request, PlainMapping(request)):
                    assert engine.decide(given).effect == expected, request
                    decided += 1
    assert decided == ENDPOINTS[exchange] * (len(permissions()) + 5) * 6


def test_a_second_factor_is_asked_for_and_never_instead_of_a_permission(engine: Engine) -> None:
    """Ten methods ask for a second factor where it is missing or unheard of, but only of keys that may call them."""
    asked = 0
    for endpoint in endpoints():
        for key, held in _grants():
            for methods in ([], ["sms"], None, "tfa"):
                request = {"action": endpoint.action, "key": key, "request": {"block_rfq": False}}
                request["session"] = {"mfa_methods": methods}
                expected = _expected(endpoint, held, block_rfq=False, second_factor=False)
                decision = engine.decide(request)
                assert decision.effect == expected, request
                asked += decision.effect == "challenge"
    assert asked > 10


@pytest.mark.parametrize("odd", ["true", "TRUE", 1, "", None, [True]])
def test_a_parameter_that_cannot_be_read_allows_nothing(engine: Engine, odd: object) -> None:
    """Where it cannot be told whether `block_rfq` is true, neither of the two permissions is enough, nor are both."""
    for endpoint in endpoints():
        if endpoint.when_block_rfq is not None:
            for key, _ in _grants():
                request = {"action": endpoint.action, "key": key, "request": {"block_rfq": odd}}
                assert engine.decide(request).code == "no_rule_allows"
