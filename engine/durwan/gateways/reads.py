"""Which attributes a policy reads: what the gate has to find out, and what it records."""

from __future__ import annotations

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
        of_action: dict[str, set[str]] = {action: set() for action in program.schema.actions}
        self._of_rule: dict[str, tuple[str, ...]] = {}
        asked: tuple[Rule | Limit, ...] = (*program.rules, *program.limits)
        for each in asked:
            read = _read(each, program)
            self._of_rule[each.name] = tuple(sorted(read))
            for action in each.actions:
                of_action.setdefault(action, set()).update(read)
        self._of_action = {action: tuple(sorted(read)) for action, read in of_action.items()}
        self._of_key = {
            action: tuple(path[4:] for path in read if path.startswith("key."))
            for action, read in self._of_action.items()
        }
        self._contexts = {
            action: frozenset(path.partition(".")[0] for path in read) for action, read in self._of_action.items()
        }
        self.contexts = frozenset[str]().union(*self._contexts.values())

    def of_rule(self, rule: str | None, action: str) -> tuple[str, ...]:
        """The attributes that a rule or limit reads, sorted; without one, those that any rule of the action reads."""
        return self._of_action.get(action, ()) if rule is None else self._of_rule.get(rule, ())

    def of_key(self, action: str) -> tuple[str, ...]:
        """The names of the attributes of a key that any rule of the action reads, sorted."""
        return self._of_key.get(action, ())

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
