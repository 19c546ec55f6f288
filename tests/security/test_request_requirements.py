"""R40, R42 to R46: a request has one meaning, or it is refused before anything is decided about it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from durwan.credentials.raw_request import Headers
from durwan.credentials.refusals import CODES, Refusal
from durwan.routing import RequestRules, RequestRulesError, Route, Routed, Router, RouteTable
from tests.requests_of import EVERYTHING, code_of, networks, read, request

CORPORA = Path(__file__).parents[1] / "corpora"
PATHS: list[dict[str, str]] = json.loads((CORPORA / "paths.json").read_text())
FORWARDED: list[dict[str, Any]] = json.loads((CORPORA / "xff.json").read_text())
PROXIES = networks("10.0.0.0/8", "fd00::/8")
XFF = b"X-Forwarded-For"


def address(*lines: bytes, peer: str = "10.0.0.2", **rules: Any) -> str:
    """The address that is found, or the code of the refusal."""
    found = read(request(headers=tuple((XFF, line) for line in lines), peer=peer), trusted=PROXIES, **rules)
    return found.code if isinstance(found, Refusal) else found.address


# ------------------------------------------------------------------------------------------------------------- R40


@pytest.mark.parametrize("row", FORWARDED, ids=lambda row: ascii(row["headers"]))
def test_every_row_of_the_corpus_of_forwarded_addresses(row: dict[str, Any]) -> None:
    """Each list of hops is refused, or gives the address that the corpus expects."""
    headers = tuple((XFF, line.encode()) for line in row["headers"])
    found = read(request(headers=headers, peer=row["peer"]), trusted=networks(*row["trusted"]))
    if row["expected"] == "deny":
        assert isinstance(found, Refusal)
        assert found.code in {"address_refused", "header_refused"}
    else:
        assert isinstance(found, Routed)
        assert found.address == row["expected"]


def test_hops_mean_nothing_of_a_peer_that_is_not_trusted() -> None:
    """Whoever is not trusted is the client, whatever they say of others, even if that cannot be read."""
    for line in (b"10.0.0.1", b"127.0.0.1", b"garbage", b""):
        assert address(line, peer="198.51.100.7") == "198.51.100.7"
    assert address(b"1.1.1.1", peer="::ffff:198.51.100.7") == "198.51.100.7"


def test_hops_are_walked_over_all_lines_from_the_right() -> None:
    """The last address that is not trusted is the client; what stands before it, anybody may have written."""
    assert address(b"6.6.6.6, 1.1.1.1", b"10.0.0.3", b"fd00::1") == "1.1.1.1"
    assert address(b"6.6.6.6", b"1.1.1.1") == "1.1.1.1"
    assert address(b"nonsense, 1.1.1.1") == "1.1.1.1"
    assert address(b"2001:DB8:0::1\t,  10.0.0.3") == "2001:db8::1"


@pytest.mark.parametrize(
    "lines",
    [
        (), (b"",), (b"1.1.1.1", b""), (b"10.0.0.3",), (b"10.0.0.3, ::ffff:10.9.9.9",), (b"1.1.1.1:80",),
        (b"[2001:db8::1]",), (b"fe80::1%eth0",), (b"1.1.1.1\x0b",), (b"01.1.1.1",), (b"1.1.1.1 2.2.2.2",),
        (b"for=1.1.1.1",), (b'"1.1.1.1"',), (b"_hidden",), (b"1.1.1.1,unknown,10.0.0.3",), (b"\xef\xbc\x91.1.1.1",),
    ],
)  # fmt: skip
def test_an_address_that_cannot_be_established_is_a_refusal(lines: tuple[bytes, ...]) -> None:
    """A hop that is empty or cannot be read, and a list in which everybody is trusted, give no address."""
    assert address(*lines) in {"address_refused", "header_refused"}


def test_at_most_32_hops_are_walked() -> None:
    """With one more there is no address, even where the last of them is the client's."""
    hops = [b"10.0.0.1"] * 31
    assert address(b", ".join([b"1.1.1.1", *hops])) == "1.1.1.1"
    assert address(b", ".join([b"1.1.1.1", *hops, b"10.0.0.1"])) == "address_refused"
    assert address(*[b"1.1.1.1"] * 33) == "address_refused"


@pytest.mark.parametrize("peer", ["", "unix", "10.0.0.2:80", "localhost", "10.0.0.2\n", "0", "testclient"])
def test_a_peer_that_is_no_address_is_refused(peer: str) -> None:
    """Who has opened the connection has to be known."""
    assert address(b"1.1.1.1", peer=peer) == "address_refused"


