"""durwan: policy-as-code authorization for trading APIs.

In a gateway:

    from durwan import Engine

    engine = Engine.load("policies/")
    if engine.decide(request).allowed: ...
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from durwan.backends.queries.filter import Filter
    from durwan.credentials.key_table import KeyTable
    from durwan.credentials.keys import KeySource, StaticKeys
    from durwan.diagnostics import Diagnostic
    from durwan.errors import DurwanError, PolicyError
    from durwan.model.decision import Decision, Remedy
    from durwan.program.explanation import Explanation
    from durwan.runtime.bound import BoundEngine
    from durwan.runtime.bundle_trust import Trust
    from durwan.runtime.decision_store import CacheLimits
    from durwan.runtime.engine import Engine
    from durwan.runtime.status import Status

__version__ = "0.1.0"

__all__ = [
    "BoundEngine",
    "CacheLimits",
    "Decision",
    "Diagnostic",
    "DurwanError",
    "Engine",
    "Explanation",
    "Filter",
    "KeySource",
    "KeyTable",
    "PolicyError",
    "Remedy",
    "StaticKeys",
    "Status",
    "Trust",
    "__version__",
]

# Where each public name lives. They are imported when first asked for: a command that only prints its version, or a
# gateway that only wants the exceptions, does not pay for the engine.
_HOMES = {
    "BoundEngine": "durwan.runtime.bound",
    "CacheLimits": "durwan.runtime.decision_store",
    "Decision": "durwan.model.decision",
    "Diagnostic": "durwan.diagnostics",
    "DurwanError": "durwan.errors",
    "Engine": "durwan.runtime.engine",
    "Explanation": "durwan.program.explanation",
    "Filter": "durwan.backends.queries.filter",
    "KeySource": "durwan.credentials.keys",
    "KeyTable": "durwan.credentials.key_table",
    "PolicyError": "durwan.errors",
    "Remedy": "durwan.model.decision",
    "StaticKeys": "durwan.credentials.keys",
    "Status": "durwan.runtime.status",
    "Trust": "durwan.runtime.bundle_trust",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'durwan' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return __all__
