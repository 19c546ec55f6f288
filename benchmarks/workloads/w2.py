"""W2: one allow rule for each of N keys, each with its own actions and its own four networks."""

from __future__ import annotations

import ipaddress
import random
from bisect import bisect_right
from dataclasses import dataclass
from socket import AF_INET, AF_INET6, inet_pton
from typing import TYPE_CHECKING

from benchmarks.workloads.addresses import edges, parse_networks, random_address
from benchmarks.workloads.unseen import unseen_requests
from benchmarks.workloads.workload import Decide, Request, Workload

if TYPE_CHECKING:
    from collections.abc import Sequence

SIZES = (10, 100, 1_000, 10_000)
"""Rules; 100,000 runs as well where it is asked for with --sizes."""
REQUESTS = 2_000
RULES_A_FILE = 1_000
ACTIONS = (
    "account.read",
    "orders.create",
    "orders.cancel",
    "withdrawals.create",
    "subaccounts.update",
    "stream.open",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRule:
    """What one key may do, and from where."""

    key: str
    actions: tuple[str, ...]
    networks: tuple[str, ...]


def make_rules(count: int) -> list[KeyRule]:
    """Rules of two to four actions, two /24, one /20 and one IPv6 /48."""
    rng = random.Random(5)
    rules: list[KeyRule] = []
    for number in range(count):
        actions = tuple(sorted(rng.sample(ACTIONS, rng.randrange(2, 5))))
        small = [f"{rng.randrange(11, 220)}.{rng.randrange(256)}.{rng.randrange(256)}.0/24" for _ in range(2)]
        large = f"{rng.randrange(11, 220)}.{rng.randrange(256)}.{rng.randrange(16) * 16}.0/20"
        version_6 = str(ipaddress.ip_network(f"2001:db8:{rng.randrange(65_536):x}::/48"))
        rules.append(KeyRule(key=f"k{number}", actions=actions, networks=(*small, large, version_6)))
    return rules


def make_requests(rules: Sequence[KeyRule]) -> tuple[list[Request], list[str]]:
    """Requests of random keys, about half of them allowed, and the network from which each one's address was drawn."""
    rng = random.Random(6)
    requests: list[Request] = []
    networks: list[str] = []
    for _ in range(REQUESTS):
        rule = rng.choice(rules)
        action = rng.choice(rule.actions if rng.random() < 0.72 else ACTIONS)
        home = rule if rng.random() < 0.62 else rng.choice(rules)
        networks.append(rng.choice(home.networks))
        address = random_address(rng, networks[-1])
        requests.append({"action": action, "key": {"id": rule.key}, "client": {"ip": address}})
    return requests, networks


def _rule_text(number: int, rule: KeyRule) -> str:
    return (
        f"network net_{number} = {{ {', '.join(dict.fromkeys(rule.networks))} }}\n"
        f"allow r{number} on {', '.join(rule.actions)}\n"
        f'  when key.id == "{rule.key}" and client.ip in net_{number}\n'
    )


def policy_sources(rules: Sequence[KeyRule], rules_a_file: int = RULES_A_FILE) -> dict[str, str]:
    """The rules in durwan's language, in files that keep well within its limit of 1 MiB."""
    texts = [_rule_text(number, rule) for number, rule in enumerate(rules)]
    files = {
        f"keys/{start // rules_a_file:04}.policy": "\n".join(texts[start : start + rules_a_file])
        for start in range(0, len(texts), rules_a_file)
    }
    return {"actions.policy": f"actions {{ {' '.join(ACTIONS)} }}\n", **files}


def make_reference(rules: Sequence[KeyRule]) -> Decide:
    """What a developer writes first: a dict of the keys, and `ipaddress`."""
    by_key = {rule.key: (rule.actions, parse_networks(rule.networks)) for rule in rules}

    def decide(request: Request) -> bool:
        actions, networks = by_key[request["key"]["id"]]
        address = ipaddress.ip_address(request["client"]["ip"])
        return request["action"] in actions and any(address in network for network in networks)

    return decide


def make_hand_written(rules: Sequence[KeyRule]) -> Decide:
    """The limit: one dict from key to its actions and merged address ranges."""
    by_key = {rule.key: (frozenset(rule.actions), edges(rule.networks, 4), edges(rule.networks, 6)) for rule in rules}
    find = by_key.get

    def decide(request: Request) -> bool:
        entry = find(request["key"]["id"])
        if entry is None:
            return False
        actions, edges_4, edges_6 = entry
        if request["action"] not in actions:
            return False
        address = request["client"]["ip"]
        if ":" in address:
            return bisect_right(edges_6, inet_pton(AF_INET6, address)) & 1 == 1
        return bisect_right(edges_4, inet_pton(AF_INET, address)) & 1 == 1

    return decide


def make_workload(size: int) -> Workload[Sequence[KeyRule]]:
    """`size` rules."""
    rules = make_rules(size)
    requests, networks = make_requests(rules)
    reference = make_reference(rules)
    return Workload(
        name="w2",
        size=size,
        content=rules,
        sources=policy_sources(rules),
        requests=requests,
        expected=[reference(request) for request in requests],
        reference=reference,
        hand_written=make_hand_written(rules),
        unseen=lambda: unseen_requests(requests, networks),
    )
