"""Sessions: opened, found, kept alive by what was allowed, and ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from durwan import Decision, Engine
from durwan.credentials.refusals import Refusal
from durwan.credentials.sealing import KeyedHash
from durwan.credentials.secret import Secret
from durwan.credentials.secret_text import is_secret_text
from durwan.credentials.session import Holder, Session
from durwan.credentials.sessions import Opened, Place, Sessions, SessionSettings
from durwan.state.errors import StateUnavailableError
from durwan.state.memory import MemoryState
from durwan.state.store import Record
from tests.key_rings import HOUR, NOW, Clock, Rig

DESK = Holder("key", "desk-7")
SETTINGS = SessionSettings(most=3, touch_every=5_000, longest_idle=HOUR, longest_life=24 * HOUR)

POLICY = """\
actions { orders.create keys.create }
challenge idle
  on *
  when now - session.last_seen > 10m
  because "log in"
  require login
challenge mfa
  on keys.create
  when not (now - session.mfa_at <= 5m)
  because "confirm"
  require mfa within 5m
deny not_here
  when session.kind == "fix"
  because "not here"
allow trade
  on *
  when session.id is known
"""


class Stage:
    """Sessions over a store in memory, with a clock that the test moves."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.state = MemoryState()
        self.sessions = Sessions(self.state, KeyedHash.for_this_process(), self.clock, SETTINGS)
        self.engine = Engine.from_sources({"a.policy": POLICY}, clock=self.clock)

    def open(self, holder: Holder = DESK, kind: str = "login", place: Place | None = None) -> Opened:
        return self.sessions.open(holder, kind, bound_to=place or Place())

    def find(self, opened: Opened, place: Place | None = None, holder: Holder | None = None) -> Session:
        found = self.sessions.find(text(opened), place or Place(), holder)
        assert isinstance(found, Session), found
        return found

    def refused(self, identifier: str, place: Place | None = None, holder: Holder | None = None) -> str:
        found = self.sessions.find(identifier, place or Place(), holder)
        assert isinstance(found, Refusal)
        return found.code

    def asks(self, opened: Opened, action: str = "orders.create") -> Decision:
        """A request in a session, from finding it to settling it."""
        session = self.find(opened)
        decision = self.engine.decide({"action": action, "session": session.context()})
        self.sessions.settle(session, decision)
        return decision


@pytest.fixture
def stage() -> Stage:
    return Stage()


def text(opened: Opened) -> str:
    return opened.identifier.reveal().decode()


def test_a_session_is_found_by_its_identifier(stage: Stage) -> None:
    """It says whose it is and since when, and policies are told all but the identifier."""
    opened = stage.sessions.open(DESK, "websocket", mfa_methods=["totp"], attributes={"cancel_on_disconnect": True})
    assert is_secret_text(text(opened), "dws")
    found = stage.find(opened)
    assert found == opened.session
    assert found.holder == DESK
    assert found.context() == {
        "id": found.id, "kind": "websocket", "started": NOW, "last_seen": NOW, "mfa_at": NOW, "mfa_methods": ["totp"],
        "cancel_on_disconnect": True,
    }  # fmt: skip
    assert "mfa_at" not in stage.open().session.context()


def test_asking_is_no_activity(stage: Stage) -> None:
    """A session that was idle for too long stays so, however often somebody asks: it is over at the first time."""
    opened = stage.open()
    stage.clock.later(10 * 60_000)
    assert stage.asks(opened).allowed
    stage.clock.later(10 * 60_000 + 1)
    assert stage.asks(opened).effect == "challenge"
    assert stage.refused(text(opened)) == "session_invalid"


def test_finding_and_being_refused_keep_nothing_alive(stage: Stage) -> None:
    """A request that was denied, or challenged for another reason, leaves the session as it was."""
    opened, fix = stage.open(), stage.open(kind="fix")
    stage.clock.later(9 * 60_000)
    assert stage.asks(opened, "keys.create").remedies[0].kind == "mfa"
    assert stage.asks(fix).effect == "deny"
    assert stage.find(opened).last_seen == stage.find(fix).last_seen == NOW


