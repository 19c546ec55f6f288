"""`python benchmarks/signatures.py`: how long a signed request takes to read and to verify, beside the bare HMAC.

Bare is `hmac.compare_digest(hmac.digest(secret, message, hash), signature)` over the very bytes that the scheme signs.
Both are timed in turns within milliseconds of each other, and the median of the turns' ratios is what counts.
"""

from __future__ import annotations

import hmac
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # so that benchmarks is a package, wherever it is started

from durwan.credentials.raw_request import RawRequest
from durwan.credentials.refusals import Refusal
from durwan.credentials.schemes.credential import StaticCredential
from durwan.credentials.schemes.encodings import to_base64
from durwan.credentials.schemes.loading import load_scheme, scheme_names

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST = ("binance", "durwan", "durwan, no body")
TURNS = 25
CALLS = 2_000
NOW = 1_772_442_000_000
SECRET = "s" * 48
PASSPHRASE = b"correct horse"
# What a client in Python sends with every request.
USUAL = (
    (b"host", b"api.example.com"),
    (b"user-agent", b"python-client/1.0"),
    (b"accept", b"*/*"),
    (b"accept-encoding", b"gzip, deflate"),
    (b"connection", b"keep-alive"),
    (b"content-type", b"application/json"),
    (b"content-length", b"103"),
)
ORDER = b"symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000"
JSON = b'{"symbol":"LTC-BTC","side":"buy","type":"limit","time_in_force":"gtc","quantity":"1","price":"0.1"}'
_BODIES = {"kraken-spot": ORDER, "durwan, no body": b""}
_TARGETS = {"binance": b"/api/v3/order?" + ORDER}


def _request(name: str) -> RawRequest:
    body = _BODIES.get(name, b"" if name in _TARGETS else JSON)
    return RawRequest("POST", _TARGETS.get(name, b"/api/v3/order"), USUAL, body, "192.0.2.7", NOW)


def _time(call: Callable[[], Any]) -> float:
    start = time.process_time_ns()
    for _ in range(CALLS):
        call()
    return (time.process_time_ns() - start) / CALLS


def measure(name: str) -> tuple[float, float, float, float]:
    """Nanoseconds of reading, of verifying, of the bare HMAC, and how often the last goes into both."""
    scheme = load_scheme(name.partition(",")[0])
    in_base64 = scheme.profile.secret == "base64"  # noqa: S105 - how it is decoded, no secret
    secret = to_base64(SECRET.encode()).decode() if in_base64 else SECRET
    key = scheme.secret_key(secret)
    signed = scheme.sign(_request(name), "desk-7", key, passphrase=PASSPHRASE)
    # Servers give the names of headers in lower case.
    raw = RawRequest(
        signed.method, signed.target, tuple((name.lower(), value) for name, value in signed.headers), signed.body,
        signed.peer, signed.received,
    )  # fmt: skip
    parts, credential = scheme.parts(raw), StaticCredential((key,), PASSPHRASE)
    if isinstance(parts, Refusal) or scheme.verify(parts, credential, NOW) is not None:
        raise SystemExit(f"the request by {name} is refused: nothing to measure")
    plain, digest = SECRET.encode(), key.algorithm.removeprefix("hmac-")
    turns = [
        (
            _time(lambda: scheme.parts(raw)),
            _time(lambda: scheme.verify(parts, credential, NOW)),
            _time(lambda: hmac.compare_digest(hmac.digest(plain, parts.message, digest), parts.signature)),
        )
        for _ in range(TURNS)
    ]
    reading, verifying, bare = (statistics.median(each) for each in zip(*turns, strict=True))
    return reading, verifying, bare, statistics.median((one + two) / three for one, two, three in turns)


def main() -> None:
    """All schemes that come with durwan."""
    print(f"{'scheme':24} {'read':>8} {'verify':>8} {'bare':>8} {'x bare':>8}   ns, median of {TURNS} turns")
    for name in sorted({*scheme_names(), "durwan, no body"}, key=lambda each: (each not in FIRST, each)):
        reading, verifying, bare, ratio = measure(name)
        print(f"{name:24} {reading:8.0f} {verifying:8.0f} {bare:8.0f} {ratio:8.2f}")


if __name__ == "__main__":
    main()
