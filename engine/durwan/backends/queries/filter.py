"""What a filter is: a decision of which only a part is known, as a query for the rest.

Three steps: what is known is written into the rules and worked out (`residual.py`); what is left is translated
by the walk in `translation.py`, for each form of a query by the file that has its name; `forms.py` says what columns
hold.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from durwan.backends.queries.filter_error import FilterError
from durwan.backends.queries.forms import Form, stored
from durwan.backends.queries.fragments import OWN, Fragment, Placeholders, rendered
from durwan.backends.queries.postgresql import PostgresqlTranslation
from durwan.backends.queries.residual import Residual, residual
from durwan.backends.queries.sqlite import SqliteTranslation
from durwan.model.request import Attributes, KeyLookup, no_keys
from durwan.model.types import Type
from durwan.program.nodes import FALSE
from durwan.program.program import Program
from durwan.program.wording import worded

if TYPE_CHECKING:
    import polars as pl

Dialect = Literal["sqlite", "postgresql"]

_YEAR: Final = 31_556_952_000
_PLACEHOLDERS: Final[Mapping[Dialect, Placeholders]] = {"sqlite": "?", "postgresql": "%s"}
# What databases take: SQLite 32,766 parameters as it comes, PostgreSQL 65,535; 1,664 and 2,000 values in a step.
_MOST_PARAMETERS: Final = 32_766
_MOST_VALUES: Final = 1_600
# PostgreSQL cuts longer names off.
_LONGEST_NAME: Final = 63


class SqlCondition(NamedTuple):
    """A condition in SQL, with the parameters for its placeholders in their order."""

    text: str
    parameters: tuple[Any, ...]


class Filter:
    """What must still be true for an action to be allowed, as a condition on the rows of a table.

    `Engine.filter` makes them. The condition is true for exactly those rows whose request would be allowed at the
    instant of the filter, limits aside; for others it is false, or NULL where something unknown is at fault. Ask
    `WHERE condition`, and for the others `WHERE (condition) IS NOT TRUE`.

    Attributes:
        action: the action.
        now: the instant, in milliseconds since the epoch.
        revision: the digest of the policy.
        columns: for each attribute that the condition asks for, by path, the name of its column.
    """

    def __init__(  # noqa: PLR0913 - `filter_of` makes them all
        self,
        found: Residual,
        *,
        action: str,
        now: int,
        revision: str,
        columns: Mapping[str, str] | None,
        window_years: int,
    ) -> None:
        self._residual = found
        self._instants = (now - window_years * _YEAR, now + window_years * _YEAR)
        self.action: Final = action
        self.now: Final = now
        self.revision: Final = revision
        self.columns: Final[Mapping[str, str]] = _named(found, columns)

    @property
    def always(self) -> Literal["allowed", "refused"] | None:
        """What becomes of every row, where what is known settles it."""
        return self._residual.always

    @property
    def text(self) -> str:
        """The condition in the words of the policy language."""
        return worded(self._residual.condition)

    def polars(self) -> pl.Expr:
        """The condition as a polars expression.

        Raises:
            DurwanError: polars is not installed.
        """
        from durwan.backends.columns.polars_interface import pl  # noqa: PLC0415 - polars is an extra
        from durwan.backends.queries.polars_translation import PolarsTranslation  # noqa: PLC0415 - polars is an extra

        columns = {path: pl.col(column) for path, column in self.columns.items()}
        translation = PolarsTranslation(self._residual.program, columns.get, self._instants)
        return translation.condition(self._residual.condition)

    def schema(self) -> pl.Schema:
        """The types that the columns have in polars.

        Raises:
            DurwanError: polars is not installed.
        """
        from durwan.backends.queries.polars_translation import natural_schema  # noqa: PLC0415 - polars is an extra

        return natural_schema(self.declared)

    @property
    def declared(self) -> dict[str, Type]:
        """The declared types of the attributes that the columns hold, by the name of the column."""
        return {self.columns[path]: each.type for path, each in self._residual.attributes.items()}

    def sql(
        self, dialect: Dialect = "sqlite", *, table: str | None = None, placeholders: Placeholders | None = None
    ) -> SqlCondition:
        """The condition as SQL text with placeholders, and their parameters. No value is ever part of the text.

        Args:
            dialect: the database: SQLite from 3.35, or PostgreSQL from 14 on.
            table: the table, or its alias, that columns are to be qualified with.
            placeholders: how the driver wants them; `?` for SQLite and `%s` for PostgreSQL unless given.

        Raises:
            FilterError: the condition has no form in this dialect; its text says which part has none.
        """
        if dialect not in _PLACEHOLDERS:
            raise FilterError(f"there is no dialect {dialect!r}: take one of {', '.join(_PLACEHOLDERS)}")
        quoted = {path: _quoted(column, table, dialect) for path, column in self.columns.items()}
        kind = SqliteTranslation if dialect == "sqlite" else PostgresqlTranslation
        translation = kind(self._residual.program, quoted.get, self._instants)
        text, parameters = rendered(
            translation.condition(self._residual.condition), placeholders or _PLACEHOLDERS[dialect]
        )
        if len(parameters) > _MOST_PARAMETERS or translation.steps.count > _MOST_VALUES:
            raise FilterError(
                f"the condition is too large for a database: {len(parameters)} parameters and "
                f"{translation.steps.count} computed values; make more of the request known"
            )
        return SqlCondition(text, parameters)

    def row(self, request: Mapping[str, Any], form: Form, *, keys: KeyLookup = no_keys) -> dict[str, Any]:
        """What the columns have to hold for a request, or for the part of one that is not known yet.

        Args:
            request: contexts by name, as `Engine.decide` takes them.
            form: where the columns are.
            keys: how the id of a key becomes its attributes.

        Raises:
            FilterError: no column can hold one of the values.
        """
        schema = self._residual.program.schema
        attributes = Attributes(replace(schema, scopes={}), request, keys)
        return {
            column: stored(attributes.read(path), schema.attributes[path], form)
            for path, column in self.columns.items()
        }


def filter_of(  # noqa: PLR0913 - what a filter is made of
    program: Program,
    action: str,
    known: Mapping[str, Any],
    *,
    now: int,
    keys: KeyLookup = no_keys,
    revision: str = "",
    columns: Mapping[str, str] | None = None,
    including_challenges: bool = False,
    window_years: int = 10,
) -> Filter:
    """The filter for an action; see `Engine.filter`.

    Raises:
        FilterError: the action, or something that is said to be known, is not declared.
    """
    schema = program.schema
    if not schema.actions:
        # An engine that has no policy decides by an empty one.
        found = Residual(program=program, condition=FALSE, fixed=frozenset())
        return Filter(found, action=action, now=now, revision=revision, columns=None, window_years=window_years)
    if action not in schema.actions:
        raise FilterError(_undeclared("action", action, schema.actions))
    contexts = {name: value for name, value in known.items() if "." not in name}
    attributes = {path: value for path, value in known.items() if "." in path}
    said: list[tuple[str, Collection[str], Collection[str]]] = [
        ("context", contexts, schema.contexts),
        ("attribute", attributes, schema.attributes.keys()),
        ("attribute", columns or (), schema.attributes.keys()),
    ]
    for kind, names, declared in said:
        for name in names:
            if name not in declared:
                raise FilterError(_undeclared(kind, name, declared))
    for path in attributes:
        if path.partition(".")[0] in contexts:
            raise FilterError(f"`{path}` is said to be known twice: give it with its context, or without the context")
    found = residual(
        program, action, contexts=contexts, attributes=attributes, now=now, keys=keys,
        including_challenges=including_challenges,
    )  # fmt: skip
    return Filter(found, action=action, now=now, revision=revision, columns=columns, window_years=window_years)


def _undeclared(kind: str, name: str, declared: Collection[str]) -> str:
    near = get_close_matches(name, declared, n=1)
    return f"no {kind} `{name}` is declared" + (f"; did you mean `{near[0]}`?" if near else "")


def _named(found: Residual, columns: Mapping[str, str] | None) -> dict[str, str]:
    """The names of the columns of the attributes that are asked for."""
    names = {path: (columns or {}).get(path) for path in found.attributes}
    taken = {name: path for path, name in names.items() if name is not None}
    for path, name in names.items():
        made = name or path.replace(".", "_")
        if name is None and taken.setdefault(made, path) != path:
            raise FilterError(f"`{taken[made]}` and `{path}` would have one column, `{made}`: name them by `columns`")
        if "\0" in made or made.lower().startswith(OWN):
            raise FilterError(f"the column of `{path}` cannot have the name `{made}`")
    return {path: name or path.replace(".", "_") for path, name in names.items()}


def _quoted(column: str, table: str | None, dialect: Dialect) -> Fragment:
    """The name of a column.

    Not in double quotes for SQLite, which takes such a name for a text where there is no such column.
    """
    names = [column] if table is None else [table, column]
    if dialect == "sqlite":
        return Fragment((".".join(f"`{name.replace('`', '``')}`" for name in names),))
    for name in names:
        if len(name.encode()) > _LONGEST_NAME:
            raise FilterError(f"PostgreSQL takes names of at most {_LONGEST_NAME} bytes, not `{name}`")
    return Fragment((".".join('"' + name.replace('"', '""') + '"' for name in names),))


__all__ = ["Dialect", "Filter", "FilterError", "SqlCondition", "filter_of"]