def test_activity_is_written_down_from_time_to_time(stage: Stage) -> None:
    """Within five seconds of the last time nothing is written; what policies see is at most that much too early."""
    opened = stage.open()
    stage.clock.later(4_999)
    assert stage.asks(opened).allowed
    assert stage.find(opened).last_seen == NOW
    stage.clock.later(1)
    assert stage.asks(opened).allowed
    assert stage.find(opened).last_seen == NOW + 5_000


def test_a_second_factor_gives_another_identifier(stage: Stage) -> None:
    """The old one is worth nothing; the session began when it began, and what was shown before is not fresh."""
    opened = stage.sessions.open(DESK, "login", mfa_methods=["webauthn"])
    stage.clock.later(6 * 60_000)
    assert not stage.asks(opened, "keys.create").allowed
    after = stage.sessions.elevate(text(opened), ["totp"])
    assert isinstance(after, Opened)
    assert stage.refused(text(opened)) == "session_invalid"
    found = stage.find(after)
    assert (found.started, found.mfa_at, found.mfa_methods) == (NOW, stage.clock.now, ("totp",))
    assert stage.asks(after, "keys.create").allowed
    assert isinstance(stage.sessions.elevate(text(opened), ["totp"]), Refusal)
    assert len(stage.sessions.all_of(DESK)) == 1


def test_a_second_factor_ends_no_other_session(stage: Stage) -> None:
    """A key with as many sessions as it can have keeps them all."""
    opened = [stage.open() for _ in range(3)]
    after = stage.sessions.elevate(text(opened[0]), ["totp"])
    assert isinstance(after, Opened)
    assert after.ended == ()
    assert len(stage.sessions.all_of(DESK)) == 3


def test_the_oldest_makes_room(stage: Stage) -> None:
    """Of a key that opens one session too many, the oldest is over; others' are not touched (AS-41)."""
    opened = [stage.open() for _ in range(3)]
    other = stage.open(Holder("subject", "desk-7"))
    fourth = stage.open()
    assert fourth.ended == (opened[0].session.id,)
    assert stage.refused(text(opened[0])) == "session_invalid"
    for each in (*opened[1:], fourth, other):
        stage.find(each)


def test_logging_out_ends_it(stage: Stage) -> None:
    """That one alone; logging out of nothing is no error."""
    opened, other = stage.open(), stage.open()
    stage.sessions.end(text(opened))
    stage.sessions.end(text(opened))
    stage.sessions.end("nonsense")
    assert stage.refused(text(opened)) == "session_invalid"
    stage.find(other)


def test_what_is_settled_late_brings_nothing_back(stage: Stage) -> None:
    """A decision that comes when its session is over does not open it again."""
    opened = stage.open()
    session = stage.find(opened)
    stage.clock.later(6_000)
    decision = stage.engine.decide({"action": "orders.create", "session": session.context()})
    stage.sessions.end(text(opened))
    stage.sessions.settle(session, decision)
    assert decision.allowed
    assert stage.refused(text(opened)) == "session_invalid"


def test_a_session_is_bound_to_its_place(stage: Stage) -> None:
    """To its key, and to its address or connection where it was opened so; addresses are compared as such."""
    place = Place("2001:db8::1", "socket-1")
    opened = stage.open(place=place)
    stage.find(opened, Place("2001:0DB8:0::1", "socket-1"), DESK)
    for wrong in (Place("2001:db8::2", "socket-1"), Place("2001:db8::1", "socket-2"), Place(), Place("x", "socket-1")):
        assert stage.refused(text(opened), wrong) == "session_mismatch"
    assert stage.refused(text(opened), place, Holder("key", "desk-8")) == "session_mismatch"
    assert stage.refused(text(opened), place, Holder("subject", "desk-7")) == "session_mismatch"
    stage.find(stage.open(), Place("203.0.113.9", "any"), DESK)
    with pytest.raises(ValueError, match="and this is none"):
        stage.open(place=Place("203.0.113.9:80"))


