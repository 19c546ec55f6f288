"""What remains of a decision, as a caller of the engine sees it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from durwan import DurwanError, Engine, Filter, StaticKeys
from durwan.backends.queries.filter import FilterError, filter_of
from durwan.model.schema import Schema
from durwan.program.program import Program

NOW = "2026-03-02T09:00:00Z"
SNAPSHOT = Path(__file__).with_name("sql_snapshot.txt")
POLICY = """
actions { orders.create withdrawals.create reports.read nothing.allowed }
scopes { orders.read  orders.write includes orders.read  withdraw }

context risk { score : int 0..100   as_of : time   flagged : bool }
context account { tier : "basic" | "pro"   limit : decimal 0..1_000_000   spent : decimal   tags : set of string }

network office = { 203.0.113.0/24, 2001:db8:10::/48 }
set treasury = { "alice", "bob", "carol" }
window desk = mon..fri 08:00..18:00 "UTC"

deny risky on orders.create, withdrawals.create
  when risk.score >= 90 or risk.flagged
deny stale on withdrawals.create
  when now - risk.as_of > 30s
deny outside on withdrawals.create
  unless client.ip in office
challenge recent_mfa on withdrawals.create
  when now - session.mfa_at > 5m
  require mfa within 5m
allow pro on orders.create
  when account.tier == "pro" and key.scopes has orders.read
allow withdraw on withdrawals.create
  when key.scopes has withdraw and account.spent + request.notional * 1.5 <= account.limit default 100
   and approvals.by has at least 2 of treasury and account.tags has key.owner
   and request.address like "bc1*[x]?" and risk.as_of in desk and client.ip in key.networks
