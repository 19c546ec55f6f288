"""Generated Python: the evaluator that gateways run. Start reading at `evaluator.py`."""

from durwan.backends.bytecode.actions import Decide
from durwan.backends.bytecode.evaluator import Evaluator

__all__ = ["Decide", "Evaluator"]
