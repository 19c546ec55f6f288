"""vakt with its RulesChecker and MemoryStorage.

Its rules compare an attribute with constants only, so what compares two attributes, and what needs a clock, comes from
the caller. Its own CIDR rule parses its network again at every check; in W3 a rule of the user's own is shown as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vakt import ALLOW_ACCESS, DENY_ACCESS, Guard, Inquiry, MemoryStorage, Policy, RulesChecker
from vakt.rules import CIDR, And, AnyIn, Eq, GreaterOrEqual, In, Less, Or
from vakt.rules import Any as Anything
from vakt.rules.base import Rule

from benchmarks.workloads.addresses import membership
from benchmarks.workloads.w1 import DAY, Gateway
from benchmarks.workloads.workload import Contender, Contenders, Decider, Request, Workload

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.workloads.w2 import KeyRule

ANY = Anything()


class InList(Rule):  # type: ignore[misc]  # vakt has no types
    """A rule of the user's own: bisects over merged ranges."""

    def __init__(self, networks: Sequence[str]) -> None:
        """Merges the networks."""
        self._contains = membership(networks)

    def satisfied(self, what: str, _inquiry: Inquiry | None = None) -> bool:
        """Whether the address lies in the networks."""
        return self._contains(what)


def _in_any(networks: Sequence[str]) -> Or:
    return Or(*[CIDR(network) for network in networks])


def _guard(policies: Sequence[Policy]) -> Guard:
    storage = MemoryStorage()
    for policy in policies:
        storage.add(policy)
    return Guard(storage, RulesChecker())


def _policy(uid: int | str, effect: str, action: Any = ANY, subject: Any = ANY, **context: Any) -> Policy:
    return Policy(uid, actions=[action], subjects=[subject], resources=[ANY], effect=effect, context=context)


def _gateway_policies(content: Gateway) -> list[Policy]:
    inside = {name: _in_any(networks) for name, networks in content.networks.items()}
    desk_hours = And(GreaterOrEqual(28_800_000), Less(64_800_000))
    return [
        _policy(1, DENY_ACCESS, same_environment=Eq(False)),
        _policy(2, DENY_ACCESS, subject={"dead": Eq(True)}),
        _policy(3, DENY_ACCESS, score=GreaterOrEqual(90)),
        _policy(4, DENY_ACCESS, ip=inside["block"]),
        _policy(5, ALLOW_ACCESS, In("orders.read", "account.read"), {"scopes": AnyIn("read")}),
        _policy(
            6,
            ALLOW_ACCESS,
            In("orders.create", "orders.cancel"),
            {"scopes": AnyIn("orders.write")},
            ip=inside["trade"],
        ),
        _policy(
            7,
            ALLOW_ACCESS,
            Eq("withdrawals.create"),
            {"scopes": AnyIn("withdraw")},
            score=Less(50),
            mfa_age=Less(300_000),
            time_of_day=desk_hours,
            weekday=Less(5),
            ip=inside["withdraw"],
        ),
        _policy(
            8,
            ALLOW_ACCESS,
            In("subaccounts.transfer", "subaccounts.update"),
            {"scopes": AnyIn("subaccounts.manage")},
            ip=inside["internal"],
        ),
    ]


def _inquiry(request: Request) -> Inquiry:
    key, now = request["key"], request["now"]
    return Inquiry(
        action=request["action"],
        resource="gateway",
        subject={"scopes": key["scopes"], "dead": key["revoked"] or now >= key["expires"]},
        context={
            "same_environment": key["environment"] == request["gateway"]["environment"],
            "ip": request["client"]["ip"],
            "score": request["risk"]["score"],
            "mfa_age": now - request["session"]["mfa_at"],
            "time_of_day": now % DAY,
            "weekday": (now // DAY + 3) % 7,
        },
    )


def _gateway(workload: Workload[Gateway]) -> Decider:
    is_allowed = _guard(_gateway_policies(workload.content)).is_allowed
    return lambda request: is_allowed(_inquiry(request))


def _keys(workload: Workload[Sequence[KeyRule]]) -> Decider:
    policies = [
        _policy(rule.key, ALLOW_ACCESS, In(*rule.actions), Eq(rule.key), ip=_in_any(rule.networks))
        for rule in workload.content
    ]
    is_allowed = _guard(policies).is_allowed

    def decide(request: Request) -> Any:
        context = {"ip": request["client"]["ip"]}
        return is_allowed(
            Inquiry(action=request["action"], resource="gateway", subject=request["key"]["id"], context=context)
        )

    return decide


def _list(rule: Callable[[Sequence[str]], Rule]) -> Callable[[Workload[Sequence[str]]], Decider]:
    def build(workload: Workload[Sequence[str]]) -> Decider:
        is_allowed = _guard([_policy(1, ALLOW_ACCESS, ip=rule(workload.content))]).is_allowed

        def decide(request: Request) -> Any:
            context = {"ip": request["client"]["ip"]}
            return is_allowed(Inquiry(action=request["action"], resource="gateway", subject="key", context=context))

        return decide

    return build


CONTENDERS: Contenders = {
    "w1": (Contender(name="vakt", build=_gateway),),
    "w2": (Contender(name="vakt", build=_keys),),
    "w3": (
        Contender(name="vakt, the host looks up", build=_list(InList)),
        Contender(name="vakt, its own CIDR rule", build=_list(_in_any)),
    ),
}
