"""Asks single conditions of the rows of a table."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from durwan.backends.queries.fragments import Fragment, rendered
from durwan.backends.queries.sqlite import SqliteTranslation
from durwan.model.schema import Schema
from durwan.model.types import Type
from durwan.program.nodes import Expression
from durwan.program.program import Program

# Windows are known so many milliseconds around the beginning of 1970: 63 years.
LONG: Final = 2 * 10**12


def program_of(attributes: Mapping[str, Type], **parts: Any) -> Program:
    """A program without rules."""
    return Program(name="asked", schema=Schema(actions=frozenset(), attributes=attributes), **parts)


def in_sqlite(
    program: Program, conditions: Iterable[Expression], rows: Sequence[Mapping[str, object]], kinds: str = ""
) -> list[tuple[bool | None, ...]]:
    """For each row what each condition is. A column has the name of its attribute."""
    texts: list[str] = []
    values: list[Any] = []
    for condition in conditions:
        translation = SqliteTranslation(program, lambda path: Fragment((f"`{path}`",)), (-LONG, LONG))
        text, parameters = rendered(translation.condition(condition), "?")
        texts.append(text)
        values.extend(parameters)
    names = list(program.schema.attributes)
    connection = sqlite3.connect(":memory:")
    connection.execute(f"CREATE TABLE asked (id, {', '.join(f'`{name}` {kinds}' for name in names)})")
    connection.executemany(
        f"INSERT INTO asked VALUES (?{', ?' * len(names)})",  # noqa: S608 - names of ours
        [(number, *(row.get(name) for name in names)) for number, row in enumerate(rows)],
    )
    answers = connection.execute(
        f"SELECT {', '.join(texts)} FROM asked ORDER BY id",  # noqa: S608 - what is under test
        values,
    ).fetchall()
    connection.close()
    return [tuple(None if each is None else bool(each) for each in answer) for answer in answers]
