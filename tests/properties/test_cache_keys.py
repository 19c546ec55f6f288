"""Cache keys: requests that share one are decided alike, and nothing that decides is missing from it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from durwan.backends.bytecode import Evaluator
from durwan.credentials.keys import StaticKeys
from durwan.model import types
from durwan.model.address import format_address, parse_network
from durwan.model.decision import Decision
from durwan.model.request import PLAIN
from durwan.model.types import INT64_MAX, INT64_MIN, TIME_MAX, Type
from durwan.model.values import read_value
from durwan.program import reference
from durwan.program.program import Program
from durwan.runtime.decision_store import CacheLimits
from durwan.runtime.engine import Engine
from durwan.runtime.key_lookup import prepared
from durwan.runtime.policy import Compiled
from tests.cache_soundness import KEY_IDS, UNKNOWN_IDS, key_attributes
from tests.generators.programs import (
    ACTIONS,
    ATTRIBUTES,
    CHOICES,
    DECIMALS,
    DURATIONS,
    INTS,
    NETWORK_TEXTS,
    NOW,
    SCOPES,
    STRINGS,
    TIMES,
    generate_program,
)  # fmt: skip
from tests.generators.requests import ODD, generate_request, plausible

# Each part: so many programs, with three actions each; so many requests of an action, each paired with every other.
PARTS, PROGRAMS, REQUESTS = 10, 10, 100
# What a forger would try who knew of delimiters, lengths, tags and how Python prints things.
FORGED = (
    "None", "True", "1", "1.0", "0", "()", "', '", "a', 'b", "a\x00b", "\x00", "a,b", "a$$b", "a|b", "a:b", "s:1:a",
    "2:ab", "12:a", "\x02\x00\x00\x00ab", "desk-7", "desk-7\x00", "('desk-7',)", "{}", "[]", "null", "NaN", "-0.0",
    "e\u0301", "\u00e9", "\ud800", "10.0.0.1", "010.0.0.1", "::ffff:10.0.0.1", "production\n", "BTC-PERP ",
)  # fmt: skip

KeyOf = Callable[[dict[str, Any], int], Any]


class Desk:
    """One program with its keys, and the keys of its cache."""

    def __init__(self, seed: int) -> None:
        self.random = random = Random(seed)
        self.program: Program = generate_program(seed)
        self.keys = StaticKeys({key_id: {"id": key_id, **key_attributes(random)} for key_id in KEY_IDS})
        self.lookup = prepared(self.keys, self.program.schema)
        self.evaluator = Evaluator(self.program, clock=lambda: NOW, keys=self.lookup)

    def key_of(self, action: str, *, strict: bool = False) -> KeyOf:
        """What makes the cache key of a request; it raises where there is none."""

        def tell_key(key: Any, _request: object, _now: int) -> Any:
            return key

        return self.evaluator.cached(action, tell_key, strict=strict, by_id=True)

    def fresh(self, request: Mapping[str, Any]) -> Decision:
        """What the reference evaluator decides."""
        return reference.decide(self.program, request, clock=lambda: NOW, keys=self.lookup)

    def requests(self, action: str, count: int) -> Iterator[dict[str, Any]]:
        """A few requests of an action, and others that differ from one of them in one attribute or two."""
        first = [self._request(action) for _ in range(max(1, count // 12))]
        yield from first
        for _ in range(count - len(first)):
            request = copy_of(self.random.choice(first))
            for _ in range(self.random.choice((1, 1, 2))):
                self._change(request)
            yield request

    def _request(self, action: str) -> dict[str, Any]:
        request = generate_request(self.random) | {"action": action}
        if self.random.random() < 0.4:
            request["key"] = self.random.choice((*KEY_IDS, *UNKNOWN_IDS))
        return request

    def _change(self, request: dict[str, Any]) -> None:
        random = self.random
        path = random.choice(tuple(ATTRIBUTES))
        context, _, name = path.partition(".")
        if type(request.get(context)) is not dict:
            request[context] = random.choice((*KEY_IDS, *FORGED)) if context == "key" else {}
            return
        draw = random.random()
        if draw < 0.1:
            request[context].pop(name, None)
        elif draw < 0.3:
            request[context][name] = random.choice(ODD)
        elif draw < 0.5:
            request[context][name] = random.choice((random.choice(FORGED), [*random.sample(FORGED, 2)]))
        elif draw < 0.7:
            request[context][name] = random.choice(edges(ATTRIBUTES[path]))
        else:
            request[context][name] = plausible(ATTRIBUTES[path], random)


def copy_of(request: Mapping[str, Any]) -> dict[str, Any]:
    """A copy whose contexts can be changed; the values in them are shared."""
    return {name: dict(each) if type(each) is PLAIN else each for name, each in request.items()}


def key_or_none(key_of: KeyOf, request: dict[str, Any], now: int = NOW) -> Any:
    """The cache key, or None for a request that is not cached."""
    try:
        return key_of(request, now)
    except Exception:  # noqa: BLE001 - such a function may give up in any way
        return None


@pytest.mark.parametrize("part", range(PARTS))
def test_requests_that_share_a_key_are_decided_alike(part: int) -> None:
    """Outcome and deadline are one for all requests of a key: over 1,000,000 pairs in all, forged texts among them."""
    pairs = shared = 0
    for seed in range(part * PROGRAMS, (part + 1) * PROGRAMS):
        desk = Desk(seed)
        for action in ACTIONS:
            decided: dict[Any, list[tuple[Decision, dict[str, Any]]]] = defaultdict(list)
            key_of = desk.key_of(action)
            count = 0
            for request in desk.requests(action, REQUESTS):
                key = key_or_none(key_of, request)
                if key is not None:
                    decided[key].append((desk.fresh(request | {"now": NOW}), request))
                    count += 1
            pairs += count * (count - 1) // 2
            for together in decided.values():
                shared += len(together) * (len(together) - 1) // 2
                first = together[0]
                for other in together[1:]:
                    assert first[0] == other[0], (seed, action, first, other)
    assert pairs > 100_000
    assert shared > pairs // 200, "hardly any requests share a key"


@pytest.mark.parametrize("part", range(4))
def test_the_strict_key_is_the_careful_one(part: int) -> None:
    """Where the strict function makes a key at all it is the careful one's, so that they may share their entries."""
    made = 0
    for seed in range(1_000 + part * 10, 1_010 + part * 10):
        desk = Desk(seed)
        for action in ACTIONS:
            strict, careful = desk.key_of(action, strict=True), desk.key_of(action)
            for request in desk.requests(action, 60):
                key = key_or_none(strict, request)
                if key is not None:
                    assert careful(request, NOW) == key, (seed, action, request)
                    made += 1
    assert made > 300


