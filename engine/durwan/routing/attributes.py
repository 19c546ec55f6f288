"""Attributes of a request: taken from where its route says, each as its type, or the request is refused.

What is absent is left out, and so is `null`: the policy then finds it unknown. What is there and cannot be read as its
type, what has characters that nobody sees, and what two readers could read differently, is refused. Values are plain,
as JSON has them: a decimal is its exact text, a set a list.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from durwan.credentials.raw_request import RawRequest
from durwan.credentials.refusals import Refusal, refuse
from durwan.diagnostics.hidden import HIDDEN
from durwan.model import types
from durwan.model.strict_json import JsonTextError, read_json
from durwan.model.types import Type
from durwan.model.values import read_value
from durwan.routing.route import AttributeSource, Route

_MALFORMED: Final = refuse("attribute_malformed")
_REPEATED: Final = refuse("attribute_malformed", "a parameter that is read was sent twice, or under nearly its name")
_UNCLEAR: Final = refuse("attribute_malformed", "a parameter has `;` or `+`, which must be percent-encoded")
_NOT_JSON: Final = refuse("attribute_malformed", "the body is not JSON that has a single meaning")
_NOT_SENT_AS_JSON: Final = refuse("attribute_malformed", "the body has to be sent as application/json, not compressed")
_HEADER_TWICE: Final = refuse("header_refused", "a header that may come once came twice")
# `dict` and `list` themselves; by these names a type checker knows what is in them.
_OBJECT: Final[type[dict[str, Any]]] = dict
_LIST: Final[type[list[Any]]] = list


class _RefusedError(Exception):
    """Carries a refusal out of the reading of one request; never leaves this file."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal
        super().__init__(refusal.code)


def read_attributes(
    route: Route, raw: RawRequest, query: bytes, parameters: Mapping[str, str]
) -> Mapping[str, Mapping[str, Any]] | Refusal:
    """The attributes that a route takes from a request, by context and name, and its constants."""
    if not route.sources:
        return route.constants
    found = {context: dict(values) for context, values in route.constants.items()}
    try:
        read = {
            "path": parameters,
            "query": _query(query, route.query_names) if route.query_names else parameters,
            "header": _headers(raw, route.header_names) if route.header_names else parameters,
        }
        body = _body(raw) if route.reads_body else None
        for source in route.sources:
            given = _member(body, source.name) if source.place == "body" else read[source.place].get(str(source.name))
            if given is not None:
                context, _, name = source.attribute.partition(".")
                found.setdefault(context, {})[name] = _value(source, given)
    except _RefusedError as error:
        return error.refusal
    return found


# ----------------------------------------------------------------------------------------------------------- texts


def _query(query: bytes, wanted: Mapping[str, str]) -> dict[str, str]:
    """The parameters that are read. None comes twice, also where readers do not see case, or see `name[]` as `name`."""
    if b";" in query:
        raise _RefusedError(_UNCLEAR)
    found: dict[str, str] = {}
    for pair in query.split(b"&") if query else ():
        name, equals, value = pair.partition(b"=")
        plain = _decoded(name.replace(b"+", b"%20"))
        own = wanted.get(plain.partition("[")[0].strip().casefold())
        if own is None:
            continue
        if own in found or plain != own:
            raise _RefusedError(_REPEATED)
        if b"+" in value or not equals:
            raise _RefusedError(_UNCLEAR)
        found[own] = _decoded(value)
    return found


def _decoded(text: bytes) -> str:
    try:
        return unquote_to_bytes(text).decode("utf-8")
    except UnicodeDecodeError:
        raise _RefusedError(_MALFORMED) from None


