"""Which rules and limits ever applied, whatever else decided: those that did not are decided by themselves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from durwan.backends.columns.batch import Batch
from durwan.backends.columns.evaluator import ColumnsEvaluator
from durwan.backends.columns.polars_interface import pl
from durwan.program.program import Limit, Program, Rule


def watched(program: Program) -> Program:
    """The program with its limits as rules: it reads all that has to be read to see which of them apply."""
    return replace(program, rules=(*program.rules, *map(_as_deny, program.limits)))


def _as_deny(each: Rule | Limit) -> Rule:
    """A rule that applies where this one does: denies, challenges and limits all do where they are not disproven."""
    return Rule(
        effect="deny", name=each.name, actions=each.actions, body=each.body, order=each.order, status=each.status,
        code=each.code, reason=each.reason,
    )  # fmt: skip


class Sightings:
    """Some rules, or limits, of which those are looked for that apply to some request.

    Attributes:
        unseen: the names of those that have not applied so far.
    """

    def __init__(self, program: Program, rules: Iterable[Rule | Limit]) -> None:
        self._program = replace(program, limits=(), invariants=())
        self._rules: dict[str, Rule] = {each.name: _alone(each) for each in rules}
        self._evaluator: ColumnsEvaluator | None = None

    @property
    def unseen(self) -> frozenset[str]:
        """The names of those that have not applied so far."""
        return frozenset(self._rules)

    def saw(self, names: Iterable[str | None]) -> None:
        """Some are known to have applied."""
        for name in names:
            if name is not None and self._rules.pop(name, None) is not None:
                self._evaluator = None

    def look(self, batch: Batch) -> None:
        """Looks for those that apply to some of these requests.

        One decision names one rule; whoever was named is left out, and all is decided again until nobody is.
        """
        while self._rules and batch.frame.height:
            if self._evaluator is None:
                self._evaluator = ColumnsEvaluator(replace(self._program, rules=tuple(self._rules.values())))
            codes: list[int] = self._evaluator.codes(batch).unique().to_list()
            named = [self._evaluator.outcomes[code].rule for code in codes]
            if not any(named):
                return
            self.saw(named)


def _alone(each: Rule | Limit) -> Rule:
    return each if isinstance(each, Rule) and each.effect == "allow" else _as_deny(each)


class RuleSightings:
    """All rules of a program, shadow rules included, and its limits."""

    def __init__(self, program: Program) -> None:
        # Where a deny applies, no allow is named: the two are looked for apart.
        real = [replace(rule, shadow=False) for rule in program.rules]
        self._rules = [
            Sightings(program, [rule for rule in real if (rule.effect == "allow") is is_allow])
            for is_allow in (True, False)
        ]
        self._limits = Sightings(program, program.limits)

    def decided(self, names: Sequence[str | None]) -> None:
        """Some rules decided, so they applied."""
        for each in self._rules:
            each.saw(names)

    def look(self, batch: Batch, allowed: pl.Series) -> None:
        """Looks at some requests; limits count only what is allowed."""
        for each in self._rules:
            each.look(batch)
        if self._limits.unseen:
            self._limits.look(Batch(frame=batch.frame.filter(allowed), tables=batch.tables))

    @property
    def unseen(self) -> frozenset[str]:
        """The rules that never applied."""
        return self._rules[0].unseen | self._rules[1].unseen

    @property
    def unused_limits(self) -> frozenset[str]:
        """The limits under which no allowed request fell."""
        return self._limits.unseen


__all__ = ["RuleSightings", "watched"]
