"""Finding a request that shows a target: from an existing case with few changes if that can be, else from nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from durwan.backends.solver.question import Question, UndecidedError
from durwan.backends.solver.z3_interface import Term, both, either, negated
from durwan.model import types
from durwan.model.request import Attributes, KeyLookup, instant_of
from durwan.model.values import Value
from durwan.program.program import Program
from durwan.workshop.coverage import Goal, Target, anchored
from durwan.workshop.merging import merge
from durwan.workshop.settlements import Settlements
from durwan.workshop.shrinking import Request, shrink
from durwan.workshop.suggesting.starts import Start
from durwan.workshop.suggesting.variants import DECISIVE, NOTICED, REACHED, read_for, variants_of

# Of how many actions' cases is one changed.
_MOST_ACTIONS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A request that shows a target: `start` is the number of what it starts from among those of its action."""

    action: str
    start: int | None
    request: Request
    strength: int


# What a child answers: a request, or why there is none; empty where it is proved that there is none.
Answer = tuple[Shown | None, str]


class Searcher:
    """What finds requests for targets, by their position; made in a child process."""

    def __init__(
        self,
        program: Program,
        targets: Sequence[Target],
        starts: Mapping[str, Sequence[Start]],
        keys: KeyLookup,
        near: int,
    ) -> None:
        self._program = program
        self._targets = targets
        self._starts = starts
        self._keys = keys
        self._near = near

    def __call__(self, place: int) -> Answer:
        """The best request that was found for a target."""
        search = _Search(self._program, self._targets[place], self._keys, self._near)
        actions = sorted(search.goal.actions, key=lambda action: (action not in self._starts, action))
        for free in search.freedoms():
            for action in actions[:_MOST_ACTIONS]:
                for number, start in enumerate(self._starts.get(action, ())):
                    if search.best is None or search.best.strength < DECISIVE:
                        search.from_start(action, number, start, free)
        for action in actions:
            if search.best is None or search.best.strength < NOTICED:
                search.from_nothing(action)
        if search.best is None and search.goal is not self._targets[place].goal:
            # Only the first occurrence of a recurring edge was tried.
            search.goal = self._targets[place].goal
            for action in actions:
                search.from_nothing(action)
        return search.best, "" if search.best is not None else search.because


class _Search:
    """The search for a request that shows one target."""

    def __init__(self, program: Program, target: Target, keys: KeyLookup, near: int) -> None:
        self._target = target
        self._variants = variants_of(program, target)
        self._keys = keys
        self._near = near
        self.goal: Goal = anchored(program, target.goal, near)
        self.best: Shown | None = None
        # Why it is not known whether anything reaches the goal; empty where that is known.
        self.because = ""
        self._gave_up = ""

    def freedoms(self) -> list[frozenset[str]]:
        """What may be changed of an existing request, the least first: with the time, all that has to be recent."""
        program = self._variants.program
        times = {path for path, declared in program.schema.attributes.items() if isinstance(declared, types.Time)}
        found: list[frozenset[str]] = []
        for widely in (False, True):
            read = read_for(program, self._target, widely=widely)
            found += [read, read | times] if "now" in read else [read]
        return list(dict.fromkeys(found))

    def from_start(self, action: str, number: int, start: Start, free: frozenset[str]) -> None:
        """Looks for one that differs from an existing request only in what is free."""
        base = _spread({"now": start.now, **start.request, "action": action}, free, self._keys)
        attributes = Attributes(self._variants.program.schema, base, self._keys)
        fixed = {path: attributes.read(path) for path in self._variants.program.schema.attributes if path not in free}
        now = instant_of(base, lambda: self._near)
        question = self._question(fixed, self._near if now is None else now)
        if "now" not in free:
            question.tell(question.variables.now == question.near)

        def complete(found: Request) -> Request:
            return _changed(base, found, free)

        for shown in self._found(question, action, complete):
            request = self._reverted(shown.request, base, free, shown.strength)
            self._take(replace(shown, start=number, request=request))

    def from_nothing(self, action: str) -> None:
        """Looks for any request, and notes where it is not known whether there is one."""
        question = self._question({}, self._near)
        self._gave_up = ""
        for shown in self._found(question, action, _unchanged):

            def holds(request: Request, least: int = shown.strength) -> bool:
                return self._strength(request) >= least

            schema = self._variants.program.schema
            self._take(replace(shown, request=shrink(shown.request, schema, holds)))
        self.because = self.because or self._gave_up

    # -------------------------------------------------------------------------------------------------------- steps

    def _question(self, fixed: Mapping[str, Value | None], near: int) -> Question:
        variants = self._variants
        return Question([variants.program, variants.if_true, variants.if_false], fixed=fixed, near=near)

    def _found(self, question: Question, action: str, complete: Callable[[Request], Request]) -> Iterator[Shown]:
        """The first request that shows the target better than the best so far, of those that show it best."""
        least = 0 if self.best is None else self.best.strength
        for strength, wanted in self._wanted(question, action):
            if strength <= least:
                return

            def accept(found: Request, strength: int = strength) -> Shown | None:
                request = complete(found)
                reached = self._strength(request)
                shown = Shown(action=action, start=None, request=request, strength=reached)
                return shown if reached >= strength else None

            _tell_pieces(question)
            try:
                shown = question.find(action, wanted, accept)
            except UndecidedError as error:
                self._gave_up = str(error) if strength == REACHED else ""
                continue
            if shown is not None:
                yield shown
                return

    def _wanted(self, question: Question, action: str) -> Iterator[tuple[int, Term]]:
        """The formulas of a request that shows the target, from those that show it best."""
        truth = question.encodings[0].truth(self.goal.expression)
        terms = {True: truth.true, False: truth.false, None: negated(truth.known)}
        reached = either(*(terms[outcome] for outcome in self.goal.outcomes))
        known = question.decisions(action)
        first, second = (question.decisions(action, number, known) for number in (1, 2))
        yield DECISIVE, both(reached, _unlike(first.passes, second.passes))
        shadows = [_unlike(a, b) for (_, a), (_, b) in zip(first.shadows, second.shadows, strict=True)]
        settled = [
            Settlements(question.encodings[number], action, found=found) for number, found in ((1, first), (2, second))
        ]
        yield NOTICED, both(reached, either(settled[0].differs_from(settled[1]), *shadows))
        yield REACHED, reached

    def _strength(self, request: Request) -> int:
        return self._variants.strength(request, self.goal, self._near, self._keys)

    def _take(self, shown: Shown) -> None:
        if self.best is None or shown.strength > self.best.strength:
            self.best = shown

    def _reverted(self, request: Request, base: Request, free: frozenset[str], strength: int) -> Request:
        """With as much as can be of what stood there before."""
        for path in sorted(free):
            if _value(request, path) == _value(base, path):
                continue
            before = _restored(request, base, path)
            if self._strength(before) >= strength:
                request = before
        return request