class Witness(Mapping[str, Any]):
    """A context that writes down what is read of it."""

    def __init__(self, name: str, fields: Mapping[str, Any], seen: set[str]) -> None:
        self._name = name
        self._fields = fields
        self._seen = seen

    def __getitem__(self, name: str) -> Any:
        self._seen.add(f"{self._name}.{name}")
        return self._fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)


def whole_request(random: Random, action: str) -> dict[str, Any]:
    """A request in which every attribute is known."""
    request: dict[str, Any] = {"action": action, "now": NOW}
    for path, declared in ATTRIBUTES.items():
        context, _, name = path.partition(".")
        value = plausible(declared, random)
        while read_value(declared, value) is None:
            value = plausible(declared, random)
        request.setdefault(context, {})[name] = value
    return request


def test_what_a_decision_reads_is_in_the_key() -> None:
    """Whatever the reference evaluator reads of a request changes the cache key when it is taken out of the request."""
    taken = 0
    for seed in range(60):
        desk = Desk(2_000 + seed)
        for action in ACTIONS:
            key_of, seen = desk.key_of(action), set[str]()
            request = whole_request(desk.random, action)
            contexts = {name: Witness(name, each, seen) for name, each in request.items() if type(each) is PLAIN}
            desk.fresh(request | contexts)
            for path in seen & ATTRIBUTES.keys():
                context, _, name = path.partition(".")
                without = copy_of(request)
                del without[context][name]
                assert key_of(without, NOW) != key_of(request, NOW), (seed, action, path)
                taken += 1
    assert taken > 500


