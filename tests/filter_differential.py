"""The reference evaluator and filters on random programs and requests: a row is chosen exactly where it is allowed.

Run as a program for the long version: `python -m tests.filter_differential --pairs 100000`, by default in SQLite;
`--form polars`, or `--form postgresql` where it and psycopg are installed.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from random import Random
from typing import Any, Final, NamedTuple, cast

from durwan.backends.queries.filter import Filter, FilterError, filter_of
from durwan.backends.queries.forms import Form
from durwan.backends.queries.turns import turns
from durwan.model.types import TIME_MAX, TIME_MIN
from durwan.model.window import Window
from durwan.program import reference
from durwan.program.program import Program
from tests import postgresql_server
from tests.differential import KEYS, DisagreementError
from tests.generators.programs import ACTIONS, ATTRIBUTES, NOW, generate_program
from tests.generators.requests import generate_request, moment

REQUESTS: Final = 100
YEARS: Final = 60
CONTEXTS: Final = tuple(sorted({path.partition(".")[0] for path in ATTRIBUTES}))


class Asked(NamedTuple):
    """A filter, the rows that its table has, and for each whether the request that it stands for is allowed."""

    found: Filter
    rows: list[dict[str, Any]]
    wanted: list[bool]
    requests: list[Mapping[str, Any]]
    beyond: int


# What asks a table of a filter's rows: for each of them whether the condition is true, false, or unknown.
Ask = Callable[[Filter, Sequence[Mapping[str, Any]]], list[bool | None]]


def asked_of(seed: int, form: Form, requests: int = REQUESTS) -> Asked:
    """A random filter and random rows for it."""
    random = Random(seed)
    program = generate_program(seed)
    action, now = random.choice(ACTIONS), moment(random)
    including = random.random() < 0.3
    known = _known(random)
    found = filter_of(
        program, action, known, now=now, keys=KEYS.get, including_challenges=including, window_years=YEARS
    )
    asked = Asked(found, [], [], [], 0)
    bounded = _bounded(program, now)
    beyond = 0
    # What is settled is settled for all rows; a few of them show it.
    for _ in range(requests if found.always is None else requests // 10):
        request = {**generate_request(random), "action": action, "now": now}
        row = _row(found, request, form)
        if row is None:
            beyond += 1
            continue
        whole = _whole(request, known)
        decision = reference.decide(bounded, whole, clock=lambda: NOW, keys=KEYS.get)
        asked.rows.append(row)
        asked.requests.append(whole)
        asked.wanted.append(decision.effect in ({"allow", "challenge"} if including else {"allow"}))
    return asked._replace(beyond=beyond)


class _Within(Window):
    """A window as a filter knows it: unknown far from its instant, unless it has few turns."""

    def __init__(self, window: Window, now: int) -> None:
        super().__init__(window.spans, window.exceptions, window.calendars)
        far = YEARS * 31_556_952_000
        few = turns(window, 0, 0).starts[0] == TIME_MIN
        self.bounds = (TIME_MIN, TIME_MAX) if few else (now - far, now + far)

    def contains(self, instant: int) -> bool | None:
        return super().contains(instant) if self.bounds[0] <= instant <= self.bounds[1] else None


def _bounded(program: Program, now: int) -> Program:
    windows = {name: _Within(window, now) for name, window in program.windows.items()}
    return replace(program, windows=windows)


def _known(random: Random) -> dict[str, Any]:
    """Some contexts and some single attributes of a request."""
    request = generate_request(random)
    chosen = random.sample(CONTEXTS, random.randrange(4))
    known = {name: request.get(name) for name in chosen}
    for path in random.sample(list(ATTRIBUTES), random.randrange(3)):
        context, _, name = path.partition(".")
        if context not in known:
            contents: object = request.get(context)
            known[path] = cast("dict[str, object]", contents).get(name) if isinstance(contents, dict) else None
    return known


def _whole(request: Mapping[str, Any], known: Mapping[str, Any]) -> Mapping[str, Any]:
    """The request with what is known in it."""
    whole = dict(request)
    for path, value in known.items():
        context, _, name = path.partition(".")
        if not name:
            whole[context] = value
            continue
        contents = whole.get(context)
        if context == "key" and type(contents) is str:
            contents = KEYS.get(contents)
        whole[context] = {**(contents if isinstance(contents, Mapping) else {}), name: value}
    return whole


def _row(found: Filter, request: Mapping[str, Any], form: Form) -> dict[str, Any] | None:
    """The row of a request; None where columns cannot hold it."""
    try:
        return found.row(request, form, keys=KEYS.get)
    except FilterError:
        return None


def in_sqlite(found: Filter, rows: Sequence[Mapping[str, Any]]) -> list[bool | None]:
    """Asks a table of SQLite in memory."""
    text, parameters = found.sql("sqlite")
    names = ["id", *found.columns.values()]
    with sqlite3.connect(":memory:") as connection:
        connection.execute(f"CREATE TABLE asked ({', '.join(names)})")
        places = ", ".join("?" for _ in names)
        connection.executemany(
            f"INSERT INTO asked VALUES ({places})",  # noqa: S608 - names of ours
            [(number, *(row[name] for name in names[1:])) for number, row in enumerate(rows)],
        )
        answers = connection.execute(
            f"SELECT {text} FROM asked ORDER BY id",  # noqa: S608 - what is under test
            parameters,
        ).fetchall()
    connection.close()
    return [None if answer is None else bool(answer) for (answer,) in answers]


def in_polars(found: Filter, rows: Sequence[Mapping[str, Any]]) -> list[bool | None]:
    """Asks a frame of polars."""
    import polars as pl

    columns = [pl.Series("id", range(len(rows)))]
    for name, kind in found.schema().items():
        columns.append(pl.Series(name, [row[name] for row in rows], dtype=kind))
    frame = pl.DataFrame(columns)
    return frame.select(pl.col("id"), found.polars().alias("answer")).get_column("answer").to_list()


class Compared(NamedTuple):
    """How many rows were asked about, of them with a condition that was not settled, allowed; and that did not fit."""

    pairs: int = 0
    open: int = 0
    allowed: int = 0
    beyond: int = 0

    def __add__(self, other: tuple[int, ...]) -> Compared:  # type: ignore[override]  # a sum, not a longer tuple
        return Compared(*(one + more for one, more in zip(self, other, strict=True)))


def compare(seed: int, form: Form, ask: Ask, requests: int = REQUESTS) -> Compared:
    """Asks one filter by random rows."""
    asked = asked_of(seed, form, requests)
    got = ask(asked.found, asked.rows)
    for request, row, wanted, answer in zip(asked.requests, asked.rows, asked.wanted, got, strict=True):
        if (answer is True) is not wanted or asked.found.always not in {None, "allowed" if wanted else "refused"}:
            raise DisagreementError(
                f"seed {seed}\nrequest {request!r}\nrow     {row!r}\nwanted  {wanted}, got {answer}\n{asked.found.text}"
            )
    return Compared(len(got), 0 if asked.found.always else len(got), sum(asked.wanted), asked.beyond)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--form", choices=("sqlite", "polars", "postgresql"), default="sqlite")
    arguments = parser.parse_args()
    with asking(arguments.form) as ask:
        _run(arguments.form, ask, arguments.pairs, arguments.seed)


@contextmanager
def asking(form: Form) -> Generator[Ask]:
    """What asks tables of a form."""
    if form != "postgresql":
        yield {"sqlite": in_sqlite, "polars": in_polars}[form]
        return
    with postgresql_server.server() as reached, postgresql_server.asking(reached) as ask:
        yield ask


def _run(form: Form, ask: Ask, pairs: int, seed: int) -> None:
    began, done = time.monotonic(), Compared()
    while done.pairs < pairs:
        done, seed = done + compare(seed, form, ask), seed + 1
        if seed % 50 == 0:
            sys.stderr.write(f"\r{done.pairs:,} pairs, {done.pairs / (time.monotonic() - began):.0f}/s")
    sys.stdout.write(
        f"\n{done.pairs:,} pairs agree, {done.open:,} of them with a condition that was not settled; "
        f"{done.allowed:,} were allowed; {done.beyond:,} more no column could hold\n"
    )


if __name__ == "__main__":
    main()
