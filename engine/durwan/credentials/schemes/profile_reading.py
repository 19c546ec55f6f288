"""Profiles from their files: strict JSON, every field known, and nothing of a request left unsigned without a word."""

from __future__ import annotations

from typing import Final, cast, get_args

from durwan.credentials.schemes.piece_reading import covered_by, read_pieces
from durwan.credentials.schemes.profile import (
    ALGORITHMS,
    PARTS,
    Algorithm,
    Bound,
    Clock,
    Components,
    Encoding,
    Joined,
    Nonce,
    NonceCharacters,
    NonceRule,
    PartName,
    PassphraseForm,
    Place,
    PlaceKind,
    Profile,
    SecretDecoding,
    SignatureForm,
    Unit,
    Window,
)
from durwan.credentials.schemes.profile_node import Node, ProfileError
from durwan.credentials.schemes.signature_forms import SignatureForms
from durwan.diagnostics.json_document import read_json

_ALGORITHMS: Final[dict[str, Algorithm]] = {each: each for each in ALGORITHMS}
_FIELDS: Final = (
    "scheme", "remarks", "algorithms", "secret", "places", "signed", "covers", "not_signed", "must_be_empty",
    "timestamp", "window", "nonce", "passphrase", "body", "fixed_headers", "authorization_word",
)  # fmt: skip
_COVERABLE: Final = ("method", "path", "query", "body")
# Further than this a timestamp says little, and what is remembered against replays grows.
_LONGEST: Final = 60_000
_LONGEST_EXPIRY: Final = 3_600_000


def read_profile(content: str | bytes, name: str = "profile") -> Profile:
    """The profile in a text of JSON.

    Args:
        content: the text.
        name: how it is called in errors.

    Raises:
        ProfileError: it has a mistake; the text says where and what to do.
    """
    encoded = content.encode() if isinstance(content, str) else content
    document, mistakes = read_json(name, encoded, most_bytes=1 << 16, nesting=12)
    if document is None:
        first = mistakes[0]
        line, column = first.span.source.position(first.span.start)
        raise ProfileError(f"{name}:{line}:{column}: {first.message}")
    root = Node(document, (), document.data)
    root.members(_FIELDS)
    profile = _profile(root)
    _check(root, profile)
    return profile


def _profile(root: Node) -> Profile:
    signed = root.get("signed")
    covers = root.get("covers")
    if (signed is None) == (covers is None):
        root.fail("has either `signed`, the pieces that are signed, or `covers`, for HTTP Message Signatures")
    clock = root.get("timestamp")
    window = root.get("window")
    secret = root.get("secret")
    body = root.get("body")
    word = root.get("authorization_word")
    fixed = root.get("fixed_headers")
    passphrase = root.get("passphrase")
    remarks = root.get("remarks")
    return Profile(
        name=root.need("scheme").text(),
        algorithms={_algorithm(each): _form(each) for each in root.need("algorithms").items_of_mapping()},
        secret="utf-8" if secret is None else secret.need("decoding").one_of(get_args(SecretDecoding)),
        least_secret=1 if secret is None else secret.need("least_bytes").whole(1, 1024),
        signed=_joined(signed) if signed is not None else _components(cast("Node", covers)),
        places={} if (places := root.get("places")) is None else _places(places),
        not_signed=_names(root.get("not_signed")),
        must_be_empty=_names(root.get("must_be_empty")),
        clock=None if clock is None else _clock(clock),
        window=None if window is None else _window(window),
        nonce=_nonce(root.need("nonce")),
        passphrase=None if passphrase is None else passphrase.one_of(get_args(PassphraseForm)),
        json_body=body is not None and body.one_of(("json",)) == "json",
        fixed_headers={} if fixed is None else _fixed_headers(fixed),
        word=b"" if word is None else word.ascii(),
        remarks="" if remarks is None else " ".join(each.text() for each in remarks.items()),
    )


def _algorithm(node: Node) -> Algorithm:
    found = _ALGORITHMS.get(node.key)
    return found or node.fail(f"is no algorithm: there are {', '.join(ALGORITHMS)}", key=True)


def _form(node: Node) -> SignatureForm:
    node.members(("encoding", "case"))
    encoding: Encoding = node.need("encoding").one_of(get_args(Encoding))
    case = node.get("case")
    if case is None:
        return SignatureForm(encoding=encoding)
    if encoding != "hex":
        case.fail("is for hexadecimal alone: in base64, cases are different digits")
    return SignatureForm(encoding=encoding, any_case=case.one_of(("any", "lower")) == "any")


def _joined(node: Node) -> Joined:
    node.members(("join", "pieces"))
    join = node.need("join").text()
    separator = None if join == "length-prefixed" else join.encode()
    return Joined(separator=separator, pieces=read_pieces(node.need("pieces")))


def _components(node: Node) -> Components:
    node.members(("always", "with_body", "tags"))
    return Components(
        required=_names(node.need("always")),
        required_with_body=_names(node.need("with_body")),
        tags=_names(node.get("tags")),
    )


def _names(node: Node | None) -> frozenset[str]:
    return frozenset() if node is None else frozenset(each.text() for each in node.items())


def _places(node: Node) -> dict[PartName, tuple[Place, ...]]:
    node.members(PARTS)
    return {
        cast("PartName", part.key): tuple(_place(each) for each in (part.items() if part.is_list else (part,)))
        for part in node.items_of_mapping()
    }


