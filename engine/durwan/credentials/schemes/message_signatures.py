"""HTTP Message Signatures (RFC 9421): the client says what it signed, and that has to be enough.

The headers `Signature-Input` and `Signature` hold one signature, in the one spelling that structured fields (RFC 8941)
are written in. Of the components, those of requests without parameters are known, and `@query-param`. A header that
is covered was sent once.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, NamedTuple

from durwan.credentials.raw_request import RawRequest
from durwan.credentials.schemes.encodings import base64_of, to_base64
from durwan.credentials.schemes.profile import Components, Profile
from durwan.credentials.schemes.request_fields import (
    check_method,
    check_target,
    header_index,
    is_printable,
    parameters_of,
    stop,
)
from durwan.credentials.schemes.scheme import Scheme, SignedParts, Wish
from durwan.credentials.schemes.signature_forms import SignatureKind

_STRING: Final = rb'"((?:[ !#-\[\]-~]|\\["\\])*)"'
_COMPONENT: Final = re.compile(rb'"([a-z0-9!#$%&\'*+.^_`|~@-]{1,100})"(;name="([A-Za-z0-9._~*-]{1,100})")?', re.ASCII)
_INPUT: Final = re.compile(
    rb"([a-z*][a-z0-9_.*-]{0,63})=(\(([^()]*)\)((?:;[a-z]+=(?:" + _STRING + rb"|[0-9]{1,15}))*))"
)
_PARAMETER: Final = re.compile(rb";([a-z]+)=(?:" + _STRING + rb"|([0-9]{1,15}))")
_SIGNATURE: Final = re.compile(rb"([a-z*][a-z0-9_.*-]{0,63})=:([A-Za-z0-9+/=]*):")
_DIGEST: Final = re.compile(rb"(sha-256|sha-512)=:([A-Za-z0-9+/=]{1,100}):")
_HASHES: Final = {b"sha-256": hashlib.sha256, b"sha-512": hashlib.sha512}
_NUMBERS: Final = frozenset({b"created", b"expires"})
_TEXTS: Final = frozenset({b"keyid", b"alg", b"nonce", b"tag"})
_WANTED: Final = frozenset({b"signature", b"signature-input", b"content-digest", b"host", b"authorization"})
_MOST_COMPONENTS: Final = 32


class _Input(NamedTuple):
    """What a signature says of itself: its label, what it covers, its parameters, and all that as it was written."""

    label: bytes
    components: list[tuple[bytes, bytes | None]]
    parameters: Mapping[bytes, bytes]
    written: bytes


class MessageSignatureScheme(Scheme):
    """RFC 9421, as far as a profile takes it."""

    def __init__(self, profile: Profile, components: Components) -> None:
        super().__init__(profile)
        self._components = components

    def _parts(self, raw: RawRequest) -> SignedParts:
        check_method(raw.method)
        check_target(raw.target)
        parameters_of(raw.target.partition(b"?")[2], frozenset())  # covered as a whole, but to be divided in one way
        headers = header_index(raw.headers, _WANTED)
        read = _read_input(headers)
        headers = header_index(raw.headers, _WANTED | {name for name, _ in read.components})
        signature = _read_signature(headers, read.label)
        message = self._signature_base(raw, headers, read)
        parameters = read.parameters
        kind = self._kind(signature, parameters.get(b"alg"))
        nonce = parameters.get(b"nonce")
        return SignedParts(
            key_id=_required(parameters, b"keyid").decode("ascii"),
            timestamp=int(_required(parameters, b"created")) * 1_000_000,
            window=None,
            nonce=nonce,
            signature=signature,
            message=message,
            kind=kind,
            expires=int(parameters[b"expires"]) * 1_000_000 if b"expires" in parameters else None,
            once=self._once(raw, self._checked_nonce(nonce), kind, signature, message),
        )

    def _with_signature(self, request: RawRequest, wish: Wish, signature: bytes) -> RawRequest:
        """Covers what it has to, and the digest of a body in any case."""
        names = set(self._components.required)
        names |= {"content-digest"} if request.body else set()
        covered = sorted(names if b"?" in request.target else names - {"@query"})
        digest = b"sha-256=:" + to_base64(hashlib.sha256(request.body).digest()) + b":"
        listed = " ".join(f'"{name}"' for name in covered)
        written = f'({listed});created={wish.timestamp // 1000};keyid="{wish.key_id}";nonce="{wish.nonce}"'.encode()
        added = [
            (b"Signature-Input", b"sig1=" + written),
            (b"Signature", b"sig1=:" + to_base64(signature) + b":"),
            *([(b"Content-Digest", digest)] if request.body else []),
        ]
        return replace(request, headers=(*request.headers, *added))

    def _kind(self, signature: bytes, algorithm: bytes | None) -> SignatureKind:
        """What the signature can be of; where it names its algorithm, that has to be one of them."""
        kind = self._forms.by_size.get(len(signature))
        if kind is None or (algorithm is not None and algorithm.decode() not in kind.algorithms):
            stop("signature_malformed", "the signature is by no algorithm of the scheme")
        return kind

    def _checked_nonce(self, nonce: bytes | None) -> bytes | None:
        rule = self.profile.nonce
        if rule.rule == "message":
            return nonce
        if nonce is None:
            stop("field_missing", "the signature has no nonce")
        return nonce if rule.least <= len(nonce) <= rule.most and is_printable(nonce) else stop("nonce_malformed")

    def _signature_base(self, raw: RawRequest, headers: Mapping[bytes, bytes], read: _Input) -> bytes:
        """What is signed (RFC 9421 §2.5), once it covers all that it has to."""
        self._check_cover(raw, read)
        if any(name == b"content-digest" for name, _ in read.components):
            _check_digest(headers.get(b"content-digest", b""), raw.body)
        lines = [
            b'"%b"%b: %b' % (name, b"" if of is None else b';name="%b"' % of, _value(name, of, raw, headers))
            for name, of in read.components
        ]
        return b"\n".join([*lines, b'"@signature-params": ' + read.written])

    def _check_cover(self, raw: RawRequest, read: _Input) -> None:
        ours = self._components
        needed = ours.required | ours.required_with_body if raw.body else ours.required
        covered = {name.decode() for name, _ in read.components}
        missing = sorted(needed - covered - ({"@query"} if b"?" not in raw.target else frozenset()))
        if missing:
            stop("component_uncovered", f"the signature has to cover {', '.join(missing)}")
        if len(set(read.components)) != len(read.components):
            stop("field_repeated", "the signature covers a component twice")
        tag = read.parameters.get(b"tag", b"").decode()
        if tag not in (ours.tags or {""}):
            stop("signature_malformed", "the signature is for another application")


def _read_input(headers: Mapping[bytes, bytes]) -> _Input:
    written = headers.get(b"signature-input")
    if written is None:
        stop("credential_missing")
    match = _INPUT.fullmatch(written)
    if match is None:
        stop("credential_malformed", "Signature-Input has to hold one signature, as RFC 9421 writes it")
    return _Input(match[1], _read_components(match[3]), _read_parameters(match[4]), match[2])


def _read_components(text: bytes) -> list[tuple[bytes, bytes | None]]:
    found: list[tuple[bytes, bytes | None]] = []
    for each in text.split(b" ") if text else ():
        match = _COMPONENT.fullmatch(each)
        if match is None or (match[2] is not None) != (match[1] == b"@query-param"):
            stop("credential_malformed", "the signature covers a component that is not known")
        found.append((match[1], match[3]))
    return found if len(found) <= _MOST_COMPONENTS else stop("request_too_large")


def _read_parameters(text: bytes) -> Mapping[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for match in _PARAMETER.finditer(text):
        name, string, number = match.groups()
        if name in found:
            stop("field_repeated", "the signature has a parameter twice")
        if name not in (_TEXTS if number is None else _NUMBERS):
            stop("credential_malformed", "the signature has a parameter that is not known")
        found[name] = string.replace(b'\\"', b'"').replace(b"\\\\", b"\\") if number is None else number
    return found


def _required(parameters: Mapping[bytes, bytes], name: bytes) -> bytes:
    found = parameters.get(name)
    if not found or not is_printable(found):
        stop("field_missing", f"the signature has no {name.decode()}")
    return found


def _read_signature(headers: Mapping[bytes, bytes], label: bytes) -> bytes:
    written = headers.get(b"signature")
    if written is None:
        stop("field_missing", "the request carries no signature")
    match = _SIGNATURE.fullmatch(written)
    signature = None if match is None or match[1] != label else base64_of(match[2])
    return signature if signature is not None else stop("signature_malformed")


def _check_digest(written: bytes, body: bytes) -> None:
    """The header `Content-Digest` (RFC 9530) has one digest, and it is that of the body."""
    match = _DIGEST.fullmatch(written)
    if match is None:
        stop("signature_malformed", "Content-Digest has to hold one digest, sha-256 or sha-512")
    if base64_of(match[2]) != _HASHES[match[1]](body).digest():
        stop("signature_invalid")


def _method(raw: RawRequest, _: Mapping[bytes, bytes]) -> bytes:
    return raw.method.encode()


def _authority(_: RawRequest, headers: Mapping[bytes, bytes]) -> bytes:
    host = headers.get(b"host", b"").lower()
    return host.removesuffix(b":443") if host and is_printable(host) else stop("request_malformed")


def _path(raw: RawRequest, _: Mapping[bytes, bytes]) -> bytes:
    return raw.target.partition(b"?")[0]


def _query(raw: RawRequest, _: Mapping[bytes, bytes]) -> bytes:
    return b"?" + raw.target.partition(b"?")[2]


def _target(raw: RawRequest, _: Mapping[bytes, bytes]) -> bytes:
    return raw.target


def _target_uri(raw: RawRequest, headers: Mapping[bytes, bytes]) -> bytes:
    return b"https://" + _authority(raw, headers) + raw.target


# Components that are made of a request. `@scheme` is always https: what came in otherwise is nobody's to forward.
_DERIVED: Final[dict[bytes, Callable[[RawRequest, Mapping[bytes, bytes]], bytes]]] = {
    b"@method": _method,
    b"@authority": _authority,
    b"@path": _path,
    b"@query": _query,
    b"@request-target": _target,
    b"@target-uri": _target_uri,
    b"@scheme": lambda _, __: b"https",
}


def _value(name: bytes, of: bytes | None, raw: RawRequest, headers: Mapping[bytes, bytes]) -> bytes:
    value = _query_parameter(raw, of) if of is not None else _component(name, raw, headers)
    if value is None:
        stop("field_missing", "the signature covers something that was not sent")
    stripped = value.strip(b" \t")
    return stripped if not stripped.translate(None, _LINE) else stop("request_malformed")


_LINE: Final = bytes([0x09, *range(0x20, 0x7F)])


def _component(name: bytes, raw: RawRequest, headers: Mapping[bytes, bytes]) -> bytes | None:
    if not name.startswith(b"@"):
        return headers.get(name)
    derive = _DERIVED.get(name)
    return None if derive is None else derive(raw, headers)


def _query_parameter(raw: RawRequest, name: bytes) -> bytes | None:
    """The value of a parameter as it was written: signed is what it is encoded as, in which a space is no `+`."""
    value = parameters_of(raw.target.partition(b"?")[2], frozenset({name})).get(name)
    return value if value is None or b"+" not in value else stop("request_malformed")
