"""What of an explanation may be shown to whoever sent the request, who may be a thief of the key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from durwan.model.decision import Decision, EffectName, Remedy


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientExplanation:
    """Why a request was refused, and what its sender can do about it.

    Shown is what stands in this list, and nothing else:

    * what every refusal carries anyway: `effect`, `status`, `code`, the `reason` that the policy's author wrote for
      clients, and the `remedies` of a challenge;
    * `missing`: the fields of the request itself whose absence decided, by name;
    * `networks`: the networks of the caller's own key, where the request came from elsewhere and that stopped it.

    Not shown are names of rules, conditions, values of any kind, what lists hold, and how far the request was from
    being allowed: a bound on risk tells an attacker how long to wait, and one on amounts into how many parts to cut.
    """

    effect: EffectName
    status: int
    code: str
    reason: str
    remedies: tuple[Remedy, ...] = ()
    missing: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()

    @classmethod
    def of(cls, decision: Decision, own_networks: tuple[str, ...]) -> ClientExplanation:
        """The form of a decision for its client."""
        return cls(
            effect=decision.effect,
            status=decision.status,
            code=decision.code,
            reason=decision.reason,
            remedies=decision.remedies,
            missing=tuple(path for path in decision.unknowns if path.startswith("request.")),
            networks=own_networks,
        )

    def as_dict(self) -> dict[str, Any]:
        """All fields as plain data."""
        return {
            "effect": self.effect,
            "status": self.status,
            "code": self.code,
            "reason": self.reason,
            "remedies": [remedy.as_dict() for remedy in self.remedies],
            "missing": list(self.missing),
            "networks": list(self.networks),
        }
