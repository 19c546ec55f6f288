"""The 200 rules of a whole organisation: twelve desks with rules of their own, below rules for everybody.

Desks are told by the labels of keys, of which a key has several, as organisations do it: so no rule names a key, and
an order is decided by more than a hundred of them.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.workloads.addresses import mask_lookup
from benchmarks.workloads.conditions import (
    Condition,
    Rule,
    has_label,
    has_scope,
    is_country_of,
    is_during,
    is_from,
    is_larger,
    is_older,
    is_outside,
    is_riskier,
    is_safer,
    is_symbol_of,
    make_fast,
    make_reference,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from benchmarks.workloads.workload import Decide

ENTRY = ("orders.create", "orders.amend")
ORDERS = (*ENTRY, "orders.cancel", "orders.cancel_all", "positions.close")
FUNDS = ("withdrawals.create", "transfers.create", "loans.create")
ADMINISTRATION = ("addresses.add", "addresses.remove", "keys.create", "keys.revoke", "subaccounts.update")
READING = ("orders.read", "positions.read", "account.read", "balances.read", "withdrawals.read", "stream.open")
ACTIONS = (*ORDERS, *FUNDS, *ADMINISTRATION, *READING)
SCOPES = ("read", "orders.write", "funds.move", "administration")
_PLACES = ("london", "paris", "zurich", "dubai", "singapore", "tokyo", "sydney", "york", "chicago", "toronto")
DESKS = tuple(f"desk-{name}" for name in (*_PLACES, "makers", "treasury"))
KINDS = ("algo", "maker", "broker", "custody", "vendor", "trial", "partner", "retail")
SYMBOLS = tuple(
    f"{coin}-{quote}"
    for coin in ("BTC", "ETH", "SOL", "XRP", "ADA", "DOT", "AVAX", "LINK", "LTC", "DOGE")
    for quote in ("PERP", "USD", "EUR", "JUN26")
)
COUNTRIES = ("GB", "FR", "DE", "CH", "AE", "SG", "JP", "AU", "US", "CA", "NL", "SE", "BR", "IN", "ZA", "MX", "KR", "TR")


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What the rules refer to by name."""

    networks: Mapping[str, tuple[str, ...]]
    products: Mapping[str, frozenset[str]]
    """Sets of symbols."""
    countries: Mapping[str, frozenset[str]]
    hours: Mapping[str, tuple[int, int]]
    """Working days, from one full hour to another, UTC."""
    maintenance: Mapping[str, tuple[int, int]]
    """A day of the week, 0 for Monday, and the full hour that begins then, UTC."""

    def from_network(self, name: str) -> Condition:
        """The address is in the network."""
        return is_from(name, self.bits[name], self.networks[name])

    @property
    def bits(self) -> dict[str, int]:
        """Each network's bit in the table of the hand-written function."""
        return {name: 1 << number for number, name in enumerate(self.networks)}


def _named(desk: str) -> str:
    return desk.replace("-", "_")


def _network(rng: random.Random, length: int) -> str:
    first, second, third = rng.randrange(11, 220), rng.randrange(256), rng.randrange(256) if length == 24 else 0
    return f"{first}.{second}.{third}.0/{length}"


def make_names() -> Names:
    """Seeded; each desk has a floor, and in it a treasury."""
    rng = random.Random(31)
    networks: dict[str, tuple[str, ...]] = {}
    for number, desk in enumerate(DESKS):
        floor = _network(rng, 16)
        treasury = floor.replace(".0.0/16", ".7.0/24")
        networks[f"{_named(desk)}_floor"] = (floor, f"2001:db8:{number:x}::/48")
        networks[f"{_named(desk)}_treasury"] = (treasury, f"2001:db8:{number:x}:1::/64")
    for number in range(14):
        networks[f"hosting_{number}"] = tuple(sorted({_network(rng, 24) for _ in range(20)}))
    return Names(
        networks=networks,
        products={
            **{f"products_{number}": frozenset(rng.sample(SYMBOLS, 4)) for number in range(24)},
            **{f"{_named(desk)}_book": frozenset(rng.sample(SYMBOLS, 24)) for desk in DESKS},
        },
        countries={f"countries_{number}": frozenset(rng.sample(COUNTRIES, 3)) for number in range(10)},
        hours={f"{_named(desk)}_hours": (rng.randrange(5, 9), rng.randrange(16, 23)) for desk in DESKS},
        maintenance={f"maintenance_{number}": (rng.randrange(7), rng.randrange(24)) for number in range(14)},
    )


def _of_everybody(names: Names) -> Iterator[tuple[str, Sequence[str], Sequence[Condition]]]:
    yield (
        "environment_differs",
        ACTIONS,
        [
            Condition(
                policy="key.environment != gateway.environment",
                fast='key["environment"] != request["gateway"]["environment"]',
                plain=lambda request: request["key"]["environment"] != request["gateway"]["environment"],
            )
        ],
    )
    yield (
        "revoked",
        ACTIONS,
        [Condition(policy="key.revoked", fast='key["revoked"]', plain=lambda request: request["key"]["revoked"])],
    )
    yield (
        "expired",
        ACTIONS,
        [
            Condition(
                policy="now >= key.expires",
                fast='now >= key["expires"]',
                plain=lambda request: request["now"] >= request["key"]["expires"],
            )
        ],
    )
    yield (
        "not_yet_valid",
        ACTIONS,
        [
            Condition(
                policy="now < key.not_before",
                fast='now < key["not_before"]',
                plain=lambda request: request["now"] < request["key"]["not_before"],
            )
        ],
    )
    yield "risky", ACTIONS, [is_riskier(90)]
    yield "blocked", ACTIONS, [names.from_network("hosting_12")]
    yield "anonymous", ACTIONS, [names.from_network("hosting_13")]
    yield "sanctioned", ACTIONS, [is_country_of("countries_9", names.countries["countries_9"])]


