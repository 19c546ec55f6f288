"""R15: values that are different things never share an answer that a fresh decision would not give both."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from durwan import Engine
from durwan.credentials.key_table import KeyTable
from durwan.model import types
from durwan.model.types import TIME_MAX
from durwan.model.values import read_value
from durwan.runtime.decision_store import CacheLimits
from tests.conformance.evaluators import NOW
from tests.security.policies import compiled

CORPUS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "corpora" / "cachekey_pairs.json").read_text(encoding="utf-8")
)

# Every type of attribute: how it is read; and, of an attribute `v.{0}`, a test that asks for its value itself and tests
# that ask only on which side of something it is.
TYPES: dict[str, tuple[types.Type, str, tuple[str, ...]]] = {
    "string": (types.String(), "v.{0} == w.text", ('v.{0} == "1"', 'v.{0} in {{ "a", "x", "alice", "foo" }}')),
    '"1" | "x" | ""': (types.String(("1", "x", "")), "v.{0} == w.text", ('v.{0} == "1"',)),
    "int": (types.Int(), "v.{0} == w.number", ("v.{0} >= 1", "v.{0} == -1")),
    "int 0..1": (types.Int(0, 1), "v.{0} == w.number", ("v.{0} >= 1",)),
    "decimal": (types.Number(), "v.{0} == w.exact", ("v.{0} >= 1", "v.{0} == 0", "v.{0} < -1.5")),
    "bool": (types.Bool(), "v.{0} == w.truth", ("v.{0}",)),
    "time": (types.Time(), "v.{0} == w.moment", ("v.{0} > 1970-01-01T00:00:00Z",)),
    "duration": (types.Duration(), "v.{0} == w.span", ("v.{0} >= 1ms",)),
    "ip": (types.Address(), "v.{0} == w.host", ("v.{0} in {{ 10.0.0.0/8 }}",)),
    "network": (types.Network(), "w.host in v.{0}", ()),
    "scope": (types.Scope(), "v.{0} == w.held", ("v.{0} == read",)),
    "set of string": (
        types.SetOf(types.String()), "v.{0} has w.text", ('v.{0} has "a"', 'v.{0} has any of {{"b", ""}}'),
    ),
    "set of scope": (types.SetOf(types.Scope()), "v.{0} has w.held", ("v.{0} has read",)),
    "set of int": (types.SetOf(types.Int()), "v.{0} has w.number", ("v.{0} has 1",)),
}  # fmt: skip

_WHOLE = """
context v {{ {attributes} }}
context w {{
  text : string  number : int  exact : decimal  truth : bool  moment : time  span : duration  host : ip  held : scope
}}
scopes {{ read }}
actions {{ itself sides is_known }}
"""
W: dict[str, Any] = {
    "text": "x", "number": 1, "exact": 1, "truth": True, "moment": 1, "span": 1, "host": "10.0.0.1", "held": "read",
}  # fmt: skip
ABSENT = object()


class Desk:
    """Engines for policies that read attributes of one type: themselves, by their sides, and whether they are known."""

    def __init__(self, kind: str, names: Iterable[str]) -> None:
        _, itself, sides = TYPES[kind]
        text = _WHOLE.format(attributes="  ".join(f"{name} : {kind}" for name in names))
        for name in names:
            # A rule for each answer that a test may have: whichever of them decides names itself.
            for action, tests in {"itself": [itself], "sides": sides, "is_known": ["v.{0} is known"]}.items():
                for number, test in enumerate(tests):
                    condition = test.format(name)
                    text += f"shadow allow {action}_{name}_{number} on {action} when {condition}\n"
                    text += f"shadow deny {action}_{name}_{number}_not on {action} when {condition}\n"
        text += "allow every on *\n"
        policy = compiled(text)
        self._keys = KeyTable()
        limits = CacheLimits(trial=0, recheck=TIME_MAX)
        self.cached = Engine(lambda: policy, keys=self._keys, clock=lambda: NOW, cache=limits)
        self.plain = Engine(lambda: policy, keys=self._keys, clock=lambda: NOW, cache=None)

    def forget(self) -> None:
        """Empties the cache."""
        self._keys.replace({})

    def check(self, values: Iterable[Mapping[str, Any]]) -> None:
        """One after the other, the cached answer is the fresh one."""
        for fields in values:
            for action in ("itself", "sides", "is_known"):
                request = {"action": action, "v": fields, "w": W}
                assert self.cached.decide(request).outcome == self.plain.decide(request).outcome, (action, fields)

    def fills(self) -> int:
        """How many decisions were not found in the cache."""
        info = self.cached.cache_info()
        assert info is not None
        assert info.differences == 0
        return info.fills


@cache
def desk(kind: str, names: tuple[str, ...]) -> Desk:
    """One for all tests that ask for it."""
    made = Desk(kind, names)
    # Each action is cached from its second request on.
    made.check([{}, {}])
    return made


def flat(given: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of one half of a pair, those of its context and those that stand beside it."""
    return {**given.get("ctx", {}), **{name: value for name, value in given.items() if name != "ctx"}}


