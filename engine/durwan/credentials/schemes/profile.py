"""What a signature scheme is, as data: the parts of a profile and what each of them means.

A profile is a JSON file under `profiles/`, read and checked by `profile_reading`, and run by `scheme`. Times are in
microseconds here, because some exchanges count in them; the files say milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, get_args

Algorithm: TypeAlias = Literal[
    "hmac-sha256", "hmac-sha384", "hmac-sha512", "ed25519", "rsa-v1_5-sha256", "rsa-pss-sha512", "ecdsa-p256-sha256"
]
ALGORITHMS: Final[tuple[Algorithm, ...]] = get_args(Algorithm)
# How many bytes a signature has. Those of RSA have as many as the key: 2,048 to 8,192 bits.
SIGNATURE_BYTES: Final[dict[Algorithm, tuple[int, ...]]] = {
    "hmac-sha256": (32,),
    "hmac-sha384": (48,),
    "hmac-sha512": (64,),
    "ed25519": (64,),
    "ecdsa-p256-sha256": (64,),
    "rsa-v1_5-sha256": (256, 384, 512, 1024),
    "rsa-pss-sha512": (256, 384, 512, 1024),
}

PartName: TypeAlias = Literal["key", "signature", "timestamp", "nonce", "window", "passphrase", "signed_headers"]
PARTS: Final[tuple[PartName, ...]] = get_args(PartName)

PlaceKind: TypeAlias = Literal["header", "query", "form", "message", "authorization"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a part of the credential stands.

    Attributes:
        kind: `header`; `query`; `form`, a body of `name=value&name=value`; `message`, a body that is a JSON object;
            `authorization`, the `name=value,name=value` after the scheme's word in the header `Authorization`.
        name: of the header in lower case, of the parameter; for a message the path to it.
    """

    kind: PlaceKind
    name: bytes = b""
    path: tuple[str | int, ...] = ()


Encoding: TypeAlias = Literal["hex", "base64", "base64url"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureForm:
    """How the signature of one algorithm is written; `any_case` is for `hex` alone."""

    encoding: Encoding
    any_case: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """How far a timestamp may lie from now, and whether it may lie exactly there."""

    microseconds: int
    inclusive: bool

    @property
    def most(self) -> int:
        """The largest distance that is accepted."""
        return self.microseconds if self.inclusive else self.microseconds - 1


Unit: TypeAlias = Literal[
    "seconds", "decimal_seconds", "milliseconds", "milliseconds_or_microseconds", "iso8601_milliseconds"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """How old and how far ahead a timestamp may be. An expiry that the client chose is one with no past."""

    unit: Unit
    past: Bound
    future: Bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The age that a request asks for itself, in milliseconds with some decimals; takes the place of `Clock.past`."""

    default: int
    most: int
    decimals: int


NonceRule: TypeAlias = Literal["once", "rising", "message"]
NonceCharacters: TypeAlias = Literal["base64url", "printable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Nonce:
    """What keeps a request from being accepted twice.

    Attributes:
        rule: `once`, the nonce; `rising`, a whole number below `below` that is greater than all before it; `message`,
            the signed message itself, where there is no nonce, except that of a GET or HEAD, which may come again.
        least: how many characters the nonce has at least.
        most: and at most.
        characters: of which kind they are.
    """

    rule: NonceRule
    least: int = 1
    most: int = 64
    characters: NonceCharacters = "base64url"
    below: int = 2**64


# One thing that is signed: the name of a field, or something that is made of fields.
FieldName: TypeAlias = Literal[
    "method", "path", "query", "query_mark", "target", "body", "key", "timestamp", "nonce", "window",
]  # fmt: skip
FIELDS: Final[tuple[FieldName, ...]] = get_args(FieldName)


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """The same bytes in every request."""

    text: bytes


HashName: TypeAlias = Literal["sha256", "sha384", "sha512"]
HashForm: TypeAlias = Literal["bytes", "hex"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hash:
    """The digest of some pieces, one after the other, as bytes or in lower-case hexadecimal."""

    algorithm: HashName
    form: HashForm
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOf:
    """The one of some fields that is not empty; a request in which two are not is refused."""

    fields: tuple[FieldName, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PathWithout:
    """The path without a prefix that it may begin with."""

    prefix: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedQuery:
    """The query with its percent-encodings decoded; one that would mean something else is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SortedMembers:
    """The members of an object in a message as `name=value`, sorted by name and joined by `&`, without some of them."""

    path: tuple[str | int, ...]
    without: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageField:
    """A text or number of the message; empty where there is none."""

    path: tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """The header `Host`, in lower case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedHeaders:
    """The headers that the part `signed_headers` names: names and values in that order, each with its length."""


Piece: TypeAlias = (
    FieldName
    | Text
    | Hash
    | OneOf
    | PathWithout
    | DecodedQuery
    | SortedMembers
    | MessageField
    | Authority
    | SignedHeaders
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """What is signed: pieces with a separator between them, or, where it is None, with all their lengths first."""

    separator: bytes | None
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Components:
    """What is signed by RFC 9421: what the client covers, but at least these.

    Attributes:
        required: names of components that every signature has to cover, such as `@method`.
        required_with_body: those that one of a request with a body has to cover besides, such as `content-digest`.
        tags: values of the parameter `tag` that are ours; without any, a signature has none.
    """

    required: frozenset[str]
    required_with_body: frozenset[str]
    tags: frozenset[str] = frozenset()


SecretDecoding: TypeAlias = Literal["utf-8", "base64"]
PassphraseForm: TypeAlias = Literal["plain", "hmac"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A signature scheme.

    Attributes:
        name: what it is called.
        algorithms: which there may be, and how the signature of each is written.
        secret: how the bytes of a secret are written that is shared for HMAC.
        least_secret: how many bytes that has at least.
        signed: what is signed.
        places: where each part stands; with several, in exactly one of them. Empty for RFC 9421, which says it itself.
        not_signed: what the scheme leaves unsigned of method, path, query and body, and has to be seen to elsewhere.
        must_be_empty: what must not be there, since it would not be signed.
        clock: None for a scheme without timestamps.
        window: None where a request does not say how old it may be.
        nonce: what is remembered against replays.
        passphrase: how the passphrase is sent: itself, or the HMAC of it in base64; None where there is none.
        json_body: whether a body has to be JSON, because its first character is what divides it from the target.
        fixed_headers: headers that have to be there, with the values that they may have.
        word: which word begins the header `Authorization`.
        remarks: what a reader should know of the scheme, and where it is described.
    """

    name: str
    algorithms: dict[Algorithm, SignatureForm]
    secret: SecretDecoding = "utf-8"  # noqa: S105 - how it is decoded, no secret
    least_secret: int = 1
    signed: Joined | Components
    places: dict[PartName, tuple[Place, ...]] = field(default_factory=dict[PartName, tuple[Place, ...]])
    not_signed: frozenset[str] = frozenset()
    must_be_empty: frozenset[str] = frozenset()
    clock: Clock | None
    window: Window | None = None
    nonce: Nonce
    passphrase: PassphraseForm | None = None
    json_body: bool = False
    fixed_headers: dict[bytes, frozenset[bytes]] = field(default_factory=dict[bytes, frozenset[bytes]])
    word: bytes = b""
    remarks: str = ""
