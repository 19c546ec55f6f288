"""What a thief of a key could do with it and nothing else: from any address, at any time, when all else goes well.

Known is what the key's own record says. Of sessions, tokens and approvals there is nothing: all about them is unknown,
or, where it is a set or network, perhaps empty. Everything else may be whatever suits the thief best: the address, the
instant, risk, markets, balances, and what is asked for. A limit that cannot count stops; one that is used up does not.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from durwan.backends.solver.decisions import Decisions
from durwan.backends.solver.question import Question, UndecidedError
from durwan.backends.solver.z3_interface import Term, both, negated
from durwan.credentials.keys import StaticKeys
from durwan.model import types
from durwan.model.request import Attributes, KeyLookup, instant_of, no_keys
from durwan.model.schema import Schema
from durwan.model.types import TIME_MAX, Type
from durwan.model.values import Value, format_instant
from durwan.program import nodes, reference
from durwan.program.charges import settle
from durwan.program.program import Limit, Program, Rule
from durwan.workshop.instants import midweek
from durwan.workshop.isolation import answers
from durwan.workshop.shrinking import Request, shrink

DEADLINE: Final = 30.0
NO_RULE_ALLOWS: Final = "no_rule_allows"

_WEEK: Final = 7 * 86_400_000
_UNKNOWN: Final = ("session", "token")
_UNKNOWN_OR_EMPTY: Final = "approvals"
_OUTSIDE: Final = nodes.Operation(
    operator="in_network",
    operands=(
        nodes.Attribute(path="client.ip", type=types.Address()),
        nodes.Attribute(path="key.networks", type=types.Network()),
    ),
    type=types.Bool(),
)

# A key: the id under which it is found, and the attributes that it has.
Key = tuple[str | None, Mapping[str, object]]

_Known = Mapping[str, Value | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Whether an action is possible with a key alone; None where that could not be found out, and then `because`.

    Where it is, `request` is one that is allowed, `elsewhere` whether one from an address that the key's allowlist does
    not hold is allowed too (None: not known), and `until` the last instant, in milliseconds, after which none is (None:
    no end was found). Where it is not, `stopped_by` are rules and limits that cannot all be avoided, none of which is
    there for nothing, or `no_rule_allows`; `also_stopped_by` are others that would each stop it alone.
    """

    action: str
    possible: bool | None
    stopped_by: tuple[str, ...] = ()
    also_stopped_by: tuple[str, ...] = ()
    request: Request | None = None
    elsewhere: bool | None = None
    until: int | None = None
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """What is possible with one key, action by action, by their names; `key_id` is None for a key without one."""

    key_id: str | None
    attributes: Mapping[str, object]
    actions: Mapping[str, Reach]

    @property
    def possible(self) -> tuple[Reach, ...]:
        """The actions that are possible."""
        return tuple(reach for reach in self.actions.values() if reach.possible)

    @property
    def networks(self) -> tuple[str, ...]:
        """The key's allowlist, as it is written."""
        given = self.attributes.get("networks")
        return tuple(map(str, given)) if isinstance(given, list | tuple | set | frozenset) else ()  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] - of anything

    @property
    def undecided(self) -> tuple[Reach, ...]:
        """The actions of which nothing was found out."""
        return tuple(reach for reach in self.actions.values() if reach.possible is None)


def exposures(
    program: Program,
    keys: Sequence[Key],
    deadline: float = DEADLINE,
    *,
    near: int | None = None,
    settled: Callable[[Reach], object] = lambda _: None,
) -> list[Exposure]:
    """What is possible with each of the keys.

    Args:
        program: the checked program.
        keys: the keys; one with an id stands in requests by its id, as a policy set's own keys do.
        deadline: seconds for each action of each key; one that takes longer is undecided.
        near: the instant that requests should have if they can, in milliseconds; by default the present, or for a key
            that has expired a week after it was last heard of.
        settled: is told of each action when it is known.
    """
    actions = sorted(program.schema.actions)
    pieces = [(place, action) for place in range(len(keys)) for action in actions]
    found: dict[tuple[int, str], Reach] = {}
    for number, reach in answers(partial(_prober, program, keys, near), pieces, deadline, afresh=True):
        place, action = pieces[number]
        late = Reach(action=action, possible=None, because=f"not decided within {deadline:g} s")
        found[place, action] = late if reach is None else reach
        settled(found[place, action])
    return [
        Exposure(key_id=key_id, attributes=attributes, actions={each: found[place, each] for each in actions})
        for place, (key_id, attributes) in enumerate(keys)
    ]


