"""Which attributes a policy reads: what the gate has to find out, and what it records."""

from __future__ import annotations

from collections.abc import Iterable

from durwan.program.explanation import read_by
from durwan.program.program import Limit, Program, Rule
from durwan.runtime.engine import Engine


class Reads:
    """What the rules and limits of one program read. Made once a revision.

    Attributes:
        revision: the digest of the program.
        limits: its limits by name.
        contexts: the contexts that any of them reads something of.

    Args:
        program: whose they are.
        revision: its digest.
    """

    def __init__(self, program: Program, revision: str) -> None:
        self.revision = revision
        self.limits = {limit.name: limit for limit in program.limits}
        self._of_rule: dict[str, frozenset[str]] = {}
        self._of_action: dict[str, set[str]] = {action: set() for action in program.schema.actions}
        asked: tuple[Rule | Limit, ...] = (*program.rules, *program.limits)
        for each in asked:
            read = _read(each, program)
            self._of_rule[each.name] = read
            for action in each.actions:
                self._of_action.setdefault(action, set()).update(read)
        self._contexts = {
            action: frozenset(path.partition(".")[0] for path in read) for action, read in self._of_action.items()
        }
        self.contexts = frozenset[str]().union(*self._contexts.values())

    def of_rule(self, rule: str | None, action: str) -> tuple[str, ...]:
        """The attributes that a rule or limit reads, sorted; without one, those that any rule of the action reads."""
        read: Iterable[str] = self._of_action.get(action, ()) if rule is None else self._of_rule.get(rule, ())
        return tuple(sorted(read))

    def contexts_of(self, action: str) -> frozenset[str]:
        """The contexts that rules of an action read something of."""
        return self._contexts.get(action, frozenset())


def _read(each: Rule | Limit, program: Program) -> frozenset[str]:
    found = set(read_by(each.body.when, program)) | set(read_by(each.body.unless, program))
    if isinstance(each, Limit):
        found |= set(read_by(each.cost, program)) | set(each.per)
    return frozenset(found - {"now"})


class Readings:
    """What the policy of an engine reads; it follows reloads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._current: Reads | None = None

    def __call__(self) -> Reads:
        """What the policy that decides now reads."""
        found, compiled = self._current, self._engine.compiled
        if found is None or found.revision != compiled.revision:
            found = self._current = Reads(compiled.program, compiled.revision)
        return found
