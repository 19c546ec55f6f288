"""Engines bound to a connection: what its contexts settle is decided once, and each request brings the rest.

A bound engine follows its engine. Whatever it prepared hangs on one object, which is replaced, empty, whenever the
policy or the key that it is bound to has changed, after the change is in force; whoever is still preparing puts what it
makes into the object that it took before it looked at policy and key. So nothing that was made of what is gone is ever
found, and looking takes no lock.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from threading import Lock
from typing import Any, Protocol
from weakref import WeakSet

from durwan.backends.bytecode import Decide, Evaluator
from durwan.backends.bytecode.bound_actions import BoundActions, Possibility
from durwan.forking import start_anew_after_fork
from durwan.model.decision import Decision
from durwan.model.request import PLAIN
from durwan.runtime.limits import Counting


class Deciding(Protocol):
    """What a bound engine asks of the policy that decides now."""

    @property
    def evaluator(self) -> Evaluator:
        """What decides by generated code."""
        ...

    @property
    def announces_keys(self) -> bool:
        """Whether changes of keys are told."""
        ...

    @property
    def counting(self) -> Counting | None:
        """What counts limits, if there are any."""
        ...


class _Prepared:
    """What was made of one policy and one state of the key."""

    def __init__(self) -> None:
        self.functions: dict[str, Decide] = {}
        self.actions: BoundActions | None = None


class BoundEngine:
    """Decides the requests of one connection. Made by `Engine.bind`.

    Safe from any thread; follows reloads, and changes of the key that it is bound to.
    """

    __slots__ = ("__weakref__", "_clock", "_contexts", "_decide_whole", "_policy", "_prepared")

    def __init__(
        self,
        contexts: Mapping[str, Any],
        policy: Callable[[], Deciding],
        decide_whole: Callable[[Mapping[str, Any]], Decision],
        clock: Callable[[], int],
    ) -> None:
        # A copy, also of each context: what the caller does with his own later binds nobody.
        self._contexts = {name: dict(given) if type(given) is PLAIN else given for name, given in contexts.items()}
        self._policy = policy
        self._decide_whole = decide_whole
        self._clock = clock
        self._prepared = _Prepared()

    @property
    def key_id(self) -> str | None:
        """The id of the key that this is bound to; None where it is bound to attributes, or to no key."""
        given = self._contexts.get("key")
        return given if type(given) is str else None

    def decide(self, request: Mapping[str, Any]) -> Decision:
        """The decision for a request without the bound contexts; what it says of them is not read.

        Raises:
            TypeError: the request is no mapping.
        """
        functions = self._prepared.functions
        try:
            if type(request) is PLAIN:
                now = request["now"] if "now" in request else None  # noqa: SIM401 - costs less than calling get
                if now is None:
                    now = self._clock()
                action = request["action"]
                if type(action) is str and type(now) is int:
                    return functions[action](request, now)
        except Exception:  # noqa: BLE001, S110 - something is absent or odd, or not prepared: decided carefully
            pass
        if not isinstance(request, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] - no gateway is checked
            raise TypeError(f"a request is a mapping with 'action' and contexts, not {type(request).__name__}")
        return self._decide_carefully(request)

    def possible_actions(self) -> dict[str, Possibility]:
        """What may become of each action on this connection, by its name: allowed, refused, or on what it depends.

        Limits are not counted in: an action that is allowed here may still have to wait.
        """
        policy = self._policy()
        actions = self._prepare(policy, self._prepared)
        return {action: actions.possibility(action) for action in sorted(policy.evaluator.actions)}

    def renew(self) -> None:
        """The policy or the key has changed: nothing that was prepared is used any more."""
        self._prepared = _Prepared()

    def _decide_carefully(self, request: Mapping[str, Any]) -> Decision:
        prepared, policy = self._prepared, self._policy()
        try:
            whole = {**request, **self._contexts}
        except Exception:  # noqa: BLE001 - a foreign mapping may raise anything; then it says nothing
            whole = dict(self._contexts)
        action = whole.get("action")
        if type(action) is str and action in policy.evaluator.actions and action not in prepared.functions:
            try:
                function = self._prepare(policy, prepared).function(action)
            except Exception:  # noqa: BLE001 - a defect of ours, not to be met again at every request
                function = policy.evaluator.completed(action, self._contexts)
            if policy.counting is not None:
                function = policy.counting.function(action, function, self._contexts)
            prepared.functions[action] = function
        return self._decide_whole(whole)

    def _prepare(self, policy: Deciding, prepared: _Prepared) -> BoundActions:
        if prepared.actions is None:
            # Without notice of its changes, a key that is known by its id alone may be another one at any moment.
            fixed = [name for name in self._contexts if name != "key" or self.key_id is None or policy.announces_keys]
            prepared.actions = policy.evaluator.bind(self._contexts, fixed)
        return prepared.actions


class Bindings:
    """The bound engines of an engine, for as long as anybody uses them."""

    def __init__(self) -> None:
        self._by_key: dict[str | None, WeakSet[BoundEngine]] = {}
        self._lock = Lock()
        start_anew_after_fork(self)

    def add(self, bound: BoundEngine) -> None:
        """One more."""
        with self._lock:
            self._by_key.setdefault(bound.key_id, WeakSet()).add(bound)

    def renew(self, ids: Collection[str] | None = None) -> None:
        """Renews those that are bound to one of these ids of keys, or all."""
        with self._lock:
            chosen = tuple(self._by_key) if ids is None else tuple(each for each in ids if each in self._by_key)
            bound = [each for key_id in chosen for each in self._by_key[key_id]]
            for key_id in chosen:
                if not self._by_key[key_id]:
                    del self._by_key[key_id]
        for each in bound:
            each.renew()

    def start_anew(self) -> None:
        """Takes a new lock and renews all, in a child process after a fork."""
        self._lock = Lock()
        self.renew()
