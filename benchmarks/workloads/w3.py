"""W3: one rule over one list of n networks, a fifth of them IPv6."""

from __future__ import annotations

import ipaddress
import random
from bisect import bisect_right
from socket import AF_INET, AF_INET6, inet_pton
from typing import TYPE_CHECKING

from benchmarks.workloads.addresses import ANYWHERE, edges, parse_networks, random_address
from benchmarks.workloads.unseen import unseen_requests
from benchmarks.workloads.workload import Decide, Request, Workload

if TYPE_CHECKING:
    from collections.abc import Sequence

SIZES = (10, 1_000, 100_000)
"""List entries."""
REQUESTS = 2_000
ACTION = "orders.create"
FIRST_4, LAST_4 = 0x0B00_0000, 0xDF00_0000
BLOCK_6 = 0x2001_0DB8 << 96

POLICY = f"""
actions {{ {ACTION} }}

network allow_list from "lists/allow.txt"

allow listed on {ACTION} when client.ip in allow_list
"""


def make_entries(count: int) -> list[str]:
    """Different networks of mixed lengths, in the order of their text."""
    rng = random.Random(9)
    lengths_4 = (16, 20, 22, 24, 24, 24, 28, 32) if count < 50_000 else (22, 24, 24, 24, 26, 28, 30, 32)
    entries: set[str] = set()
    while len(entries) < count * 0.8:
        length = rng.choice(lengths_4)
        start = rng.randrange(FIRST_4, LAST_4) >> (32 - length) << (32 - length)
        entries.add(str(ipaddress.IPv4Network((start, length))))
    while len(entries) < count:
        length = rng.choice((48, 56, 64, 64, 128))
        start = (BLOCK_6 | rng.getrandbits(96)) >> (128 - length) << (128 - length)
        entries.add(str(ipaddress.IPv6Network((start, length))))
    return sorted(entries)


def _draw_network(rng: random.Random, entries: Sequence[str]) -> str:
    if rng.random() < 0.5:
        return rng.choice(entries)
    return str(ANYWHERE[4 if rng.random() < 0.8 else 6])


def make_requests(entries: Sequence[str]) -> tuple[list[Request], list[str]]:
    """Requests of which half come from a listed network, and the network from which each one's address was drawn."""
    rng = random.Random(10)
    networks = [_draw_network(rng, entries) for _ in range(REQUESTS)]
    requests = [{"action": ACTION, "client": {"ip": random_address(rng, network)}} for network in networks]
    return requests, networks


def make_reference(entries: Sequence[str]) -> Decide:
    """Look for the address's own network of every length that occurs in a set: nothing is merged or bisected."""
    networks = set(parse_networks(entries))
    lengths = {4: set[int](), 6: set[int]()}
    for network in networks:
        lengths[network.version].add(network.prefixlen)

    def decide(request: Request) -> bool:
        address = ipaddress.ip_address(request["client"]["ip"])
        return any(ipaddress.ip_network((address, n), strict=False) in networks for n in lengths[address.version])

    return decide


def make_hand_written(entries: Sequence[str]) -> Decide:
    """The limit: parse, and bisect over the merged ranges. It does not even look at the action."""
    edges_4, edges_6 = edges(entries, 4), edges(entries, 6)

    def decide(request: Request) -> bool:
        address = request["client"]["ip"]
        if ":" in address:
            return bisect_right(edges_6, inet_pton(AF_INET6, address)) & 1 == 1
        return bisect_right(edges_4, inet_pton(AF_INET, address)) & 1 == 1

    return decide


def make_workload(size: int) -> Workload[Sequence[str]]:
    """One list of `size` entries."""
    entries = make_entries(size)
    requests, networks = make_requests(entries)
    reference = make_reference(entries)
    return Workload(
        name="w3",
        size=size,
        content=entries,
        sources={"list.policy": POLICY, "lists/allow.txt": "\n".join(entries) + "\n"},
        requests=requests,
        expected=[reference(request) for request in requests],
        reference=reference,
        hand_written=make_hand_written(entries),
        unseen=lambda: unseen_requests(requests, networks),
    )