@pytest.mark.parametrize("pair", CORPUS, ids=[each["ref"] for each in CORPUS])
@pytest.mark.parametrize("kind", TYPES)
def test_pairs_of_the_corpus_never_share_an_answer_wrongly(pair: dict[str, Any], kind: str) -> None:
    """Whatever type the attributes are declared to be of, and whichever of the two comes first."""
    one, other = flat(pair["a"]), flat(pair["b"])
    asked = desk(kind, tuple(sorted(one.keys() | other.keys())))
    for values in ((one, other, one, other), (other, one, other, one)):
        asked.forget()
        asked.check(values)


def keys_of(kind: str, names: tuple[str, ...], values: Iterable[Mapping[str, Any]]) -> list[Any]:
    """The keys of requests under the policy that reads the values themselves."""
    evaluator = desk(kind, names).cached._policy.evaluator  # pyright: ignore[reportPrivateUsage]  # noqa: SLF001 - no decision tells its key

    def tell_key(key: Any, _request: object, _now: int) -> Any:
        return key

    key_of = evaluator.cached("itself", tell_key, strict=False, by_id=True)
    return [key_of({"action": "itself", "v": fields, "w": W}, NOW) for fields in values]


@pytest.mark.parametrize("pair", CORPUS, ids=[each["ref"] for each in CORPUS])
@pytest.mark.parametrize("kind", TYPES)
def test_pairs_of_the_corpus_have_the_keys_that_they_should(pair: dict[str, Any], kind: str) -> None:
    """Halves that the language reads as different values have different keys; what is in another order has one key."""
    one, other = flat(pair["a"]), flat(pair["b"])
    names = tuple(sorted(one.keys() | other.keys()))
    declared = TYPES[kind][0]
    keys = keys_of(kind, names, (one, other))
    if read_as(declared, pair["a"], pair) != read_as(declared, pair["b"], pair):
        assert keys[0] != keys[1]
    if pair["expected"] == "same key":
        assert keys[0] == keys[1]


def test_every_different_pair_of_the_corpus_is_told_apart_by_some_type() -> None:
    """The test above says something of each pair, except where the language knows one value of both halves."""
    same = {
        pair["ref"]
        for pair in CORPUS
        if all(
            read_as(declared, pair["a"], pair) == read_as(declared, pair["b"], pair)
            for declared, _, _ in TYPES.values()
        )
    }
    # A list of lists is no value of any type; null is what is absent; and minus nought is nought.
    assert same == {
        "SpiceDB CVE-2026-46668", "SpiceDB nested empty", "null vs missing", "map order",
        "-0.0 vs 0.0: same key only if same decision",
    }  # fmt: skip


def read_as(declared: types.Type, half: Mapping[str, Any], pair: Mapping[str, Any]) -> list[Any]:
    """The attributes of one half of a pair, as values of a type."""
    fields = flat(half)
    return [read_value(declared, fields.get(name)) for name in sorted(flat(pair["a"]).keys() | flat(pair["b"]))]


# ---------------------------------------------------------------------------------------------------- six things

SIX: tuple[Any, ...] = (1, "1", True, 1.0, ABSENT, None)
# Which of them are one value as each type, and which are none. What is absent and null are unknown to every type.
ONE_VALUE: dict[str, tuple[Any, ...]] = {
    "string": ("1",), '"1" | "x" | ""': ("1",), "int": (1, "1", 1.0), "int 0..1": (1, "1", 1.0),
    "decimal": (1, "1", 1.0), "bool": (True,), "time": (1,), "duration": (1,), "ip": (), "network": (),
    "scope": ("1",), "set of string": (), "set of scope": (), "set of int": (),
}  # fmt: skip


def fields_of(value: object) -> dict[str, Any]:
    return {} if value is ABSENT else {"x": value}


def is_among(value: object, values: Iterable[object]) -> bool:
    """Whether just this is among them: to Python, 1 and True and 1.0 are equal."""
    return any(type(value) is type(each) and value == each for each in values)


@pytest.mark.parametrize("kind", TYPES)
def test_six_things_are_kept_apart_whichever_comes_first(kind: str) -> None:
    """1, "1", true, 1.0, nothing and null, in each of their 720 orders: every answer is the fresh one."""
    asked = desk(kind, ("x",))
    before = asked.fills()
    for order in permutations(SIX):
        asked.forget()
        asked.check([fields_of(value) for value in order])
    # Of 18 answers at least one was found each time: that of a second unknown, at the latest.
    assert asked.fills() - before < 720 * 18


@pytest.mark.parametrize("kind", TYPES)
def test_six_things_are_the_values_that_the_language_says(kind: str) -> None:
    """What the table above calls one value is one, and unlike what is unknown; only these may share an answer."""
    values = [read_value(TYPES[kind][0], None if value is ABSENT else value) for value in SIX]
    keys = keys_of(kind, ("x",), [fields_of(value) for value in SIX])
    for value, read, key in zip(SIX, values, keys, strict=True):
        assert (read is not None) is is_among(value, ONE_VALUE[kind])
        for other_read, other_key in zip(values, keys, strict=True):
            if read != other_read:
                assert key != other_key
    assert len({read for read in values if read is not None}) <= 1
