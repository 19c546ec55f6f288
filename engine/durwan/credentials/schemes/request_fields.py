"""The parts of a request that a scheme reads, found in the bytes as they came, and refused where readers could differ.

All of these raise `Refused`, which a scheme turns into the refusal it carries.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn
from urllib.parse import unquote_to_bytes

from durwan.credentials.raw_request import Headers
from durwan.credentials.refusals import Refusal, refuse

# The characters of a request target (RFC 3986 §3.3, §3.4). Braces, quotes, spaces and `#` are none of them, so where a
# body of JSON follows a target without a separator, it is plain where it begins.
_TARGET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@/?%"
_PRINTABLE: Final = bytes(range(0x21, 0x7F))
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_MOST_MESSAGE_BYTES: Final = 1 << 20
# `dict` and `list` themselves; by these names a type checker knows what is in them.
_OBJECT: Final[type[dict[str, Any]]] = dict
_LIST: Final[type[list[Any]]] = list


class Refused(Exception):  # noqa: N818 - it carries a refusal, and is no error of the program
    """A request that is refused; never leaves this package."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal
        super().__init__(refusal.code)


def stop(code: str, reason: str | None = None) -> NoReturn:
    """Refuses the request that is being read."""
    raise Refused(refuse(code, reason))


def check_method(method: str) -> None:
    """The method is one of HTTP's, in upper case."""
    if method not in _METHODS:
        stop("request_malformed", "the method is not one of HTTP's, in upper case")


def check_target(target: bytes) -> None:
    """A target begins with `/`, and has only the characters that may stand in one."""
    if target[:1] != b"/" or target.translate(None, _TARGET):
        stop("request_malformed", "the request target has characters that must be percent-encoded")


def header_index(headers: Headers, wanted: frozenset[bytes]) -> Mapping[bytes, bytes]:
    """The headers by name in lower case. None of those wanted stands there twice, nor under a name like it."""
    index = dict(headers)
    names = b"\n".join(index)
    # Nearly always: no name comes twice, all are in lower case, and none could be taken for another.
    if len(index) == len(headers) and names == names.lower() and b"_" not in names and b"." not in names:
        return index
    return _index_with_care(headers, wanted)


def _index_with_care(headers: Headers, wanted: frozenset[bytes]) -> Mapping[bytes, bytes]:
    index: dict[bytes, bytes] = {}
    for name, value in headers:
        lower = name.lower()
        if lower in wanted and lower in index:
            stop("field_repeated", "a header that belongs to the signature was sent twice")
        # Some servers give `X_Key` to the application under the same name as `X-Key`.
        if lower not in wanted and lower.replace(b"_", b"-").replace(b".", b"-") in wanted:
            stop("request_malformed", "a header is called nearly as one that belongs to the signature")
        index.setdefault(lower, value)
    return index


def parameters_of(text: bytes, wanted: frozenset[bytes]) -> Mapping[bytes, bytes]:
    """The `name=value` of a query or a form, still encoded. No name stands there twice, in whatever spelling."""
    if not text:
        return {}
    if b";" in text:
        stop("request_malformed", "a semicolon in parameters must be percent-encoded")
    pairs = text.split(b"&")
    try:
        index: dict[bytes, bytes] = dict([pair.split(b"=", 1) for pair in pairs])
    except ValueError:
        stop("request_malformed", "a parameter has no value, not even an empty one")
    if len(index) != len(pairs):
        stop("field_repeated", "a parameter was sent twice")
    if b"%" in text or b"+" in text:
        _check_names(index, wanted)
    return index


def _check_names(index: Mapping[bytes, bytes], wanted: frozenset[bytes]) -> None:
    """No two names are spellings of one, and what is wanted is not spelt otherwise."""
    decoded = [unquote_to_bytes(name.replace(b"+", b" ")) for name in index]
    if len(set(decoded)) != len(decoded):
        stop("field_repeated", "a parameter was sent twice")
    if any(plain != name and plain in wanted for plain, name in zip(decoded, index, strict=True)):
        stop("request_malformed", "a name that belongs to the signature must not be percent-encoded")


def form_of(body: bytes, wanted: frozenset[bytes]) -> Mapping[bytes, bytes]:
    """The parameters of a body that is a form."""
    if body.translate(None, _TARGET):
        stop("request_malformed", "the body is no form of names and values, percent-encoded")
    return parameters_of(body, wanted)


def decoded_parameter(value: bytes) -> bytes:
    """A value with its percent-encodings decoded; each of them has two digits, and `+` has to be one."""
    if b"+" in value or any(not _is_byte(rest[:2]) for rest in value.split(b"%")[1:]):
        stop("signature_malformed")
    return unquote_to_bytes(value)


def _is_byte(digits: bytes) -> bool:
    return len(digits) == 2 and digits.isalnum() and not digits.upper().translate(None, b"0123456789ABCDEF")