def exposure_form(exposure: Exposure) -> dict[str, Any]:
    """An exposure as JSON."""
    return {
        "key": exposure.key_id,
        "actions": {
            action: {
                "possible": reach.possible,
                "stopped_by": list(reach.stopped_by),
                "also_stopped_by": list(reach.also_stopped_by),
                "request": reach.request,
                "elsewhere": reach.elsewhere,
                "until": None if reach.until is None else format_instant(reach.until),
                "because": reach.because or None,
            }
            for action, reach in exposure.actions.items()
        },
    }


# ----------------------------------------------------------------------------------------------------- in a child


def _prober(program: Program, keys: Sequence[Key], near: int | None) -> Callable[[tuple[int, str]], Reach]:
    """What finds out about an action of a key; made in a child process."""
    made: dict[int, _Thief] = {}

    def probe(piece: tuple[int, str]) -> Reach:
        place, action = piece
        if place not in made:
            made.clear()
            made[place] = _Thief(program, keys[place], near)
        try:
            return made[place].reach(action)
        except UndecidedError as error:
            return Reach(action=action, possible=None, because=str(error))

    return probe


class _Thief:
    """Somebody who has one key and nothing else."""

    def __init__(self, program: Program, key: Key, near: int | None) -> None:
        key_id, self._attributes = key
        self._said: object = dict(self._attributes) if key_id is None else key_id
        self._keys: KeyLookup = no_keys if key_id is None else StaticKeys({key_id: self._attributes}).get
        self._program = program
        attributes = Attributes(program.schema, {"key": self._attributes}, no_keys)
        known = {path: attributes.read(path) for path in program.schema.attributes if path.startswith("key.")}
        self._in_use = _in_use(known)
        self._near = (self._in_use if _has_expired(known) else midweek()) if near is None else near
        self._networks = known.get("key.networks")
        self._question = Question(
            [program], fixed=_fixed(program.schema, known), empty=_perhaps_empty(program.schema), near=self._near
        )

    def reach(self, action: str) -> Reach:
        """Whether the action is possible.

        Raises:
            UndecidedError: that could not be found out.
        """
        decisions = self._question.decisions(action)
        found = self._question.find(action, decisions.passes, self._if_allowed)
        if found is None:
            return self._stopped(decisions)
        until = self._until(decisions.passes, found)
        found = self._when_expected(decisions, found, until)
        request = shrink(found, self._program.schema, lambda each: self._if_allowed(each) is not None)
        return Reach(
            action=action,
            possible=True,
            request=self._with_key(request),
            elsewhere=self._elsewhere(decisions),
            until=until,
        )

    # ---------------------------------------------------------------------------------------------- what is possible

    def _with_key(self, request: Request) -> Request:
        return {**request, "key": self._said}

    def _if_allowed(self, request: Request) -> Request | None:
        found = settle(self._program, self._with_key(request), clock=lambda: self._near, keys=self._keys)
        return request if found.allowed else None

    def _when_expected(self, decisions: Decisions, found: Request, until: int | None) -> Request:
        """A request of a time at which the key was in use, or of the last instant, rather than of any time at all."""
        now = self._question.variables.now
        for instant in () if self._instant(found) == self._near else (self._in_use, until):
            if instant is not None:
                wanted = both(decisions.passes, now == instant)
                with contextlib.suppress(UndecidedError):
                    found = self._question.find(decisions.action, wanted, self._if_allowed) or found
                if self._instant(found) == instant:
                    return found
        return found

    def _elsewhere(self, decisions: Decisions) -> bool | None:
        """Whether it is possible from an address that the key's allowlist does not hold; any, where it has none."""
        if self._networks is None or "client.ip" not in self._program.schema.attributes:
            return True
        outside = self._question.encodings[0].truth(_OUTSIDE).false
        try:
            return self._question.find(decisions.action, both(decisions.passes, outside), self._if_allowed) is not None
        except UndecidedError:
            return None

    def _until(self, passes: Term, request: Request) -> int | None:
        """The instant after which it is proved that nothing is possible any more; None where none was found."""
        now = self._question.variables.now
        low, high = self._instant(request), TIME_MAX
        try:
            if self._question.is_possible(both(passes, now == high)):
                return None
            while low < high:
                middle = (low + high) // 2
                if self._question.is_possible(both(passes, now > middle)):
                    low = middle + 1
                else:
                    high = middle
        except UndecidedError:
            return None
        return high

    # -------------------------------------------------------------------------------------------------- what stops it

    def _stopped(self, decisions: Decisions) -> Reach:
        grantable = decisions.grantable
        barriers = [_Barrier(each, negated(term)) for each, term in (*decisions.denies, *decisions.challenges)]
        barriers += [
            _Barrier(each.limit, negated(both(each.applies, negated(each.known)))) for each in decisions.limits
        ]
        if self._find(decisions.action, grantable, []) is None:
            return Reach(action=decisions.action, possible=False, stopped_by=(NO_RULE_ALLOWS,))
        alone = [each for each in barriers if not self._question.is_possible(both(grantable, each.avoided))]
        chosen = alone[:1] or self._needed(decisions.action, grantable, barriers)
        return Reach(
            action=decisions.action,
            possible=False,
            stopped_by=tuple(each.by.name for each in chosen),
            also_stopped_by=tuple(each.by.name for each in alone[1:]),
        )

    def _needed(self, action: str, grantable: Term, barriers: list[_Barrier]) -> list[_Barrier]:
        """Barriers that cannot all be avoided, without any that is not needed for that."""
        core = self._question.core([grantable], [each.avoided for each in barriers])
        kept = barriers if core is None else [barriers[place] for place in core]
        for barrier in reversed(kept):
            rest = [each for each in kept if each is not barrier]
            try:
                if self._find(action, grantable, rest) is None:
                    kept = rest
            except UndecidedError:
                continue
        return kept

    def _find(self, action: str, grantable: Term, barriers: list[_Barrier]) -> Request | None:
        """A request that some rule allows and that avoids these barriers."""

        def accept(request: Request) -> Request | None:
            evaluation = self._evaluation(request)
            granted = any(
                rule.effect == "allow" and not rule.shadow and evaluation.body(rule.body).value is True
                for rule in self._program.rules
                if action in rule.actions
            )
            return request if granted and not any(_stops(each.by, evaluation) for each in barriers) else None

        return self._question.find(action, both(grantable, *(each.avoided for each in barriers)), accept)

    def _evaluation(self, request: Request) -> reference.Evaluation:
        attributes = Attributes(self._program.schema, self._with_key(request), self._keys)
        return reference.Evaluation(self._program, attributes, self._instant(request))

    def _instant(self, request: Request) -> int:
        now = instant_of(request, lambda: self._near)
        return self._near if now is None else now


