"""What a key may say: one set of rules for key files and for keys that are changed while a gateway runs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import Final, Literal, cast

from durwan.model.address import parse_network
from durwan.model.values import parse_instant

Kind = Literal["value", "missing", "unknown", "secret", "time", "network", "scope"]

_SECRETS: Final = frozenset(
    {
        "api_secret", "hmac_key", "hmac_secret", "key_secret", "mnemonic", "passphrase", "password", "private_key",
        "secret", "secret_key", "seed", "signing_key", "token",
    }
)  # fmt: skip
_MEMBERS: Final = (list, tuple, set, frozenset)
_PLAIN: Final = (str, int, float, bool, type(None), Decimal)
_DEEPEST: Final = 32


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a key.

    `path` is the field, or the field and the position of a member in it; empty for the key as a whole. `expected` is
    what a wrong value must be. A fault holds no value: it might be a secret that came to the wrong place.
    """

    kind: Kind
    path: tuple[str | int, ...]
    expected: str = ""

    @property
    def field(self) -> str:
        """The path as people write it: `scopes[1]`."""
        return "".join(f"[{step}]" if isinstance(step, int) else step for step in self.path)


_Check = Callable[[str, object], Iterable[Fault]]


def _text(name: str, value: object) -> Iterable[Fault]:
    return () if type(value) is str else (Fault("value", (name,), "text"),)


def _id(name: str, value: object) -> Iterable[Fault]:
    return (Fault("value", (name,), "text that is not empty"),) if value == "" else _text(name, value)


def _bool(name: str, value: object) -> Iterable[Fault]:
    return () if type(value) is bool else (Fault("value", (name,), "`true` or `false`"),)


def _time(name: str, value: object) -> Iterable[Fault]:
    if type(value) is not str:
        return _text(name, value)
    return (Fault("time", (name,)),) if parse_instant(value) is None else ()


def _texts(name: str, value: object) -> Iterable[Fault]:
    if type(value) not in _MEMBERS:
        return (Fault("value", (name,), "a list"),)
    members = cast("Collection[object]", value)
    return [Fault("value", (name, place), "text") for place, each in enumerate(members) if type(each) is not str]


# The same networks come again and again in the keys of one desk.
@lru_cache(maxsize=4096)
def _is_network(text: str) -> bool:
    return parse_network(text) is not None


def _networks(name: str, value: object) -> Iterable[Fault]:
    wrong = _texts(name, value)
    if wrong:
        return wrong
    members = cast("Collection[str]", value)
    return [Fault("network", (name, place)) for place, each in enumerate(members) if not _is_network(each)]


# The attributes that the prelude declares for `key`. Times are RFC 3339 text; networks are addresses or networks in the
# language's form. Whatever is left out is unknown to the policies; only `id` is required.
_CHECKS: Final[Mapping[str, _Check]] = {
    "id": _id,
    "account": _text,
    "subaccount": _text,
    "environment": _text,
    "owner": _text,
    "scopes": _texts,
    "networks": _networks,
    "symbols": _texts,
    "labels": _texts,
    "created": _time,
    "rotated": _time,
    "expires": _time,
    "last_used": _time,
    "not_before": _time,
    "revoked": _bool,
}
FIELDS: Final = tuple(_CHECKS)


class KeyRules:
    """What a key may say.

    Args:
        declared: the attributes that the policies themselves declare for `key`: they may stand beside the known fields,
            with any plain data as values.
        scopes: the scopes that a key may be given; None where they are not known, and then any may.
    """

    def __init__(self, declared: Collection[str] = (), scopes: Collection[str] | None = None) -> None:
        self.scopes = scopes
        self._declared = frozenset(declared)
        self.fields = (*FIELDS, *sorted(self._declared.difference(FIELDS)))

    def faults(self, record: object) -> list[Fault]:
        """All that is wrong with a key; empty where nothing is."""
        if not isinstance(record, Mapping):
            return [Fault("value", (), "a mapping")]
        fields = cast("Mapping[str, object]", record)
        found = [] if "id" in fields else [Fault("missing", ("id",))]
        for name, value in fields.items():
            check = _CHECKS.get(name)
            found.extend(self._other(name, value) if check is None else check(name, value))
        return found or self._undeclared_scopes(fields.get("scopes", ()))

    def _other(self, name: str, value: object) -> Iterable[Fault]:
        if name not in self._declared:
            return (Fault("secret" if _is_secret(name) else "unknown", (name,)),)
        return () if _is_plain(value) else (Fault("value", (name,), "plain data"),)

    def _undeclared_scopes(self, given: object) -> list[Fault]:
        declared = self.scopes
        if declared is None:
            return []
        scopes = cast("Iterable[str]", given)
        return [Fault("scope", ("scopes", place)) for place, scope in enumerate(scopes) if scope not in declared]


def _is_secret(name: str) -> bool:
    """Whether a field of this name holds what no policy set and no log should hold."""
    return str(name).lower().replace("-", "_") in _SECRETS


def _is_plain(value: object, depth: int = 0) -> bool:
    """Whether a value is text, a number, a bool, nothing, or a list or mapping of such."""
    kind = type(value)
    if kind in _PLAIN:
        return True
    if depth == _DEEPEST:
        return False
    if kind is dict or kind is MappingProxyType:
        entries = cast("Mapping[object, object]", value)
        return all(type(name) is str and _is_plain(each, depth + 1) for name, each in entries.items())
    return kind in _MEMBERS and all(_is_plain(each, depth + 1) for each in cast("Collection[object]", value))


__all__ = ["FIELDS", "Fault", "KeyRules"]
