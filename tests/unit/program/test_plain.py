"""Programs as plain data: nothing is lost on the way there and back, and nothing else is taken for a program."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from durwan.backends.bytecode import Evaluator
from durwan.compilation import compile_directory, compile_sources
from durwan.model.types import Bool
from durwan.program import nodes, reference
from durwan.program.fingerprint import fingerprint
from durwan.program.operators import OPERATORS
from durwan.program.plain import PlainProgramError, read_program, write_program
from durwan.program.plain.expressions import DEEPEST
from durwan.program.plain.form import is_array, is_object
from durwan.program.plain.type_forms import LITERALS
from durwan.program.program import Body, Program, Rule
from tests.generators.programs import NOW, generate_program
from tests.generators.requests import generate_request

ROOT = Path(__file__).parents[3]
SETS = [ROOT / "policies", *sorted(path.parent / "policy" for path in ROOT.glob("tests/conformance/*/requests.yaml"))]

SMALL = {
    "desk.policy": """
        context risk { score : int 0..100  level : "low" | "high"  limit : decimal 0..1_000.50 }
        actions { orders.create orders.cancel }
        scopes { orders.read  orders.write includes orders.read }
        set desks = { "a", "b" }
        set lots = { 1, 5 }
        network office = { 203.0.113.0/24, 2001:db8::/48 }
        window hours = mon..fri 08:00..18:00 "Europe/London", dates 2026-12-24..2026-12-26 "UTC", calendar "own" pre 5m
          except 2026-03-02T00:00:00Z..2026-03-03T00:00:00Z
        let calm = risk.score default 100 < 50
        let calm_here = calm and client.ip in office

        # Why it is shut.
        deny shut on orders.* when not (now in hours) unless request.notional <= 10.50 or key.labels has any of desks
          because "closed" respond 423 shut
        challenge again on orders.create when now - session.mfa_at > 5m require mfa within 5m
        challenge two on orders.create when request.notional > 100 require approvals 2 of desks
        allow trade on orders.create when key.scopes has orders.write and calm_here
          with { fee: 0.5, cap: 10, live: true }
        shadow allow every on *
          when request.symbol like "BTC-*" and client.ip in { 10.0.0.0/8 } and request.weight in lots
        limit rate on orders.create to 100 per 10s cost request.weight default 1 per key.account, client.ip
        invariant never_high never allow on orders.create when risk.level == "high"
    """,
    "own.txt": "covers 2026-01-01T00:00:00Z..2027-01-01T00:00:00Z\n2026-01-02T14:30:00Z..2026-01-02T21:00:00Z\n",
    "policy.yaml": "name: small\ncalendars: { own: own.txt }\n",
}


@pytest.fixture(scope="module")
def small() -> Program:
    """A program in which everything occurs that a program can hold."""
    return compile_sources(SMALL).program


@pytest.fixture
def plain(small: Program) -> dict[str, Any]:
    """The same as plain data, to be spoilt."""
    return through_json(write_program(small))


def through_json(plain: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(plain, sort_keys=True))
    return found


def assert_comes_back(program: Program) -> None:
    plain = through_json(write_program(program))
    again = read_program(plain)
    assert again == program
    assert fingerprint(again) == fingerprint(program)
    assert through_json(write_program(again)) == plain


# --------------------------------------------------------------------------------------------------- there and back


@settings(max_examples=150, deadline=None)
@given(st.integers(min_value=0, max_value=1 << 40))
def test_a_generated_program_comes_back(seed: int) -> None:
    """Any checked program comes back equal, with the same revision, and is written alike again."""
    assert_comes_back(generate_program(seed))


@pytest.mark.parametrize(
    "place", SETS, ids=[place.parent.name if place.name == "policy" else place.name for place in SETS]
)
def test_a_compiled_set_comes_back(place: Path) -> None:
    """So do the reference set and the sets of the conformance suite."""
    assert_comes_back(compile_directory(str(place)).program)


def test_all_that_a_program_can_hold_comes_back(small: Program) -> None:
    """So does every kind of declaration, with its documentation."""
    assert_comes_back(small)
    assert read_program(through_json(write_program(small))).rules[0].documentation == "Why it is shut."


def test_numbers_keep_their_digits_and_kinds() -> None:
    """`2.50` stays `2.50`, and a decimal that is whole does not become an int: the revision tells them apart."""
    values: list[nodes.Literal] = [
        nodes.DecimalLiteral(value=Decimal(text)) for text in ("2.50", "2.5", "0", "1E+3", "1E-18", "-0.10")
    ]
    attribute = nodes.Attribute(path="request.notional", type=generate_program(0).schema.attributes["request.notional"])
    for value in [*values, nodes.IntLiteral(value=0), nodes.IntLiteral(value=-(2**63))]:
        test = nodes.Operation(operator="==", operands=(attribute, value), type=Bool())
        assert_comes_back(replace(generate_program(0), rules=(_rule(test),)))


def _rule(condition: nodes.Expression) -> Rule:
    actions = tuple(sorted(generate_program(0).schema.actions))
    return Rule(
        effect="allow", name="only", actions=actions, body=Body(when=condition), order=0, status=200, code="allowed",
        reason="",
    )  # fmt: skip


def test_the_order_of_tables_changes_nothing(small: Program) -> None:
    """Tables are written in one order, whatever order they are held in."""
    backwards = replace(
        small,
        lets=dict(reversed(list(small.lets.items()))),
        networks=dict(reversed(list(small.networks.items()))),
        sets=dict(reversed(list(small.sets.items()))),
    )
    assert json.dumps(write_program(backwards), sort_keys=True) == json.dumps(write_program(small), sort_keys=True)


def test_where_a_rule_stands_and_how_it_reads_is_kept(small: Program) -> None:
    """Spans keep the file and the line, and of conditions the text."""
    again = read_program(through_json(write_program(small)))
    for before, after in zip(small.rules, again.rules, strict=True):
        assert before.span is not None
        assert after.span is not None
        assert after.span.source.path == before.span.source.path
        assert after.span.text == before.span.text
        assert after.span.source.position(after.span.start)[0] == before.span.source.position(before.span.start)[0]
    for rule in again.rules:
        parts = rule.body.when.operands if isinstance(rule.body.when, nodes.And) else (rule.body.when,)
        assert all(part.span is not None for part in parts)
    trade = next(rule for rule in again.rules if rule.name == "trade")
    assert isinstance(trade.body.when, nodes.And)
    texts = [part.span.text for part in trade.body.when.operands if part.span is not None]
    assert texts == ["key.scopes has orders.write", "calm_here"]


def test_as_deep_as_the_language_goes_is_read() -> None:
    """What the compiler takes with its limit of nesting at the highest, lets written out, comes back."""
    lets = "".join(f"let l{n} = not l{n - 1} or risk.score is unknown\n" for n in range(1, 60))
    text = f"context risk {{ score : int }} actions {{ a.b }} let l0 = risk.score < 5\n{lets}allow x on a.b when l59"
    assert_comes_back(compile_sources({"a.policy": text, "policy.yaml": "limits: { nesting: 128 }"}).program)


def test_words_for_nodes_and_operators_differ() -> None:
    """No operator has the name of another kind of expression."""
    words = {"now", "let", "set", "network", "window", "literals", "networks", "default", "known", "and", "or", "not"}
    assert not (words | set(LITERALS)) & set(OPERATORS)


# ------------------------------------------------------------------------------------------------- what is refused


def test_a_program_that_no_compiler_makes_is_not_written(small: Program) -> None:
    """Orders that do not count, or lets that go round, are a defect of who made the program."""
    with pytest.raises(ValueError, match="count from 0"):
        write_program(replace(small, rules=(replace(small.rules[0], order=1),)))
    loop = nodes.LetReference(name="calm", type=Bool())
    with pytest.raises(ValueError, match="refers to itself"):
        write_program(replace(small, lets={"calm": nodes.Not(operand=loop)}))


Spoil = Callable[[dict[str, Any]], object]


def _when(expression: Any) -> Spoil:
    """Gives the first rule this condition."""

    def spoil(plain: dict[str, Any]) -> None:
        del plain["rules"][0]["text"]
        plain["rules"][0]["when"] = expression

    return spoil


def _nested(depth: int) -> Any:
    expression: Any = ["known", "key.id"]
    for _ in range(depth):
        expression = ["not", expression]
    return expression


def _bomb(plain: dict[str, Any]) -> None:
    """Each let is twice the one before."""
    plain["lets"] = [["l0", ["known", "key.id"]]]
    plain["lets"] += [[f"l{i}", ["and", ["let", f"l{i - 1}"], ["let", f"l{i - 1}"]]] for i in range(1, 40)]


def _deep(plain: dict[str, Any]) -> None:
    """Each let is deeper than the one before."""
    plain["lets"] = [["l0", ["known", "key.id"]]]
    plain["lets"] += [[f"l{i}", ["not", ["let", f"l{i - 1}"]]] for i in range(1, DEEPEST + 10)]


REFUSED: list[tuple[str, Spoil, str]] = [
    # Expressions.
    ("unknown kind", _when(["xor", "risk.score", ["int", 1]]), "does not know expressions of the kind `xor`"),
    ("no expression", _when(5), "this is no expression: 5"),
    ("empty expression", _when([]), "this is no expression"),
    ("object", _when({"and": []}), "this is no expression"),
    ("undeclared attribute", _when(["known", "risk.scor"]), "no declared attribute: `risk.scor`"),
    ("undeclared operand", _when(["<", "risk.scor", ["int", 1]]), "no declared attribute: `risk.scor`"),
    ("undeclared let", _when(["let", "clam"]), "the let `clam` is not declared"),
    ("undeclared set", _when(["in_set", "request.symbol", ["set", "desk", "string"]]), "set 'desk' is not declared"),
    ("set of another kind", _when(["in_set", "request.symbol", ["set", "desks", "int"]]), "kind of the set `desks`"),
    ("undeclared network", _when(["in_network", "client.ip", ["network", "home"]]), "network 'home' is not declared"),
    ("undeclared window", _when(["in_window", ["now"], ["window", "night"]]), "the window 'night' is not declared"),
    ("undeclared scope", _when(["has", "key.scopes", ["scope", "orders.steal"]]), "`orders.steal` is not declared"),
    ("undeclared scope in a set", _when(["has_any", "key.scopes", ["literals", "scope", ["x"]]]), "scope that is not"),
    ("one operand", _when(["<", "risk.score"]), "`<` does not take an int"),
    ("three operands", _when(["<", "risk.score", ["int", 1], ["int", 2]]), "`<` does not take an int, an int literal"),
    ("no operand", _when(["<"]), "`<` does not take nothing"),
    ("other types", _when(["<", "risk.score", ["string", "a"]]), "does not take an int, a string literal"),
    ("no order", _when(["<", "key.id", "key.id"]), "does not take a string, a string"),
    ("a bool is no int", _when(["<", "risk.score", ["int", True]]), "no whole number of 64 bits: True"),
    ("too large", _when(["<", "risk.score", ["int", 2**63]]), "no whole number of 64 bits"),
    ("float", _when(["<", "risk.score", ["decimal", 0.5]]), "is no decimal: 0.5"),
    ("NaN", _when(["<", "request.notional", ["decimal", "NaN"]]), "is no decimal: 'NaN'"),
    ("too many digits", _when(["<", "request.notional", ["decimal", "1E+18"]]), "is no decimal"),
    ("another spelling", _when(["<", "request.notional", ["decimal", "01"]]), "is no decimal"),
    ("huge exponent", _when(["<", "request.notional", ["decimal", "1E+999"]]), "is no decimal"),
    ("mapped address", _when(["==", "client.ip", ["ip", "::ffff:10.0.0.1"]]), "is no address"),
    ("beyond time", _when(["<", ["now"], ["time", 2**62]]), "no whole number from"),
    ("members that do not ascend", _when(["in_set", "risk.score", ["literals", "int", [2, 1]]]), "do not ascend"),
    ("a member twice", _when(["in_set", "risk.score", ["literals", "int", [1, 1]]]), "do not ascend"),
    ("members of two kinds", _when(["in_set", "risk.score", ["literals", "int", [1, "2"]]]), "no whole number"),
    ("a set of sets", _when(["in_set", "risk.score", ["literals", "set", [1]]]), "the kind of a set of literals"),
    ("breaks that do not ascend", _when(["in_network", "client.ip", ["networks", "0a0000010a000000", ""]]), "ascend"),
    ("half an address", _when(["in_network", "client.ip", ["networks", "0a0000", ""]]), "what is no address"),
    ("no hex", _when(["in_network", "client.ip", ["networks", "0A000000", ""]]), "what is no address"),
    ("one of two families", _when(["in_network", "client.ip", ["networks", "0a000000"]]), "no array of 2"),
    ("and of one", _when(["and", ["known", "key.id"]]), "`and` joins two conditions or more"),
    ("and of numbers", _when(["and", "risk.score", "risk.score"]), "an int stands where a condition belongs"),
    ("a number as condition", _when("risk.score"), "an int stands where a condition belongs"),
    ("a set as condition", _when(["set", "desks", "string"]), "a named set of string stands where a condition belongs"),
    ("default by attribute", _when(["default", "key.revoked", "key.revoked"]), "a bool is no default of a bool"),
    ("default of another type", _when(["default", "key.revoked", ["int", 0]]), "int literal is no default of a bool"),
    ("let without name", _when(["let"]), "a reference is no array of 2"),
    ("now with more", _when(["now", 1]), "`now` is no array of 1"),
    ("nested too deeply", _when(_nested(DEEPEST + 1)), f"nested deeper than {DEEPEST}"),
    ("lets that double", _bomb, "parts, lets written out"),
    ("lets too deep", _deep, f"nested deeper than {DEEPEST}"),
    ("let before it is declared", lambda p: p["lets"].reverse(), "the let `calm` is not declared before it is used"),
    ("let twice", lambda p: p["lets"].append(p["lets"][0]), "the let `calm` is declared twice"),
    ("let of a set", lambda p: p["lets"].append(["x", ["set", "desks", "string"]]), "a let stands for one value"),
    # Declarations.
    ("no program", lambda p: p.clear(), "the program has no `actions`"),
    ("more than a program", lambda p: p.update(exec="x"), "a field that is not known: `exec`"),
    ("a rule less", lambda p: p.update(rules=None), "the rules is no array"),
    ("a rule that is none", lambda p: p["rules"].append(1), "a rule is no object"),
    ("a rule with more", lambda p: p["rules"][0].update(priority=1), "not known: `priority`"),
    ("a rule without a name", lambda p: p["rules"][0].update(name=""), "its name is no name"),
    ("two of a name", lambda p: p["rules"].append(p["rules"][0]), "another one has the same name"),
    ("another effect", lambda p: p["rules"][0].update(effect="permit"), "its effect is none of allow, deny, challenge"),
    ("undeclared action", lambda p: p["rules"][0].update(on=["orders.delete"]), "`orders.delete` is not declared"),
    ("actions in no order", lambda p: p["rules"][0]["on"].reverse(), "its actions do not ascend"),
    ("actions of no kind", lambda p: p["rules"][0].update(on=[["orders.create"]]), "one of its actions is no name"),
    ("an allow that refuses", lambda p: p["rules"][3].update(status=403, code="x"), "from 200 to 200"),
    ("a deny that does not", lambda p: p["rules"][0].update(status=200), "from 400 to 599"),
    ("a deny without its answer", lambda p: p["rules"][0].pop("status"), "from 400 to 599"),
    ("a deny that asks", lambda p: p["rules"][0].update(require={"kind": "login"}), "a challenge asks for something"),
    ("a challenge that does not", lambda p: p["rules"][1].pop("require"), "a challenge asks for something"),
    ("another remedy", lambda p: p["rules"][1].update(require={"kind": "pay"}), "what it requires is none of"),
    ("a remedy with more", lambda p: p["rules"][1]["require"].update(of="desks"), "not known: `of`"),
    ("approvers of no set", lambda p: p["rules"][2]["require"].update(of="nobody"), "has not so many approvers"),
    ("too few approvers", lambda p: p["rules"][2]["require"].update(count=3), "has not so many approvers"),
    ("a shadow of 1", lambda p: p["rules"][0].update(shadow=1), "neither true nor false"),
    ("an obligation twice", lambda p: p["rules"][3]["with"].append(["fee", 1]), "`fee` stands twice"),
    ("an obligation of null", lambda p: p["rules"][3]["with"].append(["x", None]), "an obligation is no whole number"),
    ("a place in no file", lambda p: p["rules"][0].update(at=[7, 1]), "its file is no whole number"),
    ("texts of another shape", lambda p: p["rules"][0].update(text=["x"]), "its texts is no array of 2"),
    ("a limit of nothing", lambda p: p["limits"][0].update(count="0"), "its count is not above zero"),
    ("a limit without end", lambda p: p["limits"][0].update(period=0), "its period is no whole number"),
    ("a limit per condition", lambda p: p["limits"][0].update(per=["key.scopes"]), "no attribute of a single value"),
    ("a limit per nothing", lambda p: p["limits"][0].update(per=[]), "per nothing"),
    ("a cost that is no number", lambda p: p["limits"][0].update(cost="key.id"), "its cost is no number"),
    ("an invariant of another kind", lambda p: p["invariants"][0].update(holds="often"), "none of never, always"),
    # Tables.
    ("a set without a name", lambda p: p["sets"].update({"": []}), "one of the sets has no name"),
    ("tables of no kind", lambda p: p.update(sets=[]), "the sets are no object"),
    ("an unknown type", lambda p: p["attributes"].update({"key.id": "text"}), "no type that is known: 'text'"),
    ("a set of decimals", lambda p: p["attributes"].update({"key.id": ["set", "decimal"]}), "no type that is known"),
    ("an empty range", lambda p: p["attributes"].update({"key.id": ["int", 5, 4]}), "the upper bound"),
    ("an attribute without context", lambda p: p["attributes"].update({"key": "bool"}), "has no context"),
    ("a scope without itself", lambda p: p["scopes"].update({"orders.read": []}), "does not include itself"),
    ("a set in no order", lambda p: p["sets"]["desks"].reverse(), "members of the set `desks` do not ascend"),
    ("a set of two kinds", lambda p: p["sets"]["desks"].append(1), "is no string: 1"),
    ("a set of true", lambda p: p["sets"].update(lots=[True]), "is no string: True"),
    ("another span", lambda p: p["windows"]["hours"]["spans"].append(["moon", 1]), "a span that is not known"),
    ("a calendar that is not there", lambda p: p["calendars"].clear(), "a span that is not known: ['calendar', 'own'"),
    ("a zone that is not named", lambda p: p["zones"].pop("UTC"), "a span that is not known: ['dates'"),
    ("a day too many", lambda p: p["windows"]["hours"]["spans"][0][1].append(7), "no whole number from 0 to 6"),
    ("no date", lambda p: p["windows"]["hours"]["spans"][1].__setitem__(1, "2026-02-30"), "a date that is none"),
    ("another date", lambda p: p["windows"]["hours"]["spans"][1].__setitem__(1, "20260301"), "a date that is none"),
    ("sessions in no order", lambda p: p["calendars"]["own"]["sessions"].append([0, 1]), "out of order"),
    ("half a session", lambda p: p["calendars"]["own"]["sessions"].append([0]), "without an end"),
    ("a zone that does not exist", lambda p: p["zones"].update({"Mars/Base": ["x", "y"]}), "not know the time zone"),
    ("a zone that is a path", lambda p: p["zones"].update({"../passwd": ["x", "y"]}), "not know the time zone"),
]  # fmt: skip


@pytest.mark.parametrize(("spoil", "message"), [each[1:] for each in REFUSED], ids=[each[0] for each in REFUSED])
def test_what_is_no_program_is_refused_by_name(plain: dict[str, Any], spoil: Spoil, message: str) -> None:
    """A defect of whoever wrote the data is told in one sentence, with the declaration that it is in."""
    read_program(deepcopy(plain))
    spoil(plain)
    with pytest.raises(PlainProgramError, match=message.replace("(", r"\(").replace("[", r"\[")):
        read_program(plain)


def test_a_mistake_in_a_rule_names_the_rule(plain: dict[str, Any]) -> None:
    """Its message begins with the rule."""
    plain["rules"][1]["when"] = ["let", "x"]
    del plain["rules"][1]["text"]
    with pytest.raises(PlainProgramError, match=r"^the rule 'again': the let `x` is not declared"):
        read_program(plain)


# ----------------------------------------------------------------------------------------------------- time zones


def test_a_zone_of_other_bytes_and_the_same_clocks_will_do(plain: dict[str, Any]) -> None:
    """Time-zone data is packed in more than one way."""
    plain["zones"]["Europe/London"][0] = "0" * 64
    assert read_program(plain).windows


def test_a_zone_of_other_clocks_is_refused(plain: dict[str, Any]) -> None:
    """A window must not mean another hour here than where it was tested."""
    plain["zones"]["Europe/London"] = ["0" * 64, "0" * 64]
    with pytest.raises(PlainProgramError, match="clocks in Europe/London go otherwise here"):
        read_program(plain)


# --------------------------------------------------------------------------------------------------- anything else


_JUNK: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**63, 0.5, "", "x", "key.id", "now", "\ud800", [], {}, [[]], ["and"], ["now"],
    ["int", 1], ["literals", "int", [1]], ["string", "a"], {"x": 1}, ["let", "l0"], ["not", ["not", []]], "0a0000",
)  # fmt: skip


def _places(plain: Any) -> Iterator[tuple[Any, Any]]:
    """Every container of plain data with each of its keys."""
    if is_object(plain) or is_array(plain):
        pairs: list[tuple[Any, Any]] = list(plain.items()) if is_object(plain) else list(enumerate(plain))
        for key, value in pairs:
            yield plain, key
            yield from _places(value)


def _spoil(plain: Any, random: Random) -> None:
    """Puts something else somewhere: junk, a piece of the same data, or nothing."""
    places = list(_places(plain))
    container, key = random.choice(places)
    chance = random.random()
    if chance < 0.2:
        del container[key]
    elif chance < 0.5:
        other, place = random.choice(places)
        container[key] = deepcopy(other[place])
    else:
        container[key] = deepcopy(random.choice(_JUNK))


def test_spoilt_data_is_refused_or_is_a_program_that_decides(small: Program) -> None:
    """Whatever is changed in the data, reading raises nothing else, and by what is read one can decide."""
    taken = 0
    for seed in range(1500):
        random = Random(seed)
        plain = through_json(write_program(small if seed % 3 == 0 else generate_program(seed % 97)))
        _spoil(plain, random)
        try:
            program = read_program(plain)
        except PlainProgramError:
            continue
        taken += 1
        evaluator = Evaluator(program, clock=lambda: NOW)
        for _ in range(3):
            request = generate_request(random)
            expected = reference.decide(program, request, clock=lambda: NOW)
            if "Raising" not in repr(request):
                assert evaluator.decide_carefully(request).outcome == expected.outcome
                assert evaluator.left_to_reference == 0
    assert 100 < taken < 1400
