"""Tallies and sightings, against everything that ever happened, kept whole."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest

from durwan.state.errors import StateUnavailableError
from durwan.state.identity import identity
from durwan.state.memory import MemoryState
from durwan.state.observations import Buckets, Members
from durwan.state.sqlite import SqliteState
from durwan.state.store import BUCKETS, Record, Sighted, Sighting, StateStore, Tally, Watch
from tests.state.conftest import NOW
from tests.state.servers import ENGINES, Server, missing, running

MINUTE = Watch(name="asked", period=60_000)
ODD = Watch(name="odd", period=1_000)  # no multiple of six: its parts are a little longer
PLACES = Watch(name="places", period=60_000, most=4)
LONE = "\udc00 \ud800"


def count(store: StateStore, now: int, add: int = 0, who: str = "desk", watch: Watch = MINUTE) -> int:
    return store.observe([Tally(watch, who, add)], [], now=now).tallies[0]


def seen(store: StateStore, member: str, now: int, *, add: bool = True, who: str = "desk") -> Sighted:
    return store.observe([], [Sighting(PLACES, who, member, add)], now=now).sightings[0]


class Whole:
    """The meaning: every event and every sighting is kept."""

    def __init__(self) -> None:
        self.events: dict[str, list[int]] = {}
        self.seen: dict[str, dict[str, tuple[int, int]]] = {}

    def bounds(self, watch: Watch, who: str, now: int) -> tuple[int, int]:
        """How often it happened in the period, and in that and a sixth more."""
        events = self.events.get(who, [])
        longer = (BUCKETS + 1) * watch.width
        return sum(each > now - watch.period for each in events), sum(each > now - longer for each in events)

    def sighted(self, watch: Watch, who: str, member: str, now: int, *, add: bool) -> Sighted:
        """What is known of a sighting; whoever was not seen for the longest is forgotten first."""
        members = self.seen.setdefault(who, {})
        for each in [each for each, (_, last) in members.items() if last <= now - watch.period]:
            del members[each]
        known = members.get(member)
        if add:
            members[member] = (known[0] if known else now, now)
            if len(members) > watch.most:
                del members[min(members, key=lambda each: members[each][1])]
        return Sighted(len(members), known[0] if known else None)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("watch", [MINUTE, ODD])
def test_a_tally_is_never_too_low_and_little_too_high(
    make_store: Callable[[], StateStore], watch: Watch, seed: int
) -> None:
    """It counts all that happened in the period, and nothing that happened more than a sixth of it earlier."""
    store, whole, random, now = make_store(), Whole(), Random(seed), NOW + seed
    for _ in range(150):
        now += random.choice([0, 1, watch.width // 2, watch.width - 1, watch.width, watch.period, 3 * watch.period])
        who, add = random.choice("ab"), random.choice([0, 0, 1, 3])
        whole.events.setdefault(who, []).extend([now] * add)
        least, most = whole.bounds(watch, who, now)
        assert least <= count(store, now, add, who, watch) <= most


@pytest.mark.parametrize("seed", range(3))
def test_sightings_are_those_of_the_whole_list(make_store: Callable[[], StateStore], seed: int) -> None:
    """How many members there are, and since when one is known, is what the whole list says."""
    store, whole, random, now = make_store(), Whole(), Random(seed), NOW
    known = 0
    for _ in range(200):
        now += random.choice([1, 1, 7_000, 20_000, 59_999, 60_000])
        who, member, add = random.choice("ab"), random.choice("uvwxyz"), random.random() < 0.7
        found = seen(store, member, now, add=add, who=who)
        assert found == whole.sighted(PLACES, who, member, now, add=add)
        known += found.since is not None
    assert known > 20


def test_the_edge_of_the_period(store: StateStore) -> None:
    """An event counts for the whole period whatever the moment at which it happened, and not much longer."""
    for offset in (0, 1, 9_999, 5_000):
        at, who = NOW + offset, f"desk{offset}"
        assert count(store, at, 1, who) == 1
        assert count(store, at + MINUTE.period - 1, who=who) == 1
        assert count(store, at + MINUTE.period + MINUTE.width, who=who) == 0


def test_a_member_that_stays_is_known_since_it_came(store: StateStore) -> None:
    """A member is known since it was first seen, as long as it comes again in time; after that it is new."""
    assert seen(store, "office", NOW) == Sighted(1, None)
    for step in range(1, 5):
        assert seen(store, "office", NOW + 50_000 * step) == Sighted(1, NOW)
    assert seen(store, "office", NOW + 260_000) == Sighted(1, None)


def test_asking_notes_nothing(store: StateStore) -> None:
    """Who only asks changes nothing, and finds nothing where there is nothing."""
    for _ in range(2):
        assert count(store, NOW) == 0
        assert seen(store, "office", NOW, add=False) == Sighted(0, None)


def test_more_members_than_are_kept(store: StateStore) -> None:
    """Beyond the bound the count stays at it, and who was not seen for the longest is new again."""
    for number in range(10):
        assert seen(store, f"place{number}", NOW + number) == Sighted(min(number + 1, 4), None)
    assert seen(store, "place6", NOW + 20, add=False) == Sighted(4, NOW + 6)
    assert seen(store, "place5", NOW + 20, add=False) == Sighted(4, None)


def test_the_one_that_comes_is_never_the_one_that_goes(store: StateStore) -> None:
    """A member seen by a gateway whose clock is behind is kept although all others seem to be younger."""
    for number in range(4):
        seen(store, f"place{number}", NOW + 1_000)
    assert seen(store, "late", NOW) == Sighted(4, None)
    assert seen(store, "late", NOW + 1, add=False) == Sighted(4, NOW)


def test_everything_is_kept_apart(store: StateStore) -> None:
    """What is watched, whose it is and which member do not run into one another, whatever text they are."""
    other = Watch(name="askedd", period=60_000)
    count(store, NOW, 5, "esk")
    assert count(store, NOW, 0, "desk", other) == count(store, NOW, 0, "sk", other) == 0
    for who in ("'; DROP TABLE log; --", "\0", LONE, "x" * 10_000, "Foo", "foo", ""):
        assert count(store, NOW, 1, who) == 1
        assert seen(store, who, NOW, who=who) == Sighted(1, None)
        assert seen(store, who, NOW, who=who) == Sighted(1, NOW)


def test_several_in_one_step_are_answered_in_their_order(store: StateStore) -> None:
    """One step takes tallies and sightings of several, and of the same one twice."""
    found = store.observe(
        [Tally(MINUTE, "a", 2), Tally(ODD, "a", 1), Tally(MINUTE, "a", 3)],
        [Sighting(PLACES, "a", "x", True), Sighting(PLACES, "b", "y", False), Sighting(PLACES, "a", "x", False)],
        now=NOW,
    )
    assert found == ((2, 1, 5), (Sighted(1, None), Sighted(0, None), Sighted(1, NOW)))
    assert store.observe([], [], now=NOW) == ((), ())


def test_a_clock_that_was_far_ahead_leaves_nothing_behind_for_long(store: StateStore) -> None:
    """What a wrong clock entered counts as if it had happened now, and is over a period later."""
    ahead = NOW + 10**9
    count(store, ahead, 3)
    seen(store, "office", ahead)
    assert count(store, NOW) == 3
    assert seen(store, "office", NOW, add=False) == Sighted(1, NOW)
    assert count(store, NOW + MINUTE.period + MINUTE.width) == 0
    assert seen(store, "office", NOW + PLACES.period, add=False) == Sighted(0, None)


def test_a_clock_that_is_a_little_ahead_counts(store: StateStore) -> None:
    """What another gateway entered whose clock is ahead counts here, and is not younger than now."""
    count(store, NOW + 30_000, 2)
    seen(store, "office", NOW + 30_000)
    assert count(store, NOW, 1) == 3
    assert seen(store, "office", NOW) == Sighted(1, NOW)


def test_threads_that_observe_at_once(store: StateStore) -> None:
    """Of many threads each sees another count, and nothing is lost."""
    start = threading.Barrier(8)

    def note(number: int) -> list[int]:
        start.wait()
        return [count(store, NOW, 1) for _ in range(25)] + [seen(store, str(number % 4), NOW).members]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(note, range(8)))
    assert sorted(each for counts in found for each in counts[:-1]) == list(range(1, 201))
    assert seen(store, "0", NOW, add=False).members == 4


def note_twenty(store: StateStore) -> None:
    for number in range(20):
        count(store, NOW, 1, f"who{number}")
        seen(store, "office", NOW, who=f"who{number}")


def test_memory_forgets_what_no_longer_counts() -> None:
    """Nothing of a tally or of a sighting stays behind in memory."""
    store = MemoryState()
    note_twenty(store)
    contents = store._contents  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - what is left is the test
    assert (len(contents.buckets), len(contents.members)) == (20, 20)
    store.observe([Tally(MINUTE, "a", 1)], [Sighting(PLACES, "a", "x", True)], now=NOW + 2 * MINUTE.period)
    assert (len(contents.buckets), len(contents.members)) == (1, 1)


def test_a_file_forgets_what_no_longer_counts(tmp_path: Path) -> None:
    """Nothing of a tally or of a sighting stays behind in a file."""
    store = SqliteState(tmp_path / "state.db")
    note_twenty(store)
    count(store, NOW + 2 * MINUTE.period, 1, "another")
    with store._file.step() as connection:  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - what is left is the test
        assert connection.execute("SELECT count(*) FROM log").fetchone() == (1,)
    store.close()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_server_forgets_by_itself(servers: dict[str, Server], engine: str) -> None:
    """Every entry in a server has its end from the step on that made it."""
    if engine not in servers:
        pytest.skip(missing(engine))
    server = servers[engine]
    server.ask("FLUSHALL")
    store = server.state(lambda: NOW)
    note_twenty(store)
    script = "local n = 0 for _, k in ipairs(redis.call('KEYS', '*')) do local t = redis.call('PTTL', k) "
    script += "if t > 0 and t <= tonumber(ARGV[1]) then n = n + 1 end end return n"
    assert server.ask("EVAL", script, "0", str((2 * BUCKETS + 1) * MINUTE.width)) == b":40\r\n"
    store.close()


def test_what_one_is_watched_by_is_bounded() -> None:
    """However often something happens, and with however many members, there are 13 parts and the members allowed."""
    buckets, members = Buckets(), Members()
    random = Random(3)
    for _ in range(3_000):
        now = NOW + random.randint(-100_000, 100_000)
        buckets.step(MINUTE, 1, now)
        members.step(PLACES, str(random.random()), now, add=True)
        assert len(buckets) <= 2 * BUCKETS + 1
        assert len(members) <= PLACES.most
    assert Buckets.from_bytes(buckets.to_bytes()).to_bytes() == buckets.to_bytes()
    assert Members.from_bytes(members.to_bytes()).to_bytes() == members.to_bytes()


def test_memory_without_room_notes_nothing() -> None:
    """If one of several that are new has no room in memory, nothing is noted; who is known goes on being counted."""
    store = MemoryState(most=2)
    with pytest.raises(StateUnavailableError, match="full"):
        store.observe([Tally(MINUTE, who, 1) for who in "abc"], [], now=NOW)
    with pytest.raises(StateUnavailableError, match="full"):
        store.observe([Tally(MINUTE, "a", 1)], [Sighting(PLACES, who, "x", True) for who in "abc"], now=NOW)
    assert store.observe([Tally(MINUTE, who, 1) for who in "ab"], [], now=NOW).tallies == (1, 1)
    assert store.observe([Tally(MINUTE, who, 1) for who in "ab"], [], now=NOW).tallies == (2, 2)
    with pytest.raises(StateUnavailableError, match="full"):
        count(store, NOW, 1, "c")
    assert count(store, NOW + 2 * MINUTE.period, 1, "c") == 1


def test_a_file_keeps_observations(tmp_path: Path) -> None:
    """A file that is opened again knows what was seen, and holds nothing of it as it was sent."""
    path = tmp_path / "state.db"
    first = SqliteState(path)
    count(first, NOW, 3, "desk-canary")
    seen(first, "place-canary", NOW, who="desk-canary")
    first.close()
    assert b"canary" not in path.read_bytes()
    second = SqliteState(path)
    assert count(second, NOW, 1, "desk-canary") == 4
    assert seen(second, "place-canary", NOW + 1, who="desk-canary") == Sighted(1, NOW)
    second.close()


@pytest.mark.parametrize("wrong", [{"period": 0}, {"period": 10**14}, {"most": 0}, {"most": 257}])
def test_what_cannot_be_watched(wrong: dict[str, int]) -> None:
    """A period without a length and a bound of nothing are mistakes of the caller."""
    with pytest.raises(ValueError, match="watched"):
        Watch(**({"name": "odd", "period": 1} | wrong))  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------- the first one stays


def first(value: bytes, name: str = "a", expires: int = NOW + 60_000) -> Record:
    return Record(kind="first", id=name, owner="desk", value=value, expires=expires)


def test_the_first_record_of_an_id_is_kept(store: StateStore) -> None:
    """A record is kept where there is none; afterwards everybody is given that one, and it is no owner's newest."""
    assert store.keep_first(first(b"one"), now=NOW) == first(b"one")
    assert store.keep_first(first(b"two"), now=NOW + 1) == first(b"one")
    assert store.keep_first(first(b"two", "b"), now=NOW) == first(b"two", "b")
    assert store.get("first", "a", now=NOW) == first(b"one")
    assert store.newest_of("first", "desk", now=NOW) == ()
    store.delete("first", "a")
    assert store.keep_first(first(b"two"), now=NOW) == first(b"two")


