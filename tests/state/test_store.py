"""What every store does, on real servers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from durwan.state.errors import StateUnavailableError
from durwan.state.store import LimitCharge, Record, Revocation, StateStore, UsedUp
from tests.state.conftest import NOW

LONE = "\udc00 \ud800"


def charge(count: int | Decimal, period: int, cost: int | Decimal = 1, name: str = "rate", *per: str) -> LimitCharge:
    return LimitCharge(limit=name, per=per, count=count, period=period, cost=cost)


def record(name: str, *, owner: str = "desk", value: bytes = b"\0\xff", expires: int = NOW + 1000) -> Record:
    return Record(kind="session", id=name, owner=owner, value=value, expires=expires)


# -------------------------------------------------------------------------------------------------------------- nonces


def test_a_nonce_is_accepted_once(store: StateStore) -> None:
    """A nonce is accepted the first time alone; another scope's and another nonce are others."""
    assert store.accept_once("desk", "abc", expires=NOW + 1000, now=NOW)
    assert not store.accept_once("desk", "abc", expires=NOW + 1000, now=NOW)
    assert store.accept_once("other", "abc", expires=NOW + 1000, now=NOW)
    assert store.accept_once("desk", "abd", expires=NOW + 1000, now=NOW)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("ab", "c"), ("a", "bc")), (("", "a"), ("a", "")), (("a\0", "b"), ("a", "\0b")),
        (("k", "\u00e9"), ("k", "e\u0301")),
    ],
)  # fmt: skip
def test_scopes_and_nonces_are_not_confused(store: StateStore, one: tuple[str, str], other: tuple[str, str]) -> None:
    """Where the scope ends and the nonce begins matters, and so does every code point."""
    assert store.accept_once(*one, expires=NOW + 1000, now=NOW)
    assert store.accept_once(*other, expires=NOW + 1000, now=NOW)


@pytest.mark.parametrize("nonce", ["'; DROP TABLE nonce; --", "\0", LONE, "x" * 100_000, "Foo", "foo", "\r\n$5", "%s"])
def test_any_text_is_a_nonce(store: StateStore, nonce: str) -> None:
    """Whatever a nonce holds, it is one text, accepted once."""
    assert store.accept_once(nonce, nonce, expires=NOW + 1000, now=NOW)
    assert not store.accept_once(nonce, nonce, expires=NOW + 1000, now=NOW)


def test_a_nonce_that_has_expired_is_not_accepted(store: StateStore) -> None:
    """What could not be remembered for a moment could be used again, and is refused."""
    assert not store.accept_once("desk", "abc", expires=NOW, now=NOW)


def test_a_clock_that_is_set_forward_and_back_lets_no_nonce_be_used_again(store: StateStore) -> None:
    """What was forgotten because the clock said so is still refused when the clock is set back."""
    assert store.accept_once("desk", "abc", expires=NOW + 60_000, now=NOW, issued=NOW)
    assert store.accept_once("desk", "later", expires=NOW + 660_000, now=NOW + 600_000, issued=NOW + 600_000)
    assert not store.accept_once("desk", "abc", expires=NOW + 60_000, now=NOW + 1, issued=NOW)


def test_threads_that_use_one_nonce_at_once(store: StateStore) -> None:
    """Of many threads that use the same nonce, one is accepted."""
    with ThreadPoolExecutor(16) as pool:
        for number in range(20):
            start = threading.Barrier(16)

            def use(nonce: str = str(number), start: threading.Barrier = start) -> bool:
                start.wait()
                return store.accept_once("desk", nonce, expires=NOW + 60_000, now=NOW)

            assert sum(each.result() for each in [pool.submit(use) for _ in range(16)]) == 1


# ----------------------------------------------------------------------------------------------- numbers that only rise


def test_numbers_rise(store: StateStore) -> None:
    """Without a window, a number is accepted if it is above every one before."""
    numbers = [5, 5, 4, 6, 2**64 - 2, 2**64 - 1, 2**64 - 1, 7]
    assert [store.accept_rising("desk", number) for number in numbers] == [
        True, False, False, True, True, True, False, False,
    ]  # fmt: skip
    assert store.accept_rising("other", 0)
    assert not store.accept_rising("other", 0)


