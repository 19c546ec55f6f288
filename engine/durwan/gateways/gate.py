"""One pipeline for every way in.

    raw request -> address -> path -> route -> credentials -> attributes -> decide -> limits -> record -> answer

An adapter makes a `RawRequest` of what its protocol brings, and of the `Answer` what its protocol takes. Nothing that a
request holds raises, and whatever fails on our side refuses.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Protocol

from durwan.audit.record import DecisionRecord
from durwan.audit.recorder import Receipt, Recorder
from durwan.credentials.authenticator import Authenticator
from durwan.credentials.identity import Identity
from durwan.credentials.raw_request import RawRequest
from durwan.credentials.refusals import Refusal, refuse
from durwan.credentials.sessions import Sessions
from durwan.gateways.answer import About, Answer, Answers
from durwan.gateways.decided import Begun, Decided, Message, record_of, vouched
from durwan.gateways.decision_ids import DecisionIds
from durwan.gateways.reads import Readings
from durwan.model.decision import Decision
from durwan.routing.router import RequestReader, Routed
from durwan.runtime.bound import BoundEngine
from durwan.runtime.engine import Engine, wall_clock
from durwan.state.errors import StateUnavailableError

MOST_BODY: Final = 1_048_576
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class Facts(Protocol):
    """Knows what neither the request nor the gate says."""

    def __call__(
        self, action: str, identity: Identity, attributes: Mapping[str, Any], /
    ) -> Mapping[str, Mapping[str, object]]:
        """Attributes by context."""
        ...


class Activity(Protocol):
    """Counts what keys and addresses do."""

    def context(self, key: str | None, address: str, now: int) -> Mapping[str, object]:
        """What policies are told of it; never raises, and what cannot be had is left out."""
        ...

    def settle(  # noqa: PLR0913 - what became of a request
        self, key: str | None, address: str, *, allowed: bool, now: int, status: int, counted: bool
    ) -> None:
        """A request was allowed, or refused with that status; `counted` if `context` was asked for it. Never raises."""
        ...


class Idempotency(Protocol):
    """Remembers which request an idempotency key was used for."""

    def check(self, who: str, raw: RawRequest, header: str, now: int) -> Refusal | None:
        """Why the request is refused: the same idempotency key was used for another one."""
        ...


class Metrics(Protocol):
    """Counts answers."""

    def answered(self, answer: Answer, seconds: float) -> None:
        """An answer was given, so many seconds after the request had come; never raises."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a gate is made of.

    Attributes:
        engine: decides, and counts limits.
        router: reads requests and finds their routes.
        authenticator: establishes who asks; None where every route is public.
        sessions: told of decisions about sessions.
        gateway: the context `gateway`: environment, venue, node.
        facts: what the venue knows of an action, of who asks for it and of the attributes that came with it, by
            context: the account's risk, what an order is worth. It goes before what the request says, attribute by
            attribute; where it raises, all of it is unknown.
        activity: counts what keys and addresses do, for the context `activity`.
        idempotency: for routes with idempotency keys.
        recorder: records every decision; None records nothing.
        metrics: counts every answer.
        answers: how refusals are put.
        clock: milliseconds since the epoch.
        most_body: how many bytes a body may have that has to be read.
        waits: whether a part asks something that may take time, such as a server or a disk: then an event loop has
            it done in a thread.
    """

    engine: Engine
    router: RequestReader
    authenticator: Authenticator | None = None
    sessions: Sessions | None = None
    gateway: Mapping[str, object] = field(default_factory=lambda: _NOTHING)
    facts: Facts | None = None
    activity: Activity | None = None
    idempotency: Idempotency | None = None
    recorder: Recorder | None = None
    metrics: Metrics | None = None
    answers: Answers = field(default_factory=Answers)
    clock: Callable[[], int] = wall_clock
    most_body: int = MOST_BODY
    waits: bool = True


class Gate:
    """Answers requests. Safe from any thread and any event loop."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._reads = Readings(parts.engine)
        self._ids = DecisionIds()
        self.most_body = parts.most_body

    # -------------------------------------------------------------------------------------------------- entrances

    def admit(self, raw: RawRequest) -> Answer:
        """The answer to a whole request."""
        return self.finish(self.begin(raw), raw.body)

    async def admit_async(self, raw: RawRequest) -> Answer:
        """As `admit`, without holding up the event loop."""
        return await self.finish_async(self.begin(raw), raw.body)

    def begin(self, raw: RawRequest) -> Begun:
        """Reads the head of a request. It asks nothing that takes time."""
        started = time.perf_counter()
        try:
            routed = self._parts.router.read(raw)
            if isinstance(routed, Refusal):
                address = self._parts.router.address_of(raw)
                known = "" if isinstance(address, Refusal) else address
                return Begun(raw=raw, address=known, refusal=routed, started=started)
            return Begun(raw=raw, routed=routed, needs_body=self._needs_body(raw, routed), started=started)
        except Exception:  # noqa: BLE001 - a defect of ours: nobody passes by it
            return Begun(raw=raw, refusal=refuse("not_ready"), started=started)

    def finish(self, begun: Begun, body: bytes) -> Answer:
        """The answer to a request whose head was read; `body` is empty where it was not needed."""
        return self._answered(lambda: self._decided(begun, body), begun.started)

    async def finish_async(self, begun: Begun, body: bytes) -> Answer:
        """As `finish`, without holding up the event loop. Cancelled, it has answered nothing; the record is kept."""
        return await self._answered_async(lambda: self._decided(begun, body), begun.started)

    def bind(self, identity: Identity) -> BoundEngine:
        """An engine for the messages of somebody on a connection that stays open."""
        declared = self._parts.engine.compiled.program.schema.contexts
        fixed = {**identity.contexts(), "gateway": self._parts.gateway}
        return self._parts.engine.bind(**{name: given for name, given in fixed.items() if name in declared})

    def standing(self, identity: Identity) -> Refusal | None:
        """Why a connection has to be closed: its credential was revoked, or has expired; None where it is good."""
        authenticator = self._parts.authenticator
        return None if authenticator is None else authenticator.standing(identity)

    def answer_message(self, message: Message) -> Answer:
        """The answer to a message on a connection."""
        return self._answered(lambda: self._decided_message(message), time.perf_counter())

    async def answer_message_async(self, message: Message) -> Answer:
        """As `answer_message`, without holding up the event loop."""
        return await self._answered_async(lambda: self._decided_message(message), time.perf_counter())

    def answer_request(self, request: Mapping[str, Any]) -> Answer:
        """The answer to a request that somebody put together who is trusted with that, such as AuthZEN's callers.

        What it says of who asks is believed. Of this gateway, of the instant and of `activity` it says nothing.
        """
        return self._answered(lambda: self._decided_request(request), time.perf_counter())

    async def answer_request_async(self, request: Mapping[str, Any]) -> Answer:
        """As `answer_request`, without holding up the event loop."""
        return await self._answered_async(lambda: self._decided_request(request), time.perf_counter())

    def _answered(self, decide: Callable[[], Decided], started: float) -> Answer:
        answer, receipt = self._recorded(decide())
        if receipt is not None:
            try:
                receipt.wait()
            except Exception:  # noqa: BLE001 - whatever it raises, nothing vouches for the record
                answer = self._unrecorded(answer)
        return self._counted(answer, started)

    async def _answered_async(self, decide: Callable[[], Decided], started: float) -> Answer:
        if self._parts.waits:
            import asyncio  # noqa: PLC0415 - gateways without an event loop do without

            # Shielded: where whoever awaits it is cancelled, it is done and recorded nevertheless, also if all threads
            # were busy and it had not begun.
            work = asyncio.get_running_loop().run_in_executor(
                None, copy_context().run, lambda: self._recorded(decide())
            )
            answer, receipt = await asyncio.shield(work)
        else:
            answer, receipt = self._recorded(decide())
        if receipt is not None:
            try:
                await receipt.wait_async()
            except Exception:  # noqa: BLE001 - as above
                answer = self._unrecorded(answer)
        return self._counted(answer, started)

    # --------------------------------------------------------------------------------------------------- deciding

    def _needs_body(self, raw: RawRequest, routed: Routed) -> bool:
        route, authenticator = routed.route, self._parts.authenticator
        if route.reads_body or route.idempotency is not None:
            return True
        return not route.is_public and authenticator is not None and authenticator.reads_body(raw)

    def _decided(self, begun: Begun, body: bytes) -> Decided:
        try:
            decided = self._found(begun, body, self._parts.clock())
            self._settle(decided)
        except Exception:  # noqa: BLE001 - a defect of ours: nobody passes by it
            return Decided(refuse("not_ready"), begun.raw.received, begun.routed)
        return decided

    def _found(self, begun: Begun, body: bytes, now: int) -> Decided:
        routed = begun.routed
        if begun.refusal is not None or routed is None:
            return Decided(begun.refusal or refuse("not_ready"), now, routed, came_from=begun.address)
        came = begun.raw
        is_whole = came.peer == routed.address and came.body == body
        raw = (
            came
            if is_whole
            else RawRequest(came.method, came.target, came.headers, body, routed.address, came.received)
        )
        identity = self._identity(raw, routed)
        if isinstance(identity, Refusal):
            return Decided(identity, now, routed)
        attributes = routed.attributes(raw)
        if isinstance(attributes, Refusal):
            return Decided(attributes, now, routed, identity)
        request = self._request(routed.route.action, attributes, identity, routed, now)
        decision = self._parts.engine.decide(request)
        # What is refused uses no idempotency key up: its sender may mend it and try again.
        refusal = self._repeated(raw, identity, routed, now) if decision.allowed else None
        return Decided(decision if refusal is None else refusal, now, routed, identity, request)

    def _decided_message(self, message: Message) -> Decided:
        routed, identity = message.routed, message.identity
        try:
            now = self._parts.clock()
            refusal = self.standing(identity)
            if refusal is not None:
                return Decided(refusal, now, routed, identity)
            request = self._request(message.action, message.attributes, identity, routed, now)
            decided = Decided(message.bound.decide(request), now, routed, identity, request)
            self._settle(decided)
        except Exception:  # noqa: BLE001 - as above
            return Decided(refuse("not_ready"), wall_clock(), routed, identity)
        return decided

    def _decided_request(self, request: Mapping[str, Any]) -> Decided:
        try:
            now = self._parts.clock()
            identity = vouched(request)
            asked = self._completed(dict(request), request.get("action"), identity, now)
            decided = Decided(self._parts.engine.decide({**asked, "now": now}), now, None, identity, asked)
            self._settle(decided)
        except Exception:  # noqa: BLE001 - as above
            return Decided(refuse("not_ready"), wall_clock())
        return decided

    def _identity(self, raw: RawRequest, routed: Routed) -> Identity | Refusal:
        if routed.route.is_public:
            return Identity(address=routed.address)
        authenticator = self._parts.authenticator
        return refuse("credential_missing") if authenticator is None else authenticator.authenticate(raw)

    def _repeated(self, raw: RawRequest, identity: Identity, routed: Routed, now: int) -> Refusal | None:
        header, idempotency = routed.route.idempotency, self._parts.idempotency
        if header is None or idempotency is None:
            return None
        return idempotency.check(identity.key or identity.address, raw, header, now)

    def _request(
        self, action: str, attributes: Mapping[str, Any], identity: Identity, routed: Routed, now: int
    ) -> dict[str, Any]:
        """What is decided. What was proved and what the gate counts goes before what anybody says of it."""
        given: dict[str, Any] = dict(attributes)
        if self._parts.facts is not None:
            for context, facts in self._facts(action, identity, attributes).items():
                given[context] = {**given.get(context, _NOTHING), **facts}
        given["request"] = {**given.get("request", _NOTHING), "method": routed.method, "path": routed.path}
        self._completed(given, action, identity, now)
        identity.enter(given)
        given["action"], given["now"] = action, now
        return given

    def _completed(self, given: dict[str, Any], action: object, identity: Identity, now: int) -> dict[str, Any]:
        """The contexts with those that the gate itself knows; what anybody else said of these is gone."""
        parts = self._parts
        given["gateway"] = parts.gateway
        given.pop("activity", None)
        if parts.activity is not None and type(action) is str and "activity" in self._reads().contexts_of(action):
            given["activity"] = parts.activity.context(identity.key, identity.address, now)
        return given

    def _facts(self, action: str, identity: Identity, attributes: Mapping[str, Any]) -> Mapping[str, Any]:
        if self._parts.facts is None:
            return _NOTHING
        try:
            found = self._parts.facts(action, identity, attributes)
            return {context: dict(facts) for context, facts in found.items()}
        except Exception:  # noqa: BLE001 - then they are unknown, which lets nothing through
            return _NOTHING

    def _settle(self, decided: Decided) -> None:
        """Tells those that remember what became of requests."""
        parts, identity = self._parts, decided.identity
        if parts.activity is not None and decided.address and "activity" in self._reads().contexts:
            why, key = decided.why, None if identity is None else identity.key
            parts.activity.settle(
                key,
                decided.address,
                allowed=isinstance(why, Decision) and why.allowed,
                now=decided.now,
                status=why.status,
                counted="activity" in decided.contexts,
            )
        session = None if identity is None else identity.session
        if parts.sessions is not None and session is not None and isinstance(decided.why, Decision):
            try:
                parts.sessions.settle(session, decided.why)
            except StateUnavailableError:
                return  # it ends sooner than it would have, which opens nothing

    # -------------------------------------------------------------------------------------------------- answering

    def _recorded(self, decided: Decided) -> tuple[Answer, Receipt | None]:
        """The answer, and the receipt of its record where that has to be waited for."""
        answer = self._answer(decided, self._ids.new())
        recorder = self._parts.recorder
        if recorder is None:
            return answer, None
        try:
            receipt = recorder.append(self._record(answer, decided))
        except Exception:  # noqa: BLE001 - as above
            return (self._unrecorded(answer), None) if recorder.strict else (answer, None)
        return answer, receipt if recorder.strict else None

    def _answer(self, decided: Decided, decision_id: str) -> Answer:
        answers, why, action = self._parts.answers, decided.why, decided.action
        identity, routed = decided.identity, decided.routed
        if isinstance(why, Decision) and why.allowed and identity is not None and action is not None:
            return answers.allowed(decision_id, why, action=action, identity=identity, routed=routed)
        about = About(action=action, identity=identity, routed=routed)
        if isinstance(why, Refusal):
            return answers.refused(decision_id, why, about)
        limit = None if why.rule is None else self._reads().limits.get(why.rule)
        return answers.refused(decision_id, why, about, limit=limit)

    def _record(self, answer: Answer, decided: Decided) -> DecisionRecord:
        key = decided.contexts.get("key")
        attributes = self._parts.engine.key(key) if type(key) is str else None
        return record_of(answer.decision_id, decided, self._reads(), attributes or _NOTHING)

    def _unrecorded(self, answer: Answer) -> Answer:
        """What was allowed and cannot be recorded is refused; a refusal stays what it is."""
        if not answer.allowed:
            return answer
        return self._parts.answers.refused(answer.decision_id, refuse("audit_unavailable"), answer)

    def _counted(self, answer: Answer, started: float) -> Answer:
        if self._parts.metrics is not None:
            with suppress(Exception):  # nobody is refused, or let through, for a number
                self._parts.metrics.answered(answer, time.perf_counter() - started)
        return answer


__all__ = ["Activity", "Begun", "Facts", "Gate", "Idempotency", "Metrics", "Parts"]