def test_a_unix_socket_is_trusted_where_the_rules_say_so() -> None:
    """Then its peer has no address, and says whom it asks for; without that there is no client."""
    assert address(b"1.1.1.1", peer="", unix_socket=True) == "1.1.1.1"
    assert address(peer="", unix_socket=True) == "address_refused"
    assert address(b"1.1.1.1", peer="unix", unix_socket=True) == "address_refused"


def test_another_header_may_name_the_hops() -> None:
    """The rules say in which header they stand; then the usual one means nothing."""
    headers = ((XFF, b"6.6.6.6"), (b"X-Real-IP", b"1.1.1.1"))
    found = read(request(headers=headers, peer="10.0.0.2"), trusted=PROXIES, forwarded="x-real-ip")
    assert isinstance(found, Routed)
    assert found.address == "1.1.1.1"


def test_the_address_is_known_of_what_is_refused_for_something_else() -> None:
    """Failures can be counted by address; but nothing is believed of headers that are refused themselves."""
    router = Router(EVERYTHING, RequestRules(trusted=PROXIES))
    assert router.address_of(request(b"//", ((XFF, b"1.1.1.1"),), peer="10.0.0.2")) == "1.1.1.1"
    twice: Headers = ((XFF, b"1.1.1.1"), (b"authorization", b"a"), (b"authorization", b"b"))
    assert router.address_of(request(headers=twice, peer="198.51.100.7")) == "198.51.100.7"
    assert isinstance(router.address_of(request(headers=twice, peer="10.0.0.2")), Refusal)


# ------------------------------------------------------------------------------------------------------------- R42


@pytest.mark.parametrize("row", PATHS, ids=lambda row: row["raw_target"][:40])
def test_every_row_of_the_corpus_of_paths(row: dict[str, str]) -> None:
    """Each target is refused, or has the path and the query that the corpus expects."""
    found = read(request(row["raw_target"].encode()))
    if row["expected"].startswith(("reject", "path /admin, query x=1, fragment => reject")):
        assert isinstance(found, Refusal)
        assert found.code in {"target_refused", "host_refused", "request_too_large"}
        return
    assert isinstance(found, Routed)
    assert found.query == b""
    if row["expected"].startswith("/"):
        assert found.path == row["expected"]
    else:
        assert row["expected"].startswith("literal")
        assert found.path != "/admin"
        assert found.parameters == {"rest": unquote(row["raw_target"])[1:]}


@pytest.mark.parametrize(
    "target",
    [
        b"", b"*", b"?", b"admin", b"./admin", b"/a//", b"/a/%2e", b"/a/.%2E/b", b"/%2e%2e", b"/a/..", b"/a%252fb",
        b"/a%25b", b"/a;b", b"/a%3Bb", b"/a%23b", b"/a\x00b", b"/a\x7f", b"/a b", b"/a\tb", b"/\xc3\xa9", b"/a%u0041",
        b"/%C0%AF", b"/%ED%A0%80", b"/a%C2%85b", b"/a%E2%80%AEb", b"/a%E2%80%8Bb", b"/a%EF%BB%BF", b"/a%0d%0aX:y",
        b"/a\r\n", b'/"', b"/<x>", b"/{x}", b"/[x]", b"/a|b", b"/a^b", b"/a`b", b"/a?x=\x00", b"/a?x= y", b"/a?x=%",
        b"/a?x=%4", b"/a?x=%GG", b"/a?x=\xff", b"/a?#", b"example.com:443", b"http:/a", b"http:///a", b"//evil/a",
        b"https://api.example.com", b"ftp://api.example.com/a", b"http://api.example.com/a//b", b"http://?a", b"/" * 3,
    ],
)  # fmt: skip
def test_what_can_be_read_in_two_ways_is_refused(target: bytes) -> None:
    """No target is repaired: where readers could divide or decode it differently, nothing is decided about it."""
    assert code_of(request(target)) in {"target_refused", "host_refused"}


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"/", "/"), (b"/a/b", "/a/b"), (b"/a/", "/a/"), (b"/%41%2D%7e%5F", "/A-~_"), (b"/a%3ab%40%2B", "/a:b@+"),
        (b"/a+b", "/a+b"), (b"/...", "/..."), (b"/.a", "/.a"), (b"/a..b", "/a..b"), (b"/%c3%a9", "/%C3%A9"),
        (b"/a%20b", "/a%20b"), (b"/%7bx%7D", "/%7Bx%7D"), (b"/(a)!$&'*,=", "/(a)!$&'*,="),
        (b"http://api.example.com/a?b", "/a"), (b"HTTPS://API.example.com:443/a", "/a"),
    ],
)  # fmt: skip
def test_a_path_has_one_spelling(target: bytes, path: str) -> None:
    """What differs in its encoding alone is written in one way, which stays as it is when it is read again."""
    found = read(request(target))
    assert isinstance(found, Routed)
    assert found.path == path
    again = read(request(path.encode()))
    assert isinstance(again, Routed)
    assert again.path == path