# Decoded, these would divide a query or a line elsewhere than the server divides it.
_DIVIDERS: Final = frozenset(b"&=+;#") | frozenset(range(0x20)) | {0x7F}


def decoded_query(query: bytes) -> bytes:
    """A query with its percent-encodings decoded, which must not change how it is divided."""
    if b"%" not in query:
        return query
    for rest in query.split(b"%")[1:]:
        if not _is_byte(rest[:2]) or int(rest[:2], 16) in _DIVIDERS:
            stop("request_malformed", "the query cannot be decoded without changing its meaning")
    return unquote_to_bytes(query)


def authorization_of(value: bytes, word: bytes) -> Mapping[bytes, bytes]:
    """The `name=value,name=value` after the word that begins the header `Authorization`."""
    first, _, rest = value.partition(b" ")
    if first.lower() != word.lower():
        stop("credential_missing")
    pairs = rest.split(b",")
    try:
        index: dict[bytes, bytes] = dict([pair.split(b"=", 1) for pair in pairs])
    except ValueError:
        stop("credential_malformed")
    if len(index) != len(pairs):
        stop("field_repeated", "the header Authorization has a field twice")
    return index


def message_of(body: bytes) -> dict[str, Any]:
    """The object that a message holds. Numbers stay as they were written, as text of the class `Number`."""
    if len(body) > _MOST_MESSAGE_BYTES:
        stop("request_too_large")
    try:
        message = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_members,
            parse_int=Number,
            parse_float=Number,
            parse_constant=_no_constant,
        )
    except (ValueError, RecursionError):
        stop("request_malformed", "the message is not JSON")
    return message if type(message) is _OBJECT else stop("request_malformed", "the message is no JSON object")


class Number(str):
    """A number of a message, as it was written."""

    __slots__ = ()


def _members(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        stop("field_repeated", "the message has a name twice")
    return members


def _no_constant(_text: str) -> NoReturn:
    raise ValueError


def member(message: Mapping[str, Any], path: Sequence[str | int]) -> bytes | None:
    """The text or number at a path of a message; None where there is nothing. Something else there is refused."""
    found: Any = message
    for step in path:
        found = _inner(found, step)
        if found is None:
            return None
    return text_of(found)


def _inner(value: Any, step: str | int) -> Any:
    """A member of an object or an item of a list; None where there is none. Texts have no items here."""
    if type(value) is _OBJECT:
        return value.get(step) if isinstance(step, str) else None
    return value[step] if type(value) is _LIST and isinstance(step, int) and 0 <= step < len(value) else None


def text_of(value: Any) -> bytes:
    """A value of a message as it is signed: a text, a number as written, `true` or `false`."""
    if value is True or value is False:
        return b"true" if value else b"false"
    if not isinstance(value, str):
        stop("request_malformed", "a field of the message is neither text nor a number")
    try:
        return value.encode("utf-8")
    except UnicodeEncodeError:
        stop("request_malformed", "the message holds half of a character")


def sorted_members(message: Mapping[str, Any], path: Sequence[str | int], without: frozenset[str]) -> bytes:
    """The members of an object, `name=value`, sorted by name and joined by `&`, which none of them may hold."""
    found: Any = message
    for step in path:
        found = _inner(found, step)
    if type(found) is not _OBJECT:
        stop("request_malformed", "the message lacks the object that is signed")
    pairs = [(text_of(name), text_of(value)) for name, value in found.items() if name not in without]
    if any(b"&" in name or b"=" in name or b"&" in value for name, value in pairs):
        stop("request_malformed", "a parameter holds a character that would divide what is signed")
    return b"&".join(name + b"=" + value for name, value in sorted(pairs))


def is_printable(text: bytes) -> bool:
    """Whether all of it is ASCII that can be seen."""
    return not text.translate(None, _PRINTABLE)


def without_last(text: bytes, name: bytes) -> bytes:
    """A query or form without the parameter `name`, which has to be the last of it."""
    start = text.rfind(b"&" + name + b"=")
    if start < 0:
        start = 0 if text.startswith(name + b"=") else stop("field_missing")
    if text.find(b"&", start + 1) >= 0:
        stop("signature_malformed", "the signature has to be the last parameter")
    return text[:start]


def signed_headers(names: bytes, index: Mapping[bytes, bytes]) -> list[bytes]:
    """Names and values of the headers that are named, `a;b;c`: in lower case, sorted, none twice, and all there."""
    listed = names.split(b";")
    if listed != sorted(set(listed)):
        stop("field_repeated", "the signed headers are to be named in order, each once")
    found: list[bytes] = []
    for name in listed:
        value = index.get(name)
        if value is None:
            stop("field_missing", "a header that is named as signed was not sent")
        found += (name, value)
    return found
