"""`python benchmarks/cache_structures.py`: what one hit costs in the structures that a decision cache could be made of.

All are asked for keys of five positions, as a request's cache key has them, each made anew right before it is looked
up, and all give back a decision that holds until some instant. The ratio is to a plain dict without any instant.
"""

from __future__ import annotations

import functools
import statistics
import threading
import time
from typing import TYPE_CHECKING, Any

import cachetools

from durwan.backends.bytecode.cache_key import Entries

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    Parts: TypeAlias = tuple[Any, ...]
    Find: TypeAlias = Callable[[Parts, int], object]

ENTRIES = 2_000
LARGEST = 65_536
REPEATS = 31
NOW = 1_772_445_600_000
"""Any instant, in milliseconds."""
DECISION = object()


def make_parts() -> list[Parts]:
    """Key id, and what four attributes come to."""
    return [(f"k{number % 200}", number, number % 3, "prod", number % 2 == 0) for number in range(ENTRIES)]


def plain_dict(keys: Sequence[Parts]) -> Find:
    entries = dict.fromkeys(keys, DECISION)

    def find(parts: Parts, _now: int) -> object:
        a, b, c, d, e = parts
        return entries[a, b, c, d, e]

    return find


def decision_store(keys: Sequence[Parts]) -> Find:
    """durwan's: a dict with `__missing__`, its entries with the instants between which they hold."""
    entries = Entries(dict.fromkeys(keys, (NOW - 5000, NOW + 5000, DECISION)))  # type: ignore[dict-item]

    def find(parts: Parts, now: int) -> object:
        a, b, c, d, e = parts
        since, until, decision = entries[a, b, c, d, e]
        if since <= now < until:
            return decision
        raise KeyError(a)

    return find


def lru_cache_of_cachetools(keys: Sequence[Parts]) -> Find:
    """Without any instant: whether the decision still holds would have to be asked besides."""
    entries = cachetools.LRUCache[Any, object](LARGEST)
    entries.update(dict.fromkeys(keys, DECISION))

    def find(parts: Parts, _now: int) -> object:
        a, b, c, d, e = parts
        return entries[a, b, c, d, e]

    return find


def ttl_cache(keys: Sequence[Parts]) -> Find:
    """One time to live for all entries, which is not what decisions need. Not safe with threads."""
    entries = cachetools.TTLCache[Any, object](LARGEST, ttl=3_600)
    entries.update(dict.fromkeys(keys, DECISION))

    def find(parts: Parts, _now: int) -> object:
        a, b, c, d, e = parts
        return entries[a, b, c, d, e]

    return find


def ttl_cache_with_lock(keys: Sequence[Parts]) -> Find:
    """What cachetools' documentation asks of whoever has threads: even a hit changes the cache."""
    entries = cachetools.TTLCache[Any, object](LARGEST, ttl=3_600)
    entries.update(dict.fromkeys(keys, DECISION))
    lock = threading.Lock()

    def find(parts: Parts, _now: int) -> object:
        a, b, c, d, e = parts
        with lock:
            return entries[a, b, c, d, e]

    return find


def tlru_cache_with_lock(keys: Sequence[Parts]) -> Find:
    """The one structure of cachetools in which each entry has an instant of its own."""
    entries = cachetools.TLRUCache[Any, object](LARGEST, ttu=lambda _key, _value, now: now + 3_600)
    entries.update(dict.fromkeys(keys, DECISION))
    lock = threading.Lock()

    def find(parts: Parts, _now: int) -> object:
        a, b, c, d, e = parts
        with lock:
            return entries[a, b, c, d, e]

    return find


def lru_cache_of_functools(keys: Sequence[Parts]) -> Find:
    """Written in C, with a lock of its own; without any instant, and nothing can be taken out of it."""

    @functools.lru_cache(LARGEST)
    def decide(*_key: object) -> object:
        return DECISION

    for key in keys:
        decide(*key)

    def find(parts: Parts, _now: int) -> object:
        a, b, c, d, e = parts
        return decide(a, b, c, d, e)

    return find


STRUCTURES: dict[str, Callable[[Sequence[Parts]], Find]] = {
    "plain dict": plain_dict,
    "durwan's decision store": decision_store,
    "functools.lru_cache": lru_cache_of_functools,
    "cachetools.LRUCache": lru_cache_of_cachetools,
    "cachetools.TTLCache": ttl_cache,
    "cachetools.TTLCache, with a lock": ttl_cache_with_lock,
    "cachetools.TLRUCache, with a lock": tlru_cache_with_lock,
}


def _nothing(parts: Parts, _now: int) -> object:
    a, _b, _c, _d, _e = parts
    return a


def _pass(find: Find, keys: Sequence[Parts]) -> float:
    start = time.process_time_ns()
    for parts in keys:
        find(parts, NOW)
    return (time.process_time_ns() - start) / len(keys)


def measure() -> dict[str, float]:
    """Nanoseconds a hit, without the call: the structures take turns, so that all see the same noise."""
    keys = make_parts()
    finds = {name: make(keys) for name, make in STRUCTURES.items()}
    samples: dict[str, list[float]] = {name: [] for name in finds}
    for _ in range(REPEATS):
        call = _pass(_nothing, keys)
        for name, find in finds.items():
            _pass(find, keys)
            samples[name].append(_pass(find, keys) - call)
    return {name: statistics.median(taken) for name, taken in samples.items()}


def main() -> None:
    """Print the table."""
    measured = measure()
    print(f"{'one hit, key of five positions made anew':42} {'ns':>6} {'x dict':>8}")
    for name, ns in sorted(measured.items(), key=lambda entry: entry[1]):
        print(f"{name:42} {ns:6.0f} {ns / measured['plain dict']:8.2f}")


if __name__ == "__main__":
    main()
