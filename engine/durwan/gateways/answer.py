"""What a client is told: status, headers and a problem body (RFC 9457) that says what to do next."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from durwan.credentials.identity import Identity
from durwan.credentials.raw_request import Headers
from durwan.credentials.refusals import Refusal
from durwan.gateways.authenticate_header import challenges, is_challenged
from durwan.gateways.profiles import EXACT, StatusProfile
from durwan.gateways.upstream import identity_headers, no_identity
from durwan.model.decision import Decision
from durwan.program.program import Limit
from durwan.routing.router import Routed

_PROBLEM: Final = (b"content-type", b"application/problem+json")
_NO_STORE: Final = (b"cache-control", b"no-store")
# The problem type of draft-ietf-httpapi-ratelimit-headers for a quota that is used up.
_QUOTA: Final = "https://iana.org/assignments/http-problem-types#quota-exceeded"


@dataclass(slots=True, kw_only=True)
class About:
    """What an answer is about, as far as it could be found out.

    Attributes:
        action: what was asked for.
        identity: who asks, as far as it was proved.
        routed: the request as it was read.
    """

    action: str | None = None
    identity: Identity | None = None
    routed: Routed | None = None


@dataclass(slots=True, kw_only=True)
class Answer(About):
    """What became of a request. Nobody changes one; it is not frozen since it is made at every request.

    Attributes:
        allowed: whether it may go on.
        status: the status of HTTP that the client sees; 200 where it may go on.
        code: the exact reason for machines, for logs and metrics; what the client sees stands in `body`.
        reason: the reason for people that the client sees.
        decision_id: what names this decision in the audit log.
        headers: what goes to the client with a refusal.
        body: the problem body of a refusal; empty where the request may go on.
        upstream: headers that replace whatever the client sent of them, for what stands behind the gateway.
        decision: what the policy decided; None where it was not asked.
        refusal: why it was not asked; None where it was.
    """

    allowed: bool
    status: int
    code: str
    reason: str
    decision_id: str
    headers: Headers = ()
    body: bytes = field(default=b"", repr=False)
    upstream: Headers = ()
    decision: Decision | None = None
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """How refusals are put.

    Attributes:
        profile: which status and code the client sees for an exact one.
        realm: the protection space that `WWW-Authenticate` names; printable ASCII without quotes.
        schemes: the schemes that `WWW-Authenticate` offers, as `Bearer`.
        problems: the address below which each code has a page, ending with `/`; empty where there is none.

    Raises:
        ValueError: the realm or a scheme cannot stand in a header.
    """

    profile: StatusProfile = EXACT
    realm: str = "api"
    schemes: tuple[str, ...] = ("Bearer",)
    problems: str = ""

    def __post_init__(self) -> None:
        for text in (self.realm, *self.schemes):
            if not text.isascii() or not text.isprintable() or not set(text).isdisjoint('"\\'):
                raise ValueError(f"{text!r} cannot stand in WWW-Authenticate: printable ASCII without quotes can")

    def allowed(
        self, decision_id: str, decision: Decision, *, action: str, identity: Identity, routed: Routed | None
    ) -> Answer:
        """The answer to a request that may go on."""
        return Answer(
            allowed=True,
            status=200,
            code=decision.code,
            reason=decision.reason,
            decision_id=decision_id,
            upstream=identity_headers(identity, action, decision_id, decision),
            action=action,
            decision=decision,
            identity=identity,
            routed=routed,
        )

    def refused(self, decision_id: str, why: Decision | Refusal, about: About, *, limit: Limit | None = None) -> Answer:
        """The answer to a request that may not go on; `limit` is the one that was used up."""
        status, code, reason = self.profile.shown(why.status, why.code, why.reason)
        headers: list[tuple[bytes, bytes]] = [_PROBLEM, _NO_STORE]
        headers += [(b"x-decision-id", decision_id.encode()), (b"x-decision-code", code.encode("ascii", "replace"))]
        if is_challenged(status, why.code):
            headers += challenges(why, self.schemes, self.realm, tells=self.profile.tells_remedies)
        if isinstance(why, Refusal) and why.methods:
            headers.append((b"allow", ", ".join(why.methods).encode()))
        headers += _waiting(why.retry_after, limit)
        return Answer(
            allowed=False,
            status=status,
            code=why.code,
            reason=reason,
            decision_id=decision_id,
            headers=tuple(headers),
            body=self._problem(decision_id, why, (status, code, reason), limit),
            upstream=no_identity(),
            action=about.action,
            decision=why if isinstance(why, Decision) else None,
            refusal=why if isinstance(why, Refusal) else None,
            identity=about.identity,
            routed=about.routed,
        )

    def _problem(
        self, decision_id: str, why: Decision | Refusal, shown: tuple[int, str, str], limit: Limit | None
    ) -> bytes:
        status, code, reason = shown
        kind = _QUOTA if limit is not None else f"{self.problems}{code}" if self.problems else "about:blank"
        problem: dict[str, Any] = {"type": kind, "title": _title(status), "status": status, "detail": reason}
        problem |= {"code": code, "decision_id": decision_id}
        if isinstance(why, Decision) and why.remedies and self.profile.tells_remedies:
            problem["remedies"] = [remedy.as_dict() for remedy in why.remedies]
        if why.retry_after is not None:
            problem["retry_after"] = why.retry_after
        if limit is not None:
            problem["violated-policies"] = [limit.name]
        return json.dumps(problem, separators=(",", ":")).encode()


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Refused"


def _waiting(retry_after: float | None, limit: Limit | None) -> Headers:
    """When it is worth trying again, and of which limit that is the end (draft-ietf-httpapi-ratelimit-headers)."""
    seconds = None if retry_after is None else max(math.ceil(retry_after), 1)
    found: list[tuple[bytes, bytes]] = [] if seconds is None else [(b"retry-after", b"%d" % seconds)]
    if limit is not None:
        policy = f'"{limit.name}";q={math.floor(limit.count)};w={max(limit.period // 1000, 1)}'
        found.append((b"ratelimit-policy", policy.encode()))
        found.append((b"ratelimit", f'"{limit.name}";r=0{"" if seconds is None else f";t={seconds}"}'.encode()))
    return tuple(found)