def test_numbers_may_be_late_within_a_window(store: StateStore) -> None:
    """Within the window below the highest, a number is accepted once, in any order."""
    numbers = [100, 91, 90, 95, 91, 105, 95, 96, 94]
    assert [store.accept_rising("desk", number, window=10) for number in numbers] == [
        True, True, False, True, False, True, False, True, False,
    ]  # fmt: skip


def test_a_window_remembers_so_many_numbers(store: StateStore) -> None:
    """Where a window holds more numbers than are remembered, the lowest are refused, not forgotten."""
    for number in range(2, 2 * 1030, 2):
        assert store.accept_rising("desk", number, window=10**6)
    assert not store.accept_rising("desk", 2, window=10**6)
    assert not store.accept_rising("desk", 3, window=10**6)
    assert store.accept_rising("desk", 2001, window=10**6)


@pytest.mark.parametrize(("number", "window"), [(-1, 0), (10**20, 0), (5, -1)])
def test_what_is_no_rising_number(store: StateStore, number: int, window: int) -> None:
    """A number out of range is a mistake of the caller."""
    with pytest.raises(ValueError, match="rising"):
        store.accept_rising("desk", number, window=window)


# -------------------------------------------------------------------------------------------------------------- limits


def test_a_window_at_its_edges(store: StateStore) -> None:
    """A charge counts until exactly one period later, and the answer says when there is room again."""
    one = charge(2, 10_000)
    assert store.charge([one], now=NOW) == ()
    assert store.charge([one], now=NOW + 5) == ()
    assert store.charge([one], now=NOW + 9_999) == (UsedUp(charge=one, retry_at=NOW + 10_000),)
    assert store.charge([one], now=NOW + 10_000) == ()
    assert store.charge([one], now=NOW + 10_004) == (UsedUp(charge=one, retry_at=NOW + 10_005),)
    assert store.charge([one], now=NOW + 10_005) == ()


def test_all_limits_are_charged_or_none(store: StateStore) -> None:
    """Where one of several limits is used up, the others are not charged, and all that are used up are named."""
    wide, narrow, third = charge(3, 1000, 1, "wide"), charge(1, 1000, 1, "narrow"), charge(0, 1000, 1, "third")
    assert store.charge([wide, narrow], now=NOW) == ()
    for _ in range(5):
        assert [each.charge for each in store.charge([wide, narrow, third], now=NOW)] == [narrow, third]
    assert store.charge([wide], now=NOW) == ()
    assert store.charge([wide], now=NOW) == ()
    assert [each.charge for each in store.charge([wide], now=NOW)] == [wide]


def test_what_never_has_room(store: StateStore) -> None:
    """A charge above the whole limit will never have room."""
    assert store.charge([charge(5, 1000, Decimal("5.1"))], now=NOW)[0].retry_at is None
    assert store.charge([charge(0, 1000, 1)], now=NOW)[0].retry_at is None
    assert store.charge([charge(0, 1000, 0)], now=NOW) == ()


def test_amounts_are_exact(store: StateStore) -> None:
    """Ten times a tenth fills one, however it is counted in binary; so do amounts of a large volume in a day."""
    tenth = charge(1, 1000, Decimal("0.1"))
    assert all(store.charge([tenth], now=NOW) == () for _ in range(10))
    assert store.charge([charge(1, 1000, Decimal("0.00000000000001"))], now=NOW)
    daily = charge(100_000, 86_400_000, Decimal("99999.99"), "volume", "desk")
    assert store.charge([daily], now=NOW) == ()
    assert store.charge([charge(100_000, 86_400_000, Decimal("0.02"), "volume", "desk")], now=NOW)
    assert store.charge([charge(100_000, 86_400_000, Decimal("0.01"), "volume", "desk")], now=NOW) == ()
    assert store.charge([charge(100_000, 86_400_000, Decimal("1e-18"), "volume", "desk")], now=NOW)


def test_huge_amounts_are_never_too_many(store: StateStore) -> None:
    """A limit with more digits than are counted is rounded so that less fits, not more."""
    most = 2**63 - 1
    assert store.charge([charge(most, 1000, most)], now=NOW)
    assert store.charge([charge(most, 1000, most - 10**6)], now=NOW) == ()
    assert store.charge([charge(most, 1000, 10**6 + 1)], now=NOW)


