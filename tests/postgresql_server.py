"""A server of PostgreSQL for the tests, where it is installed, and what asks it for the rows of a filter."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from durwan.backends.queries.filter import Filter
from durwan.model import types
from durwan.model.types import Type

_TYPES: Final[dict[type[Type], str]] = {
    types.Bool: "boolean", types.Int: "bigint", types.Number: "numeric", types.String: "text", types.Scope: "text",
    types.Address: "inet", types.Network: "cidr[]", types.Time: "timestamptz", types.Duration: "bigint",
}  # fmt: skip


def missing() -> str | None:
    """Why there is no server; None where there can be one."""
    if _folder() is None:
        return "PostgreSQL is not installed: there is no initdb"
    if find_spec("psycopg") is None:
        return "psycopg is not installed: pip install 'psycopg[binary]'"
    return "no user to run PostgreSQL as, which does not run as root" if _user() == "root" else None


def _folder() -> Path | None:
    """Where the programs of PostgreSQL are."""
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((each for each in folders if (each / "initdb").exists() and (each / "postgres").exists()), None)


def _user() -> str | None:
    """The user to run the server as; None for the one that the tests run as."""
    if sys.platform == "win32" or os.geteuid() != 0:
        return None
    import pwd

    names = {each.pw_name for each in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in names), "root")


@contextmanager
def server() -> Generator[str]:
    """A new server, which listens on a socket in a directory of its own; how it is reached, for libpq."""
    folder, user = _folder(), _user()
    assert folder is not None
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as place:
        if user is not None:
            shutil.chown(place, user)
        stored = f"{place}/data"
        initdb = [str(folder / "initdb"), "-D", stored, "-U", "durwan", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]
        subprocess.run(initdb, user=user, check=True, capture_output=True, cwd=place, timeout=60)
        options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={place}", "-c", "fsync=off"]
        running = subprocess.Popen(
            [str(folder / "postgres"), "-D", stored, *options], user=user, cwd=place,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            yield _awaited(f"host={place} user=durwan dbname=postgres")
        finally:
            # It does not wait for its clients then.
            running.send_signal(signal.SIGINT)
            running.wait(timeout=30)


def _awaited(reached: str) -> str:
    """The same, once the server answers."""
    import time

    psycopg = import_module("psycopg")
    for attempt in range(100):
        try:
            psycopg.connect(reached).close()
        except psycopg.OperationalError:
            if attempt == 99:
                raise
            time.sleep(0.1)
        else:
            break
    return reached


@contextmanager
def asking(reached: str) -> Generator[Callable[[Filter, Sequence[Mapping[str, Any]]], list[bool | None]]]:
    """What asks a temporary table of a server for the rows of a filter."""
    with answering(reached) as answer:

        def ask(found: Filter, rows: Sequence[Mapping[str, Any]]) -> list[bool | None]:
            return [one for (one,) in answer(found.declared, [found.sql("postgresql")], rows)]

        yield ask


@contextmanager
def answering(reached: str) -> Generator[Callable[..., list[tuple[bool | None, ...]]]]:
    """What asks a temporary table, of columns with declared types, for several conditions, one after the other."""
    connection = import_module("psycopg").connect(reached, autocommit=True)

    def ask(
        declared: Mapping[str, Type], conditions: Sequence[tuple[str, Sequence[Any]]], rows: Sequence[Mapping[str, Any]]
    ) -> list[tuple[bool | None, ...]]:
        kinds = {column: _type_of(each) for column, each in declared.items()}
        columns = "".join(f', "{name}" {kind}' for name, kind in kinds.items())
        places = "".join(f", CAST(%s AS {kind})" for kind in kinds.values())
        texts = ", ".join(text for text, _ in conditions)
        parameters = [each for _, values in conditions for each in values]
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS asked")
            cursor.execute(f"CREATE TEMPORARY TABLE asked (id integer{columns})")
            cursor.executemany(
                f"INSERT INTO asked VALUES (%s{places})",  # noqa: S608 - types of ours
                [(number, *(row.get(name) for name in kinds)) for number, row in enumerate(rows)],
            )
            cursor.execute(f"SELECT {texts} FROM asked ORDER BY id", parameters)  # noqa: S608 - what is under test
            return [*cursor.fetchall()]

    with connection:
        yield ask


def _type_of(declared: Type) -> str:
    if isinstance(declared, types.SetOf):
        return "bigint[]" if isinstance(declared.element, types.Int) else "text[]"
    return _TYPES[type(declared)]


__all__ = ["answering", "asking", "missing", "server"]
