"""The actions of a connection: everything that its fixed contexts settle is settled once, the rest is generated.

A function made here reads only what is still to come. Where an attribute of a given context is still asked for, since
it is unknown, or since what it stands for may change without notice, the function is given the whole request.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from durwan.backends.bytecode.actions import Decide
from durwan.backends.bytecode.functions import Functions
from durwan.backends.bytecode.sharing import share_specialized
from durwan.model.decision import Decision
from durwan.model.request import Attributes, KeyLookup
from durwan.program import nodes
from durwan.program.explanation import read_by
from durwan.program.program import Program, Rule
from durwan.program.specialization import Specialization


@dataclass(frozen=True, slots=True, kw_only=True)
class Possibility:
    """What may become of an action on a connection.

    Attributes:
        verdict: `allowed` or `refused` whatever the rest of the request says; or `depends`.
        rule: the rule that settles it, where it is one alone; None too where no rule allows.
        depends_on: the attributes, sorted, and `now`, of which it depends.
    """

    verdict: Literal["allowed", "refused", "depends"]
    rule: str | None = None
    depends_on: tuple[str, ...] = ()


class BoundActions:
    """The actions of a program, for requests of which some contexts are given beforehand.

    Args:
        program: what to decide by.
        by_action: its rules by action.
        functions: what makes functions of rules.
        keys: how the id of a key becomes its attributes.
        given: the contexts that are known.
        fixed: those of them whose attributes stay what they are for as long as this object is used.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - one evaluator makes them all
        self,
        program: Program,
        by_action: Mapping[str, Sequence[Rule]],
        functions: Functions,
        keys: KeyLookup,
        given: Mapping[str, Any],
        fixed: Collection[str],
    ) -> None:
        self._by_action = by_action
        self._functions = functions
        self._keys = keys
        self._given = given
        self._special = Specialization(program, Attributes(program.schema, given, keys), fixed)

    def rules(self, action: str) -> list[Rule]:
        """What is left of the action's rules; those that can no longer apply are left out."""
        rests = [self._special.rule(rule) for rule in self._by_action[action]]
        return [rule for rule in rests if rule.body.when != nodes.FALSE]

    def function(self, action: str) -> Decide:
        """What decides the rest of a request; it may raise anything where something is absent."""
        rules = self.rules(action)
        program = self._special.program(rules)
        maker = self._functions.with_shared(share_specialized(self._functions.shared, program, self._keys))
        read = _read(rules, program)
        if not any(path.partition(".")[0] in self._given for path in read):
            return maker.make(rules, f"{action} bound", strict=True, template=True)
        decide, given = maker.make(rules, f"{action} bound", strict=False, template=True), self._given

        def decide_whole(request: Mapping[str, Any], now: int) -> Decision:
            return decide({**request, **given}, now)

        return decide_whole

    def possibility(self, action: str) -> Possibility:
        """What may become of an action."""
        rules = [rule for rule in self.rules(action) if not rule.shadow]
        denies = [rule for rule in rules if rule.effect == "deny"]
        allows = [rule for rule in rules if rule.effect == "allow"]
        certain = next((rule for rule in denies if self._applies(rule)), None)
        if certain is not None:
            return Possibility(verdict="refused", rule=certain.name if certain is denies[0] else None)
        if not allows:
            return Possibility(verdict="refused")
        if len(allows) == len(rules) and any(self._applies(rule) for rule in allows):
            return Possibility(verdict="allowed", rule=allows[0].name if self._applies(allows[0]) else None)
        read = _read(rules, self._special.program(rules))
        return Possibility(
            verdict="depends", depends_on=tuple(sorted(path for path in read if not self._special.is_fixed(path)))
        )

    def _applies(self, rule: Rule) -> bool:
        """Whether a rule applies whatever is still to come: its body is true, or unknown for good and no allow's."""
        return rule.body.when == nodes.TRUE or (rule.effect != "allow" and self._special.is_unknown(rule.body.when))


def _read(rules: Sequence[Rule], program: Program) -> set[str]:
    return {path for rule in rules for path in read_by(rule.body.when, program)}
