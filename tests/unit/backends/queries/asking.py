"""Asks single conditions of the rows of a table, in each form of a query. A column has the name of its attribute."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import polars as pl
import pytest

from durwan.backends.queries.forms import Form, stored
from durwan.backends.queries.fragments import Fragment, rendered
from durwan.backends.queries.polars_translation import PolarsTranslation, natural_schema
from durwan.backends.queries.postgresql import PostgresqlTranslation
from durwan.backends.queries.sqlite import SqliteTranslation
from durwan.model import types
from durwan.model.schema import Schema
from durwan.model.types import Type
from durwan.program import nodes
from durwan.program.nodes import Expression
from durwan.program.program import Program
from tests import postgresql_server

# Windows are known so many milliseconds around the beginning of 1970: 63 years.
LONG: Final = 2 * 10**12
_AROUND: Final = (-LONG, LONG)

Answers = list[tuple[bool | None, ...]]
Rows = Sequence[Mapping[str, Any]]
# For each row what each condition is.
Ask = Callable[[Program, Sequence[Expression], Rows], Answers]


def program_of(attributes: Mapping[str, Type], **parts: Any) -> Program:
    """A program without rules."""
    return Program(name="asked", schema=Schema(actions=frozenset(), attributes=attributes), **parts)


def attribute(path: str, declared: Type) -> nodes.Attribute:
    """An attribute."""
    return nodes.Attribute(path=path, type=declared)


def condition(operator: str, *operands: Expression) -> nodes.Operation:
    """A test."""
    return nodes.Operation(operator=operator, operands=operands, type=types.Bool())


def in_sqlite(program: Program, conditions: Sequence[Expression], rows: Rows, kinds: str = "") -> Answers:
    """The answers of SQLite; rows hold whatever its columns are to hold."""
    translated = [SqliteTranslation(program, _quoted("`"), _AROUND).condition(each) for each in conditions]
    asked = [rendered(each, "?") for each in translated]
    names = list(program.schema.attributes)
    connection = sqlite3.connect(":memory:")
    connection.execute(f"CREATE TABLE asked (id, {', '.join(f'`{name}` {kinds}' for name in names)})")
    connection.executemany(
        f"INSERT INTO asked VALUES (?{', ?' * len(names)})",  # noqa: S608 - names of ours
        [(number, *(row.get(name) for name in names)) for number, row in enumerate(rows)],
    )
    answers = connection.execute(
        f"SELECT {', '.join(text for text, _ in asked)} FROM asked ORDER BY id",  # noqa: S608 - what is under test
        [each for _, values in asked for each in values],
    ).fetchall()
    connection.close()
    return [tuple(None if each is None else bool(each) for each in answer) for answer in answers]


def in_polars(program: Program, conditions: Sequence[Expression], rows: Rows) -> Answers:
    """The answers of polars; rows hold what its columns are to hold."""
    columns = [
        pl.Series(name, [row.get(name) for row in rows], dtype=kind)
        for name, kind in natural_schema(program.schema.attributes).items()
    ]
    asked = [PolarsTranslation(program, pl.col, _AROUND).condition(each) for each in conditions]
    frame = pl.DataFrame(columns).with_columns(each.alias(f"answer {at}") for at, each in enumerate(asked))
    return frame.select(pl.col("^answer .*$")).rows()


@contextmanager
def in_postgresql() -> Generator[Ask]:
    """What asks PostgreSQL; rows hold what its columns are to hold."""
    reason = postgresql_server.missing()
    if reason is not None:
        pytest.skip(reason)
    with postgresql_server.server() as reached, postgresql_server.answering(reached) as answer:

        def ask(program: Program, conditions: Sequence[Expression], rows: Rows) -> Answers:
            translated = [PostgresqlTranslation(program, _quoted('"'), _AROUND).condition(each) for each in conditions]
            return answer(program.schema.attributes, [rendered(each, "%s") for each in translated], rows)

        yield ask


def _quoted(quote: str) -> Callable[[str], Fragment]:
    return lambda path: Fragment((f"{quote}{path}{quote}",))


@contextmanager
def asking(form: Form) -> Generator[Ask]:
    """What asks in a form; values of rows are those that the evaluators compute with."""
    if form == "postgresql":
        with in_postgresql() as ask:
            yield _storing(form, ask)
    else:
        yield _storing(form, in_sqlite if form == "sqlite" else in_polars)


def _storing(form: Form, ask: Ask) -> Ask:
    def ask_stored(program: Program, conditions: Sequence[Expression], rows: Rows) -> Answers:
        declared = program.schema.attributes
        held = [{path: stored(value, declared[path], form) for path, value in row.items()} for row in rows]
        return ask(program, conditions, held)

    return ask_stored


__all__ = ["LONG", "Ask", "asking", "attribute", "condition", "in_polars", "in_postgresql", "in_sqlite", "program_of"]
