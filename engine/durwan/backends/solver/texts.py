"""Strings and scopes as whole numbers: those that the policy names have numbers of their own, all others lie above.

What a policy can ask of a string is whether it is another one, is in a set, or is like a pattern. So a string needs no
characters until a request is written down. Members of long lists that the policy asks nothing of by themselves get
neighbouring numbers, so that a list of a million entries is a few ranges.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final

from durwan.model import types
from durwan.program import nodes
from durwan.program.nodes import Expression
from durwan.program.operators import like, like_parts
from durwan.program.program import Program

_LONG: Final = 64


class Texts:
    """The strings and patterns of some programs."""

    def __init__(self, programs: Iterable[Program], others: Iterable[str] = ()) -> None:
        singles: set[str] = set(others)
        lists: set[frozenset[str]] = set()
        patterns: set[str] = set()
        for program in programs:
            for scope, held in program.schema.scopes.items():
                singles |= {scope, *held}
            for declared in program.schema.attributes.values():
                if isinstance(declared, types.String) and declared.choices is not None:
                    singles.update(declared.choices)
            for node in _expressions(program):
                _collect(node, program, singles, lists, patterns)
        for members in [each for each in lists if len(each) <= _LONG]:
            singles |= members
            lists.discard(members)
        self.patterns = tuple(sorted(patterns))
        self._words = sorted(singles)
        self._classes: list[tuple[int, int]] = []
        self._add_classes(lists, singles)
        self._numbers = {word: number for number, word in enumerate(self._words)}
        self.classes = tuple(self._classes)
        # The first number that is no word of the policy.
        self.others = len(self._words)

    def _add_classes(self, lists: set[frozenset[str]], singles: set[str]) -> None:
        ordered = sorted(lists, key=lambda members: (len(members), min(members, default="")))
        by_nature: dict[tuple[bool, ...], list[str]] = {}
        for word in sorted(frozenset[str]().union(*ordered) - singles):
            nature = (*(word in members for members in ordered), *(like(word, each) for each in self.patterns))
            by_nature.setdefault(nature, []).append(word)
        for words in by_nature.values():
            self._classes.append((len(self._words), len(self._words) + len(words) - 1))
            self._words.extend(words)

    def number(self, word: str) -> int:
        """The number of a word that the programs name.

        Raises:
            KeyError: they do not.
        """
        return self._numbers[word]

    def names(self, word: str) -> bool:
        """Whether the programs name a word."""
        return word in self._numbers

    def numbers(self, words: Iterable[str]) -> list[tuple[int, int]]:
        """The numbers of words as ranges, both ends included."""
        return ranges_of(self._numbers[word] for word in words)

    def word(self, number: int) -> str:
        """The word of a number below `others`."""
        return self._words[number]

    def matching(self, pattern: str) -> list[tuple[int, int]]:
        """The numbers, below `others`, of the words that are like the pattern."""
        return ranges_of(number for number, word in enumerate(self._words) if like(word, pattern))

    def split(self, words: Iterable[str]) -> tuple[list[int], list[tuple[int, int]]]:
        """The numbers of those words that can be told apart, and the classes of those that cannot."""
        given = {self._numbers[word] for word in words}
        classes = [(first, last) for first, last in self._classes if first in given]
        bulk = {number for first, last in classes for number in range(first, last + 1)}
        return sorted(given - bulk), classes


def ranges_of(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Whole numbers as ranges of neighbours, both ends included."""
    ordered = sorted(set(numbers))
    starts = [after for before, after in pairwise(ordered) if after != before + 1]
    ends = [before for before, after in pairwise(ordered) if after != before + 1]
    return list(zip([*ordered[:1], *starts], [*ends, *ordered[-1:]], strict=True))


def _expressions(program: Program) -> Iterator[Expression]:
    for rule in program.rules:
        yield from _nodes(rule.body.when)
        yield from _nodes(rule.body.unless)
    for limit in program.limits:
        yield from _nodes(limit.body.when)
        yield from _nodes(limit.body.unless)
        yield from _nodes(limit.cost)
    for invariant in program.invariants:
        yield from _nodes(invariant.condition)
    for let in program.lets.values():
        yield from _nodes(let)


def _nodes(expression: Expression) -> Iterator[Expression]:
    yield expression
    match expression:
        case nodes.Operation(operands=operands) | nodes.And(operands=operands) | nodes.Or(operands=operands):
            for operand in operands:
                yield from _nodes(operand)
        case nodes.Default(operand=operand, fallback=fallback):
            yield from _nodes(operand)
            yield fallback
        case nodes.Not(operand=operand):
            yield from _nodes(operand)
        case _:
            return


def _collect(
    node: Expression, program: Program, singles: set[str], lists: set[frozenset[str]], patterns: set[str]
) -> None:
    match node:
        case nodes.Operation(operator="like", operands=(_, nodes.StringLiteral(value=pattern))):
            parts = like_parts(pattern)
            if len(parts) == 1:
                singles.add(parts[0])
            else:
                patterns.add(pattern)
        case nodes.StringLiteral(value=value) | nodes.ScopeLiteral(value=value):
            singles.add(value)
        case nodes.LiteralSet(members=members, element=types.String() | types.Scope()):
            lists.add(frozenset(str(member) for member in members))
        case nodes.NamedSet(name=name, element=types.String() | types.Scope()):
            lists.add(frozenset(str(member) for member in program.sets[name]))
        case _:
            return
