"""durwan: policy-as-code authorization for trading APIs.

from durwan import Engine

engine = Engine.load("policies/")
if engine.decide(request).allowed: ...
"""

from durwan.credentials.keys import KeySource, StaticKeys
from durwan.diagnostics import Diagnostic
from durwan.errors import DurwanError, PolicyError
from durwan.model.decision import Decision, Remedy
from durwan.program.explanation import Explanation
from durwan.runtime.engine import Engine

__version__ = "0.1.0"

__all__ = [
    "Decision",
    "Diagnostic",
    "DurwanError",
    "Engine",
    "Explanation",
    "KeySource",
    "PolicyError",
    "Remedy",
    "StaticKeys",
    "__version__",
]
