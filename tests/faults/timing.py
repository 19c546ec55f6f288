"""F18: whether the time of a refusal tells an unknown key from a wrong signature.

`python -m tests.faults.timing` takes 20,000 samples of each kind, interleaved at random, and reports Welch's t of all
of them, and their medians. Below 4.5 two kinds cannot be told apart by so many samples. It needs a quiet
machine; what runs as a test only shows that the program works.

Two keys of one kind differ as well, by up to some 20 ns, from where they lie in memory; a second bad signature, by
another key, is measured beside the others to show it.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from random import Random
from statistics import fmean, median, variance

from durwan.credentials.raw_request import RawRequest
from durwan.credentials.refusals import Refusal
from durwan.credentials.schemes.credential import Credential, StaticCredential
from durwan.credentials.schemes.keys import HmacKey
from durwan.credentials.schemes.loading import load_scheme
from durwan.credentials.schemes.profile import Algorithm

LIMIT = 4.5
_HMAC: frozenset[Algorithm] = frozenset({"hmac-sha256", "hmac-sha384", "hmac-sha512"})
NOW = 1_772_442_000_000
_BASE = "bad signature"


@dataclass
class Timing:
    """What was measured: nanoseconds, and Welch's t of each kind against a bad signature by a known key."""

    scheme: str
    samples: int
    medians: dict[str, float]
    welch: dict[str, float]

    def faults(self) -> int:
        """How many kinds can be told from a bad signature."""
        return sum(abs(each) >= LIMIT for each in self.welch.values())


def measure(scheme: str = "durwan", samples: int = 20_000) -> Timing:
    """The times of refusals by one scheme of HMAC."""
    verifier = load_scheme(scheme)
    algorithm: Algorithm = next(each for each in verifier.profile.algorithms if each in _HMAC)
    right, wrong, second = (HmacKey(each * 48, algorithm) for each in (b"r", b"w", b"s"))
    other = HmacKey(b"o" * 48, "hmac-sha384" if algorithm != "hmac-sha384" else "hmac-sha256")
    raw = RawRequest("POST", b"/v1/orders", ((b"host", b"api.example.com"),), b'{"a":1}', "192.0.2.7", NOW)
    signed = verifier.sign(raw, "desk-7", right, passphrase=b"passphrase")
    kinds: dict[str, Credential | None] = {
        _BASE: StaticCredential((wrong,), b"passphrase"),
        "bad signature, second key": StaticCredential((second,), b"passphrase"),
        "unknown key": None,
        "key of another algorithm": StaticCredential((other,), b"passphrase"),
    }
    times: dict[str, list[int]] = {name: [] for name in kinds}
    order = [name for name in kinds for _ in range(samples)]
    Random(1).shuffle(order)
    gc.collect()
    gc.disable()
    try:
        for name in order:
            credential = kinds[name]
            start = time.perf_counter_ns()
            parts = verifier.parts(signed)
            refusal = parts if isinstance(parts, Refusal) else verifier.verify(parts, credential, NOW)
            times[name].append(time.perf_counter_ns() - start)
            assert refusal is not None
    finally:
        gc.enable()
    return _timing(scheme, samples, times)


def _timing(scheme: str, samples: int, times: dict[str, list[int]]) -> Timing:
    welch = {name: _welch(taken, times[_BASE]) for name, taken in times.items() if name != _BASE}
    return Timing(scheme, samples, {name: median(taken) for name, taken in times.items()}, welch)


def _welch(one: Sequence[int], other: Sequence[int]) -> float:
    spread = math.sqrt(variance(one) / len(one) + variance(other) / len(other))
    return (fmean(one) - fmean(other)) / spread if spread else 0.0


def main(arguments: Sequence[str] | None = None) -> int:
    """The long version."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--schemes", nargs="+", default=["durwan", "okx", "kucoin"])
    options = parser.parse_args(arguments)
    found = [measure(each, options.samples) for each in options.schemes]
    print(json.dumps([asdict(each) for each in found], indent=2))
    return 1 if any(each.faults() for each in found) else 0


if __name__ == "__main__":
    sys.exit(main())
