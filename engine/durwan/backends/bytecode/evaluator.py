"""The generated evaluator: one function an action, written when it is first asked for.

The way of a request: `Evaluator.decide` finds the function of its action; the function reads what it needs and
returns a ready decision. Every function exists in two forms of one meaning: one reads the request by strict, which
is fastest and raises KeyError where something is absent; then the other is called, which reads absence as unknown.
Whatever else may be raised, by objects in a request that are not plain data, leads to the reference evaluator, which
takes such objects as unknown; so nothing that a request holds raises out of `decide`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from durwan.backends.bytecode import emit
from durwan.backends.bytecode.actions import Decide
from durwan.backends.bytecode.answers import ProgramAnswers
from durwan.backends.bytecode.bound_actions import BoundActions
from durwan.backends.bytecode.cache_key import CacheKeyWriter, Entries
from durwan.backends.bytecode.functions import Functions
from durwan.backends.bytecode.reads import Reads
from durwan.backends.bytecode.sharing import share
from durwan.model.decision import Decision
from durwan.model.request import PLAIN, KeyLookup, instant_of, no_keys
from durwan.program import reference
from durwan.program.program import Program, Rule

# So many requests are decided carefully at once after one that had to be.
_REST = 32


class Evaluator:
    """Decides requests by one compiled program.

    Args:
        program: what to decide by.
        revision: the digest that every decision carries.
        clock: the current instant in milliseconds since the epoch, for requests that bring no `now`.
        keys: how the id of a key becomes its attributes.
    """

    def __init__(
        self, program: Program, *, clock: Callable[[], int], keys: KeyLookup = no_keys, revision: str = ""
    ) -> None:
        self._program = program
        self._revision = revision
        self._clock = clock
        self._keys = keys
        self._shared = share(program, keys)
        self._answers = ProgramAnswers(program, revision, keys)
        self._functions = Functions(self._shared, self._answers.ends)
        # What decides an action now, called as `functions[action](request, now)` with a request that is a plain dict;
        # it may raise anything, and then `decide_carefully` decides. An action that is not there was not written yet.
        self.functions: dict[str, Decide] = {}
        # Told (action, function) whenever an entry of `functions` is set, by whoever keeps a copy of them.
        self.published: Callable[[str, Decide], None] | None = None
        # How many decisions the generated code could not make. Roughly: two threads may count as one.
        self.left_to_reference = 0
        # Strict functions that take every key to be named by its id, and are written where the first request does so.
        self._functions_by_id = self._functions.with_shared(replace(self._shared, by_id=True))
        self._by_id: set[str] = set()
        self._strict: dict[str, Decide] = {}
        self._careful: dict[str, Decide] = {}
        self._reads: dict[str, Reads] = {}
        self._by_action: dict[str, list[Rule]] = {action: [] for action in program.schema.actions}
        for rule in program.rules:
            for action in rule.actions:
                self._by_action[action].append(rule)

    @property
    def actions(self) -> Collection[str]:
        """The declared actions."""
        return self._by_action.keys()

    # ----------------------------------------------------------------------------------------------- deciding

    def decide_carefully(self, request: Mapping[str, Any]) -> Decision:
        """The decision for a request that no strict function could decide, or of an action not written yet."""
        try:
            plain = request
            if type(request) is not PLAIN:
                plain = {name: request.get(name) for name in ("action", "now", *self._program.schema.contexts)}
            action = plain.get("action")
            if type(action) is not str or action not in self._by_action:
                return self._answers.unknown_action
            now = instant_of(plain, self._clock)
            if now is None:
                return self._answers.invalid_now
            return self._take_care(action, plain, now)
        except Exception:  # noqa: BLE001 - only an object that is no plain data comes to this
            return self._decide_by_reference(request)

    def decide_at(self, action: str, request: dict[str, Any], now: int) -> Decision:
        """The decision for a plain request of a declared action at an instant, whatever else the request holds."""
        try:
            return self.functions[action](request, now)
        except Exception:  # noqa: BLE001, S110 - something is absent or odd: decided again, carefully
            pass
        try:
            return self._take_care(action, request, now)
        except Exception:  # noqa: BLE001 - only an object that is no plain data comes to this
            return self._decide_by_reference({**request, "now": now})

    def completed(self, action: str, given: Mapping[str, Any]) -> Decide:
        """What decides an action of requests to which the given contexts are added."""
        return lambda request, now: self.decide_at(action, {**request, **given}, now)

    def _take_care(self, action: str, request: Mapping[str, Any], now: int) -> Decision:
        names_id = type(request.get("key")) is str
        if action not in self._careful or (action in self._by_id and not names_id):
            # Where both forms of keys come, the function that takes either is written, and stays.
            by_id = names_id and self._shared.keys_are_read and action not in self._careful
            self._write(action, by_id=by_id)
        else:
            self._rest(action)
        return self._careful[action](request, now)

    def _publish(self, action: str, function: Decide) -> None:
        self.functions[action] = function
        if self.published is not None:
            self.published(action, function)

    def _rest(self, action: str) -> None:
        """Lets the careful function decide the next requests at once, since one just came that needed it.

        A strict function that gives up costs twice the careful one. Where requests often lack something, it is tried
        only once in a while; where they seldom do, the rest is over soon.
        """
        careful, strict, left = self._careful[action], self._strict[action], _REST

        def resting(request: Mapping[str, Any], now: int) -> Decision:
            nonlocal left
            left -= 1
            if left <= 0:
                self._publish(action, strict)
            return careful(request, now)

        self._publish(action, resting)

    def _decide_by_reference(self, request: Mapping[str, Any]) -> Decision:
        self.left_to_reference += 1
        try:
            return reference.decide(self._program, request, clock=self._clock, keys=self._keys, revision=self._revision)
        except Exception:  # noqa: BLE001 - whatever happens, the answer is a decision, and it is a deny
            return self._answers.internal_error

    # ------------------------------------------------------------------------------------------------ writing

    def cached(self, action: str, fill: Callable[..., Decision], *, strict: bool, by_id: bool) -> Decide:
        """A function that decides an action from the entries of a cache, and asks `fill` for what is not there.

        `fill` is called with the cache key, the request and the instant. The entries stand among the function's
        globals, under `entries`: assigning others there empties the cache.
        """
        writer = CacheKeyWriter(self._shared, self._reads_of(action), strict=strict, by_id=by_id)
        tree = writer.write()
        return emit.load(tree, f"{action} cached", {**writer.bound, "entries": Entries(), "fill": fill})

    def _reads_of(self, action: str) -> Reads:
        if action not in self._reads:
            self._reads[action] = Reads(self._by_action[action], self._program, self._shared.bits)
        return self._reads[action]

    def prepare_like(self, other: Evaluator) -> None:
        """Writes the functions of those actions that another evaluator was asked for, in the forms that it uses."""
        for action in other.functions.keys() & self._by_action.keys():
            self._write(action, by_id=action in other._by_id and self._shared.keys_are_read)

    def bind(self, given: Mapping[str, Any], fixed: Collection[str]) -> BoundActions:
        """The actions for requests of which some contexts are given beforehand; see `BoundActions`."""
        return BoundActions(self._program, self._by_action, self._functions, self._keys, given, fixed)

    def source(self, action: str) -> str:
        """The generated Python that decides an action, for people to read."""
        return self._functions.text(self._by_action[action])

    def _write(self, action: str, *, by_id: bool) -> None:
        """Makes the two functions of an action.

        Two threads may do so at once: they make functions of the same meaning, and the last one stays.
        """
        rules = self._by_action[action]
        try:
            strict = (self._functions_by_id if by_id else self._functions).make(rules, action, strict=True)
            careful = self._functions.make(rules, action, strict=False)
        except Exception:  # noqa: BLE001 - a defect of the generator, which must not be met again at every request
            strict = careful = self._refer
        (self._by_id.add if by_id else self._by_id.discard)(action)
        self._strict[action] = strict
        self._careful[action] = careful
        self._publish(action, strict)

    def _refer(self, request: Mapping[str, Any], now: int) -> Decision:
        """Decides an action whose functions could not be written: slowly, and rightly."""
        return self._decide_by_reference({**request, "now": now})