def test_a_record_that_has_expired_makes_way(store: StateStore) -> None:
    """After its time the next one is the first."""
    store.keep_first(first(b"one", expires=NOW + 1), now=NOW)
    threading.Event().wait(0.05)  # servers forget by their own clock
    assert store.keep_first(first(b"two"), now=NOW + 1) == first(b"two")


def test_threads_that_keep_at_once_agree(store: StateStore) -> None:
    """Of many that come at once all are told of the same one."""
    for number in range(10):
        start = threading.Barrier(8)

        def keep(mine: int, name: str = str(number), start: threading.Barrier = start) -> bytes:
            start.wait()
            return store.keep_first(first(b"%d" % mine, name), now=NOW).value

        with ThreadPoolExecutor(8) as pool:
            assert len(set(pool.map(keep, range(8)))) == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_a_server_that_is_gone_says_nothing(servers: dict[str, Server], engine: str) -> None:
    """While the server is stopped, nothing is said within the deadline; once it runs again, it counts on."""
    if engine not in servers:
        pytest.skip(missing(engine))
    with running(engine) as server:
        store = server.state(lambda: NOW, deadline=0.2)
        assert count(store, NOW, 1) == 1
        server.process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        with pytest.raises(StateUnavailableError):
            count(store, NOW, 0)
        with pytest.raises(StateUnavailableError):
            store.keep_first(first(b"one"), now=NOW)
        assert time.monotonic() - began < 2
        server.process.send_signal(signal.SIGCONT)
        other = server.state(lambda: NOW)
        assert count(other, NOW, 1) >= 2
        store.close()
        other.close()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_first_record_that_was_changed_is_not_believed(servers: dict[str, Server], engine: str) -> None:
    """A record that somebody put into the server, or under another id, is nobody's first one."""
    if engine not in servers:
        pytest.skip(missing(engine))
    server = servers[engine]
    server.ask("FLUSHALL")
    store = server.state(lambda: NOW)
    store.keep_first(first(b"one", "a"), now=NOW)
    key = "durwan:" + identity("record", "first", "a")
    server.ask("RENAME", key, "durwan:" + identity("record", "first", "b"))
    with pytest.raises(StateUnavailableError, match="another one"):
        store.keep_first(first(b"two", "b"), now=NOW)
    server.ask("SET", key, "x" * 100)
    with pytest.raises(StateUnavailableError, match="no gateway"):
        store.keep_first(first(b"two", "a"), now=NOW)
    store.close()