def _place(node: Node) -> Place:
    kinds: tuple[PlaceKind, ...] = get_args(PlaceKind)
    found = node.members(kinds)
    if len(found) != 1:
        node.fail(f"is one of {', '.join(kinds)} with a name")
    kind = found[0]
    name = node.need(kind)
    if kind == "message":
        return Place(kind="message", path=name.path())
    return Place(kind=kind, name=name.ascii().lower() if kind == "header" else name.ascii())


def _clock(node: Node) -> Clock:
    node.members(("unit", "past", "future"))
    past = _bound(node.need("past"), _LONGEST)
    # A timestamp with no past is an expiry that the client chose, and may be longer.
    future = _bound(node.need("future"), _LONGEST if past.microseconds else _LONGEST_EXPIRY)
    return Clock(unit=node.need("unit").one_of(get_args(Unit)), past=past, future=future)


def _bound(node: Node, most: int) -> Bound:
    node.members(("milliseconds", "inclusive"))
    milliseconds = node.need("milliseconds").whole(0, most)
    inclusive = node.need("inclusive").truth()
    if not milliseconds and not inclusive:
        node.fail("lets nothing through: with 0 milliseconds it has to be inclusive")
    return Bound(microseconds=milliseconds * 1_000, inclusive=inclusive)


def _window(node: Node) -> Window:
    node.members(("default_milliseconds", "most_milliseconds", "decimals"))
    most = node.need("most_milliseconds").whole(1, _LONGEST)
    default = node.need("default_milliseconds").whole(1, most)
    return Window(default=default, most=most, decimals=node.need("decimals").whole(0, 3))


def _nonce(node: Node) -> Nonce:
    rule: NonceRule = node.need("rule").one_of(get_args(NonceRule))
    if rule == "message":
        node.members(("rule",))
        return Nonce(rule=rule)
    if rule == "rising":
        node.members(("rule", "below"))
        below = int(node.need("below").text()) if node.need("below").text().isdigit() else 0
        if not 1 < below <= 2**64:
            node.need("below").fail("is a whole number of at most 18446744073709551616, as text")
        return Nonce(rule=rule, most=20, below=below)
    node.members(("rule", "least", "most", "characters"))
    most = node.need("most").whole(1, 256)
    least = node.need("least").whole(1, most)
    characters: NonceCharacters = node.need("characters").one_of(get_args(NonceCharacters))
    return Nonce(rule=rule, least=least, most=most, characters=characters)


def _fixed_headers(node: Node) -> dict[bytes, frozenset[bytes]]:
    return {
        each.key.lower().encode(): frozenset(value.ascii() for value in each.items())
        for each in node.items_of_mapping()
    }


# ------------------------------------------------------------------------------------- what does not fit together


def _check(root: Node, profile: Profile) -> None:
    if not profile.algorithms:
        root.need("algorithms").fail("names at least one algorithm")
    clash = SignatureForms(profile.algorithms).clash()
    if clash:
        root.need("algorithms").fail(f"gives signatures that look alike different forms: {' and '.join(clash)}")
    if isinstance(profile.signed, Components):
        _check_components(root, profile)
    else:
        _check_joined(root, profile, profile.signed)


def _check_components(root: Node, profile: Profile) -> None:
    if profile.clock is None or profile.clock.unit != "seconds":
        root.fail("needs `timestamp` in seconds: RFC 9421 has no other")
    if profile.nonce.rule == "rising" or profile.places or profile.window or profile.passphrase:
        root.fail("has a part that HTTP Message Signatures have no place for")
    if any(form.encoding != "base64" for form in profile.algorithms.values()):
        root.need("algorithms").fail("have their signatures in base64 here: RFC 9421 has no other")


def _check_joined(root: Node, profile: Profile, signed: Joined) -> None:
    _check_places(root, profile)
    if profile.clock is None and profile.nonce.rule != "rising":
        root.fail("has neither `timestamp` nor a rising nonce: nothing would keep a request from being sent again")
    covered = covered_by(signed.pieces)
    for name in _COVERABLE:
        told = [
            each
            for each, names in (
                ("signed", covered),
                ("not_signed", profile.not_signed),
                ("must_be_empty", profile.must_be_empty),
            )
            if name in names
        ]
        if len(told) != 1:
            where = " and ".join(told) or "nowhere"
            root.fail(f"tells of the {name} {where}: name it in one of `signed`, `not_signed` and `must_be_empty`")
    unknown = (profile.not_signed | profile.must_be_empty) - set(_COVERABLE)
    if unknown or profile.must_be_empty - {"query", "body"}:
        root.fail("has in `not_signed` and `must_be_empty` what is no part of a request that can be empty")


def _check_places(root: Node, profile: Profile) -> None:
    needed: dict[PartName, bool] = {
        "key": True,
        "signature": True,
        "timestamp": profile.clock is not None,
        "nonce": profile.nonce.rule != "message",
        "window": profile.window is not None,
        "passphrase": profile.passphrase is not None,
    }
    for part, is_needed in needed.items():
        if is_needed != (part in profile.places):
            root.fail(f"{'needs' if is_needed else 'has no use for'} a place for `{part}` in `places`")
    kinds = {each.kind for places in profile.places.values() for each in places}
    if ("authorization" in kinds) != bool(profile.word):
        root.fail("needs `authorization_word` if, and only if, a part stands in the header Authorization")
    in_query = {each.kind for each in profile.places["signature"]} & {"query", "form"}
    if in_query and {each.kind for each in profile.places["signature"]} - {"query", "form"}:
        root.need("places").fail("has a signature that is either a parameter or not")