def _tell_pieces(question: Question) -> None:
    """Tells which windows are open at the instant at which most is looked for: finding it out takes longer."""
    for application in question.variables.applications:
        if application.term.eq(question.variables.now):
            question.tell(application.around(question.near))


def _unchanged(found: Request) -> Request:
    return found


def _unlike(first: Term, second: Term) -> Term:
    return either(both(first, negated(second)), both(second, negated(first)))


# ---------------------------------------------------------------------------------------------- requests by path


def _spread(request: Request, free: frozenset[str], keys: KeyLookup) -> Request:
    """A copy; where something of a key may change that stands there by its id, the key's attributes are written out."""
    spread = merge({}, {name: value for name, value in request.items() if value is not None})
    given = spread.get("key")
    if isinstance(given, str) and any(path.startswith("key.") for path in free):
        spread["key"] = {name: _plain(value) for name, value in (keys(given) or {}).items()}
    return spread


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] - of texts


def _changed(base: Request, found: Request, free: frozenset[str]) -> Request:
    """The request with what was found in place of all that was free."""
    for path in sorted(free):
        base = _set(base, path, _value(found, path))
    return base


def _value(request: Request, path: str) -> Any:
    if path == "now":
        return request.get("now")
    context, _, name = path.partition(".")
    said = request.get(context)
    return said.get(name) if isinstance(said, dict) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType] - JSON


def _restored(request: Request, base: Request, path: str) -> Request:
    """A copy with what another request has at a path, which may be nothing."""
    context, _, name = path.partition(".")
    there: Any = base.get(context)
    if path == "now" or (isinstance(there, dict) and name in there):
        return _set(request, path, _value(base, path))
    rest = {each: value for each, value in request[context].items() if each != name}
    if rest or context in base:
        return {**request, context: rest}
    return {each: said for each, said in request.items() if each != context}


def _set(request: Request, path: str, value: object) -> Request:
    """A copy with a value at a path; what was there and has none now is null, which is unknown too."""
    if path == "now":
        return {**request, "now": value} if value is not None else request
    context, _, name = path.partition(".")
    given = request.get(context)
    said: dict[str, Any] = dict(cast("dict[str, Any]", given)) if isinstance(given, dict) else {}
    return request if value is None and name not in said else {**request, context: {**said, name: value}}
