"""A compiler that is kept: what it learnt about a policy set makes the next compilation fast.

Recompiling costs what changed, not what there is: a file that is the same, and in which every name still stands for
the same, is neither read nor checked again. The outcome is the same as of `compile_policy` alone, to the last
diagnostic.
"""

from __future__ import annotations

from threading import Lock

from durwan.compilation import Compilation, compile_policy
from durwan.language.memory import Memory
from durwan.language.policy_set import PolicySet
from durwan.language.stored.store import Store
from durwan.runtime.garbage import without_collecting


class Compiler:
    """Compiles one policy set again and again. Safe from any thread; one compilation at a time."""

    def __init__(self, store: Store | None = None) -> None:
        """Make one that knows nothing yet but what is in the `store`, if there is one."""
        self._memory = Memory(store)
        self._lock = Lock()

    def compile(self, policy_set: PolicySet) -> Compilation:
        """Compiles a policy set: see `compile_policy`."""
        with self._lock, without_collecting():
            compilation = compile_policy(policy_set, self._memory)
            self._memory.store()
            return compilation
