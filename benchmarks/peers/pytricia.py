"""pytricia, a patricia trie in C: not a policy engine, so it takes part in W3 alone, as what a lookup could cost."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytricia

from benchmarks.workloads.workload import Contender, Contenders, Decider, Request, Workload

if TYPE_CHECKING:
    from collections.abc import Sequence


def _list(workload: Workload[Sequence[str]]) -> Decider:
    version_4, version_6 = pytricia.PyTricia(32), pytricia.PyTricia(128, socket.AF_INET6)
    for entry in workload.content:
        (version_6 if ":" in entry else version_4)[entry] = True

    def decide(request: Request) -> Any:
        address = request["client"]["ip"]
        return address in (version_6 if ":" in address else version_4)

    return decide


CONTENDERS: Contenders = {"w3": (Contender(name="pytricia, a trie for each version", build=_list),)}