def _of_products(names: Names, rng: random.Random) -> Iterator[tuple[str, Sequence[str], Sequence[Condition]]]:
    def product(number: int) -> Condition:
        return is_symbol_of(f"products_{number}", names.products[f"products_{number}"])

    for number in range(24):
        yield f"product_limit_{number}", ENTRY, [product(number), is_larger(rng.randrange(4, 40) * 25_000)]
    for number, (weekday, hour) in enumerate(names.maintenance.values()):
        yield f"maintenance_{number}", ORDERS[:2], [product(number), is_during(f"maintenance_{number}", weekday, hour)]
    for number in range(8):
        country = f"countries_{number}"
        yield f"not_offered_{number}", ENTRY, [product(number + 8), is_country_of(country, names.countries[country])]


def _of_kinds(names: Names, rng: random.Random) -> Iterator[tuple[str, Sequence[str], Sequence[Condition]]]:
    for number in range(12):
        score = rng.randrange(4, 9) * 10
        network = names.from_network(f"hosting_{number}")
        yield f"hosting_{number}_denied", (*FUNDS, *ADMINISTRATION), [network, is_riskier(score)]
    for number in range(9):
        country = is_country_of(f"countries_{number}", names.countries[f"countries_{number}"])
        yield f"country_limit_{number}", FUNDS, [country, is_larger(rng.randrange(2, 9) * 25_000)]
    for kind in KINDS:
        hours = rng.randrange(8, 25)
        yield f"{kind}_session_too_old", ACTIONS, [has_label(kind), is_older("started", hours * 3_600)]
        yield f"{kind}_too_large", (*ENTRY, *FUNDS), [has_label(kind), is_larger(rng.randrange(4, 30) * 25_000)]
    yield "large_and_risky", (*ENTRY, *FUNDS), [is_larger(100_000), is_riskier(70)]


def _denies_of_desk(
    desk: str, names: Names, rng: random.Random
) -> Iterator[tuple[str, Sequence[str], list[Condition]]]:
    book, hours = f"{_named(desk)}_book", f"{_named(desk)}_hours"
    yield "order_size", ENTRY, [is_larger(rng.randrange(4, 20) * 50_000)]
    yield "product", ENTRY, [is_symbol_of(book, names.products[book], negated=True)]
    yield "after_hours", ENTRY, [is_outside(hours, *names.hours[hours])]
    yield "payout_size", FUNDS, [is_larger(rng.randrange(4, 20) * 50_000)]
    yield "old_factor", (*FUNDS, *ADMINISTRATION), [is_older("mfa_at", rng.randrange(2, 12) * 300)]


def _allows_of_desk(
    desk: str, names: Names, rng: random.Random
) -> Iterator[tuple[str, Sequence[str], list[Condition]]]:
    floor = names.from_network(f"{_named(desk)}_floor")
    treasury = names.from_network(f"{_named(desk)}_treasury")
    yield "reading", READING, [has_scope("read")]
    yield "trading", ORDERS, [has_scope("orders.write"), floor]
    yield "funds", FUNDS, [has_scope("funds.move"), is_safer(rng.randrange(4, 8) * 10), treasury]
    yield "administration", ADMINISTRATION, [has_scope("administration"), treasury]


def make_rules(names: Names) -> list[Rule]:
    """The 200 rules, those for everybody first."""
    rng = random.Random(32)
    general = [*_of_everybody(names), *_of_products(names, rng), *_of_kinds(names, rng)]
    rules = [Rule(effect="deny", name=name, actions=on, conditions=when) for name, on, when in general]
    for desk in DESKS:
        for effect, parts in (("deny", _denies_of_desk), ("allow", _allows_of_desk)):
            rules += [
                Rule(effect=effect, name=f"{_named(desk)}_{name}", actions=on, conditions=[has_label(desk), *when])
                for name, on, when in parts(desk, names, rng)
            ]
    return rules


def _quoted(members: frozenset[str]) -> str:
    return "{ " + ", ".join(f'"{member}"' for member in sorted(members)) + " }"


def policy_sources(rules: Sequence[Rule], names: Names) -> dict[str, str]:
    """The rules in durwan's language."""
    days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    lines = [f"actions {{ {' '.join(ACTIONS)} }}", f"scopes {{ {' '.join(SCOPES)} }}"]
    lines.append("context risk { score : int 0..100 }")
    lines += [f"network {name} = {{ {', '.join(texts)} }}" for name, texts in names.networks.items()]
    lines += [f"set {name} = {_quoted(members)}" for name, members in {**names.products, **names.countries}.items()]
    for name, (first, last) in names.hours.items():
        lines.append(f'window {name} = mon..fri {first:02}:00..{last:02}:00 "UTC"')
    for name, (weekday, hour) in names.maintenance.items():
        lines.append(f'window {name} = {days[weekday]} {hour:02}:00..{hour + 1:02}:00 "UTC"')
    return {"names.policy": "\n".join(lines) + "\n", "rules.policy": "\n".join(rule.policy for rule in rules)}


def make_functions(rules: Sequence[Rule], names: Names) -> tuple[Decide, Decide]:
    """The plain reference, and the hand-written function, which is written by a program here."""
    mask = mask_lookup({bit: names.networks[name] for name, bit in names.bits.items()})
    return make_reference(rules), make_fast(rules, {**names.products, **names.countries}, mask)