def test_a_session_ends_in_the_end(stage: Stage) -> None:
    """When nothing was allowed for the longest idle time, and at the end of the longest life, to the millisecond."""
    opened = stage.open()
    stage.clock.later(HOUR - 1)
    stage.find(opened)
    stage.clock.later(1)
    assert stage.refused(text(opened)) in {"session_invalid", "session_expired"}
    lively = stage.open()
    for _ in range(24 * 12 - 1):
        stage.clock.later(HOUR // 12)
        assert stage.asks(lively).allowed
    stage.clock.later(HOUR // 12 - 1)
    stage.find(lively)
    stage.clock.later(1)
    assert stage.refused(text(lively)) in {"session_invalid", "session_expired"}


def test_a_revoked_key_has_no_sessions(stage: Stage, tmp_path: Path) -> None:
    """From the moment at which `revoke` returns; a rotated one keeps them."""
    rig = Rig(tmp_path, clock=stage.clock)
    rig.add("desk-7")
    rig.add("desk-8")
    store = rig.store()
    stage.sessions.follow(store)
    opened, other = stage.open(), stage.open(Holder("key", "desk-8"))
    store.revoke("desk-7")
    assert stage.refused(text(opened)) == "session_invalid"
    rig.ring.revoke("desk-8")
    store.refresh()
    assert stage.refused(text(other)) == "session_invalid"


class Down:
    """A store that cannot be reached."""

    def _fail(self) -> StateUnavailableError:
        return StateUnavailableError("the state", "it is down")

    def put(self, record: Record, *, cap: int, now: int) -> tuple[str, ...]:
        raise self._fail()

    def get(self, kind: str, record_id: str, *, now: int) -> Record | None:
        raise self._fail()

    def update(self, record: Record, *, now: int) -> bool:
        raise self._fail()

    def delete(self, kind: str, record_id: str) -> None:
        raise self._fail()

    def newest_of(self, kind: str, owner: str, *, now: int) -> tuple[Record, ...]:
        raise self._fail()


def test_a_store_that_is_down_opens_nothing(stage: Stage) -> None:
    """No operation takes an outage for an answer: each of them raises."""
    opened = stage.open()
    down = Sessions(Down(), KeyedHash.for_this_process(), stage.clock)
    for attempt in (
        lambda: down.open(DESK, "login"),
        lambda: down.find(text(opened)),
        lambda: down.elevate(text(opened), []),
        lambda: down.end(text(opened)),
        lambda: down.end_all(DESK),
        lambda: down.all_of(DESK),
    ):
        with pytest.raises(StateUnavailableError):
            attempt()


def test_a_damaged_record_is_no_session(stage: Stage) -> None:
    """What cannot be read is as if it were not there."""
    opened = stage.open()
    for value in (b"", b"[]", b"{}", b"\xff", opened.session.as_bytes().replace(b'"started":', b'"starting":'),
                  opened.session.as_bytes().replace(str(NOW).encode(), b'"now"')):  # fmt: skip
        record = Record(kind="session", id=opened.session.id, owner=DESK.owner, value=value, expires=NOW + HOUR)
        assert stage.state.update(record, now=NOW)
        assert stage.refused(text(opened)) == "session_invalid"


def test_identifiers_are_for_one_gateway_group(stage: Stage) -> None:
    """With another key for the hashes, the same identifier finds nothing."""
    opened = stage.open()
    same = KeyedHash(Secret(b"x" * 32))
    other = Sessions(stage.state, same, stage.clock)
    assert isinstance(other.find(text(opened)), Refusal)
    mine = other.open(DESK, "login")
    assert isinstance(Sessions(stage.state, same, stage.clock).find(text(mine)), Session)
