"""The answer: one immutable decision, cheap to hand out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final, Literal, NoReturn

from durwan.model.types import TIME_MAX

EffectName = Literal["allow", "deny", "challenge"]
RemedyKind = Literal["mfa", "approvals", "login", "step"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """What would turn a challenge into an allow.

    `mfa`: `within` is the greatest age in milliseconds, or None. `approvals`: `count` of the people in the set named
    `of`. `step`: `name` is a thing the gateway knows how to do. `login` has no fields.
    """

    kind: RemedyKind
    within: int | None = None
    count: int | None = None
    of: str | None = None
    name: str | None = None

    def as_dict(self) -> dict[str, str | int]:
        """`kind` and the fields that this kind has."""
        every = {"kind": self.kind, "within": self.within, "count": self.count, "of": self.of, "name": self.name}
        return {name: value for name, value in every.items() if value is not None}


_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
# The deadline of a decision that time never changes, as a number, so that the smaller of two is always found by `<`.
NEVER: Final = TIME_MAX + 1


class Deadlines(dict[int, "Decision"]):
    """The decisions of one outcome, by deadline, made when first asked for: `outcome.by_deadline[deadline]`.

    Remembering them means that a request which is decided as before costs no new object. The bound only keeps memory
    small: past it the memory is dropped and filled anew. There is no lock: each step on the dict is one, and two
    threads that make the same decision make equal ones.
    """

    BOUND = 4096

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self._outcome = outcome

    def __missing__(self, deadline: int) -> Decision:
        if len(self) >= self.BOUND:
            self.clear()
        found = self[deadline] = Decision(self._outcome, deadline if deadline < NEVER else None)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Everything of a decision that does not depend on the instant: made when the policy is compiled, not per request.

    See `Decision` for the meaning of each field.
    """

    effect: EffectName
    rule: str | None
    status: int
    code: str
    reason: str
    obligations: Mapping[str, bool | int | Decimal | str] = field(default_factory=lambda: _NOTHING)
    remedies: tuple[Remedy, ...] = ()
    unknowns: tuple[str, ...] = ()
    retry_after: float | None = None
    shadows: tuple[str, ...] = ()
    revision: str = ""

    def beside(self, shadows: tuple[str, ...]) -> Outcome:
        """The same outcome with the shadow rules that applied beside it."""
        return replace(self, shadows=shadows)

    def until(self, valid_until: int | None) -> Decision:
        """A decision that has this outcome and this deadline."""
        return Decision(self, valid_until)


class Decision:
    """The answer to one request. Immutable; equal where all fields are equal.

    There is no truth value: an object that is always true must never stand where `decision.allowed` was meant.

    Attributes:
        allowed: whether the request may go on: true for `allow` alone.
    """

    # What every caller asks is a slot, which is read at once; the rest are properties.
    __slots__ = ("_outcome", "_valid_until", "allowed")

    _outcome: Outcome
    _valid_until: int | None
    allowed: bool

    def __init__(self, outcome: Outcome, valid_until: int | None) -> None:
        _set_outcome(self, outcome)
        _set_valid_until(self, valid_until)
        _set_allowed(self, outcome.effect == "allow")

    @property
    def outcome(self) -> Outcome:
        """What is decided, apart from how long it holds."""
        return self._outcome

    @property
    def effect(self) -> EffectName:
        """`allow`, `deny` or `challenge`."""
        return self._outcome.effect

    @property
    def rule(self) -> str | None:
        """The rule or limit that decided; None for a default deny."""
        return self._outcome.rule

    @property
    def status(self) -> int:
        """The HTTP status: 200 when allowed, else as the rule says."""
        return self._outcome.status

    @property
    def code(self) -> str:
        """`allowed`, or the machine-readable reason."""
        return self._outcome.code

    @property
    def reason(self) -> str:
        """Text fit for the client; never a value of the request."""
        return self._outcome.reason

    @property
    def obligations(self) -> Mapping[str, bool | int | Decimal | str]:
        """The `with` values of the allow rule."""
        return self._outcome.obligations

    @property
    def remedies(self) -> tuple[Remedy, ...]:
        """What would turn a challenge into an allow, one for every challenge that applies."""
        return self._outcome.remedies

    @property
    def unknowns(self) -> tuple[str, ...]:
        """The attributes whose absence decided, sorted; empty where the decision did not hang on doubt."""
        return self._outcome.unknowns

    @property
    def retry_after(self) -> float | None:
        """Seconds until a used-up limit is worth trying again."""
        return self._outcome.retry_after

    @property
    def valid_until(self) -> int | None:
        """Milliseconds since the epoch from which time alone may change the decision; None if it never does."""
        return self._valid_until

    @property
    def shadows(self) -> tuple[str, ...]:
        """The shadow rules that applied, in source order."""
        return self._outcome.shadows

    @property
    def revision(self) -> str:
        """The digest of the compiled policy that decided."""
        return self._outcome.revision

    def as_dict(self) -> dict[str, Any]:
        """All fields as plain data, in the order of the documentation; decimals as strings."""
        obligations = {k: str(v) if isinstance(v, Decimal) else v for k, v in self.obligations.items()}
        return {
            "effect": self.effect,
            "allowed": self.allowed,
            "rule": self.rule,
            "status": self.status,
            "code": self.code,
            "reason": self.reason,
            "obligations": obligations,
            "remedies": [remedy.as_dict() for remedy in self.remedies],
            "unknowns": list(self.unknowns),
            "retry_after": self.retry_after,
            "valid_until": self.valid_until,
            "shadows": list(self.shadows),
            "revision": self.revision,
        }

    def __bool__(self) -> NoReturn:
        raise TypeError("a Decision has no truth value: use decision.allowed")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a Decision is immutable: {name!r} cannot be set")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a Decision is immutable: {name!r} cannot be deleted")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Decision):
            return NotImplemented
        return self._outcome == other._outcome and self._valid_until == other._valid_until

    def __hash__(self) -> int:
        return hash((self.effect, self.rule, self.code, self.unknowns, self._valid_until))

    def __repr__(self) -> str:
        return f"Decision({', '.join(f'{name}={value!r}' for name, value in self.as_dict().items())})"

    def __reduce__(self) -> tuple[Any, ...]:
        # A mapping proxy cannot be pickled; the mapping that it shows can.
        fields = {each.name: getattr(self._outcome, each.name) for each in dataclasses.fields(Outcome)}
        return (_restore, (fields | {"obligations": dict(self.obligations)}, self._valid_until))


def _restore(fields: dict[str, Any], valid_until: int | None) -> Decision:
    obligations: Any = MappingProxyType[str, Any](fields["obligations"])
    return Outcome(**{**fields, "obligations": obligations}).until(valid_until)


# The slots' own setters, which the class's __setattr__ does not stand before.
_set_outcome = vars(Decision)["_outcome"].__set__
_set_valid_until = vars(Decision)["_valid_until"].__set__
_set_allowed = vars(Decision)["allowed"].__set__
