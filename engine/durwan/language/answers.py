"""What a rule answers where its text leaves it open: status, code and reason (language page, section 6)."""

from __future__ import annotations

from dataclasses import dataclass

from durwan.model.decision import Remedy
from durwan.model.values import format_duration


@dataclass(frozen=True, slots=True)
class Answer:
    """The status, code and reason of a refusal. The reason is for the client and never holds a request's values."""

    status: int
    code: str
    reason: str


ALLOWED = Answer(200, "allowed", "this request is allowed")


def deny_answer(name: str) -> Answer:
    """What a deny answers by itself."""
    return Answer(403, name, "this request is not permitted")


def limit_answer(name: str) -> Answer:
    """What a used-up limit answers by itself."""
    return Answer(429, name, "too many requests")


def challenge_answer(remedy: Remedy) -> Answer:
    """What a challenge answers by itself, which depends on what it asks for."""
    match remedy.kind:
        case "mfa":
            age = "" if remedy.within is None else f" no older than {format_duration(remedy.within)}"
            return Answer(401, "mfa_required", f"a second factor{age} is required")
        case "login":
            return Answer(401, "login_required", "a fresh login is required")
        case "approvals":
            count = remedy.count or 0
            return Answer(403, "approvals_required", f"{count} approval{'' if count == 1 else 's'} required")
        case "step":
            step = remedy.name or ""
            return Answer(403, step, f"a further step is required: {step.replace('_', ' ')}")