@dataclass(frozen=True, slots=True)
class _Barrier:
    """A deny or challenge, or a limit that may not be able to count, and the condition under which it does not stop."""

    by: Rule | Limit
    avoided: Term


def _stops(barrier: Rule | Limit, evaluation: reference.Evaluation) -> bool:
    body = evaluation.body(barrier.body)
    if isinstance(barrier, Rule):
        return reference.applies(barrier, body)
    counts_by = [evaluation.read(barrier.cost).value, *(evaluation.read_path(path) for path in barrier.per)]
    return body.value is not False and None in counts_by


# ------------------------------------------------------------------------------------------------- what a thief has


def _fixed(schema: Schema, key: _Known) -> dict[str, Value | None]:
    fixed: dict[str, Value | None] = {}
    for path, declared in schema.attributes.items():
        context = path.partition(".")[0]
        if context == "key":
            fixed[path] = key[path]
        elif context in _UNKNOWN or (context == _UNKNOWN_OR_EMPTY and not _is_collection(declared)):
            fixed[path] = None
    return fixed


def _perhaps_empty(schema: Schema) -> list[str]:
    return [
        path
        for path, declared in schema.attributes.items()
        if path.partition(".")[0] == _UNKNOWN_OR_EMPTY and _is_collection(declared)
    ]


def _is_collection(declared: Type) -> bool:
    return isinstance(declared, types.SetOf | types.Network)


def _has_expired(key: _Known) -> bool:
    expires = key.get("key.expires")
    return isinstance(expires, int) and expires <= midweek()


def _in_use(key: _Known) -> int:
    """An instant of the week after the last that the key's record tells."""
    told = [key.get(f"key.{name}") for name in ("created", "rotated", "last_used", "not_before")]
    return midweek(max((each for each in told if isinstance(each, int)), default=midweek()) + _WEEK)
