"""The compact form of signed tokens, read strictly and before anything is believed (RFC 7515, section 7.1; RFC 8725).

This is our own reader, and the only one: libraries accept much that may not be accepted (numbers as text, names given
twice, byte order marks, spaces, keys that the token brings along), and a second reading could differ from the first.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from durwan.credentials.tokens import base64url
from durwan.credentials.tokens.refused import TokenRefusedError
from durwan.credentials.tokens.strict_json import NotStrictJsonError, read_object

MOST_BYTES: Final = 8192
HEADER_NAMES: Final = frozenset({"alg", "kid", "typ"})
# A token that brings its own key, or one that has to be understood in another way than as it stands. A DPoP proof, and
# nothing else, may have `jwk`, and says so itself.
NEVER: Final = frozenset({"jwk", "jku", "x5u", "x5c", "x5t", "x5t#S256", "crit", "b64", "zip", "enc"})
KEY_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_FORM: Final = re.compile(rb"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")


@dataclass(frozen=True, slots=True)
class Compact:
    """A token in its parts, none of them verified.

    Attributes:
        alg: the algorithm that the header names.
        kid: the key that the header names, or None.
        typ: the type that the header names, or None.
        header: the whole header.
        payload: the bytes that are signed, decoded.
        signing_input: the bytes that are signed, as they came: header, dot, payload.
        signature: the signature, decoded.
    """

    alg: str
    kid: str | None
    typ: str | None
    header: Mapping[str, Any] = field(repr=False)
    payload: bytes = field(repr=False)
    signing_input: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    def __repr__(self) -> str:
        return "<Compact>"


def token_bytes(token: str | bytes) -> bytes:
    """The bytes of a token, or of a proof, which is looked at no further where it is too long.

    Raises:
        TokenRefusedError: it has more than 8 KiB, or is not ASCII.
    """
    if len(token) > MOST_BYTES:
        raise TokenRefusedError("token_malformed")
    try:
        return token.encode("ascii") if isinstance(token, str) else token
    except UnicodeEncodeError:
        raise TokenRefusedError("token_malformed") from None


def read_compact(token: str | bytes, further: Collection[str] = ()) -> Compact:
    """The parts of a token.

    Args:
        token: as it came.
        further: names of header parameters that may stand there beside `alg`, `kid` and `typ`.

    Raises:
        TokenRefusedError: it is not in its one canonical form, or its header holds what it may not.
    """
    raw = token_bytes(token)
    form = _FORM.fullmatch(raw)
    if form is None:
        raise TokenRefusedError("token_malformed")
    try:
        header, payload, signature = map(base64url.decoded, form.groups())
        members = read_object(header)
    except (ValueError, NotStrictJsonError):
        raise TokenRefusedError("token_malformed") from None
    alg, kid, typ = _header_texts(members, further)
    return Compact(alg, kid, typ, members, payload, raw[: form.end(2)], signature)


def read_claims(payload: bytes) -> dict[str, Any]:
    """The claims that are signed.

    Raises:
        TokenRefusedError: they are no strict JSON object.
    """
    try:
        return read_object(payload)
    except NotStrictJsonError:
        raise TokenRefusedError("token_malformed") from None


def revocation_id(token: bytes) -> str:
    """By what a token is revoked: SHA-256 of what is signed of it or, where it has no such parts, of all of it.

    A signature can often be given another form that verifies as well, so it takes no part. For the same reason this
    never is the name under which an answer about a token may be remembered.
    """
    signed, dot, _ = token.rpartition(b".")
    return hashlib.sha256(signed if dot and signed.count(b".") == 1 else token).hexdigest()


def _header_texts(header: Mapping[str, Any], further: Collection[str]) -> tuple[str, str | None, str | None]:
    alg, kid, typ = header.get("alg"), header.get("kid"), header.get("typ")
    if not header.keys() <= HEADER_NAMES | frozenset(further) or type(alg) is not str:
        raise TokenRefusedError("token_invalid")
    if "kid" in header and (type(kid) is not str or KEY_ID.fullmatch(kid) is None):
        raise TokenRefusedError("token_invalid")
    if "typ" in header and type(typ) is not str:
        raise TokenRefusedError("token_invalid")
    return alg, kid, typ
