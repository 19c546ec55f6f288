"""Our own canonical form: no two requests are signed as the same text."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from durwan.credentials.raw_request import RawRequest
from durwan.credentials.schemes.loading import load_scheme
from durwan.credentials.schemes.pieces import length_prefixed
from durwan.credentials.schemes.scheme import SignedParts
from tests.unit.credentials.schemes.signed import NOW, signed

SCHEME = load_scheme("durwan")
# Bytes of which lengths and separators are made, so that one field may look like the end of another.
TRICKY = st.text("0123,\n:=&?/ab", max_size=12).map(str.encode)
FIELDS = st.lists(st.one_of(TRICKY, st.binary(max_size=12)), max_size=8)


@given(FIELDS)
@settings(max_examples=500)
def test_the_fields_can_be_told_from_the_form(fields: list[bytes]) -> None:
    """Whoever reads the lengths gets the very fields back, so no others have the same form."""
    assert _read(length_prefixed(fields)) == fields


def _read(form: bytes) -> list[bytes]:
    """The fields again, by the description of the form alone."""
    lengths, _, contents = form.partition(b"\n")
    fields: list[bytes] = []
    for length in map(int, lengths.split(b",") if lengths else ()):
        fields.append(contents[:length])
        contents = contents[length:]
    assert contents == b""
    return fields


@given(FIELDS, st.data())
@settings(max_examples=500)
def test_other_fields_have_another_form(fields: list[bytes], data: st.DataObject) -> None:
    """Also those that differ only in where one ends and the next begins."""
    joined = b"".join(fields)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(joined)), max_size=8)))
    other = [joined[start:end] for start, end in zip([0, *cuts], [*cuts, len(joined)], strict=True)]
    assert (length_prefixed(fields) == length_prefixed(other)) is (fields == other)


WORD = st.text("abc129", min_size=1, max_size=4)
PATHS = st.lists(WORD, max_size=3).map(lambda steps: "/" + "/".join(steps))
QUERIES = st.one_of(
    st.none(), st.dictionaries(WORD, WORD, max_size=2).map(lambda pairs: "&".join(f"{k}={v}" for k, v in pairs.items()))
)
TUPLES = st.tuples(
    st.sampled_from(["GET", "POST", "PUT"]),
    PATHS,
    QUERIES,
    st.sampled_from([b"", b"1", b"12", b"a=1"]),
    st.sampled_from(["k1", "k12", "k"]),
    st.integers(NOW, NOW + 2),
    st.sampled_from(["n" * 16, "n" * 17]),
    st.sampled_from(["api.example.com", "api.example.co"]),
    st.sampled_from([(), (("x-a", "1"),), (("x-a", "12"),), (("x-a", "1"), ("x-b", "2"))]),
)
Tuple = tuple[str, str, str | None, bytes, str, int, str, str, tuple[tuple[str, str], ...]]


def _message(fields: Tuple) -> bytes:
    """What is signed of a request with these fields."""
    method, path, query, body, key_id, timestamp, nonce, host, headers = fields
    target = path if query is None else f"{path}?{query}"
    pairs = tuple((name.encode(), value.encode()) for name, value in headers)
    raw = RawRequest(method, target.encode(), ((b"host", host.encode()), *pairs), body, "192.0.2.7", timestamp)
    sent = signed("durwan", raw, nonce=nonce, signed_headers=[name for name, _ in headers])
    sent = replace(sent, headers=tuple((n, key_id.encode() if n == b"durwan-key" else v) for n, v in sent.headers))
    parts = SCHEME.parts(sent)
    assert isinstance(parts, SignedParts)
    return parts.message


@given(TUPLES, TUPLES)
@settings(max_examples=400)
def test_what_is_signed_tells_the_request(one: Tuple, other: Tuple) -> None:
    """Two requests are signed as the same text only if every field of them is the same."""
    assert (_message(one) == _message(other)) is (one == other)
