"""The keys of an issuer: a set that was given, or one that the issuer publishes (RFC 7517, section 5)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from durwan.credentials.tokens.compact import KEY_ID
from durwan.credentials.tokens.jwk import PRIVATE_MEMBERS, algorithms_of, key_of_jwk
from durwan.credentials.tokens.signatures import PUBLIC_KEY_ALGORITHMS, InvalidTokenKeyError
from durwan.credentials.tokens.strict_json import NotStrictJsonError, list_in, object_in, read_object
from durwan.credentials.tokens.token_keys import TokenKey

MOST_KEYS: Final = 32


class TokenKeySet:
    """Keys that do not change. Tokens name them by their ids; a key without id is the only one of its set."""

    def __init__(self, keys: Iterable[TokenKey]) -> None:
        """Takes 1 to 32 keys.

        Raises:
            InvalidTokenKeyError: none or too many, two with one id, or one without id among others.
        """
        given = tuple(keys)
        if not 0 < len(given) <= MOST_KEYS:
            raise InvalidTokenKeyError(f"a set of keys has 1 to {MOST_KEYS}, this one {len(given)}")
        by_id = {key.kid: key for key in given}
        if len(by_id) != len(given):
            raise InvalidTokenKeyError("two keys of a set have the same id")
        if None in by_id and len(given) > 1:
            raise InvalidTokenKeyError("a key without an id cannot stand among others")
        self._keys: Mapping[str | None, TokenKey] = MappingProxyType(by_id)
        self._only = given[0] if len(given) == 1 else None

    def find(self, kid: str | None, /) -> TokenKey | None:
        """The key of that id; for None the only key of the set. None where there is no such key."""
        return self._only if kid is None else self._keys.get(kid)

    async def find_async(self, kid: str | None, /) -> TokenKey | None:
        """As `find`: there is nothing to wait for."""
        return self.find(kid)

    def __len__(self) -> int:
        return len(self._keys)

    def __repr__(self) -> str:
        return f"<TokenKeySet: {len(self)} keys>"


def read_key_set(raw: bytes, algorithms: Collection[str]) -> TokenKeySet:
    """The keys for signatures that an issuer publishes.

    What is for another purpose, of a kind that is not known here, or for an algorithm that is not asked for is passed
    over, and so is a key that may not be trusted: an issuer may publish those beside the good ones.

    Args:
        raw: the document.
        algorithms: the ones that may be used. A key that does not name its own takes the one of these that fits.

    Raises:
        InvalidTokenKeyError: no set of keys, more than 32 of them, two with one id, a secret one, or none to be used.
    """
    found: list[TokenKey] = []
    members = _members(raw)
    ids = [jwk["kid"] for jwk in members if "kid" in jwk]
    if len(ids) != len(set(map(str, ids))):
        raise InvalidTokenKeyError("two keys of the set have the same id")
    for jwk in members:
        if jwk.get("kty") == "oct" or not PRIVATE_MEMBERS.isdisjoint(jwk):
            raise InvalidTokenKeyError("the set publishes a secret key, so nothing signed with it can be trusted")
        key = _usable(jwk, algorithms, alone=len(members) == 1)
        if key is not None:
            found.append(key)
    return TokenKeySet(found)


def check_algorithms(algorithms: Collection[str]) -> frozenset[str]:
    """The algorithms, all of which are for public keys.

    Raises:
        InvalidTokenKeyError: there is none, or one is not.
    """
    if not algorithms or not frozenset(algorithms) <= PUBLIC_KEY_ALGORITHMS:
        raise InvalidTokenKeyError(f"name one or more of {', '.join(sorted(PUBLIC_KEY_ALGORITHMS))}")
    return frozenset(algorithms)


def _members(raw: bytes) -> list[dict[str, Any]]:
    try:
        keys = list_in(read_object(raw).get("keys"))
    except NotStrictJsonError:
        raise InvalidTokenKeyError("this is no strict JSON object") from None
    if keys is None or len(keys) > MOST_KEYS:
        raise InvalidTokenKeyError(f"a set of keys has a list `keys` of at most {MOST_KEYS}")
    found = [each for each in map(object_in, keys) if each is not None]
    if len(found) != len(keys):
        raise InvalidTokenKeyError("each key of a set is an object")
    return found


def _usable(jwk: Mapping[str, Any], algorithms: Collection[str], *, alone: bool) -> TokenKey | None:
    """The key, or None where it is passed over."""
    kid = jwk.get("kid")
    named = type(kid) is str and KEY_ID.fullmatch(kid) is not None
    if not named and (kid is not None or not alone):
        return None
    if jwk.get("use", "sig") != "sig" or "verify" not in (list_in(jwk.get("key_ops", ["verify"])) or ()):
        return None
    fitting = algorithms_of(jwk) & frozenset(algorithms)
    alg = jwk.get("alg", next(iter(fitting)) if len(fitting) == 1 else None)
    if type(alg) is not str or alg not in fitting:
        return None
    try:
        return key_of_jwk(jwk, alg, kid)
    except InvalidTokenKeyError:
        return None
