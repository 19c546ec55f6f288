"""The generated evaluator: one function an action, written when it is first asked for.

The way of a request: `Evaluator.decide` finds the function of its action; the function reads what it needs and
returns a ready decision. Every function exists in two forms of one meaning: one reads the request by strict, which
is fastest and raises KeyError where something is absent; then the other is called, which reads absence as unknown.
Whatever else may be raised, by objects in a request that are not plain data, leads to the reference evaluator, which
takes such objects as unknown; so nothing that a request holds raises out of `decide`.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from durwan.backends.bytecode import emit
from durwan.backends.bytecode.actions import ActionWriter, Answers, Decide
from durwan.backends.bytecode.addresses import AddressTable
from durwan.backends.bytecode.cache_key import CacheKeyWriter, Entries
from durwan.backends.bytecode.frame import Frame, Shared
from durwan.backends.bytecode.index import Index, index_of
from durwan.backends.bytecode.moving import Movement
from durwan.backends.bytecode.reads import Reads
from durwan.backends.bytecode.states import NOTHING_READ
from durwan.backends.bytecode.stretches import Stretches
from durwan.model.address import NetworkSet
from durwan.model.decision import NEVER, Deadlines, Decision, Outcome
from durwan.model.request import PLAIN, Attributes, KeyLookup, instant_of, no_keys
from durwan.model.values import read_string_set
from durwan.program import nodes, reference
from durwan.program.nodes import Expression
from durwan.program.program import Program, Rule

# So many networks are answered by one lookup; a mask with more bits would cost more than it saves.
_MASKED_NETWORKS = 60
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
        self._shared = self._share()
        self._answers = _Answers(program, revision, keys)
        self._codes: dict[str, Callable[..., Any]] = {}
        # What decides an action now, called as `functions[action](request, now)` with a request that is a plain dict;
        # it may raise anything, and then `decide_carefully` decides. An action that is not there was not written yet.
        self.functions: dict[str, Decide] = {}
        # Told (action, function) whenever an entry of `functions` is set, by whoever keeps a copy of them.
        self.published: Callable[[str, Decide], None] | None = None
        # How many decisions the generated code could not make. Roughly: two threads may count as one.
        self.left_to_reference = 0
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

    def _take_care(self, action: str, request: Mapping[str, Any], now: int) -> Decision:
        if action not in self._careful:
            self._write(action)
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

    def source(self, action: str) -> str:
        """The generated Python that decides an action, for people to read."""
        rules = [rule for rule in self._by_action[action] if not rule.shadow]
        tree, _ = self._writer(strict=True).write(rules)
        return emit.text_of(tree)

    def _write(self, action: str) -> None:
        """Makes the two functions of an action.

        Two threads may do so at once: they make functions of the same meaning, and the last one stays.
        """
        try:
            strict, careful = self._function(action, strict=True), self._function(action, strict=False)
        except Exception:  # noqa: BLE001 - a defect of the generator, which must not be met again at every request
            strict = careful = self._refer
        self._strict[action] = strict
        self._careful[action] = careful
        self._publish(action, strict)

    def _refer(self, request: Mapping[str, Any], now: int) -> Decision:
        """Decides an action whose functions could not be written: slowly, and rightly."""
        return self._decide_by_reference({**request, "now": now})

    def _function(self, action: str, *, strict: bool) -> Decide:
        rules = self._by_action[action]
        active = [rule for rule in rules if not rule.shadow]
        index = index_of(active)
        if index is None:
            decide = self._straight(active, action, strict=strict)
        else:
            decide = self._indexed(index, action, strict=strict)
        shadows = tuple(rule for rule in rules if rule.shadow)
        return self._beside(decide, shadows, strict=strict) if shadows else decide

    def _writer(self, *, strict: bool, template: bool = False) -> ActionWriter:
        return ActionWriter(self._shared, self._answers.ends, template=template, strict=strict)

    def _straight(self, rules: Sequence[Rule], title: str, *, strict: bool) -> Decide:
        tree, frame = self._writer(strict=strict).write(rules)
        return emit.load(tree, title, {**frame.bound, **frame.constants.bound()})

    def _template(
        self, rules: Sequence[Rule], title: str, *, strict: bool
    ) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """Code that may be shared with rules which differ in their constants alone, and these constants."""
        tree, frame = self._writer(strict=strict, template=True).write(rules)
        shape = ast.dump(tree)
        if shape not in self._codes:
            self._codes[shape] = emit.load(tree, title, frame.bound)
        return self._codes[shape], tuple(frame.constants.values)

    def _indexed(self, index: Index, title: str, *, strict: bool) -> Decide:
        """A function that reads the indexed attribute and goes on to the function of its value."""
        entries: dict[str, Any] = {}

        def first_time(request: Mapping[str, Any], now: int, value: str) -> Decision:
            entry = entries[value] = self._template(index.rules_for(value), title, strict=strict)
            decision: Decision = entry[0](request, now, entry[1])
            return decision

        for value in index.by_value:
            entries[value] = (first_time, value)
        others = self._template(index.others, title, strict=strict)
        general = {rule.order for rule in index.others}
        every = [rule for rule in index.all if rule.effect != "allow" or rule.order in general]
        unknown: list[Decide] = []

        def of_unknown(request: Mapping[str, Any], now: int) -> Decision:
            if not unknown:
                unknown.append(self._straight(every, title, strict=False))
            return unknown[0](request, now)

        frame = Frame(self._shared, template=False, strict=strict)
        slot, read, _ = frame.attribute(index.attribute.path, index.attribute.type, NOTHING_READ)
        frame.bound |= {"of_unknown": of_unknown, "entry": entries.get, "others": others}
        request, now = emit.name("request"), emit.name("now")
        found = emit.bind("y", emit.call("entry", emit.name(slot), emit.name("others")))
        code = emit.item(found, emit.number(0))
        body = [
            emit.when(emit.compare(read, "is", emit.NONE), ast.Return(emit.call("of_unknown", request, now))),
            emit.assign("c", code),
            ast.Return(emit.call("c", request, now, emit.item(emit.name("y"), emit.number(1)))),
        ]
        frame.bound["c"] = None
        return emit.load(emit.function_tree(["request", "now"], body), title, frame.bound | frame.constants.bound())

    def _beside(self, decide: Decide, shadows: tuple[Rule, ...], *, strict: bool) -> Decide:
        """The decision with the names of the shadow rules that applied."""
        tree, frame = self._writer(strict=strict).write_shadows(shadows)
        watch = emit.load(tree, "shadows", {**frame.bound, **frame.constants.bound()})
        names: dict[int, tuple[str, ...]] = {}

        def decide_beside(request: Mapping[str, Any], now: int) -> Decision:
            decision = decide(request, now)
            bits, deadline = watch(request, now)
            if bits not in names:
                names[bits] = tuple(rule.name for index, rule in enumerate(shadows) if bits >> index & 1)
            earliest = deadline if decision.valid_until is None else min(deadline, decision.valid_until)
            return decision.beside(names[bits], earliest if earliest < NEVER else None)

        return decide_beside

    # ------------------------------------------------------------------------------------------------- sharing

    def _share(self) -> Shared:
        masked = _masked_networks(self._program)

        @cache
        def stretches(window: str) -> Stretches:
            return Stretches(self._program.windows[window].at)

        return Shared(
            program=self._program,
            movement=Movement(self._program),
            bits={network: 1 << index for index, network in enumerate(masked)},
            addresses=AddressTable(masked),
            stretches=stretches,
            reference=self._reading,
            open_context=_open_context,
            open_key=self._open_key,
            find_key=self._key_finder(),
            read_scopes=self._read_scopes,
        )

    def _open_key(self, given: Any) -> dict[str, Any]:
        return _open_context(self._keys(given) if type(given) is str else given)

    def _reading(self, expression: Expression) -> Callable[[Mapping[str, Any], int], tuple[Any, int | None]]:
        program, keys = self._program, self._keys

        def read(request: Mapping[str, Any], now: int) -> tuple[Any, int | None]:
            reading = reference.Evaluation(program, Attributes(program.schema, request, keys), now).read(expression)
            return reading.value, None if reading.change is None else now + reading.change

        return read

    def _key_finder(self) -> Callable[[Any], dict[str, Any]]:
        """The lookup for strict functions: of keys that are kept in a dict, its own, which raises where it fails."""
        table: Any = getattr(self._keys, "__self__", None)
        if table is not None and issubclass(type(table), PLAIN) and self._keys == table.get:
            find: Callable[[Any], dict[str, Any]] = table.__getitem__
            return find
        return self._open_key

    def _read_scopes(self, raw: object) -> frozenset[str] | None:
        read = read_string_set(raw)
        return None if read is None else self._program.schema.held(read)


def _open_context(given: Any) -> dict[str, Any]:
    """A context that is not a plain dict: another mapping is copied, anything else says nothing."""
    if type(given) is PLAIN:
        return given
    context: Mapping[str, Any] | None = given
    if isinstance(context, Mapping):
        try:
            return {name: context.get(name) for name in context}
        except Exception:  # noqa: BLE001 - a foreign mapping may raise anything; then it says nothing
            return {}
    return {}


def _masked_networks(program: Program) -> list[NetworkSet]:
    """The networks for the address table: all of them where they are few, else those that several places ask for.

    Where every rule has a network of its own, an index finds the rule first, and its own network is small.
    """
    uses: Counter[NetworkSet] = Counter()
    expressions = [expression for rule in program.rules for expression in (rule.body.when, rule.body.unless)]
    for expression in [*expressions, *program.lets.values()]:
        uses.update(_networks(expression, program))
    if len(uses) <= _MASKED_NETWORKS:
        return list(uses)
    return [network for network, count in uses.most_common(_MASKED_NETWORKS) if count > 1]


def _networks(expression: Expression, program: Program) -> Iterator[NetworkSet]:
    match expression:
        case nodes.Operation(operator="in_network", operands=(nodes.Attribute(), nodes.NamedNetwork(name=name))):
            yield program.networks[name]
        case nodes.Operation(operator="in_network", operands=(nodes.Attribute(), nodes.LiteralNetwork(value=value))):
            yield value
        case nodes.And(operands=operands) | nodes.Or(operands=operands) | nodes.Operation(operands=operands):
            for operand in operands:
                yield from _networks(operand, program)
        case nodes.Not(operand=operand) | nodes.Default(operand=operand):
            yield from _networks(operand, program)
        case _:
            return


class _Answers:
    """The decisions of one program, made once, and the rare ones that are made when they are needed."""

    def __init__(self, program: Program, revision: str, keys: KeyLookup) -> None:
        self._program = program
        self._revision = revision
        self._keys = keys
        self._as_written = {rule.order: rule for rule in program.rules}
        self._rules: dict[int, Deadlines] = {}
        self._doubtful: dict[tuple[int, tuple[str, ...]], Deadlines] = {}
        self._challenges: dict[tuple[tuple[int, ...], tuple[str, ...]], Deadlines] = {}
        self.unknown_action = self._refusal("unknown_action", reference.UNKNOWN_ACTION)
        self.invalid_now = self._refusal("invalid_now", reference.INVALID_NOW, status=400, unknowns=("now",))
        self.internal_error = self._refusal("internal_error", "this request could not be decided", status=503)
        default = self._refusal("no_rule_allows", reference.NO_RULE_ALLOWS)
        self.ends = Answers(
            of_rule=self._of_rule,
            by_default=Deadlines(default.outcome),
            doubt=self._doubt,
            challenge=self._challenge,
        )

    def _refusal(self, code: str, reason: str, status: int = 403, unknowns: tuple[str, ...] = ()) -> Decision:
        return Outcome(
            effect="deny", rule=None, status=status, code=code, reason=reason, unknowns=unknowns,
            revision=self._revision,
        ).until(None)  # fmt: skip

    def _deadlines(self, outcome: Outcome) -> Deadlines:
        return Deadlines(reference.replace_outcome(outcome, shadows=(), revision=self._revision))

    def _of_rule(self, rule: Rule) -> Deadlines:
        if rule.order not in self._rules:
            self._rules[rule.order] = self._deadlines(reference.outcome_of(rule))
        return self._rules[rule.order]

    def _doubts(
        self, request: Mapping[str, Any], now: int, deadline: int, rules: Sequence[Rule]
    ) -> tuple[tuple[str, ...], int]:
        """What was unknown to rules that apply only for doubt, and until when it stays just that.

        Naming what was unknown takes every operand into account, also those that were never needed to decide; it is
        read by the reference evaluator.
        """
        attributes = Attributes(self._program.schema, request, self._keys)
        evaluation = reference.Evaluation(self._program, attributes, now)
        # A rule that an index has decided in part is looked up as it was written.
        readings = [evaluation.body(self._as_written[rule.order].body) for rule in rules]
        deadlines = [now + reading.change for reading in readings if reading.change is not None]
        return tuple(sorted({path for reading in readings for path in reading.doubts})), min([deadline, *deadlines])

    def _doubt(self, request: Mapping[str, Any], now: int, deadline: int, rule: Rule) -> Decision:
        unknowns, deadline = self._doubts(request, now, deadline, [rule])
        key = (rule.order, unknowns)
        if key not in self._doubtful:
            self._doubtful[key] = self._deadlines(reference.outcome_of(rule, unknowns=unknowns))
        return self._doubtful[key][deadline]

    def _challenge(
        self, request: Mapping[str, Any], now: int, deadline: int, bits: int, rules: tuple[Rule, ...]
    ) -> Decision:
        asked = [rule for index, rule in enumerate(rules) if bits >> 2 * index & 1]
        doubted = [rule for index, rule in enumerate(rules) if bits >> 2 * index & 2]
        unknowns: tuple[str, ...] = ()
        if doubted:
            unknowns, deadline = self._doubts(request, now, deadline, doubted)
        key = (tuple(rule.order for rule in asked), unknowns)
        if key not in self._challenges:
            self._challenges[key] = self._deadlines(reference.outcome_of(asked[0], asked, unknowns))
        return self._challenges[key][deadline]
