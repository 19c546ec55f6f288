"""What the pipeline knows of a request: its head, then what was decided about it, and the record of that.

Nobody changes any of these; but what is made at every request is not frozen, which would make it several times slower.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final, cast

from durwan.audit.record import DecisionRecord
from durwan.credentials.identity import Identity
from durwan.credentials.raw_request import RawRequest
from durwan.credentials.refusals import Refusal
from durwan.gateways.reads import Reads
from durwan.model.address import parse_address
from durwan.model.decision import Decision
from durwan.routing.router import Routed
from durwan.runtime.bound import BoundEngine

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(slots=True, kw_only=True)
class Begun:
    """A request of which the head was read.

    Attributes:
        raw: the request, without its body.
        routed: what is asked for; None where it could not be read.
        address: where it came from, where that could be found out of a request that cannot be read otherwise.
        refusal: why it is refused already; None where it is not.
        needs_body: whether the body has to be read before anything can be decided.
        started: when it came, on the clock of `time.perf_counter`.
    """

    raw: RawRequest
    routed: Routed | None = None
    address: str = ""
    refusal: Refusal | None = None
    needs_body: bool = False
    started: float

    def refused(self, refusal: Refusal) -> Begun:
        """The same, refused for a reason that an adapter found, such as a body that is too large."""
        return replace(self, refusal=refusal, needs_body=False)


@dataclass(slots=True)
class Decided:
    """What became of a request.

    Attributes:
        why: the decision of the policy, or the refusal before it was asked.
        now: the instant, in milliseconds since the epoch.
        routed: what was asked for; None where it could not be read.
        identity: who asks, as far as it was proved.
        contexts: what the policy was asked; empty where it was not.
        came_from: the address of a request that could not be read otherwise; empty where not even that is known.
    """

    why: Decision | Refusal
    now: int
    routed: Routed | None = None
    identity: Identity | None = None
    contexts: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    came_from: str = ""

    @property
    def action(self) -> str | None:
        """What was asked for; None where that could not be found out."""
        asked: str | None = self.contexts.get("action")
        return asked if asked is not None or self.routed is None else self.routed.route.action

    @property
    def address(self) -> str:
        """Where it came from; empty where that could not be found out."""
        if self.routed is not None:
            return self.routed.address
        return self.came_from if self.identity is None else self.identity.address


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message on a connection whose beginning was allowed.

    Attributes:
        bound: decides for that connection.
        identity: whose connection it is.
        routed: by which request it began.
        action: what the message asks for.
        attributes: the contexts that it brings.
    """

    bound: BoundEngine
    identity: Identity
    routed: Routed
    action: str
    attributes: Mapping[str, Any]


def vouched(request: Mapping[str, Any]) -> Identity:
    """Who asks, as far as a request says so that somebody put together who is believed."""
    key, address = request.get("key"), _member(request.get("client"), "ip")
    key_id = key if type(key) is str else _member(key, "id")
    known = address is not None and parse_address(address) is not None
    return Identity(address=address or "" if known else "", key=key_id)


def _member(context: object, name: str) -> str | None:
    """A text in a mapping of JSON; None where there is none."""
    if not isinstance(context, Mapping):
        return None
    found = cast("Mapping[str, object]", context).get(name)
    return found if type(found) is str else None


def record_of(decision_id: str, decided: Decided, reads: Reads, key: Mapping[str, object]) -> DecisionRecord:
    """The record of a decision; `key` are the attributes of the key, of which those are recorded that rules read."""
    why, identity, routed = decided.why, decided.identity, decided.routed
    contexts = dict(decided.contexts)
    action = decided.action or ""
    if key:
        read = {name: key[name] for name in reads.of_key(action) if name in key}
        contexts["key"] = {"id": contexts.get("key"), **read}
    decision = why if isinstance(why, Decision) else None
    token = None if identity is None else identity.token
    session = None if identity is None else identity.session
    return DecisionRecord(
        decision_id=decision_id,
        time=decided.now,
        effect="deny" if decision is None else decision.effect,
        status=why.status,
        code=why.code,
        rule=None if decision is None else decision.rule,
        revision="" if decision is None else decision.revision,
        action=decided.action,
        method="" if routed is None else routed.method,
        path="" if routed is None else routed.path,
        address=decided.address,
        key=None if identity is None else identity.key,
        subject=None if token is None else token.subject,
        session=None if session is None else session.id,
        contexts=contexts,
        because=() if decision is None else reads.of_rule(decision.rule, action),
        unknowns=() if decision is None else decision.unknowns,
        shadows=() if decision is None else decision.shadows,
    )
