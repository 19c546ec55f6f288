"""F12: requests as bytes, mutated, against uvicorn with each of its parsers and the middleware before the application.

`python -m tests.faults.raw_http` sends 100,000 mutations to each parser and counts. Nothing may reach the application
that the gate has not allowed and recorded, nor anything that the policy does not allow as this file reads the policy;
whatever was carried out is not answered with a failure of the server; and what reaches it through one parser reaches it
as the same request through the other, or not at all.
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from random import Random

from durwan.audit.record import DecisionRecord
from tests.gateways.asgi_venue import PARSERS, Parser, Reached, Venue, exchange, serving

_CORPUS = Path(__file__).parents[1] / "corpora" / "http_raw.json"
# Seconds to wait for a server that may be waiting itself, and for the last that it does after everybody has left.
_PATIENCE = 0.02
_QUIET = 0.1
_BATCH = 500
_WORDS = (
    b"/admin", b"//admin", b"/orders/../admin", b"/%61dmin", b"/orders;/admin", b"/feed", b"/accounts/a1/orders",
    b"/accounts/a2/orders", b"http://localhost/admin", b"http://evil/orders", b"?", b"#", b"%2f", b"%00", b"%ff", b"\\",
    b"*", b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"\x00", b"\xff", b"\t", b" ", b":", b",", b";", b"_", b".", b"GET",
    b"POST", b"HEAD", b"get", b"CONNECT", b"HTTP/1.0", b"HTTP/2.0", b"chunked", b"0\r\n\r\n", b"11",
    b"10.1", b"1e9", b"-1", b'"quantity":11,', b"Bearer ", b"bearer dwk_x",
)  # fmt: skip
_LINES = (
    b"X-Original-URL: /admin", b"X-Rewrite-URL: /admin", b"X-HTTP-Method-Override: DELETE", b"X-Durwan-Key: boss",
    b"x_durwan_key: boss", b"X-Forwarded-For: 10.0.0.1", b"Transfer-Encoding: chunked", b"Transfer-Encoding : chunked",
    b"Transfer-Encoding: identity", b"Content-Length: 0", b"Content-Length: 5", b"Content-Length: 17",
    b"Content-Length: 99999999", b"Content-Length: +5", b"Host: y", b"Host:", b"Host: x/admin?", b"Upgrade: websocket",
    b"Upgrade: h2c", b"Connection: Upgrade", b"Connection: x-durwan-key", b"Connection: keep-alive",
    b"Expect: 100-continue", b"Authorization: Bearer dwk_x", b"Authorization_: x", b"authorization: Basic eDp5",
    b"Content-Type: text/plain", b"Content-Encoding: gzip", b" folded", b"X-A: \xff", b"X-A: " + b"a" * 9000, b":", b"",
)  # fmt: skip


@dataclass
class Counts:
    """What came of a run; `faults` has to be empty."""

    seed: int
    mutations: int = 0
    reached: dict[str, int] = field(default_factory=dict[str, int])
    statuses: dict[str, dict[int, int]] = field(default_factory=dict[str, dict[int, int]])
    one_parser_alone: int = 0
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list[str])


@dataclass
class Seen:
    """What one parser made of some bytes."""

    statuses: tuple[int, ...]
    reached: tuple[Reached, ...]
    faults: tuple[str, ...]


def bases(venue: Venue) -> list[bytes]:
    """Requests that are allowed, and those of the corpus."""
    head = b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    token = venue.bearer()
    body = b'{"quantity": "3"}'
    json_lines = token + b"Content-Type: application/json\r\n"
    upgrade = (
        b"GET /feed HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    )
    good = [
        b"GET /" + head + b"\r\n",
        b"POST /" + head + b"Content-Length: 3\r\n\r\nabc",
        b"POST /orders" + head + json_lines + b"Content-Length: 17\r\n\r\n" + body,
        b"POST /orders" + head + json_lines + b"Transfer-Encoding: chunked\r\n\r\n11\r\n" + body + b"\r\n0\r\n\r\n",
        b"GET /accounts/a1/orders?limit=5" + head + token + b"\r\n",
        b"GET /admin" + head + token + b"\r\n",
        upgrade + token + b"\r\n",
    ]
    cases = json.loads(_CORPUS.read_text(encoding="utf-8"))["cases"]
    return good * 4 + [base64.b64decode(case["raw_b64"]) for case in cases if "raw_b64" in case]


def mutated(random: Random, given: Sequence[bytes]) -> bytes:
    """One of the requests with one to four changes."""
    raw = random.choice(given)
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 4))):
        raw = _changed(random, raw, given)
    return raw


def _changed(random: Random, raw: bytes, given: Sequence[bytes]) -> bytes:
    at = random.randrange(len(raw) + 1)
    end = min(len(raw), at + random.choice((1, 1, 2, 4, 16)))
    match random.randrange(10):
        case 0:
            return raw[:at] + bytes([random.randrange(256)]) + raw[at + 1 :]
        case 1:
            return raw[:at] + random.choice(_WORDS) + raw[at:]
        case 2:
            return raw[:at] + raw[end:]
        case 3:
            return raw[:end] + raw[at:end] + raw[end:]
        case 4 | 5:
            return _with_line(random, raw)
        case 6:
            return _with_target(random, raw)
        case 7:
            other = random.choice(given)
            return raw[:at] + other[random.randrange(len(other)) :]
        case 8:
            return raw + random.choice(given)
        case _:
            return raw[:at] + raw[at:end].swapcase() + raw[end:]


def _with_line(random: Random, raw: bytes) -> bytes:
    lines = raw.split(b"\r\n")
    lines.insert(random.randrange(1, len(lines) + 1), random.choice((random.choice(_LINES), random.choice(lines))))
    return b"\r\n".join(lines)


def _with_target(random: Random, raw: bytes) -> bytes:
    method, _, rest = raw.partition(b" ")
    target, space, rest = rest.partition(b" ")
    return method + b" " + random.choice((random.choice(_WORDS), target + random.choice(_WORDS))) + space + rest


def send(port: int, raw: bytes, source: str) -> bytes:
    """What comes back to an address of this machine until the server closes, or says nothing more."""
    try:
        return exchange(port, raw, seconds=_PATIENCE, source=source)
    except (TimeoutError, ConnectionError):
        return b""


class Side:
    """One parser, and what stands behind it."""

    def __init__(self, folder: Path, token: str | None) -> None:
        self.venue = Venue(folder, waits=False, token=token)
        self._sent = 0

    def see(self, port: int, batch: Sequence[bytes]) -> list[Seen]:
        """Sends one after the other, and when all is quiet looks at what became of each, by where it came from."""
        app, recorder = self.venue.app, self.venue.recorder
        app.reached.clear()
        recorder.records.clear()
        sources = [self._another_source() for _ in batch]
        sent = [send(port, raw, source) for raw, source in zip(batch, sources, strict=True)]
        while True:
            before = len(app.reached), len(recorder.records)
            time.sleep(_QUIET)
            if before == (len(app.reached), len(recorder.records)):
                break
        allowed = {each.decision_id: each for each in recorder.records if each.effect == "allow"}
        by_source: dict[str, list[Reached]] = {}
        for each in app.reached:
            by_source.setdefault(each.scope["client"][0], []).append(each)
        seen = [
            self._seen(raw, response, by_source.pop(source, []), allowed)
            for raw, response, source in zip(batch, sent, sources, strict=True)
        ]
        assert not by_source, "something reached the application that nobody sent"
        return seen

    def _another_source(self) -> str:
        """An address of this machine that was not used before, by which a request is known although it comes late."""
        self._sent += 1
        return f"127.{1 + (self._sent >> 16)}.{(self._sent >> 8) & 255}.{self._sent & 255}"

    def _seen(self, raw: bytes, response: bytes, reached: list[Reached], allowed: dict[str, DecisionRecord]) -> Seen:
        statuses = tuple(int(each) for each in re.findall(rb"HTTP/1\.1 ([1-5]\d\d) ", response))
        return Seen(statuses, tuple(reached), tuple(self._faults(raw, reached, statuses, allowed)))

    def _faults(
        self, raw: bytes, reached: list[Reached], statuses: Sequence[int], allowed: dict[str, DecisionRecord]
    ) -> Iterable[str]:
        for each in reached:
            found = each.header(b"x-durwan-decision")
            record = allowed.pop(found[0].decode(), None) if len(found) == 1 else None
            if record is None or (record.method, record.path) != (_method(each), each.scope["raw_path"].decode()):
                yield "the application was reached without a recorded allow"
            if not may_pass(each, raw, self.venue.token.encode()):
                yield "the application was reached by what the policy does not allow"
        if any(each.ended for each in reached) and any(code >= 500 for code in statuses):
            yield "what was carried out was answered as a failure"


def _method(reached: Reached) -> str:
    return str(reached.scope.get("method", "GET"))


def may_pass(reached: Reached, raw: bytes, token: bytes) -> bool:
    """What the policy of the venue allows, said once more and independently."""
    path, method = reached.scope["path"], _method(reached)
    if path == "/":
        return method in {"GET", "HEAD", "POST"} and reached.header(b"x-durwan-key") == [b""]
    if token not in raw or reached.header(b"x-durwan-key") != [b"desk-7"]:
        return False
    if path == "/orders":
        return method == "POST" and (not reached.ended or _is_small(reached.body))
    return (path, reached.scope["type"]) == ("/feed", "websocket") or (
        path in {"/accounts/a1/orders", "/feed"} and method in {"GET", "HEAD"}
    )


def _is_small(body: bytes) -> bool:
    try:
        return Decimal(str(json.loads(body, parse_float=Decimal)["quantity"])) <= 10
    except (ValueError, KeyError, TypeError, InvalidOperation):
        return False


def _differ(one: Seen, other: Seen) -> bool:
    """Whether two parsers let through the same bytes as different requests.

    Where there are several requests on a connection, which of them is which would be a guess: they are not compared.
    """
    if any(len(seen.reached) != 1 or len([code for code in seen.statuses if code > 199]) > 1 for seen in (one, other)):
        return False
    mine, theirs = one.reached[0], other.reached[0]
    names = ("type", "method", "raw_path", "query_string")
    if any(mine.scope.get(name) != theirs.scope.get(name) for name in names):
        return True
    return mine.scope["path"] == "/orders" and mine.ended and theirs.ended and mine.body != theirs.body


def run(folder: Path, mutations: int, seed: int = 1, *, unprotected: bool = False) -> Counts:
    """Sends mutations to both parsers; `unprotected` leaves the middleware out, to see that it is missed."""
    counts, random, began = Counts(seed), Random(seed), time.monotonic()
    sides: dict[Parser, Side] = {}
    for parser in PARSERS:
        (folder / parser).mkdir()
        token = sides["h11"].venue.token if sides else None
        sides[parser] = Side(folder / parser, token)
        counts.reached[parser], counts.statuses[parser] = 0, {}
    given = bases(sides["h11"].venue)
    apps = [side.venue.app if unprotected else side.venue.protected for side in sides.values()]
    with (
        serving(apps[0], "h11") as one,
        serving(apps[1], "httptools") as other,
        ThreadPoolExecutor(2) as threads,
    ):
        for start in range(0, mutations, _BATCH):
            batch = [mutated(random, given) for _ in range(min(_BATCH, mutations - start))]
            waiting = [threads.submit(sides[p].see, port, batch) for p, port in zip(PARSERS, (one, other), strict=True)]
            for raw, *seen in zip(batch, *(each.result() for each in waiting), strict=True):
                _count(counts, raw, seen)
    counts.seconds = round(time.monotonic() - began, 1)
    return counts


def _count(counts: Counts, raw: bytes, seen: Sequence[Seen]) -> None:
    counts.mutations += 1
    for parser, each in zip(PARSERS, seen, strict=True):
        counts.reached[parser] += len(each.reached)
        for code in each.statuses:
            counts.statuses[parser][code] = counts.statuses[parser].get(code, 0) + 1
        counts.faults += [f"{parser}: {fault}: {raw!r}" for fault in each.faults]
    counts.one_parser_alone += bool(seen[0].reached) is not bool(seen[1].reached)
    if _differ(seen[0], seen[1]):
        counts.faults.append(f"the parsers let through different requests: {raw!r}")


def main(arguments: Sequence[str] | None = None) -> int:
    """The long version."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutations", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        counts = run(Path(folder), options.mutations, options.seed)
    print(json.dumps(asdict(counts), indent=2))
    return 1 if counts.faults else 0


if __name__ == "__main__":
    sys.exit(main())
