"""Paths, hosts and routes: one spelling, which everybody divides alike, and one route, which everybody finds."""

from __future__ import annotations

import posixpath
import re
from itertools import product
from urllib.parse import unquote, urlsplit

from hypothesis import given
from hypothesis import strategies as st
from starlette.routing import compile_path

from durwan.credentials.raw_request import RawRequest
from durwan.credentials.refusals import CODES, Refusal
from durwan.routing import RequestRules, Route, Routed, Router, RouteTable
from durwan.routing.host import read_host
from durwan.routing.target import canonical_path, decoded
from durwan.routing.templates import contested, is_same
from tests.requests_of import EVERYTHING, networks

_PIECES = (
    "a", "Z", "0", "-", ".", "..", "_", "~", ":", "@", "+", "!", "$", "&", "'", "(", ")", "*", ",", "=", ";", "/", "//",
    "\\", "?", "#", " ", "%", "%2", "%zz", "%2F", "%2f", "%5C", "%2e", "%2E%2E", "%00", "%0A", "%20", "%25", "%2541",
    "%41", "%7E", "%3a", "%3B", "%3F", "%23", "%C3%A9", "%c3%a9", "%EF%BD%81", "%C0%AE", "%ff", "%E2%80%AE", "\u00e9",
)  # fmt: skip
paths = st.lists(st.sampled_from(_PIECES), max_size=12).map(lambda parts: ("/" + "".join(parts)).encode("latin-1"))
anything = st.one_of(paths, st.binary(max_size=40), st.binary(max_size=40).map(lambda rest: b"/" + rest))


@given(anything)
def test_what_is_canonical_stays_as_it_is(path: bytes) -> None:
    """A path is refused, or has a spelling that is read as itself."""
    found = canonical_path(path)
    if found is not None:
        assert canonical_path(found.encode("ascii")) == found


@given(anything)
def test_everybody_divides_a_canonical_path_alike(path: bytes) -> None:
    """A router, a library of paths and one of URLs find the segments in it that were decided about."""
    found = canonical_path(path)
    if found is None:
        return
    segments = [decoded(segment) for segment in found[1:].split("/")]
    plain = unquote(found, errors="strict")
    assert plain[1:].split("/") == segments
    assert (posixpath.normpath(plain) + ("/" if plain.endswith("/") and plain != "/" else "")) == plain
    parts = urlsplit(f"https://api.example.com{found}")
    assert (parts.path, parts.query, parts.fragment, parts.netloc) == (found, "", "", "api.example.com")
    names = [f"p{index}" for index in range(len(segments))]
    if all(segments):
        regex, _, _ = compile_path("/" + "/".join(f"{{{name}}}" for name in names))
        match = regex.match(plain)
        assert match is not None
        assert [match[name] for name in names] == segments


@given(anything, anything)
def test_what_decodes_alike_is_spelt_alike(path: bytes, other: bytes) -> None:
    """Two paths that say the same have one canonical spelling, so no second spelling slips by a decision."""
    found, second = canonical_path(path), canonical_path(other)
    if found is not None and second is not None:
        assert (found == second) == (unquote(found) == unquote(second))


@given(st.binary(max_size=60) | st.text("aB1.-_[]:80f", max_size=20).map(str.encode))
def test_a_host_has_one_spelling(value: bytes) -> None:
    """What is read of a host is read as itself."""
    found = read_host(value)
    if found is not None:
        assert read_host(found.encode()) == found
        assert found == found.lower()


_names = st.sampled_from(
    [b"host", b"Host", b"authorization", b"X_Api_Key", b"x-api-key", b"x-forwarded-for", b"connection", b"a", b"",
     b"content-length", b"x-original-url", b"transfer-encoding", b"b c"]
) | st.binary(max_size=8)  # fmt: skip
_values = st.sampled_from([b"x", b"1.1.1.1", b"10.0.0.1, 10.0.0.2", b"close", b"0", b"\x00", b"\xff", b""]) | st.binary(
    max_size=12
)
_requests = st.builds(
    RawRequest,
    st.sampled_from(["GET", "POST", "get", "", "DELETE"]) | st.text(max_size=5),
    anything | st.tuples(anything, st.binary(max_size=10)).map(b"?".join),
    st.lists(st.tuples(_names, _values), max_size=6).map(tuple),
    st.binary(max_size=10),
    st.sampled_from(["10.0.0.1", "203.0.113.9", "", "::1", "x"]) | st.text(max_size=5),
    st.just(0),
)
_ROUTERS = [
    Router(EVERYTHING, RequestRules()),
    Router(EVERYTHING, RequestRules(trusted=networks("10.0.0.0/8"), unix_socket=True, hosts=frozenset({"x"}))),
]


@given(_requests)
def test_a_router_never_raises(raw: RawRequest) -> None:
    """Whatever the bytes of a request are, they have a route or a refusal, the same each time."""
    for router in _ROUTERS:
        found = router.read(raw)
        assert isinstance(found, Routed) or found.code in CODES
        assert router.read(raw) == found
        if isinstance(found, Routed):
            assert canonical_path(found.path.encode()) == found.path
            assert read_host(found.host.encode()) == found.host
            assert router.address_of(raw) == found.address


# ------------------------------------------------------------------------------------------------------------ routes

_SEGMENTS = ("a", "b", "{x}", "{y}", "{r*}")
templates = st.lists(st.sampled_from(_SEGMENTS[:4]), min_size=1, max_size=3).flatmap(
    lambda parts: st.sampled_from(["/" + "/".join(parts), "/" + "/".join([*parts, "{r*}"])])
)


def _takes(template: str, path: str) -> bool:
    pattern = re.sub(r"\\\{[a-z]\\\*\\\}", ".+", re.sub(r"\\\{[a-z]\\\}", "[^/]+", re.escape(template)))
    return re.fullmatch(pattern, path) is not None


def _width(template: str) -> list[int]:
    return [0 if not each.startswith("{") else 2 if each.endswith("*}") else 1 for each in template[1:].split("/")]


@given(st.lists(templates, max_size=8))
def test_the_narrowest_route_is_taken(written: list[str]) -> None:
    """Of all templates that take a path, where none contests another, the narrowest is found; else there is none."""
    kept: list[str] = []
    for template in written:
        doubled = re.fullmatch(r".*\{([xy])\}.*\{\1\}.*", template)
        if doubled is None and not any(is_same(template, each) or contested(template, each) for each in kept):
            kept.append(template)
    table = RouteTable([Route(method="GET", template=each, action="a") for each in kept])
    for length in range(1, 5):
        for parts in product("abc", repeat=length):
            path = "/" + "/".join(parts)
            taking = sorted((each for each in kept if _takes(each, path)), key=_width)
            found = table.find("GET", path)
            if not taking:
                assert isinstance(found, Refusal)
                assert found.code == "route_unknown"
            else:
                assert not isinstance(found, Refusal)
                assert found[0].template == taking[0]
            other = table.find("POST", path)
            assert isinstance(other, Refusal)
            assert other.code == ("method_not_allowed" if taking else "route_unknown")


@given(templates, templates)
def test_templates_are_contested_by_a_path_that_both_take(template: str, other: str) -> None:
    """The example of two ambiguous templates is one that both take, whichever of them is asked first."""
    example = contested(template, other)
    assert (example is None) == (contested(other, template) is None)
    if example is not None:
        assert _takes(template, example)
        assert _takes(other, example)