def _headers(raw: RawRequest, wanted: frozenset[bytes]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in raw.headers:
        lower = name.lower()
        if lower in wanted:
            own = lower.decode("ascii")
            if own in found:
                raise _RefusedError(_HEADER_TWICE)
            found[own] = _text_of_header(value)
    return found


def _text_of_header(value: bytes) -> str:
    if not value.isascii():
        raise _RefusedError(_MALFORMED)
    return value.strip(b" \t").decode("ascii")


# ------------------------------------------------------------------------------------------------------------ body


def _body(raw: RawRequest) -> dict[str, Any] | None:
    """The object in the body; None where there is no body."""
    if not raw.body:
        return None
    headers = {name.lower(): value for name, value in raw.headers}
    encoding = headers.get(b"content-encoding", b"identity").strip().lower()
    if encoding != b"identity" or not _is_json(headers.get(b"content-type", b"")):
        raise _RefusedError(_NOT_SENT_AS_JSON)
    try:
        found = read_json(raw.body, exact=True)
    except (JsonTextError, RecursionError):
        raise _RefusedError(_NOT_JSON) from None
    if type(found) is not _OBJECT:
        raise _RefusedError(_NOT_JSON)
    return found


def _is_json(content_type: bytes) -> bool:
    """Whether a media type is JSON, and in UTF-8."""
    kind, *parameters = (part.strip(b" \t").lower() for part in content_type.split(b";"))
    if kind != b"application/json" and not (kind.startswith(b"application/") and kind.endswith(b"+json")):
        return False
    return all(not each.startswith(b"charset") or each in _UTF8 for each in parameters)


_UTF8: Final = frozenset({b"charset=utf-8", b'charset="utf-8"', b"charset=utf8"})


def _member(body: dict[str, Any] | None, names: str | tuple[str, ...]) -> Any:
    """The value that names lead to; None where there is none. On the way there are objects alone."""
    found: Any = body
    for name in names:
        if found is None:
            return None
        if type(found) is not _OBJECT:
            raise _RefusedError(_MALFORMED)
        # Some readers do not see the case of names.
        plain = name.casefold()
        if any(other.casefold() == plain and other != name for other in found):
            raise _RefusedError(_REPEATED)
        found = found.get(name)
    return found


# ---------------------------------------------------------------------------------------------------------- values


def _value(source: AttributeSource, given: Any) -> Any:
    """What is given, as its type: plain, and such that it is read back as what it is."""
    value = given
    if source.counts:
        value = len(given) if type(given) is _LIST else None
    elif source.place != "body" and source.type is not None:
        value = _of_text(source.type, given)
    elif source.place == "body" and not _is_plain(given):
        raise _RefusedError(_MALFORMED)
    if type(value) is Decimal:
        value = _plain_decimal(source.type, value)
    if value is None or not _is_readable(source.type, value):
        raise _RefusedError(_MALFORMED)
    return value


def _is_readable(declared: Type | None, value: Any) -> bool:
    if any(HIDDEN.search(text) for text in (value if type(value) is _LIST else (value,)) if type(text) is str):
        return False
    if declared is None:
        return True
    if isinstance(declared, types.String | types.Scope | types.Address) and type(value) is not str:
        return False
    return read_value(declared, value) is not None


def _of_text(declared: Type, text: str) -> Any:
    """What a text says as a type; None where it says nothing of the kind."""
    match declared:
        case types.Bool():
            return {"true": True, "false": False}.get(text)
        case types.Int():
            number = read_value(types.Int(), text)
            # One way to write each number: `-0` is none.
            return number if str(number) == text else None
        case types.SetOf(types.Int()):
            return [_of_text(types.Int(), each) for each in text.split(",")] if text else []
        case types.SetOf() | types.Network():
            return [each.strip(" ") for each in text.split(",")] if text else []
        case _:
            return text


def _is_plain(given: Any) -> bool:
    """Whether a value of JSON is one that an attribute can have: no object, and no list within a list."""
    if type(given) is _LIST:
        return all(type(each) is str or type(each) is int for each in given)
    return type(given) is not _OBJECT


def _plain_decimal(declared: Type | None, number: Decimal) -> str | float | None:
    """The exact text of a number where one is asked for, else a float; None where it is not exactly that."""
    if read_value(types.Number(), number) is None:
        return None
    if isinstance(declared, types.Number | types.Int):
        return _written(number)
    return float(number) if declared is None and Decimal(repr(float(number))) == number else None


def _written(number: Decimal) -> str:
    text = format(number, "f")
    whole, point, fraction = text.partition(".")
    return text if not point or len(fraction) <= 18 else f"{whole}.{fraction[:18]}"  # what is cut off is zeros


__all__ = ["read_attributes"]
