"""One task, read from standard input, answered on standard output: so that a gateway never waits for a solver.

A solver may hang, and its library must not be used by two threads at once. In a process of its own it may do what it
likes; whoever asked ends it when its time is over.
"""

from __future__ import annotations

import pickle
import sys

from durwan.errors import DurwanError
from durwan.program.nearest import Nearest, Task


def answer(task: Task) -> Nearest:
    """What is found out about a task; where the solver is not installed, how to install it."""
    try:
        from durwan.backends.solver.nearest.answering import nearest  # noqa: PLC0415 - it loads the solver
        from durwan.backends.solver.nearest.situation import Situation  # noqa: PLC0415 - likewise
    except DurwanError as error:
        return Nearest(unanswered=str(error))
    return nearest(Situation(task.program, task.action, task.values, task.may_change), task.seconds)


if __name__ == "__main__":
    # Both ends are this package, in processes of one user.
    sys.stdout.buffer.write(pickle.dumps(answer(pickle.load(sys.stdin.buffer))))  # noqa: S301 - see above
