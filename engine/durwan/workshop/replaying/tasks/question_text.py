"""A question as a text, to be asked elsewhere: programs as bundles hold them, nothing that would be run to be read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final, cast

from durwan.credentials.keys import StaticKeys
from durwan.program.plain import read_program, write_program
from durwan.runtime.policy import Compiled
from durwan.workshop.replaying.question import Filters, Question
from durwan.workshop.replaying.sides import ProgramSide, RecordedSide

_SETS: Final = ("keys", "actions")


def question_text(question: Question) -> str:
    """The question as JSON.

    Raises:
        TypeError: the keys of a side are not `StaticKeys`, so nobody can list them.
    """
    filters: dict[str, Any] = asdict(question.filters)
    filters |= {name: sorted(filters[name]) for name in _SETS if filters[name] is not None}
    sides = [_plain_side(each) for each in (question.before, question.after)]
    return json.dumps({"sides": sides, "amounts": question.amounts, "filters": filters}, default=_plain)


def read_question(text: str) -> Question:
    """What `question_text` wrote."""
    plain: dict[str, Any] = json.loads(text)
    programs = [None if each is None else _side(each) for each in plain["sides"]]
    known = next(each for each in reversed(programs) if each is not None)
    before, after = (RecordedSide(known.program) if each is None else each for each in programs)
    filters: dict[str, Any] = plain["filters"]
    filters |= {name: frozenset(filters[name]) for name in _SETS if filters[name] is not None}
    return Question(before=before, after=after, amounts=tuple(plain["amounts"]), filters=Filters(**filters))


def _plain_side(side: ProgramSide | RecordedSide) -> dict[str, Any] | None:
    if isinstance(side, RecordedSide):
        return None
    keys = side.compiled.keys
    if not isinstance(keys, StaticKeys):
        raise TypeError("the keys of a side that travels are StaticKeys")
    # Of a key, what policies may ask about, and nothing by which it is proven.
    declared = {path.removeprefix("key.") for path in side.program.schema.attributes if path.startswith("key.")}
    return {
        "program": write_program(side.program),
        "revision": side.revision,
        "keys": {
            key_id: {name: value for name, value in record.items() if name in declared}
            for key_id, record in keys.items()
        },
    }


def _plain(value: object) -> Any:
    """What JSON has no form for, of what the record of a key may hold."""
    match value:
        case frozenset():
            return sorted(value, key=repr)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] - of anything
        case Mapping():
            return dict(cast("Mapping[str, Any]", value))
        case _:
            raise TypeError(f"a key holds a {type(value).__name__}, which JSON has no form for")


def _side(plain: dict[str, Any]) -> ProgramSide:
    keys = StaticKeys(plain["keys"])
    return ProgramSide(Compiled(program=read_program(plain["program"]), revision=plain["revision"], keys=keys))


__all__ = ["question_text", "read_question"]
