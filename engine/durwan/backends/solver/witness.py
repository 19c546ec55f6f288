"""From what the solver found to a request that `decide` takes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from typing import Any

from durwan.backends.solver.values import Held, Number, Place, Range, Text, Truth, Value, address_of
from durwan.backends.solver.variables import Variables, likeness
from durwan.backends.solver.words import matching_words
from durwan.backends.solver.z3_interface import Term, both, negated, z3
from durwan.model.address import format_address
from durwan.model.types import INT64_MAX
from durwan.model.values import EXACT, format_duration, format_instant
from durwan.program.operators import like

Request = dict[str, Any]


class NoSuchTextError(Exception):
    """There are not so many different texts as were assumed. `lemma` says so."""

    def __init__(self, lemma: Term) -> None:
        super().__init__("no such text")
        self.lemma = lemma


class Witness:
    """One assignment of the solver, read."""

    def __init__(self, variables: Variables, model: Any) -> None:
        self._variables = variables
        self._model = model
        self._texts: dict[int, str] = {}

    def number(self, term: Term) -> int:
        """The value of a term."""
        return int(self._model.eval(term, model_completion=True).as_long())

    def holds(self, condition: Term) -> bool:
        """The truth of a condition."""
        return bool(z3.is_true(self._model.eval(condition, model_completion=True)))

    def request(self, action: str) -> Request:
        """The request: the action, the instant, and all attributes that are known.

        Raises:
            NoSuchTextError: the assignment supposes texts that do not exist.
        """
        self._texts = self._make_texts()
        found: Request = {"action": action, "now": format_instant(self.number(self._variables.now))}
        for (path, kind), value in sorted(self._variables.attributes.items()):
            if self.holds(value.known):
                context, _, name = path.partition(".")
                found.setdefault(context, {}).setdefault(name, self._plain(value, kind))
        return found

    def _plain(self, value: Value, kind: str) -> object:
        match value:
            case Truth(true, _):
                return self.holds(true)
            case Text(_, term):
                return self._texts[self.number(term)]
            case Place(_, term):
                return format_address(address_of(self.number(term)))
            case Number(_, term, True):
                return decimal_text(self.number(term))
            case Number(_, term):
                return _readable(self.number(term), kind)
            case Held():
                return self._members(value)
            case Range():
                return [format_address(address_of(number)) for number in self._held(value)]
            case _:  # pragma: no cover - attributes that are fixed are no variables
                raise TypeError(kind)

    def _held(self, collection: Held | Range) -> list[int]:
        """The members that were asked for and are held."""
        asked = self._variables.asked.get(collection.path, {}).values()
        return sorted({self.number(term) for term in asked if self.holds(collection.holds(term))})

    def _members(self, held: Held) -> list[str] | list[int]:
        numbers = self._held(held)
        if not held.is_text:
            return numbers
        absent = {self.number(term) for term in self._variables.asked.get(held.path, {}).values()} - set(numbers)
        for name, count in self._variables.counts.items():
            path, _, span = name.rpartition(" holds of ")
            if path == held.path:
                first, _, last = span.partition("..")
                numbers = _filled(numbers, absent, range(int(first), int(last) + 1), self.number(count))
        return sorted(self._texts[number] for number in numbers)

    # ------------------------------------------------------------------------------------------------------ texts

    def _make_texts(self) -> dict[int, str]:
        texts = self._variables.texts
        found = _Named({}, texts.word, texts.others)
        taken: dict[str, Term] = {}
        for (path, _), value in sorted(self._variables.attributes.items()):
            if isinstance(value, Text) and (number := self.number(value.term)) >= texts.others and number not in found:
                wanted = self._wanted(number)
                word = self._word(wanted, taken, path)
                if word is None:
                    raise NoSuchTextError(self._no_more(value.term, wanted, taken))
                found[number] = word
                taken[word] = value.term
        return found

    def _wanted(self, number: int) -> dict[str, bool]:
        """The patterns that were asked of a text, with their answers."""
        asked = self._variables.likenesses
        return {pattern: self.holds(answer) for term, pattern, answer in asked if self.number(term) == number}

    def _word(self, wanted: Mapping[str, bool], taken: Collection[str], path: str = "") -> str | None:
        """A text that is like patterns as wanted, that no program names and that is not taken; None if there is none.

        Raises:
            TooManyStatesError: that cannot be found out in reasonable time.
        """
        return next((each for each in _candidates(path, wanted) if each not in taken and self._is_other(each)), None)

    def _is_other(self, word: str) -> bool:
        return not self._variables.texts.names(word)

    def _no_more(self, term: Term, wanted: Mapping[str, bool], taken: Mapping[str, Term]) -> Term:
        """So many different texts are not like patterns as wanted, apart from the words of the programs.

        As few patterns as make that so are said, so that it holds for as many proposals as can be.
        """
        for pattern in tuple(wanted):
            fewer = {name: answer for name, answer in wanted.items() if name != pattern}
            if self._word(fewer, taken) is None:
                wanted = fewer
        crowd = [other for word, other in taken.items() if all(like(word, name) is wanted[name] for name in wanted)]
        if not crowd:
            every = [each.term for each in self._variables.attributes.values() if isinstance(each, Text)]
            return both(*(negated(self._is_wanted(each, wanted)) for each in every))
        return negated(both(z3.Distinct(term, *crowd), *(self._is_wanted(each, wanted) for each in (term, *crowd))))

    def _is_wanted(self, term: Term, wanted: Mapping[str, bool]) -> Term:
        answers = [(likeness(term, pattern), answer) for pattern, answer in wanted.items()]
        others = self._variables.texts.others
        return both(term >= others, *(found if answer else negated(found) for found, answer in answers))


def _candidates(path: str, wanted: Mapping[str, bool]) -> Iterator[str]:
    """All texts that are like patterns as wanted: a telling one first, then the shortest."""
    if path:
        name = path.rpartition(".")[2]
        telling = [f"some-{name}", f"another-{name}", f"a-third-{name}", *(f"{name}-{each}" for each in range(4, 20))]
        yield from (
            word for word in telling if all(like(word, pattern) is answer for pattern, answer in wanted.items())
        )
    yield from matching_words(wanted)


class _Named(dict[int, str]):
    """Texts by number; those that the programs name are known beforehand."""

    def __init__(self, known: Mapping[int, str], word: Any, others: int) -> None:
        super().__init__(known)
        self._word = word
        self._others = others

    def __missing__(self, number: int) -> str:
        if number >= self._others:
            raise KeyError(number)
        return str(self._word(number))


def _filled(numbers: list[int], absent: set[int], every: range, count: int) -> list[int]:
    """With so many of a class that `count` of them are there."""
    there = sum(1 for number in numbers if number in every)
    free = [number for number in every if number not in absent and number not in set(numbers)]
    return [*numbers, *free[: max(count - there, 0)]]


def decimal_text(units: int) -> str:
    """A decimal of so many units of 10**-18 as a client writes it."""
    text = f"{Decimal(units).scaleb(-18, context=EXACT):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _readable(number: int, kind: str) -> object:
    if kind == "time":
        return format_instant(number)
    if kind == "duration" and 0 <= number <= INT64_MAX:
        return format_duration(number)
    return number
