"""Requests as bytes, against both parsers of uvicorn: what differs between them is refused, or decided alike."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateways.asgi_venue import PARSERS, Parser, Venue, exchange, serving, status

CORPUS = Path(__file__).parents[1] / "corpora" / "http_raw.json"
CASES = {
    case["name"]: base64.b64decode(case["raw_b64"])
    if "raw_b64" in case
    else b"GET / HTTP/1.1\r\nHost: x\r\nX-Big: " + b"a" * 65536 + b"\r\nConnection: close\r\n\r\n"
    for case in json.loads(CORPUS.read_text(encoding="utf-8"))["cases"]
}
# What becomes of each case with h11 and with httptools: 200 where the application is reached, else the status. Whoever
# asks for `/` is allowed, so what is refused here is refused for how it is written.
EXPECTED = {
    "dotdot": (400, 400),
    "%2e%2e": (400, 400),
    "%5c": (400, 400),
    ";param": (400, 400),
    "%3f": (400, 400),
    "noslash": (400, 400),
    "star": (400, 400),
    "underscore": (400, 400),
    "dup Host": (400, 400),
    "no Host": (400, 400),
    "host slash": (400, 400),
    "space before colon": (400, 400),
    "obs-fold": (200, 400),  # h11 makes one line of two, as RFC 9112 has it
    "bare LF": (200, 400),  # h11 takes a bare LF for the end of a line, as RFC 9112 allows
    "bare CR in hdr": (400, 400),
    "empty hdr name": (400, 400),
    "dup CL same": (200, 400),  # h11 makes one of two equal lengths, as RFC 9112 allows
    "dup CL diff": (400, 400),
    "CL +1": (400, 400),
    "CL 0x1": (400, 400),
    "chunk bad CRLF": (400, 400),
    "chunk ext LF": (400, 400),
    "HTTP/1.0 TE": (400, 400),
    "64KB header": (400, 400),
}
CLOSE = b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
LOCAL = CLOSE.replace(b"Host: x", b"Host: localhost")
HEAD = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
# More of the kind, with what each parser makes of it.
MORE: dict[str, tuple[bytes, tuple[int, int]]] = {
    "plain": (HEAD + b"\r\n", (200, 200)),
    "absolute": (b"GET http://localhost/" + LOCAL, (200, 200)),
    # httptools keeps the authority to itself: neither gate nor application sees another host than the header's.
    "absolute, other host": (b"GET http://evil/" + CLOSE, (400, 200)),
    "absolute, user": (b"GET http:" + b"//u:p@localhost/" + LOCAL, (400, 200)),
    "absolute, no path": (b"GET http://localhost" + CLOSE, (400, 400)),
    "fragment": (b"GET /#admin" + CLOSE, (400, 200)),  # dropped by httptools
    "fragment in the query": (b"GET /?a=1#b" + CLOSE, (400, 200)),
    "empty query": (b"GET /?" + CLOSE, (200, 200)),
    "two question marks": (b"GET /?a?b" + CLOSE, (200, 200)),
    "two slashes": (b"GET //" + CLOSE, (400, 400)),
    "other authority": (b"GET //evil/" + CLOSE, (400, 400)),
    "connect": (b"CONNECT x:80" + CLOSE, (400, 400)),
    "connect to a path": (b"CONNECT /" + CLOSE, (400, 400)),
    "trace": (b"TRACE /" + CLOSE, (400, 400)),
    "lower case": (b"get /" + CLOSE, (400, 400)),
    "odd method": (b"GE-T /" + CLOSE, (400, 400)),
    "encoded slash": (b"GET /%2f" + CLOSE, (400, 400)),
    "no UTF-8": (b"GET /%ff" + CLOSE, (400, 400)),
    "bad encoding": (b"GET /%zz" + CLOSE, (400, 400)),
    "encoded twice": (b"GET /%2561dmin" + CLOSE, (400, 400)),
    "NUL": (b"GET /%00" + CLOSE, (400, 400)),
    "control": (b"GET /\x01" + CLOSE, (400, 400)),
    "obs-text in the target": (b"GET /\xff" + CLOSE, (400, 400)),
    "version 0.9": (b"GET /\r\n\r\n", (400, 400)),
    "version 1.0": (b"GET / HTTP/1.0\r\nHost: x\r\n\r\n", (200, 200)),
    "version 2.0": (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", (400, 400)),
    "method in a header": (HEAD + b"X-HTTP-Method-Override: DELETE\r\n\r\n", (400, 400)),
    "path in a header": (HEAD + b"X-Original-URL: /admin\r\n\r\n", (400, 400)),
    "authorization twice": (HEAD + b"Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n", (400, 400)),
    "connection takes identity": (
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close, x-durwan-key\r\n\r\n", (400, 400)),
    "length and chunked": (POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nA\r\n0\r\n\r\n",
                           (400, 400)),
    "two codings": (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n1\r\nA\r\n0\r\n\r\n", (400, 400)),
    "odd coding": (POST + b"Transfer-Encoding: xchunked\r\n\r\n1\r\nA\r\n0\r\n\r\n", (400, 400)),
    "coding twice": (POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nA\r\n0\r\n\r\n",
                     (400, 400)),
    "length with zeros": (POST + b"Content-Length: 003\r\n\r\nabc", (400, 400)),
    "101 headers": (HEAD + b"".join(b"X-A%d: 1\r\n" % number for number in range(101)) + b"\r\n", (400, 400)),
    "upgrade to h2c": (b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", (200, 200)),
}  # fmt: skip


@pytest.fixture(name="venue", scope="module")
def venue_fixture(tmp_path_factory: pytest.TempPathFactory) -> Venue:
    return Venue(tmp_path_factory.mktemp("venue"), waits=False)


@pytest.fixture(name="ports", scope="module")
def ports_fixture(venue: Venue) -> Iterator[dict[Parser, int]]:
    with serving(venue.protected, "h11") as one, serving(venue.protected, "httptools") as other:
        yield {"h11": one, "httptools": other}


def outcome(venue: Venue, port: int, raw: bytes) -> int:
    """The status; and nothing reached the application but what was allowed and recorded."""
    venue.app.reached.clear()
    venue.recorder.records.clear()
    found = status(exchange(port, raw, seconds=0.3))
    allowed = [each.decision_id.encode() for each in venue.recorder.records if each.effect == "allow"]
    for reached in venue.app.reached:
        assert reached.header(b"x-durwan-decision") == [allowed.pop(0)]
        assert reached.scope["raw_path"] == b"/"
    assert not allowed
    # A body that is none ends the request while the application waits for the rest of it.
    assert any(reached.ended for reached in venue.app.reached) is (found == 200)
    return found


def test_every_case_has_an_expectation() -> None:
    """Each case of the corpus is expected to come out somehow, and there are no others."""
    assert CASES.keys() == EXPECTED.keys()


@pytest.mark.parametrize("name", CASES)
def test_a_recorded_request(venue: Venue, ports: dict[Parser, int], name: str) -> None:
    """Each recorded request reaches the application through no parser that the table does not name."""
    found = tuple(outcome(venue, ports[parser], CASES[name]) for parser in PARSERS)
    assert found == EXPECTED[name]


@pytest.mark.parametrize("name", MORE)
def test_another_request(venue: Venue, ports: dict[Parser, int], name: str) -> None:
    """As above, for what parsers are known to differ in."""
    raw, expected = MORE[name]
    assert tuple(outcome(venue, ports[parser], raw) for parser in PARSERS) == expected
