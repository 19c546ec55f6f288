"""One record of one decision: who asked for what, from where, when, and what decided it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(slots=True, kw_only=True)
class DecisionRecord:
    """What is recorded of one decision. It holds no secret; which of its attributes are masked is the log's to say.

    Nobody changes one; that it is not frozen saves most of the time that it takes to make it, at every request.

    Attributes:
        decision_id: what the client was told, and what support will be asked for.
        time: the instant of the decision, in milliseconds since the epoch.
        effect: `allow`, `deny` or `challenge`.
        status: the status of HTTP as the rule or the refusal has it, before any profile.
        code: the exact reason for machines, before any profile.
        rule: the rule or limit that decided; None for a default deny, and where no policy was asked.
        revision: the digest of the policy that decided; empty where no policy was asked.
        action: what was asked for; None where that could not be found out.
        method: the method of the request; empty where there is none.
        path: the canonical path of the request without its query; empty where it was refused.
        address: where the request came from; empty where that could not be found out.
        key: the id of the key; None without one.
        subject: the subject of the token; None without one.
        session: the public id of the session, never the identifier that proves it; None without one.
        contexts: the request as it was decided: one mapping per context.
        because: the attributes that the deciding rule reads, as `risk.score`, sorted.
        unknowns: the attributes whose absence decided.
        shadows: the shadow rules that applied.
    """

    decision_id: str
    time: int
    effect: str
    status: int
    code: str
    rule: str | None = None
    revision: str = ""
    action: str | None = None
    method: str = ""
    path: str = ""
    address: str = ""
    key: str | None = None
    subject: str | None = None
    session: str | None = None
    contexts: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    because: tuple[str, ...] = ()
    unknowns: tuple[str, ...] = ()
    shadows: tuple[str, ...] = ()