def test_limits_are_counted_by_their_values(store: StateStore) -> None:
    """Each list of values has its own count."""
    for per in (("a", "b"), ("ab",), ("ab", ""), ("", "ab"), (LONE,)):
        assert store.charge([charge(1, 1000, 1, "rate", *per)], now=NOW) == ()
        assert store.charge([charge(1, 1000, 1, "rate", *per)], now=NOW)


def test_peeking_charges_nothing(store: StateStore) -> None:
    """A look says what a charge would, and leaves everything as it is."""
    one = charge(1, 1000)
    assert store.peek([one], now=NOW) == store.peek([one], now=NOW) == ()
    assert store.charge([one], now=NOW) == ()
    assert store.peek([one], now=NOW) == store.charge([one], now=NOW) == (UsedUp(charge=one, retry_at=NOW + 1000),)
    assert store.charge([], now=NOW) == ()


def test_a_clock_that_is_set_back_frees_nothing(store: StateStore) -> None:
    """What was charged goes on counting when the clock is set back, and never for longer than two periods."""
    one = charge(2, 10_000)
    assert store.charge([one], now=NOW) == ()
    assert store.charge([one], now=NOW + 1) == ()
    assert store.charge([one], now=NOW - 9_000)
    late = store.charge([one], now=NOW - 3_600_000)
    assert [each.retry_at for each in late] == [NOW - 3_600_000 + 10_000]
    small = charge(3, 10_000)
    assert store.charge([small], now=NOW - 3_600_000) == ()
    assert store.charge([small], now=NOW - 3_590_001)
    assert store.charge([small], now=NOW - 3_590_000) == ()


def test_one_limit_twice_in_a_step(store: StateStore) -> None:
    """The same limit twice is a mistake of the caller, who can add the costs up."""
    with pytest.raises(ValueError, match="twice"):
        store.charge([charge(5, 1000), charge(5, 1000, 2)], now=NOW)


def test_threads_that_charge_at_once(store: StateStore) -> None:
    """However many threads charge, exactly as many are let through as the limit says."""
    two = [charge(50, 60_000, 1, "narrow"), charge(70, 60_000, 1, "wide")]
    with ThreadPoolExecutor(16) as pool:
        futures = [pool.submit(store.charge, two, now=NOW + number) for number in range(120)]
    assert sum(each.result() == () for each in futures) == 50
    assert sum(store.charge([charge(70, 60_000, 1, "wide")], now=NOW + 200) == () for _ in range(30)) == 20


# ------------------------------------------------------------------------------------------------------------- records


def test_a_record_is_kept_until_it_expires(store: StateStore) -> None:
    """What was put is got, whatever it holds, until the instant at which it expires."""
    one = record(LONE, owner=LONE, value=bytes(range(256)), expires=NOW + 1000)
    assert store.put(one, cap=3, now=NOW) == ()
    assert store.get("session", LONE, now=NOW + 999) == one
    assert store.get("session", LONE, now=NOW + 1000) is None
    assert store.get("session", "other", now=NOW) is None
    assert store.get("other", LONE, now=NOW) is None


def test_the_oldest_records_are_evicted(store: StateStore) -> None:
    """Beyond the cap the records that were put first are forgotten, and named; other owners' are left alone."""
    store.put(record("x", owner="other"), cap=1, now=NOW)
    assert [store.put(record(name), cap=2, now=NOW) for name in "abcd"] == [(), (), ("a",), ("b",)]
    assert [each.id for each in store.newest_of("session", "desk", now=NOW)] == ["d", "c"]
    assert store.get("session", "a", now=NOW) is None
    assert store.put(record("e"), cap=1, now=NOW) == ("c", "d")
    assert store.get("session", "x", now=NOW) is not None
    assert store.newest_of("session", "nobody", now=NOW) == ()


def test_a_record_that_is_put_again_is_the_newest(store: StateStore) -> None:
    """Putting a record again replaces it and counts it once."""
    for name in "aba":
        assert store.put(record(name, value=name.encode() * 2), cap=2, now=NOW) == ()
    assert [each.id for each in store.newest_of("session", "desk", now=NOW)] == ["a", "b"]


