"""No engine at all: the hand-written function against itself, which shows the noise, and the plain reference."""

from __future__ import annotations

from typing import Any

from benchmarks.workloads import w1, w1_by_hand
from benchmarks.workloads.workload import Contender, Contenders

_HAND_WRITTEN: Contender[Any] = Contender(name="hand-written", build=lambda workload: workload.hand_written)
_REFERENCE: Contender[Any] = Contender(name="plain reference", build=lambda workload: workload.reference)
_MEMOISED: Contender[w1.Gateway] = Contender(
    name="hand-written, address memo",
    build=lambda workload: w1_by_hand.make_memoised(workload.content.networks),
)

CONTENDERS: Contenders = {
    "w1": (_HAND_WRITTEN, _MEMOISED, _REFERENCE),
    "w2": (_HAND_WRITTEN, _REFERENCE),
    "w3": (_HAND_WRITTEN, _REFERENCE),
    "w4": (_HAND_WRITTEN, _REFERENCE),
    "w5": (
        Contender(name="hand-written", build=lambda workload: workload.hand_written, unseen=True, decoded=True),
        Contender(name="plain reference", build=lambda workload: workload.reference, decoded=True),
    ),
}