def test_a_target_has_bounds() -> None:
    """A target of 8 KiB and a path of 64 segments are read; with one more of either it is refused."""
    assert code_of(request(b"/" + b"a" * 8191)) == "routed"
    assert code_of(request(b"/" + b"a" * 8192)) == "request_too_large"
    assert code_of(request(b"/a?" + b"b" * 8190)) == "request_too_large"
    assert code_of(request(b"/a" * 64)) == "routed"
    assert code_of(request(b"/a" * 65)) == "target_refused"


# ------------------------------------------------------------------------------------------------------------- R43


def test_a_request_has_exactly_one_host() -> None:
    """None, an empty one and two of them, even alike or in other letters, are refused."""
    assert code_of(request(host=None)) == "host_refused"
    assert code_of(request(host=b"")) == "host_refused"
    assert code_of(request(headers=((b"Host", b"api.example.com"),))) == "host_refused"
    assert code_of(request(host=None, headers=())) == "host_refused"


@pytest.mark.parametrize(
    "host",
    [
        b"x/admin?", b"x/admin", b"x?", b"x#", b"a@x", b"a:b@x", b"x:", b"x:0", b"x:080", b"x:65536", b"x:8a", b"x:-1",
        b"x y", b" x", b"x ", b"x\t", b"x,y", b"x.", b".x", b"a..b", b"-x", b"x-.y", b"\xc3\xa9.com", b"x%2ey",
        b"127.1",
        b"0x7f.0.0.1", b"2130706433", b"1.2.3.04", b"[::1", b"::1", b"[::1%eth0]", b"[1.2.3.4]", b"[::1]x", b"x\r\ny",
        b"a" * 64 + b".com", b"a." * 130, b"x\x00", b"x;y", b"*", b"x:80:80",
    ],
)  # fmt: skip
def test_what_is_no_host_is_refused(host: bytes) -> None:
    """User names, paths, spaces, odd addresses and ports, and everything else that is no host, are refused."""
    assert code_of(request(host=host)) in {"host_refused", "header_refused"}


@pytest.mark.parametrize(
    ("written", "host"),
    [
        (b"HTTPBIN.foo", "httpbin.foo"), (b"x:443", "x"), (b"x:80", "x"), (b"X:8080", "x:8080"),
        (b"127.0.0.1:1", "127.0.0.1:1"),
        (b"[::FFFF:1.2.3.4]", "1.2.3.4"), (b"[2001:DB8:0:0::1]:8443", "[2001:db8::1]:8443"),
        (b"my_service", "my_service"),
    ],
)  # fmt: skip
def test_a_host_has_one_spelling(written: bytes, host: str) -> None:
    """In small letters, without a usual port."""
    found = read(request(host=written))
    assert isinstance(found, Routed)
    assert found.host == host
    assert code_of(request(host=written), hosts=frozenset({host})) == "routed"
    assert code_of(request(host=written), hosts=frozenset({"other"})) == "host_refused"


def test_the_authority_of_a_target_is_that_of_the_host() -> None:
    """A target that names another host than the header is refused."""
    assert code_of(request(b"http://api.example.com:80/a")) == "routed"
    for authority in (b"evil.example", b"api.example.com:8080", b"a@api.example.com", b"api.example.com.", b""):
        assert code_of(request(b"http://" + authority + b"/a")) == "host_refused"


# ------------------------------------------------------------------------------------------------------------- R44


@pytest.mark.parametrize(
    "method",
    ["get", "Get", "GE-T", "GET ", "", "GE", "GETGETGETGE", "TRACE", "CONNECT", "PROPFIND", "G\u0415T", "GET\n"],
)
def test_other_methods_are_refused(method: str) -> None:
    """Only the configured ones are taken, and only as they are written."""
    assert code_of(request(method=method)) == "method_refused"


def test_the_accepted_methods_are_configured() -> None:
    """A set of them is what is taken; what could never match, or must not, is no such set."""
    assert code_of(request(method="POST"), methods=frozenset({"GET"})) == "method_refused"
    for method in ("get", "GE-T", "TRACE", "CONNECT", ""):
        with pytest.raises(RequestRulesError):
            RequestRules(methods=frozenset({method}))
    for name in ("X-Api-Key", "x_api_key", "x.api", ""):
        with pytest.raises(RequestRulesError):
            RequestRules(singletons=frozenset({name}))


