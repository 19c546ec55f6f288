"""What a key must be like before it is made: the configurations that exchanges refuse, each with its reason."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from typing import cast

from durwan.credentials.key_hygiene import ScopeRoles, roles_by_name
from durwan.credentials.key_rules import Fault, KeyRules
from durwan.errors import DurwanError
from durwan.model.address import AddressRange, parse_network
from durwan.model.values import format_instant, parse_instant

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Objection:
    """One reason why a key is not made: `code` is for programs and stays the same, `words` say what to do."""

    code: str
    field: str
    words: str


class KeyRefusedError(DurwanError):
    """A key that is not made, or not changed, because of how it would be.

    Attributes:
        key_id: which key.
        objections: all that is against it.
    """

    def __init__(self, key_id: str, objections: Sequence[Objection]) -> None:
        self.key_id = key_id
        self.objections = tuple(objections)
        lines = [f"{each.code}: {each.words}" for each in objections]
        super().__init__("\n".join([f"the key {key_id[:80]!r} is refused", *lines]))


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyDemands:
    """What a venue demands of its keys.

    Attributes:
        most_networks: how many entries an allowlist may have; 20 at OKX, Gate and KuCoin.
        ranges: whether an entry may be a network; Gate takes addresses alone.
        ipv6: whether an entry may be of IPv6; Gate takes IPv4 alone.
        widest_ipv4: the shortest prefix of an IPv4 network; a wider one allows half of the world.
        widest_ipv6: the same for IPv6.
        longest_life: milliseconds from now to `expires` at most; None for any.
    """

    most_networks: int = 20
    ranges: bool = True
    ipv6: bool = True
    widest_ipv4: int = 8
    widest_ipv6: int = 32
    longest_life: int | None = None


def objections_to(
    record: Mapping[str, object], rules: KeyRules, roles: ScopeRoles, demands: KeyDemands, now: int
) -> list[Objection]:
    """All that is against a key with these attributes, its `id` among them; empty where nothing is.

    Args:
        record: the attributes, as a key file holds them.
        rules: which fields there are, and which scopes.
        roles: which of the scopes trade and withdraw; by their names where the roles are not known.
        demands: what the venue demands.
        now: milliseconds since the epoch.
    """
    faults = rules.faults(record)
    if faults:
        return [_objection(fault, record) for fault in faults]
    found = list(_to_id(str(record["id"])))
    scopes = [str(each) for each in cast("Sequence[object]", record.get("scopes", ()))]
    networks = [str(each) for each in cast("Sequence[object]", record.get("networks", ()))]
    found += [*_to_repetitions("scopes", scopes), *_to_powers(scopes, networks, roles)]
    found += [*_to_networks(networks, demands), *_to_times(record, demands, now)]
    return found


def _to_id(key_id: str) -> Iterator[Objection]:
    if _ID.fullmatch(key_id) is None:
        words = "an id has 1 to 64 letters, digits and . _ : - and begins with a letter or digit"
        yield Objection("key_id_invalid", "id", words)


def _to_powers(scopes: Sequence[str], networks: Sequence[str], roles: ScopeRoles) -> Iterator[Objection]:
    if roles.includes is None:
        roles = roles_by_name({scope: (scope,) for scope in scopes})
    held = roles.held(scopes)
    withdraws = sorted(held & roles.withdraw)
    if withdraws and not networks:
        words = f"a key with {withdraws[0]} needs an address allowlist: give it networks"
        yield Objection("ip_binding_required", "networks", words)
    if withdraws and held & roles.trade:
        words = f"a key may trade or withdraw, not both: make one key with {withdraws[0]} and another for orders"
        yield Objection("key_not_segregated", "scopes", words)


def _to_repetitions(name: str, values: Sequence[str]) -> Iterator[Objection]:
    for place, value in enumerate(values):
        if value in values[:place]:
            yield Objection(f"{name.removesuffix('s')}_repeated", f"{name}[{place}]", f"{value} is given twice")


def _to_networks(networks: Sequence[str], demands: KeyDemands) -> Iterator[Objection]:
    if len(networks) > demands.most_networks:
        words = f"an allowlist has {demands.most_networks} entries at most, and this one {len(networks)}"
        yield Objection("too_many_networks", "networks", words)
    ranges = [cast("AddressRange", parse_network(each)) for each in networks]
    for place, text in enumerate(networks):
        yield from (
            Objection(code, f"networks[{place}]", words)
            for code, words in (*_to_network(text, demands), *_to_overlap(place, networks, ranges))
        )


def _to_network(text: str, demands: KeyDemands) -> Iterator[tuple[str, str]]:
    network = ip_network(text)
    widest = demands.widest_ipv4 if network.version == 4 else demands.widest_ipv6
    if network.version == 6 and not demands.ipv6:
        yield "ipv6_not_supported", f"{text} is of IPv6: give IPv4 addresses"
    if network.num_addresses > 1 and not demands.ranges:
        yield "cidr_not_supported", f"{text} is a network: give single addresses"
    elif network.prefixlen < widest:
        yield "network_too_wide", f"{text} allows too many addresses: /{widest} is the widest network"


def _to_overlap(place: int, networks: Sequence[str], ranges: Sequence[AddressRange]) -> Iterator[tuple[str, str]]:
    mine = ranges[place]
    for other, each in enumerate(ranges):
        inside = len(each.first) == len(mine.first) and each.first <= mine.first and mine.last <= each.last
        if inside and (other < place or (other > place and (each.first, each.last) != (mine.first, mine.last))):
            yield "network_repeated", f"{networks[place]} is in the allowlist already, as {networks[other]}"
            return


def _to_times(record: Mapping[str, object], demands: KeyDemands, now: int) -> Iterator[Objection]:
    created, begins, ends = (_time(record, name) for name in ("created", "not_before", "expires"))
    if ends is not None and ends <= now:
        yield Objection("already_expired", "expires", f"it would have expired {format_instant(ends)}")
    if ends is not None and begins is not None and begins >= ends:
        yield Objection("never_valid", "not_before", "it would begin to be valid when it has expired")
    if created is not None and created > now:
        yield Objection("created_ahead", "created", "it would have been made in the future")
    if demands.longest_life is not None and (ends is None or ends - now > demands.longest_life):
        words = f"a key expires {format_instant(now + demands.longest_life)} at the latest"
        yield Objection("life_too_long", "expires", words)


def _time(record: Mapping[str, object], name: str) -> int | None:
    value = record.get(name)
    return parse_instant(value) if isinstance(value, str) else None


def _objection(fault: Fault, record: Mapping[str, object]) -> Objection:
    """What a fault is called here. Only of scopes and networks is the value repeated: those are no secrets."""
    match fault.kind:
        case "scope":
            return Objection("scope_unknown", fault.field, f"there is no scope {_member(record, fault)!r}")
        case "network":
            return _network_objection(fault, _member(record, fault))
        case "time":
            words = f"`{fault.field}` is no date, time and offset such as 2026-01-15T00:00:00Z"
            return Objection("time_invalid", fault.field, words)
        case "secret":
            return Objection("secret_misplaced", fault.field, f"`{fault.field}` is a secret, and no attribute of a key")
        case "unknown":
            words = f"there is no attribute `{fault.field}`: the policies declare further ones in `context key`"
            return Objection("attribute_unknown", fault.field, words)
        case "missing" | "value":
            return Objection("value_invalid", fault.field, f"`{fault.field}` must be {fault.expected or 'given'}")


def _network_objection(fault: Fault, text: str) -> Objection:
    try:
        right = str(ip_network(text, strict=False))
    except ValueError:
        right = ""
    if right and parse_network(right) is not None:
        words = f"{text[:80]} has bits of a host: write {right}, or {text.partition('/')[0][:80]} for one address"
        return Objection("network_host_bits", fault.field, words)
    return Objection("network_invalid", fault.field, "it is no address and no network such as 203.0.113.0/24")


def _member(record: Mapping[str, object], fault: Fault) -> str:
    name, place = fault.path[0], fault.path[1]
    return str(cast("Sequence[object]", record[str(name)])[int(place)])[:80]


__all__ = ["KeyDemands", "KeyRefusedError", "Objection", "objections_to"]
