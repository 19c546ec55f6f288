"""Questions to the solver about requests: is there one that ...? Answered by a request, by "none", or not at all."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Generic, TypeVar

from durwan.backends.solver.decisions import Decisions, decisions
from durwan.backends.solver.encoding import Encoding
from durwan.backends.solver.pieces import Application, SpanPieces, agrees
from durwan.backends.solver.texts import Texts
from durwan.backends.solver.timeline import Answers, Stretch, realised, realised_ever
from durwan.backends.solver.variables import Variables
from durwan.backends.solver.witness import NoSuchTextError, Request, Witness
from durwan.backends.solver.words import TooManyStatesError
from durwan.backends.solver.z3_interface import Term, both, either, z3
from durwan.model.types import TIME_MAX, TIME_MIN
from durwan.model.values import Value
from durwan.program.program import Program

_Accepted = TypeVar("_Accepted")

_ROUNDS: Final = 60
_YEAR: Final = 31_556_952_000
_NOTHING_FIXED: Final[Mapping[str, Value | None]] = {}


class UndecidedError(Exception):
    """The solver gave up, or what it found is not confirmed and cannot be ruled out. The text says which."""


class Question:
    """One or two programs over the variables of one request.

    Args:
        programs: what is asked about; `encodings` holds their formulas, in this order.
        fixed: attributes whose values are settled, None for those that are unknown.
        own: likewise, for each program by itself; none where nothing is said.
        named: further values, whose texts formulas will name.
        empty: sets and networks that are unknown or have no members.
        near: the instant that a request that is found should have if it can, in milliseconds since the epoch.
        milliseconds: how long the solver may think about one step. It does not always keep to that: whoever needs
            certainty asks in a process that can be ended.
    """

    def __init__(  # noqa: PLR0913 - what is known beforehand; all but one by name
        self,
        programs: Sequence[Program],
        *,
        fixed: Mapping[str, Value | None] = _NOTHING_FIXED,
        own: Sequence[Mapping[str, Value | None]] = (),
        named: Iterable[Value | None] = (),
        empty: Collection[str] = (),
        near: int,
        milliseconds: int = 20_000,
    ) -> None:
        own = own or [_NOTHING_FIXED] * len(programs)
        words = [word for each in (fixed, *own) for word in _words(each.values())]
        words += _words(named)
        self.variables = Variables(Texts(programs, words), fixed, empty)
        pairs = zip(programs, own, strict=True)
        self.encodings = [Encoding(program, self.variables, settled) for program, settled in pairs]
        self._near = near
        self._solver = z3.Solver()
        self._solver.set("timeout", milliseconds)
        self._told = 0
        self._asked = 0

    def decisions(self, action: str, program: int = 0, known: Decisions | None = None) -> Decisions:
        """What a program decides about an action; `known` is what another one does, with which it may share rules."""
        return decisions(self.encodings[program], action, known)

    def find(self, action: str, wanted: Term, accept: Callable[[Request], _Accepted | None]) -> _Accepted | None:
        """What `accept` makes of a request of which the formula is true; None if there is no such request.

        `accept` asks the reference evaluator: None says that the request is not what was wanted after all.

        Raises:
            UndecidedError: neither could be shown.
        """
        if z3.is_false(wanted):
            return None
        search = _Search(self, action, self._guard(wanted), accept)
        for _ in range(_ROUNDS):
            model = self.check(search.guard)
            if model is None:
                return None
            found = search.try_all(model)
            if found is not None:
                return found
        raise UndecidedError("too many of the solver's proposals were wrong")

    def is_possible(self, wanted: Term) -> bool:
        """Whether the formula has a solution; one that rests on what was not told piece by piece counts.

        Raises:
            UndecidedError: the solver gave up.
        """
        return not z3.is_false(wanted) and self.check(self._guard(wanted)) is not None

    def core(self, fixed: Sequence[Term], wanted: Sequence[Term]) -> list[int] | None:
        """Which of the wanted formulas cannot all be true; None if they can.

        Raises:
            UndecidedError: the solver gave up.
        """
        guards = [self._guard(term) for term in wanted]
        base = [self._guard(term) for term in fixed]
        if self.check(*base, *guards) is not None:
            return None
        named = {str(each) for each in self._solver.unsat_core()}
        return [place for place, guard in enumerate(guards) if str(guard) in named]

    def check(self, *assumed: Term) -> Any:
        """The solver's model where all of these are true, or None.

        Raises:
            UndecidedError: the solver gave up.
        """
        for fact in self.variables.facts[self._told :]:
            self._solver.add(fact)
        self._told = len(self.variables.facts)
        verdict = self._solver.check(*assumed)
        if verdict == z3.unsat:
            return None
        if verdict == z3.unknown:
            raise UndecidedError(f"the solver gave up: {self._solver.reason_unknown()}")
        return self._solver.model()

    def tell(self, fact: Term) -> None:
        """Something that is true of every request."""
        self.variables.facts.append(fact)

    @property
    def near(self) -> int:
        """The instant that requests should have."""
        return self._near

    def _guard(self, wanted: Term) -> Term:
        """A name for a formula, so that it can be assumed and dropped while what was learnt stays."""
        self._asked += 1
        guard = z3.Bool(f"question {self._asked}")
        self.tell(z3.Implies(guard, wanted))
        return guard


class _Search(Generic[_Accepted]):
    """One search for a request."""

    def __init__(
        self, question: Question, action: str, guard: Term, accept: Callable[[Request], _Accepted | None]
    ) -> None:
        self.guard = guard
        self._question = question
        self._action = action
        self._accept = accept
        self._seen_near = False
        self._seen_spans: set[tuple[int, int]] = set()

    def try_all(self, model: Any) -> _Accepted | None:
        """What can be made of a model: a request, or at least facts that rule it out.

        Raises:
            UndecidedError: it is wrong, and nothing says why.
        """
        told = len(self._question.variables.facts)
        found = self._near()
        if found is not None:
            return found
        if len(self._question.variables.facts) > told:
            # The model rests on what is known better now; to look for other times because of it would be slow.
            return None
        found = self._read(model)
        if found is not None:
            return found
        wrong = self._tell_pieces(model)
        found = self._elsewhere(model, wrong)
        if found is None and len(self._question.variables.facts) == told:
            raise UndecidedError("what the solver found is not confirmed by the evaluator")
        return found

    def _read(self, model: Any) -> _Accepted | None:
        witness = Witness(self._question.variables, model)
        try:
            return self._accept(witness.request(self._action))
        except NoSuchTextError as error:
            self._question.tell(error.lemma)
            return None
        except TooManyStatesError:
            raise UndecidedError("the patterns that one text has to be like are too many to be searched") from None

    def _near(self) -> _Accepted | None:
        """A request at the instant that was wished for, which is easier to read than one of the year 4711."""
        if self._seen_near:
            return None
        self._seen_near = True
        now = self._question.variables.now
        for application in self._question.variables.applications:
            if application.term.eq(now):
                self._question.tell(application.around(self._question.near))
        model = self._question.check(self.guard, now == self._question.near)
        return None if model is None else self._read(model)

    def _tell_pieces(self, model: Any) -> list[Application]:
        """Tells the pieces about which the model is wrong; those of time are given back."""
        witness = Witness(self._question.variables, model)
        wrong: list[Application] = []
        for application in self._question.variables.applications:
            number = witness.number(application.term)
            if not witness.holds(agrees(application.truth, application.pieces.answer(number))):
                self._question.tell(application.around(number))
                wrong.append(application)
        return [each for each in wrong if isinstance(each.pieces, SpanPieces)]

    # -------------------------------------------------------------------------------------------------------- time

    def _elsewhere(self, model: Any, wrong: list[Application]) -> _Accepted | None:
        """The same at another time: at one at which the spans really answer together as would be needed."""
        for term in {each.term.get_id(): each.term for each in wrong}.values():
            key = (term.get_id(), len(self._question.variables.applications))
            if key in self._seen_spans:
                continue
            self._seen_spans.add(key)
            group = [each for each in self._question.variables.applications if each.term.eq(term)]
            found = self._at_times(model, term, group)
            if found is not None:
                return found
        return None

    def _at_times(self, model: Any, term: Term, group: list[Application]) -> _Accepted | None:
        spans = [each.pieces for each in group if isinstance(each.pieces, SpanPieces)]
        near = self._question.near
        soon = realised(spans, near - _YEAR, near + 5 * _YEAR)
        found = self._try(model, term, group, soon)
        if found is not None:
            return found
        ever = realised_ever(spans)
        possible = either(*(_answering(group, answers) for answers in ever))
        self._question.tell(either(possible, term < TIME_MIN, term > TIME_MAX))
        return self._try(model, term, group, {each: ever[each] for each in ever if each not in soon})

    def _try(
        self, model: Any, term: Term, group: list[Application], stretches: Mapping[Answers, list[Stretch]]
    ) -> _Accepted | None:
        witness = Witness(self._question.variables, model)

        def distance(answers: Answers) -> int:
            pairs = zip(group, answers, strict=True)
            return sum(not witness.holds(agrees(each.truth, answer)) for each, answer in pairs)

        for answers in sorted(stretches, key=distance):
            answering = _answering(group, answers)
            if self._question.check(self.guard, answering) is None:
                continue
            for first, last in stretches[answers]:
                found = self._question.check(self.guard, answering, term >= first, term <= last)
                accepted = None if found is None else self._read(found)
                if accepted is not None:
                    return accepted
        return None


def _answering(group: Sequence[Application], answers: Answers) -> Term:
    return both(*(agrees(each.truth, answer) for each, answer in zip(group, answers, strict=True)))


def _words(values: Iterable[Value | None]) -> Iterator[str]:
    for value in values:
        match value:
            case str():
                yield value
            case frozenset():
                yield from (member for member in value if isinstance(member, str))
            case _:
                pass
