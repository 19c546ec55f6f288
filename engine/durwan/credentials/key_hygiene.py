"""What is to be said about keys that are well-formed: the habits by which keys are lost, or forgotten.

These rules know no policy. What a key can do beyond its scopes, the matrix of keys and actions says.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, cast

from durwan.model.address import parse_network
from durwan.model.types import SetOf, String, Time
from durwan.model.values import format_duration, format_instant, read_value

Severity = Literal["high", "medium", "low"]

_DAY: Final = 86_400_000

# Milliseconds. The first two are rules of venues: Bybit ends a key without an allowlist after 90 days, OKX ends one
# that trades or withdraws after 14 days without use. No venue documents a rotation that it asks of a key with an
# allowlist; 180 days is the longest but one of the lives that KuCoin lets its users choose from. The others are
# ours: a quarter without use is nobody's habit, and a month is what it takes to arrange a new key.
OLDEST_WITHOUT_ALLOWLIST: Final = 90 * _DAY
LONGEST_IDLE_WITHOUT_ALLOWLIST: Final = 14 * _DAY
LONGEST_WITHOUT_ROTATION: Final = 180 * _DAY
LONGEST_IDLE: Final = 90 * _DAY
LONGEST_UNTRIED: Final = 14 * _DAY
SOON: Final = 30 * _DAY

_TEXTS: Final = SetOf(String())


@dataclass(frozen=True, slots=True)
class KeyFinding:
    """One thing about one key. `code` is for programs and stays the same, `words` are for people."""

    key: str
    code: str
    words: str
    severity: Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeRoles:
    """What scopes stand for, as far as it matters here.

    Attributes:
        includes: each declared scope with all that it includes, itself among them; None where none are declared.
        withdraw: the scopes that move money out.
        trade: the scopes that place, change or cancel orders.
    """

    includes: Mapping[str, Collection[str]] | None = None
    withdraw: frozenset[str] = field(default_factory=frozenset[str])
    trade: frozenset[str] = field(default_factory=frozenset[str])

    def held(self, scopes: Iterable[str]) -> frozenset[str]:
        """All scopes of somebody who was given these."""
        table = self.includes or {}
        return frozenset(each for scope in scopes for each in table.get(scope, (scope,)))


_READING: Final = frozenset({"read", "view", "history", "query"})


def roles_by_name(includes: Mapping[str, Collection[str]]) -> ScopeRoles:
    """The roles that the names of declared scopes tell, which are names such as venues give them.

    A scope is one to withdraw with if a part of its name begins with `withdraw`, one to trade with if a part begins
    with `order` or `trad`; a part that says that it only reads makes it neither.
    """
    writing = {scope: parts for scope in includes if not _READING & (parts := set(scope.replace("_", ".").split(".")))}
    return ScopeRoles(
        includes=includes,
        withdraw=frozenset(scope for scope, parts in writing.items() if _begins(parts, "withdraw")),
        trade=frozenset(scope for scope, parts in writing.items() if _begins(parts, "order", "trad")),
    )


def _begins(parts: Iterable[str], *starts: str) -> bool:
    return any(part.startswith(starts) for part in parts)


def key_findings(keys: Iterable[tuple[str, Mapping[str, object]]], roles: ScopeRoles, now: int) -> list[KeyFinding]:
    """What is to be said about the keys, in their order; the gravest of each key first.

    Args:
        keys: the attributes of each key, with its id.
        roles: what the scopes stand for; see `roles_by_name`.
        now: milliseconds since the epoch.
    """
    return [finding for key_id, record in keys for finding in _findings(_Key(key_id, record, roles, now))]


class _Key:
    """A key as the rules see it. What is of the wrong type is unknown here as it is to policies."""

    def __init__(self, key_id: str, record: Mapping[str, object], roles: ScopeRoles, now: int) -> None:
        self.id = key_id
        self.now = now
        self.given = self._texts(record, "scopes")
        held = roles.held(self.given)
        self.unknown_scopes = sorted(self.given.difference(roles.includes)) if roles.includes is not None else []
        self.withdraws = bool(held & roles.withdraw)
        self.trades = bool(held & roles.trade)
        self.networks = self._texts(record, "networks")
        self.revoked = record.get("revoked") is True
        self.created = self._time(record, "created")
        self.secret_since = self._time(record, "rotated") or self.created
        self.expires = self._time(record, "expires")
        self.last_used = self._time(record, "last_used")

    def _texts(self, record: Mapping[str, object], name: str) -> frozenset[str]:
        found = read_value(_TEXTS, record.get(name))
        return cast("frozenset[str]", found) if isinstance(found, frozenset) else frozenset()

    def _time(self, record: Mapping[str, object], name: str) -> int | None:
        found = read_value(Time(), record.get(name))
        return found if isinstance(found, int) else None

    @property
    def open(self) -> bool:
        """Whether it works from any address: without an allowlist, or with one that holds every address."""
        ranges = [found for text in self.networks if (found := parse_network(text)) is not None]
        return not self.networks or any(not any(each.first) and set(each.last) == {255} for each in ranges)

    def since(self, moment: int | None) -> int:
        """The time that has passed since then; none where it is unknown, or still to come."""
        return 0 if moment is None else max(self.now - moment, 0)


_Rule = Callable[[_Key], Iterator[tuple[Severity, str, str]]]
_GRAVITY: Final = {"high": 0, "medium": 1, "low": 2}


def _findings(key: _Key) -> list[KeyFinding]:
    # What nobody can use any more is only to be put away.
    rules = (_put_away,) if key.revoked else _RULES
    found = [KeyFinding(key.id, code, words, severity) for rule in rules for severity, code, words in rule(key)]
    return sorted(found, key=lambda each: _GRAVITY[each.severity])


def _put_away(key: _Key) -> Iterator[tuple[Severity, str, str]]:
    yield "low", "revoked_kept", f"revoked, and still kept{_expired_words(key)}"


def _expired_words(key: _Key) -> str:
    ended = key.expires is not None and key.expires <= key.now
    return f"; it expired {format_instant(key.expires or 0)}" if ended else ""


def _allowlist(key: _Key) -> Iterator[tuple[Severity, str, str]]:
    if not key.open:
        return
    powers = "withdraws" if key.withdraws else "trades" if key.trades else "reads"
    yield ("high" if powers != "reads" else "medium"), "no_allowlist", f"{powers} from any address: it has no allowlist"
    if key.since(key.created) > OLDEST_WITHOUT_ALLOWLIST:
        yield "medium", "old_without_allowlist", f"without an allowlist, and {_days(key.since(key.created))} old"
    idle = key.since(key.last_used)
    if (key.trades or key.withdraws) and idle > LONGEST_IDLE_WITHOUT_ALLOWLIST:
        yield "high", "idle_without_allowlist", f"without an allowlist, and not used for {_days(idle)}"


def _powers(key: _Key) -> Iterator[tuple[Severity, str, str]]:
    if key.withdraws and key.trades:
        yield "high", "several_roles", "one key for two jobs: it trades and withdraws"
    if key.withdraws:
        yield "medium", "withdraws", "can withdraw"
    if key.unknown_scopes:
        yield "medium", "unknown_scopes", f"holds scopes that are not declared: {', '.join(key.unknown_scopes)}"


def _secret(key: _Key) -> Iterator[tuple[Severity, str, str]]:
    age = key.since(key.secret_since)
    if key.secret_since is None:
        yield "medium", "rotation_unknown", "nobody knows how old its secret is"
    elif age > LONGEST_WITHOUT_ROTATION:
        yield "medium", "rotation_overdue", f"its secret is {_days(age)} old"


def _use(key: _Key) -> Iterator[tuple[Severity, str, str]]:
    if key.last_used is None and key.since(key.created) > LONGEST_UNTRIED:
        yield "medium", "never_used", f"never used in the {_days(key.since(key.created))} since it was made"
    elif key.since(key.last_used) > LONGEST_IDLE:
        yield "medium", "idle", f"not used for {_days(key.since(key.last_used))}"


def _end(key: _Key) -> Iterator[tuple[Severity, str, str]]:
    if key.expires is None:
        yield "medium", "no_expiry", "never expires"
    elif key.expires <= key.now:
        yield "low", "expired_kept", f"expired {format_instant(key.expires)}, and still kept"
    elif key.expires - key.now <= SOON:
        yield "low", "expires_soon", f"expires {format_instant(key.expires)}"


_RULES: Final[tuple[_Rule, ...]] = (_allowlist, _powers, _secret, _use, _end)


def _days(milliseconds: int) -> str:
    """Whole days, as people count them."""
    return format_duration(milliseconds // _DAY * _DAY).replace("d", " days")


__all__ = [
    "LONGEST_IDLE", "LONGEST_IDLE_WITHOUT_ALLOWLIST", "LONGEST_UNTRIED", "LONGEST_WITHOUT_ROTATION",
    "OLDEST_WITHOUT_ALLOWLIST", "SOON", "KeyFinding", "ScopeRoles", "key_findings", "roles_by_name",
]  # fmt: skip
