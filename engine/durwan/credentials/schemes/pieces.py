"""What is signed, put together: the pieces of a profile made into functions of a request's fields."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from operator import itemgetter
from typing import Any, Final, NamedTuple, assert_never

from durwan.credentials.raw_request import RawRequest
from durwan.credentials.schemes.profile import (
    FIELDS,
    Authority,
    DecodedQuery,
    Hash,
    Joined,
    MessageField,
    OneOf,
    PathWithout,
    Piece,
    SignedHeaders,
    SortedMembers,
    Text,
)
from durwan.credentials.schemes.request_fields import (
    decoded_query,
    header_index,
    is_printable,
    member,
    signed_headers,
    sorted_members,
    stop,
)

# The fields of a request in the order of FIELDS.
Fields = tuple[bytes, ...]


class Sources(NamedTuple):
    """Where pieces find what is no field: the request, its headers by name, its message, which headers are signed."""

    raw: RawRequest
    headers: Mapping[bytes, bytes]
    message: Mapping[str, Any]
    signed_headers: bytes


Make = Callable[[Fields, Sources], bytes]
_NO_BODY: Final = {name: hashlib.new(name).digest() for name in ("sha256", "sha384", "sha512")}


def length_prefixed(values: Sequence[bytes]) -> bytes:
    r"""Values as one text from which each of them can be told: their lengths, and after a line break all of them.

    `(b"GET", b"/a", b"")` is `3,2,0` `\n` `GET/a`. No other values have the same text: up to the first line break stand
    digits and commas alone, which say how many values there are and where each begins and ends.
    """
    return _form(len(values)) % (*map(len, values), *values)


@cache
def _form(count: int) -> bytes:
    return b",".join([b"%d"] * count) + b"\n" + b"%b" * count


def joiner(joined: Joined) -> Make:
    """The function that makes what is signed."""
    separator = joined.separator
    if separator == b"":
        return _concatenation(joined.pieces)
    values = _tuple_of(joined.pieces)
    if separator is None:
        return lambda fields, sources: length_prefixed(values(fields, sources))
    return lambda fields, sources: separator.join(values(fields, sources))


def _concatenation(pieces: Sequence[Piece]) -> Make:
    if all(isinstance(piece, str | Text) for piece in pieces) and sum(isinstance(piece, str) for piece in pieces) > 1:
        # One step in C: a template with the texts in it, filled with the fields.
        template = b"".join(piece.text.replace(b"%", b"%%") if isinstance(piece, Text) else b"%b" for piece in pieces)
        chosen = itemgetter(*(FIELDS.index(piece) for piece in pieces if isinstance(piece, str)))
        return lambda fields, _: template % chosen(fields)
    values = _tuple_of(pieces)
    return lambda fields, sources: b"".join(values(fields, sources))


def _tuple_of(pieces: Sequence[Piece]) -> Callable[[Fields, Sources], Sequence[bytes]]:
    """The values of pieces; fields are taken in one step, and what is made is added to them before."""
    made = [_make(piece) for piece in pieces if not isinstance(piece, str)]
    places = iter(range(len(FIELDS), len(FIELDS) + len(made)))
    chosen = itemgetter(*(FIELDS.index(piece) if isinstance(piece, str) else next(places) for piece in pieces))
    if len(pieces) == 1:
        return lambda fields, sources: (chosen((*fields, *(make(fields, sources) for make in made))),)
    return lambda fields, sources: chosen((*fields, *[make(fields, sources) for make in made]))


def _make(piece: Piece) -> Make:
    match piece:
        case str():
            return _field(FIELDS.index(piece))
        case Text(text=text):
            return lambda _, __: text
        case Hash():
            return _hash(piece)
        case OneOf(fields=names):
            return _one_of([FIELDS.index(name) for name in names])
        case SortedMembers(path=path, without=without):
            return lambda _, sources: sorted_members(sources.message, path, without)
        case MessageField(path=path):
            return lambda _, sources: member(sources.message, path) or b""
        case Authority():
            return _authority
        case SignedHeaders():
            return _signed_headers
        case PathWithout() | DecodedQuery():
            return _changed(piece)
    assert_never(piece)


def _changed(piece: PathWithout | DecodedQuery) -> Make:
    if isinstance(piece, DecodedQuery):
        place = FIELDS.index("query")
        return lambda fields, _: decoded_query(fields[place])
    place, prefix = FIELDS.index("path"), piece.prefix
    return lambda fields, _: fields[place].removeprefix(prefix)


def _field(place: int) -> Make:
    return lambda fields, _: fields[place]


def _hash(piece: Hash) -> Make:
    new = getattr(hashlib, piece.algorithm)
    if piece.pieces == ("body",):
        return _hash_of_body(piece, new)
    content = _concatenation(piece.pieces)
    if piece.form == "hex":
        return lambda fields, sources: new(content(fields, sources)).hexdigest().encode()
    return lambda fields, sources: new(content(fields, sources)).digest()


def _hash_of_body(piece: Hash, new: Any) -> Make:
    place, empty = FIELDS.index("body"), _NO_BODY[piece.algorithm]
    if piece.form == "hex":
        return lambda fields, _: (new(fields[place]).digest() if fields[place] else empty).hex().encode()
    return lambda fields, _: new(fields[place]).digest() if fields[place] else empty


def _one_of(places: Iterable[int]) -> Make:
    def make(fields: Fields, _: Sources) -> bytes:
        found = [fields[place] for place in places if fields[place]]
        if len(found) > 1:
            stop("component_uncovered", "the scheme signs either the query or the body: send one of them")
        return found[0] if found else b""

    return make


def _authority(_: Fields, sources: Sources) -> bytes:
    authority = sources.headers.get(b"host", b"")
    if not authority or not is_printable(authority):
        stop("request_malformed", "the request names no host")
    return authority.lower()


def _signed_headers(_: Fields, sources: Sources) -> bytes:
    if not sources.signed_headers:
        return b""
    listed = frozenset(sources.signed_headers.split(b";"))
    # Looked up anew, so that none of those that are named may have been sent twice.
    return length_prefixed(signed_headers(sources.signed_headers, header_index(sources.raw.headers, listed)))
