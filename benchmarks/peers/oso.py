"""oso (Polar): deprecated, but still found in the field. It reads attributes by calling back into Python."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from oso import Oso

from benchmarks.workloads.addresses import membership
from benchmarks.workloads.w1 import DAY, Gateway
from benchmarks.workloads.w1_by_hand import BITS, address_masks
from benchmarks.workloads.workload import Contender, Contenders, Decider, Request, Workload

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchmarks.workloads.w2 import KeyRule

GATEWAY = """
allow(_key, _action, r: Call) if permit(r) and not forbid(r);
forbid(r: Call) if r.key_environment != r.environment;
forbid(r: Call) if r.revoked;
forbid(r: Call) if r.now >= r.expires;
forbid(r: Call) if r.score >= 90;
forbid(r: Call) if r.is_in("block");
permit(r: Call) if r.action in ["orders.read", "account.read"] and "read" in r.scopes;
permit(r: Call) if r.action in ["orders.create", "orders.cancel"] and "orders.write" in r.scopes and r.is_in("trade");
permit(r: Call) if r.action = "withdrawals.create" and "withdraw" in r.scopes and r.score < 50 and r.mfa_age < 300000
  and r.time_of_day >= 28800000 and r.time_of_day < 64800000 and r.weekday < 5 and r.is_in("withdraw");
permit(r: Call) if r.action in ["subaccounts.transfer", "subaccounts.update"] and "subaccounts.manage" in r.scopes
  and r.is_in("internal");
"""


class Call:
    """The request as an object, as Polar wants it."""

    def __init__(self, request: Request, mask: Callable[[str], int]) -> None:
        """Flattens the request; what needs a clock is computed here."""
        key, now = request["key"], request["now"]
        self.action: str = request["action"]
        self.scopes: Sequence[str] = key["scopes"]
        self.key_environment: str = key["environment"]
        self.environment: str = request["gateway"]["environment"]
        self.revoked: bool = key["revoked"]
        self.expires: int = key["expires"]
        self.now: int = now
        self.score: int = request["risk"]["score"]
        self.mfa_age: int = now - request["session"]["mfa_at"]
        self.time_of_day: int = now % DAY
        self.weekday: int = (now // DAY + 3) % 7
        self._address: str = request["client"]["ip"]
        self._mask = mask

    def is_in(self, name: str) -> bool:
        """Whether the address lies in the named network."""
        return self._mask(self._address) & BITS[name] != 0


class Address:
    """A client address that knows the lists it may be asked about."""

    def __init__(self, text: str, lists: Mapping[str, Callable[[str], bool]]) -> None:
        """Keeps both as they are."""
        self._text = text
        self._lists = lists

    def is_in(self, name: str) -> bool:
        """Whether the address lies in the named list."""
        return self._lists[name](self._text)


def _oso(policy: str, known: type[Any]) -> Any:
    oso: Any = Oso()
    oso.register_class(known)
    oso.load_str(policy)
    return oso


def _gateway(workload: Workload[Gateway]) -> Decider:
    mask = address_masks(workload.content.networks)
    is_allowed = _oso(GATEWAY, Call).is_allowed
    return lambda request: is_allowed(request["key"]["id"], request["action"], Call(request, mask))


def _keys(workload: Workload[Sequence[KeyRule]]) -> Decider:
    lists = {rule.key: membership(rule.networks) for rule in workload.content}
    rules = [
        f'allow("{rule.key}", action, address: Address) if action in {json.dumps(rule.actions)}'
        f' and address.is_in("{rule.key}");'
        for rule in workload.content
    ]
    is_allowed = _oso("\n".join(rules), Address).is_allowed
    return lambda request: is_allowed(request["key"]["id"], request["action"], Address(request["client"]["ip"], lists))


def _list(workload: Workload[Sequence[str]]) -> Decider:
    lists = {"allow_list": membership(workload.content)}
    is_allowed = _oso('allow(_key, _action, address: Address) if address.is_in("allow_list");', Address).is_allowed
    return lambda request: is_allowed("key", request["action"], Address(request["client"]["ip"], lists))


CONTENDERS: Contenders = {
    "w1": (Contender(name="oso", build=_gateway),),
    "w2": (Contender(name="oso, a rule a key", build=_keys),),
    "w3": (Contender(name="oso, the host looks up", build=_list),),
}
