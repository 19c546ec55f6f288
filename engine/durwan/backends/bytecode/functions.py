"""From the rules of an action to the function that decides them: straight, found by an index, with shadows beside."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import Any

from durwan.backends.bytecode import emit
from durwan.backends.bytecode.actions import ActionWriter, Answers, Decide
from durwan.backends.bytecode.frame import Frame, Shared
from durwan.backends.bytecode.index import Index, Key, index_of
from durwan.backends.bytecode.states import NOTHING_READ
from durwan.model.decision import NEVER, Deadlines, Decision, Outcome
from durwan.program.program import Rule

# So many rules are compiled at once where a value is unknown and any of them may matter.
_PIECE = 256
# So many functions an index keeps for values that were asked for; past it, it begins anew.
_REMEMBERED = 65_536


class Functions:
    """Makes the functions of one program.

    Args:
        shared: what they share.
        answers: the ends of a decision.
    """

    def __init__(self, shared: Shared, answers: Answers) -> None:
        self.shared = shared
        self._answers = answers
        # The code that rules which differ in their constants alone have in common, by its shape.
        self.codes: dict[str, Any] = {}

    def with_shared(self, shared: Shared) -> Functions:
        """A maker of functions that share something else, but code."""
        maker = Functions(shared, self._answers)
        maker.codes = self.codes
        return maker

    def make(self, rules: Sequence[Rule], title: str, *, strict: bool, template: bool = False) -> Decide:
        """The function that decides by these rules, all of one action and in source order.

        Args:
            rules: what to decide by.
            title: what a traceback calls the function.
            strict: whether the function may raise where something is absent.
            template: whether functions of this shape are made often, so that they should share their code.
        """
        active = [rule for rule in rules if not rule.shadow]
        index = index_of(active, self.shared.program)
        if index is not None:
            decide = self._indexed([], index, title, strict=strict)
        elif template:
            decide = self._from_template(active, title, strict=strict)
        else:
            decide = self._straight(active, title, strict=strict)
        shadows = tuple(rule for rule in rules if rule.shadow)
        return self._beside(decide, shadows, strict=strict) if shadows else decide

    def text(self, rules: Sequence[Rule]) -> str:
        """The generated Python that decides by these rules, for people to read."""
        tree, _ = self._writer(strict=True).write([rule for rule in rules if not rule.shadow])
        return emit.text_of(tree)

    def _writer(self, *, strict: bool, template: bool = False) -> ActionWriter:
        return ActionWriter(self.shared, self._answers, template=template, strict=strict)

    def _straight(self, rules: Sequence[Rule], title: str, *, strict: bool) -> Decide:
        tree, frame = self._writer(strict=strict).write(rules)
        return emit.load(tree, title, {**frame.bound, **frame.constants.bound()})

    def _from_template(self, rules: Sequence[Rule], title: str, *, strict: bool) -> Decide:
        """A function whose code is shared with those that differ in their constants alone: these are its defaults."""
        tree, frame = self._writer(strict=strict, template=True).write(rules)
        shape = f"{strict} {ast.dump(tree)}"
        if shape not in self.codes:
            self.codes[shape] = emit.load(tree, title, frame.bound)
        shared: Any = self.codes[shape]
        defaults = (tuple(frame.constants.values), *shared.__defaults__)
        return FunctionType(shared.__code__, shared.__globals__, shared.__name__, defaults)

    # --------------------------------------------------------------------------------------------------- index

    def _indexed(self, own: list[Rule], index: Index, title: str, *, strict: bool) -> Decide:
        """A function that reads the indexed attribute and goes on to the function of its value.

        `own` are the rules that another index has found already; they concern every value of this one.
        """

        def of(found: Sequence[Rule]) -> Decide:
            """The function of the rules found so far and of those that name no value."""
            if index.inner is not None:
                return self._indexed([*own, *found], index.inner, title, strict=strict)
            rules = sorted([*own, *found, *index.others], key=lambda rule: rule.order)
            return self._from_template(rules, title, strict=strict)

        of_unknown = self._of_unknown(sorted([*own, *index.of_any_value()], key=lambda rule: rule.order), title)
        frame = Frame(self.shared, template=False, strict=strict)
        _, read, _ = frame.attribute(index.attribute.path, index.attribute.type, NOTHING_READ)
        frame.bound |= {"of_unknown": of_unknown, "entries": ByValue(index, of), "c": None}
        request, now = emit.name("request"), emit.name("now")
        body = [
            emit.when(
                emit.compare(emit.bind("y", read), "is", emit.NONE), ast.Return(emit.call("of_unknown", request, now))
            ),
            emit.assign("c", emit.item(emit.name("entries"), emit.name("y"))),
            ast.Return(emit.call("c", request, now)),
        ]
        return emit.load(emit.function_tree(["request", "now"], body), title, frame.bound | frame.constants.bound())

    def _of_unknown(self, rules: Sequence[Rule], title: str) -> Decide:
        """What decides where the indexed value is unknown: by all rules, which may be very many.

        One who leaves a value out must not have a hundred thousand rules compiled at once; nearly always a deny among
        the first already cannot be ruled out. So denies are taken in pieces, each written when it is first needed.
        """
        denies = [rule for rule in rules if rule.effect == "deny"]
        pieces: list[Sequence[Rule]] = [denies[start : start + _PIECE] for start in range(0, len(denies), _PIECE)]
        pieces.append([rule for rule in rules if rule.effect != "deny"])
        written: dict[int, Decide] = {}  # by number: two threads may write the same piece at once

        def of_unknown(request: Mapping[str, Any], now: int) -> Decision:
            earliest, number = NEVER, 0
            while True:
                if number not in written:
                    written[number] = self._straight(pieces[number], title, strict=False)
                decision = written[number](request, now)
                earliest = min(earliest, NEVER if decision.valid_until is None else decision.valid_until)
                number += 1
                if decision.rule is not None or number == len(pieces):
                    return decision.outcome.until(earliest if earliest < NEVER else None)

        return of_unknown

    # -------------------------------------------------------------------------------------------------- shadows

    def _beside(self, decide: Decide, shadows: tuple[Rule, ...], *, strict: bool) -> Decide:
        """The decision with the names of the shadow rules that applied."""
        tree, frame = self._writer(strict=strict).write_shadows(shadows)
        watch = emit.load(tree, "shadows", {**frame.bound, **frame.constants.bound()})
        # By outcome and shadows that applied. The outcome is held, so that its identity is never another's.
        known: dict[tuple[int, int], tuple[Outcome, Deadlines]] = {}

        def decide_beside(request: Mapping[str, Any], now: int) -> Decision:
            decision = decide(request, now)
            bits, deadline = watch(request, now)
            outcome = decision.outcome
            found = known.get((id(outcome), bits))
            if found is None:
                names = tuple(rule.name for index, rule in enumerate(shadows) if bits >> index & 1)
                if len(known) >= _REMEMBERED:
                    known.clear()
                found = known[id(outcome), bits] = outcome, Deadlines(outcome.beside(names))
            until = decision.valid_until
            return found[1][deadline if until is None or deadline < until else until]

        return decide_beside


class ByValue(dict[Key, Decide]):
    """The functions of an index by value, each made when it is first asked for; all other values share one."""

    def __init__(self, index: Index, of: Callable[[Sequence[Rule]], Decide]) -> None:
        super().__init__()
        self._by_value = index.by_value
        self._of = of
        self._others = of(())

    def __missing__(self, value: Key) -> Decide:
        rules = self._by_value.get(value)
        if rules is None:
            return self._others
        if len(self) >= _REMEMBERED:
            self.clear()
        function = self[value] = self._of(rules)
        return function
