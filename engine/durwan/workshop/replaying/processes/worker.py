"""What runs in each process: tasks are read from standard input, one a line; what they found goes to standard output.

Both are JSON, and nothing that was sent is run. The first line is the question.

| answer | says |
|---|---|
| `partial`, `requests`, `lines` | what the task found (`Done`) |
| `error` | why nothing more can be read |
| `fault` | a mistake in durwan: what it is, and where |
"""

from __future__ import annotations

import gc
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from durwan.errors import DurwanError
from durwan.workshop.replaying.question import Question
from durwan.workshop.replaying.tasks.pieces import Piece, opened
from durwan.workshop.replaying.tasks.question_text import read_question
from durwan.workshop.replaying.tasks.task import do


def main() -> None:
    """Does tasks until there are no more."""
    # As the command itself does, see `policy_check.run`.
    gc.disable()
    # What anything else prints is not to be taken for an answer.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="ascii")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    question = read_question(sys.stdin.readline())
    for line in sys.stdin:
        answers.write(json.dumps(_answer(json.loads(line), question)) + "\n")
        answers.flush()


def _answer(task: Any, question: Question) -> dict[str, Any]:
    try:
        pieces = [Piece(*each) for each in task["pieces"]]
        found = do(opened(pieces, question, Path(task["aside"])), question)
    except (DurwanError, OSError) as error:
        return {"error": str(error)}
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told where somebody hears it
        return {"fault": [f"{type(error).__name__}: {error}", traceback.format_exc()]}
    return {"partial": found.partial.as_text(), "requests": found.requests, "lines": found.lines}


__all__ = ["main"]