def test_an_update_does_not_bring_a_record_back(store: StateStore) -> None:
    """A record is updated while it is there, keeps its place, and stays away once it is deleted."""
    store.put(record("a"), cap=2, now=NOW)
    store.put(record("b"), cap=2, now=NOW)
    assert store.update(record("a", value=b"seen", expires=NOW + 2000), now=NOW)
    assert store.get("session", "a", now=NOW + 1500) == record("a", value=b"seen", expires=NOW + 2000)
    assert store.put(record("c"), cap=2, now=NOW) == ("a",)
    assert not store.update(record("a"), now=NOW)
    store.delete("session", "b")
    store.delete("session", "b")
    assert not store.update(record("b"), now=NOW)
    assert [each.id for each in store.newest_of("session", "desk", now=NOW)] == ["c"]


# --------------------------------------------------------------------------------------------------------- revocations


def test_revocations_are_told_once(store: StateStore) -> None:
    """Whoever asks hears what he did not know yet, in order."""
    first = store.revoked_since(None, now=NOW)
    assert first.revocations == ()
    revocations = [
        Revocation(kind=kind, id=name, until=NOW + 1000) for kind in ("key", "token") for name in ("a", LONE)
    ]
    for each in revocations:
        store.revoke(each, now=NOW)
    news = store.revoked_since(first, now=NOW)
    assert news.revocations == tuple(revocations)
    assert store.revoked_since(news, now=NOW).revocations == ()
    assert store.revoked_since(None, now=NOW).revocations == tuple(revocations)
    store.revoke(revocations[0], now=NOW)
    assert store.revoked_since(news, now=NOW).revocations == (revocations[0],)


def test_a_revocation_lasts_as_long_as_the_longest(store: StateStore) -> None:
    """Revoking again never shortens, and what is dead anyway is not told of."""
    store.revoke(Revocation(kind="key", id="a", until=NOW + 2000), now=NOW)
    store.revoke(Revocation(kind="key", id="a", until=NOW + 1000), now=NOW)
    assert [each.until for each in store.revoked_since(None, now=NOW + 1999).revocations] == [NOW + 2000]
    assert store.revoked_since(None, now=NOW + 2000).revocations == ()


def test_many_revocations_are_told_in_parts(store: StateStore) -> None:
    """However many there are, each is told once."""
    for number in range(1100):
        store.revoke(Revocation(kind="key", id=str(number), until=NOW + 1000), now=NOW)
    news = store.revoked_since(None, now=NOW)
    told = list(news.revocations)
    while not news.complete:
        news = store.revoked_since(news, now=NOW)
        told += news.revocations
    assert [each.id for each in told] == [str(number) for number in range(1100)]


def test_waiting_ends_with_the_news(store: StateStore) -> None:
    """Whoever waits for news hears of it long before the time is over."""
    known = store.revoked_since(None, now=NOW)
    store.wait_for_news(0.01)
    threading.Timer(0.05, lambda: store.revoke(Revocation(kind="key", id="a", until=NOW + 1000), now=NOW)).start()
    for _ in range(20):
        store.wait_for_news(5)
        if store.revoked_since(known, now=NOW).revocations:
            return
    pytest.fail("nobody was told")


# -------------------------------------------------------------------------------------------------------------- its end


def test_a_closed_store_is_unavailable(make_store: Callable[[], StateStore]) -> None:
    """Whatever is asked of a store that was closed is refused."""
    store = make_store()
    store.close()
    asked: list[Callable[[], object]] = [
        lambda: store.accept_once("desk", "a", expires=NOW + 1, now=NOW),
        lambda: store.accept_rising("desk", 1),
        lambda: store.charge([charge(1, 1)], now=NOW),
        lambda: store.peek([charge(1, 1)], now=NOW),
        lambda: store.put(record("a"), cap=1, now=NOW),
        lambda: store.get("session", "a", now=NOW),
        lambda: store.update(record("a"), now=NOW),
        lambda: store.delete("session", "a"),
        lambda: store.newest_of("session", "desk", now=NOW),
        lambda: store.revoke(Revocation(kind="key", id="a", until=NOW + 1), now=NOW),
        lambda: store.revoked_since(None, now=NOW),
    ]
    for each in asked:
        with pytest.raises(StateUnavailableError, match="closed"):
            each()