@pytest.mark.parametrize(
    "name", [b"X-HTTP-Method-Override", b"x_http_method_override", b"X-HTTP-Method", b"X.Method.Override"]
)
def test_a_header_cannot_replace_the_method(name: bytes) -> None:
    """Whoever asks for another method by a header is refused: what stands behind the gate might listen."""
    assert code_of(request(headers=((name, b"DELETE"),))) == "method_refused"
    assert code_of(request(headers=((name, b"GET"),))) == "method_refused"


@pytest.mark.parametrize(
    "query", [b"_method=DELETE", b"a=1&_method=PUT", b"%5Fmethod=DELETE", b"_method", b"_%6dethod=X"]
)
def test_a_parameter_cannot_replace_the_method(query: bytes) -> None:
    """Nor can a parameter that some frameworks take for the method."""
    assert code_of(request(b"/a?" + query)) == "method_refused"
    assert code_of(request(b"/a?x=_method&my_method=1")) == "routed"


# ------------------------------------------------------------------------------------------------------------- R45


@pytest.mark.parametrize(
    "name",
    ["Authorization", "Host", "X-Api-Key", "Content-Length", "Content-Type", "Transfer-Encoding", "Signature", "DPoP"],
)
def test_a_header_that_may_come_once_comes_once(name: str) -> None:
    """Twice, alike or not and in whatever letters, is a refusal."""
    headers = ((name.encode(), b"1"), (name.lower().encode(), b"1"))
    assert code_of(request(headers=headers)) in {"header_refused", "host_refused"}
    other = ((b"accept", b"a"), (b"accept", b"b"), (b"cookie", b"c"), (b"cookie", b"d"))
    assert code_of(request(headers=other)) == "routed"


@pytest.mark.parametrize(
    "name",
    [
        b"X_Api_Key", b"x.api.key", b"X-Api_Key", b"Content_Length", b"Content.Type", b"X_Forwarded_For",
        b"Idempotency_Key", b"X_Durwan_Key", b"x-durwan.key", b"Transfer_Encoding",
    ],
)  # fmt: skip
def test_no_header_has_nearly_the_name_of_another(name: bytes) -> None:
    """A name that servers fold to one that means something here is refused, with and without the other."""
    rules: dict[str, Any] = {"identity": frozenset({"x-durwan-key"})}
    assert code_of(request(headers=((name, b"1"),)), **rules) == "header_refused"
    assert code_of(request(headers=((b"x_other", b"1"), (b"x.y", b"2"))), **rules) == "routed"
    assert code_of(request(headers=((b"x-durwan-key", b"1"),)), **rules) == "routed"


def test_headers_that_a_route_reads_come_once() -> None:
    """What a route reads or is repeated by is protected like what the gate reads."""
    table = RouteTable([Route(method="GET", template="/orders", action="a", idempotency="x-once")])
    assert code_of(request(headers=((b"X-Once", b"1"),)), table) == "routed"
    assert code_of(request(headers=((b"X-Once", b"1"), (b"x-once", b"1"))), table) == "header_refused"
    assert code_of(request(headers=((b"X_Once", b"1"),)), table) == "header_refused"


def test_text_beyond_ascii_is_refused_where_it_is_read() -> None:
    """In a header that means something here no such byte is taken; elsewhere it means nothing."""
    assert code_of(request(headers=((b"x-role", b"admin\xff"),))) == "routed"
    for name in (b"authorization", b"x-api-key", b"content-type"):
        assert code_of(request(headers=((name, b"admin\xff"),))) == "header_refused"
    assert code_of(request(host=b"caf\xe9.com")) in {"header_refused", "host_refused"}


@pytest.mark.parametrize(
    "header",
    [
        (b"x", b"a\r\nb: c"), (b"x", b"a\nb"), (b"x", b"a\rb"), (b"x", b"a\x00"), (b"x", b"\x7f"), (b"x", b"\x1b[2J"),
        (b"", b"v"), (b" x", b"v"), (b"x ", b"v"), (b"x:y", b"v"), (b"x\ny", b"v"), (b":path", b"/admin"),
        (b"caf\xc3\xa9", b"v"), (b"x(y)", b"v"),
    ],
)  # fmt: skip
def test_headers_have_the_characters_of_headers(header: tuple[bytes, bytes]) -> None:
    """Names are tokens, and values hold no control characters, whichever header it is."""
    assert code_of(request(headers=(header,))) == "header_refused"


