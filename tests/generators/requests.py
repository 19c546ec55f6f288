"""Random requests: mostly plausible and near the edges of programs, often with something missing, odd or hostile."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from types import MappingProxyType
from typing import Any

from durwan.model import types
from durwan.model.types import TIME_MAX, TIME_MIN
from durwan.model.values import format_instant
from tests.generators.programs import (
    ACTIONS,
    ADDRESSES,
    ATTRIBUTES,
    CHOICES,
    DAY,
    DECIMALS,
    DURATIONS,
    HOUR,
    INTS,
    MINUTE,
    NETWORK_TEXTS,
    NOW,
    SCOPES,
    STRINGS,
    TIMES,
)


class Imposter(str):
    """A text that claims to equal everything."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = str.__hash__


class Raising:
    """An object that raises whenever it is asked anything but its name."""

    def __repr__(self) -> str:
        return "Raising"

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("asked")

    def __hash__(self) -> int:
        raise RuntimeError("asked")

    def __bool__(self) -> bool:
        raise RuntimeError("asked")


ODD: tuple[Any, ...] = (
    None, True, False, 0, -0.0, 1, 1.0, "1", math.nan, math.inf, 10**400, 2**53 + 1, 2**63, -(2**63) - 1, 0.1 + 0.2,
    Decimal("0.3"), Decimal("NaN"), Decimal("sNaN"), Decimal("1e999999"), complex(1, 2), "", " ", "admin\n", "\ud800",
    b"admin", [], [math.nan], [[]], {}, {"a": 1}, set[Any](), object(), Imposter("a"), [Imposter("read")], Raising(),
    [Raising()], datetime(2026, 3, 2),  # noqa: DTZ001 - naive on purpose
    ("read",), frozenset({"a"}), [1, True], [1, "a"], "10.0.0.1 ", "010.0.0.1",
    "2026-03-02", "2026-03-02T09:00:60Z", 10**18, TIME_MAX, TIME_MAX + 1, TIME_MIN, MappingProxyType[str, Any]({}),
)  # fmt: skip

COLLECTIONS: tuple[Callable[[Iterable[str]], Any], ...] = (list, tuple, set, frozenset)


def generate_request(random: Random) -> dict[str, Any]:
    """One request."""
    request: dict[str, Any] = {"action": random.choice(ACTIONS)}
    if random.random() < 0.02:
        request["action"] = random.choice((None, 1, "no.such", Imposter("orders.create"), ["orders.create"]))
    missing = random.choice((0.0, 0.05, 0.3))
    odd = random.choice((0.0, 0.05, 0.3))
    for path, declared in ATTRIBUTES.items():
        context, _, name = path.partition(".")
        contents = request.setdefault(context, {})
        if random.random() < missing:
            continue
        contents[name] = random.choice(ODD) if random.random() < odd else plausible(declared, random)
    for context in ("key", "client", "session", "risk"):
        draw = random.random()
        if draw < 0.01:
            del request[context]
        elif draw < 0.02:
            request[context] = random.choice(ODD)
        elif draw < 0.03:
            request[context] = MappingProxyType(request[context])
    if random.random() < 0.05:
        request["key"] = random.choice(("desk-7", "nobody", ""))
    request["now"] = moment(random)
    if random.random() < 0.02:
        request["now"] = random.choice((format_instant(NOW), NOW + 0.5, "soon", datetime(2026, 3, 2, 9, tzinfo=UTC)))
    return request


def moment(random: Random) -> int:
    """An instant near those that programs compare with."""
    return random.choice(TIMES) + random.choice((0, 0, -1, 1, -HOUR, HOUR, random.randrange(-3 * DAY, 3 * DAY)))


def plausible(declared: types.Type, random: Random) -> Any:  # noqa: PLR0911, C901 - one branch per type
    """A value that is of the declared type, in one of the forms in which it may arrive."""
    match declared:
        case types.Bool():
            return random.random() < 0.5
        case types.Int(None):
            value = random.choice(INTS)
            return random.choice((value, str(value)))
        case types.Int(low, high):
            return random.choice((low, high, 50, 89, 90, 91))
        case types.Number():
            number = random.choice(DECIMALS)
            return random.choice((number, f"{number:f}", float(number), int(number)))
        case types.String(None):
            return random.choice((*STRINGS, "k1"))
        case types.String(_):
            return random.choice(CHOICES)
        case types.Address():
            return random.choice((*ADDRESSES, "8.8.8.8", "::ffff:10.0.0.1"))
        case types.Network():
            return random.sample(NETWORK_TEXTS, random.randrange(3))
        case types.Time():
            value = moment(random)
            text = format_instant(value)
            return random.choice((value, value, text, datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=value)))
        case types.Duration():
            return random.choice((*DURATIONS, "5m", "1h30m", random.randrange(90 * MINUTE)))
        case types.Scope():
            return random.choice((*SCOPES, "unheard"))
        case types.SetOf(types.Scope()):
            return random.choice(COLLECTIONS)(random.sample([*SCOPES, "unheard"], random.randrange(4)))
        case types.SetOf(types.Int()):
            return random.sample(INTS, random.randrange(4))
        case types.SetOf():
            return random.choice(COLLECTIONS[:3])(random.sample(STRINGS, random.randrange(4)))