allow anyone on reports.read
limit many on orders.create to 1 per 1h per key.account
"""


@pytest.fixture(scope="module")
def engine() -> Engine:
    """An engine for the policy above, with one key."""
    key = {"id": "desk-7", "scopes": ["orders.write"], "account": "a"}
    return Engine.from_sources({"a.policy": POLICY}, keys=StaticKeys({"desk-7": key}))


def chosen(found: Filter, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """The numbers of the rows that both SQLite and polars choose; they must agree."""
    names = [*found.columns.values()]
    connection = sqlite3.connect(":memory:")
    connection.execute(f"CREATE TABLE accounts (id, {', '.join(names)})")
    connection.executemany(
        f"INSERT INTO accounts VALUES (?{', ?' * len(names)})",  # noqa: S608 - names of ours
        [(number, *found.row(row, "sqlite").values()) for number, row in enumerate(rows)],
    )
    condition = found.sql("sqlite", table="accounts")
    answer = connection.execute(
        f"SELECT id FROM accounts WHERE {condition.text} ORDER BY id",  # noqa: S608 - what is under test
        condition.parameters,
    ).fetchall()
    connection.close()
    columns = {
        name: pl.Series(name, [found.row(row, "polars")[name] for row in rows], dtype=kind)
        for name, kind in found.schema().items()
    }
    frame = pl.DataFrame(columns).with_row_index("id").filter(found.polars())
    assert frame.get_column("id").to_list() == [number for (number,) in answer]
    return [number for (number,) in answer]


# ------------------------------------------------------------------------------------------------------- what is known


def test_the_rows_that_may_do_it_now(engine: Engine) -> None:
    """What is known is worked out, and the rest is asked of the rows; what is unknown there is not allowed."""
    found = engine.filter("orders.create", key="desk-7", now=NOW)
    assert (found.always, found.text) == (None, '(risk.score < 90 and not risk.flagged) and account.tier == "pro"')
    assert found.columns == {
        "account.tier": "account_tier", "risk.flagged": "risk_flagged", "risk.score": "risk_score"
    }  # fmt: skip
    rows: list[dict[str, Any]] = [
        {"account": {"tier": "pro"}, "risk": {"score": 89, "flagged": False}},
        {"account": {"tier": "pro"}, "risk": {"score": 90, "flagged": False}},
        {"account": {"tier": "pro"}, "risk": {"flagged": False}},
        {"account": {"tier": "gold"}, "risk": {"score": 1, "flagged": False}},
        {"account": {"tier": "pro"}, "risk": {"score": -1, "flagged": False}},
        {"account": {"tier": "pro"}, "risk": {"score": 0, "flagged": False}},
    ]
    assert chosen(found, rows) == [0, 5]


def test_single_attributes_may_be_known(engine: Engine) -> None:
    """An attribute of a context of which the rest stands in columns; None is for what nobody knows."""
    known = {"risk.score": 10, "account.tier": "pro"}
    assert engine.filter("orders.create", known, key="desk-7").text == "not risk.flagged"
    assert engine.filter("orders.create", {**known, "risk.score": None}, key="desk-7").always == "refused"


def test_what_is_settled_needs_no_rows(engine: Engine) -> None:
    """A condition that is the same for all rows says so, and is a condition all the same."""
    allowed = engine.filter("reports.read")
    assert (allowed.always, allowed.columns, allowed.sql("sqlite")) == ("allowed", {}, ("TRUE", ()))
    refused = engine.filter("orders.create", risk={"score": 95})
    assert (refused.always, refused.columns, refused.sql("postgresql")) == ("refused", {}, ("FALSE", ()))
    assert engine.filter("nothing.allowed").always == "refused"
    assert pl.DataFrame({"id": [1, 2]}).filter(allowed.polars()).height == 2
    assert pl.DataFrame({"id": [1, 2]}).filter(refused.polars()).height == 0


def test_a_challenge_counts_as_allowed_only_where_that_is_asked(engine: Engine) -> None:
    """Whom a challenge would still let through is not allowed now, unless the caller wants to know."""
    known: dict[str, Any] = {
        "client": {"ip": "203.0.113.9"},
        "key": {"scopes": ["withdraw"], "owner": "bob", "networks": ["203.0.113.9"]},
        "request": {"notional": "1", "address": "bc1q[x]?"},
        "approvals": {"by": ["alice", "bob"]},
        "account": {"limit": "100", "spent": "0", "tags": ["bob"]},
        "risk": {"score": 1, "flagged": False, "as_of": NOW},
    }
    now = engine.filter("withdrawals.create", now=NOW, **known)
    assert now.text == "session.mfa_at >= 2026-03-02T08:55:00Z"
    later = engine.filter("withdrawals.create", now=NOW, including_challenges=True, **known)
    assert later.always == "allowed"


def test_scopes_in_columns_include_what_they_include(engine: Engine) -> None:
    """A column holds the scopes that were given; who may write may read."""
    found = engine.filter("orders.create", account={"tier": "pro"}, risk={"score": 1, "flagged": False})
    rows: list[dict[str, Any]] = [
        {"key": {"scopes": each}} for each in (["orders.write"], ["orders.read"], ["withdraw"], [])
    ]
    assert found.row(rows[0], "sqlite") == {"key_scopes": '["orders.write"]'}
    assert chosen(found, [*rows, {}]) == [0, 1]


def test_windows_of_attributes_are_known_around_the_instant() -> None:
    """Whether an attribute lies in a window that opens each day is known for some years, and unknown beyond."""
    text = """
        actions { a }
        context c { at : time }
        window desk = mon..fri 08:00..18:00 "UTC"
        allow a on a when c.at in desk
    """
    small = Engine.from_sources({"a.policy": text})
    rows: list[dict[str, Any]] = [
        {"c": {"at": each}} for each in (NOW, "2026-03-01T09:00:00Z", "2030-03-04T09:00:00Z", "2040-03-05T09:00:00Z")
    ]
    assert chosen(small.filter("a", now=NOW), rows) == [0, 2]
    assert chosen(small.filter("a", now=NOW, window_years=1), rows) == [0]
    assert chosen(small.filter("a", now=NOW, window_years=20), rows) == [0, 2, 3]


def test_an_engine_without_a_policy_refuses_all_rows() -> None:
    """Where every request is denied, so is every row."""
    found = filter_of(Program(name="", schema=Schema(actions=frozenset())), "anything", {"risk": {}}, now=0)
    assert (found.always, found.sql("sqlite").text) == ("refused", "FALSE")


# ----------------------------------------------------------------------------------------------------------------- SQL


def test_the_text_of_both_dialects() -> None:
    """The SQL is what it was when it was last read; after a change, read it, and write it to the file anew."""
    engine = Engine.from_sources({"a.policy": POLICY})
    parts: list[str] = []
    for action in ("orders.create", "withdrawals.create"):
        found = engine.filter(action, now=NOW, approvals={"by": ["alice", "bob"]})
        parts += [f"-- {action}: {found.text}"]
        for dialect in ("sqlite", "postgresql"):
            text, parameters = found.sql(dialect)
            parts += [f"-- {dialect}", text, *(f"--   {each!r}"[:200] for each in parameters)]
    got = "\n".join(parts) + "\n"
    assert got == SNAPSHOT.read_text(encoding="utf-8"), f"to renew it, write this to {SNAPSHOT.name}:\n{got}"


def test_no_value_is_part_of_the_text() -> None:
    """Whatever a policy or a caller says comes as a parameter, in all dialects."""
    hostile = "'; DROP TABLE accounts; -- `\" %s ? $1"
    text = f"""
        actions {{ a }}
        context c {{ x : string  y : string  n : int  s : set of string }}
        set odd = {{ {_quoted(hostile)} }}
        allow a on a
          when c.x == {_quoted(hostile)} and c.x in odd and c.s has any of {{ {_quoted(hostile)}, "b" }}
           and c.x like {_quoted(hostile + "*")} and c.y default {_quoted(hostile)} == c.x and c.n < 777777
    """
    found = Engine.from_sources({"a.policy": text}).filter("a", {"c.y": hostile})
    for dialect in ("sqlite", "postgresql"):
        condition = found.sql(dialect)
        assert "DROP" not in condition.text
        assert "777777" not in condition.text
        assert any("DROP" in str(each) for each in condition.parameters)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def test_names_of_columns_are_quoted(engine: Engine) -> None:
    """A name may be any text; it is never taken for anything else, and in SQLite never for a text."""
    names = {"account.tier": 'ti`er" %', "risk.score": "select", "risk.flagged": "Flagged?"}
    found = engine.filter("orders.create", key="desk-7", columns=names)
    assert set(found.columns.values()) == set(names.values())
    connection = sqlite3.connect(":memory:")
    connection.execute('CREATE TABLE t ("ti`er"" %", "select", "Flagged?")')
    connection.execute("INSERT INTO t VALUES ('pro', 1, 0)")
    text, parameters = found.sql("sqlite")
    assert connection.execute(f"SELECT count(*) FROM t WHERE {text}", parameters).fetchone() == (1,)  # noqa: S608 - what is under test
    connection.execute('ALTER TABLE t RENAME "select" TO score')
    with pytest.raises(sqlite3.OperationalError, match="no such column"):
        connection.execute(f"SELECT count(*) FROM t WHERE {text}", parameters)  # noqa: S608 - what is under test
    connection.close()
    assert '"a"."ti`er"" %%"' in found.sql("postgresql", table="a").text
    assert '"ti`er"" %"' in found.sql("postgresql", placeholders="$1").text


def test_placeholders_are_those_of_the_driver(engine: Engine) -> None:
    """Each has one parameter, in its order."""
    found = engine.filter("orders.create", key="desk-7")
    numbered = found.sql("postgresql", placeholders="$1")
    assert numbered.parameters == (0, 100, 90, ["basic", "pro"], "pro")
    assert all(f"${number}" in numbered.text for number in (1, 2, 3, 4, 5))
    assert "$6" not in numbered.text
    assert found.sql("postgresql").text.count("%s") == 5
    assert found.sql("sqlite").text.count("?") == len(found.sql("sqlite").parameters) == 6


# -------------------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("action", "known", "named", "message"),
    [
        ("order.create", {}, {}, "no action `order.create` is declared; did you mean `orders.create`?"),
        ("orders.create", {"riks": {}}, {}, "no context `riks` is declared; did you mean `risk`?"),
        ("orders.create", {"risk.scor": 1}, {}, "no attribute `risk.scor` is declared; did you mean `risk.score`?"),
        ("orders.create", {}, {"columns": {"risk.scores": "x"}}, "no attribute `risk.scores` is declared"),
        ("orders.create", {"risk.score": 1, "risk": {}}, {}, "`risk.score` is said to be known twice"),
        ("orders.create", {"risk": {}}, {"risk": {}}, "the context `risk` is given twice"),
        ("orders.create", {}, {"now": "soon"}, "`now` is an instant, as in a request, not 'soon'"),
        ("orders.create", {}, {"columns": {"risk.score": "durwan_1"}}, "the column of `risk.score` cannot have"),
        ("orders.create", {}, {"columns": {"risk.score": "account_tier"}}, "have one column, `account_tier`"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_told(
    engine: Engine, action: str, known: dict[str, Any], named: dict[str, Any], message: str
) -> None:
    """A misspelt name is an error here: it would choose other rows than were meant."""
    with pytest.raises(FilterError) as raised:
        engine.filter(action, known, **named)
    assert message in str(raised.value)
    assert isinstance(raised.value, DurwanError)


def test_what_a_dialect_does_not_take_is_told(engine: Engine) -> None:
    """An unknown dialect, and a name that PostgreSQL would cut off."""
    found = engine.filter("orders.create", key="desk-7", columns={"risk.score": "s" * 64})
    with pytest.raises(FilterError, match="there is no dialect 'mysql'"):
        found.sql("mysql")  # type: ignore[arg-type]
    with pytest.raises(FilterError, match="names of at most 63 bytes"):
        found.sql("postgresql")
    assert found.sql("sqlite").text


def test_a_pattern_that_sqlite_refuses_is_told_with_its_condition() -> None:
    """SQLite takes no pattern of more than 50,000 bytes; PostgreSQL does."""
    text = f'actions {{ a }}\ncontext c {{ x : string }}\nallow a on a when c.x like "{"a" * 50_001}*"'
    found = Engine.from_sources({"a.policy": text}).filter("a")
    with pytest.raises(FilterError, match=r"`c\.x like"):
        found.sql("sqlite")
    assert len(found.sql("postgresql").parameters) == 1


def test_a_request_that_no_column_holds_is_told(engine: Engine) -> None:
    """Half of a surrogate pair, or a NUL, is not written into a column as something else."""
    found = engine.filter("withdrawals.create")
    for address in ("\ud800", "a\0b"):
        with pytest.raises(FilterError, match="cannot be held by a column"):
            found.row({"request": {"address": address}}, "sqlite")


def test_a_known_text_that_no_column_holds_is_nobodys() -> None:
    """Half of a surrogate pair in what is known equals no column, is in no set of a column, and raises nothing."""
    text = """
        actions { a }
        context c { x : string  y : string  s : set of string  t : set of string }
        deny b on a when c.x == c.y
        allow a on a when c.x != c.y and not (c.t has c.x) and not (c.s has c.y)
    """
    found = Engine.from_sources({"a.policy": text}).filter("a", {"c.x": "\ud800", "c.s": ["\ud800", "a"]})
    rows: list[dict[str, Any]] = [
        {"c": {"y": "b", "t": ["b"]}}, {"c": {"y": "a", "t": ["b"]}}, {"c": {"y": "b"}}, {"c": {"t": []}}
    ]  # fmt: skip
    assert chosen(found, rows) == [0]