def test_the_length_of_a_body_is_said_in_one_way() -> None:
    """A length that is none, and a length beside chunks, are refused."""
    for value in (b"+1", b"0x1", b"1,1", b"01", b"", b"-1", b"1 "):
        assert code_of(request(headers=((b"content-length", value),))) == "header_refused"
    both = ((b"content-length", b"1"), (b"transfer-encoding", b"chunked"))
    assert code_of(request(headers=both)) == "header_refused"
    assert code_of(request(headers=((b"content-length", b"0"),))) == "routed"


def test_headers_have_bounds() -> None:
    """100 headers of 16 KiB together are read; with one more of either the request is refused."""
    many = tuple((b"x-%d" % number, b"") for number in range(99))
    assert code_of(request(headers=many)) == "routed"
    assert code_of(request(headers=(*many, (b"y", b"")))) == "request_too_large"
    room = 16384 - len(b"host" + b"api.example.com" + b"x")
    assert code_of(request(headers=((b"x", b"a" * room),))) == "routed"
    assert code_of(request(headers=((b"x", b"a" * (room + 1)),))) == "request_too_large"
    assert code_of(request(headers=((b"x" * 16384, b"a"),))) == "request_too_large"


def test_what_is_remembered_of_names_changes_no_answer() -> None:
    """A router that has seen thousands of sequences of names answers as one that has seen none."""
    router = Router(EVERYTHING, RequestRules())
    odd = request(headers=((b"authorization", b"a"), (b"x", b"b"), (b"authorization", b"c")))
    for number in range(3000):
        router.read(request(headers=((b"x-%d" % number, b"a"), (b"authorization", b"a"))))
        router.read(request(host=b"h%d.example" % number))
        if number % 700 == 0:
            assert router.read(odd) == read(odd)
            assert router.read(request()) == read(request())
            assert router.read(request(headers=((b"connection", b"host"),))) == read(
                request(headers=((b"connection", b"host"),))
            )


# ------------------------------------------------------------------------------------------------------------- R46


@pytest.mark.parametrize(
    "name",
    [
        b"X-Original-URL", b"X-Original-URI", b"X_Original_Url", b"X-Rewrite-URL", b"X-Original-Method",
        b"X-Forwarded-Uri", b"X-Forwarded-Method", b"X-Forwarded-Prefix", b"X-Envoy-Original-Path",
        b"X-Envoy-Internal", b"x.envoy.external.address",
    ],
)  # fmt: skip
def test_only_a_trusted_peer_renames_the_request(name: bytes) -> None:
    """What some servers take the target or the caller from is refused of everybody else."""
    headers = ((name, b"/admin"), (XFF, b"1.1.1.1"))
    assert code_of(request(headers=headers, peer="198.51.100.7"), trusted=PROXIES) == "header_refused"
    assert code_of(request(headers=headers, peer="10.0.0.2"), trusted=PROXIES) == "routed"
    assert code_of(request(headers=headers)) == "header_refused"


@pytest.mark.parametrize(
    "value",
    [
        b"x-durwan-key", b"close, X-Durwan-Key", b"keep-alive,authorization", b"x_durwan_key", b"Host", b"",
        b"close,", b"x-forwarded-for", b"close; x", b"anything",
    ],
)  # fmt: skip
def test_connection_names_nothing_that_means_something(value: bytes) -> None:
    """A hop that takes off what `Connection` names takes off nothing that was decided by, or is to be set."""
    rules: dict[str, Any] = {"identity": frozenset({"x-durwan-key"})}
    assert code_of(request(headers=((b"connection", value),)), **rules) == "header_refused"
    for usual in (b"close", b"Keep-Alive", b"Upgrade", b"keep-alive, Upgrade", b"Upgrade, HTTP2-Settings", b"TE"):
        assert code_of(request(headers=((b"Connection", usual),)), **rules) == "routed"


def test_refusals_hold_nothing_of_the_request() -> None:
    """What is refused is refused in fixed words: nothing that came is told or logged by them."""
    canary = b"c4n4ry"
    requests = [
        request(b"/" + canary + b"//x"), request(b"/a?" + canary + b"=%"), request(host=canary + b"/"),
        request(headers=((canary, b"\x00"),)), request(method="c4n4ry"), request(peer="c4n4ry"),
        request(b"/a", ((b"connection", canary),)), request(b"http://" + canary + b"/a"),
    ]  # fmt: skip
    for raw in requests:
        found = read(raw)
        assert isinstance(found, Refusal)
        assert "c4n4ry" not in repr(found)
        assert CODES[found.code][0] == found.status
        assert "c4n4ry" not in repr(raw)
