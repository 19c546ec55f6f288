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
from durwan.program.charges import LIMIT_DOUBT, Settled, settle
from durwan.program.program import Program
from durwan.workshop.differences import DEADLINE, Comparison, Difference, Kind, Request
from durwan.workshop.instants import midweek
from durwan.workshop.isolation import answers
from durwan.workshop.renames import Renames
from durwan.workshop.settlements import Settlements
from durwan.workshop.shrinking import shrink

# Far more groups than a person would read; a change of everything would have as many as there are pairs of rules.
_MOST_GROUPS: Final = 200

# What a child answers: a request for each group, and why it did not finish, if it did not.
_Found = tuple[list[Request], str]
_Pair = tuple[tuple[str, str | None], tuple[str, str | None]]


def compare(
    old: Program,
    new: Program,
    deadline: float = DEADLINE,
    *,
    near: int | None = None,
    settled: Callable[[str], object] = lambda _: None,
) -> Comparison:
    """Compares two programs, action by action.

    Args:
        old: the program before.
        new: the program after.
        deadline: seconds for each action.
        near: the instant that requests should have if they can, in milliseconds; the present by default.
        settled: is told of each action when it has been compared.
    """
    actions = sorted(old.schema.actions | new.schema.actions)
    renames = Renames.between(old, new)
    instant = midweek() if near is None else near
    differences: list[Difference] = []
    undecided: dict[str, str] = {}
    for place, found in answers(partial(_Comparer, old, new, renames, instant), actions, deadline):
        requests, because = ([], f"not decided within {deadline:g} s") if found is None else found
        differences += [_difference(old, new, request, instant) for request in requests]
        if because:
            undecided[actions[place]] = because
        settled(actions[place])
    kept = sorted(_without_doubts(differences), key=_rank)
    return Comparison(differences=tuple(kept), undecided=undecided, renamed=renames.old_names)


def _without_doubts(differences: list[Difference]) -> Iterator[Difference]:
    """The differences but those that only repeat another one for requests that a limit cannot count."""
    told = {_sides(each) for each in differences}
    for each in differences:
        before, after = (_is_doubt(settled) for settled in (each.before, each.after))
        like_this = [
            other
            for other in told
            if other[0] == each.action
            and (other[1] == ("allow",) if before else other[1] == _side(each.before))
            and (other[2] == ("allow",) if after else other[2] == _side(each.after))
        ]
        if not (before or after) or not like_this:
            yield each


def _sides(difference: Difference) -> tuple[str, tuple[object, ...], tuple[object, ...]]:
    return difference.action, _side(difference.before), _side(difference.after)


def _side(settled: Settled) -> tuple[object, ...]:
    return ("allow",) if settled.allowed else (settled.outcome.effect, settled.outcome.rule)


def _is_doubt(settled: Settled) -> bool:
    return settled.outcome.code == LIMIT_DOUBT


def _rank(difference: Difference) -> tuple[int, str, str, str]:
    kinds: tuple[Kind, ...] = ("allowed", "refused", "answered")
    names = difference.before.outcome.rule or "", difference.after.outcome.rule or ""
    return kinds.index(difference.kind), difference.action, *names


def _difference(old: Program, new: Program, request: Request, near: int) -> Difference:
    before, after = (settle(program, request, clock=lambda: near) for program in (old, new))
    return Difference(action=request["action"], request=request, before=before, after=after)


class _Comparer:
    """What compares two programs; made in a child process."""

    def __init__(self, old: Program, new: Program, renames: Renames, near: int) -> None:
        self._programs = (old, new)
        self._renames = renames
        self._near = near
        self._question = Question([old, new], near=near)

    def __call__(self, action: str) -> _Found:
        """A request for each group of differences about an action."""
        found: list[Request] = []
        try:
            found.extend(self._groups(action))
        except UndecidedError as error:
            return found, str(error)
        return found, "" if len(found) < _MOST_GROUPS else f"more than {_MOST_GROUPS} groups of differences"

    def _groups(self, action: str) -> Iterator[Request]:
        """A request for each pair of a rule before and a rule after between which decisions differ."""
        before = Settlements(self._question.encodings[0], action)
        after = Settlements(self._question.encodings[1], action, self._renames)
        seen: set[_Pair] = set()

        def accept(request: Request) -> tuple[Request, _Pair] | None:
            pair = self._differing(request)
            return None if pair is None or pair in seen else (request, pair)

        wanted: Term = before.differs_from(after)
        for _ in range(_MOST_GROUPS):
            found = self._question.find(action, wanted, accept)
            if found is None:
                return
            request, pair = found
            seen.add(pair)
            yield shrink(request, self._programs[1].schema, partial(self._is_pair, pair))
            wanted = both(wanted, negated(both(before.decided_by(pair[0]), after.decided_by(pair[1]))))

    def _differing(self, request: Request) -> _Pair | None:
        """Which rule decided before and which after, and how, if a client could tell the two apart."""
        before, after = (settle(program, request, clock=lambda: self._near) for program in self._programs)
        if not self._renames.differ(before, after):
            return None
        return (before.outcome.effect, before.outcome.rule), (after.outcome.effect, after.outcome.rule)

    def _is_pair(self, pair: _Pair, request: Request) -> bool:
        return self._differing(request) == pair


__all__ = ["Comparison", "Difference", "compare"]
