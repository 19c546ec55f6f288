"""Asks a process of its own for the nearest request that would be allowed: no gateway waits for a solver for long."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from durwan.model.request import Attributes, KeyLookup, instant_of
from durwan.program.nearest import Nearest, Task
from durwan.program.program import Program

SECONDS: Final = 2.0
# Python and the solver have to be loaded, and an answer that is nearly there is waited for.
_GRACE: Final = 3.0
_PROGRAM: Final = "durwan.backends.solver.nearest"


def nearest_to(
    program: Program,
    request: Mapping[str, Any],
    *,
    keys: KeyLookup,
    may_change: Sequence[str] = (),
    seconds: float = SECONDS,
) -> Nearest:
    """What a refused request would have to change to be allowed; `unanswered` says why where that is not known.

    Args:
        program: what refused it.
        request: it, with its `now`.
        keys: where keys are looked up.
        may_change: see `durwan.program.changeable.sort_of`.
        seconds: how long to look for changes. A process that has not answered a few seconds later is ended.
    """
    action = request.get("action")
    now = instant_of(request, lambda: 0)
    if type(action) is not str or action not in program.schema.actions:
        return Nearest(never=("unknown_action",))
    if now is None:
        return Nearest(unanswered="the instant given for the decision cannot be read")
    attributes = Attributes(program.schema, request, keys)
    values = {path: attributes.read(path) for path in program.schema.attributes}
    task = Task(
        program=program, action=action, values={**values, "now": now}, may_change=tuple(may_change), seconds=seconds
    )
    return _answer(task)


def _answer(task: Task) -> Nearest:
    # Few gateways ever come here, and what they load stays small.
    import pickle  # noqa: PLC0415 - see above
    import subprocess  # noqa: PLC0415 - see above

    try:
        done = subprocess.run(  # noqa: S603 - nothing of it comes from outside
            [sys.executable, "-P", "-m", _PROGRAM],
            input=pickle.dumps(task),
            capture_output=True,
            timeout=task.seconds + _GRACE,
            check=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
    except subprocess.TimeoutExpired:
        return Nearest(unanswered=f"not found within {task.seconds + _GRACE:g} s")
    except OSError as error:
        return Nearest(unanswered=f"no process could be started to look for it: {error.strerror}")
    except subprocess.CalledProcessError as error:
        return Nearest(unanswered=f"the process that looks for it failed: {_last_line(error.stderr)}")
    found: Nearest = pickle.loads(done.stdout)  # noqa: S301 - it comes from our own process
    return found


def _last_line(said: bytes) -> str:
    lines = said.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