@pytest.mark.parametrize("part", range(4))
def test_a_change_that_decides_changes_the_key(part: int) -> None:
    """Each attribute is set to each of its odd and edge values: where the decision is another one, so is the key."""
    differing = 0
    for seed in range(3_000 + part * 2, 3_002 + part * 2):
        desk = Desk(seed)
        for action in ACTIONS:
            key_of, request = desk.key_of(action), whole_request(desk.random, action)
            expected, key = desk.fresh(request), key_of(request, NOW)
            for changed in changes(request):
                if desk.fresh(changed) != expected:
                    assert key_or_none(key_of, changed) != key, (seed, action, request, changed)
                    differing += 1
    assert differing > 100


def changes(request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The request with one attribute changed, for every attribute and each of many values."""
    for path, declared in ATTRIBUTES.items():
        context, _, name = path.partition(".")
        for value in (*edges(declared), *ODD, *FORGED):
            changed = copy_of(request)
            changed[context][name] = value
            yield changed


# ---------------------------------------------------------------------------------------------------- R20, the edges


@pytest.mark.parametrize("part", range(6))
def test_beside_every_edge_the_cache_answers_as_a_fresh_decision_would(part: int) -> None:
    """One address, one unit, 10^-18 beside each edge that policies name: answers are the same with a cache."""
    checked = 0
    for seed in range(4_000 + part * 8, 4_008 + part * 8):
        desk = Desk(seed)
        compiled = Compiled(program=desk.program, revision="", keys=desk.keys)
        limits = CacheLimits(trial=0, recheck=TIME_MAX)
        cached, plain = (engine_of(compiled, cache) for cache in (limits, None))
        for action in ACTIONS:
            request = whole_request(desk.random, action)
            beside = list(besides(request))
            desk.random.shuffle(beside)
            for each in (*beside, *beside):
                assert cached.decide(each).outcome == plain.decide(each).outcome, (seed, action, each)
                checked += 1
        info = cached.cache_info()
        assert info is not None
        assert info.differences == 0
        assert info.fills < info.entries * 3
    assert checked > 5_000


def engine_of(compiled: Compiled, limits: CacheLimits | None) -> Engine:
    """An engine for a program that was not compiled from text."""
    return Engine(lambda: compiled, clock=lambda: NOW, cache=limits)


def besides(request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The request at and beside every edge, one attribute at a time."""
    for path, declared in ATTRIBUTES.items():
        context, _, name = path.partition(".")
        for value in edges(declared):
            changed = copy_of(request)
            changed[context][name] = value
            yield changed


def edges(declared: Type) -> list[Any]:  # noqa: C901 - one line per type
    """What lies on and directly beside the values that generated policies compare with, in every plain form."""
    match declared:
        case types.Bool():
            return [True, False, 1, 0]
        case types.Int():
            return [form for value in around((*INTS, 90, 100)) for form in (value, str(value))]
        case types.Number():
            small = Decimal(1).scaleb(-18)
            values = [each + step for each in DECIMALS for step in (-small, Decimal(0), small)]
            return [form for value in values for form in (value, f"{value:f}")]
        case types.Address():
            return [address for text in NETWORK_TEXTS for address in addresses_about(text)]
        case types.Time():
            return around(TIMES)
        case types.Duration():
            return around(DURATIONS)
        case types.Scope():
            return [*SCOPES, "unheard"]
        case types.Network():
            return [[], [NETWORK_TEXTS[0]], list(NETWORK_TEXTS[:2]), [NETWORK_TEXTS[0], "odd"]]
        case types.SetOf(types.Int()):
            return [[], *([value] for value in around(INTS)), [1, "1"], [1, True]]
        case types.SetOf():
            return [[], ["a"], ["a", "read"], ["read"], ["write"], ["admin"], ["a,read"], [["a"], "read"]]
        case _:
            return [*STRINGS, *CHOICES, *(text + " " for text in STRINGS)]


def around(values: Iterable[int]) -> list[int]:
    """Each value and its two neighbours."""
    return [value + step for value in values for step in (-1, 0, 1) if INT64_MIN <= value + step <= INT64_MAX]


def addresses_about(text: str) -> list[str]:
    """The first and last address of a network, and those directly beside it, where there are any."""
    network = parse_network(text)
    assert network is not None
    found: list[str] = []
    for edge, steps in ((network.first, (-1, 0, 1)), (network.last, (-1, 0, 1))):
        size = len(edge)
        for step in steps:
            number = int.from_bytes(edge, "big") + step
            if 0 <= number < 1 << 8 * size:
                found.append(format_address(number.to_bytes(size, "big")))
    return found
