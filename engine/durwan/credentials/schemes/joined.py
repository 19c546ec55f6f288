"""Schemes that put the credential into places of their own, and sign fields of the request one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from durwan.credentials.raw_request import RawRequest
from durwan.credentials.schemes import clock
from durwan.credentials.schemes.encodings import to_base64
from durwan.credentials.schemes.pieces import Sources, joiner
from durwan.credentials.schemes.placing import placed
from durwan.credentials.schemes.profile import FIELDS, Joined, PartName, Place, PlaceKind, Profile
from durwan.credentials.schemes.regular import regular_parser
from durwan.credentials.schemes.request_fields import (
    authorization_of,
    check_method,
    check_target,
    decoded_parameter,
    form_of,
    header_index,
    is_printable,
    member,
    message_of,
    parameters_of,
    stop,
    without_last,
)
from durwan.credentials.schemes.scheme import Scheme, SignedParts, Wish

_Index = Mapping[bytes, bytes]
# Where the parts are looked up: one mapping for each kind of place.
_HEADER: Final = 0
_QUERY: Final = 1
_FORM: Final = 2
_AUTHORIZATION: Final = 3
_MESSAGE: Final = 4
_NOTHING: Final[_Index] = {}
_NO_MESSAGE: Final[Mapping[str, Any]] = {}
_NONCE_CHARACTERS: Final = {
    "base64url": b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
    "printable": bytes(range(0x21, 0x7F)),
}
# What a body of JSON can begin with, and a target cannot hold. An empty text is in every other.
_JSON_STARTS: Final = b'{[" \t\r\n'
_BODY: Final = FIELDS.index("body")
_MOST_KEY_ID: Final = 128

_Found = tuple[_Index, _Index, _Index, _Index, Mapping[str, Any]]
_Look = Callable[[_Found], bytes | None]


class JoinedScheme(Scheme):
    """A scheme whose profile says where each part stands, and which pieces are signed in which order."""

    def __init__(self, profile: Profile, signed: Joined) -> None:
        super().__init__(profile)
        places = profile.places
        kinds = {each.kind for found in places.values() for each in found}
        self._headers_wanted = _names(profile, "header") | {b"authorization", b"host"} | profile.fixed_headers.keys()
        self._parameters_wanted = _names(profile, "query") | _names(profile, "form")
        self._reads_authorization = "authorization" in kinds
        self._reads_form = "form" in kinds
        self._reads_messages = "message" in kinds
        self._look: dict[PartName, _Look] = {part: _lookup(found) for part, found in places.items()}
        self._look_key, self._look_signature = self._look["key"], self._look["signature"]
        self._signature_names = {each.kind: each.name for each in places["signature"]}
        self._is_parameter = not self._signature_names.keys().isdisjoint({"query", "form"})
        self._is_known_by_header = all(each.kind == "header" for each in places["key"])
        self._read_timestamp = None if profile.clock is None else clock.READERS[profile.clock.unit]
        self._read_window = None if profile.window is None else clock.window_reader(profile.window)
        self._message_of = joiner(signed)
        regular = regular_parser(profile, signed, self._forms, super().parts)
        if regular is not None:
            # As a method would be, but found without a step between: it is called for every request.
            self.parts = regular  # type: ignore[method-assign, assignment]
        self._empty = [FIELDS.index(each) for each in FIELDS if each in profile.must_be_empty]

    def _parts(self, raw: RawRequest) -> SignedParts:
        target, body = raw.target, raw.body
        if not self._reads_messages:
            check_method(raw.method)
            check_target(target)
        method = raw.method.encode("ascii", "replace")
        path, mark, query = target.partition(b"?")
        found = self._find(raw, query)
        key_id = self._key_id(found)
        text = self._look_signature(found)
        if text is None:
            stop("field_missing", "the request carries no signature")
        timestamp_text, timestamp = self._timestamp(found)
        window_text, window = self._window(found)
        nonce = self._nonce(found)
        if self._is_parameter:
            query, body, text = self._without_signature(found, query, body, text)
        kind, signature = self._forms.read(text)
        fields = (
            method, path, query, mark + query, target, body, key_id, timestamp_text, nonce or b"", window_text,
        )  # fmt: skip
        self._check_unsigned(fields, found)
        message = self._message_of(fields, Sources(raw, found[_HEADER], found[_MESSAGE], self._signed_headers(found)))
        return SignedParts(
            key_id.decode("ascii"), timestamp, window, nonce, signature, message, kind,
            self._passphrase_of(found), None, self._once(raw, nonce, kind, signature, message), self._rising(nonce),
        )  # fmt: skip

    def _with_signature(self, request: RawRequest, wish: Wish, signature: bytes) -> RawRequest:
        profile = self.profile
        values: dict[PartName, bytes] = {
            "key": wish.key_id.encode(),
            "signature": self._forms.write(wish.key.algorithm, signature),
        }
        if profile.clock is not None:
            values["timestamp"] = clock.written(profile.clock.unit, wish.timestamp).encode()
        if profile.nonce.rule != "message":
            values["nonce"] = wish.nonce.encode()
        if wish.window is not None and profile.window is not None:
            values["window"] = str(wish.window).encode()
        if profile.passphrase is not None:
            given, is_signed = wish.passphrase or b"", profile.passphrase == "hmac"  # noqa: S105 - a form, no secret
            values["passphrase"] = to_base64(wish.key.sign(given)) if is_signed else given
        if wish.signed_headers and "signed_headers" in profile.places:
            values["signed_headers"] = ";".join(sorted(wish.signed_headers)).encode()
        return placed(request, profile, values)

    def _find(self, raw: RawRequest, query: bytes) -> _Found:
        headers = header_index(raw.headers, self._headers_wanted)
        # Before the query is read: one that cannot be read is no credential, and may come beside a token.
        if self._is_known_by_header and self._look_key((headers, _NOTHING, _NOTHING, _NOTHING, _NO_MESSAGE)) is None:
            stop("credential_missing")
        wanted = self._parameters_wanted
        parameters = parameters_of(query, wanted) if query else _NOTHING
        form, authorization, message = _NOTHING, _NOTHING, _NO_MESSAGE
        if self._reads_form and raw.body:
            form = form_of(raw.body, wanted)
            if not form.keys().isdisjoint(parameters):
                stop("field_repeated", "a parameter stands in both the query and the body")
        if self._reads_authorization:
            value = headers.get(b"authorization")
            if value is None:
                stop("credential_missing")
            authorization = authorization_of(value, self.profile.word)
        if self._reads_messages:
            message = message_of(raw.body)
        return headers, parameters, form, authorization, message

    def _key_id(self, found: _Found) -> bytes:
        key_id = self._look_key(found)
        if key_id is None:
            stop("credential_missing")
        if not 1 <= len(key_id) <= _MOST_KEY_ID or not is_printable(key_id):
            stop("credential_malformed")
        return key_id

    def _timestamp(self, found: _Found) -> tuple[bytes, int | None]:
        if self._read_timestamp is None:
            return b"", None
        text = self._look["timestamp"](found)
        if text is None:
            stop("field_missing", "the request carries no timestamp")
        timestamp = self._read_timestamp(text)
        return (text, timestamp) if timestamp is not None else stop("timestamp_malformed")

    def _window(self, found: _Found) -> tuple[bytes, int | None]:
        rule = self.profile.window
        if rule is None or self._read_window is None:
            return b"", None
        text = self._look["window"](found)
        if text is None:
            return b"", rule.default * 1_000
        window = self._read_window(text)
        if window is None or not 0 < window <= rule.most * 1_000:
            stop("recv_window_out_of_range")
        return text, window

    def _nonce(self, found: _Found) -> bytes | None:
        rule = self.profile.nonce
        if rule.rule == "message":
            return None
        nonce = self._look["nonce"](found)
        if nonce is None:
            stop("field_missing", "the request carries no nonce")
        if not rule.least <= len(nonce) <= rule.most or nonce.translate(None, _NONCE_CHARACTERS[rule.characters]):
            stop("nonce_malformed")
        return nonce

    def _rising(self, nonce: bytes | None) -> int | None:
        rule = self.profile.nonce
        if rule.rule != "rising" or nonce is None:
            return None
        if not nonce.isdigit() or (nonce[:1] == b"0" and len(nonce) > 1) or int(nonce) >= rule.below:
            stop("nonce_malformed")
        return int(nonce)

    def _passphrase_of(self, found: _Found) -> bytes | None:
        if self.profile.passphrase is None:
            return None
        passphrase = self._look["passphrase"](found)
        return passphrase if passphrase is not None else stop("field_missing", "the request carries no passphrase")

    def _signed_headers(self, found: _Found) -> bytes:
        look = self._look.get("signed_headers")
        return b"" if look is None else look(found) or b""

    def _without_signature(self, found: _Found, query: bytes, body: bytes, text: bytes) -> tuple[bytes, bytes, bytes]:
        """Query and body without the signature, which is the last parameter of one of them; and it, decoded."""
        in_query = self._signature_names.get("query")
        if in_query is not None and in_query in found[_QUERY]:
            query = without_last(query, in_query)
        else:
            body = without_last(body, self._signature_names["form"])
        return query, body, decoded_parameter(text) if b"%" in text or b"+" in text else text

    def _check_unsigned(self, fields: tuple[bytes, ...], found: _Found) -> None:
        """Nothing comes along that the scheme would have to sign and does not."""
        profile = self.profile
        if profile.json_body and fields[_BODY][:1] not in _JSON_STARTS:
            stop("request_malformed", "a body has to be JSON in this scheme")
        for place in self._empty:
            if fields[place]:
                stop("component_uncovered", f"the scheme does not sign the {FIELDS[place]}: leave it empty")
        for name, values in profile.fixed_headers.items():
            if found[_HEADER].get(name) not in values:
                stop("field_missing", f"the header {name.decode()} has to be one of the scheme's")


def _names(profile: Profile, kind: PlaceKind) -> frozenset[bytes]:
    return frozenset(each.name for found in profile.places.values() for each in found if each.kind == kind)


def _lookup(places: tuple[Place, ...]) -> _Look:
    """What finds a part in the only one of its places where it stands."""
    if len(places) == 1:
        return _look_at(places[0])
    looks = [_look_at(each) for each in places]

    def look(found: _Found) -> bytes | None:
        values = [value for value in (each(found) for each in looks) if value is not None]
        if len(values) > 1:
            stop("field_repeated", "a part of the credential stands in two places")
        return values[0] if values else None

    return look


def _look_at(place: Place) -> _Look:
    name = place.name
    match place.kind:
        case "header":
            return lambda found: found[_HEADER].get(name)
        case "query":
            return lambda found: found[_QUERY].get(name)
        case "form":
            return lambda found: found[_FORM].get(name)
        case "authorization":
            return lambda found: found[_AUTHORIZATION].get(name)
        case "message":
            return lambda found: member(found[_MESSAGE], place.path)
