"""What two policy sets decide differently, for all requests: each difference with a request that shows it, or none.

Two decisions differ where a client could tell: in effect, status, code, obligations, remedies, or in the limits that
are charged. The name of a rule is no difference; a rule that was merely renamed is reported as such, also where the
code of its refusal follows its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from durwan.backends.solver.question import Question, UndecidedError
from durwan.backends.solver.z3_interface import Term, both, negated
from durwan.credentials.keys import StaticKeys
from durwan.program.program import Program
from durwan.runtime.engine import Engine
from durwan.runtime.policy import Compiled
from durwan.workshop.differences import DEADLINE, Comparison, Difference, Request
from durwan.workshop.instants import midweek
from durwan.workshop.isolation import answers
from durwan.workshop.renames import undecisive
from durwan.workshop.settlements import Settlements
from durwan.workshop.shrinking import shrink
from durwan.workshop.sides import Sides, changed_keys, rank, told_once

# Far more groups than a person would read; a change of everything would have as many as there are pairs of rules.
_MOST_GROUPS: Final = 200

# What a child answers: a request for each group, and why it did not finish, if it did not.
_Found = tuple[list[Request], str]
_Pair = tuple[tuple[str, str | None], tuple[str, str | None]]
# What a child is asked: an action, and the key whose attributes were changed, or None for any key.
_Piece = tuple[str, str | None]
_NO_KEYS: Final = StaticKeys({})
# More keys than that are not compared one by one; what is said of them is that they were not.
_MOST_KEYS: Final = 100


def compare(  # noqa: PLR0913 - two sides, each with its keys
    old: Program,
    new: Program,
    deadline: float = DEADLINE,
    *,
    keys: tuple[StaticKeys, StaticKeys] = (_NO_KEYS, _NO_KEYS),
    near: int | None = None,
    settled: Callable[[int, int], object] = lambda _done, _total: None,
) -> Comparison:
    """Compares two programs, action by action, and the keys that differ, each by itself.

    Args:
        old: the program before.
        new: the program after.
        deadline: seconds for each action.
        keys: the keys of the two sets.
        near: the instant that requests should have if they can, in milliseconds; the present by default.
        settled: is told how much of how much has been compared, from time to time.
    """
    sides = Sides((old, new), keys, midweek() if near is None else near)
    actions = sorted(old.schema.actions | new.schema.actions)
    changed = changed_keys(sides)
    pieces: list[_Piece] = [(action, None) for action in actions]
    pieces += [(action, key) for key in changed[:_MOST_KEYS] for action in actions]
    differences: list[Difference] = []
    undecided = {f"key {key}": "so many keys are not compared one by one" for key in changed[_MOST_KEYS:]}
    for done, (place, found) in enumerate(answers(partial(_Comparer, sides), pieces, deadline, afresh=True), start=1):
        action, key = pieces[place]
        requests, because = ([], f"not decided within {deadline:g} s") if found is None else found
        differences += [sides.difference(request, key) for request in requests]
        if because:
            undecided[action if key is None else f"{action} with key {key}"] = because
        settled(done, len(pieces))
    kept = sorted(told_once(differences), key=rank)
    return Comparison(
        differences=tuple(kept),
        undecided=undecided,
        renamed=sides.renames.old_names,
        notes=tuple(undecisive(old, new, sides.renames)),
    )


class _Comparer:
    """What compares two sets; made in a child process."""

    def __init__(self, sides: Sides) -> None:
        self._sides = sides
        self._key: str | None = None
        self._question = Question(sides.programs, near=sides.near)
        self._limits = {limit.name for program in sides.programs for limit in program.limits}
        self._engines = tuple(map(_engine, sides.programs, sides.keys))

    def __call__(self, piece: _Piece) -> _Found:
        """A request for each group of differences about an action."""
        action, key = piece
        if key is not None and key != self._key:
            own = [self._sides.attributes(place, key) for place in (0, 1)]
            self._question = Question(self._sides.programs, own=own, near=self._sides.near)
        self._key = key
        found: list[Request] = []
        try:
            found.extend(self._groups(action))
        except UndecidedError as error:
            return found, str(error)
        return found, "" if len(found) < _MOST_GROUPS else f"more than {_MOST_GROUPS} groups of differences"

    def _groups(self, action: str) -> Iterator[Request]:
        """A request for each pair of a rule before and a rule after between which decisions differ."""
        before = Settlements(self._question.encodings[0], action)
        after = Settlements(self._question.encodings[1], action, self._sides.renames)
        seen: set[_Pair] = set()

        def accept(found: Request) -> tuple[Request, _Pair] | None:
            request = found if self._key is None else {**found, "key": self._key}
            pair = self._sides.differing(request)
            return None if pair is None or pair in seen else (request, pair)

        wanted: Term = before.differs_from(after)
        for _ in range(_MOST_GROUPS):
            found = self._question.find(action, wanted, accept)
            if found is None:
                return
            request, pair = found
            seen.add(pair)
            shorter = shrink(request, self._sides.programs[1].schema, partial(self._is_pair, pair))
            yield shorter if self._sides.differing(shorter) == pair else request
            wanted = both(wanted, negated(both(before.decided_by(pair[0]), after.decided_by(pair[1]))))

    def _is_pair(self, pair: _Pair, request: Request) -> bool:
        """Whether the two decide so; by the fast evaluator where it says all, since this is asked very often."""
        for engine, (effect, rule) in zip(self._engines, pair, strict=True):
            decision = engine.decide({**request, "now": request.get("now", self._sides.near)})
            # It does not count: what a limit refuses for doubt it allows.
            if decision.effect == "deny" and (effect, rule) != ("deny", decision.rule):
                return False
        if all(effect == "deny" and rule not in self._limits for effect, rule in pair):
            return True
        return self._sides.differing(request) == pair


def _engine(program: Program, keys: StaticKeys) -> Engine:
    compiled = Compiled(program=program, revision="", keys=keys)
    return Engine(lambda: compiled, cache=None, limits=None)


__all__ = ["Comparison", "Difference", "compare"]
