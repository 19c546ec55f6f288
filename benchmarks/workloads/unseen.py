"""Requests from addresses that never occurred before: what an engine's memory of addresses cannot help with."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from benchmarks.workloads.addresses import ANYWHERE, Network, parse_networks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.workloads.workload import Request

TRIES = 8
"""Draws from a request's own network before it is taken to be used up."""


def unseen_requests(requests: Sequence[Request], networks: Sequence[str]) -> Iterator[list[Request]]:
    """The requests again and again, each time from other addresses of the same networks, one network for each request.

    A small network is used up at last; its requests then come from anywhere of the same IP version, which leaves the
    share of the versions, and so what parsing costs, as it was.
    """
    rng = random.Random(43)
    homes = parse_networks(networks)
    seen = {request["client"]["ip"] for request in requests}
    while True:
        yield [
            {**request, "client": {"ip": _draw(rng, home, seen)}} for request, home in zip(requests, homes, strict=True)
        ]


def _draw(rng: random.Random, home: Network, seen: set[str]) -> str:
    tries = 0
    while True:
        network = home if tries < TRIES else ANYWHERE[home.version]
        address = str(network.network_address + rng.randrange(network.num_addresses))
        if address not in seen:
            seen.add(address)
            return address
        tries += 1
